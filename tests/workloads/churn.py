"""Memory that changes all the time: mappings come, go, lose pages (with "resize" also grow and shrink); children check copies of all of it as it was when they were born."""
import mmap, os, random, struct, sys, time
from survivor import *

begin()
PAGE = mmap.PAGESIZE
dice = random.Random(7)
regions = []
children = {}


def content(tag):
    return struct.pack('Q', tag) * (PAGE // 8)


class Region:
    def __init__(self):
        self.tags = [0] * dice.choice((1, 3, 16, 200, 700))
        self.memory = mmap.mmap(-1, len(self.tags) * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if dice.random() < 0.3: self.memory.madvise(mmap.MADV_HUGEPAGE if dice.random() < 0.5 else mmap.MADV_NOHUGEPAGE)

    def write(self):
        start = dice.randrange(len(self.tags))
        for page in range(start, min(len(self.tags), start + dice.choice((1, 2, 50)))):
            self.tags[page] = dice.getrandbits(63)
            self.memory[page * PAGE:(page + 1) * PAGE] = content(self.tags[page])

    def drop(self):
        page = dice.randrange(len(self.tags))
        self.memory.madvise(mmap.MADV_DONTNEED, page * PAGE, PAGE)
        self.tags[page] = 0

    def resize(self):
        pages = max(1, len(self.tags) + dice.choice((-5, -1, 1, 40)))
        self.memory.resize(pages * PAGE)
        self.tags = self.tags[:pages] + [0] * (pages - len(self.tags))

    def verify(self, stride=1):
        for page in range(dice.randrange(stride) if stride > 1 else 0, len(self.tags), stride):
            check(self.memory[page * PAGE:(page + 1) * PAGE] == content(self.tags[page]), f'page {page} of {len(self.tags)} is not what was written')


def bear():
    pid = os.fork()
    if pid == 0:
        for _ in range(10):
            time.sleep(0.02)
            for region in regions: region.verify(16)
            regions[0].write()
        for region in regions: region.verify()
        os._exit(3)
    children[pid] = True


step = 0
while running():
    step += 1
    if len(regions) < 2 or (len(regions) < 30 and dice.random() < 0.2): regions.append(Region())
    for _ in range(10): dice.choice(regions).write()
    dice.choice(regions).drop()
    if "resize" in sys.argv: dice.choice(regions).resize()
    if len(regions) > 2 and dice.random() < 0.1: regions.pop(dice.randrange(len(regions))).memory.close()
    dice.choice(regions).verify()
    if len(children) < 2 and dice.random() < 0.05: bear()
    if children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            equal(3, os.waitstatus_to_exitcode(status), 'exit code of a child that checked its copy')
            del children[pid]
    if step % 5 == 0: tick()
for region in regions: region.verify()
for pid in children: equal(3, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 'exit code of a child that checked its copy')
end()
