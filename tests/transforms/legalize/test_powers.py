"""Legalisation of powers: edge cases in which Numba's powers and quotients differ from NumPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.legalize.powers import plain_powers

TINY = float(np.finfo(float).tiny)  # below it, the reciprocal of a product that overflows is 0
CORNERS = np.array([0.0, -0.0, 2.0, -1.37, 1e-200, 1e155, 5e-324, np.inf, -np.inf, np.nan])


def test_integers_are_floats_above_some_factors() -> None:
    check(
        plain_powers,
        """
        def f(%x': float64!, %n': int64!) -> tuple(0: 0, 1: 1, 2: 2, 3: 3, 4: 4) {
          %0: float64! = power %x, %n
          %1: float64! = power %x, -3
          %2: float64! = power %x, -1
          %3: float64! = power %x, 40
          %6: float64 = power@math.pow 2, %n
          yield %0, %1, %2, %3, %6
        }
        """,
        """
        def f(%x': float64!, %n': int64!) -> tuple(0: 0, 1: 1, 2: 2, 3: 3, 4: 4) {
          %4: float64 = to_float %n
          %0: float64! = power %x, %4
          %5: float64! = power %x, 3
          %1: float64! = divide 1.0, %5
          %2: float64! = divide 1.0, %x
          %3: float64! = power %x, 40.0
          %7: float64 = to_float %n
          %6: float64 = power@math.pow 2.0, %7
          yield %0, %1, %2, %3, %6
        }
        """,
    )


def test_few_factors_and_powers_of_integers_stay() -> None:
    unchanged(
        plain_powers,
        """
        def f(%x': float64!, %k': int64!, %n': int64!) -> tuple(0: 0, 1: 1, 2: 2) {
          %0: float64! = power %x, 3
          %1: int64! = power %k, %n
          %2: float64! = power %x, 0.5
          yield %0, %1, %2
        }
        """,
    )


def powers(x, n):
    y = np.empty((6, len(x)))
    for i in range(len(x)):
        y[0, i] = x[i] ** -1
        y[1, i] = x[i] ** -2
        y[2, i] = x[i] ** -7
        y[3, i] = x[i] ** 90
        y[4, i] = x[i] ** -1074
    y[5] = x**n
    return y


@pytest.mark.parametrize("n", [-3, -1074, 0, 5])
def test_compiled_powers_are_numpys(n: int) -> None:
    compiled = srcdiff.transform(powers, "simplify", jit=True)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(CORNERS, n), powers(CORNERS, n), rtol=1e-14, atol=TINY)


def power(x, y):
    return x**y


def math_power(x, y):
    return math.pow(x, y)


NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, -3.0, 5e-324, math.inf, -math.inf, math.nan)
WHOLE = (0, 1, -1, 2, -2, 3, 10, -40)


@pytest.mark.parametrize("f", [power, math_power])
@pytest.mark.parametrize("kinds", [(NUMBERS, NUMBERS), (NUMBERS, WHOLE), (WHOLE, WHOLE)])
def test_powers_of_numbers_are_pythons(f, kinds) -> None:
    """Where Python's powers are complex, or too large for a float, compiled powers are NaN or infinite."""
    compiled = srcdiff.transform(f, "simplify", jit=True)
    for x in kinds[0]:
        for y in kinds[1]:
            expected, found = outcome(f, x, y), outcome(compiled, x, y)
            if not isinstance(expected, complex) and expected is not OverflowError:
                assert repr(expected) == repr(found), (x, y)


def outcome(f, x, y):
    try:
        return f(x, y)
    except (ArithmeticError, ValueError) as error:
        return type(error)


def quotients(x, y):
    z = np.empty(len(x))
    for i in range(len(x)):
        z[i] = x[i] / y
    return z


@pytest.mark.parametrize("fastmath", [True, False])
def test_quotients_are_numpys(fastmath: bool) -> None:
    """Divisors with infinite reciprocals stand here without `fastmath` only: loops do not multiply by them then."""
    compiled = srcdiff.transform(quotients, "simplify", jit=True, fastmath=fastmath)
    x = np.array([0.0, -0.0, 5e-324, 2e-310, 1.0, -3.0, np.inf, np.nan])
    divisors = [0.0, -0.0, 3.0, -1e300, 1e-308, np.inf, np.nan]
    for y in np.array(divisors if fastmath else [*divisors, 1e-309, -5e-324]):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(compiled(x, y), quotients(x, y), rtol=1e-15, atol=5e-324)
