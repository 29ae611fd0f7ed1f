"""Exponential integrals, elliptic integrals and hypergeometric functions."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.samples import fixed
from srcdiff.ops.core.ufuncs import special, special_function


@special_function(low=0.3, high=3.0, takes_complex=True)
def exp1(x, *, out, d_out):
    d_x = -d_out * np.exp(-x) / x


@special_function(low=0.3, high=3.0, takes_complex=True)
def expi(x, *, out, d_out):
    d_x = d_out * np.exp(x) / x


# (E - (1 - m) K) / (2 m (1 - m)) and (E - K) / (2 m) lose all digits near 0
@special_function(low=-2.0, high=0.9, samples=(fixed([0.0, 1e-9]),))
def ellipk(m, *, out, d_out):
    d_m = d_out * np.pi / 8.0 * special.hyp2f1(1.5, 1.5, 2.0, m)


@special_function(low=-2.0, high=0.9, samples=(fixed([0.0, 1e-9]),))
def ellipe(m, *, out, d_out):
    d_m = -d_out * np.pi / 8.0 * special.hyp2f1(0.5, 1.5, 2.0, m)


# for derivatives with respect to a, b and c, SciPy has no formula
@special_function(
    count=0,
    samples=(
        fixed(0.5, 1.5, 2.5, [-0.7, 0.0, 0.5], wrt=(3,)),
        fixed([[1.0], [2.0]], 1.5, 2.5, [-0.7, 0.1, 0.5], wrt=(3,)),
        fixed(0.5, 1.5, 2.5, 0.3, wrt=(3,)),
    ),
    takes_complex=True,
)
def hyp2f1(a, b, c, z, *, out, d_out):
    d_z = d_out * (a * b / c) * special.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z)


# nor for derivatives with respect to a and b
@special_function(
    count=0,
    samples=(
        fixed(0.5, 1.5, [-0.7, 0.0, 2.5], wrt=(2,)),
        fixed([[1.0], [2.0]], 1.5, [-0.7, 0.1, 0.5], wrt=(2,)),
        fixed(0.5, 1.5, 0.3, wrt=(2,)),
    ),
)
def hyp1f1(a, b, x, *, out, d_out):
    d_x = d_out * (a / b) * special.hyp1f1(a + 1.0, b + 1.0, x)


_incomplete = (
    fixed([-0.7, 0.0, 1.2], [0.5, -2.0, 0.9], wrt=(0,)),
    fixed([[0.3], [1.1]], [0.5, 0.1], wrt=(0,)),
    fixed(0.4, 0.3, wrt=(0,)),
)


# with respect to m, the formulas lose all digits near 0
@special_function(count=0, samples=_incomplete)
def ellipkinc(phi, m, *, out, d_out):
    d_phi = d_out / np.sqrt(1.0 - m * np.sin(phi) ** 2)


@special_function(count=0, samples=_incomplete)
def ellipeinc(phi, m, *, out, d_out):
    d_phi = d_out * np.sqrt(1.0 - m * np.sin(phi) ** 2)
