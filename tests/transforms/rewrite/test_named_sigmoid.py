"""Sigmoids that are written as quotients: derivatives that a person would write, finite where exponentials overflow."""

import numpy as np
import pytest

import srcdiff


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def negative_sigmoid(x):
    return 1.0 / (np.exp(x) + 1.0)


def growing(x):
    grown = np.exp(x)
    return grown / (1.0 + grown)


def shifted(x):
    return 1 / (1 + np.exp(-2.0 * (x - 0.5)))


def in_a_loop(x):
    total = 0.0
    for i in range(len(x)):
        total += 1.0 / (1.0 + np.exp(-x[i])) * x[i]
    return total


def with_other_uses(x):
    grown = np.exp(-x)
    below = 1.0 + grown
    return np.sum(1.0 / below + np.log(below) * grown)


def as_power(x):
    return (1.0 + np.exp(-x)) ** -1


def as_reciprocal(x):
    return np.reciprocal(np.exp(x) + 1)


PROGRAMS = [sigmoid, negative_sigmoid, growing, shifted, as_power, as_reciprocal]


@pytest.mark.parametrize("function", PROGRAMS)
def test_derivatives_of_all_orders(function):
    def total(x):
        return np.sum(function(x) ** 2)

    x = np.linspace(-3.0, 3.0, 7)
    srcdiff.check_grads(total, x, order=2)


@pytest.mark.parametrize("function", [in_a_loop, with_other_uses])
def test_beside_other_uses(function):
    srcdiff.check_grads(function, np.array([-1.0, 0.3, 2.0]), order=2)


@pytest.mark.parametrize("function", PROGRAMS)
def test_no_exponential_is_computed_again(function):
    def total(x):
        return np.sum(function(x))

    as_written = {"sigmoid": False, "quotient_of_sums": False}
    source = srcdiff.grad(total, rewrite=as_written).source_for(np.zeros(3))
    assert source.count("np.exp(") == 1


@pytest.mark.parametrize("function", [sigmoid, negative_sigmoid, as_power, as_reciprocal])
def test_finite_where_the_exponential_overflows(function):
    def total(x):
        return np.sum(function(x))

    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(srcdiff.grad(total)(np.array([-800.0, 800.0])), [0.0, 0.0])


def test_source_is_what_a_person_writes():
    def total(w, x):
        p = 1.0 / (1.0 + np.exp(-w * x))
        return np.sum(p**2)

    source = srcdiff.grad(total).source_for(1.0, np.zeros(3))
    assert source.endswith(
        "    p = 1.0 / (1.0 + np.exp(-w * x))\n    return 2.0 * p**2 * (1.0 - p) @ x\n"
    )


def test_other_quotients_stay():
    def total(x):
        return np.sum(2.0 / (1.0 + np.exp(x)) + 1.0 / (2.0 + np.exp(x)))

    srcdiff.check_grads(total, np.array([-1.0, 0.5]), order=2)


def test_storage_that_is_overwritten_is_not_looked_through():
    def total(x):
        buffer = np.exp(x)
        below = 1.0 + buffer
        buffer[:] = 2.0 * buffer
        return np.sum(buffer / below)

    srcdiff.check_grads(total, np.array([-1.0, 0.5]), order=2)


def test_tangent():
    x, v = np.array([-1.0, 0.5]), np.array([1.0, -2.0])
    value, tangent = srcdiff.jvp(sigmoid, (x,), (v,))
    p = 1.0 / (1.0 + np.exp(-x))
    np.testing.assert_allclose(tangent, p * (1.0 - p) * v, rtol=1e-14)
    np.testing.assert_allclose(value, p, rtol=1e-14)
