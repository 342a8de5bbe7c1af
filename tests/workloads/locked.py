"""locked.py DIRECTORY: holds a flock and an fcntl lock on files there; each step a child tries to take them, in vain."""
import fcntl, os, sys
from survivor import *

begin()
paths = [f'{sys.argv[1]}/{name}' for name in ('flock', 'posix')]
files = [os.open(path, os.O_RDWR | os.O_CREAT) for path in paths]
fcntl.flock(files[0], fcntl.LOCK_EX)
fcntl.lockf(files[1], fcntl.LOCK_EX, 10, 100)


def is_free(path, take):
    with open(path, 'r+b') as file:
        try:
            take(file)
            return True
        except OSError:
            return False


while running():
    child = os.fork()
    if child == 0:
        os.closerange(3, 1000)
        free = [is_free(paths[0], lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)),
                is_free(paths[1], lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 105)),
                not is_free(paths[1], lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 110))]
        os._exit(sum(bit << i for i, bit in enumerate(free)))
    equal(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 'locks that somebody else can take (1: flock, 2: fcntl, 4: more than was locked)')
    tick()
    rest(0.005)
