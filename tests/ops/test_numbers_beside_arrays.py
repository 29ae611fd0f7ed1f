"""Values and dtypes where Python's numbers, NumPy's and arrays of float32 meet; and calls of rarer spellings."""

import warnings

import numpy as np
import pytest
import scipy.interpolate
import scipy.special
from corpus_loader import finite_difference_grad

import srcdiff
from srcdiff import UnsupportedError
from srcdiff.compile.derivations.kinds import Value
from srcdiff.handles.differentiable import generated
from srcdiff.options import Options

X = np.array([0.3, 0.8, 0.5, 0.9])

KEPT = {
    "outer of a number": lambda x: np.add.outer(0.5, x),
    "dot of a number": lambda x: np.dot(x, 0.5),
    "kron of a number": lambda x: np.kron(2.0, x),
    "inner of a number": lambda x: np.inner(x, 0.5),
    "tensordot of a number": lambda x: np.tensordot(0.5, x, axes=0),
    "from one array to another by factors": lambda x: np.geomspace(x, 2.0 * x, 4, axis=1),
    "from a number to an array": lambda x: np.linspace(0.0, x, 3),
    "full of an array": lambda x: np.full((2, 4), x),
    "a row with a number": lambda x: np.r_[x, 1.5, 2],
    "a row with a number of NumPy's": lambda x: np.r_[x, np.float64(1.5)],
    "an item": lambda x: x.item(1) * x,
    "a ufunc in a dtype": lambda x: np.add(x, [1, 2, 3, 4], dtype=np.float64),
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_are_those_of_numpy(name, dtype):
    f, x = KEPT[name], X.astype(dtype)
    found, expected = generated(Value(), f, Options(jit=False))(x), f(x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == expected.dtype
    gradient = srcdiff.grad(lambda x: np.sum(np.sin(f(x))), jit=False)(x)
    assert gradient.dtype == dtype


def test_the_end_of_a_row_of_numbers_has_their_dtype():
    def f(x):
        return np.linspace(x, 1, 3, endpoint=False)

    x = np.float32(0.5)
    assert generated(Value(), f, Options(jit=False))(x).dtype == f(x).dtype == np.float32


def test_an_item_of_complex64_is_a_python_number():
    x = np.array([1.0 + 2.0j, 3.0], dtype="complex64")
    value = generated(Value(), lambda x: x.item(0) * 2.0, Options(jit=False))(x)
    assert value == 2.0 + 4.0j
    assert type(value) is complex


def subscripts(x):
    y = np.r_[x, 0.5, x[1:] ** 2]
    z = np.c_[np.ones(4), x, np.sin(x)]
    w = np.r_["0,2", x, 2.0 * x]
    v = np.r_["0,2,0", x, x**2]
    return (
        np.sum(y**3) + np.sum(z @ np.arange(3.0) * x) + np.sum(w[1] * w[0]) + np.sum(v[:, 0] ** 2)
    )


def pieces(x):
    a = np.add.reduceat(x, [0, 2, 1])
    b = np.multiply.reduceat(x, np.array([1, 3]))
    c = np.maximum.reduceat(np.outer(x, x), [0, 2], axis=1)
    return np.sum(a**2) + np.sum(b**2) + np.sum(c**3)


def weighted(x):
    b = np.array([1.0, 0.0, 2.0, 0.5])
    total = scipy.special.logsumexp(x, b=b)
    found, sign = scipy.special.logsumexp(x, b=b - 1.0, return_sign=True)
    return total + found * sign + scipy.special.logsumexp(x, b=x)


def products(x):
    y = np.kron(np.outer(x, x[:2])[None], x) + np.einsum(np.outer(x, x), [0, 1], x, [1], [0])[0]
    z = np.apply_along_axis(np.sum, -1, np.ones((2, 3, 4)) * x) + np.dot(0.5, x)[0]
    return np.sum(y**2) + np.sum(z**2) + np.sum(np.outer(x[:, None], 2.0) ** 3)


def parabola(x):
    spline = scipy.interpolate.CubicSpline([0.0, 0.5, 1.5], x[:3])
    return np.sum(spline(np.array([0.2, 0.7, 1.4])) ** 2)


@pytest.mark.parametrize("f", [subscripts, pieces, weighted, products, parabola])
def test_rarer_spellings(f):
    value, gradient = srcdiff.value_and_grad(f, jit=False)(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-12)
    np.testing.assert_allclose(gradient, finite_difference_grad(f, (X,), 0), rtol=1e-6, atol=1e-8)
    _, tangent = srcdiff.jvp(f, (X,), (np.cos(X),), jit=False)
    np.testing.assert_allclose(tangent, gradient @ np.cos(X), rtol=1e-10)


def together(x):
    return subscripts(x) + pieces(x) + weighted(x) + parabola(x)


@pytest.mark.slow
def test_rarer_spellings_compiled():
    found = srcdiff.value_and_grad(together, jit=True)(X)
    expected = srcdiff.value_and_grad(together, jit=False)(X)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-10)


def test_weights_of_zero_keep_what_is_not_finite_out():
    def f(x, b):
        return scipy.special.logsumexp(x, b=b)

    x, b = np.array([np.inf, 1.0, 1e4, 2.0]), np.array([0.0, 2.0, 0.0, 1.0])
    value, (d_x, d_b) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(x, b)
    assert value == pytest.approx(f(x, b), rel=1e-14)
    share = 2.0 * np.exp(1.0) / (2.0 * np.exp(1.0) + np.exp(2.0))
    np.testing.assert_allclose(d_x, [0.0, share, 0.0, 1.0 - share], rtol=1e-12)
    np.testing.assert_allclose(d_b[[1, 3]], [share / 2.0, 1.0 - share], rtol=1e-12)


def test_weights_of_zero_have_a_derivative():
    def f(b):
        return scipy.special.logsumexp(np.array([1.0, 5.0]), b=b)

    d_b = srcdiff.grad(f, jit=False)(np.array([1.0, 0.0]))
    np.testing.assert_allclose(d_b, [1.0, np.exp(4.0)], rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.log(-2.0 * np.exp(x)),
        lambda x: np.log(-2.0 * np.sum(np.exp(x))),
        lambda x: np.log(np.exp(x) / -3.0),
        lambda x: np.log(-np.exp(x)),
    ],
)
def test_logarithms_of_negative_numbers_are_nan_as_in_numpy(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.all(np.isnan(generated(Value(), f, Options(jit=False))(X)))


def test_a_library_s_object_is_not_subscripted_by_what_is_differentiated():

    def f(x):  # a class that is made here has no types
        class Own:
            pass

        table = np.index_exp
        made = Own()
        made.parts = [x, 2.0 * x]
        return np.sum(table[tuple(made.parts)] ** 2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            UnsupportedError, match="a subscript of IndexExpression is not known to srcdiff"
        ):
            srcdiff.grad(f, jit=False)(X)


def test_the_weights_of_a_covariance_may_be_a_list():
    def f(x):
        return np.sum(np.cov(x, aweights=[1.0, 2.0, 1.0, 3.0]) ** 2)

    x = np.outer([1.0, 2.0, -1.0], X) + np.eye(3, 4)
    gradient = srcdiff.grad(f, jit=False)(x)
    np.testing.assert_allclose(gradient, finite_difference_grad(f, (x,), 0), rtol=1e-6, atol=1e-7)


def test_what_has_no_types_and_no_parts_is_refused_once():
    def f(x):
        return np.sum(np.cov(x, aweights=[[1.0], [2.0, 3.0]]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((UnsupportedError, ValueError, TypeError)):
            srcdiff.grad(f, jit=False)(np.outer([1.0, 2.0], X))
