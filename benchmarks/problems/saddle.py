"""GradBench's saddle: the lowest of the highest values of a function, by descents inside of descents.

The inner descent climbs along a derivative; the outer one goes along the derivative of all that: nested, in each of
four pairs of modes.
"""

from __future__ import annotations

import numpy as np

from benchmarks.problems.descent import SMALL_ENOUGH, derivative, lowest, value_and_gradient


def height(a, b, c, d):
    return (a * a + b * b) - (c * c + d * d)


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
