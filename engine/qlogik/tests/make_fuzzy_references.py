"""Makes tests/fuzzy_references.json: membership functions, defuzzified sets and whole systems by scikit-fuzzy 0.5.

Run: python make_fuzzy_references.py   (needs scikit-fuzzy, numpy, scipy, networkx, packaging)

`systems` joins sets over the grid that the engine documents (even steps, and the places where terms bend) with the
functions of scikit-fuzzy; `control` asks scikit-fuzzy's own control systems, which take a grid of their own.
"""

import json
import pathlib
import random

import numpy as np
import skfuzzy as fuzz
from skfuzzy import control as ctrl

HERE = pathlib.Path(__file__).parent
STEPS = 400

SHAPES = {
    "triangular": lambda x, p: fuzz.trimf(x, p),
    "trapezoid": lambda x, p: fuzz.trapmf(x, p),
    "gaussian": lambda x, p: fuzz.gaussmf(x, p[0], p[1]),
    "sigmoid": lambda x, p: fuzz.sigmf(x, p[0], p[1]),
    "bell": lambda x, p: fuzz.gbellmf(x, p[0], p[1], p[2]),
    "rising": lambda x, p: fuzz.smf(x, p[0], p[1]),
    "falling": lambda x, p: fuzz.zmf(x, p[0], p[1]),
}
BENDS = {
    "triangular": lambda p: p,
    "trapezoid": lambda p: p,
    "gaussian": lambda p: p[:1],
    "sigmoid": lambda p: p[:1],
    "bell": lambda p: p[2:],
    "rising": lambda p: [p[0], (p[0] + p[1]) / 2, p[1]],
    "falling": lambda p: [p[0], (p[0] + p[1]) / 2, p[1]],
}
AND = {"minimum": np.fmin, "product": lambda a, b: a * b}
OR = {"minimum": np.fmax, "product": lambda a, b: a + b - a * b, "lukasiewicz": lambda a, b: np.minimum(1.0, a + b)}
DEFUZZ = {"centroid": "centroid", "bisector": "bisector", "smallest_of_maximum": "som", "largest_of_maximum": "lom",
          "mean_of_maximum": "mom"}


def drawn(rng, shape):
    if shape in ("triangular", "trapezoid", "rising", "falling"):
        count = {"triangular": 3, "trapezoid": 4}.get(shape, 2)
        return sorted(round(rng.uniform(0, 10), 3) for _ in range(count))
    if shape == "gaussian":
        return [round(rng.uniform(0, 10), 3), round(rng.uniform(0.3, 3), 3)]
    if shape == "sigmoid":
        return [round(rng.uniform(2, 8), 3), round(rng.choice([-1, 1]) * rng.uniform(0.5, 4), 3)]
    return [round(rng.uniform(0.5, 3), 3), round(rng.uniform(0.5, 4), 3), round(rng.uniform(0, 10), 3)]


def memberships(rng):
    grid = np.linspace(-1.0, 11.0, 49)
    cases = []
    for shape, function in SHAPES.items():
        for _ in range(8):
            numbers = drawn(rng, shape)
            cases.append({"shape": shape, "numbers": numbers, "places": grid.tolist(),
                          "values": np.asarray(function(grid, numbers)).tolist()})
    return cases


def systems(rng):
    cases = []
    for number in range(60):
        terms = []
        for _ in range(3):
            shape = rng.choice(list(SHAPES))
            terms.append((shape, drawn(rng, shape)))
        inputs = [[("falling", [0, 10]), ("rising", [0, 10])] for _ in range(2)]
        values = [round(rng.uniform(0.5, 9.5), 3) for _ in range(2)]
        conjunction, disjunction = rng.choice(list(AND)), rng.choice(list(OR))
        implication, aggregation = rng.choice(list(AND)), rng.choice(list(OR))
        degree = lambda i, t: float(SHAPES[inputs[i][t][0]](np.array([values[i]]), inputs[i][t][1])[0])
        rules = [("if a is lo and b is lo then out is t0", AND[conjunction](degree(0, 0), degree(1, 0))),
                 ("if a is hi or b is hi then out is t1", OR[disjunction](degree(0, 1), degree(1, 1))),
                 ("if a is not lo then out is t2 with 0.75", 0.75 * (1 - degree(0, 0)))]
        bends = [place for shape, numbers in terms for place in BENDS[shape](numbers) if 0 <= place <= 10]
        grid = np.unique(np.concatenate([np.arange(STEPS + 1) * 10 / STEPS, np.array(bends, dtype=float)]))
        joined = np.zeros_like(grid)
        for (shape, numbers), (_, strength) in zip(terms, rules):
            joined = OR[aggregation](joined, AND[implication](strength, SHAPES[shape](grid, numbers)))
        if joined.sum() == 0:
            continue
        defuzzifier = list(DEFUZZ)[number % len(DEFUZZ)]
        shapes = ", ".join(f"t{i} = {{ {shape} = {numbers} }}" for i, (shape, numbers) in enumerate(terms))
        listed = ", ".join(f'"{text}"' for text, _ in rules)
        text = (f'and = "{conjunction}"\nor = "{disjunction}"\nimplication = "{implication}"\n'
                f'aggregation = "{aggregation}"\ndefuzzifier = "{defuzzifier}"\nsteps = {STEPS}\nrules = [{listed}]\n')
        for name in "ab":
            text += (f'[[input]]\nname = "{name}"\nrange = [0, 10]\n'
                     "terms = { lo = { falling = [0, 10] }, hi = { rising = [0, 10] } }\n")
        text += f'[[output]]\nname = "out"\nrange = [0, 10]\nterms = {{ {shapes} }}\n'
        cases.append({"model": text, "inputs": {"a": values[0], "b": values[1]}, "defuzzifier": defuzzifier,
                      "strengths": [float(strength) for _, strength in rules],
                      "value": float(fuzz.defuzz(grid, joined, DEFUZZ[defuzzifier]))})
    return cases


def control(rng):
    """The tip problem of scikit-fuzzy's documentation, with other rules and terms."""
    quality = ctrl.Antecedent(np.linspace(0, 10, 201), "quality")
    service = ctrl.Antecedent(np.linspace(0, 10, 201), "service")
    tip = ctrl.Consequent(np.linspace(0, 25, 2501), "tip")
    for variable in (quality, service):
        variable["poor"] = fuzz.trimf(variable.universe, [0, 0, 5])
        variable["average"] = fuzz.trimf(variable.universe, [0, 5, 10])
        variable["good"] = fuzz.trapmf(variable.universe, [5, 9, 10, 10])
    tip["low"] = fuzz.trimf(tip.universe, [0, 0, 13])
    tip["medium"] = fuzz.trimf(tip.universe, [0, 13, 25])
    tip["high"] = fuzz.trapmf(tip.universe, [13, 22, 25, 25])
    rules = [ctrl.Rule(quality["poor"] | service["poor"], tip["low"]),
             ctrl.Rule(service["average"] & ~quality["poor"], tip["medium"]),
             ctrl.Rule(service["good"] | quality["good"], tip["high"])]
    simulation = ctrl.ControlSystemSimulation(ctrl.ControlSystem(rules))
    text = ('rules = ["if quality is poor or service is poor then tip is low", '
            '"if service is average and quality is not poor then tip is medium", '
            '"if service is good or quality is good then tip is high"]\n')
    for name in ("quality", "service"):
        text += (f'[[input]]\nname = "{name}"\nrange = [0, 10]\nterms = {{ poor = {{ triangular = [0, 0, 5] }}, '
                 "average = { triangular = [0, 5, 10] }, good = { trapezoid = [5, 9, 10, 10] } }\n")
    text += ('[[output]]\nname = "tip"\nrange = [0, 25]\nterms = { low = { triangular = [0, 0, 13] }, '
             "medium = { triangular = [0, 13, 25] }, high = { trapezoid = [13, 22, 25, 25] } }\n")
    cases = []
    for _ in range(40):
        given = {"quality": round(rng.uniform(0, 10), 2), "service": round(rng.uniform(0, 10), 2)}
        for name, value in given.items():
            simulation.input[name] = value
        simulation.compute()
        cases.append({"inputs": given, "value": float(simulation.output["tip"])})
    return {"model": text, "cases": cases}


def main():
    rng = random.Random(20261121)
    found = {"memberships": memberships(rng), "systems": systems(rng), "control": control(rng)}
    (HERE / "fuzzy_references.json").write_text(json.dumps(found) + "\n")


main()
