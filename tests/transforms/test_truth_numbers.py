"""Numbers that a truth value chooses, in compiled code."""

import numpy as np

import srcdiff


def picked(x, k):
    n = np.where(k > 1, 1, 0)
    return np.sum(np.where(k > 2, n, 3) * np.log(x))


def test_numbers_are_chosen_without_arrays():
    x = np.array([0.2, 0.4])
    text = srcdiff.value_and_grad(picked, jit=False).loop_source_for(x, 2)
    assert "n = 1 if k > 1 else 0" in text
    assert "where" not in text
    np.testing.assert_allclose(srcdiff.grad(picked, jit=True)(x, 2), 3.0 / x)
    assert "np.where(k > 1, 1, 0)" in srcdiff.value_and_grad(picked, jit=False).source_for(x, 2)
