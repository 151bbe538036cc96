"""Writes golden/*.json: what the examples should print, computed without NEXUS-OS and, where there is a choice, by
another method than the example's own.

    python -m venv venv && venv/bin/pip install numpy scipy && venv/bin/python examples/reference.py

A golden file has the name of its program, how its numbers came about, a tolerance, and either the whole `result`
(numbers agree if they differ by at most tolerance * max(1, |expected|), everything else if it is equal) or, for a random
program, an `estimate`: the fields `low` and `high` of the result must enclose `value` and be at most `width` apart.
"""

import json
import math
import pathlib

import numpy as np
import scipy.cluster.vq
import scipy.signal
import scipy.stats

HERE = pathlib.Path(__file__).parent


def tensor(array, dtype):
    array = np.asarray(array)
    return {"dtype": dtype, "shape": list(array.shape), "data": array.ravel().tolist()}


def write(program, method, tolerance, **expected):
    golden = {"program": f"{program}.mcode", "method": method, "tolerance": tolerance, **expected}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "golden" / f"{program}.json").write_text("{\n" + lines + "\n}\n")


def iris():
    return np.loadtxt(HERE / "data" / "iris.csv", delimiter=",", skiprows=1, usecols=range(4))


def hello():
    write("hello", "by reading it", 0, result="hello")


def seed():
    write("seed", "each entry is a sum of a hundred ones", 0, result=tensor(np.full((100, 100), 100.0), "f32"))


def fib():
    golden_ratio = (1 + math.sqrt(5)) / 2
    write("fib", "Binet's formula", 0, result=round(golden_ratio**24 / math.sqrt(5)))


def pca():
    values, vectors = np.linalg.eigh(np.cov(iris(), rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1][:, :2]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), [0, 1]])
    result = {"explained": tensor(values / values.sum(), "f32"), "loadings": tensor(vectors, "f32")}
    write("pca", "numpy.linalg.eigh of the covariance matrix, in f64", 2e-6, result=result)


def black_scholes():
    spot, strike, rate, volatility, years = 100.0, 100.0, 0.05, 0.2, 1.0
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / (volatility * math.sqrt(years))
    d2 = d1 - volatility * math.sqrt(years)
    price = spot * scipy.stats.norm.cdf(d1) - strike * math.exp(-rate * years) * scipy.stats.norm.cdf(d2)
    write("black_scholes", "the closed form of Black and Scholes", 0, estimate={"value": price, "width": 0.06})


def linear_regression():
    # Certified values, NIST Statistical Reference Datasets, Longley.
    coefficients = [
        -3482258.63459582,
        15.0618722713733,
        -0.358191792925910e-01,
        -2.02022980381683,
        -1.03322686717359,
        -0.511041056535807e-01,
        1829.15146461355,
    ]
    result = {
        "coefficients": tensor(coefficients, "f64"),
        "r_squared": 0.995479004577296,
        "residual_deviation": 304.854073561965,
    }
    write("linear_regression", "certified by NIST (StRD, Longley)", 1e-7, result=result)


def kmeans():
    x = iris()
    centres, group = scipy.cluster.vq.kmeans2(x, x[[0, 50, 100]], iter=100, minit="matrix")
    rounds, previous = 0, None
    while previous is None or (group_of(x, trail) != previous).any():
        previous = group_of(x, x[[0, 50, 100]]) if rounds == 0 else group_of(x, trail)
        trail = np.array([x[previous == k].mean(0) for k in range(3)])
        rounds += 1
    result = {
        "centres": tensor(centres, "f64"),
        "sizes": np.bincount(group).tolist(),
        "inertia": float(((x - centres[group]) ** 2).sum()),
        "rounds": rounds,
    }
    write("kmeans", "scipy.cluster.vq.kmeans2 from the same centres", 1e-9, result=result)


def group_of(x, centres):
    return scipy.cluster.vq.vq(x, centres)[0]


def pagerank():
    links = {1: [2], 2: [1], 3: [0, 1], 4: [1, 3, 5], 5: [1, 4], 6: [1, 4], 7: [1, 4], 8: [1, 4], 9: [4], 10: [4]}
    follows = np.full((11, 11), 1 / 11)
    for page, targets in links.items():
        follows[:, page] = 0
        follows[targets, page] = 1 / len(targets)
    rank = np.linalg.solve(np.eye(11) - 0.85 * follows, np.full(11, 0.15 / 11))
    result = {"most_important": "B", "rank": tensor(rank, "f64")}
    write("pagerank", "the linear system of the stationary distribution", 1e-11, result=result)


def game_of_life():
    world = np.zeros((32, 32), dtype=int)
    for down, right in [(0, 1), (0, 2), (1, 0), (1, 1), (2, 1)]:
        world[16 + down, 16 + right] = 1
    for _ in range(100):
        neighbours = scipy.signal.convolve2d(world, [[1, 1, 1], [1, 0, 1], [1, 1, 1]], mode="same", boundary="wrap")
        world = ((neighbours == 3) | ((neighbours == 2) & (world == 1))).astype(int)
    result = {"alive": int(world.sum()), "world": tensor(world, "i64")}
    write("game_of_life", "scipy.signal.convolve2d with wrapped edges", 0, result=result)


def heat():
    cells, until = 32, 0.05
    h = 1 / cells
    steps = math.ceil(until / (0.2 * h**2))
    # The hill is an eigenvector of the discrete Laplacian, so each step multiplies it by the same number.
    factor = 1 - 8 * (until / steps) / h**2 * math.sin(math.pi * h / 2) ** 2
    middle, exact = factor**steps, math.exp(-2 * math.pi**2 * until)
    result = {"steps": steps, "middle": middle, "exact": exact, "largest_error": abs(middle - exact)}
    write("heat", "the discrete Laplacian's own factor", 1e-11, result=result)


def nbody():
    # The program of the Computer Language Benchmarks Game, pair by pair; it publishes -0.169075164 and -0.169087605.
    solar, days = 4 * math.pi**2, 365.24
    bodies = [
        ([0.0] * 3, [0.0] * 3, solar),
        (
            [4.84143144246472090e00, -1.16032004402742839e00, -1.03622044471123109e-01],
            [1.66007664274403694e-03 * days, 7.69901118419740425e-03 * days, -6.90460016972063023e-05 * days],
            9.54791938424326609e-04 * solar,
        ),
        (
            [8.34336671824457987e00, 4.12479856412430479e00, -4.03523417114321381e-01],
            [-2.76742510726411577e-03 * days, 4.99852801234917238e-03 * days, 2.30417297573763929e-05 * days],
            2.85885980666130812e-04 * solar,
        ),
        (
            [1.28943695621391310e01, -1.51111514016986312e01, -2.23307578892655734e-01],
            [2.96460137564761618e-03 * days, 2.37847173959480950e-03 * days, -2.96589568540237556e-05 * days],
            4.36624404335156298e-05 * solar,
        ),
        (
            [1.53796971148509165e01, -2.59193146099879641e01, 1.79258772950371181e-01],
            [2.68067772490389322e-03 * days, 1.62824170038242295e-03 * days, -9.51592254519715870e-05 * days],
            5.15138902046611451e-05 * solar,
        ),
    ]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1 :]]
    for axis in range(3):
        bodies[0][1][axis] = -sum(v[axis] * m for _, v, m in bodies) / solar

    def energy():
        kinetic = sum(0.5 * m * sum(v**2 for v in velocity) for _, velocity, m in bodies)
        return kinetic - sum(a[2] * b[2] / math.dist(a[0], b[0]) for a, b in pairs)

    before = energy()
    for _ in range(1000):
        for (place_a, speed_a, mass_a), (place_b, speed_b, mass_b) in pairs:
            gap = [a - b for a, b in zip(place_a, place_b)]
            pull = 0.01 / math.hypot(*gap) ** 3
            for axis in range(3):
                speed_a[axis] -= gap[axis] * mass_b * pull
                speed_b[axis] += gap[axis] * mass_a * pull
        for place, speed, _ in bodies:
            for axis in range(3):
                place[axis] += 0.01 * speed[axis]
    result = {"before": before, "after": energy()}
    assert (round(before, 9), round(result["after"], 9)) == (-0.169075164, -0.169087605)
    write("nbody", "the Benchmarks Game's program, pair by pair", 1e-11, result=result)


def kalman():
    # All levels and flows at once, as one multivariate normal distribution: no filter.
    flow = np.loadtxt(HERE / "data" / "nile.csv", delimiter=",", skiprows=1, usecols=1)
    n, noise, drift, prior = len(flow), 15099.0, 1469.1, 1e7
    level = prior + drift * np.minimum.outer(np.arange(n), np.arange(n))
    seen = level + noise * np.eye(n)
    levels = [level[t, : t + 1] @ np.linalg.solve(seen[: t + 1, : t + 1], flow[: t + 1]) for t in range(n)]
    variance = level[-1, -1] - level[-1] @ np.linalg.solve(seen, level[-1])
    result = {
        "level": levels[-1],
        "deviation": math.sqrt(variance),
        "log_likelihood": float(scipy.stats.multivariate_normal(np.zeros(n), seen).logpdf(flow)),
        "levels": tensor(levels, "f64"),
    }
    write("kalman", "conditioning one multivariate normal distribution", 1e-8, result=result)


def sweep():
    x = np.linspace(-1, 1, 64)
    y = 3 * x + 0.5 + 0.1 * np.sin(40 * x)
    design = np.stack([x, np.ones(64)], 1)
    # Gradient descent on a quadratic is a linear map of the distance from its minimum.
    hessian = 2 * design.T @ design / 64
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    slope, offset = best - np.linalg.matrix_power(np.eye(2) - 0.1 * hessian, 200) @ best
    loss = float(((slope * x + offset - y) ** 2).mean())
    result = {"task": 0, "of": 1, "rate": 0.1, "slope": slope, "offset": offset, "loss": loss}
    write("sweep", "a power of the matrix that one step is", 1e-11, result=result)


def mandelbrot():
    re, im = np.meshgrid(np.linspace(-2.2, 0.8, 96), np.linspace(-1.2, 1.2, 64))
    times = np.zeros(re.shape, dtype=int)
    for row, column in np.ndindex(re.shape):
        c, z = complex(re[row, column], im[row, column]), 0j
        while times[row, column] < 40 and abs(z) <= 2:
            z = z * z + c
            times[row, column] += 1
    result = {"inside": int((times == 40).sum()), "steps": int(times.sum()), "middle": times[31, 30:40].tolist()}
    write("mandelbrot", "one point after another, with complex numbers", 0, result=result)


def attention():
    tokens, width, heads = 6, 8, 2
    grid = np.arange(tokens * width).reshape(tokens, width)
    x = np.sin(grid * 0.7)
    weights = [np.cos(np.arange(width * width).reshape(width, width) * (0.3 + k)) / np.sqrt(width) for k in range(4)]
    q, k, v = (x @ weight for weight in weights[:3])
    mixed = np.zeros((tokens, width))
    size = width // heads
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for token in range(tokens):
            scores = q[token, part] @ k[: token + 1, part].T / math.sqrt(size)
            share = np.exp(scores - scores.max())
            mixed[token, part] = share @ v[: token + 1, part] / share.sum()
    y = x + mixed @ weights[3]
    y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + 1e-5)
    write("attention", "head by head and token by token, in f64", 1e-9, result=tensor(y, "f64"))


def mlp():
    table = np.loadtxt(HERE / "data" / "iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    x = (table - table.mean(0)) / table.std(0)
    labels = np.repeat(np.arange(3), 50)
    target = np.eye(3)[labels]
    w1 = np.sin(np.arange(1, 33)).reshape(4, 8) * 0.5
    w2 = np.cos(np.arange(1, 25)).reshape(8, 3) * 0.5
    b1, b2 = np.zeros(8), np.zeros(3)
    losses = []
    for _ in range(200):
        hidden = np.tanh(x @ w1 + b1)
        scores = hidden @ w2 + b2
        share = np.exp(scores - scores.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        losses.append(float(-np.log(share[np.arange(150), labels]).mean()))
        # The derivatives by hand.
        d_scores = (share - target) / 150
        d_hidden = d_scores @ w2.T * (1 - hidden**2)
        w2, b2 = w2 - 0.5 * hidden.T @ d_scores, b2 - 0.5 * d_scores.sum(0)
        w1, b1 = w1 - 0.5 * x.T @ d_hidden, b1 - 0.5 * d_hidden.sum(0)
    right = int(((np.tanh(x @ w1 + b1) @ w2 + b2).argmax(1) == labels).sum())
    result = {"first_loss": losses[0], "last_loss": losses[-1], "right": right, "of": 150}
    write("mlp", "backpropagation written out by hand in numpy", 1e-7, result=result)


for example in [
    hello,
    seed,
    fib,
    pca,
    black_scholes,
    linear_regression,
    kmeans,
    pagerank,
    game_of_life,
    heat,
    nbody,
    kalman,
    sweep,
    mandelbrot,
    attention,
    mlp,
]:
    example()
