"""GradBench's saddle: the lowest of the highest values of a function, by descents inside of descents.

The inner descent climbs along a derivative; the outer one goes along the derivative of all that: nested, in each of
four pairs of modes.
"""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.problems.descent import (
    SMALL_ENOUGH,
    derivative,
    lowest,
    one_slope,
    value_and_gradient,
)

SIZES = QUICK = [{}]
SMALL: dict[str, int] = {}
WRT = (0, 1)
MODES = ("rr", "rf", "fr", "ff")  # the outer one, and that of the ascent


def make():
    return 1.0, 0.5, 1.0, 1.0


def height(a, b, c, d):
    return (a * a + b * b) - (c * c + d * d)


def slope(a, b, c, d):
    """In (c, d), by hand."""
    return -2.0 * c, -2.0 * d


def top_of(slopes):
    """The highest value in (c, d), by ascent from a start, for one way to differentiate `height`."""

    def top(a, b, c, d):
        value = height(a, b, c, d)
        up, across = slopes(a, b, c, d)
        rate, steps = 1e-5, 0
        while np.sqrt(up * up + across * across) > SMALL_ENOUGH:
            if steps == 10:
                rate = 2.0 * rate
                steps = 0
            else:
                next_c, next_d = c + rate * up, d + rate * across
                if np.sqrt((next_c - c) ** 2 + (next_d - d) ** 2) <= SMALL_ENOUGH:
                    break
                ahead = height(a, b, next_c, next_d)
                if ahead > value:
                    c, d, value = next_c, next_d, ahead
                    up, across = slopes(a, b, c, d)
                    steps += 1
                else:
                    rate = 0.5 * rate
                    steps = 0
        return value

    return top


objective = top_of(slope)


def srcdiff_gradient(srcdiff, function, modes="rr", **options):
    """Of the ascent along a derivative by the second mode; `function` has it by hand."""
    top = top_of(derivative(srcdiff, modes[1], height, argnums=(2, 3)))
    return one_slope(srcdiff, modes[0], top, argnums=WRT, **options)


@vm.hand
def hand_value(a, b, c, d):
    value = (a * a + b * b) - (c * c + d * d)
    up, across = -2.0 * c, -2.0 * d
    rate, steps = 1e-5, 0
    while np.sqrt(up * up + across * across) > SMALL_ENOUGH:
        if steps == 10:
            rate *= 2.0
            steps = 0
            continue
        next_c, next_d = c + rate * up, d + rate * across
        if np.sqrt((next_c - c) ** 2 + (next_d - d) ** 2) <= SMALL_ENOUGH:
            break
        ahead = (a * a + b * b) - (next_c * next_c + next_d * next_d)
        if ahead > value:
            c, d, value = next_c, next_d, ahead
            up, across = -2.0 * c, -2.0 * d
            steps += 1
        else:
            rate *= 0.5
            steps = 0
    return value


@vm.hand
def hand(a, b, c, d):
    """The ascent's path does not depend on (a, b), since the slopes that it follows do not."""
    return hand_value(a, b, c, d), (2.0 * a, 2.0 * b)


def solver(srcdiff, modes, **options):
    """`solve(start)` gives both points; `modes` is the outer mode and the inner one."""
    top = top_of(derivative(srcdiff, modes[1], height, argnums=(2, 3)))
    of_top = value_and_gradient(srcdiff, modes[0], top, (0, 1), **options)
    of_height = value_and_gradient(srcdiff, modes[0], height, (2, 3), **options)

    def solve(start):
        c, d = start.tolist()

        def first(p):
            return of_top(*p.tolist(), c, d)

        def second(p):
            value, slopes = of_height(*lowest_top.tolist(), *p.tolist())
            return -value, -slopes

        lowest_top = lowest(first, start)
        return np.concatenate((lowest_top, lowest(second, start)))

    return solve
