"""Random numbers by their place: known answers, exactness, and the same numbers in kernels."""

from __future__ import annotations

import importlib.util
import re
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit, types
from scipy import stats

from srcdiff.runtime import philox as module
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem, is_simulator, ptx
from srcdiff.runtime.philox import fill_normals, normal, normalf, normals, philox, uniform, uniforms

simulated = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_random123(counter, key, words) -> None:
    assert " ".join(f"{w:08x}" for w in philox(counter, key)) == words
    assert " ".join(f"{w:08x}" for w in philox([counter] * 2, key)[1]) == words


def test_distributions() -> None:
    assert stats.kstest(uniforms(20_000, key=1), "uniform").pvalue > 1e-3
    for dtype in (np.float64, np.float32):
        z = normals(20_000, 1, 4, dtype)
        assert z.dtype == dtype
        assert stats.kstest(z, "norm").pvalue > 1e-3
        assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 0.03  # of one pair
    streams = [normals(20_000, *seeds) for seeds in ((1, 0), (1, 1), (2, 0))]
    assert np.max(np.abs(np.corrcoef(streams) - np.eye(3))) < 0.03


def test_places_are_what_counts() -> None:
    z = normals((3, 5), key=7, stream=2)
    np.testing.assert_array_equal(normals(15, 7, 2), z.reshape(-1))
    np.testing.assert_array_equal(normals(4, 7, 2), z.reshape(-1)[:4])
    assert normals(0, 7).shape == (0,)
    large = normals(4, key=(1 << 63) - 1, stream=1 << 40)
    assert not np.isin(large, normals(4, key=(1 << 32) - 1, stream=0)).any()


def ulps(found, expected) -> float:
    return float(np.max(np.abs(found - expected) / np.spacing(np.abs(expected))))


def test_normals_are_exact_to_four_units() -> None:
    bits = uniforms((2000, 2), key=3)
    first, second = (map(mpmath.mpf, column) for column in bits.T)
    with mpmath.workprec(120):
        pairs = zip(first, second, strict=True)
        exact = [
            (mpmath.sqrt(-2 * mpmath.log(u + mpmath.mpf(2) ** -53)), 2 * mpmath.pi * v)
            for u, v in pairs
        ]
        expected = np.array([[float(r * f(a)) for f in (mpmath.cos, mpmath.sin)] for r, a in exact])
    assert ulps(normals((2000, 2), key=3), expected) <= 4.0


class Fused:
    """A float whose products are rounded only with the sum that they are part of, as devices have it."""

    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to this

    def __init__(self, exact: Any, is_product: bool = False) -> None:
        self.exact = Fraction(exact) if is_product else Fraction(float(exact))

    def __mul__(self, other: Any) -> Fused:
        return Fused(self.rounded() * _exact(other), is_product=True)

    def __add__(self, other: Any) -> Fused:
        # of two products, one is rounded
        return Fused(self.exact + (other.rounded() if isinstance(other, Fused) else _exact(other)))

    def __sub__(self, other: Any) -> Fused:
        return self + Fused(-_exact(other), is_product=True)

    def __rsub__(self, other: Any) -> Fused:
        return Fused(_exact(other) - self.exact)

    def __truediv__(self, other: Any) -> Fused:
        return Fused(self.rounded() / _exact(other))

    def __lt__(self, other: Any) -> bool:
        return self.rounded() < _exact(other)

    def __abs__(self) -> Fused:
        return Fused(abs(self.rounded()))

    __rmul__, __radd__ = __mul__, __add__

    def rounded(self) -> Fraction:
        return Fraction(float(self.exact))


def _exact(x: Any) -> Fraction:
    return x.rounded() if isinstance(x, Fused) else Fraction(float(x))


def test_fused_arithmetic_differs_by_two_units() -> None:
    _, radius_of, turned = module._DOUBLE
    bits = uniforms((400, 2), key=9)
    found = np.empty((400, 2))
    for k, (first, u) in enumerate(bits):
        m, e = np.frexp(first + 0.5**53)
        radius = np.sqrt(float(radius_of(Fused(m), Fused(e)).rounded()))
        whole = np.floor(4.0 * u + 0.5)
        for j, second in enumerate((0.0, 1.0)):
            found[k, j] = radius * float(turned(Fused(u), whole, second).rounded())
    expected = normals((400, 2), key=9)
    assert 0.0 < ulps(found, expected) <= 2.0


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="key=-1"):
        normals(3, key=-1)
    with pytest.raises(ValueError, match="stream="):
        uniforms(3, 1, stream=1 << 63)
    with pytest.raises(TypeError, match="int64"):
        normals(3, 1, dtype=np.int64)
    with pytest.raises(TypeError, match="int32"):
        fill_normals(np.zeros(3, np.int32), 1)


@simulated
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_give_what_the_cpu_gives(dtype) -> None:
    array = cuda.to_device(np.zeros((3, 5), dtype))
    fill_normals(array, 3, 2)
    expected = normals((3, 5), 3, 2, dtype)
    assert ulps(array.copy_to_host(), expected) <= 2.0


@simulated
def test_uniforms_in_kernels() -> None:
    @cuda.jit
    def draw(out):
        i = cuda.grid(1)
        if i < len(out):
            out[i] = uniform(5, 1, i)

    out = cuda.to_device(np.zeros(7))
    draw[2, 4](out)
    np.testing.assert_array_equal(out.copy_to_host(), uniforms(7, 5, 1))


def test_compiled_arithmetic_is_numpys() -> None:
    """What nvvm compiles is the same text: here LLVM does."""
    words, (_, radius_of, turned) = njit(module._words), map(njit, module._DOUBLE)
    given = [np.uint64(w) for w in (5, 1, 2, 3, 4, 9)]
    assert [*words(*given)] == [*module._words(*given)]
    for k in range(50):
        u = uniforms(50, 1)[k]
        m, e = np.frexp(u + 0.5**53)
        assert ulps(radius_of(m, float(e)), module._DOUBLE[1](m, float(e))) <= 1.0
        whole = np.floor(4.0 * u + 0.5)
        for second in (0.0, 1.0):
            found = turned(u, whole, second)
            assert ulps(found, module._DOUBLE[2](u, whole, second)) <= 1.0


has_compiler = importlib.util.find_spec("numba_cuda") is not None and not is_simulator()


@pytest.mark.skipif(not has_compiler, reason="numba-cuda compiles, the simulator does not")
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)])
def test_kernels_compile(capability) -> None:
    def double(out):
        out[0] = normal(1, 2, cuda.grid(1))

    def single(out):
        out[0] = normalf(1, 2, cuda.grid(1))

    assert ".f64" in ptx(double, [types.float64[::1]], capability)
    assert not re.search(r"\.f64\b", ptx(single, [types.float32[::1]], capability))
