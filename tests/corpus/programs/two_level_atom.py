"""A driven two-level atom: complex amplitudes step by step, and the population that is left."""

import numpy as np


def excited_population(detuning, pulses):
    state = np.zeros(2, dtype=complex)
    state.real[0] = 1.0
    for pulse in pulses:
        ground = state[0] * np.cos(pulse) - 1j * state[1] * np.sin(pulse)
        excited = state[1] * np.cos(pulse) - 1j * state[0] * np.sin(pulse)
        state[0] = ground
        state[1] = excited * np.exp(1j * detuning)
        state.imag[0] *= 0.95
    return np.abs(state[1]) ** 2


EXAMPLES = [(0.3, np.array([0.4, 0.9, 0.2])), (1.2, np.array([0.7, 0.5]))]
WRT = (0, 1)
FUNCTION = excited_population
