"""Counts signals of an interval timer in pause() and prints every tenth count, until SIGUSR1; a wake-up that is lost ends the counting."""
import itertools, signal, sys

count = 0
enough = False


def tick(*_):
    global count
    count += 1


def stop(*_):
    global enough
    enough = True


signal.signal(signal.SIGALRM, tick)
signal.signal(signal.SIGUSR1, stop)
signal.siginterrupt(signal.SIGALRM, True)
# One shot at a time: nothing comes to the rescue of a lost one.
for i in itertools.count():
    if enough: break
    signal.setitimer(signal.ITIMER_REAL, 0.005)
    before = count
    while count == before:
        signal.pause()
    if count != before + 1:
        print(f'{count - before} signals for one timer')
        sys.exit(1)
    if i % 10 == 0: print(i)
print('done')
