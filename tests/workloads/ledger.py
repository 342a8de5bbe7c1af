"""
ledger.py MIB THREADS [RATE]: each thread writes its share of the memory from end to end and again, as fast as it can (or RATE MiB a
second), and knows of every page what must stand in it: a page of another moment shows.
"""
import mmap, struct, sys, threading, time
from survivor import *

PAGE, RUN = mmap.PAGESIZE, 64
begin()


class Ledger:
    def __init__(self, pages):
        self.pages = pages // RUN * RUN
        self.memory = mmap.mmap(-1, self.pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.written = 0
        while self.written < self.pages: self.write()

    def write(self):
        """The next pages; each is full of the number of its writing."""
        offset = self.written % self.pages * PAGE
        self.memory[offset:offset + RUN * PAGE] = b''.join(struct.pack('Q', self.written + i) * (PAGE // 8) for i in range(RUN))
        self.written += RUN

    def verify(self):
        for page in range(self.pages):
            wanted = self.written - self.pages + (page - self.written) % self.pages
            check(self.memory[page * PAGE:(page + 1) * PAGE] == struct.pack('Q', wanted) * (PAGE // 8),
                  f'page {page} is of writing {struct.unpack_from("Q", self.memory, page * PAGE)[0]} instead of {wanted}')


def keep(ledger, rate):
    while running():
        start = time.monotonic()
        for _ in range(16): ledger.write()
        tick()
        if rate: time.sleep(max(0, 16 * RUN * PAGE / (rate << 20) - (time.monotonic() - start)))
        if ledger.written % (ledger.pages * 4) < 16 * RUN: ledger.verify()


mebibytes, count = int(sys.argv[1]), int(sys.argv[2])
ledgers = [Ledger((mebibytes << 20) // PAGE // count) for _ in range(count)]
threads = [threading.Thread(target=keep, args=(ledger, int(sys.argv[3]) if len(sys.argv) > 3 else 0)) for ledger in ledgers]
for thread in threads: thread.start()
for thread in threads: thread.join()
for ledger in ledgers: ledger.verify()
end()
