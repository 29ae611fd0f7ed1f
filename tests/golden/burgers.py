import numpy as np


def final_energy_value_and_grad(u0, dt, steps):
    """Value and gradient of `final_energy` with respect to `u0`."""
    # forward
    u = u0.copy()
    lefts = np.empty((steps, len(u0)))
    for t in range(steps):
        left = u[0]
        for i in range(1, len(u)):
            old = u[i]
            lefts[t, i - 1] = left
            u[i] = old - dt * old * (old - left)
            left = old
        lefts[t, len(u) - 1] = left
    value = 0.5 * np.sum(u**2)

    # backward
    d_u = u.copy()
    for t in reversed(range(steps)):
        d_old = 0.0
        for i in reversed(range(1, len(u0))):
            d_left = d_u[i] * dt * lefts[t, i]
            d_u[i] = d_u[i] * (dt * (lefts[t, i - 1] - 2.0 * lefts[t, i]) + 1.0) + d_old
            d_old = d_left
        d_u[0] += d_old
    return value, (d_u,)
