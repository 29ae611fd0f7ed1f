"""A free energy over pathways: the Boltzmann factor of each is put on a list, the logarithm of the sum is taken."""

import math


def free_energy(barriers, temperature):
    factors = [math.exp(-barrier / temperature) for barrier in barriers]
    return -temperature * math.log(sum(factors))


EXAMPLES = [([0.4, 1.2, 0.9], 0.7), ([2.0, 1.5], 1.3)]
WRT = (0, 1)
FUNCTION = free_energy
