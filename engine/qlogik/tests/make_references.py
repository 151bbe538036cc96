"""Makes tests/references.json: answers of pyAgrum 3.3 (checked against pgmpy 1.1) on the networks beside this script.

Run: python make_references.py   (needs pyagrum, pgmpy, numpy)

pyAgrum's own BIF reader keeps numbers in single precision, so the tables are read here with pgmpy's reader and handed to
pyAgrum in double precision, each row scaled to the sum 1.
"""

import itertools
import json
import math
import pathlib
import random
import sys

import numpy as np
import pyagrum as gum
from pgmpy.inference import VariableElimination
from pgmpy.readwrite import BIFReader

HERE = pathlib.Path(__file__).parent
NETWORKS = ["asia", "cancer", "earthquake", "survey", "sachs", "child", "insurance", "alarm", "hailfinder", "hepar2",
            "win95pts", "andes"]
# Networks whose names pgmpy answers quickly enough to check pyAgrum.
SMALL = {"asia", "cancer", "earthquake", "survey", "sachs", "child", "insurance", "alarm"}


def load(path):
    reader = BIFReader(str(path))
    names, parents, states = reader.variable_names, reader.variable_parents, reader.variable_states
    tables = reader.variable_cpds
    bn = gum.BayesNet(path.stem)
    for name in names:
        bn.add(gum.LabelizedVariable(name, name, [f"s{i}" for i in range(len(states[name]))]))
    for name in names:
        for parent in parents[name]:
            bn.addArc(parent, name)
    for name in names:
        table = np.array(tables[name], dtype=float)
        table /= table.sum(axis=0, keepdims=True)
        sizes = [len(states[p]) for p in parents[name]]
        columns = table.T.reshape(sizes + [len(states[name])]) if sizes else table[:, 0]
        cpt = bn.cpt(name)
        if not sizes:
            cpt.fillWith(list(columns))
            continue
        for index in itertools.product(*[range(size) for size in sizes]):
            cpt[dict(zip(parents[name], index))] = list(columns[index])
    return bn, names, states


def answers(bn, names, states, evidence, full):
    ie = gum.LazyPropagation(bn)
    ie.setEvidence(evidence)
    for name in names:
        ie.addTarget(name)
    ie.makeInference()
    case = {
        "evidence": {name: states[name][state] for name, state in evidence.items()},
        "probability": ie.evidenceProbability() if evidence else 1.0,
        "marginals": {name: [float(x) for x in ie.posterior(name).toarray()] for name in names},
    }
    if full:
        case["most_probable"] = most_probable(bn, evidence)
    return case


def most_probable(bn, evidence):
    """The logarithm of the largest P(all variables, evidence), by max-product elimination over pyAgrum's own tables."""
    tables = [gum.Tensor(bn.cpt(node)) for node in bn.topologicalOrder()]
    for name, state in evidence.items():
        finding = gum.Tensor().add(bn.variable(name))
        finding.fillWith(0)
        finding[{name: state}] = 1
        tables.append(finding)
    left = set(bn.names())
    size = {name: bn.variable(name).domainSize() for name in left}
    ln = 0.0
    while left:
        scopes = [set(t.names) for t in tables]

        def cost(name):
            return math.prod(size[n] for n in set().union(*[scope for scope in scopes if name in scope]))
        name = min(sorted(left), key=cost)
        left.remove(name)
        inside = [t for t in tables if name in t.names]
        tables = [t for t in tables if name not in t.names]
        product = inside[0]
        for table in inside[1:]:
            product = product * table
        best = product.maxOut([name]) if len(product.names) > 1 else None
        if best is None:
            ln += float(np.log(product.max()))
        else:
            top = best.max()
            ln += float(np.log(top))
            tables.append(best.scale(1 / top))
    return ln


def main():
    out = {}
    for network in NETWORKS:
        path = HERE / "networks" / f"{network}.bif"
        bn, names, states = load(path)
        full = network in SMALL
        rng = random.Random(network)
        cases = [answers(bn, names, states, {}, full)]
        sampler = gum.BNDatabaseGenerator(bn)
        gum.initRandom(7)
        sampler.setRandomVarOrder()
        sampler.drawSamples(4)
        table = sampler.to_pandas(with_labels=True)
        for row in range(4):
            count = max(1, min(len(names) // 4, 2 + 3 * row))
            chosen = rng.sample(names, count)
            evidence = {name: int(str(table.iloc[row][name])[1:]) for name in chosen}
            cases.append(answers(bn, names, states, evidence, full))
        if network in SMALL:
            check(path, names, cases)
        out[network] = cases
        print(network, len(names), file=sys.stderr)
    with open(HERE / "references.json", "w") as file:
        json.dump(out, file, indent=None, separators=(",", ":"))
        file.write("\n")


def check(path, names, cases):
    model = BIFReader(str(path)).get_model()
    model.normalize() if hasattr(model, "normalize") else None
    engine = VariableElimination(model)
    for case in cases:
        for name in [n for n in names if n not in case["evidence"]][:6]:
            got = engine.query([name], evidence=case["evidence"], show_progress=False)
            order = [got.state_names[name].index(s) for s in BIFReader(str(path)).variable_states[name]]
            difference = np.abs(got.values[order] - case["marginals"][name]).max()
            assert difference < 1e-6, (path.stem, name, difference)


if __name__ == "__main__":
    main()
