"""Makes tests/integers.txt: SymPy's answers about integers of any size.

Run: python make_integers.py   (needs sympy)

A line is a question, its numbers, a colon and the answer's numbers, which the tests name.
"""

import pathlib
import random

from sympy import continued_fraction as sqrt_fraction
from sympy import continued_fraction_convergents, divisors, factorint, integer_nthroot, isprime, jacobi_symbol, mobius
from sympy import Rational, nextprime, randprime, sqrt, sqrt_mod, totient
from sympy.ntheory.continued_fraction import continued_fraction_iterator
from sympy.ntheory.modular import crt

HERE = pathlib.Path(__file__).parent
draw = random.Random(11)
random.seed(13)
lines = []


def write(question, numbers, answer):
    lines.append(f"{question} {' '.join(map(str, numbers))} : {' '.join(map(str, answer))}")


def of_bits(bits):
    return draw.getrandbits(bits) | 1 << (bits - 1)


def primality():
    # Strong pseudoprimes to the first 13, and to all prime bases below 307 (F. Arnault, 1995: p and 313 (p - 1) + 1,
    # 353 (p - 1) + 1), and Carmichael numbers of three primes.
    yield from (3317044064679887385961981, 318665857834031151167461)
    arnault = int("2967449566868551055015417464290533273077199179985304335099507553127683875317177019959423859642812"
                  "1188033664754218345562493168782883")
    yield arnault * (313 * (arnault - 1) + 1) * (353 * (arnault - 1) + 1)
    found, k = 0, 2**20
    while found < 4:
        if all(isprime(m * k + 1) for m in (6, 12, 18)):
            found += 1
            yield (6 * k + 1) * (12 * k + 1) * (18 * k + 1)
        k += 1
    for bits in (64, 65, 80, 96, 128, 200, 256, 512, 1024):
        for _ in range(3):
            yield of_bits(bits)
            yield randprime(2**(bits - 1), 2**bits)
        yield randprime(2**(bits // 2), 2**(bits // 2 + 1)) ** 2
        yield randprime(2**(bits // 2), 2**(bits // 2 + 1)) * randprime(2**(bits // 2), 2**(bits // 2 + 1))
    yield from (2**p - 1 for p in (67, 89, 101, 107, 127, 521, 523, 607, 1279))
    yield from range(-3, 10)


def composites():
    yield from (1, -1, -12, 2**200, 3**150 * 5**2, 10**40, 2**67 - 1, 2**101 - 1, 2**128 + 1)
    yield from (6**20 + 1, 10**30 + 1, 12345678901234567890123456789, 30 * 29 * 28**9)
    for bits in (40, 64, 80, 100, 120):
        yield from (of_bits(bits) for _ in range(4))
    for small, large in ((20, 60), (30, 70), (40, 100), (44, 44), (48, 200)):
        yield randprime(2**small, 2**(small + 1)) * randprime(2**large, 2**(large + 1))
    prime = randprime(2**70, 2**71)
    yield from (prime**2, prime**3 * 101, -prime**5 * randprime(2**40, 2**41)**2)


for number in primality():
    write("is_prime", [number], [int(isprime(number))])
    if number.bit_length() <= 512:
        write("next_prime", [number], [nextprime(number)])
for number in composites():
    factors = sorted(factorint(abs(number)).items())
    write("factor", [number], [part for factor in factors for part in factor])
    write("totient", [number], [totient(abs(number))])
    write("moebius", [number], [mobius(abs(number))])
    listed = divisors(abs(number)) if len(factors) < 8 and max([1] + [k for _, k in factors]) < 60 else None
    if listed and len(listed) < 500:
        write("divisors", [number], listed)
for bits in (4, 10, 40, 64, 100, 300):
    for _ in range(12):
        a, n = draw.choice([1, -1]) * draw.getrandbits(bits), of_bits(bits) | 1
        write("jacobi", [a, n], [jacobi_symbol(a % n, n)])
        e, m = draw.getrandbits(bits * 2), of_bits(bits)
        write("power_mod", [a, e, m], [pow(a, e, m)])
        p = randprime(2**(bits - 1), 2**bits)
        root = sqrt_mod(a, p)
        write("square_root_mod", [a, p], [] if root is None else [min(root, p - root) if root else 0])
        moduli = [draw.randrange(1, 2**bits) * draw.choice([1, 2, 6, 30]) for _ in range(draw.randrange(1, 5))]
        x = draw.getrandbits(bits)
        rests = [x % m for m in moduli]
        if draw.random() < 0.3:
            rests[0] += 1
        answer = crt(moduli, rests)
        write("chinese_remainder", [*rests, *moduli], [] if answer is None else answer)
        k = draw.randrange(1, 12)
        number = draw.getrandbits(bits) ** draw.choice([1, k])
        write("root", [number, k], map(int, integer_nthroot(number, k)))
# Primes where many twos divide p - 1: the long way of Tonelli and Shanks.
for p in (65537, 119 * 2**23 + 1, 2**64 - 2**32 + 1, 3 * 2**189 + 1, 2**255 - 19):
    for _ in range(5):
        a = draw.randrange(p)
        root = sqrt_mod(a, p)
        write("square_root_mod", [a, p], [] if root is None else [min(root, p - root)])
for _ in range(40):
    bits = draw.choice([3, 8, 60, 200])
    above, below = draw.choice([1, -1]) * draw.getrandbits(bits), draw.randrange(1, 2**bits)
    number = Rational(above, below)
    terms = list(continued_fraction_iterator(number))
    write("continued_fraction", [number.p, number.q], terms)
    if bits <= 60:
        found = list(continued_fraction_convergents(terms))
        write("convergents", terms, [part for value in found for part in (value.p, value.q)])
for number in (0, 1, 2, 3, 7, 13, 61, 94, 991, 4096, 9949, 10**6 + 3):
    terms = sqrt_fraction(sqrt(number))
    write("square_root", [number], [terms[0], *(terms[1] if len(terms) > 1 else [])])
(HERE / "integers.txt").write_text("\n".join(lines) + "\n")
