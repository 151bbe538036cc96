"""Makes tests/base60.txt: rationals and their digits in base 60, by long division that remembers every rest.

Run: python make_base60.py
"""

import pathlib
import random
from fractions import Fraction

HERE = pathlib.Path(__file__).parent


def base60(number):
    whole, rest = divmod(abs(number.numerator), number.denominator)
    digits = []
    while whole or not digits:
        digits.insert(0, whole % 60)
        whole //= 60
    places, seen = [], {}
    while rest and rest not in seen:
        seen[rest] = len(places)
        digit, rest = divmod(60 * rest, number.denominator)
        places.append(digit)
    text = ("-" if number < 0 else "") + ",".join(map(str, digits))
    start = seen[rest] if rest else len(places)
    parts = [str(place) for place in places[:start]]
    if start < len(places):
        parts.append(f"({','.join(map(str, places[start:]))})")
    return text + (";" + ",".join(parts) if parts else "")


draw = random.Random(60)
numbers = [Fraction(n) for n in (0, 1, -1, 59, 60, 61, 3599, 3600, 3661, 216000, 10**30, -(60**11), 60**10 - 1)]
numbers += [Fraction(1, n) for n in range(2, 100)]
numbers += [Fraction(draw.randrange(-10**9, 10**9), draw.randrange(1, 400)) for _ in range(60)]
numbers += [Fraction(draw.getrandbits(200), 2**draw.randrange(12) * 3**draw.randrange(6) * 7) for _ in range(20)]
lines = [f"{number.numerator}/{number.denominator} {base60(number)}" for number in numbers]
(HERE / "base60.txt").write_text("\n".join(lines) + "\n")
