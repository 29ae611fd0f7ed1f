"""Shape specialisation: the loop form is generated for the lengths of axes that are indexed by constants."""

import numpy as np
import pytest
from fuzz.compare import flat

import srcdiff


def by_hand(x):
    total = 0.0
    for i in range(len(x)):
        total += np.sin(x[i, 0] * x[i, 3]) + x[i, 5] * x[i, 1] ** 2 - x[i, 2] * x[i, 4]
    return total


def in_arrays(x):
    place, speed = x[:, 0:3], x[:, 3:5]
    return np.sum(np.exp(-np.sum(place**2, axis=1)) * x[:, 5] + np.sum(speed**3, axis=1))


def fields_of(point):
    return np.sin(point[:, 0]) * point[:, 3] + point[:, 5] * point[:, 1] - point[:, 2] * point[:, 4]


def with_a_helper(x):
    return np.sum(fields_of(x) ** 2)


def in_part(x):
    return np.sum(x[:, 0] * x[:, 2])


def with_loops(x):
    total = 0.0
    for i in range(len(x)):
        for k in range(x.shape[1]):
            total += x[i, k] ** 2 * x[i, 5]
    return total


def records(n, m=6):
    return np.random.default_rng(n + m).normal(size=(n, m))


@pytest.mark.parametrize("function", [by_hand, in_arrays, with_a_helper, in_part, with_loops])
def test_gradients_are_those_of_the_arrays_whatever_the_number_of_fields(function):
    compiled = srcdiff.value_and_grad(function, jit=True)
    arrays = srcdiff.value_and_grad(function, jit=False)
    for n, m in ((7, 6), (3, 6), (5, 8), (0, 6), (4, 6), (1, 7)):
        value, d = arrays(records(n, m))
        found, d_found = compiled(records(n, m))
        assert found == pytest.approx(value, rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(flat(d_found), flat(d), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("function", [by_hand, in_arrays, with_a_helper])
def test_a_record_that_is_read_in_full_has_the_length_of_the_call(function):
    text = srcdiff.grad(function).loop_source_for(records(7))
    assert "x.shape[1] != 6" in text
    assert "IndexError" not in text


@pytest.mark.parametrize(("function", "fields"), [(by_hand, 8), (in_part, 6), (with_loops, 6)])
def test_other_axes_may_be_of_any_length(function, fields):
    text = srcdiff.grad(function).loop_source_for(records(7, fields))
    assert f"x.shape[1] != {fields}" not in text


def test_fields_that_are_not_there_raise():
    compiled = srcdiff.grad(by_hand, jit=True)
    compiled(records(4))
    with pytest.raises(IndexError):
        compiled(records(4, 5))


def test_a_weight_of_known_width_is_checked_where_code_is_compiled():
    @srcdiff.differentiate(jit=True)
    def pairs(x):
        out = np.empty((len(x), 2))
        for i in range(len(x)):
            out[i, 0], out[i, 1] = x[i] ** 2, np.cos(x[i])
        return out

    x = np.linspace(0.0, 1.0, 5)
    value, back = pairs.vjp(x)
    np.testing.assert_allclose(back(np.ones_like(value))[0], 2.0 * x - np.sin(x))
    with pytest.raises(Exception, match="shape"):
        back(np.ones((5, 3)))
