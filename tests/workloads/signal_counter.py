"""Counts real-time signals, which queue: each one that was sent is one line."""
import os, signal

SIGNAL = 40
signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])
os.write(1, b'0\n')
count = 0
while True:
    signal.sigwaitinfo([SIGNAL])
    count += 1
    os.write(1, b'%d\n' % count)
