"""Interpolants that were made outside of a function, and values of `scipy.interpolate` at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage
import scipy.special

from srcdiff import UnsupportedError, check_grads, grad, value_and_grad

PLACES = np.array([0.5, 3.2])
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


@pytest.mark.parametrize("f", [outside, of_vectors])
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
