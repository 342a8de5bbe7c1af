"""Touches so many MiB with bytes that do not compress, says so, and then waits."""
import mmap, os, signal, sys

size = int(sys.argv[1]) << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for offset in range(0, size, 1 << 20):
    memory[offset:offset + (1 << 20)] = os.urandom(1 << 20)
print('filled', flush=True)
signal.pause()
