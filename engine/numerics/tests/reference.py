#!/usr/bin/env python3
"""Writes tests/fixtures/scipy.json: what SciPy gives for distributions, integrals, equations and minima.

Run it by hand after adding a case, with NumPy and SciPy installed:  python3 tests/reference.py
It is not run by the tests; the file is committed.
"""

import json
import pathlib

import numpy as np
import scipy.integrate
import scipy.stats as st


def number(x):
    x = float(x)
    return "nan" if np.isnan(x) else ("inf" if x > 0 else "-inf") if np.isinf(x) else x


families = {
    "normal": ([(0, 1), (3, 0.5)], lambda m, s: st.norm(m, s)),
    "lognormal": ([(0, 1), (1, 0.3)], lambda m, s: st.lognorm(s, scale=np.exp(m))),
    "uniform": ([(0, 1), (-2, 5)], lambda a, b: st.uniform(a, b - a)),
    "exponential": ([(1,), (0.2,)], lambda r: st.expon(scale=1 / r)),
    "gamma": ([(0.3, 1), (2.5, 2), (80, 0.5), (5000, 1)], lambda k, r: st.gamma(k, scale=1 / r)),
    "beta": ([(0.5, 0.5), (2, 5), (30, 4), (400, 700)], st.beta),
    "student_t": ([(1,), (4.5,), (200,)], st.t),
    "chi2": ([(1,), (7,), (300,)], st.chi2),
    "f": ([(3, 7), (20, 50)], st.f),
    "poisson": ([(0.4,), (6,), (900,)], st.poisson),
    "binomial": ([(10, 0.3), (1000, 0.02), (5, 1.0)], st.binom),
    "bernoulli": ([(0.25,)], st.bernoulli),
}
probabilities = [1e-12, 1e-4, 0.01, 0.3, 0.5, 0.8, 0.99, 0.9999]

cases = []
for name, (parameters, make) in families.items():
    for p in parameters:
        d = make(*p)
        discrete = hasattr(d.dist, "pmf") and isinstance(d.dist, st.rv_discrete)
        quantiles = [float(d.ppf(q)) for q in probabilities]
        xs = sorted(set(quantiles + [0.0, 1.0, float(d.mean()) if np.isfinite(d.mean()) else 2.0, 3.0]))
        if discrete:
            xs = sorted({float(np.floor(x)) for x in xs if x >= 0} | {2.5})
        density = d.logpmf if discrete else d.logpdf
        cases.append({
            "family": name, "parameters": [float(x) for x in p],
            "mean": number(d.mean()), "variance": number(d.var()),
            "x": [number(x) for x in xs],
            "ln_density": [number(density(x)) for x in xs],
            "cdf": [number(d.cdf(x)) for x in xs],
            "sf": [number(d.sf(x)) for x in xs],
            "p": probabilities, "quantile": [number(q) for q in quantiles],
        })


def lorenz(t, y):
    return [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


times = [0.0, 0.1, 0.35, 0.7, 1.0]
odes = []
for name, f, start in [("lorenz", lorenz, [1.0, 1.0, 1.0]), ("pendulum", pendulum, [2.0, 0.3])]:
    s = scipy.integrate.solve_ivp(f, (0, 1), start, method="DOP853", t_eval=times, rtol=1e-13, atol=1e-13)
    odes.append({"name": name, "start": start, "times": times, "states": s.y.T.tolist()})

path = pathlib.Path(__file__).parent / "fixtures" / "scipy.json"
path.write_text(json.dumps({"distributions": cases, "odes": odes}, indent=None, separators=(",", ":")) + "\n")
print(path, len(cases))
