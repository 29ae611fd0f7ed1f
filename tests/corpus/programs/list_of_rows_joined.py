"""Vectors on a list are joined in every way, read one by one, and the array that they are joined to is used twice."""

import numpy as np


def joined(x, w):
    rows = []
    other = np.outer(w, x * x)
    for k in range(len(w)):
        rows.append(w[k] * x + k)
    total = rows[0] @ x
    stacked = np.array(rows) + other
    for row in rows:
        other = 0.5 * other + row
    total += np.sum(np.stack(rows, axis=1) * other.T) + np.sum(stacked**2 * np.cos(other))
    total += np.sum(np.vstack(rows) * stacked) + np.concatenate(rows) @ np.arange(
        1.0, other.size + 1.0
    )
    rows.append(x)
    rows.reverse()
    return total + rows[0] @ rows[-1] ** 2 + np.sum(np.column_stack(rows)[:, 1] * w[0])


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]), np.array([0.4, 1.3])),
    (np.array([0.4, -0.8]), np.array([0.6, 1.1, -0.3])),
]
WRT = (0, 1)
FUNCTION = joined
