"""A calibration curve that says which of its numbers is out of range."""

import numpy as np


def deviation(gains, offsets, counts):
    if len(gains) != len(offsets):
        raise ValueError(f"{len(gains)} gains, but {len(offsets)} offsets")
    total = 0.0
    for k in range(len(counts)):
        value = gains[k] * counts[k] + offsets[k]
        if value <= 0.0:
            raise ValueError(f"reading {k} is {value:.3f}")
        total += np.log(value) ** 2
    return total


EXAMPLES = [
    (np.array([0.5, 1.1]), np.array([0.2, 0.1]), np.array([3.0, 1.0])),
    (np.array([0.9]), np.array([0.4]), np.array([2.0])),
]
WRT = (0, 1)
FUNCTION = deviation
