"""diary.py FILE MIB PAGES: so much memory, of which so many pages change in every step. Each step is a line in FILE, which all hosts
share: its number, when it was (CLOCK_MONOTONIC, ms), and the pid namespace, by which copies can be told apart. Its number is printed, too."""
import mmap, os, sys, time

size, pages = int(sys.argv[2]) << 20, int(sys.argv[3])
diary = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
block = os.urandom(1 << 20)
for offset in range(0, size, len(block)): memory[offset:offset + len(block)] = block
step = place = 0
while True:
    step += 1
    for _ in range(pages):
        place = (place + mmap.PAGESIZE) % size
        memory[place:place + 8] = step.to_bytes(8, 'little')
    os.write(diary, b'%d %d %d\n' % (step, time.monotonic_ns() // 1_000_000, os.stat('/proc/self/ns/pid').st_ino))
    os.write(1, b'%d\n' % step)
    time.sleep(0.01)
