"""Contiguity legalisation: arrays of any memory order are reshaped in compiled code."""

import numpy as np
import pytest

import srcdiff


def flat(x):
    return np.sum(x.T.reshape(-1)[1:] ** 2)


def every_other(x):
    return np.sum(x[:, ::2].reshape(-1)[::-1] ** 2)


def moved(x):
    return np.sum(np.swapaxes(x, 0, 1).reshape(-1, x.shape[0])[1:] ** 2)


def summed_up(x):
    return np.sum(np.cumsum(x.T.ravel()) ** 2)


def in_a_loop(x):
    y = x.T.ravel()
    s = 0.0
    for i in range(len(y)):
        s += y[i] * y[-i - 1]
    return s


@pytest.mark.long
@pytest.mark.parametrize("function", [flat, every_other, moved, summed_up, in_a_loop])
def test_of_a_copy(function):
    compiled = srcdiff.value_and_grad(function, jit=True)
    plain = srcdiff.value_and_grad(function, jit=False)
    for shape in ((3, 4), (1, 5), (5, 1), (7, 2), (1, 1)):
        x = np.random.default_rng(0).normal(size=shape)
        (value, found), (expected, wanted) = compiled(x), plain(x)
        assert value == pytest.approx(expected) == pytest.approx(function(x))
        np.testing.assert_allclose(found, wanted)


def test_no_iteration_makes_the_array_again():
    source = srcdiff.grad(in_a_loop).loop_source_for(np.ones((3, 4)))
    assert "].ravel()" not in source
    assert source.count("ravel()") == 1


def rows_in_a_loop(x):
    y = x.ravel()
    s = 0.0
    for i in range(len(y)):
        s += y[i] * y[-i - 1]
    return s


def test_no_iteration_divides_to_find_an_element():
    source = srcdiff.grad(rows_in_a_loop).loop_source_for(np.ones((3, 4)))
    assert "x.ravel()" in source
    assert "//" not in source and "%" not in source
