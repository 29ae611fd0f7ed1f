"""A helper with a ladder of `elif` and several returns, called in a loop."""

import numpy as np


def stress(strain, yield_strain, modulus):
    if strain < -yield_strain:
        return -modulus * yield_strain * np.exp(strain + yield_strain)
    elif strain < yield_strain:
        return modulus * strain
    elif strain < 2.0 * yield_strain:
        return modulus * yield_strain
    return modulus * np.sqrt(yield_strain * strain / 2.0)


def work(strains, yield_strain, modulus):
    total = 0.0
    for i in range(1, len(strains)):
        middle = 0.5 * (strains[i] + strains[i - 1])
        total += stress(middle, yield_strain, modulus) * (strains[i] - strains[i - 1])
    return total


EXAMPLES = [
    (np.array([-1.9, -0.6, 0.3, 1.0, 2.2, 3.1]), 0.5, 1.3),
    (np.array([0.1, 0.3]), 0.5, 2.0),
]
WRT = (0, 1, 2)
FUNCTION = work
