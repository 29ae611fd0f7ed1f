"""Tanks in series: concentrations of some species in each tank are a list of arrays, stepped in time."""

import numpy as np


def outlet(rates, flow, feed, tanks, steps):
    contents = [np.zeros(len(feed)) for _ in range(tanks)]
    for _ in range(steps):
        inflow = feed
        for k in range(tanks):
            c = contents[k]
            contents[k] = c + 0.1 * (flow * (inflow - c) - rates * c**2)
            inflow = contents[k]
    return contents[tanks - 1] @ feed


EXAMPLES = [
    (np.array([0.3, 0.8]), 1.2, np.array([1.0, 0.5]), 3, 4),
    (np.array([0.5]), 0.7, np.array([2.0]), 2, 2),
]
WRT = (0, 1, 2)
FUNCTION = outlet
