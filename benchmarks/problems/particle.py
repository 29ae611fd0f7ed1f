"""GradBench's particle: a charge flies past two others; where must the second stand for it to meet the origin?

The force is a derivative of the potential, the descent needs one of the flight: nested, in each of four pairs of modes.
"""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.problems.descent import derivative, lowest, one_slope, value_and_gradient

SIZES = QUICK = [{}]
SMALL: dict[str, int] = {}
WRT = 0
MODES = ("rr", "rf", "fr", "ff")  # the outer one, and that of the force
STEP = 0.1


def make():
    return (0.1,)


def potential(x, y, w):
    near = 1.0 / np.sqrt((x - 10.0) ** 2 + (y - (10.0 - w)) ** 2)
    return near + 1.0 / np.sqrt((x - 10.0) ** 2 + y**2)


def force(x, y, w):
    """The slopes of the potential, by hand."""
    a, b = x - 10.0, y - (10.0 - w)
    near = (a * a + b * b) ** -1.5
    far = (a * a + y * y) ** -1.5
    return -(near + far) * a, -near * b - far * y


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


objective = flight_of(force)


def srcdiff_gradient(srcdiff, function, modes="rr", **options):
    """Of the flight whose force is derived by the second mode; `function` has it by hand."""
    missed = flight_of(derivative(srcdiff, modes[1], potential, argnums=(0, 1)))
    return one_slope(srcdiff, modes[0], missed, **options)


@vm.hand
def hand_value(w):
    x, y = 0.0, 8.0
    vx, vy = 0.75, 0.0
    while True:
        a, b = x - 10.0, y - (10.0 - w)
        near, far = a * a + b * b, a * a + y * y
        near, far = 1.0 / (near * np.sqrt(near)), 1.0 / (far * np.sqrt(far))
        x += STEP * vx
        y += STEP * vy
        if y <= 0.0:
            break
        vx += STEP * (near + far) * a
        vy += STEP * (near * b + far * (b + 10.0 - w))
    end = x - y / vy * vx
    return end * end


@vm.hand
def hand(w):
    """Forward: tangents of four numbers go along, and nothing is kept."""
    x, y, vx, vy = 0.0, 8.0, 0.75, 0.0
    dx, dy, dvx, dvy = 0.0, 0.0, 0.0, 0.0
    while True:
        a, b, c = x - 10.0, y - 10.0 + w, y
        da, db, dc = dx, dy + 1.0, dy
        near, far = 1.0 / (a * a + b * b), 1.0 / (a * a + c * c)
        u, v = near * np.sqrt(near), far * np.sqrt(far)
        du = -3.0 * u * near * (a * da + b * db)
        dv = -3.0 * v * far * (a * da + c * dc)
        x += STEP * vx
        y += STEP * vy
        dx += STEP * dvx
        dy += STEP * dvy
        if y <= 0.0:
            break
        vx += STEP * (u + v) * a
        vy += STEP * (u * b + v * c)
        dvx += STEP * ((du + dv) * a + (u + v) * da)
        dvy += STEP * (du * b + u * db + dv * c + v * dc)
    t = y / vy
    dt = (dy - t * dvy) / vy
    end = x - t * vx
    return end * end, 2.0 * end * (dx - dt * vx - t * dvx)


def solver(srcdiff, modes, **options):
    """`solve(w)` by gradient descent; `modes` is the outer mode and the inner one."""
    missed = flight_of(derivative(srcdiff, modes[1], potential, argnums=(0, 1)))
    ahead = value_and_gradient(srcdiff, modes[0], missed, (0,), **options)

    def solve(w):
        return lowest(lambda w: ahead(float(w[0])), np.array([w]))[0]

    return solve
