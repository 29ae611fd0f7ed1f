"""Loop forms of subscripts count indices into arrays that are not stored from the start."""

import numpy as np
import pytest
from loop_forms import as_python, loop_form
from transforms.sources import source

import srcdiff

ARRAYS = [
    "x * np.arange(3)", "np.arange(3) * x[0]", "x[::-1]", "np.flip(x) + x", "np.diff(x)", "np.linspace(0.0, x[0], 5)",
    "np.eye(3)[2] * x", "np.where(x > 0.0, np.arange(3), x)", "np.concatenate((x, x[:1]))", "np.outer(x, x)[:, 0]",
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("index", ["-1", "-2", "k"])
def test_an_index_may_count_from_the_end(array, index):
    f = source(f"def f(x, k):\n    return ({array})[{index}] * x[1]\n")
    args = np.array([1.0, 2.0, 4.0]), -1
    g = srcdiff.value_and_grad(f)
    value, gradient = as_python(loop_form(g, args))(*args)
    assert value == f(*args)
    np.testing.assert_allclose(gradient, g(*args)[1], rtol=1e-15)
