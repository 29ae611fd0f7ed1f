"""Initial values of reductions."""

from __future__ import annotations

import math

import numpy as np

from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, const

# the dtypes in which loops sum, which is as exact as NumPy
WIDE = {"float32": "float64", "complex64": "complex128"}


def start_of(number: float, dtype: str) -> Atom:
    """The initial value of a reduction of this dtype; for an integer dtype, its limits stand for infinities."""
    if dtype[0] in "iu":
        limits = np.iinfo(dtype)
        if math.isinf(number):
            number = limits.max if number > 0 else limits.min
        # a NumPy number: with a Python number, sums of narrower integers would have 64 bits
        value = int(number) if dtype == "int64" else np.dtype(dtype).type(number)
        return Const(value, Scalar(dtype, False))
    if dtype.startswith("complex"):
        return const(complex(number))
    if dtype == "bool":
        return const(number > 0)
    return const(np.float32(number) if dtype == "float32" and math.isinf(number) else float(number))
