"""The logarithm of an Arrhenius rate, which a helper computes for each temperature."""

import math

import numpy as np


def rate(log_prefactor, energy, temperature):
    return math.exp(log_prefactor - energy / temperature)


def misfit(log_prefactor, energy, temperatures, log_rates):
    total = 0.0
    for T, measured in zip(temperatures, log_rates):
        total += (math.log(rate(log_prefactor, energy, T)) - measured) ** 2
    return total


EXAMPLES = [
    (1.2, 0.9, np.array([0.8, 1.0, 1.3]), np.array([0.1, 0.4, 0.6])),
    (0.4, 1.7, np.array([1.1, 0.9]), np.array([-1.0, -1.6])),
]
WRT = (0, 1, 2, 3)
FUNCTION = misfit
