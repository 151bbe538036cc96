"""Makes up programs and writes what `reader.py` says of them to `generated.json`, for `tests/corpus.rs`.

    venv/bin/python engine/mcode/tests/corpus/generate.py

The programs are typed as they are made, so that nearly all of them run: ints with their overflows, fractions, lists and
records as values, recursion, loops inside loops with `break` and `continue`, `parallel for` with every kind of update.
What ends in an error has the error's code for a result.
"""

import json
import math
import pathlib
import random

import reader

PROGRAMS = 160
CODES = {OverflowError: "MC0401", ZeroDivisionError: "MC0402", IndexError: "MC0404"}
HEAD = """function f(x, y)
    if x > 0 and x < 12 return f(x - 1, y + 1) end
    if y == 3 return x end
    return x - y
end
function main()
    a = 1
    b = 2
    c = 3
    u = 0.5
    v = 2.0
    xs = [5, 4, 3, 2, 1]
    zs = xs
    ys = [0.5, 1.5, 2.5, 3.5, 4.5]
    r = {k: 1, l: [1]}
"""


class Writer:
    def __init__(self, seed):
        self.chance, self.lines, self.level, self.names = random.Random(seed), [], 1, 0

    def pick(self, *choices):
        return self.chance.choice(choices)

    def line(self, text):
        self.lines.append("    " * self.level + text)

    def fresh(self, letter):
        self.names += 1
        return f"{letter}{self.names}"

    def int(self, depth):
        kind = self.chance.randrange(12 if depth else 4)
        if kind == 0:
            return str(self.pick(0, 1, 2, 3, 7, 10, 63, 100, -1, -5, 4611686018427387904))
        if kind < 4:
            return self.pick("a", "b", "c")
        if kind == 4:
            return f"len({self.pick('xs', 'ys')})"
        if kind < 7:
            return f"({self.int(depth - 1)} {self.pick('+', '-', '*')} {self.int(depth - 1)})"
        if kind == 7:
            return f"({self.int(depth - 1)} {self.pick('//', '%')} {self.int(depth - 1)})"
        if kind == 8:
            return f"xs[{self.place(depth - 1)}]"
        if kind == 9:
            return f"{self.pick('min', 'max')}({self.int(depth - 1)}, {self.int(depth - 1)})"
        return f"abs({self.int(depth - 1)})" if kind == 10 else f"f({self.int(depth - 1)}, {self.int(depth - 1)})"

    def place(self, depth):
        return self.pick("0", "-1", "1", "2", f"{self.int(depth)} % 5" if depth else "3")

    def fraction(self, depth):
        kind = self.chance.randrange(9 if depth else 3)
        if kind == 0:
            return self.pick("0.5", "2.0", "1e-3", "-1.25", "3.0")
        if kind < 3:
            return self.pick("u", "v")
        if kind < 5:
            return f"({self.fraction(depth - 1)} {self.pick('+', '-', '*')} {self.fraction(depth - 1)})"
        if kind == 5:
            return f"({self.fraction(depth - 1)} / {self.pick(self.fraction(depth - 1), self.int(depth - 1))})"
        if kind == 6:
            return f"({self.fraction(depth - 1)} {self.pick('//', '%')} {self.fraction(depth - 1)})"
        return f"({self.int(depth - 1)} * {self.fraction(depth - 1)})" if kind == 7 else f"ys[{self.place(depth - 1)}]"

    def condition(self, depth):
        kind = self.chance.randrange(6 if depth else 2)
        if kind < 2:
            side = self.pick(self.int, self.fraction)
            return f"{side(1)} {self.pick('<', '<=', '>', '>=', '==', '!=')} {side(1)}"
        if kind < 4:
            return f"({self.condition(depth - 1)} {('and', 'or')[kind - 2]} {self.condition(depth - 1)})"
        return f"not ({self.condition(depth - 1)})" if kind == 4 else f"{self.int(1)} < {self.int(1)} <= {self.int(1)}"

    def block(self, depth):
        self.level += 1
        for _ in range(self.chance.randrange(1, 4)):
            self.statement(depth)
        self.level -= 1

    def statement(self, depth):
        kind = self.chance.randrange(14 if depth else 8)
        if kind < 2:
            self.line(f"{self.pick('a', 'b', 'c')} = {self.int(3)}")
        elif kind == 2:
            self.line(f"{self.pick('u', 'v')} = {self.fraction(3)}")
        elif kind == 3:
            self.line(f"xs[{self.place(1)}] = {self.int(2)}")
        elif kind == 4:
            self.line(f"ys[{self.place(1)}] {self.pick('=', '+=', '*=', '-=')} {self.fraction(2)}")
        elif kind == 5:
            self.line(f"{self.pick('a', 'b', 'c')} {self.pick('+=', '-=', '*=', '%=', '//=')} {self.int(2)}")
        elif kind == 6:
            self.line(f"if len(xs) < 20 xs = append(xs, {self.int(2)}) end")
        elif kind == 7:
            records = "r.k += a", "r = {k: a, l: xs}"
            self.line(self.pick("zs = xs", "xs = zs", "zs[0] = a", "xs = xs[1..] + [b]", "xs = reversed(xs)", *records))
        elif kind < 10:
            self.line(f"if {self.condition(2)}")
            self.block(depth - 1)
            if self.chance.random() < 0.4:
                self.line(f"elseif {self.condition(1)}")
                self.block(depth - 1)
            if self.chance.random() < 0.5:
                self.line("else")
                self.block(depth - 1)
            self.line("end")
        elif kind < 12:
            name = self.fresh("i")
            self.line(f"for {name} in {self.pick('0..5', '6..0 by -2', 'xs', '0..=3', '1..30 by 7')}")
            self.line(f"    {self.pick('a', 'b', 'c')} = {name}")
            if self.chance.random() < 0.3:
                self.line(f"    if {self.condition(1)} {self.pick('break', 'continue')} end")
            self.block(depth - 1)
            self.line("end")
        elif kind == 12:
            name = self.fresh("w")
            self.line(f"{name} = 0")
            self.line(f"while {name} < 4 and ({self.condition(1)})")
            self.line(f"    {name} += 1")
            self.block(depth - 1)
            self.line("end")
        else:
            self.parallel()

    def parallel(self):
        name = self.fresh("p")
        self.line(f"parallel for {name} in 0..6")
        self.line(f"    t = {name}")
        self.line(f"    for q in 0..3 t += q * {name} end")
        updates = (
            "a += t % 7",
            "u += t / 3",
            "if len(zs) < 30 zs = append(zs, t) end",
            "b = max(b, t)",
            "c = t",
            f"xs[{name} % 5] += t",
            "if t % 2 == 1 continue end",
            f"r.k += {name}",
            "v = v * 0.5 + t",
        )
        for _ in range(self.chance.randrange(1, 4)):
            self.line("    " + self.pick(*updates))
        self.line("end")


def program(seed):
    writer = Writer(seed)
    for _ in range(writer.chance.randrange(3, 9)):
        writer.statement(3)
    return HEAD + "\n".join(writer.lines) + "\n    return [a, b, c, u, v, xs, ys, zs, r]\nend\n"


def is_finite(value):
    if isinstance(value, list):
        return all(map(is_finite, value))
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)


found, seed = [], 0
while len(found) < PROGRAMS:
    seed += 1
    source = program(seed)
    try:
        expected = reader.written(reader.run(source))
    except tuple(CODES) as error:
        expected = next(code for kind, code in CODES.items() if isinstance(error, kind))
    # Infinities have no literal, and long programs no reader.
    if is_finite(expected) and len(source) < 3000:
        found.append({"source": source, "expected": expected})
lines = ",\n".join(json.dumps(one) for one in found)
(pathlib.Path(__file__).parent / "generated.json").write_text("[\n" + lines + "\n]\n")
print(f"{len(found)} programs, {sum(isinstance(one['expected'], str) for one in found)} end in an error")
