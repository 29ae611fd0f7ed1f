"""Interpolants that were made outside of a function, and values of `scipy.interpolate` at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage
import scipy.special

from srcdiff import UnsupportedError, check_grads, grad, value_and_grad

PLACES = np.array([0.5, 3.2])
STACK = np.sin(np.arange(20.0)).reshape(2, 5, 2)
SURFACES = scipy.interpolate.CubicSpline(np.arange(5.0), STACK, axis=1)
LINES = scipy.interpolate.interp1d(np.arange(5.0), STACK, axis=1)
SPLINE = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 3)
STEEP = scipy.interpolate.PchipInterpolator(np.arange(5.0), np.array([0.0, 1.0, 5.0, 5.5, 9.0]))
SURFACE = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(10.0).reshape(5, 2) ** 2)
LINE = scipy.interpolate.interp1d(np.arange(5.0), np.arange(5.0) ** 2)


@pytest.fixture(autouse=True)
def _in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")


def outside(x):
    return np.sum(SPLINE(x) ** 2) + np.sum(SPLINE(x, 1)) + np.sum(STEEP(x)) + np.sum(LINE(x) ** 2)


def of_vectors(x):
    return np.sum(SURFACE(x) * np.array([1.0, 2.0]))


def along_another_axis(x):
    weights = np.arange(4.0).reshape(2, 2, 1)
    places = np.reshape(x, (2, 1))
    found = np.sum(SURFACES(places, 1) * weights[:, :, None]) + np.sum(LINES(x) * weights)
    return found + np.sum(SURFACES(x[0]) ** 2) + np.sum(LINES(x[1])) + np.sum(SURFACES(x, 4))


def of_several_values(x):
    y = np.outer(np.array([1.0, 2.0, -1.0]), np.sin(np.arange(5.0) * x[0]))
    t, s = np.arange(5.0), np.array([[x[0]], [2.5]])
    spline = scipy.interpolate.CubicSpline(t, y.T)(x[1])
    spline = spline + np.sum(scipy.interpolate.CubicSpline(t, y, axis=1)(s)[:, :, 0] ** 2, axis=1)
    lines = scipy.interpolate.interp1d(t, y)(s) * np.arange(2.0)[:, None]
    cubic = scipy.interpolate.interp1d(t, y.T, kind="cubic", axis=0)(s)
    return np.sum(spline**2) + np.sum(lines) * np.sum(cubic[1, 0] * np.arange(3.0))


@pytest.mark.parametrize("f", [outside, of_vectors, along_another_axis, of_several_values])
def test_interpolants_from_outside(f) -> None:
    check_grads(f, PLACES)
    assert np.isclose(value_and_grad(f)(PLACES)[0], f(PLACES))


def test_places_outside_of_the_range_raise() -> None:
    with pytest.raises(ValueError, match="outside of the interpolation range"):
        grad(lambda x: np.sum(LINE(x)))(PLACES + 3.0)


def test_what_is_refused_says_so() -> None:
    def at_periodic(y):
        return scipy.interpolate.CubicSpline(np.arange(4.0), y, bc_type="periodic")(0.5)

    with pytest.raises(UnsupportedError, match="bc_type='periodic' is not differentiated"):
        grad(at_periodic)(np.ones(4))

    def by_splines(x):
        return np.sum(scipy.ndimage.map_coordinates(x, np.array([[0.5]])))

    with pytest.raises(UnsupportedError, match="by splines is not differentiated"):
        grad(by_splines)(np.ones(4))


def test_lambert_w_has_no_real_branch_below_minus_one_over_e() -> None:
    def w(x):
        return scipy.special.lambertw(x).real

    assert np.isnan(grad(w)(-0.5))
    assert np.isclose(grad(w)(0.0), 1.0)
