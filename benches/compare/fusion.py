"""Chains of tensor operations at level 0 and level 1 of M-CODE: `fusion.py [--level PATH] [--rounds N]`.

Prints the processor time of one evaluation in ms: a process with many, less one with a single, the least of all rounds.
Processor time and not wall time, because other programs of a busy machine would be in that.
"""

import argparse
import pathlib
import resource
import subprocess
import tempfile

CHEAP = """function chain(x)
    y = x * 1.5 + 0.25
    y = y * y - x
    y = tensor.abs(y) + 1.0
    y = y / 2.0 - 0.5
    y = y * x + 2.0
    return tensor.maximum(y, 0.5) * 0.75
end
"""
TRANSCENDENTAL = """function chain(x)
    y = tensor.exp(-x * x)
    y = tensor.sin(y) + tensor.cos(x)
    y = tensor.tanh(y * 2.0) + x
    y = tensor.sqrt(tensor.abs(y)) * 0.5
    return y + 1.0
end
"""
MAIN = """function main(n: int = 1024, reps: int = 1)
    x = tensor.linspace(0.0, 1.0, n * n)
    s = 0.0
    for i in 0..reps
        y = chain(x)
        s = s + scalar(y[i])
    end
    return s
end
"""
RUNS = 3  # of one process of the example `level`


def processor_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--level", default="target/release/examples/level", help="the built example `level`")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| chain of 12 | size | level 0 | level 1 | level 0 / level 1 |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, source in [("cheap", CHEAP), ("with transcendentals", TRANSCENDENTAL)]:
            file = pathlib.Path(folder) / "chain.mcode"
            file.write_text(source + MAIN)
            for size, many in [(1024, 100), (4096, 6)]:
                least = {}
                for _ in range(options.rounds):
                    for level in (0, 1):
                        for reps in (1, many):
                            command = [options.level, str(level), str(file), f"n={size}", f"reps={reps}"]
                            seconds = processor_seconds(command)
                            least[level, reps] = min(least.get((level, reps), seconds), seconds)
                plain, fused = (1e3 * (least[k, many] - least[k, 1]) / (RUNS * (many - 1)) for k in (0, 1))
                print(f"| {name} | {size}² | {plain:.2f} | {fused:.2f} | {plain / fused:.1f} |")


if __name__ == "__main__":
    main()
