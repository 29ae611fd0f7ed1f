"""The functions of numbers for kernels, against mpmath, as a kernel calls them."""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.runtime import device
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


@cache
def kernel(name: str) -> Any:
    function = getattr(device, name)

    @cuda.jit
    def one(x, out):
        for i in range(cuda.grid(1), len(x), cuda.gridsize(1)):
            out[i] = function(x[i])

    @cuda.jit
    def two(x, y, out):
        for i in range(cuda.grid(1), len(x), cuda.gridsize(1)):
            out[i] = function(x[i], y[i])

    return {1: one, 2: two}


def call(name: str, *args: Any, dtype: Any = np.float64) -> Any:
    given = [np.atleast_1d(np.asarray(a, dtype)) for a in args]
    out = cuda.to_device(np.zeros(given[0].shape, dtype))
    suffix = "f" if dtype == np.float32 else ""
    kernel(name + suffix)[len(given)][1, 4](*map(cuda.to_device, given), out)
    return out.copy_to_host()


def log_ndtr(x: Any) -> Any:
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


SMOOTH: dict[str, tuple[Any, Any]] = {
    "expit": (lambda x: 1 / (1 + mpmath.exp(-x)), np.linspace(-30, 30, 41)),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), np.linspace(-30, 30, 41)),
    "log_expit": (lambda x: -mpmath.log1p(mpmath.exp(-x)), np.linspace(-30, 30, 41)),
    "logit": (lambda x: mpmath.log(x / (1 - x)), np.linspace(0.01, 0.45, 20)),
    "entr": (lambda x: -x * mpmath.log(x), np.linspace(0.01, 0.9, 20)),
    "cbrt": (mpmath.cbrt, np.array([1e-30, 0.1, 1.0, 8.0, 1e20])),
    "ndtr": (mpmath.ncdf, np.linspace(-8, 8, 31)),
    "log_ndtr": (
        log_ndtr,
        np.array([-80.0, -31.0, -29.0, -12.0, -10.5, -9.0, -1.0, 0.0, 2.0, 5.0]),
    ),
    "digamma": (mpmath.digamma, np.array([-3.7, -0.3, 0.1, 0.9, 2.0, 5.5, 12.0, 100.0, 1e6])),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-14), (np.float32, 4e-6)])
def test_functions_of_one_number(name: str, dtype: Any, tolerance: float) -> None:
    exact, points = SMOOTH[name]
    points = points.astype(dtype)
    with mpmath.workdps(40):
        expected = [float(exact(mpmath.mpf(float(x)))) for x in points]
    found = call(name, points, dtype=dtype)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 0.1)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_polygamma(order: int) -> None:
    points = np.array([0.1, 0.7, 1.0, 3.3, 9.0, 15.0, 200.0])
    with mpmath.workdps(40):
        expected = [float(mpmath.polygamma(order, mpmath.mpf(x))) for x in points]
    orders = np.full(points.shape, order)

    @cuda.jit
    def each(n, x, out):
        for i in range(len(x)):
            out[i] = device.polygamma(n[i], x[i])

    out = cuda.to_device(np.zeros(points.shape))
    each[1, 1](cuda.to_device(orders), cuda.to_device(points), out)
    np.testing.assert_allclose(out.copy_to_host(), expected, rtol=1e-13)


def test_functions_of_two_numbers() -> None:
    x, y = (
        np.array([0.0, -700.0, 3.0, -np.inf, np.inf]),
        np.array([0.0, -701.0, 900.0, 2.0, np.inf]),
    )
    np.testing.assert_allclose(call("logaddexp", x, y), np.logaddexp(x, y), rtol=1e-15)
    assert call("logaddexp", -np.inf, -np.inf) == -np.inf
    np.testing.assert_allclose(
        call("xlogy", [0.0, 2.0, 0.0], [0.0, 3.0, 2.0]), [0.0, 2 * np.log(3), 0.0]
    )
    np.testing.assert_allclose(call("xlog1py", [0.0, 2.0], [-1.0, 3.0]), [0.0, 2 * np.log(4)])
    np.testing.assert_allclose(
        call("heaviside", [-1.0, 0.0, 2.0], [0.3, 0.3, 0.3]), [0.0, 0.3, 1.0]
    )
    np.testing.assert_allclose(call("betaln", 2.5, 3.5), scipy.special.betaln(2.5, 3.5))


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint", "sign"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_steps(name: str, dtype: Any) -> None:
    points = [
        -2.5,
        -1.5,
        -0.5,
        -0.2,
        -0.0,
        0.0,
        0.3,
        0.5,
        1.5,
        2.5,
        7.0,
        1e18,
        -1e18,
        np.inf,
        -np.inf,
    ]
    found, expected = call(name, points, dtype=dtype), getattr(np, name)(np.array(points, dtype))
    assert np.array_equal(found, expected)
    if name != "sign":
        assert np.array_equal(np.signbit(found), np.signbit(expected))
    assert np.isnan(call(name, np.nan, dtype=dtype))


def test_edges() -> None:
    assert np.array_equal(call("expit", [-np.inf, np.inf]), [0.0, 1.0])
    assert call("entr", 0.0) == 0.0
    assert call("entr", -1.0) == -np.inf
    assert np.isnan(call("digamma", -2.0))
    assert call("cbrt", -8.0) == -2.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_signs_and_replacements(dtype: Any) -> None:
    points = np.array([-0.0, 0.0, -1.5, np.inf, -np.inf, np.nan], dtype)
    assert np.array_equal(call("signbit", points[:5], dtype=dtype), np.signbit(points[:5]))
    assert np.array_equal(call("nan_to_num", points, dtype=dtype), np.nan_to_num(points))


def test_each_declared_function_is_there() -> None:
    for decl in OPERATIONS.values():
        if decl.device and "{" not in decl.device:
            assert hasattr(device, decl.device)
            assert hasattr(device, f"{decl.device}f")
