"""Third and fourth derivatives, by both modes in any order, against those of a polynomial through values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import Chebyshev
from scipy import linalg, special, stats

import srcdiff

Curve = Callable[[float], Any]
pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")


def reverse(f: Curve) -> Curve:
    return srcdiff.grad(f, jit=False)


def forward(f: Curve) -> Curve:
    return lambda t: srcdiff.jvp(f, (t,), (1.0,), jit=False)[1]


def derivative(f: Curve, modes: str) -> Curve:
    """One mode within another: of "FR", forward mode is the outer one."""
    for mode in reversed(modes):
        f = reverse(f) if mode == "R" else forward(f)
    return f


def close(f: Curve, t: float, modes: str) -> None:
    radius, degree = 0.15, 14
    curve = Chebyshev.interpolate(np.vectorize(f, otypes=[float]), degree, (t - radius, t + radius))
    expected = curve.deriv(len(modes))(t)
    scale = max(abs(curve.deriv(k)(t)) for k in range(5))
    np.testing.assert_allclose(derivative(f, modes)(t), expected, rtol=1e-5, atol=1e-5 * scale)


# ---- programs ------------------------------------------------------------------------------------


def written_in_place(t):
    x = np.array([t, 0.5])
    for _ in range(3):
        x[0] += 0.1 * np.sin(x[1]) * x[0]
        x[1] = x[0] * x[1]
    return np.sum(x**2)


def until_it_is_large(t):
    total, rows = 1.0 + 0.1 * t, []
    while total < 5.0:
        if len(rows) % 2 == 0:
            total = total + 1.0 + 0.1 * t**3
        else:
            total += 1.0 + np.exp(-total) * t
        rows.append(total)
    return sum(r * np.cos(r) for r in rows)


def folded(t, n):
    return t if n == 0 else np.tanh(t) * folded(t + 0.1 * n, n - 1)


def recursive(t):
    def scaled(v):
        return v * t

    return folded(scaled(1.3), 3) + scaled(np.sin(t))


def systems(t):
    a = np.array([[2.0 + t, t**2, 0.1], [0.3, 3.0, np.sin(t)], [t, 0.2, 4.0]])
    spd = a @ a.T
    x = np.linalg.solve(a, np.array([1.0, t, t**3]))
    half = linalg.solve_triangular(np.linalg.cholesky(spd), x, lower=True)
    return x @ x + np.linalg.slogdet(a)[1] + half @ half + np.sum(np.linalg.inv(a) ** 3)


def spectra(t):
    a = np.array([[1.0, t, 0.2], [t, 3.0, t**2], [0.2, t**2, 6.0]])
    values, vectors = np.linalg.eigh(a)
    return (
        np.sum(np.exp(0.3 * values))
        + vectors[0, 0] ** 2
        + np.linalg.svd(a + np.eye(3), compute_uv=False)[0]
    )


def reduced(t):
    x = np.array([t, 2.0 + t**2, -t, 1.3])
    y = np.cumsum(x) * np.where(x > 0.4, x, np.sin(x))
    return (
        np.prod(1.0 + x) + np.std(x) + np.linalg.norm(y) + np.max(y) + np.sum(np.sort(x)[1:] ** 3)
    )


def log_likelihoods(t):
    x = np.array([0.3, 1.2, 2.5])
    total = np.sum(stats.norm.logpdf(x, t, 1.0 + t**2)) + special.logsumexp(t * x)
    total += np.sum(stats.gamma.logpdf(x, 1.0 + t, scale=2.0)) + np.sum(special.log_ndtr(t - x))
    return total + np.sum(special.softmax(t * x) * x**2)


def by_places(t):
    x = np.outer(np.array([t, 1.0, t**2]), np.array([1.0, np.exp(t)]))
    x[[0, 2]] *= x[[2, 1]]
    rows = np.stack([x[k] for k in (2, 0, 0)])
    return np.sum(np.einsum("ij,kj->ik", rows, x) ** 2) + np.sum(np.convolve(x[0], x[1]) ** 2)


def of_complex_numbers(t):
    z = np.exp(1j * t) * (1.0 + t)
    f = np.fft.fft(np.array([t, t**2, 1.0, 0.5]))
    return np.real(z * np.conj(z) ** 2) + np.sum(np.abs(f) ** 3) + np.angle(z)


PROGRAMS = [
    written_in_place, until_it_is_large, recursive, systems, spectra, reduced, log_likelihoods, by_places,
    of_complex_numbers,
]  # fmt: skip

# all of them by the costliest and by the cheapest; some between two edits
FEW = [
    (written_in_place, "RFRF"),
    (until_it_is_large, "FRR"),
    (recursive, "RRRR"),
    (reduced, "RRR"),
    (by_places, "FFRR"),
]
ALL = [(f, modes) for f in PROGRAMS for modes in ("RRR", "FFR", "RFR", "RRRR", "FRFR", "FFFF")]
CASES = [
    *FEW,
    *(pytest.param(*case, marks=pytest.mark.slow) for case in ALL if case not in FEW),
]


@pytest.mark.parametrize(("f", "modes"), CASES)
def test_programs(f: Curve, modes: str) -> None:
    close(f, 0.7, modes)


@pytest.mark.slow
def test_compiled_programs() -> None:
    third = srcdiff.grad(lambda t: srcdiff.grad(lambda s: srcdiff.grad(by_places)(s))(t), jit=True)
    np.testing.assert_allclose(third(0.7), derivative(by_places, "RRR")(0.7), rtol=1e-10)


# ---- operations ------------------------------------------------------------------------------------

OPERATIONS = [
    np.exp, np.log, np.sin, np.tan, np.arcsin, np.arctan, np.sinh, np.tanh, np.arccosh, np.arctanh, np.sqrt, np.cbrt,
    np.log1p, np.expm1, np.exp2, np.log2, np.reciprocal, np.square, np.sinc,
    special.erf, special.erfc, special.erfcx, special.erfinv, special.ndtri, special.log_ndtr, special.gamma,
    special.gammaln,
    special.digamma, special.rgamma, special.expit, special.logit, special.log_expit, special.softplus, special.entr,
    special.exp1, special.expi, special.j0, special.j1, special.y0, special.i1e, special.ellipk, special.ellipe,
]  # fmt: skip
OF_TWO = [
    np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.power, np.divide, np.float_power, special.xlogy,
    special.xlog1py,
    special.rel_entr, special.kl_div, special.betaln, special.beta, special.poch,
]  # fmt: skip
NAMED = {f.__name__: f for f in (*OPERATIONS, *OF_TWO)}
SOME = ("tanh", "arctan2", "erf", "gammaln", "power", "sqrt")


@pytest.mark.parametrize(
    "name", [n if n in SOME else pytest.param(n, marks=pytest.mark.slow) for n in NAMED]
)
def test_operations(name: str) -> None:
    operation = NAMED[name]

    def of_two(t: Any) -> Any:
        return operation(1.5 * t, 0.4 + t**2)

    def of_one(t: Any) -> Any:
        return operation(0.3 * t + 0.2 if name != "arccosh" else t + 0.8)

    for modes in ("RRR", "FFRR"):
        close(of_two if operation in OF_TWO else of_one, 0.7, modes)
