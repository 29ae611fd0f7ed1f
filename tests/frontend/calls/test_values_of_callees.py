"""A helper that needs a value when compiling: the derivative is made again for calls with another value."""

import numpy as np
import pytest
from transforms.sources import source

import srcdiff

X = np.arange(6.0).reshape(2, 3)
HELPERS = {
    "axis": ("np.sum(np.sum(x, axis=a) ** 2)", (0, 1, -1, 0)),
    "shape": ("np.sum(np.ones((a,) * a)) * np.sum(x**a)", (1, 2, 3)),
    "order": ("np.sum(np.linalg.norm(np.diff(x, n=a), axis=a))", (0, 1)),
    "flag": ("np.sum(x.sum(axis=1, keepdims=a) ** 2)", (True, False)),
    "condition": ("np.sum((x if a > 1 else x.sum(axis=1)) ** 2)", (1, 2, 3)),
    "axes": ("np.sum(np.swapaxes(x, 0, a)[0] ** 2)", (0, 1)),
}
CALLS = ["helper(x, a)", "helper(x, b)", "outer(x, a)", "helper(x, a) * helper(2.0 * x, a)"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", HELPERS)
def test_other_values_are_computed_with(name, call):
    body, values = HELPERS[name]
    f = source(f"""
def helper(x, a):
    return {body}

def outer(x, a):
    return 2.0 * helper(x, a)

def f(x, a):
    b = a
    return {call}
""")
    g = srcdiff.value_and_grad(f)
    for a in values:
        value, d_x = g(X + 0.5, a)
        assert value == pytest.approx(f(X + 0.5, a), rel=1e-14)
        np.testing.assert_allclose(d_x, srcdiff.grad(f)(X + 0.5, a), rtol=1e-14)
