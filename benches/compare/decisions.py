"""Q-Logik beside pyAgrum and pgmpy, in one run: markdown on stdout.

    cargo build --release -p nexus-qlogik --example queries
    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install pyagrum pgmpy
    /path/of/a/venv/bin/python benches/compare/decisions.py > results.md

All marginals of a network with evidence on one variable, which changes from question to question; the network is compiled
before. Ours come from the example `queries`, once before and once after the peers, so that a machine that got busier
shows; the smaller median of the two is taken. pyAgrum's is lazy propagation on an engine that is kept (`chgEvidence`, and
every posterior fetched), on the tables that the tests' references are made with. pgmpy's `VariableElimination.query` of every
variable takes seconds, so that its calibrated belief propagation is asked where the network is small. A peer that is not
installed is left out with a message on stderr.
"""
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
NETWORKS = ROOT / "engine/qlogik/tests/networks"
PATIENCE = 1.0


def ours():
    out = subprocess.run([TARGET / "release/examples/queries"], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        kind, name, *numbers = line.split()
        found[kind, name] = [float(number) for number in numbers]
    return found


def measured(call):
    """The median of repeated calls in µs."""
    call()
    runs, begun = [], time.perf_counter()
    while len(runs) < 3 or (time.perf_counter() - begun < PATIENCE and len(runs) < 2000):
        started = time.perf_counter()
        call()
        runs.append((time.perf_counter() - started) * 1e6)
    return statistics.median(runs)


def last_variable(bn):
    return bn.variable(list(bn.topologicalOrder())[-1]).name()


def pyagrum(name):
    import pyagrum as gum

    # pyAgrum's own BIF reader does not take all of these files.
    sys.path.insert(0, str(NETWORKS.parent))
    from make_references import load

    bn = load(NETWORKS / f"{name}.bif")[0]
    engine = gum.LazyPropagation(bn)
    last = last_variable(bn)
    names = list(bn.names())
    engine.addEvidence(last, 0)
    engine.makeInference()
    state = [0]

    def ask():
        state[0] = (state[0] + 1) % bn.variableFromName(last).domainSize()
        engine.chgEvidence(last, state[0])
        engine.makeInference()
        for variable in names:
            engine.posterior(variable)

    return measured(ask)


def pgmpy(name):
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    model = BIFReader(str(NETWORKS / f"{name}.bif")).get_model()
    engine = VariableElimination(model)
    children = [node for node in model.nodes() if not list(model.successors(node))]
    last = children[-1]
    states = model.get_cpds(last).state_names[last]
    others = [node for node in model.nodes() if node != last]

    def ask():
        for variable in others:
            engine.query([variable], evidence={last: states[0]}, show_progress=False)

    return measured(ask)


def attempt(peer, name):
    try:
        return peer(name)
    except ImportError as error:
        print(f"{peer.__name__} is left out: {error}", file=sys.stderr)
        return None


def main():
    before = ours()
    small = {"asia", "child", "alarm"}
    peers = {}
    names = [name for kind, name in before if kind == "marginals"]
    for name in names:
        peers[name] = (attempt(pyagrum, name), attempt(pgmpy, name) if name in small else None)
    after = ours()
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; µs, medians\n")
    print("| all marginals of | variables | compiled in | Q-Logik | pyAgrum | pgmpy | pyAgrum / Q-Logik | pgmpy / Q-Logik |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        own = min(before["marginals", name][2], after["marginals", name][2])
        variables, compiled = before["marginals", name][0], min(before["marginals", name][1], after["marginals", name][1])
        gum, pgm = peers[name]
        show = lambda value, by=1.0: f"{value / by:,.0f}" if value else ""
        print(f"| {name} | {variables:.0f} | {compiled:,.0f} | {own:,.1f} | {show(gum)} | {show(pgm)} "
              f"| {show(gum, own)} | {show(pgm, own)} |")
    rows = [key for key in before if key[0] == "lookups"][0]
    own = min(before[rows][0], after[rows][0])
    print(f"\nBatched lookups in the table of VENTLUNG (alarm): {int(rows[1]) / own:,.0f} million a second.")


main()
