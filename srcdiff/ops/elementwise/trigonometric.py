"""Trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

import numpy as np

from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.ufuncs import smooth


@declare(np.sin, math.sin, **smooth(), compiled="sin", takes_complex=True)
def sin(x, *, out, d_out):
    d_x = d_out * np.cos(x)


@declare(np.cos, math.cos, **smooth(), compiled="cos", takes_complex=True)
def cos(x, *, out, d_out):
    d_x = -d_out * np.sin(x)


@declare(np.tan, math.tan, **smooth(-1.2, 1.2), compiled="tan", takes_complex=True)
def tan(x, *, out, d_out):
    d_x = d_out * (1.0 + out**2)


@declare(np.arcsin, math.asin, **smooth(-0.9, 0.9), takes_complex=True)
def arcsin(x, *, out, d_out):
    d_x = d_out / np.sqrt(1.0 - x**2)


@declare(np.arccos, math.acos, **smooth(-0.9, 0.9), takes_complex=True)
def arccos(x, *, out, d_out):
    d_x = -d_out / np.sqrt(1.0 - x**2)


@declare(np.arctan, math.atan, **smooth(), takes_complex=True)
def arctan(x, *, out, d_out):
    d_x = d_out / (1.0 + x**2)


# at the origin the function has no derivative, and 0 / 0 gives NaN
@declare(np.arctan2, math.atan2, **smooth(0.3, 2.0, two=True))
def arctan2(y, x, *, out, d_out):
    d_y = d_out * x / (x**2 + y**2)
    d_x = -d_out * y / (x**2 + y**2)


@declare(np.sinh, math.sinh, **smooth(), compiled="sinh", takes_complex=True)
def sinh(x, *, out, d_out):
    d_x = d_out * np.cosh(x)


@declare(np.cosh, math.cosh, **smooth(), sign="positive", compiled="cosh", takes_complex=True)
def cosh(x, *, out, d_out):
    d_x = d_out * np.sinh(x)


@declare(np.tanh, math.tanh, **smooth(), compiled="tanh", takes_complex=True)
def tanh(x, *, out, d_out):
    d_x = d_out * (1.0 - out**2)


@declare(np.arcsinh, math.asinh, **smooth(), takes_complex=True)
def arcsinh(x, *, out, d_out):
    d_x = d_out / np.sqrt(x**2 + 1.0)


@declare(np.arccosh, math.acosh, **smooth(1.2, 3.0), takes_complex=True)
def arccosh(x, *, out, d_out):
    d_x = d_out / np.sqrt(x**2 - 1.0)


@declare(np.arctanh, math.atanh, **smooth(-0.9, 0.9), takes_complex=True)
def arctanh(x, *, out, d_out):
    d_x = d_out / (1.0 - x**2)


@declare(np.deg2rad, np.radians, math.radians, **smooth(), linear=True)
def deg2rad(x, *, out, d_out):
    d_x = d_out * (np.pi / 180.0)


@declare(np.rad2deg, np.degrees, math.degrees, **smooth(), linear=True)
def rad2deg(x, *, out, d_out):
    d_x = d_out * (180.0 / np.pi)
