"""`max` and `min` along axes normalise an array whose own extremes depend on it."""

import numpy as np


def contrast(x, w):
    low = x.min(axis=0)
    high = np.max(x, axis=0, keepdims=True)
    scaled = (x - low) / (high - low + 1.0)
    return np.sum(scaled * w) + np.max(scaled.sum(axis=1)) - np.min(x) * np.max(w)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 2)), np.array([0.5, -1.3])),
    (np.random.default_rng(1).normal(size=(2, 3)), np.array([[0.5], [-1.3]])),
]
WRT = (0, 1)
FUNCTION = contrast
