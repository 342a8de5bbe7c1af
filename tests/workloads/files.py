"""Holds one of each kind of open file, waits for /go, and then tells whether each is what it was.

Prints "ready" when all is set up, then one line for each kind, "ok KIND" or "bad KIND: reason", and "end".
"""
import ctypes, fcntl, mmap, os, select, signal, struct, tempfile, time

libc = ctypes.CDLL(None, use_errno=True)
checks = []


def check(kind):
    def add(function):
        checks.append((kind, function))
        return function
    return add


def info(fd, key):
    for line in open(f"/proc/self/fdinfo/{fd}"):
        if line.startswith(key):
            return line.split(":", 1)[1].strip()


os.makedirs("/srv/files", exist_ok=True)
os.chdir("/srv/files")

regular = os.open("regular", os.O_RDWR | os.O_CREAT | os.O_APPEND)
os.write(regular, b"0123456789")
os.lseek(regular, 4, 0)
fcntl.flock(regular, fcntl.LOCK_EX)
posix = os.open("posix", os.O_RDWR | os.O_CREAT)
fcntl.lockf(posix, fcntl.LOCK_EX, 10, 5)


@check("regular")
def _():
    assert os.read(regular, 2) == b"45"
    os.write(regular, b"+")
    assert os.pread(regular, 20, 0) == b"0123456789+"
    os.ftruncate(regular, 10)
    os.lseek(regular, 4, 0)


@check("locks")
def _():
    other = os.open("regular", os.O_RDWR)
    try:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        raise AssertionError("the flock is gone")
    except BlockingIOError:
        pass
    finally:
        os.close(other)
    lines = open(f"/proc/self/fdinfo/{posix}").read()
    assert "POSIX" in lines and " 5 14" in lines, lines


library = os.open("/etc/hostname" if os.path.exists("/etc/hostname") else "/etc/passwd", os.O_RDONLY)
lower = os.pread(library, 1000, 0)


@check("lower")
def _():
    assert os.pread(library, 1000, 0) == lower


deleted = os.open("deleted", os.O_RDWR | os.O_CREAT, 0o640)
os.write(deleted, b"no name")
os.pwrite(deleted, b"end", 1 << 22)
os.unlink("deleted")


@check("deleted")
def _():
    assert os.fstat(deleted).st_nlink == 0 and os.pread(deleted, 7, 0) == b"no name" and os.pread(deleted, 9, 1 << 22) == b"end"
    assert os.readlink(f"/proc/self/fd/{deleted}") == "/srv/files/deleted (deleted)", os.readlink(f"/proc/self/fd/{deleted}")
    assert "deleted" not in os.listdir(".")


temporary = tempfile.TemporaryFile()
temporary.write(b"never had a name")
temporary.flush()


@check("temporary")
def _():
    assert os.pread(temporary.fileno(), 100, 0) == b"never had a name"


mapped_fd = os.open("mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(mapped_fd, 8192)
mapped = mmap.mmap(mapped_fd, 8192)
mapped[0:4] = b"0000"
rounds = 0


@check("mapped")
def _():
    assert mapped[0:4] == b"%04d" % rounds and os.pread(mapped_fd, 4, 0) == b"%04d" % rounds, mapped[0:4]


memfd = os.memfd_create("shared", os.MFD_ALLOW_SEALING)
os.ftruncate(memfd, 4096)
memory = mmap.mmap(memfd, 4096)
memory[0:5] = b"hello"
fcntl.fcntl(memfd, 1033, 2)
sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
os.write(sealed, b"for ever")
fcntl.fcntl(sealed, 1033, 8 | 4 | 2 | 1)


@check("memfd")
def _():
    assert memory[0:5] == b"hello" and os.pread(memfd, 5, 0) == b"hello"
    memory[0:5] = b"HELLO"
    assert os.pread(memfd, 5, 0) == b"HELLO", "the mapping and the descriptor are two files now"
    memory[0:5] = b"hello"
    assert fcntl.fcntl(memfd, 1034) == 2 and fcntl.fcntl(sealed, 1034) == 15
    assert os.pread(sealed, 20, 0) == b"for ever"


directory = os.open("/srv", os.O_RDONLY | os.O_DIRECTORY)
path = os.open("/srv/files", os.O_PATH)
null = os.open("/dev/null", os.O_RDWR)
zero = os.open("/dev/zero", os.O_RDONLY)
proc = os.open("/proc/self/stat", os.O_RDONLY)
namespace = os.open("/proc/self/ns/net", os.O_RDONLY)


@check("directory")
def _():
    assert "files" in os.listdir(directory) and os.path.samestat(os.fstat(path), os.stat("/srv/files"))


@check("device")
def _():
    assert os.write(null, b"x") == 1 and os.read(zero, 2) == b"\0\0"


@check("proc")
def _():
    assert os.pread(proc, 100, 0).split()[0] == b"%d" % os.getpid()
    assert os.path.samestat(os.fstat(namespace), os.stat("/proc/self/ns/net"))


r, w = os.pipe()
os.write(w, b"unread")
fcntl.fcntl(w, 1031, 1 << 17)
os.set_blocking(r, False)
ended, gone = os.pipe()
os.write(gone, b"last")
os.close(gone)
os.set_blocking(ended, False)


@check("pipe")
def _():
    assert os.read(r, 100) == b"unread" and fcntl.fcntl(r, 1032) == 1 << 17
    os.write(w, b"unread")
    assert os.read(ended, 10) == b"last" if rounds == 1 else os.read(ended, 10) == b""


os.mkfifo("fifo")
fr = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
fw = os.open("fifo", os.O_WRONLY)
os.write(fw, b"fifo")


@check("fifo")
def _():
    assert os.read(fr, 100) == b"fifo"
    os.write(fw, b"fifo")


event = os.eventfd(7, os.EFD_NONBLOCK)


@check("eventfd")
def _():
    assert os.eventfd_read(event) == 7
    os.eventfd_write(event, 7)


class Spec(ctypes.Structure):
    _fields_ = [("interval_s", ctypes.c_long), ("interval_ns", ctypes.c_long), ("value_s", ctypes.c_long), ("value_ns", ctypes.c_long)]


timer = libc.timerfd_create(1, os.O_NONBLOCK)
libc.timerfd_settime(timer, 0, ctypes.byref(Spec(50, 0, 1000, 0)), None)


@check("timerfd")
def _():
    spec = Spec()
    libc.timerfd_gettime(timer, ctypes.byref(spec))
    assert spec.interval_s == 50 and 900 < spec.value_s < 1000, (spec.interval_s, spec.value_s)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signalfd = libc.signalfd(-1, ctypes.byref(ctypes.c_ulong(1 << (signal.SIGUSR1 - 1))), os.O_NONBLOCK)


@check("signalfd")
def _():
    os.kill(os.getpid(), signal.SIGUSR1)
    assert struct.unpack_from("I", os.read(signalfd, 128))[0] == signal.SIGUSR1


inotify = libc.inotify_init1(os.O_NONBLOCK)
first = libc.inotify_add_watch(inotify, b"/tmp", 0x100)
watch = libc.inotify_add_watch(inotify, b"/srv", 0x100 | 0x200)
libc.inotify_rm_watch(inotify, first)
os.read(inotify, 4096)
lowerwatch = libc.inotify_add_watch(inotify, b"/usr/bin", 0x100)


@check("inotify")
def _():
    os.close(os.open(f"/srv/new{rounds}", os.O_CREAT | os.O_WRONLY))
    seen = os.read(inotify, 4096)
    number, mask, _cookie, length = struct.unpack_from("iIII", seen)
    assert (number, mask) == (watch, 0x100) and seen[16:].startswith(b"new%d" % rounds), (number, mask, seen)
    lines = [line for line in open(f"/proc/self/fdinfo/{inotify}") if line.startswith("inotify")]
    assert len(lines) == 2, lines


child_r, child_w = os.pipe()
child = os.fork()
if child == 0:
    os.close(child_w)
    os.read(child_r, 1)
    os._exit(0)
pidfd = os.pidfd_open(child)


@check("pidfd")
def _():
    signal.pidfd_send_signal(pidfd, 0)
    assert int(info(pidfd, "Pid")) == child, (info(pidfd, "Pid"), child)
    assert not select.select([pidfd], [], [], 0)[0]


epoll = select.epoll()
for fd in (r, fr, event, timer, signalfd, inotify, pidfd):
    epoll.register(fd, select.EPOLLIN)
epoll.register(w, select.EPOLLOUT | select.EPOLLET)
oneshot = os.eventfd(1)
epoll.register(oneshot, select.EPOLLIN | select.EPOLLONESHOT)
epoll.poll(0)


@check("epoll")
def _():
    ready = {fd for fd, _events in epoll.poll(0)}
    assert {r, fr, event} <= ready and oneshot not in ready and timer not in ready, ready
    epoll.modify(oneshot, select.EPOLLIN | select.EPOLLONESHOT)
    assert oneshot in {fd for fd, _events in epoll.poll(0)}


print("ready", flush=True)
while True:
    rounds += 1
    mapped[0:4] = b"%04d" % rounds
    while not os.path.exists(f"/srv/files/go{rounds}"):
        time.sleep(0.002)
    for kind, function in checks:
        try:
            function()
            print(f"ok {kind}", flush=True)
        except BaseException as e:
            print(f"bad {kind}: {type(e).__name__} {e}", flush=True)
    print(f"end {rounds}", flush=True)
