"""Threads in every kind of waiting call, each for SECONDS; prints "name result errno seconds" for each, then "done"."""
import ctypes, os, select, signal, struct, sys, threading, time

SECONDS = float(sys.argv[1])
MS = int(SECONDS * 1000)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
kept = []


def mem(data):
    kept.append(ctypes.create_string_buffer(data, len(data)))
    return ctypes.addressof(kept[-1])


def ts(seconds):
    return mem(struct.pack('qq', int(seconds), int(round(seconds % 1 * 1e9))))


def epoll():
    e = select.epoll()
    e.register(os.pipe()[0], select.EPOLLIN)
    kept.append(e)
    return e.fileno()


def pollfd():
    return mem(struct.pack('ihh', os.pipe()[0], 1, 0))


usr1 = mem(struct.pack('Q', 1 << 9))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
calls = dict(
    nanosleep=(35, ts(SECONDS), 0),
    nanosleep_rest=(35, ts(SECONDS), ts(0)),
    clock_nanosleep=(230, 1, 0, ts(SECONDS), 0),
    poll=(7, pollfd(), 1, MS),
    ppoll=(271, pollfd(), 1, ts(SECONDS), 0, 8),
    select=(23, 0, 0, 0, 0, mem(struct.pack('qq', int(SECONDS), int(SECONDS % 1 * 1e6)))),
    pselect6=(270, 0, 0, 0, 0, ts(SECONDS), 0),
    futex=(202, mem(bytes(4)), 128, 0, ts(SECONDS), 0, 0),
    epoll_wait=(232, epoll(), mem(bytes(64)), 4, MS),
    epoll_pwait=(281, epoll(), mem(bytes(64)), 4, MS, 0, 8),
    epoll_pwait2=(441, epoll(), mem(bytes(64)), 4, ts(SECONDS), 0, 8),
    rt_sigtimedwait=(128, usr1, 0, ts(SECONDS), 8),
)


def sleeper(name, args):
    begin = time.monotonic()
    result = libc.syscall(*[ctypes.c_long(a) for a in args])
    errno = ctypes.get_errno() if result < 0 else 0
    os.write(1, f'{name} {result} {errno} {time.monotonic() - begin:.4f}\n'.encode())


threads = [threading.Thread(target=sleeper, args=item) for item in calls.items()]
print('ready')
for t in threads: t.start()
for t in threads: t.join()
print('done')
