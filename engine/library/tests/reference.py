#!/usr/bin/env python3
"""Writes tests/fixtures/reference.json: what NumPy, SciPy and JAX give for operations of the library, and JAX's gradients.

Run it by hand after adding a case, with NumPy, SciPy and JAX installed:  python3 tests/reference.py
It is not run by the tests; the file is committed. Each case has the operation, its arguments, the result, and where
there is a gradient the derivative of sum(result * weights) with respect to every tensor, weights being 1, 2, 3, … / 10.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import jax.scipy.signal
import numpy as np

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(20261121)
cases = []


def encode(value):
    if isinstance(value, (np.ndarray, jnp.ndarray)):
        value = np.asarray(value)
        return {"shape": list(value.shape), "data": [float(x) for x in value.ravel()], "bool": bool(value.dtype == bool)}
    if isinstance(value, (list, tuple)):
        return {"list": [encode(v) for v in value]}
    return value


def case(op, args, function, tensors):
    """`function` takes the tensors among the arguments, at the positions `tensors`; lists are taken apart."""
    def flat(args):
        found = []
        for i in tensors:
            found += args[i] if isinstance(args[i], list) else [args[i]]
        return found
    inputs = flat(args)
    result = function(*inputs)
    weights = (np.arange(result.size).reshape(result.shape) + 1.0) / 10
    gradients = jax.grad(lambda *xs: jnp.sum(function(*xs) * weights), argnums=tuple(range(len(inputs))))(*inputs)
    cases.append({
        "op": op, "args": [encode(a) for a in args], "tensors": tensors,
        "result": encode(result), "gradients": [encode(g) for g in gradients],
    })


def n(*shape):
    return rng.standard_normal(shape)


for text, shapes in [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]), ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("ij,ij", [(2, 3), (2, 3)]),
    ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("i,j->ij", [(3,), (2,)]), ("ij,kj,lk->il", [(2, 3), (4, 3), (2, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 2, 3, 2), (2, 2, 4, 2)]), ("ijk->", [(2, 3, 2)]), ("aij,ajb->bi", [(2, 3, 2), (2, 2, 4)]),
]:
    case("tensor.einsum", [text, [n(*s) for s in shapes]], lambda *xs, text=text: jnp.einsum(text, *xs), [1])


def conv(x, w, b, stride, padding):
    dims = x.ndim - 2
    letters = "HW"[:dims] if dims == 2 else "W"
    y = jax.lax.conv_general_dilated(
        x, w, [stride] * dims, [(padding, padding)] * dims,
        dimension_numbers=("NC" + letters, "OI" + letters, "NC" + letters))
    return y + b.reshape((1, -1) + (1,) * dims)


for stride, padding in [(1, 0), (2, 1), (3, 2)]:
    f = lambda x, w, b, s=stride, p=padding: conv(x, w, b, s, p)
    case("tensor.conv1d", [n(2, 3, 7), n(4, 3, 3), n(4), stride, padding], f, [0, 1, 2])
    case("tensor.conv2d", [n(2, 2, 5, 4), n(3, 2, 3, 2), n(3), stride, padding], f, [0, 1, 2])


def attend(q, k, v, mask=None, causal=False):
    s = q @ jnp.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        s = jnp.where(mask, s, -jnp.inf) if mask.dtype == bool else s + mask
    if causal:
        s = jnp.where(np.tril(np.ones(s.shape[-2:], bool)), s, -jnp.inf)
    return jax.nn.softmax(s, axis=-1) @ v


case("tensor.attention", [n(3, 4), n(5, 4), n(5, 2)], attend, [0, 1, 2])
case("tensor.attention", [n(2, 3, 4), n(2, 3, 4), n(2, 3, 2), None, True], lambda q, k, v: attend(q, k, v, causal=True), [0, 1, 2])
mask = np.array([[True, False, True, True], [True, True, False, False]])
case("tensor.attention", [n(2, 3), n(4, 3), n(4, 3), mask], lambda q, k, v: attend(q, k, v, mask=mask), [0, 1, 2])
added = n(2, 4)
case("tensor.attention", [n(2, 3), n(4, 3), n(4, 3), added], lambda q, k, v: attend(q, k, v, mask=added), [0, 1, 2])

# Operations of the engine whose gradients the differences of another test check too: JAX's own rules.
a = n(3, 3) + 4 * np.eye(3)
case("linalg.inv", [a], jnp.linalg.inv, [0])
case("linalg.det", [a], jnp.linalg.det, [0])
case("linalg.solve", [a, n(3, 2)], jnp.linalg.solve, [0, 1])
case("linalg.cholesky", [a @ a.T], lambda x: jnp.linalg.cholesky(x, symmetrize_input=True), [0])
case("tensor.softmax", [n(2, 4)], lambda x: jax.nn.softmax(x, axis=-1), [0])
case("tensor.gelu", [n(5)], lambda x: jax.nn.gelu(x, approximate=False), [0])
case("tensor.max", [np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]]), 1], lambda x: jnp.max(x, axis=1), [0])
case("tensor.maximum", [np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])], jnp.maximum, [0, 1])
case("tensor.relu", [np.array([-1.0, 0.0, 2.0])], jax.nn.relu, [0])
case("tensor.prod", [np.array([2.0, 0.0, 3.0])], jnp.prod, [0])
case("tensor.cumprod", [np.array([2.0, 0.0, 3.0, 4.0]), 0], jnp.cumprod, [0])
case("tensor.pow", [np.array([0.0, 2.0, 1.5]), np.array([2.0, 0.0, -1.0])], jnp.power, [0, 1])

for mode in ("full", "same", "valid"):
    for shapes in [((7,), (3,)), ((4,), (4,)), ((2, 9), (2, 4)), ((3, 1, 6), (2, 5))]:
        pair = [n(*s) for s in shapes]
        rows = lambda f, a, b: jnp.stack([f(x, y) for x, y in zip(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]))])
        def each(f, a, b, mode=mode):
            lead = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
            a, b = (jnp.broadcast_to(x, lead + x.shape[-1:]) for x in (a, b))
            found = rows(lambda x, y: f(x, y, mode=mode), a, b)
            return found.reshape(lead + found.shape[-1:])
        case("signal.convolve", [*pair, mode], lambda a, b: each(jax.scipy.signal.convolve, a, b), [0, 1])
        case("signal.correlate", [*pair, mode], lambda a, b: each(jax.scipy.signal.correlate, a, b), [0, 1])
    planes = [n(5, 4), n(2, 3)]
    case("signal.convolve", [*planes, mode, [0, 1]], lambda a, b, mode=mode: jax.scipy.signal.convolve(a, b, mode=mode), [0, 1])
case("linalg.expm", [n(3, 3)], jax.scipy.linalg.expm, [0])

path = pathlib.Path(__file__).parent / "fixtures" / "reference.json"
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(path, len(cases))
