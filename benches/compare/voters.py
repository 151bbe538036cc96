"""Failover and throughput of a cluster with 1, 3 and 5 voters, as processes on the loopback interface.

Run:  python3 benches/compare/voters.py target/release/nexus [--kills 5]

Failover is the time from kill -9 of the leader to the next accepted submission, asked of a node that stays; the bar is
two election timeouts, 2 s. Throughput is 100 keyed submissions one after the other through one node, and an array of
10,000 tasks of nothing. All disks are one disk here, so the cost of several voters is overstated.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time


def free_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


class Node:
    def __init__(self, nexus, folder, name, join=()):
        self.nexus, self.home, self.name = nexus, os.path.join(folder, name), name
        self.address = free_address()
        self.start(join)

    def start(self, join=()):
        arguments = ["node", "start", "--data", self.home, "--name", self.name, "--listen", self.address]
        self.process = subprocess.Popen([self.nexus, *arguments, "--slots", "2", *join], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if "Stop with" in line:
                return
        raise RuntimeError(self.name + " did not start")

    def json(self, *arguments):
        done = subprocess.run([self.nexus, "--data", self.home, "--json", *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return json.loads(done.stdout)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def cluster(nexus, folder, count):
    nodes = [Node(nexus, folder, "n0")]
    for number in range(1, count):
        token = nodes[0].json("token", "create")["token"]
        nodes.append(Node(nexus, folder, "n%d" % number, ("--join", nodes[0].address, "--token", token)))
    while any(node["state"] != "up" for node in nodes[0].json("status")["nodes"]):
        time.sleep(0.1)
    if count > 1:
        nodes[0].json("voters", "set", *(node.name for node in nodes))
    return nodes


def throughput(nodes, program):
    asked = nodes[-1]
    each = []
    for number in range(100):
        begun = time.perf_counter()
        asked.json("submit", "--key", "t%d" % number, program)
        each.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    asked.json("submit", "--wait", "--array", "0..10000", program)
    return statistics.median(each) * 1e3, (time.perf_counter() - begun) / 10_000 * 1e6


def failover(nodes, program, number):
    leader = nodes[0].json("status")["leader"]
    lost = next(node for node in nodes if node.name == leader)
    asked = next(node for node in nodes if node.name != leader)
    begun = time.perf_counter()
    lost.kill()
    asked.json("submit", "--key", "f%d" % number, program)
    took = time.perf_counter() - begun
    lost.start()
    while any(node["state"] != "up" for node in asked.json("status")["nodes"]):
        time.sleep(0.1)
    return took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nexus")
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    for count in (1, 3, 5):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "nothing.mcode")
            with open(program, "w") as file:
                file.write("return 1\n")
            nodes = []
            try:
                nodes = cluster(options.nexus, folder, count)
                submit, task = throughput(nodes, program)
                print("%d voters: a submission %.1f ms (whole command), a task of an array %.1f us" % (count, submit, task))
                if count > 1:
                    took = sorted(failover(nodes, program, number) for number in range(options.kills))
                    print("  failover: median %.2f s, longest %.2f s of %d" % (statistics.median(took), took[-1], len(took)))
            finally:
                for node in nodes:
                    node.kill()


if __name__ == "__main__":
    main()
