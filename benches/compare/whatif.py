"""Whether the 80 % intervals of `nexus whatif` hold: 30 predictions, each followed by the real rerun that it is about.

Run:  python3 benches/compare/whatif.py target/release/nexus [--seed 1]

Two nodes of two slots each on the loopback interface. Five jobs whose tasks take different times (even, mostly short with
a few long, two sizes, random sleeps, and computing) run twice; then each is predicted and run again six times: on the same
nodes, without the one, and without the other (drained for the rerun). An interval holds if the rerun, from its first
assignment to its end, lies in it. The goal is 70 % or more of them.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import time

from voters import Node


def nexus(node, *arguments, check=True):
    done = subprocess.run([node.nexus, *arguments, "--data", node.home], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(" ".join(arguments) + ": " + done.stdout + done.stderr)
    return done.stdout


def submit(node, words):
    answer = subprocess.run(
        [node.nexus, "submit", "--data", node.home, "--json", "--wait", *words], capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError(answer.stdout + answer.stderr)
    job = json.loads(answer.stdout)["job"]
    view = json.loads(nexus(node, "job", "show", str(job), "--json"))
    return job, view


def took_ms(view):
    return view["finished_at_ms"] - view["started_at_ms"]


def slots(node):
    listed = json.loads(nexus(node, "node", "list", "--json"))["nodes"]
    return {one["node"]: one["slots"] for one in listed}


def drain(node, name, undo=False):
    nexus(node, "node", "drain", name, *(["--undo"] if undo else []))
    wanted = 2 if undo else 0
    for _ in range(200):
        if slots(node)[name] == wanted:
            return
        time.sleep(0.05)
    raise RuntimeError(name + " did not drain")


def jobs(seed):
    chance = random.Random(seed)
    lists = {
        "even": [0.12] * 24,
        "tail": [0.05 if chance.random() < 0.85 else 0.6 for _ in range(30)],
        "sizes": [0.08 if task % 3 else 0.3 for task in range(24)],
        "random": [chance.expovariate(1 / 0.12) for _ in range(28)],
    }
    for name, times in lists.items():
        cases = " ".join("%d) sleep %.3f;;" % (task, length) for task, length in enumerate(times))
        script = "case $NEXUS_TASK_INDEX in " + cases + " esac # " + name
        yield name, ["--array", "0..%d" % len(times), "--name", name, "--", "sh", "-c", script]
    loop = "i=0; n=$((20000 + NEXUS_TASK_INDEX % 5 * 15000)); while [ $i -lt $n ]; do i=$((i+1)); done # computing"
    yield "computing", ["--array", "0..24", "--name", "computing", "--", "sh", "-c", loop]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nexus")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first = Node(args.nexus, folder, "first")
        token = json.loads(nexus(first, "token", "create", "--role", "worker", "--json"))["token"]
        second = Node(args.nexus, folder, "second", ["--join", first.address, "--token", token])
        held, rows = 0, []
        try:
            for name, words in jobs(args.seed):
                for _ in range(2):
                    base, _ = submit(first, words)
                for without in [None, "second", "first", None, "second", None]:
                    options = ["--without", without] if without else []
                    said = json.loads(nexus(first, "whatif", str(base), *options, "--json"))["then"]
                    if without:
                        drain(first, without)
                    _, view = submit(first, words)
                    if without:
                        drain(first, without, undo=True)
                    took = took_ms(view)
                    holds = said["low_80_ms"] <= took <= said["high_80_ms"]
                    held += holds
                    rows.append(took / said["median_ms"])
                    print("%-10s %-15s predicted %6.0f [%6.0f, %6.0f] ms, took %6.0f ms  %s" % (
                        name, "without " + without if without else "again", said["median_ms"], said["low_80_ms"],
                        said["high_80_ms"], took, "held" if holds else "MISSED"), flush=True)
        finally:
            for node in (second, first):
                node.process.terminate()
                node.process.wait()
    rows.sort()
    print("%d of %d intervals of 80 %% held; took / predicted: median %.3f, from %.3f to %.3f; load %.1f" % (
        held, len(rows), rows[len(rows) // 2], rows[0], rows[-1], os.getloadavg()[0]))


if __name__ == "__main__":
    main()
