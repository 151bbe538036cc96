"""Derivatives and shortest forms beside SymPy, in one run: markdown on stdout.

    cargo build --release -p nexus-mprime --example questions
    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install sympy
    /path/of/a/venv/bin/python benches/compare/mathematics.py > results.md

The questions are those of SymPy's own tests that both can express (`engine/mprime/tests/symbolic.txt`). Ours go from text to
text. SymPy's formulas are made before, and its cache is cleared before each repetition, as a question that is asked once
finds it; `simplify` stands for both of its simplifiers. The least time of some repetitions is taken; ratios are SymPy's time by
ours, of each question.
"""
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import sympy
from sympy.core.cache import clear_cache

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
REPETITIONS = 3
# Questions of each verb: SymPy's simplify takes long.
COUNT_MAX = 120


def ours():
    out = subprocess.run([TARGET / "release/examples/questions"], check=True, capture_output=True, text=True).stdout
    return {(verb, int(number)): float(time) for verb, number, time in map(str.split, out.splitlines())}


def least(call):
    best = float("inf")
    for _ in range(REPETITIONS):
        clear_cache()
        begun = time.perf_counter()
        call()
        best = min(best, (time.perf_counter() - begun) * 1e6)
    return best


def theirs(line):
    verb, question, name, _, facts = line.split("\t")
    names = {}
    for fact in filter(None, facts.split(", ")):
        symbol, kind = fact.split(" ")
        names.setdefault(symbol, {})[kind] = True
    known = {"e": sympy.E, "i": sympy.I, "I": sympy.I, "E": sympy.E, "abs": sympy.Abs}
    symbols = {symbol: sympy.Symbol(symbol, **facts) for symbol, facts in names.items()}
    expr = sympy.sympify(question.replace("^", "**"), locals={**known, **symbols})
    if verb == "diff":
        by = symbols.get(name, sympy.Symbol(name))
        return least(lambda: sympy.diff(expr, by))
    return least(lambda: getattr(sympy, verb)(expr))


own = ours()
lines = (ROOT / "engine/mprime/tests/symbolic.txt").read_text().splitlines()
print(f"{platform.machine()}, {os.cpu_count()} cores, SymPy {sympy.__version__}\n")
print("| question | asked | ours, median | SymPy, median | ratio, median | ratio, 10 % lowest | ratio of the sums |")
print("| --- | --- | --- | --- | --- | --- | --- |")
for verb in ("diff", "simplify", "trigsimp"):
    numbers = [number for kind, number in own if kind == verb]
    step = max(1, len(numbers) // COUNT_MAX)
    pairs = []
    for number in numbers[::step]:
        try:
            pairs.append((own[verb, number], theirs(lines[number])))
        except Exception as error:  # A question that SymPy does not read again from its own text.
            print(lines[number], error, file=sys.stderr)
    ratios = sorted(other / own for own, other in pairs)
    mine, other = zip(*pairs)
    print(
        f"| {verb} | {len(pairs)} | {statistics.median(mine):.1f} µs | {statistics.median(other):.0f} µs "
        f"| {statistics.median(ratios):.0f} | {ratios[len(ratios) // 10]:.0f} | {sum(other) / sum(mine):.0f} |"
    )
