"""Euler steps up to a stop time that falls inside a step, so that the last step is shortened.

After JAX #4473, where the number of steps depends on the data and reverse mode is wanted.
"""


def final_state(y, rate, stop, dt):
    t = 0.0
    while t + dt < stop:
        y = y + dt * rate * y * (2.0 - y)
        t = t + dt
    rest = stop - t
    return y + rest * rate * y * (2.0 - y)


EXAMPLES = [(0.3, 1.1, 1.0, 0.3), (1.5, 0.6, 0.25, 0.1), (1.5, 0.6, 0.1, 0.4)]
WRT = (0, 1, 2, 3)
FUNCTION = final_state
UNCONVERGED = True
