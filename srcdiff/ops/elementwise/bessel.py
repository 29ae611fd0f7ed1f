"""Bessel functions. They have derivatives with respect to their argument. For derivatives with respect to the order,
SciPy has no formula; a program that needs them is an error.
"""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.samples import Sample, fixed
from srcdiff.ops.core.ufuncs import special, special_function


def _orders(*orders: float) -> tuple[Sample, ...]:
    """Samples with one order for each argument, one order for all arguments, and one order for a number."""
    arguments = [0.4, 1.5, 3.0]
    column = [[v] for v in orders]
    return (
        fixed(orders[0], arguments, wrt=(1,)),
        fixed(column, arguments, wrt=(1,)),
        fixed(orders[-1], 1.5, wrt=(1,)),
    )


# ---- of the first kind -----------------------------------------------------------------------


@special_function(low=-3.0, high=3.0)
def j0(x, *, out, d_out):
    d_x = -d_out * special.j1(x)


@special_function(low=-3.0, high=3.0, samples=(fixed([0.0, 1.0]),))
def j1(x, *, out, d_out):
    d_x = d_out * 0.5 * (special.j0(x) - special.jv(2, x))


@special_function("jn", count=0, samples=_orders(1.5, 0.0, 3.0), takes_complex=True)
def jv(v, x, *, out, d_out):
    d_x = d_out * 0.5 * (special.jv(v - 1, x) - special.jv(v + 1, x))


# ---- of the second kind ----------------------------------------------------------------------


@special_function(low=0.3, high=4.0)
def y0(x, *, out, d_out):
    d_x = -d_out * special.y1(x)


@special_function(low=0.3, high=4.0)
def y1(x, *, out, d_out):
    d_x = d_out * 0.5 * (special.y0(x) - special.yn(2, x))


@special_function(count=0, samples=_orders(1, 0, 2))
def yn(n, x, *, out, d_out):
    d_x = d_out * 0.5 * (special.yn(n - 1, x) - special.yn(n + 1, x))


@special_function(count=0, samples=_orders(1.5, 0.0, 2.0), takes_complex=True)
def yv(v, x, *, out, d_out):
    d_x = d_out * 0.5 * (special.yv(v - 1, x) - special.yv(v + 1, x))


# ---- modified --------------------------------------------------------------------------------


@special_function(low=-3.0, high=3.0)
def i0(x, *, out, d_out):
    d_x = d_out * special.i1(x)


@special_function(low=-3.0, high=3.0, samples=(fixed([0.0, 1.0]),))
def i1(x, *, out, d_out):
    d_x = d_out * 0.5 * (special.i0(x) + special.iv(2, x))


@special_function(count=0, samples=_orders(1.5, 0.0, 3.0), takes_complex=True)
def iv(v, x, *, out, d_out):
    d_x = d_out * 0.5 * (special.iv(v - 1, x) + special.iv(v + 1, x))


@special_function(low=-3.0, high=3.0)
def i0e(x, *, out, d_out):
    d_x = d_out * (special.i1e(x) - np.sign(x) * out)


@special_function(low=-3.0, high=3.0)
def i1e(x, *, out, d_out):
    d_x = d_out * (0.5 * (special.i0e(x) + special.ive(2, x)) - np.sign(x) * out)


@special_function(count=0, samples=_orders(1.5, 0.0, 3.0))
def ive(v, x, *, out, d_out):
    d_x = d_out * (0.5 * (special.ive(v - 1, x) + special.ive(v + 1, x)) - np.sign(x) * out)


@special_function(low=0.3, high=4.0)
def k0(x, *, out, d_out):
    d_x = -d_out * special.k1(x)


@special_function(low=0.3, high=4.0)
def k1(x, *, out, d_out):
    d_x = -d_out * 0.5 * (special.k0(x) + special.kn(2, x))


@special_function(low=0.3, high=4.0)
def k0e(x, *, out, d_out):
    d_x = d_out * (out - special.k1e(x))


@special_function(low=0.3, high=4.0)
def k1e(x, *, out, d_out):
    d_x = d_out * (out - 0.5 * (special.k0e(x) + special.kve(2, x)))


@special_function(count=0, samples=_orders(1, 0, 2))
def kn(n, x, *, out, d_out):
    d_x = -d_out * 0.5 * (special.kn(n - 1, x) + special.kn(n + 1, x))


@special_function(count=0, samples=_orders(1.5, 0.0, 2.0), takes_complex=True)
def kv(v, x, *, out, d_out):
    d_x = -d_out * 0.5 * (special.kv(v - 1, x) + special.kv(v + 1, x))


@special_function(count=0, samples=_orders(1.5, 0.0, 2.0), takes_complex=True)
def kve(v, x, *, out, d_out):
    d_x = d_out * (out - 0.5 * (special.kve(v - 1, x) + special.kve(v + 1, x)))
