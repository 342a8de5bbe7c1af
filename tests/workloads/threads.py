"""Threads that hand a token round with condition variables, SIGALRM ticks, and a child that answers over pipes."""
import itertools, os, signal, threading, time
from survivor import *

begin()
alarms = 0


def on_alarm(*_):
    global alarms
    alarms += 1


signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)

# The child doubles numbers.
down, up = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.close(down[1]), os.close(up[0])
    signal.setitimer(signal.ITIMER_REAL, 0)
    with os.fdopen(down[0]) as questions, os.fdopen(up[1], 'w') as answers:
        for question in questions:
            answers.write(f'{int(question) * 2}\n')
            answers.flush()
    os._exit(7)
os.close(down[0]), os.close(up[1])
questions, answers = os.fdopen(down[1], 'w'), os.fdopen(up[0])

THREADS = 4
turn = threading.Condition()
token = 0
laps = [0] * THREADS


def runner(number):
    global token
    while True:
        with turn:
            while token % THREADS != number:
                check(turn.wait(30), 'a condition variable was not signalled for 30 s')
            laps[number] += 1
            token += 1
            turn.notify_all()
        time.sleep(0.0005)


for number in range(THREADS):
    threading.Thread(target=runner, args=(number,), daemon=True).start()

last_alarms = 0
for i in itertools.count():
    if not running():
        break
    questions.write(f'{i}\n')
    questions.flush()
    equal(str(i * 2), answers.readline().strip(), "the child's answer")
    rest(0.01)
    with turn:
        check(max(laps) - min(laps) <= 1, f'the token skipped somebody: {laps}')
        equal(token, sum(laps), 'laps')
    tick(f'token {token} alarms {alarms}')

before, start = alarms, time.monotonic()
while alarms < before + 3:
    check(time.monotonic() - start < 10, 'the interval timer does not tick any more')
    time.sleep(0.01)
questions.close()
equal(7, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "the child's exit code")
end()
