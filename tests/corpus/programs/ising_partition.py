"""The free energy of a short Ising chain: Boltzmann weights of all states, added up in a loop."""

import numpy as np


def free_energy(coupling, field, states):
    Z = 0.0
    for s in states:
        energy = -coupling * np.sum(s[1:] * s[:-1]) - field @ s
        Z += np.exp(-energy)
    return -np.log(Z)


def _states(n):
    return np.array([[2.0 * (k >> i & 1) - 1.0 for i in range(n)] for k in range(2**n)])


EXAMPLES = [
    (0.6, np.array([0.1, -0.3, 0.2]), _states(3)),
    (-0.4, np.array([0.5, 0.2]), _states(2)),
]
WRT = (0, 1)
FUNCTION = free_energy
