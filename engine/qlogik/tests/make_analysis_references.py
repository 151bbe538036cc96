"""Makes tests/analysis_references.json: learning, sensitivity, separation and information by pyAgrum 3.3 and pgmpy 1.1,
and state vectors by NumPy.

Run: python make_analysis_references.py   (needs pyagrum, pgmpy, pandas, numpy)
"""

import json
import pathlib
import random
import tempfile

import numpy as np
import pandas as pd
import pyagrum as gum
from make_references import load
from pgmpy.estimators import BayesianEstimator
from pgmpy.models import DiscreteBayesianNetwork

HERE = pathlib.Path(__file__).parent


def network(name):
    """A network with its own labels."""
    bare, names, states = load(HERE / "networks" / f"{name}.bif")
    bn = gum.BayesNet(name)
    for variable in names:
        bn.add(gum.LabelizedVariable(variable, variable, list(states[variable])))
    for variable in names:
        # The parents in the order of the table.
        for parent in list(bare.cpt(variable).names)[1:]:
            bn.addArc(parent, variable)
        assert list(bn.cpt(variable).names) == list(bare.cpt(variable).names)
        bn.cpt(variable).fillWith(bare.cpt(variable).toarray().flatten().tolist())
    return bn


def table_of(bn, variable, parents):
    """Numbers with `parents` in this order, the first slowest, and the variable fastest."""
    values = []
    cpt = bn.cpt(variable)
    inst = gum.Instantiation()
    for name in parents + [variable]:
        inst.add(bn.variableFromName(name))
    sizes = [bn.variableFromName(name).domainSize() for name in parents + [variable]]
    for cell in np.ndindex(*sizes):
        for name, state in zip(parents + [variable], cell):
            inst.chgVal(name, int(state))
        values.append(cpt.get(inst))
    return values


def drawn(bn, count, rng):
    """Observations along the arrows."""
    order = [bn.variable(i).name() for i in bn.topologicalOrder()]
    lines = []
    for _ in range(count):
        known = {}
        for name in order:
            parents = {bn.variable(p).name(): known[bn.variable(p).name()] for p in bn.parents(name)}
            weights = np.atleast_1d(bn.cpt(name)[parents]) if parents else bn.cpt(name).toarray()
            known[name] = bn.variableFromName(name).label(int(rng.choice(len(weights), p=weights / weights.sum())))
        lines.append(known)
    return pd.DataFrame(lines)[sorted(order)]


def learning():
    bn = network("asia")
    rng = np.random.default_rng(7)
    data = drawn(bn, 500, rng)
    names = list(data.columns)
    parents = {name: [bn.variable(p).name() for p in bn.parents(name)] for name in names}
    model = DiscreteBayesianNetwork([(p, name) for name in names for p in parents[name]])
    states = {name: list(bn.variableFromName(name).labels()) for name in names}
    found = {"csv": data.to_csv(index=False), "priors": []}
    for prior, settings in [("each", {"prior_type": "dirichlet", "weight": 2.0}),
                            ("even", {"prior_type": "BDeu", "equivalent_sample_size": 10})]:
        estimator = BayesianEstimator(model, data, state_names=states)
        tables = {}
        for name in names:
            own = parents[name]
            if prior == "each":
                sizes = [len(states[name]), int(np.prod([len(states[p]) for p in own]))]
                cpd = estimator.estimate_cpd(name, prior_type="dirichlet", pseudo_counts=np.full(sizes, 2.0))
            else:
                cpd = estimator.estimate_cpd(name, **settings)
            cpd = cpd.copy()
            order = [cpd.variables.index(p) for p in own] + [0]
            values = np.transpose(cpd.values, order)
            # pgmpy sorts what it is not told; the states were told.
            assert all(list(cpd.state_names[n]) == states[n] for n in own + [name])
            tables[name] = {"parents": own, "values": values.flatten().tolist()}
        found["priors"].append({"prior": prior, "weight": 2.0 if prior == "each" else 10.0, "tables": tables})
    found["em"] = expectation(bn, data, rng, parents)
    return found


def expectation(bn, data, rng, parents):
    """A third of the cells missing, from the tables of the network, without noise."""
    holes = data.mask(rng.random(data.shape) < 0.33, "?").head(150)
    text = holes.to_csv(index=False)
    # Somewhere else than the tables that the data were drawn from, and without zeros.
    start = gum.BayesNet(bn)
    for node in start.nodes():
        name = start.variable(node).name()
        cpt = start.cpt(name)
        cpt.fillWith((cpt + 0.3))
        cpt.normalizeAsCPT()
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(text)
        file.flush()
        learner = gum.BNLearner(file.name, start, ["?"])
        learner.useEM(1e-14, 0.0)
        learner.EMsetMaxIter(100_000) if hasattr(learner, "EMsetMaxIter") else None
        learned = learner.learnParameters(start)
    names = list(data.columns)
    return {"csv": text,
            "start": {name: {"parents": parents[name], "values": table_of(start, name, parents[name])} for name in names},
            "tables": {name: {"parents": parents[name], "values": table_of(learned, name, parents[name])}
                       for name in names}}


def posterior(bn, target, evidence):
    ie = gum.LazyPropagation(bn)
    ie.setEvidence(evidence)
    ie.makeInference()
    return ie.posterior(target).toarray().tolist()


def sensitivity():
    rng = random.Random(11)
    cases = []
    for name, target, evidence in [("asia", "lung", {"xray": "yes", "dysp": "yes"}),
                                   ("sachs", "Erk", {"Akt": "LOW", "PKA": "AVG"}),
                                   ("child", "Disease", {"GruntingReport": "yes", "XrayReport": "Oligaemic"}),
                                   ("alarm", "HYPOVOLEMIA", {"BP": "LOW", "HRBP": "HIGH", "PCWP": "LOW"})]:
        bn = network(name)
        for _ in range(12):
            variable = rng.choice(sorted(bn.names()))
            parents = [bn.variable(p).name() for p in bn.parents(variable)]
            given = {p: rng.randrange(bn.variableFromName(p).domainSize()) for p in parents}
            state = rng.randrange(bn.variableFromName(variable).domainSize())
            row = np.atleast_1d(bn.cpt(variable)[given]) if given else bn.cpt(variable).toarray()
            if not 0 < row[state] < 1:
                continue
            at = []
            for x in (0.1, 0.45, 0.9):
                other = gum.BayesNet(bn)
                changed = row * (1 - x) / (1 - row[state])
                changed[state] = x
                if given:
                    other.cpt(variable)[given] = changed.tolist()
                else:
                    other.cpt(variable).fillWith(changed.tolist())
                at.append([x, posterior(other, target, evidence)])
            cases.append({"network": name, "target": target, "evidence": evidence, "variable": variable,
                          "given": {p: bn.variableFromName(p).label(s) for p, s in given.items()},
                          "state": bn.variableFromName(variable).label(state), "at": at})
    return cases


def separation():
    rng = random.Random(5)
    cases = []
    for name in ("alarm", "insurance"):
        bn = network(name)
        names = sorted(bn.names())
        for _ in range(150):
            a, b, *given = rng.sample(names, 2 + rng.randrange(6))
            cases.append({"network": name, "a": a, "b": b, "given": given, "separated": bn.isIndependent(a, b, given)})
    return cases


def information():
    rng = random.Random(6)
    cases = []
    for name in ("asia", "child", "alarm"):
        bn = network(name)
        names = sorted(bn.names())
        for _ in range(12):
            a, b = rng.sample(names, 2)
            ie = gum.LazyPropagation(bn)
            cases.append({"network": name, "a": a, "b": b,
                          "bits": gum.InformationTheory(ie, [a], [b]).mutualInformationXY()})
    return cases


def circuits():
    """Random circuits, as products of Kronecker products."""
    one = np.eye(2, dtype=complex)
    gates = {"h": np.array([[1, 1], [1, -1]]) / np.sqrt(2), "x": np.array([[0, 1], [1, 0]]),
             "y": np.array([[0, -1j], [1j, 0]]), "z": np.diag([1, -1]), "s": np.diag([1, 1j]),
             "t": np.diag([1, np.exp(0.25j * np.pi)])}

    def spread(single, qubits):
        matrix = np.eye(1)
        for qubit in reversed(range(qubits)):
            matrix = np.kron(matrix, single.get(qubit, one))
        return matrix

    rng = random.Random(3)
    cases = []
    for qubits in (1, 2, 3, 5, 6):
        text, state = f"qubits {qubits}\n", np.zeros(2**qubits, dtype=complex)
        state[0] = 1
        for _ in range(30):
            kind = rng.choice(list(gates) + (["cnot", "swap"] if qubits > 1 else []))
            if kind in gates:
                q = rng.randrange(qubits)
                text += f"{kind} {q}\n"
                state = spread({q: gates[kind]}, qubits) @ state
                continue
            a, b = rng.sample(range(qubits), 2)
            text += f"{kind} {a} {b}\n"
            zero, project = np.diag([1, 0]), np.diag([0, 1])
            cnot = lambda c, t: spread({c: zero}, qubits) + spread({c: project, t: gates["x"]}, qubits)
            state = cnot(a, b) @ state if kind == "cnot" else cnot(a, b) @ cnot(b, a) @ cnot(a, b) @ state
        cases.append({"circuit": text, "re": state.real.tolist(), "im": state.imag.tolist()})
    return cases


def main():
    found = {"learning": learning(), "sensitivity": sensitivity(), "separation": separation(),
             "information": information(), "circuits": circuits()}
    (HERE / "analysis_references.json").write_text(json.dumps(found) + "\n")


main()
