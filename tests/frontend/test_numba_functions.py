"""Functions that Numba compiles are differentiated as the Python that they are made of."""

import math
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba import njit, prange

import srcdiff
from srcdiff.errors import UnsupportedError

X = np.array([0.3, -0.7, 1.1])


@njit(fastmath=True, inline="always")
def wave(x):
    return np.sin(x) * x


@njit
def inner(x, k):
    total = numba.float64(0)
    for i in prange(x.shape[0]):
        total += wave(x[i]) * k
    return total


@numba.vectorize
def bump(a, b):
    return a * np.exp(b)


@numba.vectorize(["float64(float64)"])
def hinge(a):
    if a > 0.0:
        return a * a
    return 0.0


@numba.cfunc("float64(float64)")
def cube(a):
    return a**3


@numba.stencil
def neighbours(a):
    return a[-1] + a[1]


@numba.guvectorize(["void(float64[:], float64[:])"], "(n)->(n)")
def squares(a, out):
    for i in range(a.shape[0]):
        out[i] = a[i] ** 2


@njit
def program(x, k):
    return inner(x, k) + np.sum(x**2)


def test_jitted_functions_and_helpers_are_seen_through():
    expected = 2.0 * (np.sin(X) + X * np.cos(X)) + 2.0 * X
    np.testing.assert_allclose(srcdiff.grad(program)(X, 2.0), expected)
    decorated = srcdiff.differentiate(program)
    np.testing.assert_allclose(decorated.grad(X, 2.0), expected)
    assert not program.signatures  # it was read, not compiled
    assert decorated(X, 2.0) == pytest.approx(program.py_func(X, 2.0))


def test_vectorized_functions_are_elementwise():
    d_x = srcdiff.grad(lambda x: np.sum(bump(x, 2.0 * x)))(X)
    np.testing.assert_allclose(d_x, (1.0 + 2.0 * X) * np.exp(2.0 * X))
    assert srcdiff.grad(bump)(2.0, 0.0) == 1.0
    assert srcdiff.grad(lambda x: cube(x))(2.0) == 12.0

    def by_element(x):
        total = 0.0
        for i in range(len(x)):
            total += hinge(x[i])
        return total

    np.testing.assert_allclose(srcdiff.grad(by_element)(X), [0.6, 0.0, 2.2])


@numba.vectorize
def walked(a, b):
    s = a
    for _ in range(3):
        s += b  # a name for a number, not an array that is written
    return math.log(s) if s > 2 else s * s


@numba.vectorize
def ones(a):
    return 1.0


def of_each(x, y):
    return (
        np.sum(walked(x[:, None], y) + ones(x)[:, None] * x[0])
        + np.sum(walked(x, 0.1))
        + np.sum(x * x)
    )


@pytest.mark.parametrize("jit", [False, True])
def test_vectorized_functions_with_statements_see_each_element(jit):
    """Branches, loops, functions of numbers, and results that are numbers: with NumPy's broadcasting."""
    x, y = np.array([0.3, 1.4, 2.2]), np.array([0.5, -0.2])
    g = srcdiff.value_and_grad(of_each, argnums=(0, 1), jit=jit)
    value, gradient = g(x, y)
    np.testing.assert_allclose(value, of_each(x, y), rtol=1e-14)
    for k, d in enumerate(gradient):
        for i in range(len(d)):
            ahead, behind = [x.copy(), y.copy()], [x.copy(), y.copy()]
            ahead[k][i] += 1e-6
            behind[k][i] -= 1e-6
            assert d[i] == pytest.approx((of_each(*ahead) - of_each(*behind)) / 2e-6, rel=1e-7)

    hinges = srcdiff.value_and_grad(lambda x: np.sum(hinge(x)), jit=jit)
    assert hinges(X)[0] == np.sum(hinge(X))
    assert hinges(X[:0])[0] == 0.0
    assert hinges(np.stack([X, X]).astype(np.float32))[1].dtype == np.float32
    assert hinges(np.array(1.5))[1] == 3.0


@njit
def jumps(a):
    if a > 0.0:
        return a * a
    return 0.0 * a


@njit
def doubtful(x):
    return x * np.trim_zeros(x)


def test_errors_are_at_the_lines_of_the_jitted_function():
    with pytest.raises(UnsupportedError, match="trim_zeros") as caught:
        srcdiff.grad(lambda x: doubtful(x)[0])(X)
    assert caught.value.source_line.strip() == "return x * np.trim_zeros(x)"
    assert caught.value.file == __file__
    with pytest.raises(UnsupportedError, match="truth value of an array") as caught:
        srcdiff.grad(lambda x: np.sum(jumps(x)))(X)
    assert caught.value.source_line.strip() == "if a > 0.0:"


@pytest.mark.parametrize(("f", "kind"), [(neighbours, "StencilFunc"), (squares, "GUFunc")])
def test_what_has_no_function_to_read_is_refused(f, kind):
    with pytest.raises(UnsupportedError, match=f"is Numba's {kind}") as caught:
        srcdiff.grad(lambda x: np.sum(f(x)))(X)
    assert "Call an @njit function" in caught.value.advice
    with pytest.raises(UnsupportedError, match=f"a {kind} of Numba") as caught:
        srcdiff.grad(f)
    assert caught.value.location is None


@pytest.mark.long
def test_srcdiff_imports_numba_for_nobody():
    program = (
        "import sys, numpy as np, srcdiff\n"
        "f = srcdiff.differentiate(lambda x: np.sum(x**2))\n"
        "f.grad(np.ones(3)), f.jvp((np.ones(3),), (np.ones(3),))\n"
        "assert 'numba' not in sys.modules"
    )
    # a lambda needs its text
    program = (
        f"import linecache; linecache.cache['p'] = (0, None, {program!r}.splitlines(True), 'p')\n"
        + (f"exec(compile({program!r}, 'p', 'exec'))")
    )
    subprocess.run([sys.executable, "-c", program], check=True)
