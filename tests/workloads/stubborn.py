"""Holds something that is not carried, named by its argument, until SIGUSR2; counts all the time."""
import ctypes, os, signal, socket, struct, sys, threading, time
from survivor import *

begin()
libc = ctypes.CDLL(None, use_errno=True)
kind = sys.argv[1]
let_go = False


def on_usr2(*_):
    global let_go
    let_go = True


signal.signal(signal.SIGUSR2, on_usr2)


def call(*args):
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    check(result >= 0, f'{kind}: {os.strerror(ctypes.get_errno())}')
    return result


def child(work):
    pid = os.fork()
    if pid == 0:
        work()
        os.write(pipe[1], b'.')
        while True: time.sleep(100)
    os.read(pipe[0], 1)
    return lambda: (os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0))


def userfaultfd():
    fd = call(323, 1)
    return lambda: os.close(fd)


def io_uring():
    fd = call(425, 4, ctypes.create_string_buffer(120))
    return lambda: os.close(fd)


def shared_sysv():
    shm = call(29, 0, 4096, 0o1600)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(shm, None, 0)
    return lambda: (libc.shmdt(ctypes.c_void_p(address)), call(31, shm, 0, 0))


def semaphore():
    sem = call(64, 0, 1, 0o1600)
    return lambda: call(66, sem, 0, 0)


def message_queue():
    fd = call(240, ctypes.c_char_p(b'queue'), os.O_CREAT | os.O_RDWR, 0o600, 0)
    os.close(fd)
    return lambda: call(241, ctypes.c_char_p(b'queue'))


def namespace():
    return child(lambda: call(272, 0x14000000))  # unshare(CLONE_NEWUSER | CLONE_NEWUTS)


def chroot():
    return child(lambda: os.chroot('/tmp'))


def unread_events():
    os.makedirs('/tmp/watched', exist_ok=True)
    fd = libc.inotify_init1(os.O_NONBLOCK)
    check(libc.inotify_add_watch(fd, b'/tmp/watched', 0x100) > 0, kind)
    os.close(os.open('/tmp/watched/new', os.O_CREAT | os.O_WRONLY))
    return lambda: os.read(fd, 4096)


def unaccepted():
    listener = socket.create_server(('127.0.0.1', 5555))
    client = socket.create_connection(('127.0.0.1', 5555))
    return lambda: (listener.accept()[0].close(), client.close())


def traced():
    def trace():
        grandchild = os.fork()
        if grandchild == 0:
            libc.prctl(1, signal.SIGKILL)
            while True: time.sleep(100)
        call(101, 0x4206, grandchild, 0, 0)  # PTRACE_SEIZE
    return child(trace)


def deny_kcmp():
    # ld nr; jeq kcmp: EPERM; else: allowed. Whoever asks inside it must not take that for an answer.
    program = b''.join(struct.pack('<HBBI', *i) for i in [(0x20, 0, 0, 0), (0x15, 0, 1, 312), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)])
    instructions = ctypes.create_string_buffer(program, len(program))
    call(157, 22, 2, ctypes.create_string_buffer(struct.pack('<HxxxxxxQ', 4, ctypes.addressof(instructions)), 16))


def restrict():
    rules = call(444, ctypes.create_string_buffer(struct.pack('<Q', 1 << 10), 8), 8, 0)
    call(446, rules, 0)
    os.close(rules)


def confined(also):
    def work():
        os.setgroups([])
        os.setgid(1234)
        os.setuid(1234)
        call(157, 38, 1, 0, 0, 0)
        deny_kcmp()
        also()
    return child(work)


def landlock():
    confined(lambda: None)  # Goes along in the move.
    return confined(restrict)


def landlock_thread():
    call(157, 38, 1, 0, 0, 0)
    go, there = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (restrict(), there.set(), go.wait()))
    thread.start()
    there.wait()
    return lambda: (go.set(), thread.join())


pipe = os.pipe()
release = globals()[kind]()
while running():
    if let_go and release:
        release()
        release = None
        tick('free')
    tick()
    time.sleep(0.005)
end()
