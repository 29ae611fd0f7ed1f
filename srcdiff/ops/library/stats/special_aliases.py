"""Functions of `scipy.special` that equal others under another name: powers minus one, distributions, losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array

special = LazyModule("scipy.special")


def _named(name: str, function: Any, low: float = -1.0) -> None:
    """Declare a function of `scipy.special` that equals NumPy's function."""

    def same(x):
        return function(x)

    same.__name__ = f"special_{name}"
    composite(
        f"scipy.special.{name}",
        samples=(call(f"scipy.special.{name}(x)", (4,), low=low, high=2.0),),
        takes_complex=True,
    )(same)


_named("exp2", np.exp2)
_named("expm1", np.expm1)
_named("log1p", np.log1p, -0.5)
_named("cbrt", np.cbrt, 0.5)


@composite("scipy.special.exp10", samples=(call("scipy.special.exp10(x)", (4,)),))
def exp10(x):
    return np.power(10.0, x)


@composite(np.i0, samples=(call("np.i0(x)", (4,)), call("np.i0(x)", (2, 2))))
def numpy_i0(x):
    return special.i0(array(x))


# ---- powers minus one ----------------------------------------------------------------------------


def _is_near(t):
    return np.abs(t) < 1e-3


@composite(
    "scipy.special.exprel", samples=(call("scipy.special.exprel(x)", [-2.0, 0.0, 1e-4, 2e-3, 3.0]),)
)
def exprel(x):
    """Near 0, a series gives the value, so that derivatives keep their digits."""
    near = 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x / 120.0)))
    far = np.where(_is_near(x), 1.0, x)
    return np.where(_is_near(x), near, np.expm1(far) / far)


def _log_share(u):
    near = 1.0 - u * (0.5 - u * (1.0 / 3.0 - u * (0.25 - 0.2 * u)))
    far = np.where(_is_near(u), 1.0, u)
    return np.where(_is_near(u), near, np.log1p(far) / far)


_POWERS = (0.0, 1e-5, 0.7, -2.0)


@composite(
    "scipy.special.boxcox",
    samples=(
        call("scipy.special.boxcox(x, y)", (4,), (), low=0.5, high=2.0),
        call("scipy.special.boxcox(x, y)", [0.5, 3.0, 2.0, 1.3], [*_POWERS]),
    ),
)
def boxcox(x, lmbda):
    log_x = np.log(array(x))
    return log_x * exprel(array(lmbda) * log_x)


@composite(
    "scipy.special.inv_boxcox",
    samples=(
        call("scipy.special.inv_boxcox(x, y)", (4,), (), low=0.5, high=2.0),
        call("scipy.special.inv_boxcox(x, y)", [0.5, 3.0, 2.0, -1.3], [*_POWERS]),
    ),
)
def inv_boxcox(y, lmbda):
    y = array(y)
    return np.exp(y * _log_share(array(lmbda) * y))


# ---- distributions -------------------------------------------------------------------------------


@composite(
    "scipy.special.betaincc",
    samples=(call("scipy.special.betaincc(y, z, x)", (4,), 2.5, 1.5, low=0.2, high=0.8, wrt=(0,)),),
)
def betaincc(a, b, x):
    return special.betainc(b, a, 1.0 - x)


# ---- losses --------------------------------------------------------------------------------------


@composite(
    "scipy.special.huber", samples=(call("scipy.special.huber(y, x)", [-3.0, 0.2, 0.5, 4.0], 1.5),)
)
def huber(delta, r):
    size = np.abs(r)
    return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


@composite(
    "scipy.special.pseudo_huber",
    samples=(call("scipy.special.pseudo_huber(y, x)", [-3.0, 0.2, 0.5, 4.0], 1.5),),
)
def pseudo_huber(delta, r):
    share = (r / delta) ** 2
    return delta * delta * share / (1.0 + np.sqrt(1.0 + share))
