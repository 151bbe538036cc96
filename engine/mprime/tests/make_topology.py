"""Makes tests/topology.txt: answers of NetworkX and SciPy about graphs, and of SymPy about balls.

Run: python make_topology.py   (needs networkx, scipy, sympy)

Lines of a graph: `graph directed|undirected vertices`, `edge from to weight` each, then answers: `distances from …` with -
where there is no path, `components …`, `strong …` and `tree weight`; `negative` in place of distances where a circle is.
Lines of balls: `volume dimension radius factor power value` and `surface …`.
"""

import pathlib
import random

import networkx as nx
import numpy as np
from scipy.sparse.csgraph import connected_components
from sympy import Rational, gamma, pi, simplify

HERE = pathlib.Path(__file__).parent
draw = random.Random(17)
lines = []


def first_seen(names):
    numbers = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


def graph(count, edge_count, is_directed, weights):
    edges = [(draw.randrange(count), draw.randrange(count), weights()) for _ in range(edge_count)]
    made = (nx.MultiDiGraph if is_directed else nx.MultiGraph)()
    made.add_nodes_from(range(count))
    made.add_weighted_edges_from(edges)
    lines.append(f"graph {'directed' if is_directed else 'undirected'} {count}")
    lines.extend(f"edge {a} {b} {w!r}" for a, b, w in edges)
    for start in range(0, count, max(1, count // 4)):
        try:
            found = nx.single_source_bellman_ford_path_length(made, start)
            lines.append(f"distances {start} " + " ".join(repr(found[v]) if v in found else "-" for v in range(count)))
        except nx.NetworkXUnbounded:
            lines.append(f"negative {start}")
    matrix = np.zeros((count, count))
    for a, b, _ in edges:
        matrix[a, b] = 1
    lines.append("components " + " ".join(map(str, first_seen(connected_components(matrix, False)[1]))))
    strong = connected_components(matrix, is_directed, "strong")[1]
    lines.append("strong " + " ".join(map(str, first_seen(strong))))
    if not is_directed:
        tree = nx.minimum_spanning_edges(made, data=True, keys=False)
        lines.append(f"tree {sum(edge[2]['weight'] for edge in tree)!r}")


for count, edge_count in ((1, 0), (2, 1), (5, 4), (8, 20), (12, 12), (20, 60), (30, 40), (40, 300)):
    for is_directed in (True, False):
        graph(count, edge_count, is_directed, lambda: draw.randrange(0, 20))
        graph(count, edge_count, is_directed, lambda: draw.random())
    graph(count, edge_count, True, lambda: draw.randrange(-2, 15))
    graph(count, edge_count, True, lambda: draw.choice([-0.5, 1.25, 3.5, 7.0]))
for dimension in range(1, 11):
    for radius in (Rational(1), Rational(3, 2), Rational(10)):
        volume = simplify(pi**Rational(dimension, 2) / gamma(Rational(dimension, 2) + 1) * radius**dimension)
        for name, value in (("volume", volume), ("surface", simplify(volume * dimension / radius))):
            power = dimension // 2
            factor = simplify(value / pi**power)
            lines.append(f"{name} {dimension} {radius} {factor} {power} {float(value.evalf(30))!r}")
(HERE / "topology.txt").write_text("\n".join(lines) + "\n")
