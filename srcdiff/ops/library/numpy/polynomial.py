"""Polynomials given by coefficients, the highest power first: `np.polyval`, `np.polyadd`, `np.vander`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, numbers, vector


@composite(
    np.polyval,
    samples=(
        call("np.polyval(x, y)", (3,), (4,)),
        call("np.polyval(x, y)", (4,), ()),
        call("np.polyval([1.0, -2.0, 0.5], x)", (2, 3)),
        call("np.polyval(x, y)", (1,), (2, 2)),
        call("np.polyval([2, 1], x)", (3,)),
    ),
    takes_complex=True,
)
def polyval(p, x):
    p, x = array(p), array(x)
    if np.ndim(x) == 0:
        if type(x) is float and p.dtype != np.float64:
            x = np.float64(x)
        if type(x) is complex and p.dtype != np.complex128:
            x = np.complex128(x)
        y = p[0]
        for k in range(1, len(p)):
            y = y * x + p[k]
        return y
    y = np.zeros(x.shape, np.result_type(x, p))
    for k in range(len(p)):
        y = y * x + p[k]
    return y


@composite(
    np.polyadd,
    samples=(
        call("np.polyadd(x, y)", (3,), (3,)),
        call("np.polyadd(x, y)", (2,), (4,)),
        call("np.polyadd(x, y)", (4,), (2,)),
        call("np.polyadd(x, 2.0)", (3,)),
    ),
    takes_complex=True,
)
def polyadd(a1, a2):
    a1, a2 = vector(a1), vector(a2)
    is_equal = a1.shape[0] == a2.shape[0]
    if is_equal is True:
        return a1 + a2
    total = np.zeros(max(len(a1), len(a2)), np.result_type(a1, a2))
    total[len(total) - len(a1) :] += a1
    total[len(total) - len(a2) :] += a2
    return total


@composite(
    np.polysub,
    samples=(call("np.polysub(x, y)", (3,), (3,)), call("np.polysub(x, y)", (2,), (4,))),
    takes_complex=True,
)
def polysub(a1, a2):
    return polyadd(a1, -vector(a2))


@composite(
    np.polymul,
    samples=(call("np.polymul(x, y)", (3,), (2,)), call("np.polymul(x, [1.0, -1.0])", (3,))),
    takes_complex=True,
)
def polymul(a1, a2):
    return np.convolve(vector(a1), vector(a2))


@composite(
    np.polyder,
    samples=(
        call("np.polyder(x)", (4,)),
        call("np.polyder(x, 2)", (4,)),
        call("np.polyder(x, m=0)", (3,)),
    ),
    takes_complex=True,
)
def polyder(p, m=1):
    p = array(p)
    for _ in numbers(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composite(
    np.polyint,
    samples=(
        call("np.polyint(x)", (3,)),
        call("np.polyint(x, 2)", (3,)),
        call("np.polyint(x, 1, k=y)", (3,), ()),
        call("np.polyint(x, 2, k=[1.0, 2.0])", (3,)),
    ),
    takes_complex=True,
)
def polyint(p, m=1, k=None):
    p = array(p)
    for j in numbers(m):
        constant = 0.0 if k is None else k if np.ndim(k) == 0 else k[j]
        p = np.concatenate((p / np.arange(len(p), 0, -1), np.full(1, constant)))
    return p


@composite(
    np.vander,
    samples=(
        call("np.vander(x)", (3,)),
        call("np.vander(x, 4)", (3,)),
        call("np.vander(x, 3, increasing=True)", (2,)),
        call("np.vander(x, 3)", [0.0, 2.0]),
        call("np.vander(x)", [1, 2, 3]),
    ),
    takes_complex=True,
)
def vander(x, N=None, increasing=False):
    x = array(x)
    n = len(x) if N is None else N
    powers = np.arange(n) if increasing else np.arange(n - 1, -1, -1)
    return x[:, None] ** powers


@composite(
    np.polyfit,
    samples=(
        call("np.polyfit(x, y, 2)", [0.0, 0.5, 1.2, 2.0, 2.9], (5,)),
        call("np.polyfit(x, y, 1, w=z + 3.0)", [0.0, 0.5, 1.2, 2.0], (4,), (4,)),
        call("np.polyfit(x, y, 1, w=[1, 2, 1])", [0.0, 0.5, 1.2], (3,)),
    ),
    takes_complex=True,
)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    if full or cov or rcond is not None:
        refuse("np.polyfit gives coefficients only here", "Leave full=, cov= and rcond= out.")
    matrix, target = np.vander(array(x), deg + 1), array(y)
    if w is not None:
        w = array(w)
        matrix = matrix * w[:, None]
        target = target * (w if target.ndim == 1 else w[:, None])
    scale = np.sqrt(np.sum(matrix * matrix, axis=0))
    found = np.linalg.lstsq(matrix / scale, target)[0]
    return found / (scale if target.ndim == 1 else scale[:, None])
