"""GradBench's particle: a charge flies past two others; where must the second stand for it to meet the origin?

The force is a derivative of the potential, the descent needs one of the flight: nested, in each of four pairs of modes.
"""

from __future__ import annotations

import numpy as np

from benchmarks.problems.descent import derivative, lowest, value_and_gradient

STEP = 0.1


def potential(x, y, w):
    near = 1.0 / np.sqrt((x - 10.0) ** 2 + (y - (10.0 - w)) ** 2)
    return near + 1.0 / np.sqrt((x - 10.0) ** 2 + y**2)


def flight_of(slopes):
    """The flight for one way to differentiate the potential."""

    def missed(w):
        x, y = 0.0, 8.0
        vx, vy = 0.75, 0.0
        while True:
            ax, ay = slopes(x, y, w)
            x = x + STEP * vx
            y = y + STEP * vy
            if y <= 0.0:
                break
            vx = vx - STEP * ax
            vy = vy - STEP * ay
        end = x - y / vy * vx
        return end * end

    return missed


def solver(srcdiff, modes, **options):
    """`solve(w)` by gradient descent; `modes` is the outer mode and the inner one."""
    missed = flight_of(derivative(srcdiff, modes[1], potential, argnums=(0, 1)))
    ahead = value_and_gradient(srcdiff, modes[0], missed, (0,), **options)

    def solve(w):
        return lowest(lambda w: ahead(float(w[0])), np.array([w]))[0]

    return solve
