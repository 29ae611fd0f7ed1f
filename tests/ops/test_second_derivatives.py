"""Rules that are right to first order, and whose own derivatives have to be: at zeros, guards and edges of domains.

Each function is smooth at its point. Along a direction it is a polynomial or nearly one, so that a fit shows its
derivatives; a rule that selects a branch by `where` is right there only if the branch is right nearby.
"""

import math

import numpy as np
import pytest
from scipy import linalg, special

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")


def slopes(f, x, v):
    """The first three derivatives along a direction."""
    k = np.arange(-6, 7)
    h = 0.02
    fit = np.polynomial.polynomial.polyfit(k, [float(f(x + h * i * v)) for i in k], 12)
    return [fit[n] * math.factorial(n) / h**n for n in (1, 2, 3)]


def weighted_columns(x):
    return np.sum(np.prod(x, axis=0) * np.array([1.0, 2.0]))


def product_by_row(x):
    return np.sum(np.prod(x, axis=1, keepdims=True) * x)


CASES = [
    (lambda x: np.prod(x), [1.0, 2.0, 3.0]),
    (lambda x: np.prod(x), [0.0, 2.0, 3.0]),
    (lambda x: np.prod(x), [0.0, 0.0, 3.0, 2.0]),
    (lambda x: np.prod(x), [0.0, 0.0, 0.0, 2.0]),
    (lambda x: np.prod(x) ** 2, [2.0, 0.0, 0.5]),
    (lambda x: np.prod(x), [[0.0, 2.0], [3.0, 1.0]]),
    (lambda x: np.sum(np.prod(x, axis=-1)), [[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]),
    (
        lambda x: np.sum(np.prod(x, axis=(0, 2))),
        [[[0.0, 2.0], [1.0, 3.0]], [[0.5, 2.0], [0.0, 0.0]]],
    ),
    (weighted_columns, [[0.0, 2.0], [3.0, 0.0], [2.0, 0.0]]),
    (product_by_row, [[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]),
    (lambda x: np.sum(np.cumprod(x)), [0.0, 2.0, 0.0, 3.0]),
    (lambda x: np.sum(np.cumprod(x, axis=0)), [[0.0, 2.0], [3.0, 0.0], [2.0, 0.0]]),
    (lambda x: np.sum(x**0), [0.0, 0.5]),
    (lambda x: np.sum(x**1), [0.0, 0.5]),
    (lambda x: np.sum(x**2), [0.0, 0.5]),
    (lambda x: np.sum(x**3.0), [0.0, 0.5]),
    (lambda x: np.sum(np.power(x, np.array([0.0, 1.0, 2.0, 3.0]))), [0.0, 0.0, 0.0, 0.0]),
    (lambda x: x[0] ** x[1], [2.0, 0.0]),
    (lambda x: x[0] ** x[1], [2.0, 1.0]),
    (lambda x: special.xlogy(x[0], x[1]), [0.0, 2.0]),
    (lambda x: special.xlog1py(x[0], x[1]), [0.0, 2.0]),
    (lambda x: np.logaddexp(x[0], x[1]), [0.5, 0.5]),
    (lambda x: special.logsumexp(x), [0.0, -800.0, 1.0]),
    (lambda x: np.hypot(x[0], x[1]), [0.0, -2.0]),
    (lambda x: np.arctan2(x[0], x[1]), [0.0, 2.0]),
    (lambda x: np.linalg.norm(x), [0.0, 2.0, 0.0]),
    (lambda x: np.var(x), [1.0, 1.0, 1.0]),
    (lambda x: np.std(x), [1.0, 2.0, 0.0]),
    (lambda x: np.sum(np.linalg.inv(x)), [[0.0, 2.0], [3.0, 0.0]]),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_derivatives_of_derivatives_at_special_points(case):
    f, point = CASES[case]
    x = np.array(point)
    v = np.random.default_rng(1).uniform(0.3, 0.7, x.shape)
    _, second, third = slopes(f, x, v)
    gradient = srcdiff.grad(f)
    with np.errstate(all="ignore"):
        product = srcdiff.hvp(f)(x, v)
        back = srcdiff.vjp(gradient, x)[1](v)[0]
        thrice = srcdiff.grad(srcdiff.grad(srcdiff.grad(lambda t: f(x + t * v))))(0.0)
    np.testing.assert_allclose(back, product, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.sum(product * v), second, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(thrice, third, rtol=1e-3, atol=1e-3)


def test_the_second_derivative_of_a_product_with_one_zero():
    f, x, v = np.prod, np.array([0.0, 2.0, 3.0]), np.ones(3)
    np.testing.assert_array_equal(srcdiff.hvp(lambda x: f(x))(x, v), [5.0, 3.0, 2.0])


@pytest.mark.parametrize("bands", [(2, 0), (1, 1), (0, 2)])
def test_each_copy_of_a_rule_has_lengths_of_its_own(bands):
    """The rule is used for the solution and for its adjoint, whose bands are mirrored."""

    def f(ab, y):
        return np.sum(np.sin(linalg.solve_banded(bands, ab + 9.0 * main, y)))

    main = (np.arange(3) == bands[1])[:, None]
    rng = np.random.default_rng(0)
    srcdiff.check_grads(f, rng.normal(size=(3, 5)), rng.normal(size=(5, 2)))
