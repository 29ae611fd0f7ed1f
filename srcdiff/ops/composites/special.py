"""Functions of `scipy.special` that are said with others."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.locations import wide
from srcdiff.ops.gamma_functions import hurwitz_zeta, riemann_zeta
from srcdiff.ops.lazy import LazyModule
from srcdiff.ops.registry import composite, evaluated
from srcdiff.ops.samples import said

special: Any = LazyModule("scipy.special")


@evaluated
def _constant(d: int) -> float:
    return 0.25 * d * (d - 1) * float(np.log(np.pi))


@evaluated
def _steps(d: int) -> tuple[float, ...]:
    return tuple(0.5 * k for k in range(1, d))


@composite(
    "scipy.special.multigammaln",
    samples=(
        said("scipy.special.multigammaln(x, 3)", (4,), low=2.0, high=5.0),
        said("scipy.special.multigammaln(x, 2)", (2, 2), low=2.0, high=5.0),
        said("scipy.special.multigammaln(x, 1)", 2.5),
    ),
)
def multigammaln(a: Any, d: Any) -> Any:
    a = wide(a)
    total = special.gammaln(a) + _constant(d)
    for step in _steps(d):
        total = total + special.gammaln(a - step)
    return total


@composite(
    "scipy.special.zeta",
    samples=(
        said("scipy.special.zeta(2.5, x)", (4,), low=0.5, high=3.0),
        said("scipy.special.zeta(x, y)", [2.0, 3.5], [0.5, 1.5], wrt=(1,)),
        said("scipy.special.zeta(x)", [2.0, 3.5], wrt=()),
    ),
)
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    if q is None:
        return riemann_zeta(x)
    return hurwitz_zeta(x, q)
