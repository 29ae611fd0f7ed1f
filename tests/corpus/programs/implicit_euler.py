"""Newton's method with two steps inside each step of an implicit integrator."""

import math


def final_value(y, stiffness, dt, steps):
    total = 0.0
    for _ in range(steps):
        new = y
        for _ in range(2):
            g = new - y + dt * stiffness * (new**3 - math.cos(new))
            slope = 1.0 + dt * stiffness * (3.0 * new * new + math.sin(new))
            new -= g / slope
        y = new
        total += y * dt
    return total + y


EXAMPLES = [(2.0, 5.0, 0.1, 3), (-0.5, 3.0, 0.4, 2), (-0.5, 3.0, 0.4, 0)]
WRT = (0, 1, 2)
FUNCTION = final_value
UNCONVERGED = True
