"""Regions of stores: a stored value is as long as its region, also where only the run knows the length."""

import numpy as np
import pytest

import srcdiff


def added_to_a_half(x, v):
    y = x.copy()
    y[len(x) // 2 :] += v
    return np.sum(y**3)


def stored_in_a_half(x, v):
    y = x.copy()
    y[len(x) // 2 :] = 2.0 * v
    return np.sum(y**3)


def stored_in_a_column(x, v):
    y = np.zeros((len(x), 2))
    y[len(x) // 2 :, 0] = v
    return np.sum(y**2) + np.sum(x)


def added_to_first_ones(x, v):
    y = x.copy()
    y[:2] += v[: len(x) - 2]
    return np.sum(y**3)


def added_where_positive(x, v):
    y = x.copy()
    y[x > 0.0] += v
    return np.sum(y**3)


def stored_where_positive(x, v):
    y = x.copy()
    y[x > 0.0] = v * x[0]
    return np.sum(y**3)


def in_turns(x, v):
    y = x.copy()
    for i in range(len(x) - 1):
        y[i : i + 2] += v * y[i]
    return np.sum(y**2)


PROGRAMS = [
    added_to_a_half,
    stored_in_a_half,
    stored_in_a_column,
    added_to_first_ones,
    added_where_positive,
    stored_where_positive,
    in_turns,
]
LENGTHS = [(4, 2), (4, 4), (4, 1), (4, 0), (4, 3), (4, 50), (2, 2), (1, 1), (1, 2), (2, 50)]


@pytest.mark.parametrize("function", PROGRAMS)
@pytest.mark.parametrize("first", [(4, 2), (4, 4), (4, 0)])
def test_lengths_that_differ_raise_before_anything_is_written(function, first):
    g = srcdiff.value_and_grad(function, argnums=(0, 1), jit=True)
    plain = srcdiff.value_and_grad(function, argnums=(0, 1), jit=False)
    for n, m in (first, *LENGTHS):
        x, v = np.linspace(0.5, 1.0, n), np.linspace(1.0, 1.2, m)
        try:
            expected = function(x, v)
        except ValueError:
            with pytest.raises((ValueError, srcdiff.UnsupportedError)):
                g(x, v)
            continue
        value, found = g(x, v)
        assert value == pytest.approx(expected)
        np.testing.assert_allclose(np.hstack(found), np.hstack(plain(x, v)[1]))
