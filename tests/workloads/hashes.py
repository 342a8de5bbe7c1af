"""A hash chain and a chain of floating point numbers; says at its end how far they came, so that the reader can go the same way."""
import hashlib
from survivor import *

begin()
digest, x, steps = b'\0' * 32, 0.25, 0
while running():
    for _ in range(10000):
        digest = hashlib.sha256(digest).digest()
        x = 3.99 * x * (1.0 - x)
    steps += 10000
    tick()
print('steps', steps, digest.hex(), repr(x), flush=True)
