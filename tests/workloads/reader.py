"""Maps a file, or only holds it open, has some megabytes of files of its own, and counts."""
import mmap, sys
from survivor import *

begin()
how, path, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
file = open(path, 'rb')
if how == 'mapped':
    mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    file.close()
first = mapping[:] if how == 'mapped' else file.read()
with open('/tmp/own', 'wb') as own:
    for _ in range(mebibytes): own.write(os.urandom(1 << 20))
while running():
    equal(first, mapping[:] if how == 'mapped' else os.pread(file.fileno(), 1 << 20, 0), 'the file')
    equal(mebibytes << 20, os.stat('/tmp/own').st_size, 'the size of its own file')
    rest(0.01)
    tick()
end()
