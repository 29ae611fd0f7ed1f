"""`where`, `maximum`, `minimum` and `clip` choose elementwise, some guarding an unsafe side."""

import numpy as np


def loss(x, y, delta):
    r = x - y
    huber = np.where(np.abs(r) < delta, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))
    safe = np.where(x > 0.0, np.log(np.maximum(x, 1e-3)), 0.0)
    return np.sum(huber) + np.mean(safe) + np.sum(np.clip(x, -0.6, 0.9) * np.minimum(x, y))


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 3.0]), np.array([0.4, -0.3, 0.2, 1.0]), 0.8),
    (np.array([[0.5], [-2.0]]), np.array([0.4, -0.3, 0.1]), 1.1),
    (0.35, np.array([0.4, -0.3]), 0.5),
]
WRT = (0, 1, 2)
FUNCTION = loss
