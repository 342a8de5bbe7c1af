"""Vector registers full of a pattern while a loop spins in machine code: all of AVX (and of AVX-512, where the CPU has it)."""
import ctypes, mmap, os, struct, threading
from survivor import *

begin()
flags = open('/proc/cpuinfo').read().split('flags', 1)[1].split('\n', 1)[0].split()
if 'avx' not in flags:
    print('no avx', flush=True)
    os._exit(0)
wide = 'avx512f' in flags
COUNT, SIZE = (32, 64) if wide else (16, 32)


def move(register, offset, base, opcode):
    """vmovdqu ymm or vmovdqu64 zmm, from or to [base + offset]."""
    modrm = struct.pack('<Bi', 0x80 | (register & 7) << 3 | base, offset)
    if wide:
        first = 0x61 | (0 if register & 8 else 0x80) | (0 if register & 16 else 0x10)
        return bytes([0x62, first, 0xFE, 0x48, opcode]) + modrm
    return bytes([0xC5, 0x7E if register & 8 else 0xFE, opcode]) + modrm


RSI, RDI = 6, 7
code = b''.join(move(i, i * SIZE, RDI, 0x6F) for i in range(COUNT))  # load from rdi
code += bytes.fromhex('4889d1')  # mov rcx, rdx
code += bytes.fromhex('f390 48ffc9 75f9')  # pause; dec rcx; jnz
code += b''.join(move(i, i * SIZE, RSI, 0x7F) for i in range(COUNT))  # store to rsi
code += bytes.fromhex('c5f877 c3')  # vzeroupper; ret
text = mmap.mmap(-1, mmap.PAGESIZE * 2, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
text.write(code)
spin = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(text)))


def worker(seed):
    while running():
        pattern = os.urandom(COUNT * SIZE)
        source, target = ctypes.create_string_buffer(pattern, len(pattern)), ctypes.create_string_buffer(COUNT * SIZE)
        spin(ctypes.addressof(source), ctypes.addressof(target), 400000)
        check(target.raw == pattern, 'a vector register changed')
        tick()


threads = [threading.Thread(target=worker, args=(n,)) for n in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
end()
