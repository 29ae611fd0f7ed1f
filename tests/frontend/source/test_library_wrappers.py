"""Functions of libraries where users' functions are expected: the derivative is that of a function that calls them."""

import functools
import inspect
import operator
import pickle

import numpy as np
import pytest
import scipy.special
from scipy import stats

import srcdiff

A, V = np.arange(1.0, 7.0).reshape(2, 3), np.array([0.5, 1.5, 2.5])
CALLS = [
    (np.pad, (V, 1, "constant")),
    (np.pad, (V, 2)),
    (np.tile, (V, 2)),
    (np.tile, (V, (2, 2))),
    (np.kron, (A, V)),
    (np.append, (A, A, 0)),
    (np.reshape, (A, (3, 2))),
    (np.transpose, (A,)),
    (np.clip, (A, 1.5, 4.5)),
    (np.sum, (A, 0)),
    (np.quantile, (A, 0.3)),
    (np.roll, (A, 1)),
    (np.linalg.norm, (A,)),
    (np.linalg.norm, (A, 2)),
    (operator.mul, (A, V)),
    (operator.matmul, (A, V)),
    (operator.neg, (A,)),
    (abs, (-2.0,)),
    (scipy.special.gammaln, (V,)),
    (scipy.special.logsumexp, (A, 1)),
    (stats.norm.logpdf, (V,)),
    (stats.norm.logpdf, (V, 0.3)),
    (stats.norm.logpdf, (V, 0.3, 2.0)),
    (stats.gamma.logpdf, (V, 1.5)),
    (stats.gamma.logpdf, (V, 1.5, 0.1, 2.0)),
    (stats.multivariate_normal.logpdf, (V, np.zeros(3), np.eye(3))),
    (sum, (V, 1.5)),
    (max, (1.0, 2.0)),
    (min, (3.0, 1.0, 2.0)),
    (pow, (3.0, 2.0)),
    (operator.itemgetter(1), (V,)),
    (stats.norm(0.3, 2.0).logpdf, (V,)),
    (stats.norm(scale=2.0).logcdf, (V,)),
    (stats.gamma(1.5, 0.1).logpdf, (V,)),
    (stats.beta(2.0, b=3.0).logpdf, (0.3,)),
    (functools.partial(np.sum, axis=0), (A,)),
    (functools.partial(np.quantile, q=0.3), (A,)),
    (functools.partial(np.dot, A), (V,)),
    (functools.partial(np.append, axis=0), (A, A)),
    (functools.partial(stats.norm.logpdf, scale=2.0), (V,)),
]


@pytest.mark.parametrize(("function", "args"), CALLS)
def test_the_derivative_is_that_of_a_function_that_calls_it(function, args):
    first, *rest = args
    value, back = srcdiff.vjp(function, *args, argnums=(0,))
    expected, expected_back = srcdiff.vjp(lambda x: function(x, *rest), first)
    np.testing.assert_allclose(value, function(*args))
    np.testing.assert_array_equal(value, expected)
    d = np.cos(np.arange(np.size(value), dtype=float)).reshape(np.shape(value))[()]
    np.testing.assert_array_equal(back(d)[0], expected_back(d)[0])
    along = (np.ones_like(first), *(None for _ in rest))
    np.testing.assert_allclose(
        srcdiff.jvp(function, args, along)[1],
        srcdiff.jvp(lambda x: function(x, *rest), (first,), along[:1])[1],
    )


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_variadic_functions_and_lists():
    value, back = srcdiff.vjp(np.einsum, "ij,j", A, V, argnums=(1, 2))
    np.testing.assert_allclose(value, A @ V)
    np.testing.assert_allclose(back(np.ones(2))[1], A.sum(axis=0))
    value, back = srcdiff.vjp(np.concatenate, [V, V], 0, argnums=0)
    assert value.shape == (6,) and [d.shape for d in back(np.ones(6))] == [(3,), (3,)]
    value, back = srcdiff.vjp(functools.partial(np.append, axis=0), [[1.0, 2.0]], [[3.0, 4.0]])
    assert value.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert back(value) == ([[1.0, 2.0]], [[3.0, 4.0]])
    value, back = srcdiff.vjp(np.block, [[A, 2.0 * A], [A, A]])
    np.testing.assert_array_equal(back(value)[0], [[A, 2.0 * A], [A, A]])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (operator.mul, (2.0, 3.0)),
        (scipy.special.gammaln, (2.5,)),
        (stats.norm.logpdf, (0.7,)),
        (stats.gamma.logpdf, (0.7, 1.5)),
        (functools.partial(operator.mul, 3.0), (2.0,)),
        (np.max, (A,)),
        (sum, ([1.0, 2.0],)),
        (max, ([1.0, 2.0],)),
        (max, (1.0, 2.0, 0.5)),
        (pow, (3.0, 2.0)),
        (operator.itemgetter("a"), ({"a": 2.0, "b": 1.0},)),
        (functools.partial(functools.reduce, operator.mul), ([1.0, 2.0, 3.0],)),
        (stats.norm(0.3, 2.0).logpdf, (0.7,)),
    ],
)
def test_gradients_take_the_arguments_without_a_default(function, args):
    first, *rest = args
    expected = srcdiff.grad(lambda x: function(x, *rest))(first)
    np.testing.assert_equal(srcdiff.grad(function)(*args), expected)


def test_functions_of_any_number_of_arguments_take_those_of_the_call():
    def product(scale, *args):
        total = scale
        for a in args:
            total = total * a
        return total

    value, back = srcdiff.vjp(product, 2.0, 3.0, 5.0, argnums=(0, 2))
    assert value == 30.0 and back(1.0) == (15.0, 6.0)
    assert srcdiff.jvp(product, (2.0, 3.0), (1.0, 1.0)) == (6.0, 5.0)
    gradient = srcdiff.grad(product, argnums=(0, -1), jit=False)
    assert gradient(2.0, 3.0) == (3.0, 2.0)
    assert gradient(2.0, 3.0, 5.0) == (15.0, 6.0)
    assert srcdiff.hvp(lambda *a: a[0] ** 3 * a[1], jit=False)(2.0, 5.0, 1.0) == 60.0
    assert srcdiff.grad(srcdiff.grad(lambda *a: a[0] ** 3 * a[1]), jit=False)(2.0, 5.0) == 60.0
    again = pickle.loads(pickle.dumps(srcdiff.value_and_grad(scaled_sum, jit=False)))
    assert again(2.0, 3.0, scale=5.0) == (30.0, 15.0) and again(2.0) == (0.0, 0.0)
    assert srcdiff.grad(lambda **given: given["a"] ** 2, jit=False)(a=3.0) == 6.0


def scaled_sum(a, *rest, scale=2.0):
    return a * scale * sum(rest)


@pytest.mark.parametrize("function", [len, dict, print, np.einsum, inspect.signature])
def test_others_are_refused(function):
    with pytest.raises(srcdiff.UnsupportedError):
        srcdiff.grad(function)(V)
