"""Writes fixtures/functions.txt: values of elementary functions with far more digits than a float has, by mpmath.

    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install mpmath
    /path/of/a/venv/bin/python engine/tensor/tests/functions.py

Each line is a function, the bits of an f64 argument, and the bits of the f64 nearest to the exact value. Arguments that
end in 29 zero bits are f32 as well.
"""
import random
import struct
from pathlib import Path

from mpmath import mp, mpf

mp.prec = 400


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def spread(low, high):
    """Magnitudes spread evenly by their logarithm, either sign."""
    return random.choice([-1, 1]) * 2.0 ** random.uniform(low, high)


FUNCTIONS = {
    "exp": (mp.exp, lambda: random.choice([spread(-30, 6.4), random.uniform(-700, 700)])),
    "expm1": (mp.expm1, lambda: random.choice([spread(-40, 5.4), random.uniform(-2, 2)])),
    "log": (mp.log, lambda: random.choice([abs(spread(-120, 120)), random.uniform(0.5, 2)])),
    "log1p": (mp.log1p, lambda: random.choice([abs(spread(-60, 60)), random.uniform(-0.999, 2)])),
    "sin": (mp.sin, lambda: random.choice([spread(-30, 3), random.uniform(-1e5, 1e5)])),
    "cos": (mp.cos, lambda: random.choice([spread(-30, 3), random.uniform(-1e5, 1e5)])),
    "tan": (mp.tan, lambda: random.choice([spread(-30, 1), random.uniform(-1e3, 1e3)])),
    "sinh": (mp.sinh, lambda: random.choice([spread(-30, 6), random.uniform(-5, 5)])),
    "cosh": (mp.cosh, lambda: random.choice([spread(-30, 6), random.uniform(-5, 5)])),
    "tanh": (mp.tanh, lambda: random.choice([spread(-30, 4), random.uniform(-5, 5)])),
    "erf": (mp.erf, lambda: random.choice([spread(-30, 2), random.uniform(-4, 4)])),
    "log2": (lambda x: mp.log(x, 2), lambda: abs(spread(-100, 100))),
    "log10": (mp.log10, lambda: abs(spread(-100, 100))),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), lambda: random.uniform(-80, 80)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), lambda: random.uniform(-80, 80)),
}


def main():
    random.seed(20261121)
    lines = []
    for name, (function, draw) in FUNCTIONS.items():
        for i in range(160):
            x = draw()
            x = single(x) if i % 2 else x
            lines.append(f"{name} {bits(x):016x} {bits(float(function(mpf(x)))):016x}")
    Path(__file__).parent.joinpath("fixtures/functions.txt").write_text("\n".join(lines) + "\n")


main()
