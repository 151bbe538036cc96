"""M-CODE at each level beside CPython, Lua, LuaJIT, Numba and Rust, in one run:
`language.py [--level PATH] [--rounds N] [--numba PYTHON]`.

Each round runs every program once in every language, one after the other, so that what else the machine does hits all of
them; the least processor time of all rounds counts (wall time would measure the other programs of a busy machine). An
M-CODE run is a third of a process with three runs, less what an empty program takes: compilation is in it. A peer that
is not there is skipped. Results must agree to nine digits.
"""

import argparse
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "language"
PROGRAMS = ["fib", "mandelbrot", "nbody", "spectral", "sieve"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed")
    return done.stdout


def one(command):
    seconds, result = run(command).split()[:2]
    return float(seconds), float(result)


def processor_seconds(command):
    """What a process and its threads worked, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text


def mcode(level_binary, level, name, start_up):
    """One run of three in a process, its share of the compilation with it."""
    seconds, text = processor_seconds([level_binary, str(level), str(HERE / f"{name}.mcode")])
    results = [line.split("(")[1].rstrip(")") for line in text.splitlines() if " Int(" in line or " Scalar(" in line]
    return (seconds - start_up) / len(results), float(results[0])


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
    options = parser.parse_args()
    best, results = {}, {}

    def note(name, label, seconds, result):
        key = (name, label)
        best[key] = min(best.get(key, seconds), seconds)
        expected = results.setdefault(name, result)
        if abs(result - expected) > 1e-9 * abs(expected):
            raise RuntimeError(f"{name}: {label} gives {result}, not {expected}")

    with tempfile.TemporaryDirectory() as folder:
        commands = peers(folder, options.numba)
        empty = pathlib.Path(folder) / "empty.mcode"
        empty.write_text("x = 1\n")
        start_up = min(processor_seconds([options.level, "0", str(empty)])[0] for _ in range(5))
        for _ in range(options.rounds):
            for name in PROGRAMS:
                for level in (0, 2):
                    note(name, f"level {level}", *mcode(options.level, level, name, start_up))
                for label, command in commands.items():
                    note(name, label, *one([*command, name]))
    labels = ["level 2", "level 0", *commands]
    print("| program | " + " | ".join(labels) + " | level 0 / level 2 | level 2 / Rust | level 2 / LuaJIT |")
    print("|---" * (len(labels) + 4) + "|")
    for name in PROGRAMS:
        times = [f"{1e3 * best[name, label]:.1f}" for label in labels]
        level = best[name, "level 2"]
        # A run may be shorter than what the clock of the processor time counts.
        ratio = lambda label: f"{level / best[name, label]:.2f}" if best.get((name, label)) else "–"
        row = [name, *times, f"{best[name, 'level 0'] / level:.0f}", ratio("Rust -O"), ratio("LuaJIT")]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
