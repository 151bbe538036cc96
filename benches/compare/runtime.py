"""Tasks beside HyperQueue, Dask.distributed and Ray, in one run: markdown on stdout.

    cargo build --release -p nexus
    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install hyperqueue "dask[distributed]" ray
    /path/of/a/venv/bin/python benches/compare/runtime.py > results.md

Every round measures each system once, one after the other, with two slots each, so that a busy machine is busy for all
of them; a ratio is taken within its round. The floor is a loop that spawns a process and waits for it, in two processes.
A peer that is not installed is left out with a message on stderr. ROUNDS, PROCESSES and NOOPS are read from the
environment.
"""
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PROCESSES = int(os.environ.get("PROCESSES", "1000"))
NOOPS = int(os.environ.get("NOOPS", "10000"))
TRUE = shutil.which("true")


def timed(count, run):
    begun = time.perf_counter()
    run()
    return (time.perf_counter() - begun) * 1e6 / count


def floor():
    def spawn_all():
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                for _ in range(PROCESSES // 2):
                    os.waitpid(os.posix_spawn(TRUE, [TRUE], {}), 0)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
    return {"process": timed(PROCESSES, spawn_all)}


class Nexus:
    """One node with two slots on a fresh data directory: durable, with logs and results kept."""

    name = "nexus"

    def __init__(self, folder):
        self.binary, self.data = TARGET / "release" / "nexus", Path(folder) / "node"
        self.program = Path(folder) / "noop.mcode"
        self.program.write_text("function main()\n    return none\nend\n")
        start = [self.binary, "--data", self.data, "node", "start", "--listen", "127.0.0.1:0", "--slots", "2"]
        self.node = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.data / "node.json").exists():
            if self.node.poll() is not None:
                raise RuntimeError("the node did not start")
            time.sleep(0.01)

    def submit(self, count, *what):
        command = [self.binary, "--data", self.data, "submit", "--array", f"0..{count}", "--wait", *what]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def measure(self):
        return {
            "process": timed(PROCESSES, lambda: self.submit(PROCESSES, "--", TRUE)),
            "noop": timed(NOOPS, lambda: self.submit(NOOPS, self.program)),
        }

    def close(self):
        self.node.terminate()
        self.node.wait()


class HyperQueue:
    """The PyPI package: a server and a worker with two cores in this process; output discarded, no journal."""

    name = "hyperqueue"

    def __init__(self, folder):
        from hyperqueue import Job
        from hyperqueue.cluster import LocalCluster, WorkerConfig
        self.job, self.folder = Job, folder
        self.cluster = LocalCluster(worker_config=WorkerConfig(cores=2))
        self.client = self.cluster.client()
        self.run(1)

    def run(self, count):
        job = self.job(default_workdir=Path(self.folder))
        for _ in range(count):
            job.program([TRUE], stdout=None, stderr=None)
        self.client.wait_for_jobs([self.client.submit(job)])

    def measure(self):
        return {"process": timed(PROCESSES, lambda: self.run(PROCESSES))}

    def close(self):
        self.cluster.stop()


def noop(_):
    return None


class Dask:
    name = "dask"

    def __init__(self, _):
        from dask.distributed import Client, LocalCluster
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        self.cluster = LocalCluster(processes=True, **options)
        self.client = Client(self.cluster)
        self.client.gather(self.client.map(noop, range(100), pure=False))

    def measure(self):
        count = max(NOOPS // 10, 100)
        return {"noop": timed(count, lambda: self.client.gather(self.client.map(noop, range(count), pure=False)))}

    def close(self):
        self.client.close()
        self.cluster.close()


class Ray:
    name = "ray"

    def __init__(self, _):
        import ray
        self.ray = ray
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
                 _node_ip_address="127.0.0.1")
        self.noop = ray.remote(noop)
        ray.get([self.noop.remote(i) for i in range(100)])

    def measure(self):
        count = max(NOOPS // 10, 100)
        return {"noop": timed(count, lambda: self.ray.get([self.noop.remote(i) for i in range(count)]))}

    def close(self):
        self.ray.shutdown()


def main():
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        systems = []
        for system in (Nexus, HyperQueue, Dask, Ray):
            try:
                systems.append(system(folder))
            except ImportError as error:
                print(f"{system.name} is left out: {error}", file=sys.stderr)
        try:
            for _ in range(ROUNDS):
                rounds.append({"floor": floor(), **{system.name: system.measure() for system in systems}})
        finally:
            for system in systems:
                system.close()
    print(f"{os.cpu_count()} cores, {platform.platform()}, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}\n")
    print("| us a task | median | rounds | beside nexus in the same round |\n|---|---|---|---|")
    for kind in ("process", "noop"):
        for name in rounds[0]:
            each = [turn[name].get(kind) for turn in rounds]
            if each[0] is None:
                continue
            ratios = [turn[name][kind] / turn["nexus"][kind] for turn in rounds]
            cells = ", ".join(f"{value:.3g}" for value in each)
            print(f"| {kind} {name} | {statistics.median(each):.3g} | {cells} | {statistics.median(ratios):.2f} |")


if __name__ == "__main__":
    main()
