"""The tensor engine on the CPU beside NumPy, JAX, MLX and PyTorch, in one run: markdown on stdout.

    cargo build --release -p nexus-tensor --example tensor_bench
    python3 -m venv /path/of/a/venv && /path/of/a/venv/bin/pip install numpy scipy jax "mlx[cpu]"
    /path/of/a/venv/bin/python benches/compare/tensor.py [NAME...] > results.md

Ours come from the example `tensor_bench`, once before and once after the peers, so that a machine that got busier shows;
the smaller median of the two is taken, and the peers run twice as well. A peer that is not installed, or is named in the
variable WITHOUT, is left out with a message on stderr. Where PyTorch needs a Python of its own, PYTORCH names it. Peers get operands that are ready and new outputs, as ours do (ours come from its pool).
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
THREADS = str(os.cpu_count())
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
PATIENCE = 0.7
# Operations whose names contain one of these words; all where there are none.
NAMES = sys.argv[1:]
PATHS = 10_000_000


def wanted(name):
    return not NAMES or any(word in name for word in NAMES)


class Times(dict):
    """Medians in ms by name; what is not wanted is not run."""

    def measure(self, name, call):
        if wanted(name):
            self[name] = measured(call)


def measured(call):
    """The median of repeated calls in ms."""
    call(), call()
    runs, begun = [], time.perf_counter()
    while len(runs) < 7 or (time.perf_counter() - begun < PATIENCE and len(runs) < 400):
        started = time.perf_counter()
        call()
        runs.append((time.perf_counter() - started) * 1e3)
    return statistics.median(runs)


def cases(np, f32, exp, tanh, erf, where):
    """Functions of ready operands, written once for every library with NumPy's names."""

    def chain12(x, y):
        t = (x * y + x - f32(0.5)) * f32(0.25)
        return np.maximum(np.sqrt(np.abs(tanh(t) * y + f32(1.5))), f32(0.1)) * x + y

    def cheap12(x, y):
        t = np.abs(np.minimum((x * y + x - f32(0.5)) * f32(0.25), f32(2)) * y + f32(1.5))
        return np.maximum(t * t, f32(0.1)) * x + y

    def softmax(x):
        e = exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def layer_norm(x):
        m = x.mean(-1, keepdims=True)
        v = ((x - m) ** 2).mean(-1, keepdims=True)
        return (x - m) / np.sqrt(v + f32(1e-5))

    def attention(q, k, v):
        return np.matmul(softmax(np.matmul(q, np.swapaxes(k, -1, -2)) * f32(0.125)), v)

    n, wide = (1024, 1024), (4096, 4096)
    matmul = lambda a, b: np.matmul(a, b)
    yield from [
        ("relu_1024", lambda x: np.maximum(x, f32(0)), [n]),
        ("exp_1024", exp, [n]),
        ("tanh_1024", tanh, [n]),
        ("sigmoid_1024", lambda x: 1 / (1 + exp(-x)), [n]),
        ("gelu_1024", lambda x: f32(0.5) * x * (1 + erf(x * f32(0.70710678))), [n]),
        ("sin_1024", np.sin, [n]),
        ("softmax_1024", softmax, [n]),
        ("layer_norm_1024", layer_norm, [n]),
        ("sum_1024", lambda x: x.sum(), [n]),
        ("mean_1024", lambda x: x.mean(), [n]),
        ("var_1024", lambda x: x.var(), [n]),
        ("sum_axis0_1024", lambda x: x.sum(0), [n]),
        ("add_1024", lambda x, y: x + y, [n, n]),
        ("add_4096", lambda x, y: x + y, [wide, wide]),
        ("cheap12_1024", cheap12, [n, n]),
        ("chain12_1024", chain12, [n, n]),
        ("cheap12_4096", cheap12, [wide, wide]),
        ("chain12_4096", chain12, [wide, wide]),
        ("matmul_512", matmul, [(512, 512)] * 2),
        ("matmul_1024", matmul, [n, n]),
        ("matmul_2048", matmul, [(2048, 2048)] * 2),
        ("matmul_skinny", matmul, [(4096, 64), (64, 4096)]),
        ("matvec_4096", matmul, [wide, (4096, 1)]),
        ("matmul_batch", matmul, [(64, 128, 128)] * 2),
        ("attention", attention, [(8, 1024, 64)] * 3),
    ]


def linear_algebra(la):
    yield from [
        ("svd_512", lambda a, spd, big, b: la.svd(a)),
        ("svdvals_512", lambda a, spd, big, b: la.svd(a, compute_uv=False)),
        ("eigh_512", lambda a, spd, big, b: la.eigh(spd)),
        ("qr_512", lambda a, spd, big, b: la.qr(a)),
        ("inv_512", lambda a, spd, big, b: la.inv(spd)),
        ("cholesky_1024", lambda a, spd, big, b: la.cholesky(big)),
        ("solve_1024", lambda a, spd, big, b: la.solve(big, b)),
    ]


def spectra(np):
    """Transforms of complex and of real numbers, with the shapes of their operands."""
    yield from [
        ("fft_2e20", np.fft.fft, (1 << 20,), "complex64"),
        ("rfft_2e20", np.fft.rfft, (1 << 20,), "float32"),
        ("fft_1e6", np.fft.fft, (1_000_000,), "complex64"),
        ("fft_prime", np.fft.fft, (100_003,), "complex64"),
        ("fft_rows_1024", np.fft.fft, (1024, 1024), "complex64"),
        ("fft2_1024", np.fft.fft2, (1024, 1024), "complex64"),
    ]


def signal_of(numpy, shape, dtype):
    rng = numpy.random.default_rng(0)
    draw = lambda: rng.standard_normal(shape, dtype=numpy.float32)
    return (draw() + 1j * draw()).astype(dtype) if dtype == "complex64" else draw()


def matrices(numpy):
    rng = numpy.random.default_rng(0)
    a = rng.standard_normal((512, 512), dtype=numpy.float32)
    definite = lambda g: (g @ g.T / len(g) + numpy.eye(len(g))).astype(numpy.float32)
    big = definite(rng.standard_normal((1024, 1024), dtype=numpy.float32))
    return a, definite(a), big, rng.standard_normal((1024, 1), dtype=numpy.float32)


def of_numpy():
    import numpy

    try:
        from scipy.special import erf
    except ImportError:
        erf = None
    rng = numpy.random.default_rng(0)
    draw = lambda shape: rng.standard_normal(shape, dtype=numpy.float32)
    times = Times()
    for name, call, shapes in cases(numpy, numpy.float32, numpy.exp, numpy.tanh, erf, numpy.where):
        if name != "gelu_1024" or erf:
            operands = [draw(shape) for shape in shapes]
            times.measure(name, lambda: call(*operands))
    for name, call in linear_algebra(numpy.linalg):
        operands = matrices(numpy)
        times.measure(name, lambda: call(*operands))
    for name, call, shape, dtype in spectra(numpy):
        operand = signal_of(numpy, shape, dtype)
        times.measure(name, lambda: call(operand))
    a, b = draw(16), draw(16)
    times.measure("add_16_times_1000", lambda: [a + b for _ in range(1000)])
    times.measure("uniform_1e7", lambda: rng.random(PATHS, dtype=numpy.float32))
    times.measure("normal_1e7", lambda: draw(PATHS))

    def pi():
        x, y = rng.random(PATHS, dtype=numpy.float32), rng.random(PATHS, dtype=numpy.float32)
        return (x * x + y * y <= 1).mean()

    def option():
        s = 100 * numpy.exp(numpy.float32(0.03) + numpy.float32(0.2) * draw(PATHS))
        return numpy.maximum(s - 105, 0).mean()

    times.measure("mc_pi_1e7", pi)
    times.measure("mc_option_1e7", option)
    return times


def of_jax():
    import jax
    import jax.numpy as jnp
    import numpy

    rng = numpy.random.default_rng(0)
    draw = lambda shape: jnp.asarray(rng.standard_normal(shape, dtype=numpy.float32))
    done = lambda result: jax.block_until_ready(result)
    times = Times()
    for name, call, shapes in cases(jnp, jnp.float32, jnp.exp, jnp.tanh, jax.lax.erf, jnp.where):
        compiled, operands = jax.jit(call), [draw(shape) for shape in shapes]
        times.measure(name, lambda: done(compiled(*operands)))
    for name, call in linear_algebra(jnp.linalg):
        compiled, operands = jax.jit(call), [jnp.asarray(m) for m in matrices(numpy)]
        times.measure(name, lambda: done(compiled(*operands)))
    for name, call, shape, dtype in spectra(jnp):
        compiled, operand = jax.jit(call), jnp.asarray(signal_of(numpy, shape, dtype))
        times.measure(name, lambda: done(compiled(operand)))
    for dtype in ("float16", "bfloat16"):
        a, b = (draw((1024, 1024)).astype(dtype) for _ in range(2))
        compiled = jax.jit(jnp.matmul)
        times.measure("matmul_1024_" + {"float16": "f16", "bfloat16": "bf16"}[dtype], lambda: done(compiled(a, b)))
    key = jax.random.key(7)
    uniform = jax.jit(lambda key: jax.random.uniform(key, (PATHS,)))
    normal = jax.jit(lambda key: jax.random.normal(key, (PATHS,)))

    @jax.jit
    def pi(key):
        one, two = jax.random.split(key)
        x, y = jax.random.uniform(one, (PATHS,)), jax.random.uniform(two, (PATHS,))
        return (x * x + y * y <= 1).mean()

    @jax.jit
    def option(key):
        return jnp.maximum(100 * jnp.exp(0.03 + 0.2 * jax.random.normal(key, (PATHS,))) - 105, 0).mean()

    for name, call in [("uniform_1e7", uniform), ("normal_1e7", normal), ("mc_pi_1e7", pi), ("mc_option_1e7", option)]:
        times.measure(name, lambda: done(call(key)))
    return times


def of_mlx():
    import mlx.core as mx
    import numpy

    mx.set_default_device(mx.cpu)
    rng = numpy.random.default_rng(0)
    draw = lambda shape: mx.array(rng.standard_normal(shape, dtype=numpy.float32))
    done = lambda result: mx.eval(result)
    times = Times()
    # Numbers of Python take the dtype of the tensors beside them.
    for name, call, shapes in cases(mx, float, mx.exp, mx.tanh, mx.erf, mx.where):
        compiled, operands = mx.compile(call), [draw(shape) for shape in shapes]
        times.measure(name, lambda: done(compiled(*operands)))
    for name, call in linear_algebra(mx.linalg):
        operands = [mx.array(m) for m in matrices(numpy)]
        times.measure(name, lambda: done(call(*operands)))
    for name, call, shape, dtype in spectra(mx):
        operand = mx.array(signal_of(numpy, shape, dtype))
        times.measure(name, lambda: done(call(operand)))
    for dtype, short in [(mx.float16, "f16"), (mx.bfloat16, "bf16")]:
        a, b = (draw((1024, 1024)).astype(dtype) for _ in range(2))
        times.measure("matmul_1024_" + short, lambda: done(mx.matmul(a, b)))
    uniform, normal = (lambda: mx.random.uniform(shape=(PATHS,))), (lambda: mx.random.normal((PATHS,)))

    def pi():
        x, y = uniform(), uniform()
        return (x * x + y * y <= 1).mean()

    option = lambda: mx.maximum(100 * mx.exp(0.03 + 0.2 * normal()) - 105, 0).mean()
    for name, call in [("uniform_1e7", uniform), ("normal_1e7", normal), ("mc_pi_1e7", pi), ("mc_option_1e7", option)]:
        times.measure(name, lambda: done(call()))
    return times


def of_pytorch():
    """One operation at a time, by PyTorch's own functions, in the Python that PYTORCH names where there is one."""
    if python := os.environ.get("PYTORCH"):
        found = subprocess.run([*python.split(), __file__, *NAMES], capture_output=True, text=True,
                               env={**os.environ, "PYTORCH": "", "ONLY_PYTORCH": "1"})
        if found.returncode:
            raise ImportError(found.stderr.strip().splitlines()[-1])
        return json.loads(found.stdout)
    import numpy
    import torch

    torch.set_num_threads(os.cpu_count())
    torch.set_grad_enabled(False)
    F, linalg = torch.nn.functional, torch.linalg
    tensor = lambda array: torch.from_numpy(numpy.ascontiguousarray(array))
    rng = numpy.random.default_rng(0)
    draw = lambda *shape: tensor(rng.standard_normal(shape, dtype=numpy.float32))
    times = Times()

    def chain12(x, y):
        t = torch.tanh((x * y + x - 0.5) * 0.25)
        return torch.sqrt(torch.abs(t * y + 1.5)).clamp_min(0.1) * x + y

    def cheap12(x, y):
        t = torch.abs(((x * y + x - 0.5) * 0.25).clamp_max(2) * y + 1.5)
        return (t * t).clamp_min(0.1) * x + y

    x, y = draw(1024, 1024), draw(1024, 1024)
    for name, call in [
        ("relu", F.relu), ("exp", torch.exp), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid), ("gelu", F.gelu),
        ("sin", torch.sin), ("softmax", lambda x: F.softmax(x, -1)), ("sum", torch.sum), ("mean", torch.mean),
        ("layer_norm", lambda x: F.layer_norm(x, (1024,))), ("var", torch.var), ("sum_axis0", lambda x: x.sum(0)),
        ("add", lambda x: x + y), ("cheap12", lambda x: cheap12(x, y)), ("chain12", lambda x: chain12(x, y)),
        ("matmul", lambda x: x @ y),
    ]:
        times.measure(f"{name}_1024", lambda: call(x))
    x, y, v = draw(4096, 4096), draw(4096, 4096), draw(4096, 1)
    for name, call in [("add", lambda x, y: x + y), ("cheap12", cheap12), ("chain12", chain12)]:
        times.measure(f"{name}_4096", lambda: call(x, y))
    times.measure("matvec_4096", lambda: x @ v)
    for name, a, b in [
        ("512", draw(512, 512), draw(512, 512)), ("2048", draw(2048, 2048), draw(2048, 2048)),
        ("skinny", draw(4096, 64), draw(64, 4096)), ("batch", draw(64, 128, 128), draw(64, 128, 128)),
    ]:
        times.measure(f"matmul_{name}", lambda: a @ b)
    q, k, w = (draw(8, 1024, 64) for _ in range(3))
    times.measure("attention", lambda: F.softmax(q @ k.mT * 0.125, -1) @ w)
    a, spd, big, b = map(tensor, matrices(numpy))
    for name, call in [
        ("svd_512", lambda: linalg.svd(a)), ("svdvals_512", lambda: linalg.svdvals(a)),
        ("eigh_512", lambda: linalg.eigh(spd)), ("qr_512", lambda: linalg.qr(a)), ("inv_512", lambda: linalg.inv(spd)),
        ("cholesky_1024", lambda: linalg.cholesky(big)), ("solve_1024", lambda: linalg.solve(big, b)),
    ]:
        times.measure(name, call)
    a, b = draw(16), draw(16)
    times.measure("add_16_times_1000", lambda: [a + b for _ in range(1000)])
    times.measure("uniform_1e7", lambda: torch.rand(PATHS))
    times.measure("normal_1e7", lambda: torch.randn(PATHS))
    times.measure("mc_pi_1e7", lambda: (torch.rand(PATHS) ** 2 + torch.rand(PATHS) ** 2 <= 1).float().mean())
    times.measure("mc_option_1e7", lambda: (100 * torch.exp(0.03 + 0.2 * torch.randn(PATHS)) - 105).clamp_min(0).mean())
    return times


# Each gives medians in ms by name.
PEERS = {"NumPy": of_numpy, "JAX": of_jax, "MLX": of_mlx, "PyTorch": of_pytorch}


def ours():
    program = TARGET / "release" / "examples" / "tensor_bench"
    lines = subprocess.run([program, *NAMES], check=True, capture_output=True, text=True).stdout.splitlines()
    return {(row["op"], row["mode"]): row["median"] for row in map(json.loads, lines)}


def smaller(first, second):
    return {name: min(first[name], second.get(name, first[name])) for name in first}


def main():
    first = ours()
    peers = {}
    for name, measure in PEERS.items():
        if name in os.environ.get("WITHOUT", "").split():
            print(f"{name} is named in WITHOUT: left out", file=sys.stderr)
            continue
        try:
            peers[name] = measure()
        except ImportError as missing:
            print(f"{name} is not installed ({missing}): left out", file=sys.stderr)
    peers = {name: smaller(times, PEERS[name]()) for name, times in peers.items()}
    own = smaller(first, ours())
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}, {time.strftime('%Y-%m-%d')}, load "
          f"{os.getloadavg()[0]:.1f}\n")
    names = list(peers)
    print("| operation, ms | ours | fused | " + " | ".join(names) + " | best peer / ours |")
    print("|---|---|---|" + "---|" * (len(names) + 1))
    for op in dict.fromkeys(op for op, _ in own):
        eager, fused = own.get((op, "eager")), own.get((op, "fused"))
        found = [peers[name].get(op) for name in names]
        best = min((time for time in found if time), default=None)
        mine = min(time for time in (eager, fused) if time)
        show = lambda time: f"{time:.3g}" if time else ""
        ratio = f"**{best / mine:.2f}**" if best and best >= mine else f"{best / mine:.2f}" if best else ""
        print(f"| {op} | {show(eager)} | {show(fused)} | " + " | ".join(map(show, found)) + f" | {ratio} |")


if __name__ == "__main__":
    if os.environ.get("ONLY_PYTORCH"):
        print(json.dumps(of_pytorch()))
    else:
        main()
