"""For each function of `srcdiff.runtime.vmath`: the truth by mpmath, where to try it, and what it is at the limits.

Errors are counted in units of the last place of the true result. An infinite result counts as the number after the
largest finite one, so that overflow needs no rule of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

CONTEXT = mp.MPContext()
CONTEXT.prec = 200
INF, NAN = math.inf, math.nan
Array = Any  # of float64 or float32


@dataclass(frozen=True)
class Case:
    """`truth` of one number; `spans` to draw arguments from; `limits` as exact pairs; `near` points of interest."""

    truth: Callable[[Any], Any]
    spans: tuple[tuple[float, float], ...]
    limits: tuple[tuple[float, float], ...]
    near: tuple[float, ...] = ()
    bound: float = 2.0
    floor: float = 0.0  # errors of results smaller than this are measured in units of it


def clipped(function: Callable[[Any], Any], low: float, high: float) -> Callable[[Any], Any]:
    """Outside of these limits the result does not change in floating point."""
    return lambda x: function(min(max(x, CONTEXT.mpf(low)), CONTEXT.mpf(high)))


c = CONTEXT
# Zeros below 0, where what is added nearly cancels; the last of log(gamma) are next to integers
LGAMMA_ZEROS = (
    -2.4570247382208005,
    -2.7476826467274127,
    -3.1435808883499796,
    -3.955294284858597,
    -15,
    -19,
    -20,
)
DIGAMMA_ZEROS = (
    -0.504083008264455,
    -1.5734984731623904,
    -3.635293366436901,
    -10.708740838254144,
    -100000.91520559373,
)
ANGLES = (
    0,
    *(k * math.pi / 4 for k in (1, -1, 2, 3, 4, 6, 8, 100, 710, 2000, 1_000_000)),
    1.6e6,
    3200,
)


def log_ndtr(x: Any) -> Any:
    """By its asymptotic series where that is exact."""
    if x < -1e3:
        terms = [c.fac2(2 * k - 1) / (-x * x) ** k for k in range(10)]
        return -x * x / 2 - c.log(-x * c.sqrt(2 * c.pi)) + c.log(c.fsum(terms))
    tail = c.erfc(abs(min(x, c.mpf(100))) / c.sqrt(2)) / 2
    return c.log(tail) if x < 0 else c.log1p(-tail)


CASES = {
    "exp": Case(
        clipped(c.exp, -2000, 2000),
        ((-746, 710), (-104, 89), (-1, 1)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e308, INF), (-1e308, 0.0)),
        (0, 709.782712893384, 88.72283, -745.13, -708.4, -87.3, -103.97, 0.34657),
        1.0,
    ),
    "exp2": Case(
        clipped(lambda x: c.mpf(2) ** x, -2000, 2000),
        ((-1075, 1024), (-150, 128), (-1, 1)),
        (
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (10.0, 1024.0),
            (-3.0, 0.125),
            (1024.0, INF),
            (-1e30, 0.0),
        ),
        (0, 1024, 128, -1022, -1075, -126, -150, 0.5),
    ),
    "expm1": Case(
        clipped(c.expm1, -200, 2000),
        ((-40, 710), (-20, 89), (-1, 1)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e308, INF), (-1e308, -1.0)),
        (0, 709.782712893384, 88.72283, -37, -17, 0.34657, -0.34657, 1.04),
    ),
    "tanh": Case(
        clipped(c.tanh, -100, 100),
        ((-20, 20), (-1, 1)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e300, 1.0)),
        (0, 0.6, -0.6, 19.06, 9.01, 22),
    ),
    "sinh": Case(
        clipped(c.sinh, -2000, 2000),
        ((-711, 711), (-90, 90), (-2, 2)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (1e300, INF)),
        (0, 1, -1, 710.4758, 89.4159),
    ),
    "cosh": Case(
        clipped(c.cosh, -2000, 2000),
        ((-711, 711), (-90, 90), (-2, 2)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (-1e300, INF)),
        (0, 1, 710.4758, 89.4159),
    ),
    "expit": Case(
        clipped(lambda x: 1 / (1 + c.exp(-x)), -2000, 2000),
        ((-746, 50), (-104, 20), (-5, 5)),
        ((0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (-1e308, 0.0)),
        (0, -745.13, -708.4, -87.3, -103.97, 36.7),
    ),
    "log": Case(
        c.log,
        ((0, 1e3), (0.5, 2)),
        ((0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (1.0, 0.0)),
        (1, 0.7071, 1.4142, 2),
        1.0,
    ),
    "log1p": Case(
        c.log1p,
        ((-1, 3), (0, 1e6)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, NAN), (-1.5, NAN), (-1.0, -INF)),
        (0, -1, 0.41421, -0.2929, 1),
    ),
    "log2": Case(
        lambda x: c.log(x) / c.ln2,
        ((0, 1e3), (0.5, 2)),
        (
            (0.0, -INF),
            (-0.0, -INF),
            (INF, INF),
            (-INF, NAN),
            (-1.0, NAN),
            (1.0, 0.0),
            (8.0, 3.0),
            (2.0**-140, -140.0),
        ),
        (1, 0.7071, 1.4142, 2),
    ),
    "log10": Case(
        lambda x: c.log(x) / c.ln10,
        ((0, 1e3), (0.5, 2)),
        (
            (0.0, -INF),
            (-0.0, -INF),
            (INF, INF),
            (-INF, NAN),
            (-1.0, NAN),
            (1.0, 0.0),
            (1000.0, 3.0),
            (1e10, 10.0),
        ),
        (1, 0.7071, 1.4142, 10),
    ),
    "sin": Case(
        c.sin,
        ((-4, 4), (-3300, 3300), (-2e6, 2e6)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)),
        ANGLES,
    ),
    "cos": Case(
        c.cos,
        ((-4, 4), (-3300, 3300), (-2e6, 2e6)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)),
        ANGLES,
    ),
    "tan": Case(
        c.tan,
        ((-4, 4), (-3300, 3300), (-2e6, 2e6)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)),
        ANGLES,
    ),
    "erf": Case(
        clipped(c.erf, -50, 50),
        ((-7, 7), (-5, 5), (-1.5, 1.5)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e300, 1.0)),
        (0, 1, -1, 4, 6),
    ),
    "erfc": Case(
        clipped(c.erfc, -100, 100),
        ((-2, 28), (-2, 11), (-1.5, 1.5)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (1e300, 0.0), (-1e300, 2.0)),
        (0, 1, -1, 3.75, 10.05, 26.5),
    ),
    "ndtr": Case(
        clipped(lambda x: c.erfc(-x / c.sqrt(2)) / 2, -100, 100),
        ((-39, 3), (-15, 3), (-1.5, 1.5)),
        ((0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e300, 1.0), (-1e300, 0.0)),
        (0, -1, -14.2, -38.4),
    ),
    "log_ndtr": Case(
        log_ndtr,
        ((-39, 39), (-15, 15), (-1.5, 1.5)),
        ((INF, -0.0), (-INF, -INF), (1e300, -0.0), (-1e300, -INF)),
        (0, -1, 1, -14.2, -38.4, 38.4),
        bound=3.0,
    ),
    "lgamma": Case(
        lambda x: c.inf if x < 0 and x == int(x) else c.loggamma(x).real,
        ((0, 5), (0, 100), (-40, 0), (-5, 0)),
        (
            (0.0, INF),
            (-0.0, INF),
            (1.0, 0.0),
            (2.0, 0.0),
            (-3.0, INF),
            (INF, INF),
            (-INF, INF),
            (-1e300, INF),
        ),
        (
            1,
            2,
            3,
            4,
            -2.4570247382208005,
            -2.7476826467274127,
            -3.1435808883499796,
            -3.955294284858597,
            -19,
            -20,
            2.556e305,
            4.085e36,
        ),
        floor=1.0,
    ),
    "digamma": Case(
        lambda x: c.nan if x < 0 and x == int(x) else c.digamma(x),
        ((0, 5), (0, 100), (-40, 0), (-5, 0)),
        ((0.0, -INF), (-0.0, INF), (-3.0, NAN), (INF, INF), (-INF, NAN), (-1e300, NAN)),
        (
            1,
            2,
            3,
            4,
            1.4616321449683622,
            -0.504083008264455,
            -1.5734984731623904,
            -19.7,
            -1e5 - 0.4,
            -10.669,
        ),
        floor=1.0,
    ),
    "log_expit": Case(
        lambda x: min(x, c.mpf(0)) - c.log1p(c.exp(-min(abs(x), 2000))),
        ((-40, 746), (-40, 104), (-5, 5)),
        ((INF, 0.0), (-INF, -INF), (-1e30, -1e30)),
        (0, 0.88137, -0.88137),
    ),
    "softplus": Case(
        lambda x: max(x, c.mpf(0)) + c.log1p(c.exp(-min(abs(x), 2000))),
        ((-746, 40), (-104, 40), (-5, 5)),
        ((INF, INF), (-INF, 0.0), (1e30, 1e30)),
        (0, 0.88137, -0.88137),
    ),
}


@np.errstate(all="ignore")
def arguments(case: Case, dtype: Any, n: int, seed: int = 0) -> Array:
    """`n` arguments of each kind: uniform in the spans, log-spaced, any bits; and some hundred around each point."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    whole = np.dtype(f"i{np.dtype(dtype).itemsize}")
    spread = np.geomspace(
        float(info.tiny) / 1e3 if dtype is np.float64 else 1e-41, float(info.max), n
    )
    drawn = [rng.uniform(low, high, n) for low, high in case.spans]
    drawn += [spread, -spread]
    sets = [np.clip(np.concatenate(drawn), info.min, info.max).astype(dtype)]
    bits = np.iinfo(whole)
    sets.append(rng.integers(bits.min, bits.max, n, dtype=whole, endpoint=True).view(dtype))
    for point in (
        *case.near,
        *(x for x, _ in case.limits),
        info.tiny,
        info.max,
        -info.tiny,
        -info.max,
    ):
        if math.isfinite(dtype(point)):
            steps = np.concatenate(
                [
                    np.arange(-20, 21),
                    np.rint(2 ** rng.uniform(0, 40 if whole.itemsize == 8 else 20, 40)),
                ]
            )
            sets.append(neighbours(point, steps, dtype, whole))
    result = np.concatenate(sets)
    return result[np.isfinite(result) & (result != 0)]


def neighbours(point: float, steps: Array, dtype: Any, whole: Any) -> Array:
    """The floats so many places above `point` in size, its sign kept."""
    place = np.array(abs(point), dtype).view(whole).astype(np.int64)
    found = np.clip(
        place + steps.astype(np.int64), 0, np.array(np.inf, dtype).view(whole).astype(np.int64) - 1
    )
    return np.copysign(found.astype(whole).view(dtype), dtype(point))


def error_of(result: float, truth: Any, dtype: Any, floor: float = 0.0) -> float:
    """Of one result, in units of the last place of the truth."""
    digits, lowest, highest = (53, -1074, 1024) if dtype is np.float64 else (24, -149, 128)
    top = CONTEXT.ldexp(1, highest)
    truth = min(max(truth, -top), top)
    size = max(abs(truth), CONTEXT.mpf(floor))
    exponent = int(CONTEXT.frexp(size)[1]) if size else lowest
    unit = CONTEXT.ldexp(1, max(min(exponent, highest) - digits, lowest))
    if math.isinf(result):
        result = top if result > 0 else -top
    return float(abs(CONTEXT.mpf(result) - truth) / unit)
