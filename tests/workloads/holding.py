"""Holds a deleted file, flock and fcntl locks that a child tries in vain, an inotify watch, and an epoll of pipe, eventfd and inotify."""
import ctypes, errno, fcntl, itertools, os, select, struct, time
from survivor import *

begin()
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs('/tmp/held', exist_ok=True)

deleted = os.open('/tmp/held/deleted', os.O_RDWR | os.O_CREAT)
deleted_reader = os.open('/tmp/held/deleted', os.O_RDONLY)
os.unlink('/tmp/held/deleted')
deleted_size = 0

locked = os.open('/tmp/held/locked', os.O_RDWR | os.O_CREAT)
fcntl.flock(locked, fcntl.LOCK_EX)
ranges = os.open('/tmp/held/ranges', os.O_RDWR | os.O_CREAT)
fcntl.lockf(ranges, fcntl.LOCK_EX, 10, 100)

ask, told = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.close(ask[1]), os.close(told[0])
    os.close(locked), os.close(ranges), os.close(deleted), os.close(deleted_reader)
    while os.read(ask[0], 1):
        answer = b''
        for path, take in ('locked', lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)), ('ranges', lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 105)), \
                ('ranges', lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 110)):
            file = os.open('/tmp/held/' + path, os.O_RDWR)
            try:
                take(file)
                answer += b'+'
            except OSError as e:
                answer += b'-' if e.errno in (errno.EAGAIN, errno.EACCES) else b'?'
            os.close(file)
        os.write(told[1], answer)
    os._exit(0)
os.close(ask[0]), os.close(told[1])

watch = libc.inotify_init1(os.O_NONBLOCK)
descriptor = libc.inotify_add_watch(watch, b'/tmp/held', 0x100 | 0x200)  # IN_CREATE | IN_DELETE
pipe = os.pipe()
event = os.eventfd(0, os.EFD_NONBLOCK)
epoll = select.epoll()
epoll.register(watch, select.EPOLLIN)
epoll.register(pipe[0], select.EPOLLIN)
epoll.register(event, select.EPOLLIN | select.EPOLLET)
epoll.register(told[0], select.EPOLLIN)


def ready(*wanted):
    """What the epoll says is ready, once it says so of what must come."""
    start = time.monotonic()
    while True:
        found = {fd for fd, _ in epoll.poll(0.05)} | edges
        edges.update(found & {event})
        if found.issuperset(wanted): return found
        check(time.monotonic() - start < 30, f'the epoll says that {found} is ready, and {set(wanted)} is not')


edges = set()


for i in itertools.count():
    if not running(): break
    line = b'%d\n' % i
    os.write(deleted, line)
    deleted_size += len(line)
    equal(line, os.read(deleted_reader, 100), 'the deleted file')
    equal((deleted_size, 0), (os.fstat(deleted).st_size, os.fstat(deleted).st_nlink), 'size and links of the deleted file')

    os.write(pipe[1], line)
    os.eventfd_write(event, i + 1)
    rest(0.005)
    edges.clear()
    equal({pipe[0], event}, ready(pipe[0], event), 'what the epoll says is ready')
    # Events that were not read yet make a freeze wait: they are there for a moment only.
    os.close(os.open('/tmp/held/new', os.O_CREAT | os.O_WRONLY))
    os.unlink('/tmp/held/new')
    check(watch in ready(watch), 'the epoll does not see the inotify events')
    masks, data = [], os.read(watch, 4096)
    while data:
        wd, mask, _, length = struct.unpack_from('iIII', data)
        equal((descriptor, b'new'), (wd, data[16:16 + length].rstrip(b'\0')), 'an inotify event')
        masks.append(mask)
        data = data[16 + length:]
    equal([0x100, 0x200], masks, 'inotify events')
    equal(line, os.read(pipe[0], 100), 'the pipe')
    equal(i + 1, os.eventfd_read(event), 'the eventfd')

    os.write(ask[1], b'?')
    edges.clear()
    equal({told[0]}, ready(told[0]) - {event}, 'what the epoll says is ready after a question')
    equal(b'--+', os.read(told[0], 10), 'locks that another process gets')
    tick()
os.close(ask[1])
os.waitpid(child, 0)
end()
