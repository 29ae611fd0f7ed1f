"""Light behind a phase plate: real and imaginary parts are filled one after the other, an intensity is fitted."""

import numpy as np


def misfit(phases, amplitudes, measured):
    field = np.zeros(len(phases), dtype=complex)
    field.real[:] = amplitudes * np.cos(phases)
    field.imag[:] = amplitudes * np.sin(phases)
    intensity = np.abs(np.fft.fft(field)) ** 2
    return np.sum((intensity - measured) ** 2)


EXAMPLES = [
    (
        np.array([0.2, 1.1, -0.7, 0.4]),
        np.array([1.0, 0.5, 0.8, 0.3]),
        np.array([2.0, 0.5, 0.1, 0.4]),
    ),
    (np.array([0.9, -0.3]), np.array([0.6, 1.2]), np.array([1.5, 0.2])),
]
WRT = (0, 1, 2)
FUNCTION = misfit
