#!/usr/bin/env python3
"""Writes tests/fixtures/scipy.json, hypothesis.json, sampling.json and polygamma.json: what SciPy gives for distributions, integrals,
equations, minima, hypothesis tests and sequences of even points, and ArviZ for the diagnosis of chains.

Run it by hand after adding a case, with NumPy, SciPy and ArviZ installed:  python3 tests/reference.py
It is not run by the tests; the file is committed.
"""

import json
import pathlib
import types
import warnings

import arviz
import numpy as np
import scipy.integrate
import scipy.special as sp
import scipy.stats as st
from scipy.stats._ksstats import _kolmogn_DMTW


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

rng = np.random.default_rng(20261121)
findings = []


def finding(test, samples, result, **options):
    """`samples` are lists of numbers; p-values of SciPy's tests are checked to 1e-9 of their size."""
    findings.append({"test": test, "samples": [[float(v) for v in s] for s in samples], "options": options,
                     "statistic": number(result.statistic), "p_value": number(result.pvalue)})


def draw(n):
    return np.round(rng.standard_normal(n), 5)


def ties(x):
    return np.round(x * 2) / 2


sides = {"two-sided": "two-sided", "less": "less", "greater": "greater"}
for side in sides:
    for m, n, shift in [(2, 3, 0.0), (7, 5, 1.0), (30, 12, -0.6), (200, 150, 0.2), (9, 40, 3.0)]:
        x, y = draw(m), np.round(draw(n) * 1.7 + shift, 5)
        finding("t_one", [x], st.ttest_1samp(x, 0.3, alternative=side), side=side, mean=0.3)
        finding("t_equal", [x, y], st.ttest_ind(x, y, alternative=side), side=side)
        finding("t_welch", [x, y], st.ttest_ind(x, y, equal_var=False, alternative=side), side=side)
        finding("mann_whitney", [x, y], st.mannwhitneyu(x, y, alternative=side), side=side)
        finding("mann_whitney", [ties(x), ties(y)], st.mannwhitneyu(ties(x), ties(y), alternative=side), side=side)
        z = np.round(x * 0.5 + draw(m), 5)
        if m > 2:
            finding("pearson", [x, z], st.pearsonr(x, z, alternative=side), side=side)
            finding("spearman", [x, z], st.spearmanr(x, z, alternative=side), side=side)
            finding("spearman", [ties(x), ties(z)], st.spearmanr(ties(x), ties(z), alternative=side), side=side)
        finding("wilcoxon", [x + 0.2], st.wilcoxon(x + 0.2, alternative=side), side=side)
        if m < 10 or m > 50:
            finding("wilcoxon", [ties(x) + 0.5], st.wilcoxon(ties(x) + 0.5, alternative=side), side=side)
groups = [draw(k) * s + d for k, s, d in [(5, 1, 0), (9, 2, 0.5), (4, 1, 1)]]
tied = [ties(g) for g in groups]
for name, f in {"anova": st.f_oneway, "levene": st.levene, "kruskal": st.kruskal}.items():
    finding(name, groups, f(*groups))
    finding(name, tied, f(*tied))
for n in (1, 2, 5, 20, 139, 400, 900):
    for stretch in (0.9, 1.3, 3.0):
        x = np.round(draw(n) * stretch + 0.05, 5)
        result = st.kstest(x, "norm")
        # For larger samples SciPy's own choice is an approximation, good to 1e-6; its exact algorithm is asked instead.
        if 0.5 < n * result.statistic**2 < 4 and n > 140:
            result = types.SimpleNamespace(statistic=result.statistic, pvalue=_kolmogn_DMTW(n, result.statistic, cdf=False))
        finding("ks_normal", [x], result)
for m, n, shift in [(1, 1, 0), (3, 4, 0), (10, 10, 0.5), (25, 40, 0.2), (300, 200, 0.1), (50, 60, 3)]:
    x, y = draw(m), draw(n) + shift
    finding("ks_two", [x, y], st.ks_2samp(x, y))
for counts, expected in [([16, 18, 16, 14, 12, 12], None), ([3, 9, 40], [5, 7, 40]), ([0, 4], None)]:
    finding("chi2_fit", [counts, expected or []], st.chisquare(counts, expected))
for table in ([[10, 20, 30], [6, 9, 17]], [[8, 2], [1, 5]], [[120, 90], [100, 131]], [[5, 6], [7, 8], [9, 1]]):
    for corrected in (False, True):
        finding("chi2_table", table, st.chi2_contingency(table, correction=corrected), corrected=corrected)
for table in ([[8, 2], [1, 5]], [[3, 1], [1, 3]], [[0, 5], [4, 2]], [[120, 90], [100, 131]], [[1000, 2], [3, 900]], [[10, 0], [0, 12]]):
    finding("fisher_exact", table, st.fisher_exact(table))
for n in (8, 21, 300):
    for x in (draw(n), np.round(rng.exponential(size=n), 5), np.round(rng.uniform(size=n), 5)):
        finding("normality", [x], st.normaltest(x))

# NIST's reference data sets for the analysis of variance, with certified values (they come with SciPy's tests).
for name, rtol in [("AtmWtAg", 1e-8), ("SiRstv", 1e-10), ("SmLs01", 1e-10), ("SmLs04", 1e-7)]:
    lines = (pathlib.Path(st.__file__).parent / "tests/data/nist_anova" / f"{name}.dat").read_text().splitlines()
    certified = [line for line in lines if line.startswith("Between")][0].split()
    table = [tuple(map(float, line.split())) for line in lines[60:] if line.strip()]
    groups = [[y for g, y in table if g == group] for group in sorted({g for g, _ in table})]
    f = float(certified[-1])
    p = st.f.sf(f, len(groups) - 1, len(table) - len(groups))
    finding("anova", groups, types.SimpleNamespace(statistic=f, pvalue=p))
    findings[-1]["rtol"] = rtol

def robertson(t, y):
    return [-0.04 * y[0] + 1e4 * y[1] * y[2], 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2]


def van_der_pol(t, y):
    return [y[1], 1e3 * (1 - y[0] ** 2) * y[1] - y[0]]


stiff = []
for name, f, start, times in [("robertson", robertson, [1.0, 0.0, 0.0], [0.0, 0.4, 40.0, 4e5]), ("van_der_pol", van_der_pol, [2.0, 0.0], [0.0, 1.0, 500.0, 1000.0])]:
    s = scipy.integrate.solve_ivp(f, (0, times[-1]), start, method="Radau", t_eval=times, rtol=1e-11, atol=1e-14)
    stiff.append({"name": name, "start": start, "times": times, "states": s.y.T.tolist()})
path.with_name("stiff.json").write_text(json.dumps(stiff) + "\n")

path = path.with_name("hypothesis.json")
path.write_text("[\n" + ",\n".join(json.dumps(f, separators=(",", ":")) for f in findings) + "\n]\n")
print(path, len(findings))

points = []
for family, make, dimensions, count in [("sobol", st.qmc.Sobol, 256, 8), ("sobol", st.qmc.Sobol, 3, 40), ("halton", st.qmc.Halton, 30, 7), ("halton", st.qmc.Halton, 2, 50)]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points.append({"family": family, "dimensions": dimensions, "points": make(dimensions, scramble=False).random(count).tolist()})
chains = []
for m, n, memory in [(4, 100, 0.0), (4, 101, 0.7), (2, 60, -0.5), (1, 40, 0.2), (3, 5, 0.0), (4, 200, 0.97)]:
    x = rng.standard_normal((m, n))
    for t in range(1, n):
        x[:, t] += memory * x[:, t - 1]
    x = np.round(x, 4)
    if m == 3:
        x = np.round(x, 0)
    data = arviz.convert_to_dataset(x)
    measure = lambda f, **k: float(f(data, **k)["x"])
    chains.append({"draws": x.tolist(), "r_hat": measure(arviz.rhat) if m > 1 else None,
                   "ess_bulk": measure(arviz.ess, method="bulk"), "ess_tail": measure(arviz.ess, method="tail")})
vectors = []
for n in (1, 2, 5):
    mean, a = np.round(rng.standard_normal(n), 3), np.round(rng.standard_normal((n, n + 2)), 3)
    cov = a @ a.T
    for x in rng.standard_normal((3, n)):
        density = st.multivariate_normal(mean, cov).logpdf(x)
        vectors.append({"family": "normal", "a": mean.tolist(), "b": cov.ravel().tolist(), "x": x.tolist(), "ln_density": float(density)})
    alpha = np.round(rng.exponential(size=n + 1) + 0.1, 3)
    d = st.dirichlet(alpha)
    for x in d.rvs(3, random_state=rng):
        x = x / x.sum()
        vectors.append({"family": "dirichlet", "a": alpha.tolist(), "b": [], "x": x.tolist(), "ln_density": float(d.logpdf(x)),
                        "mean": d.mean().tolist(), "covariance": d.cov().ravel().tolist()})
path = path.with_name("sampling.json")
path.write_text(json.dumps({"points": points, "chains": chains, "vectors": vectors}, separators=(",", ":")) + "\n")
print(path)

points = [1e-8, 1e-3, 0.1, 0.5, 1.0, 1.4616321449683622, 1.5, 2.0, 3.7, 9.99, 10.0, 25.5, 1e3, 1e8]
derivatives = [[n, x, float(sp.polygamma(n, x))] for n in (1, 2, 3, 5, 10, 20) for x in points]
path = path.with_name("polygamma.json")
path.write_text(json.dumps({
    "digamma": [[x, float(sp.digamma(x))] for x in points + [-0.5, -1.25, -7.3, -100.75]],
    "polygamma": [case for case in derivatives if np.isfinite(case[2]) and case[2] != 0],
}, indent=0) + "\n")
print(path)
