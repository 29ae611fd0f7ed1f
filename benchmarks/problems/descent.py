"""Gradient descent as GradBench's particle and saddle want it: the step grows after ten steps, and is halved uphill."""

from __future__ import annotations

import numpy as np

__all__ = ["SMALL_ENOUGH", "derivative", "lowest", "one_slope", "value_and_gradient"]

SMALL_ENOUGH = 1e-5


def lowest(value_and_gradient, start):
    """Where descent from `start`, an array, ends."""
    x = start
    value, slope = value_and_gradient(x)
    rate, steps = 1e-5, 0
    while np.sqrt(np.sum(slope**2)) > SMALL_ENOUGH:
        if steps == 10:
            rate, steps = 2.0 * rate, 0
            continue
        ahead = x - rate * slope
        if np.sqrt(np.sum((ahead - x) ** 2)) <= SMALL_ENOUGH:
            break
        value_ahead, slope_ahead = value_and_gradient(ahead)
        if value_ahead < value:
            x, value, slope = ahead, value_ahead, slope_ahead
            steps += 1
        else:
            rate, steps = 0.5 * rate, 0
    return x


def derivative(srcdiff, mode, f, **options):
    """The gradient, by forward ("f") or reverse ("r") mode."""
    if mode == "f":
        return srcdiff.jacobian(f, mode="forward", **options)
    return srcdiff.grad(f, **options)


def value_and_gradient(srcdiff, mode, f, argnums, **options):
    """The value of a function of numbers, and its gradient as an array, by either mode."""
    if mode == "r":
        both = srcdiff.value_and_grad(f, argnums=argnums, **options)
        return lambda *args: _with_array(*both(*args))
    along = [srcdiff.make_jvp(f, argnums=k, **options) for k in argnums]

    def tangents(*args):
        found = [tangent(*args)(1.0) for tangent in along]
        return _with_array(found[0][0], [slope for _, slope in found])

    return tangents


def one_slope(srcdiff, mode, f, argnums=0, **options):
    """`g(*args)` is the value and the derivative in `argnums`, by either mode."""
    if mode == "r":
        return srcdiff.value_and_grad(f, argnums=argnums, **options)
    if isinstance(argnums, int):
        tangent = srcdiff.make_jvp(f, argnums=argnums, **options)
        return lambda *args: tangent(*args)(1.0)
    along = [srcdiff.make_jvp(f, argnums=k, **options) for k in argnums]

    def parts(*args):
        found = [tangent(*args)(1.0) for tangent in along]
        return found[0][0], tuple(slope for _, slope in found)

    return parts


def _with_array(value, slopes):
    return value, np.array(slopes)
