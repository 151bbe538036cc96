"""M-CODE at each level beside CPython, Lua, LuaJIT, Numba and Rust, in one run:
`language.py [--level PATH] [--rounds N] [--numba PYTHON]`.

A round is one process for each program and language, one after the other, so that what else the machine does hits all of
them; in a process the program runs several times. The first run is told apart: it has the making of machine code in it,
where a language makes it while it runs. Of the others the median of all rounds counts, in processor time (wall time would
measure the other programs of a busy machine), each language by a clock that counts microseconds. A peer that is not
there is skipped. Results must agree to nine digits.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "language"
INTERPRETED = ["CPython", "Lua"]
# Runs of one process, the first of them apart.
RUNS = 9
RUNS_INTERPRETED = 3
PROGRAMS = ["fib", "mandelbrot", "nbody", "spectral", "sieve"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed")
    return done.stdout


def runs_of(command):
    """The seconds of each run of a process, and the result."""
    lines = [line.split()[:2] for line in run(command).splitlines()]
    return [float(seconds) for seconds, _ in lines], float(lines[0][1])


def mcode(level_binary, level, name, runs):
    text = run([level_binary, str(level), str(HERE / f"{name}.mcode"), str(runs)])
    lines = [line.split() for line in text.splitlines() if " Int(" in line or " Scalar(" in line]
    return [float(line[0]) for line in lines], float(lines[0][1].split("(")[1].rstrip(")"))


def has_numba(python):
    return subprocess.run([python, "-c", "import numba"], capture_output=True).returncode == 0


def peers(folder, numba_python):
    found = {"CPython": [sys.executable, str(HERE / "peers.py")]}
    for label, command in [("Lua", "lua5.4"), ("LuaJIT", "luajit")]:
        if shutil.which(command):
            found[label] = [command, str(HERE / "peers.lua")]
    if has_numba(numba_python):
        found["Numba"] = [numba_python, str(HERE / "peers.py"), "numba"]
    if shutil.which("rustc"):
        binary = pathlib.Path(folder) / "peers"
        run(["rustc", "-O", "-o", str(binary), str(HERE / "peers.rs")])
        found["Rust -O"] = [str(binary)]
    for label in ["Lua", "LuaJIT", "Numba", "Rust -O"]:
        if label not in found:
            print(f"{label} is not installed: skipped", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--level", default="target/release/examples/level", help="the built example `level`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--numba", default=sys.executable, help="a Python that has Numba, as one in a virtual environment")
    parser.add_argument("--fast", action="store_true", help="only what becomes machine code")
    options = parser.parse_args()
    first, later, results = {}, {}, {}

    def note(name, label, seconds, result):
        key = (name, label)
        first.setdefault(key, []).append(seconds[0])
        later.setdefault(key, []).extend(seconds[1:])
        expected = results.setdefault(name, result)
        if abs(result - expected) > 1e-9 * abs(expected):
            raise RuntimeError(f"{name}: {label} gives {result}, not {expected}")

    levels = [2] if options.fast else [2, 0]
    with tempfile.TemporaryDirectory() as folder:
        commands = peers(folder, options.numba)
        if options.fast:
            commands = {label: command for label, command in commands.items() if label not in INTERPRETED}
        for _ in range(options.rounds):
            for name in PROGRAMS:
                for level in levels:
                    note(name, f"level {level}", *mcode(options.level, level, name, RUNS if level else RUNS_INTERPRETED))
                for label, command in commands.items():
                    runs = RUNS_INTERPRETED if label in INTERPRETED else RUNS
                    note(name, label, *runs_of([*command, name, str(runs)]))
    table([f"level {level}" for level in levels] + list(commands), first, later)


def table(labels, first, later):
    ratios = [label for label in ("Rust -O", "LuaJIT", "Numba") if label in labels]
    heads = ["program", *labels, "level 2, first run"]
    heads += ["level 0 / level 2", "level 0 / Lua"] if "level 0" in labels else []
    print("| " + " | ".join(heads + [f"level 2 / {label}" for label in ratios]) + " |")
    print("|---" * (len(heads) + len(ratios)) + "|")
    for name in PROGRAMS:
        median = {label: statistics.median(later[name, label]) for label in labels}
        row = [name, *(f"{1e3 * median[label]:.2f}" for label in labels)]
        row.append(f"{1e3 * statistics.median(first[name, 'level 2']):.2f}")
        if "level 0" in labels:
            row.append(f"{median['level 0'] / median['level 2']:.1f}")
            row.append(f"{median['level 0'] / median['Lua']:.2f}" if "Lua" in median else "–")
        row += [f"{median['level 2'] / median[label]:.2f}" for label in ratios]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
