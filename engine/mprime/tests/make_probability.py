"""Makes tests/probability.txt: answers about event spaces by fractions and SciPy, and SciPy's intervals.

Run: python make_probability.py   (needs scipy)

A space of three variables of `a b c` outcomes: `space a b c`, `shares …`, then answers about values that are the sum of the
outcomes' places: `mean`, `variance`, `covariance` of the first and last place, `marginal` of the last and first variable,
`conditional` of the first place being 0 where the last is 1, `entropy`, `information` of the first and the other two.
`mean_of` and `hits` are samples, a confidence, and the interval.
"""

import pathlib
import random
from fractions import Fraction
from itertools import product

import numpy as np
from scipy import stats

HERE = pathlib.Path(__file__).parent
draw = random.Random(23)
lines = []


def text(numbers):
    return " ".join(f"{number.numerator}/{number.denominator}" for number in map(Fraction, numbers))


def bits(numbers):
    return float(stats.entropy([float(number) for number in numbers], base=2))


def space(shape):
    atoms = list(product(*map(range, shape)))
    weights = [Fraction(draw.choice([0, 1, 1, 2, 5, 9]), draw.choice([1, 2, 3, 7])) for _ in atoms]
    weights[1] += 1
    shares = {atom: weight / sum(weights) for atom, weight in zip(atoms, weights)}
    expect = lambda value: sum(share * value(atom) for atom, share in shares.items())
    mean = expect(sum)
    lines.append(f"space {' '.join(map(str, shape))}")
    lines.append(f"shares {text(shares.values())}")
    lines.append(f"mean {text([mean])}")
    lines.append(f"variance {text([expect(lambda atom: (sum(atom) - mean) ** 2)])}")
    first, last = expect(lambda atom: atom[0]), expect(lambda atom: atom[2])
    lines.append(f"covariance {text([expect(lambda atom: (atom[0] - first) * (atom[2] - last))])}")
    sums = lambda keep: {key: sum(s for a, s in shares.items() if tuple(a[k] for k in keep) == key)
                         for key in product(*(range(shape[k]) for k in keep))}
    lines.append(f"marginal {text(sums((2, 0)).values())}")
    given = sum(share for atom, share in shares.items() if atom[2] == 1)
    both = sum(share for atom, share in shares.items() if atom[2] == 1 and atom[0] == 0)
    lines.append(f"conditional {text([both / given]) if given else '-'}")
    lines.append(f"entropy {bits(shares.values())!r}")
    known = bits(sums((0,)).values()) + bits(sums((1, 2)).values()) - bits(shares.values())
    lines.append(f"information {max(known, 0.0)!r}")


for shape in ((2, 2, 2), (3, 2, 4), (1, 5, 2), (6, 6, 6), (2, 1, 3), (4, 4, 2)):
    for _ in range(3):
        space(shape)
for count in (2, 3, 10, 40):
    for confidence in (0.5, 0.9, 0.99):
        values = [draw.gauss(3, 2) for _ in range(count)]
        error = float(stats.sem(values))
        low, high = stats.t.interval(confidence, count - 1, loc=np.mean(values), scale=error)
        found = [confidence, float(np.mean(values)), error, float(low), float(high)]
        lines.append(f"mean_of {' '.join(map(repr, found))} {' '.join(map(repr, values))}")
for count, hits in ((1, 0), (1, 1), (10, 3), (100, 0), (100, 100), (1000, 7), (5000, 2500)):
    for confidence in (0.5, 0.95, 0.999):
        interval = stats.binomtest(hits, count).proportion_ci(confidence, "exact")
        lines.append(f"hits {confidence} {count} {hits} {float(interval.low)!r} {float(interval.high)!r}")
(HERE / "probability.txt").write_text("\n".join(lines) + "\n")
