"""The first numbers, ours and NumPy's in one run: markdown on stdout.

    cargo build --release -p nexus -p nexus-benches
    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install numpy
    /path/of/a/venv/bin/python benches/compare/first.py > results.md

Ours come from the built `nexus-benches` (one JSON line each), NumPy's from this process with as many threads as the
machine has cores. A peer that is not installed is left out with a message on stderr.
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RUNS = 20


def ours():
    program = TARGET / "release" / "nexus-benches"
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def numpy_matmul():
    try:
        import numpy
    except ImportError:
        print("NumPy is not installed: left out", file=sys.stderr)
        return None
    random = numpy.random.default_rng(0)
    a, b = (random.standard_normal((1024, 1024), dtype=numpy.float32) for _ in range(2))
    out = numpy.empty_like(a)
    times = []
    for turn in range(RUNS + 3):
        begun = time.perf_counter()
        numpy.matmul(a, b, out=out)
        if turn >= 3:
            times.append((time.perf_counter() - begun) * 1e3)
    return {"name": "numpy_matmul_f32_1024", "unit": "ms", "median": statistics.median(times), "runs": times}


def main():
    rows = ours()
    rows += [row for row in [numpy_matmul()] if row]
    rows += [row for row in ours() if row["name"] == "matmul_f32_1024"]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}, {time.strftime('%Y-%m-%d')}\n")
    print("| what | median | least | most | unit |\n|---|---|---|---|---|")
    for row in rows:
        runs = row["runs"]
        print(f"| {row['name']} | {row['median']:.3g} | {min(runs):.3g} | {max(runs):.3g} | {row['unit']} |")


if __name__ == "__main__":
    main()
