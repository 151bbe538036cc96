"""Makes tests/primes.txt: SymPy's answers about numbers of 64 bits.

Run: python make_primes.py   (needs sympy)

A line is a number, the smallest prime above it (- where it has more than 64 bits) and its prime factors.
"""

import pathlib
import random

from sympy import factorint, nextprime, prevprime, randprime
from sympy.ntheory.generate import primerange

HERE = pathlib.Path(__file__).parent
TOP = 2**64
# Carmichael numbers, and strong pseudoprimes to the first bases (OEIS A014233 as far as 64 bits).
HARD = [561, 1105, 1729, 2465, 2821, 6601, 8911, 825265, 321197185, 9746347772161, 2047, 1373653, 25326001, 3215031751,
        2152302898747, 3474749660383, 341550071728321, 3825123056546413051]


def numbers():
    draw = random.Random(5)
    yield from range(1, 60)
    yield from HARD
    yield from (prime**k for prime in primerange(2, 60) for k in (2, 3, 5, 7) if prime**k < TOP)
    for bits in range(8, 65, 2):
        yield from (draw.getrandbits(bits) | 1 << (bits - 1) for _ in range(6))
    random.seed(7)
    yield from (randprime(2**(bits - 1), 2**bits) for bits in range(8, 65, 2))
    for bits in (16, 20, 24, 28, 31, 32):
        for _ in range(4):
            yield randprime(2**(bits - 1), 2**bits) * randprime(2**(bits - 1), 2**bits)
        yield randprime(2**(bits - 1), 2**bits) ** 2
    yield from (2**63 - 25, 2**63 - 1, 2**63, prevprime(TOP), prevprime(prevprime(TOP)), TOP - 1)


lines = []
for number in numbers():
    following = nextprime(number)
    factors = [prime for prime, times in sorted(factorint(number).items()) for _ in range(times)]
    lines.append(" ".join(str(part) for part in [number, following if following < TOP else "-", *factors]))
(HERE / "primes.txt").write_text("\n".join(lines) + "\n")
