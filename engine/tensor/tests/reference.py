#!/usr/bin/env python3
"""Writes tests/fixtures/*.json: what NumPy and SciPy give for the operations of the tensor engine.

Run it by hand after adding a case, with NumPy, SciPy and pytest (for NumPy's own cases) installed:  python3 tests/reference.py
It is not run by the tests; the files are committed. Each case has the operation, its arguments by position, the
expected result, and the tolerance |a - b| <= atol + rtol * |b| with the reason for it in `RTOL`.
"""

import json
import pathlib

import numpy as np
import scipy.linalg
import scipy.signal
import scipy.special

# f32 functions are good to a few units in the last place (6e-8 each); decompositions lose a few digits more; what is
# computed in f64 inside is compared at f32 too, because that is what comes out.
RTOL = {"exact": 0.0, "function": 2e-6, "sum": 2e-6, "product": 1e-5, "decomposition": 2e-4, "f64": 1e-12}

rng = np.random.default_rng(20261121)
NAMES = {"float64": "f64", "float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "uint8": "u8", "bool": "bool"}


def number(x):
    x = float(x)
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    return x


def encode(value):
    if isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
        flat = value.ravel()
        if value.dtype.kind == "f":
            data = [number(x) for x in flat]
        else:
            data = [int(x) for x in flat]
        return {"tensor": NAMES[str(value.dtype)], "shape": list(value.shape), "data": data}
    if isinstance(value, dict):
        return {"record": {k: encode(v) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"list": [encode(v) for v in value]}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"int": value}
    return {"scalar": number(value)}


cases = []


def case(op, args, expected, kind, atol=0.0):
    cases.append({"op": op, "args": [encode(a) for a in args], "expected": encode(expected), "rtol": RTOL[kind], "atol": atol})


def f32(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def save(name):
    path = pathlib.Path(__file__).parent / "fixtures" / f"{name}.json"
    path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(path, len(cases))
    cases.clear()


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-20, 3e4, np.inf, -np.inf, np.nan], np.float32)
EDGES = [np.zeros((0,), np.float32), np.float32(0.7), np.ones((1, 1, 1), np.float32) * 0.3, f32(2, 0, 3)]


def elementwise():
    functions = {
        "tensor.exp": np.exp, "tensor.expm1": np.expm1, "tensor.log": np.log, "tensor.log1p": np.log1p,
        "tensor.log2": np.log2, "tensor.log10": np.log10, "tensor.sqrt": np.sqrt, "tensor.square": np.square,
        "tensor.abs": np.abs, "tensor.sign": np.sign, "tensor.floor": np.floor, "tensor.ceil": np.ceil,
        "tensor.round": np.round, "tensor.sin": np.sin, "tensor.cos": np.cos, "tensor.tan": np.tan,
        "tensor.asin": np.arcsin, "tensor.acos": np.arccos, "tensor.atan": np.arctan, "tensor.sinh": np.sinh,
        "tensor.cosh": np.cosh, "tensor.tanh": np.tanh, "tensor.erf": scipy.special.erf, "tensor.neg": np.negative,
        "tensor.sigmoid": scipy.special.expit, "tensor.isnan": np.isnan, "tensor.isfinite": np.isfinite,
        "tensor.relu": lambda x: np.where(x < 0, 0, x),
        "tensor.softplus": lambda x: np.logaddexp(0, x),
        "tensor.silu": lambda x: x * scipy.special.expit(x),
        "tensor.gelu": lambda x: x * 0.5 * (1 + scipy.special.erf(x / np.sqrt(2.0))),
    }
    with np.errstate(all="ignore"):
        for name, f in functions.items():
            inputs = [f32(3, 4) * 3, *EDGES]
            if name not in ("tensor.silu", "tensor.gelu"):
                inputs.append(SPECIAL if name not in ("tensor.sin", "tensor.cos", "tensor.tan") else SPECIAL[:8])
            for x in inputs:
                wide = np.asarray(f(np.asarray(x, np.float64)))
                out = wide if wide.dtype == bool else wide.astype(np.float32)
                case(name, [np.asarray(x)], out, "function", 2e-7)
            x = rng.standard_normal((5,))
            out = np.asarray(f(x))
            case(name, [x], out, "f64", 1e-15)
        for name, f in {"tensor.exp": np.exp, "tensor.sqrt": np.sqrt}.items():
            case(name, [np.arange(4)], f(np.arange(4).astype(np.float32)).astype(np.float32), "function")
            case(name, [np.arange(4).astype(np.float16)], f(np.arange(4).astype(np.float32)).astype(np.float16), "exact", 1e-3)
        a, b = f32(3, 1, 4), f32(2, 1)
        ints, other = np.array([[7, -7, 9], [-9, 5, 0]]), np.array([3, -2, 4])
        operators = {
            "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "//": np.floor_divide, "%": np.remainder,
            "tensor.maximum": np.maximum, "tensor.minimum": np.minimum, "tensor.atan2": np.arctan2,
            "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
        }
        for name, f in operators.items():
            case(name, [a, b], f(a, b), "function", 1e-7)
            case(name, [a, a.copy()], f(a, a), "function", 1e-7)
            case(name, [a, np.float32(0.5)], f(a, np.float32(0.5)), "function", 1e-7)
            case(name, [np.float32(0.5), a], f(np.float32(0.5), a), "function", 1e-7)
            case(name, [SPECIAL[:, None], SPECIAL], f(SPECIAL[:, None], SPECIAL), "function", 1e-7) if name not in ("//", "%") else None
            whole = f(ints, other)
            if name in ("/", "tensor.atan2"):
                whole = whole.astype(np.float32)
            case(name, [ints, other], whole, "function")
            case(name, [a.astype(np.float64), b], f(a.astype(np.float64), b), "f64")
        case("**", [np.abs(a), b], np.power(np.abs(a), b), "function")
        case("**", [ints, np.array([2, 3, 0])], ints ** np.array([2, 3, 0]), "exact")
        case("**", [a, 2], a ** 2, "function")
        case("+", [np.arange(3), 2.5], (np.arange(3) + 2.5).astype(np.float32), "exact")
        case("*", [a, 2.5], a * np.float32(2.5), "function")
        case("+", [np.array([250, 10], np.uint8), np.array([10, 10], np.uint8)], np.array([4, 20], np.uint8), "exact")
        case("<", [np.array([2**53 + 1, 5]), 5.5], np.array([False, True]), "exact")
        mask = np.array([[True, False, True], [False, True, False]])
        case("tensor.where", [mask, f32(2, 3) * 0 + 2, np.arange(3)], np.where(mask, np.float32(2), np.arange(3)).astype(np.float32), "exact")
        case("tensor.where", [mask, 1, 0], np.where(mask, 1, 0), "exact")
        case("tensor.clip", [np.arange(10), 2, 7], np.clip(np.arange(10), 2, 7), "exact")
        case("tensor.clip", [a, None, 0.5], np.minimum(a, np.float32(0.5)), "exact")
        case("tensor.logical_and", [mask, np.array([1, 0, 2])], np.logical_and(mask, [1, 0, 2]), "exact")
        case("tensor.logical_not", [np.array([0, 3])], np.array([True, False]), "exact")
        case("tensor.isclose", [SPECIAL, SPECIAL], np.isclose(SPECIAL, SPECIAL), "exact")
    save("elementwise")


def reductions():
    x = f32(3, 4, 5)
    big = f32(3, 600)
    with np.errstate(all="ignore"), __import__("warnings").catch_warnings():
        __import__("warnings").simplefilter("ignore")
        for name, f in {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}.items():
            for axis in (None, 0, 1, -1, [0, 2], [0, 1]):
                for keep in (False, True):
                    ax = tuple(axis) if isinstance(axis, list) else axis
                    out = np.asarray(f(x.astype(np.float64), axis=ax, keepdims=keep)).astype(np.float32)
                    case(f"tensor.{name}", [x, axis, keep], out, "sum", 1e-6)
            for axis in (None, 0, 1):
                if name != "prod":
                    case(f"tensor.{name}", [big, axis], np.asarray(f(big.astype(np.float64), axis=axis)).astype(np.float32), "sum", 2e-5)
            ints = np.array([[1, 2, 3], [4, 5, 6]])
            out = np.asarray(f(ints, axis=0))
            case(f"tensor.{name}", [ints, 0], out.astype(np.float32) if name == "mean" else out, "function")
        case("tensor.sum", [np.array([True, True, False])], np.int64(2), "exact")
        case("tensor.sum", [np.array([200, 100], np.uint8)], np.int64(300), "exact")
        case("tensor.sum", [np.zeros((0, 3), np.float32), 0], np.zeros(3, np.float32), "exact")
        case("tensor.mean", [np.zeros((0,), np.float32)], np.float32(np.nan), "exact")
        case("tensor.max", [np.array([1, np.nan, 3], np.float32)], np.float32(np.nan), "exact")
        case("tensor.sum", [np.full(1_000, 0.1, np.float32)], np.float32(np.full(1_000, 0.1, np.float32).astype(np.float64).sum()), "exact", 1e-5)
        case("tensor.any", [x > 2, 1], np.any(x > 2, 1), "exact")
        case("tensor.all", [x > -1], np.asarray(np.all(x > -1)), "exact")
        for axis in (None, 0, 2):
            case("tensor.argmax", [x, axis], np.asarray(np.argmax(x, axis)), "exact")
            case("tensor.argmin", [x, axis], np.asarray(np.argmin(x, axis)), "exact")
            case("tensor.cumsum", [x, axis], np.cumsum(x.astype(np.float64), axis).astype(np.float32), "sum", 1e-6)
            case("tensor.cumprod", [x, axis], np.cumprod(x.astype(np.float64), axis).astype(np.float32), "sum", 1e-6)
            for ddof in (0, 1):
                case("tensor.var", [x, axis, ddof], np.asarray(np.var(x.astype(np.float64), axis, ddof=ddof)).astype(np.float32), "sum")
                case("tensor.std", [x, axis, ddof], np.asarray(np.std(x.astype(np.float64), axis, ddof=ddof)).astype(np.float32), "sum")
            case("tensor.norm", [x, axis], np.asarray(np.sqrt(np.sum(x.astype(np.float64) ** 2, axis))).astype(np.float32), "sum")
            case("tensor.logsumexp", [x * 100, axis], np.asarray(scipy.special.logsumexp(x.astype(np.float64) * 100, axis)).astype(np.float32), "function", 1e-5)
        case("tensor.argmax", [np.array([1, np.nan, 3], np.float32)], np.int64(1), "exact")
        case("tensor.cumsum", [np.array([1, 2, 3], np.int32)], np.array([1, 3, 6]), "exact")
        case("tensor.logsumexp", [np.array([-np.inf, -np.inf], np.float32)], np.float32(-np.inf), "exact")
        case("tensor.var", [np.float32(1e4) + f32(1000) * 0], np.float32(0), "exact", 1e-6)
        for axis in (0, 1, -1):
            case("tensor.softmax", [x * 30, axis], scipy.special.softmax(x.astype(np.float64) * 30, axis).astype(np.float32), "function", 1e-6)
            case("tensor.log_softmax", [x * 30, axis], scipy.special.log_softmax(x.astype(np.float64) * 30, axis).astype(np.float32), "function", 1e-5)
        w, b = f32(5), f32(5)
        wide = x.astype(np.float64)
        normed = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
        case("tensor.layer_norm", [x, w, b], (normed * w + b).astype(np.float32), "product", 1e-6)
    save("reductions")


def shaping():
    x = np.arange(24).reshape(2, 3, 4)
    f = x.astype(np.float32)
    case("tensor.reshape", [x, [4, -1]], x.reshape(4, -1), "exact")
    case("tensor.flatten", [x.T], x.T.ravel(), "exact")
    case("tensor.transpose", [x], x.T, "exact")
    case("tensor.permute", [f, [2, 0, 1]], f.transpose(2, 0, 1), "exact")
    case("tensor.permute", [f, [1, -1, 0]], f.transpose(1, 2, 0), "exact")
    case("tensor.broadcast_to", [np.arange(3)[:, None], [2, 3, 4]], np.broadcast_to(np.arange(3)[:, None], (2, 3, 4)), "exact")
    case("tensor.expand_dims", [x, -1], x[..., None], "exact")
    case("tensor.squeeze", [x[:1]], x[0], "exact")
    case("tensor.squeeze", [x[:1, :, :1], 0], x[0, :, :1], "exact")
    case("tensor.concat", [[x, x[:, :1]], 1], np.concatenate([x, x[:, :1]], 1), "exact")
    case("tensor.concat", [[x, f], -1], np.concatenate([x, f], -1).astype(np.float32), "exact")
    case("tensor.stack", [[x, x + 1], 1], np.stack([x, x + 1], 1), "exact")
    case("tensor.split", [x, 2, 2], np.split(x, 2, 2), "exact")
    case("tensor.split", [x, [1, 3], 2], np.split(x, [1, 3], 2), "exact")
    case("tensor.slice", [x, 2, 3, 0, -1], x[:, :, 3:0:-1], "exact")
    case("tensor.gather", [x, np.array([[2, 0], [-1, 1]]), 1], np.take(x, [[2, 0], [-1, 1]], 1), "exact")
    case("tensor.flip", [x], np.flip(x), "exact")
    case("tensor.flip", [x, [0, 2]], np.flip(x, (0, 2)), "exact")
    case("tensor.roll", [x, 5], np.roll(x, 5), "exact")
    case("tensor.roll", [x, -1, 2], np.roll(x, -1, 2), "exact")
    case("tensor.repeat", [x, 2], np.repeat(x, 2), "exact")
    case("tensor.repeat", [x, 3, 1], np.repeat(x, 3, 1), "exact")
    case("tensor.tile", [x, [2, 1, 2, 1]], np.tile(x, [2, 1, 2, 1]), "exact")
    case("tensor.tile", [x, 2], np.tile(x, 2), "exact")
    s = f32(4, 6)
    s[1, 2] = np.nan
    s[2, 3] = s[2, 1]
    for axis in (0, 1):
        case("tensor.sort", [s, axis], np.sort(s, axis), "exact")
        case("tensor.argsort", [s, axis], np.argsort(s, axis, kind="stable"), "exact")
    t = f32(3, 6)
    case("tensor.topk", [t, 2], {"values": -np.sort(-t, -1)[:, :2], "indices": np.argsort(-t, -1, kind="stable")[:, :2]}, "exact")
    case("tensor.unique", [np.array([3, 1, 3, 2])], np.array([1, 2, 3]), "exact")
    case("tensor.nonzero", [x % 5], np.argwhere(x % 5), "exact")
    case("tensor.cast", [np.array([1.9, -1.9, np.nan, 1e30], np.float32), "i32"], np.array([1, -1, 0, 2**31 - 1], np.int32), "exact")
    case("tensor.cast", [np.array([300, -1]), "u8"], np.array([300, -1]).astype(np.uint8), "exact")
    case("tensor.cast", [np.array([0.0, 0.1, np.nan]), "bool"], np.array([False, True, True]), "exact")
    case("tensor.cast", [np.array([1.0009765625, 70000.0]), "f16"], np.array([1.0009765625, np.inf], np.float16), "exact")
    case("tensor.arange", [5], np.arange(5), "exact")
    case("tensor.arange", [10, 0, -3], np.arange(10, 0, -3), "exact")
    case("tensor.arange", [0.0, 1.0, 0.25], np.arange(0, 1, 0.25).astype(np.float32), "exact")
    case("tensor.linspace", [0, 1, 7], np.linspace(0, 1, 7).astype(np.float32), "exact", 1e-7)
    case("tensor.logspace", [0, 3, 4], np.logspace(0, 3, 4).astype(np.float32), "function")
    case("tensor.eye", [3, 5], np.eye(3, 5).astype(np.float32), "exact")
    case("tensor.full", [[2, 2], 7], np.full((2, 2), 7), "exact")
    case("tensor.zeros", [[0, 2]], np.zeros((0, 2), np.float32), "exact")
    case("tensor.from_list", [[[1, 2], [3.5, 4]]], np.array([[1, 2], [3.5, 4]], np.float32), "exact")
    case("tensor.from_list", [[True, False]], np.array([True, False]), "exact")
    case("tensor.shape", [x], [2, 3, 4], "exact")
    case("tensor.size", [x], 24, "exact")
    case("tensor.dtype", [f], "f32", "exact")
    case("tensor.diag", [np.arange(3), 1], np.diag(np.arange(3), 1), "exact")
    case("tensor.diag", [np.arange(3), -2], np.diag(np.arange(3), -2), "exact")
    case("tensor.diag", [x[0]], np.diag(x[0]), "exact")
    case("tensor.diag", [x[0], -1], np.diag(x[0], -1), "exact")
    case("tensor.tril", [x, 1], np.tril(x, 1), "exact")
    case("tensor.triu", [x, -1], np.triu(x, -1), "exact")
    case("tensor.trace", [x[0]], np.asarray(np.trace(x[0])), "exact")
    save("shaping")


def products():
    shapes = [((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 6)),
              ((1, 1), (1, 1)), ((3, 0), (0, 2)), ((65, 130), (130, 33)), ((0, 3), (3, 2))]
    for l, r in shapes:
        a, b = f32(*l), f32(*r)
        case("@", [a, b], np.asarray(np.matmul(a.astype(np.float64), b.astype(np.float64))).astype(np.float32), "product", 1e-5)
    a, b = rng.standard_normal((7, 5)), rng.standard_normal((5, 3))
    case("@", [a, b], a @ b, "f64", 1e-13)
    i, j = rng.integers(-9, 9, (4, 6)), rng.integers(-9, 9, (6, 3))
    case("@", [i, j], i @ j, "exact")
    case("tensor.dot", [f32(4) * 0 + 2, np.arange(4)], np.float32(12), "exact")
    case("tensor.outer", [np.arange(3), np.arange(4)], np.outer(np.arange(3), np.arange(4)), "exact")
    case("tensor.kron", [np.arange(4).reshape(2, 2), np.arange(6).reshape(2, 3)], np.kron(np.arange(4).reshape(2, 2), np.arange(6).reshape(2, 3)), "exact")
    save("products")


def linear():
    for dtype, kind in ((np.float32, "decomposition"), (np.float64, "f64")):
        tol = 1e-4 if dtype == np.float32 else 1e-11
        for n in (1, 3, 20):
            a = (rng.standard_normal((n, n)) + 3 * np.eye(n)).astype(dtype)
            wide = a.astype(np.float64)
            b, v = rng.standard_normal((n, 2)).astype(dtype), rng.standard_normal(n).astype(dtype)
            case("linalg.solve", [a, b], np.linalg.solve(wide, b).astype(dtype), kind, tol)
            case("linalg.solve", [a, v], np.linalg.solve(wide, v).astype(dtype), kind, tol)
            case("linalg.inv", [a], np.linalg.inv(wide).astype(dtype), kind, tol)
            case("linalg.det", [a], np.asarray(np.linalg.det(wide)).astype(dtype), kind, tol)
            sign, log = np.linalg.slogdet(wide)
            case("linalg.slogdet", [a], {"sign": np.asarray(sign).astype(dtype), "logabsdet": np.asarray(log).astype(dtype)}, kind, tol)
            case("linalg.cond", [a], np.asarray(np.linalg.cond(wide)).astype(dtype), kind, tol * 10)
            spd = (wide @ wide.T + np.eye(n)).astype(dtype)
            case("linalg.cholesky", [spd], np.linalg.cholesky(spd.astype(np.float64)).astype(dtype), kind, tol)
            p, l, u = scipy.linalg.lu(wide)
            case("linalg.lu", [a], {"p": p.astype(dtype), "l": l.astype(dtype), "u": u.astype(dtype)}, kind, tol)
        m = rng.standard_normal((2, 6, 4)).astype(dtype)
        wide = m.astype(np.float64)
        case("linalg.svdvals", [m], np.linalg.svd(wide, compute_uv=False).astype(dtype), kind, tol)
        case("linalg.pinv", [m], np.linalg.pinv(wide).astype(dtype), kind, tol)
        case("linalg.matrix_rank", [np.ones((3, 3), dtype)], np.int64(1), "exact")
        case("linalg.matrix_rank", [m], np.linalg.matrix_rank(wide), "exact")
        rhs = rng.standard_normal((6, 2)).astype(dtype)
        x, res, rank, s = np.linalg.lstsq(wide[0], rhs.astype(np.float64), rcond=None)
        case("linalg.lstsq", [m[0], rhs], {"x": x.astype(dtype), "residuals": res.astype(dtype), "rank": int(rank), "s": s.astype(dtype)}, kind, tol)
        v, q = rng.standard_normal(5).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)
        for order in (None, 1, 2, 0, 3, np.inf, -np.inf):
            case("linalg.norm", [v, order], np.asarray(np.linalg.norm(v.astype(np.float64), order)).astype(dtype), kind, tol)
        for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
            case("linalg.norm", [q, order], np.asarray(np.linalg.norm(q.astype(np.float64), order)).astype(dtype), kind, tol)
        case("linalg.norm", [m, 2, 1], np.linalg.norm(wide, 2, 1).astype(dtype), kind, tol)
    save("linalg")


def statistics():
    x = f32(6, 9)
    wide = x.astype(np.float64)
    for axis in (None, 0, 1):
        case("stats.mean", [x, axis], np.asarray(np.mean(wide, axis)).astype(np.float32), "sum", 1e-7)
        case("stats.var", [x, axis, 1], np.asarray(np.var(wide, axis, ddof=1)).astype(np.float32), "sum")
        case("stats.std", [x, axis, 0], np.asarray(np.std(wide, axis)).astype(np.float32), "sum")
        case("stats.median", [x, axis], np.asarray(np.median(wide, axis)).astype(np.float32), "sum")
        case("stats.quantile", [x, 0.3, axis], np.asarray(np.quantile(wide, 0.3, axis)).astype(np.float32), "sum", 1e-7)
        case("stats.quantile", [x, [0.0, 0.25, 1.0], axis], np.asarray(np.quantile(wide, [0.0, 0.25, 1.0], axis)).astype(np.float32), "sum", 1e-7)
    case("stats.cov", [x], np.cov(wide).astype(np.float32), "sum", 1e-6)
    case("stats.cov", [x, False, 0], np.cov(wide, rowvar=False, ddof=0).astype(np.float32), "sum", 1e-6)
    case("stats.cov", [x[0]], np.asarray(np.cov(wide[0])).astype(np.float32), "sum", 1e-6)
    case("stats.corrcoef", [x], np.corrcoef(wide).astype(np.float32), "sum", 1e-6)
    counts, edges = np.histogram(wide, 7)
    case("stats.histogram", [x, 7], {"counts": counts, "edges": edges.astype(np.float32)}, "sum", 1e-6)
    counts, edges = np.histogram([1, 2, 2, 5], 4, (0, 4))
    case("stats.histogram", [np.array([1, 2, 2, 5]), 4, 0, 4], {"counts": counts, "edges": edges.astype(np.float32)}, "exact")
    save("statistics")


def parts(z, dtype):
    return {"re": z.real.astype(dtype), "im": z.imag.astype(dtype)}


def signal():
    """Spectra: errors are relative to the largest element, so that the absolute tolerance follows the size."""
    def spectral(op, args, expected, dtype):
        values = expected if isinstance(expected, dict) else {"x": expected}
        most = max((np.max(np.abs(v[np.isfinite(v)]), initial=0) for v in values.values()), default=0)
        case(op, args, expected, "exact", float(max(most, 1)) * (2e-6 if dtype == np.float32 else 4e-15))

    for n in (1, 2, 3, 4, 5, 7, 8, 11, 16, 30, 31, 37, 49, 64, 74):
        for dtype in (np.float32, np.float64) if n < 16 else (np.float64,):
            x, y = rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)
            z = x.astype(np.float64) + 1j * y
            spectral("signal.fft", [parts(z, dtype)], parts(np.fft.fft(z), dtype), dtype)
            spectral("signal.ifft", [parts(z, dtype)], parts(np.fft.ifft(z), dtype), dtype)
            spectral("signal.rfft", [x], parts(np.fft.rfft(x.astype(np.float64)), dtype), dtype)
            spectral("signal.irfft", [parts(z, dtype), 2 * n - 1], np.fft.irfft(z, 2 * n - 1).astype(dtype), dtype)
            spectral("signal.irfft", [parts(z, dtype), 2 * n], np.fft.irfft(z, 2 * n).astype(dtype), dtype)
    for shape, axis in [((5, 6), -1), ((5, 6), 0), ((2, 3, 4), 1), ((3, 0, 4), 2), ((17, 2), 0)]:
        x = f32(*shape)
        z = x.astype(np.float64)
        spectral("signal.fft", [x, None, axis], parts(np.fft.fft(z, axis=axis), np.float32), np.float32)
        spectral("signal.rfft", [x, None, axis], parts(np.fft.rfft(z, axis=axis), np.float32), np.float32)
        for n in (1, 6, 11):
            spectral("signal.fft", [x, n, axis], parts(np.fft.fft(z, n, axis), np.float32), np.float32)
            spectral("signal.rfft", [x, n, axis], parts(np.fft.rfft(z, n, axis), np.float32), np.float32)
            spectral("signal.irfft", [x, n, axis], np.fft.irfft(z, n, axis).astype(np.float32), np.float32)
        if 0 not in shape:
            for op, f in {"signal.fft2": np.fft.fftn, "signal.ifft2": np.fft.ifftn}.items():
                axes = (-2, -1)
                spectral(op, [x], parts(f(z, axes=axes), np.float32), np.float32)
                spectral(op, [x, [0, -1], "ortho"], parts(f(z, axes=(0, -1), norm="ortho"), np.float32), np.float32)
                spectral(op, [parts(z, np.float32), [axis]], parts(f(z, axes=(axis,)), np.float32), np.float32)
    x = rng.standard_normal((2, 10))
    for norm in ("backward", "ortho", "forward"):
        spectral("signal.fft", [x, None, -1, norm], parts(np.fft.fft(x, norm=norm), np.float64), np.float64)
        spectral("signal.ifft", [x, None, -1, norm], parts(np.fft.ifft(x, norm=norm), np.float64), np.float64)
        spectral("signal.rfft", [x, None, -1, norm], parts(np.fft.rfft(x, norm=norm), np.float64), np.float64)
        spectral("signal.irfft", [x, None, -1, norm], np.fft.irfft(x, norm=norm), np.float64)
    spectral("signal.fft", [np.arange(5)], parts(np.fft.fft(np.arange(5)), np.float32), np.float32)
    spectral("signal.fft", [np.array([1, 2, 4, 3], np.float16)], parts(np.fft.fft([1, 2, 4, 3]), np.float16), np.float32)
    bad = np.array([1.0, np.nan, 2.0])
    case("signal.fft", [bad], bad * np.nan, "exact")
    cases[-1]["field"] = "re"
    for n in (1, 2, 5, 6):
        for spacing in (1, 0.25):
            case("signal.fftfreq", [n, spacing], np.fft.fftfreq(n, spacing).astype(np.float32), "function")
            case("signal.rfftfreq", [n, spacing, "f64"], np.fft.rfftfreq(n, spacing), "f64")
    names = {"rectangular": "boxcar", "blackman_harris": "blackmanharris"}
    plain = ["rectangular", "bartlett", "hann", "hamming", "blackman", "blackman_harris", "nuttall", "flattop"]
    chosen = [(name, None) for name in plain] + [("kaiser", 8.6), ("kaiser", 0.0), ("gaussian", 2.5), ("tukey", 0.4), ("tukey", 0.0), ("tukey", 1.0)]
    for name, parameter in chosen:
        for n in (1, 2, 7, 12):
            for periodic in (False, True):
                kind = names.get(name, name)
                kind = kind if parameter is None else (kind, parameter)
                w = scipy.signal.get_window(kind, n, periodic)
                case("signal.window", [name, n, parameter, periodic, "f64"], np.asarray(w, np.float64), "f64", 1e-15)
    save("signal")


def matrix_functions():
    for n in (1, 2, 3, 6, 10):
        for size in (1e-3, 0.2, 0.9, 2.0, 5.0, 40.0):
            a = rng.standard_normal((2, n, n)) * size / n
            expected = scipy.linalg.expm(a)
            # The condition number of the exponential grows with the norm.
            tolerance = float(np.abs(expected).max()) * 1e-14 * (1 + size)
            case("linalg.expm", [a], expected, "f64", tolerance)
        a = f32(n, n)
        case("linalg.expm", [a], scipy.linalg.expm(a.astype(np.float64)).astype(np.float32), "function", 1e-7)
    for a in ([[0.0, 1e6], [0.0, 0.0]], [[-800.0, 0.0], [0.0, 1.0]], [[0.0, np.pi], [-np.pi, 0.0]], [[1.0, 1.0], [0.0, 1.0]]):
        case("linalg.expm", [np.array(a)], scipy.linalg.expm(np.array(a)), "f64", 1e-11)
    case("linalg.expm", [np.zeros((0, 0))], np.zeros((0, 0)), "exact")
    case("linalg.expm", [np.array([[1, 2], [3, 4]])], scipy.linalg.expm(np.array([[1.0, 2], [3, 4]])).astype(np.float32), "function")
    save("matrix_functions")


def numpy_cases():
    """NumPy's own cases for linear algebra (numpy/linalg/tests/test_linalg.py), as far as they are real."""
    from numpy.linalg.tests import test_linalg

    def relative(op, args, expected, loss):
        """The tolerance follows the condition number, as the error of every backward stable algorithm does."""
        epsilon = np.finfo(np.asarray(args[0]).dtype).eps
        wide = np.atleast_1d(np.asarray(expected, np.float64))
        case(op, args, np.asarray(expected).astype(np.asarray(args[0]).dtype), "exact", float(epsilon * loss * max(np.abs(wide).max(initial=0), 1)))

    for c in test_linalg.CASES:
        if not isinstance(c.a, np.ndarray) or c.a.dtype.kind != "f" or "stride" in c.name:
            continue
        a, wide, square = np.asarray(c.a), np.asarray(c.a, np.float64), c.a.shape[-1] == c.a.shape[-2]
        empty = 0 in a.shape
        condition = 1.0 if empty else float(np.max(np.linalg.cond(wide)))
        loss = 30 * max(1.0, min(condition, 1e4))
        relative("linalg.svdvals", [a], np.linalg.svd(wide, compute_uv=False), 30)
        relative("linalg.pinv", [a], np.linalg.pinv(wide), loss * 10)
        if not empty:
            case("linalg.matrix_rank", [a], np.asarray(np.linalg.matrix_rank(wide), np.int64), "exact")
            relative("linalg.cond", [a], np.linalg.cond(wide), loss)
        if a.ndim == 2:
            for order in ("fro", "nuc") if empty else (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
                relative("linalg.norm", [a, order], np.asarray(np.linalg.norm(wide, order)), 30)
        if "hermitian" in c.tags:
            relative("linalg.eigvalsh", [a], np.linalg.eigvalsh(wide), 30)
        if square and np.linalg.matrix_rank(wide).min(initial=a.shape[-1]) == a.shape[-1]:
            relative("linalg.inv", [a], np.linalg.inv(wide), loss)
            relative("linalg.det", [a], np.linalg.det(wide), loss)
            # SciPy's own error: of one case it has 12 digits, by mpmath.
            relative("linalg.expm", [a], scipy.linalg.expm(wide), 1e5) if np.abs(wide).max(initial=0) < 10 else None
            if c.b is not None and a.ndim == 2:
                relative("linalg.solve", [a, np.asarray(c.b)], np.linalg.solve(wide, np.asarray(c.b, np.float64)), loss)
    # There is no operation for the eigenvalues of symmetric matrices alone; the record's field is compared.
    for c in cases:
        if c["op"] == "linalg.eigvalsh":
            c["op"], c["field"] = "linalg.eigh", "values"
    save("numpy_linalg")


def indexing():
    """Each case: a tensor, index entries, and what a[...] gives; with "value" what a becomes after a[...] = value."""
    x = np.arange(60).reshape(3, 4, 5)
    mask2, mask3 = x[:, :, 0] % 3 == 0, x % 7 == 0
    lists = np.array([2, 0, 2]), np.array([[1], [3]])
    entries = {
        "all": lambda: slice(None), "at": lambda i: i, "range": lambda *a: slice(*a),
    }
    picks = [
        [("at", 1)], [("at", -1), ("at", 2)], [("range", 1, None, None)], [("range", None, None, -1)],
        [("range", None, None, 2), ("at", 0), ("range", 3, 0, -2)], [("all",), ("range", -3, -1, None)],
        [("range", 2, 1, None)], [("at", 0), ("at", 1), ("at", 2)], [],
        [("tensor", mask3)], [("tensor", mask2)], [("tensor", mask2), ("at", 1)],
        [("tensor", lists[0])], [("all",), ("tensor", lists[0] + 1)], [("tensor", lists[0]), ("all",), ("tensor", lists[0])],
        [("tensor", lists[0]), ("tensor", lists[1])], [("at", 1), ("tensor", lists[0])], [("at", 1), ("all",), ("tensor", lists[1])],
        [("range", 0, 2, None), ("tensor", np.array([-1, 0]))], [("all",), ("tensor", x[0, :, 0] > 5)],
    ]
    for pick in picks:
        key = tuple(e[1] if e[0] == "tensor" else entries[e[0]](*e[1:]) for e in pick)
        index = [{"tensor": encode(e[1])} if e[0] == "tensor" else {e[0]: list(e[1:])} for e in pick]
        cases.append({"x": encode(x), "index": index, "expected": encode(np.asarray(x[key]))})
        changed = x.copy()
        changed[key] = -1
        cases.append({"x": encode(x), "index": index, "value": {"int": -1}, "expected": encode(changed)})
        shape = np.asarray(x[key]).shape
        if shape:
            values = -np.arange(shape[-1])
            changed = x.copy()
            changed[key] = values
            cases.append({"x": encode(x), "index": index, "value": encode(values), "expected": encode(changed)})
    save("indexing")


elementwise()
reductions()
shaping()
products()
linear()
statistics()
indexing()
signal()
matrix_functions()
numpy_cases()
