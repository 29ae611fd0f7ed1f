"""Spellings of operations on numbers: what Python's function and NumPy's give differently stays NumPy's."""

from itertools import product

import numpy as np
import pytest

import srcdiff
from srcdiff.ops.core.registry import OPERATIONS

NAMED = [d for d in OPERATIONS.values() if d.elementwise and d.differentiable and d.samples]
PAIRS = [
    d for d in NAMED if np.ufunc in map(type, d.callables) and len(d.samples[0].args(np.random.default_rng(0))) == 2
]  # fmt: skip


@pytest.mark.parametrize("kinds", [*product((np.float64, np.float32, float), repeat=2)], ids=str)
def test_values_of_numbers_are_those_of_the_ufunc(kinds):
    for decl, numbers in product(PAIRS, product((0.5, 2.0, -0.0, np.nan, np.inf), repeat=2)):
        if any(kind is float and n == 0.0 for kind, n in zip(kinds, numbers, strict=True)):
            continue  # derivatives with respect to Python's numbers raise ZeroDivisionError
        (ufunc,) = [c for c in decl.callables if isinstance(c, np.ufunc)]
        args = [kind(n) for kind, n in zip(kinds, numbers, strict=True)]
        derived = srcdiff.value_and_grad(lambda x, y, f=ufunc: f(x, y), argnums=(0, 1), jit=False)
        with np.errstate(all="ignore"):
            expected, (value, _) = ufunc(*args), derived(*args)
        np.testing.assert_array_equal(value, expected, str(decl), strict=True)
