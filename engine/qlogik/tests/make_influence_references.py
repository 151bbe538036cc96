"""Makes tests/influence_references.json: answers to decision problems, the classical and random ones.

With full memory the reference is backward induction over the whole joint table (NumPy), beside pyAgrum 3.3, which agrees
in all cases but those that the script prints: there pyAgrum's answer is below what backward induction reaches. With
limited memory the reference is pyAgrum alone.

Run: python make_influence_references.py   (needs pyagrum, numpy)

A diagram is written as a list of nodes in topological order: [kind, name, size, parents, table], tables with the first
parent slowest and the node's own states fastest. With full memory pyAgrum is told the order of the decisions.
"""

import itertools
import json
import pathlib
import random

import numpy as np
import pyagrum as gum

HERE = pathlib.Path(__file__).parent


def oil():
    """Raiffa's oil wildcatter: a seismic test may be bought before the decision to drill."""
    return [
        ["chance", "oil", 3, [], [0.5, 0.3, 0.2]],
        ["decision", "test", 2, [], []],
        ["chance", "result", 4, ["oil", "test"],
         [0.1, 0.3, 0.6, 0, 0, 0, 0, 1, 0.3, 0.4, 0.3, 0, 0, 0, 0, 1, 0.5, 0.4, 0.1, 0, 0, 0, 0, 1]],
        ["decision", "drill", 2, ["test", "result"], []],
        ["utility", "cost", 0, ["test"], [-10, 0]],
        ["utility", "profit", 0, ["oil", "drill"], [-70, 0, 50, 0, 200, 0]],
    ]


def umbrella():
    return [
        ["chance", "weather", 2, [], [0.3, 0.7]],
        ["chance", "forecast", 3, ["weather"], [0.6, 0.25, 0.15, 0.1, 0.2, 0.7]],
        ["decision", "umbrella", 2, ["forecast"], []],
        ["utility", "comfort", 0, ["weather", "umbrella"], [70, 0, 20, 100]],
    ]


def pigs():
    """The breeding problem of Lauritzen and Nilsson (2001) with three months; treatments are decided with limited memory."""
    nodes = [["chance", "h1", 2, [], [0.1, 0.9]]]
    for month in range(1, 4):
        nodes += [
            ["chance", f"t{month}", 2, [f"h{month}"], [0.8, 0.2, 0.1, 0.9]],
            ["decision", f"d{month}", 2, [f"t{month}"], []],
            ["utility", f"u{month}", 0, [f"d{month}"], [-100, 0]],
            ["chance", f"h{month + 1}", 2, [f"h{month}", f"d{month}"], [0.5, 0.5, 0.9, 0.1, 0.1, 0.9, 0.2, 0.8]],
        ]
    return nodes + [["utility", "price", 0, ["h4"], [300, 1000]]]


def drawn(seed):
    rng = random.Random(seed)
    nodes, sizes, known = [], {}, []
    decisions = rng.randint(1, 3)
    for step in range(decisions + 1):
        for number in range(rng.randint(1, 3)):
            name, size = f"c{step}{number}", rng.randint(2, 3)
            parents = rng.sample(list(sizes), min(len(sizes), rng.randint(0, 3)))
            rows = int(np.prod([sizes[p] for p in parents])) if parents else 1
            table = np.random.RandomState(rng.randint(0, 10**6)).dirichlet([0.7] * size, rows).ravel().tolist()
            nodes.append(["chance", name, size, parents, table])
            sizes[name] = size
        if step < decisions:
            chance = [n[1] for n in nodes if n[0] == "chance" and n[1] not in known]
            seen = rng.sample(chance, min(len(chance), rng.randint(0, 2)))
            known += seen
            name, size = f"d{step}", rng.randint(2, 3)
            nodes.append(["decision", name, size, seen + ([f"d{step - 1}"] if step else []), []])
            sizes[name] = size
    for number in range(rng.randint(1, 3)):
        parents = rng.sample(list(sizes), min(len(sizes), rng.randint(1, 3)))
        if number == 0:
            parents = list(dict.fromkeys([f"d{decisions - 1}", *parents]))[:3]
        cells = int(np.prod([sizes[p] for p in parents]))
        nodes.append(["utility", f"u{number}", 0, parents, [round(rng.uniform(-50, 100), 3) for _ in range(cells)]])
    return nodes


def build(nodes):
    diagram = gum.InfluenceDiagram()
    sizes = {}
    for kind, name, size, parents, _ in nodes:
        variable = gum.LabelizedVariable(name, name, max(size, 1))
        sizes[name] = size
        {"chance": diagram.addChanceNode, "decision": diagram.addDecisionNode, "utility": diagram.addUtilityNode}[kind](variable)
        for parent in parents:
            diagram.addArc(parent, name)
    for kind, name, size, parents, table in nodes:
        if kind == "decision":
            continue
        own = [size] if kind == "chance" else []
        values = np.array(table, dtype=float).reshape([sizes[p] for p in parents] + own)
        target = diagram.cpt(name) if kind == "chance" else diagram.utility(name)
        for index in itertools.product(*[range(sizes[p]) for p in parents]):
            where = dict(zip(parents, index))
            if kind == "chance":
                target[where] = values[index].tolist() if parents else values.tolist()
            else:
                target[{**where, name: 0}] = float(values[index])
    return diagram


def solve(nodes, full_memory, informed=None):
    nodes = [list(node) for node in nodes]
    if informed:
        of, decision = informed
        for node in nodes:
            if node[1] == decision and of not in node[3]:
                node[3] = node[3] + [of]
    engine = gum.ShaferShenoyLIMIDInference(build(nodes))
    if full_memory:
        engine.addNoForgettingAssumption([n[1] for n in nodes if n[0] == "decision"])
    if not engine.isSolvable():
        return None
    engine.makeInference()
    return engine.MEU()["mean"]


def induction(nodes, informed=None):
    """Backward induction: sum over what is never known, maximise over the last decision, sum over what it knew, ..."""
    size = {n[1]: n[2] for n in nodes}
    names = [n[1] for n in nodes if n[0] != "utility"]
    axis = {name: place for place, name in enumerate(names)}

    def spread(scope, table):
        values = np.array(table, dtype=float).reshape([size[name] for name in scope])
        values = values.transpose(sorted(range(len(scope)), key=lambda place: axis[scope[place]]))
        return values.reshape([size[name] if name in scope else 1 for name in names])

    probability, gain = np.ones([size[name] for name in names]), 0
    for kind, name, _, parents, table in nodes:
        if kind == "chance":
            probability = probability * spread(parents + [name], table)
        elif kind == "utility":
            gain = gain + spread(parents, table)
    value = probability * gain
    decisions = [(n[1], n[3] + ([informed[0]] if informed and informed[1] == n[1] else [])) for n in nodes if n[0] == "decision"]
    known, steps = {name for name, _ in decisions}, []
    for name, information in decisions:
        steps.append((name, [other for other in dict.fromkeys(information) if other not in known]))
        known |= set(information)
    value = value.sum(axis=tuple(axis[name] for name in names if name not in known), keepdims=True)
    for name, new in reversed(steps):
        value = value.max(axis=axis[name], keepdims=True)
        value = value.sum(axis=tuple(axis[other] for other in new), keepdims=True)
    return float(value.ravel()[0])


def reference(name, nodes, full, informed=None):
    theirs = solve(nodes, full, informed)
    if not full:
        return theirs
    ours = induction(nodes, informed)
    if abs(ours - theirs) > 1e-9 * max(1, abs(ours)):
        assert theirs < ours
        print(f"{name} {informed}: pyAgrum says {theirs}, backward induction reaches {ours}")
    return ours


def main():
    cases = []
    named = [("oil", oil(), True), ("umbrella", umbrella(), True), ("pigs", pigs(), True)]
    named += [(f"drawn {seed}", drawn(seed), True) for seed in range(30)]
    named += [(f"limited {seed}", drawn(seed), False) for seed in range(30, 50)]
    for name, nodes, full in named:
        meu = reference(name, nodes, full)
        case = {"name": name, "nodes": nodes, "full_memory": full, "expected": meu, "informed": []}
        last = [n[1] for n in nodes if n[0] == "decision"][-1]
        for node in nodes[: [n[1] for n in nodes].index(last)]:
            if full and node[0] == "chance":
                case["informed"].append([node[1], last, reference(name, nodes, True, (node[1], last))])
        cases.append(case)
    with open(HERE / "influence_references.json", "w") as file:
        json.dump(cases, file, separators=(",", ":"))
        file.write("\n")


main()
