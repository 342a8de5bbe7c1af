"""Zombies, orphans that went to pid 1 or to a subreaper, sessions that their parents have left or never had, and process groups whose leader has ended."""
import ctypes, os, signal, time
from survivor import *

begin()
signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def report(pipe, *pids):
    os.write(pipe[1], (' '.join(map(str, pids)) + '\n').encode())


def wait_until(condition, what):
    start = time.monotonic()
    while not condition():
        check(time.monotonic() - start < 20, f'waited for {what}')
        time.sleep(0.01)


def identity(pid):
    with open(f'/proc/{pid}/stat') as f: fields = f.read().rsplit(')', 1)[1].split()
    return dict(state='Z' if fields[0] == 'Z' else 'alive', parent=int(fields[1]), group=int(fields[2]), session=int(fields[3]))


def sleeper():
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    while True: time.sleep(1000)


expected = {}
pipe = os.pipe()
reader = os.fdopen(pipe[0])


def made():
    return [int(word) for word in reader.readline().split()]


# A zombie that exited, and one that was killed.
exited = os.fork()
if exited == 0: os._exit(42)
killed = os.fork()
if killed == 0: sleeper()
os.kill(killed, signal.SIGTERM)

# An orphan: its parent leaves a session behind, and the orphan a child.
leader = os.fork()
if leader == 0:
    os.setsid()
    middle = os.fork()
    if middle == 0:
        orphan = os.fork()
        if orphan == 0:
            grandchild = os.fork()
            if grandchild == 0: sleeper()
            report(pipe, os.getpid(), grandchild)
            sleeper()
        os._exit(0)
    os.waitpid(middle, 0)
    sleeper()
orphan, grandchild = made()



def daemons():
    """Double fork with setsid, twice, whose session leader has ended."""
    first = os.fork()
    if first == 0:
        os.setsid()
        for _ in range(2):
            if os.fork() == 0:
                report(pipe, os.getpid(), os.getsid(0))
                sleeper()
        os._exit(0)
    os.waitpid(first, 0)


daemons()
(daemon, daemon_session), (other_daemon, _) = made(), made()

# Two children, from before their parent's setsid and from after it; the first one has such a child itself.
left = os.fork()
if left == 0:
    if os.fork() == 0:
        if os.fork() == 0:
            report(pipe, os.getpid(), os.getppid())
            sleeper()
        time.sleep(0.1)
        os.setsid()
        sleeper()
    time.sleep(0.1)
    os.setsid()
    if os.fork() == 0:
        report(pipe, os.getpid())
        sleeper()
    sleeper()
# In any order.
pair, single = sorted((made(), made()), key=len, reverse=True)
early_grandchild, early = pair
late, = single
wait_until(lambda: identity(early)['session'] == early, 'setsid of the early child')

# A subreaper with daemons, and with an orphan of a session that still has its leader.
reaper = os.fork()
if reaper == 0:
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    daemons()
    if os.fork() == 0:
        os.setsid()
        middle = os.fork()
        if middle == 0:
            if os.fork() == 0:
                report(pipe, os.getpid(), os.getsid(0))
                sleeper()
            os._exit(0)
        os.waitpid(middle, 0)
        sleeper()
    sleeper()
reaped = [made() for _ in range(3)]
for pid, _ in reaped: wait_until(lambda: identity(pid)['parent'] == reaper, 'an orphan of the subreaper')

# A pipeline of two in a group of their own, whose leader has ended and was reaped.
head = os.fork()
if head == 0:
    os.setpgid(0, 0)
    time.sleep(1000)
tail = []
for _ in range(2):
    wait_until(lambda: identity(head)['group'] == head, 'the group')
    member = os.fork()
    if member == 0:
        os.setpgid(0, head)
        sleeper()
    tail.append(member)
for member in tail: wait_until(lambda: identity(member)['group'] == head, 'the group of a member')
os.kill(head, signal.SIGKILL)
os.waitpid(head, 0)

# A pipeline whose leader is a zombie.
zombie_head = os.fork()
if zombie_head == 0:
    os.setpgid(0, 0)
    time.sleep(1000)
wait_until(lambda: identity(zombie_head)['group'] == zombie_head, 'the zombie leader of a group')
zombie_tail = os.fork()
if zombie_tail == 0:
    os.setpgid(0, zombie_head)
    sleeper()
wait_until(lambda: identity(zombie_tail)['group'] == zombie_head, 'the group of a zombie')
os.kill(zombie_head, signal.SIGKILL)

# A stopped process.
stopped = os.fork()
if stopped == 0: sleeper()
os.kill(stopped, signal.SIGSTOP)

everybody = [exited, killed, leader, orphan, grandchild, daemon, other_daemon, left, early, early_grandchild, late, reaper, *(pid for pid, _ in reaped),
             *tail, zombie_head, zombie_tail, stopped]
for zombie in exited, killed, zombie_head: wait_until(lambda: identity(zombie)['state'] == 'Z', 'a zombie')
expected = {pid: identity(pid) for pid in everybody}
equal(1, expected[orphan]['parent'], 'parent of the orphan')
equal(daemon_session, expected[daemon]['session'], 'session of the daemon')
equal(os.getsid(0), expected[early_grandchild]['session'], 'session of the early grandchild')
equal((left, left), (expected[late]['parent'], expected[late]['session']), 'parent and session of the late child')
equal([session for _, session in reaped], [expected[pid]['session'] for pid, _ in reaped], 'sessions below the subreaper')
while running():
    for pid in everybody: equal(expected[pid], identity(pid), f'process {pid}')
    tick(len(everybody))
    rest(0.02)

equal(42, os.waitstatus_to_exitcode(os.waitpid(exited, 0)[1]), 'exit code of a zombie')
equal(-signal.SIGTERM, os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]), 'signal of a zombie')
os.killpg(head, signal.SIGTERM)
for member in tail: equal(-signal.SIGTERM, os.waitstatus_to_exitcode(os.waitpid(member, 0)[1]), 'signal to the group of the dead')
os.kill(stopped, signal.SIGCONT)
os.kill(stopped, signal.SIGTERM)
equal(-signal.SIGTERM, os.waitstatus_to_exitcode(os.waitpid(stopped, 0)[1]), 'the stopped one')
end()
