"""What the workloads share: numbered lines on stdout, a loud end when something is not as it must be, a quiet one at SIGUSR1."""
import os, signal, sys, threading, time, traceback

_lock = threading.Lock()
_line = 0
_stopped = threading.Event()


def begin():
    """SIGUSR1 ends the program; whatever goes wrong in a thread ends it too."""
    signal.signal(signal.SIGUSR1, lambda *_: _stopped.set())
    threading.excepthook = lambda args: fail(''.join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)))


def running():
    return not _stopped.is_set()


def tick(text=''):
    """One line: its number, and a text. A line that is lost, doubled or torn shows in the numbers."""
    global _line
    with _lock:
        _line += 1
        data = f'{_line} {text}\n'.encode()
        written = os.write(1, data)
        check(written == len(data), f'a write of {len(data)} bytes wrote {written}')


def fail(what):
    os.write(2, f'BROKEN: {what}\n'.encode())
    os._exit(1)


def check(holds, what):
    if not holds:
        fail(what)


def equal(wanted, found, what):
    check(wanted == found, f'{what}: {found!r} instead of {wanted!r}')


def rest(seconds=0.01):
    """A sleep that must last as long as was asked."""
    start = time.monotonic()
    time.sleep(seconds)
    check(time.monotonic() - start >= seconds, f'a sleep of {seconds} s ended after {time.monotonic() - start} s')


def end():
    tick('end')
    os._exit(0)
