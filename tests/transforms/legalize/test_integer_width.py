"""Integer width legalisation: integers of fewer than 64 bits wrap around in compiled code as in NumPy."""

import numpy as np
import pytest

import srcdiff
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.legalize.integer_width import wrapped_integers

# NumPy warns of numbers that wrap around, of arrays it does not
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar")

DIFFERENCE = """
def f(%k: uint8!) -> 0 {
  %0: uint8! = subtract 0, %k
  %1: uint8! = multiply %0, 3
  %2: float64! = multiply 1.5, %1
  yield %2
}
"""


def test_what_leaves_arithmetic_is_cast():
    after = wrapped_integers(parse(DIFFERENCE.strip(), OPERATIONS))
    assert not verify(after)
    lines = [line.strip() for line in to_text(after).splitlines()]
    assert "%0: uint8! = subtract 0, %k" in lines  # only multiplied by more of its kind
    assert "%2: uint8! = astype@np.uint8[dtype='uint8'] %1" in lines
    assert "%3: float64! = multiply 1.5, %2" in lines


def differences(a, k):
    s = np.sum((a + (-k)) * a) + np.sum((-k + a) * a) + np.sum((a - (-k)) ** 2)
    s = s + np.sum((a * 2 + (0 - k) * a) * a) + np.sum((a * 2 + (k - 1 - 1) * a) * a)
    return s + np.sum(a**2 * np.abs(-k) - a * (-k))


def products(a, k):
    s = np.sum(a * (k + k * 100)) + np.sum(a * (-k * 2)) + np.sum(a * (5 - k) * (k - 5))
    return s + np.sum(a * -(k * a)) + np.sum(a * (-k[0]) + (-k[1]))


def reductions(a, k):
    s = np.sum(a * k.sum()) + np.sum(a * (-k).sum()) + np.sum(a * k.max()) + np.sum(a * k.min())
    return s + np.sum(a * k.prod()) + np.sum(a * k.mean()) + np.sum(a * np.cumsum(k))


A = np.arange(1.0, 4.0)
K = np.array([1, 2, 3])
DTYPES = {
    "uint8": K,
    "int8": K * 40,
    "uint16": K,
    "int16": K * 9000,
    "int32": K * 2**29,
    "uint64": K,
}


def by_differences(f, a, k):
    steps = np.eye(len(a)) * 1e-6
    return np.array([(f(a + h, k) - f(a - h, k)) / 2e-6 for h in steps])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", [differences, products, reductions])
def test_numpy_form(f, dtype):
    k = DTYPES[dtype].astype(dtype)
    value, d_a = srcdiff.value_and_grad(f, jit=False)(A, k)
    np.testing.assert_allclose(value, f(A, k), rtol=1e-12)
    wanted = by_differences(f, A, k)
    np.testing.assert_allclose(d_a, wanted, rtol=1e-6, atol=1e-6 * np.abs(value))


@pytest.mark.parametrize(
    "dtype", ["uint8", *(pytest.param(d, marks=pytest.mark.slow) for d in DTYPES if d != "uint8")]
)
@pytest.mark.parametrize("f", [differences, products, reductions])
def test_compiled_form(f, dtype):
    k = DTYPES[dtype].astype(dtype)
    value, d_a = srcdiff.value_and_grad(f, jit=False)(A, k)
    compiled, d_compiled = srcdiff.value_and_grad(f, jit=True)(A, k)
    np.testing.assert_allclose(compiled, value, rtol=1e-12)
    np.testing.assert_allclose(d_compiled, d_a, rtol=1e-12)


def remainders(a, k, j):
    """The signs of `fmod` are those of what is divided, of `%` those of what it is divided by."""
    s = 0.0
    for i in range(len(k)):
        s += np.fmod(k[i], j[i]) * a[i] + np.fmod(k[i], 3) + (k[i] // j[i]) * (k[i] % j[i])
    return s, (np.fmod(k, j), np.fmod(k, -3), np.fmod(7, j), k // j, k % j)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_remainders_of_integers(dtype):
    k, j = (g.ravel() for g in np.meshgrid([7, -7, 3, -3, 0, 1, -1], [7, -7, 3, -2, 1, -1, 0]))
    args = np.linspace(-1.0, 1.0, k.size), k.astype(dtype), j.astype(dtype)
    g = srcdiff.value_and_grad(remainders, has_aux=True, jit=True)
    (value, found), d_a = g(*args)
    expected, truth = remainders(*args)
    assert value == pytest.approx(expected)
    np.testing.assert_array_equal(d_a, np.fmod(k, j))
    for a, b in zip(found, truth, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def added(x, u, k):
    return np.sum(x * (u + k))


def named(x, u, k):
    return np.sum(x * np.int8(k))


def written(x, u, k):
    v = u.copy()
    v[0] = k
    return np.sum(x * v)


def filled(x, u, k):
    return np.sum(x * np.full(3, k, dtype=np.int8))


def larger(x, u, k):
    return np.sum(x * np.maximum(u, k))


def in_turns(x, u, k):
    total = 0.0
    for i in range(len(u)):
        total += x[i] * (u[i] * (k + i))
    return total


@pytest.mark.parametrize("f", [added, named, written, filled, larger, in_turns])
def test_integers_of_python_that_have_no_place_raise_as_in_numpy(f):
    x, u = np.array([0.5, 2.0, -1.0]), np.array([1, 100, 7], np.int8)
    compiled = srcdiff.value_and_grad(f, jit=True)
    for k in (300, -200, 2**40):
        with pytest.raises(OverflowError, match="out of bounds for int8"):
            compiled(x, u, k)
    value, d_x = compiled(x, u, 3)
    assert value == f(x, u, 3)
    assert np.array_equal(d_x, srcdiff.grad(f, jit=False)(x, u, 3))


def test_constants_that_have_no_place_raise_as_in_numpy():
    def shifted(x, u):
        return np.sum(x * (u + 300))

    with pytest.raises(OverflowError, match="300 out of bounds for int8"):
        srcdiff.grad(shifted, jit=True)(np.ones(2), np.array([1, 2], np.int8))


def test_chosen_integers_of_python_wrap_around():
    def chosen(x, u, k):
        return np.sum(x * np.where(u > 5, u, k))

    x, u = np.array([0.5, 2.0, -1.0]), np.array([1, 100, 7], np.int8)
    for k in (3, 300, -200):
        assert srcdiff.value_and_grad(chosen, jit=True)(x, u, k)[0] == chosen(x, u, k)
