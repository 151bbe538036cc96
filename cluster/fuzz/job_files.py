"""Fuzzes the reading of job files (`nexus submit FILE.toml`) through the built binary, without coverage.

Run: python job_files.py BINARY SECONDS [SEED]

It starts a node of its own that is drained, so that nothing that is accepted ever runs, and submits mutations of
`corpus/job_files`: lines and words doubled, dropped and exchanged, values put in that are at the edge of what they may be.
Each file must be accepted or refused with a sentence and an exit code, within ten seconds. What is not is written to
`artifacts/job_files`. `tests/tests/job_files.rs` submits the corpus itself with every run of the tests.
"""

import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
WORDS = [
    '""', '"a"', '"0..10"', '"0..4294967295"', '"5..1"', '"-1..3"', '"1s"', '"1e309s"', '"99999999999999h"', '"1ns"', '"-1s"',
    '"16EiB"', '"1.5GiB"', '"0"', "0", "-1", "1", "4294967295", "4294967296", "9223372036854775807", "1e400", "nan", "inf",
    "true", "[]", "[[]]", "{}", "[1, [2, [3, [4]]]]", '{ task = "a" }', '{ task = "b", output = "x" }', '{ task = 1 }',
    '"lin:0..1"', '"log:1e-4..1e-1"', '"log:0..1"', '"\\u0000"', '"../../x"', "1979-05-27", "'''x'''", '"a" ' * 3,
]
NAMES = ["a", "b", "c", '""', '"a b"', "a.b"]
KEYS = (
    "program command env cwd array args inputs after cpus memory priority timeout retries backoff delay deadline seed jit "
    "name task labels gpu colour".split()
)


def mutated(text, draw):
    lines = text.split("\n")
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(lines))
        match draw.randrange(7):
            case 0:
                lines.insert(at, lines[draw.randrange(len(lines))])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2:
                lines[at] = lines[at].split("=")[0] + "= " + draw.choice(WORDS)
            case 3:
                lines.insert(at, draw.choice(KEYS) + " = " + draw.choice(WORDS))
            case 4:
                place = draw.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + chr(draw.choice([0, 9, 34, 39, 61, 91, 93, 123, 233, 8232])) + lines[at][place:]
            case 5:
                lines.insert(at, "[task." + draw.choice(NAMES) + "]")
            case _:
                lines[at] = lines[at][: draw.randrange(len(lines[at]) + 1)]
    return "\n".join(lines)


def main():
    binary, seconds = sys.argv[1], float(sys.argv[2])
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else time.time_ns())
    seeds = [path.read_text() for path in sorted((HERE / "corpus/job_files").iterdir())]
    finds = HERE / "artifacts/job_files"
    finds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder) / "home"
        start = [binary, "node", "start", "--data", str(home), "--listen", "127.0.0.1:0", "--http", "off"]
        node = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            while "Stop with" not in (line := node.stdout.readline()):
                assert line, "the node did not start"
            subprocess.run([binary, "--data", str(home), "node", "drain"], check=True, stdout=subprocess.DEVNULL)
            count = accepted = found = 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                text = mutated(draw.choice(seeds), draw)
                path = pathlib.Path(folder) / "job.toml"
                path.write_text(text)
                try:
                    line = [binary, "--data", str(home), "submit", str(path)]
                    done = subprocess.run(line, capture_output=True, timeout=10)
                    said = done.stdout + done.stderr
                    bad = done.returncode not in (0, 1, 2, 3) or b"panicked" in said or (done.returncode and b"error[" not in said)
                    accepted += done.returncode == 0
                except subprocess.TimeoutExpired:
                    bad = True
                count += 1
                if bad or node.poll() is not None:
                    found += 1
                    (finds / f"find-{count}.toml").write_text(text)
                    print("find:", finds / f"find-{count}.toml", flush=True)
                    if node.poll() is not None:
                        break
            print(f"stat::number_of_executed_units: {count} (accepted {accepted}, finds {found})")
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(30)
    sys.exit(1 if found else 0)


main()
