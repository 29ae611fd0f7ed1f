"""A list, and an array of a length that nothing else has, exist on one of two paths only."""

import numpy as np


def on_one_path(x, a, limit):
    y = x * a
    s = a
    if a > limit:
        s += y @ np.concatenate([y[1:], y[:1]])
        y[y > 0.8] = a
        y[0] += x[1] ** 3
    else:
        rows = [x]
        rows.append(rows[0] * a)
        for row in rows:
            s += np.sum(row**3)
    y[1] -= np.tanh(s) * x[0]
    return s + np.sum(y * y * y)


EXAMPLES = [
    (np.array([0.3, 1.3, 0.5]), 0.9, 0.2),
    (np.array([0.6, 0.15, 1.35, 0.1]), 0.7, 0.8),
    (np.array([0.2, 0.4]), 1.2, 0.4),
]
WRT = (0, 1)
FUNCTION = on_one_path
