"""Python error checks: compiled code raises where Python's numbers do, and only there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fuzz.compare import function_of

import srcdiff


def ratio(x, y):
    return x / y


def steps(x, y, n):
    s = 0.0
    for i in range(n):
        s = s + x / (y + i)
    return s


def whole(x, n, m):
    return x * (n // m) + n % m


def root(x):
    return x**0.5


def logarithm(x):
    return math.log(x) * x


def powers(x, a, n):
    return np.sum(x * a**n)


def power_of_each(x, a, n):
    s = 0.0
    for i in range(len(a)):
        s += x * a[i] ** n[i]
    return s


def powers_of_counts(x, n):
    s = 0.0
    for i in range(1, 4):
        s += x * i**n
    return s


WHOLE, SIGNS = np.array([2, -3, 1]), np.array([1, 2, -1])
RAISES = {
    "powers of integers": (powers, (1.5, WHOLE, SIGNS), ValueError),
    "a power of integers": (powers, (1.5, WHOLE, -1), ValueError),
    "powers of integers one by one": (power_of_each, (1.5, WHOLE, SIGNS), ValueError),
    "a power of NumPy's integer": (powers, (1.5, np.int64(2), np.int64(-1)), ValueError),
    "a division": (ratio, (1.0, 0.0), ZeroDivisionError),
    "in a loop": (steps, (1.0, -2.0, 5), ZeroDivisionError),
    "of integers": (whole, (1.0, 3, 0), ZeroDivisionError),
    "in the derivative alone": (root, (0.0,), ZeroDivisionError),
    "of a domain": (logarithm, (-1.0,), ValueError),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("f", "args", "error"), RAISES.values(), ids=RAISES)
def test_pythons_numbers_raise(f, args, error, jit) -> None:
    with pytest.raises(error):
        srcdiff.value_and_grad(f, jit=jit)(*args)


QUIET = {
    "a negative power of a count": (powers_of_counts, (1.5, -2)),
    "a power of an integer": (powers, (1.5, 2, -3)),
    "integers that are not negative": (power_of_each, (1.5, WHOLE, abs(SIGNS))),
    "no integers": (powers, (1.5, WHOLE[:0], -1)),
    "the loop ends before": (steps, (1.0, -2.0, 2)),
    "a number of NumPy": (ratio, (np.float64(1.0), np.float64(0.0))),
    "an array": (lambda x, y: np.sum(x / y), (np.ones(2), np.array([0.0, 1.0]))),
    "behind a test": (lambda x: 1.0 / x if x else x, (0.0,)),
    "nan": (logarithm, (math.nan,)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("f", "args"), QUIET.values(), ids=QUIET)
def test_others_do_not(f, args) -> None:
    value, d = srcdiff.value_and_grad(f, jit=True)(*args)
    expected, d_expected = srcdiff.value_and_grad(f, jit=False)(*args)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(d, d_expected)


def test_a_divisor_is_looked_at_once() -> None:
    text = srcdiff.value_and_grad(lambda x, y: x / y + y / x + 2.0 / x).loop_source_for(1.0, 2.0)
    assert text.count("if x == 0:") == 1
    assert text.count("if y == 0:") == 1


def test_constants_are_not_looked_at() -> None:
    text = srcdiff.value_and_grad(lambda x, n: x / 2.0 + n // 2 + x**2 + x**0.5).loop_source_for(
        1.0, 3
    )
    assert text.count("raise") == 1  # of the derivative of the root


ENDS = {
    "a quotient by a length": "t / len(x) + np.sum(w)",
    "a quotient by another length": "t / len(w)",
    "a quotient by the sum": "np.sum(w) + 1.0 / t",
    "of two sums": "u / t + np.sum(w)",
    "a power": "(t - 0.0) ** -1 + np.sum(w)",
    "a remainder": "t % len(x) + np.sum(w)",
    "of NumPy's number": "np.sum(w) / t",
    "of a derived number": "np.sum(w) + 1.0 / (2.0 * t - 0.0)",
}


@pytest.mark.parametrize("loop", ["for v in x", "for v, _ in zip(x, w)", "for v in x[::-1]"])
@pytest.mark.parametrize("end", ENDS)
def test_numbers_that_a_loop_without_iterations_leaves_raise_as_in_python(end, loop):
    body = f"    t, u = 0.0, 0.0\n    {loop}:\n        t += v\n        u += v * v\n    return {ENDS[end]}\n"
    f = function_of(f"import numpy as np\n\n\ndef f(x, w):\n{body}")
    g = srcdiff.value_and_grad(f, argnums=(0, 1), jit=True, on_independent="ignore")
    with np.errstate(all="ignore"):
        g(np.array([0.3, 0.2, 0.5]), np.ones(3))
        for lengths in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 3)):
            x, w = (np.zeros(n) for n in lengths)
            try:
                expected = f(x, w)
            except ZeroDivisionError:
                with pytest.raises(ZeroDivisionError):
                    g(x, w)
            else:
                np.testing.assert_equal(g(x, w)[0], expected)
