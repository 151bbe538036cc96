"""Makes the golden files beside it: what NumPy and the safetensors package write.

Run: python make.py   (needs numpy and safetensors; the tests need neither)
Every array holds 0..6 in the shape (2, 3), row-major, so that one expectation fits all of them.
"""

import os

import numpy as np
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
kinds = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"]


def path(name):
    return os.path.join(here, name)


def numbers(kind):
    return np.arange(6).reshape(2, 3).astype(kind)


little = {kind: numbers("<" + kind) for kind in kinds}
little["b1"] = numbers("b1")
np.savez(path("numpy_little.npz"), **little)
np.savez_compressed(path("numpy_big_fortran.npz"), **{kind: np.asfortranarray(numbers(">" + kind)) for kind in kinds})

np.save(path("matrix_f4.npy"), numbers("<f4"))
np.save(path("vector_i8.npy"), np.arange(6))
np.save(path("scalar_f8.npy"), np.float64(1.5))
np.save(path("empty_b1.npy"), np.zeros((0, 4), dtype=bool))
np.savetxt(path("matrix.csv"), numbers("<f8"), delimiter=",")
save_file({kind: np.ascontiguousarray(numbers("<" + kind)) for kind in kinds}, path("numpy.safetensors"), {"by": "numpy"})
