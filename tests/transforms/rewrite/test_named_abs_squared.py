"""Squared absolute values: their derivatives are smooth at zero, however the square is written."""

import numpy as np
import pytest

import srcdiff


def product(z):
    size = np.abs(z)
    return np.sum(size * size)


SQUARES = {
    "power": lambda z: np.sum(np.abs(z) ** 2),
    "square": lambda z: np.sum(np.square(np.abs(z))),
    "multiply": product,
}


@pytest.mark.parametrize("f", SQUARES.values(), ids=SQUARES)
def test_the_derivative_at_zero_is_zero(f):
    z = np.array([0.0, 3.0 - 4.0j, -2.0j])
    d_z = srcdiff.grad(f, jit=False)(z)
    np.testing.assert_allclose(np.abs(d_z), 2.0 * np.abs(z), rtol=1e-14)
    np.testing.assert_array_equal(d_z[0], 0.0)
    assert "abs" not in srcdiff.grad(f, jit=False).source_for(z)
