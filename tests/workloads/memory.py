"""Memory that is shared by parent and child (anonymous, memfd, /dev/shm, a file), guard pages, a big sparse reserve, changing protections."""
import ctypes, itertools, mmap, os, random, signal, struct
from survivor import *

begin()
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
PAGE, SIZE = mmap.PAGESIZE, 256 * 1024
NONE, RW, PRIVATE_ANONYMOUS, NORESERVE = 0, 3, 0x22, 0x4000


def shared_file(path, flags=os.O_RDWR | os.O_CREAT):
    fd = os.open(path, flags)
    os.ftruncate(fd, SIZE)
    return fd


memfd = os.memfd_create('survivor')
os.ftruncate(memfd, SIZE)
shm, file = shared_file('/dev/shm/survivor'), shared_file('/tmp/mapped')
maps = [mmap.mmap(-1, SIZE), mmap.mmap(memfd, SIZE), mmap.mmap(shm, SIZE), mmap.mmap(file, SIZE)]
private = mmap.mmap(file, SIZE, flags=mmap.MAP_PRIVATE)
private[PAGE:PAGE + 7] = b'private'

# 64 GiB of nothing with a few pages in it, and a guard page behind each.
RESERVE = 64 << 30
reserve = libc.mmap(None, RESERVE, NONE, PRIVATE_ANONYMOUS | NORESERVE, -1, 0)
islands = [reserve + (random.Random(i).randrange(RESERVE) & ~0xffff) for i in range(20)]
for i, island in enumerate(islands):
    equal(0, libc.mprotect(island, PAGE, RW), 'mprotect')
    ctypes.memmove(island, b'island %d' % i, 10)
read_only = libc.mmap(None, PAGE, RW, PRIVATE_ANONYMOUS, -1, 0)
ctypes.memmove(read_only, b'constant', 8)
libc.mprotect(read_only, PAGE, 1)
# Sealed for ever, and behind a key that only some may open.
sealed = libc.mmap(None, PAGE, RW, PRIVATE_ANONYMOUS, -1, 0)
ctypes.memmove(sealed, b'sealed', 6)
libc.syscall.argtypes = [ctypes.c_long] * 6
is_sealed = libc.syscall(462, sealed, PAGE, 0, 0, 0) == 0
locked = libc.mmap(None, PAGE, RW, PRIVATE_ANONYMOUS, -1, 0)
ctypes.memmove(locked, b'locked', 6)
unused = libc.pkey_alloc(0, 0)
key = libc.pkey_alloc(0, 1)  # PKEY_DISABLE_ACCESS
if key > 0:
    libc.pkey_mprotect(ctypes.c_void_p(locked), PAGE, RW, key)
    libc.pkey_free(unused)


def readable(address):
    """Asks the kernel, which does not crash of it."""
    return libc.write(probe[1], ctypes.c_void_p(address), 1) == 1 and len(os.read(probe[0], 1)) == 1


probe, ask, told = os.pipe(), os.pipe(), os.pipe()
heap = [bytes([i % 251]) * 5000 for i in range(2000)]
child = os.fork()
if child == 0:
    os.close(ask[1]), os.close(told[0])
    # What the parent writes is here, and the answer there; the private copy is not.
    while True:
        question = os.read(ask[0], 8)
        if not question: os._exit(0)
        i, = struct.unpack('q', question)
        offset = i * 64 % SIZE
        for m in maps:
            value, = struct.unpack_from('q', m, offset)
            equal(i, value, 'what the child sees in shared memory')
            struct.pack_into('q', m, offset + 8, -i)
        private[0:8] = struct.pack('q', i)
        os.write(told[1], b'.')

os.close(ask[0]), os.close(told[1])
for i in itertools.count(1):
    if not running(): break
    offset = i * 64 % SIZE
    for m in maps: struct.pack_into('q', m, offset, i)
    os.write(ask[1], struct.pack('q', i))
    equal(b'.', os.read(told[0], 1), 'the child')
    for m in maps: equal(-i, struct.unpack_from('q', m, offset + 8)[0], 'what the parent sees in shared memory')
    equal(i, struct.unpack('q', os.pread(memfd, 8, offset))[0], 'the memfd by its descriptor')
    equal(i, struct.unpack('q', os.pread(file, 8, offset))[0], 'the mapped file by its descriptor')
    equal(b'private', private[PAGE:PAGE + 7], 'the private mapping')
    for n, island in enumerate(islands):
        equal(b'island %d' % n, ctypes.string_at(island), 'an island in the reserve')
        check(not readable(island + PAGE), 'a guard page can be read')
    equal(b'constant', ctypes.string_at(read_only), 'read-only memory')
    equal(b'sealed', ctypes.string_at(sealed), 'sealed memory')
    if is_sealed: check(libc.mprotect(sealed, PAGE, 1) == -1 and ctypes.get_errno() == 1, 'a seal is gone')
    if key > 0:
        equal(1, libc.pkey_get(key), 'the right to use a memory protection key')
        check(not readable(locked), 'what the key locks can be read')
        libc.pkey_set(key, 0)
        equal(b'locked', ctypes.string_at(locked), 'what the key locks')
        libc.pkey_set(key, 1)
    equal(bytes([i % 2000 % 251]) * 5000, heap[i % 2000], 'the heap')
    rest(0.005)
    tick()
os.close(ask[1])
os.waitpid(child, 0)
end()
