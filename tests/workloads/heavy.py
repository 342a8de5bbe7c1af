"""heavy.py MIB PAGES: so much memory, of which so many pages change in every step; numbered lines."""
import mmap, os, random, sys, time

size, pages = int(sys.argv[1]) << 20, int(sys.argv[2])
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
block = random.Random(1).randbytes(1 << 20)
for offset in range(0, size, len(block)): memory[offset:offset + len(block)] = block
step = place = 0
while True:
    step += 1
    for _ in range(pages):
        place = (place + mmap.PAGESIZE) % size
        memory[place:place + 8] = step.to_bytes(8, 'little')
    os.write(1, b'%d\n' % step)
    time.sleep(0.005)
