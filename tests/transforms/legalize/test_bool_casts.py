"""Boolean cast legalisation: numbers that a truth value chooses, in compiled code."""

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


def of_two_kinds(x, k):
    return np.sum(np.where(x > 0.0, x, k) * x) + np.sum(np.where(k > 1, x, k > 0) ** 2)


def test_numbers_of_two_dtypes_are_chosen_as_the_wider_one():
    x, k = np.array([-1.0, 0.5, 2.0]), np.array([3, 0, 2])
    compiled = srcdiff.value_and_grad(of_two_kinds, jit=True)
    value, d_x = compiled(x, k)
    wanted, d_wanted = srcdiff.value_and_grad(of_two_kinds, jit=False)(x, k)
    assert value == wanted
    np.testing.assert_array_equal(d_x, d_wanted)
    assert "x[i] if x[i] > 0.0 else np.float64(k[i])" in compiled.loop_source
