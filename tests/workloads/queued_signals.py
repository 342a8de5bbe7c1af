"""A child queues numbered real-time signals to its parent, which waits for them one by one: none may be lost, doubled or out of order. The
child, process 2, ends at SIGUSR1."""
import ctypes, itertools, os, signal, struct, sys, time

LAST = 0
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
RT = int(signal.SIGRTMIN)
signal.pthread_sigmask(signal.SIG_BLOCK, [RT])

parent = os.getpid()
child = os.fork()
if child == 0:
    enough = []
    signal.signal(signal.SIGUSR1, lambda *_: enough.append(True))

    def queue(value):
        while libc.sigqueue(parent, RT, ctypes.c_void_p(value)) != 0:
            assert ctypes.get_errno() in (0, 11), ctypes.get_errno()
            time.sleep(0.001)

    for i in itertools.count(1):
        if enough: break
        queue(i)
        if i % 20 == 0: time.sleep(0.01)
    queue(LAST)
    os._exit(0)

wanted = ctypes.create_string_buffer(struct.pack('Q', 1 << (RT - 1)), 8)
info = ctypes.create_string_buffer(128)
for i in itertools.count():
    result = libc.syscall(ctypes.c_long(128), wanted, info, None, ctypes.c_long(8))
    if result != RT:
        print(f'signal {i + 1}: result {result}, errno {ctypes.get_errno()}')
        sys.exit(1)
    value, sender = struct.unpack_from('Q', info.raw, 24)[0], struct.unpack_from('i', info.raw, 16)[0]
    if (value, sender) == (LAST, child): break
    if (value, sender) != (i + 1, child):
        print(f'signal {i + 1}: value {value} from {sender}')
        sys.exit(1)
    if i % 100 == 0: print(i)
print('done', os.waitpid(child, 0)[1])
