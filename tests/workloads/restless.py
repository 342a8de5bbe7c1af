"""
Families that change all the time: a parent that ends early, sometimes as a zombie for a while, sometimes below a subreaper; a child that
becomes an orphan, leads a session of its own, and finds its memory as it was.
"""
import ctypes, mmap, os, signal, time
from survivor import *

PAGES = 64
begin()


def family(zombie):
    """Grandparent (who collects the orphan), parent (who ends), child (who looks at its memory)."""
    grandparent = os.fork()
    if grandparent: return grandparent
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(36, 1 if zombie else 0)  # PR_SET_CHILD_SUBREAPER
    parent = os.fork()
    if parent == 0:
        if os.fork() == 0: child()
        time.sleep(0.01)
        os._exit(0)
    if not zombie:
        # The orphan is for pid 1 to collect.
        os.waitpid(parent, 0)
        os._exit(0)
    time.sleep(0.03)
    for _ in range(2): equal(0, os.wait()[1], 'how a process ended')
    os._exit(0)


def child():
    memory = mmap.mmap(-1, PAGES * 4096)
    wanted = [os.urandom(16) for _ in range(PAGES)]
    for page in range(PAGES): memory[page * 4096:page * 4096 + 16] = wanted[page]
    for step in range(30):
        if step == 15: os.setsid()
        for page in range(PAGES): equal(wanted[page], memory[page * 4096:page * 4096 + 16], f'page {page} of process {os.getpid()} (parent {os.getppid()}) in step {step}')
        time.sleep(0.002)
    os._exit(0)


born = 0
alive = set()
while running():
    while len(alive) < 4:
        alive.add(family(zombie=born % 2 == 0))
        born += 1
    pid, status = os.wait()
    equal(0, status, 'how a process ended')
    if pid in alive:
        alive.remove(pid)
        tick()
while True:
    try: equal(0, os.wait()[1], 'how a process ended')
    except ChildProcessError: break
end()
