"""The Fano factor of smoothed spike counts: a variance by the mean of squares over a mean."""

import numpy as np


def fano_factor(rates, widths):
    s = 0.0
    s2 = 0.0
    for rate, width in zip(rates, widths):
        count = np.exp(rate) * width
        s = s + count
        s2 = s2 + count**2
    mean = s / len(rates)
    return (s2 / len(rates) - mean * mean) / mean


EXAMPLES = [
    (np.array([0.2, 1.1, 0.7, -0.3]), np.array([1.0, 0.8, 1.2, 0.9])),
    (np.array([1.5, 0.4, 0.9]), np.array([0.5, 1.5, 1.0])),
]
WRT = (0, 1)
FUNCTION = fano_factor
