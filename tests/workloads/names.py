"""Threads with names and signal masks of their own, which each of them asks for again and again."""
import ctypes, os, signal, threading, time
from survivor import *

begin()
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NAME, PR_GET_NAME = 15, 16
SIGNALS = [signal.SIGHUP, signal.SIGUSR2, signal.SIGTERM, signal.SIGRTMIN + 3]
received = [0] * 6
for s in SIGNALS: signal.signal(s, lambda *_: None)


def name():
    text = ctypes.create_string_buffer(16)
    libc.prctl(PR_GET_NAME, text)
    return text.value.decode()


def thread(number):
    libc.prctl(PR_SET_NAME, f'worker {number}'.encode())
    mask = {s for i, s in enumerate(SIGNALS) if number >> i & 1}
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    tid, ident = threading.get_native_id(), threading.get_ident()
    start = time.thread_time()
    while running():
        equal(f'worker {number}', name(), 'name of a thread')
        equal(mask, signal.pthread_sigmask(signal.SIG_BLOCK, []), 'mask of a thread')
        equal(tid, libc.gettid(), 'tid')
        equal(ident, threading.get_ident(), 'thread pointer')
        rest(0.01)
        tick(number)


threads = [threading.Thread(target=thread, args=(number,)) for number in range(16)]
for t in threads: t.start()
for t in threads: t.join()
end()
