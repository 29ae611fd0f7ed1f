"""Loudness of sound frames: a fixed bank of filters, then a compression that is fitted."""

import numpy as np


def distortion(exponent, floor, bank, frames, reference):
    total = 0.0
    smooth = np.zeros(len(bank))
    for t in range(len(frames)):
        energy = bank @ frames[t]
        smooth = 0.7 * smooth + 0.3 * (energy + floor) ** exponent
        total += np.sum((smooth - reference[t]) ** 2)
    return total / len(frames)


def _example(bands, bins, T, seed):
    rng = np.random.default_rng(seed)
    bank = np.maximum(0.0, rng.normal(size=(bands, bins)))
    return 0.3, 0.1, bank, rng.uniform(size=(T, bins)), rng.uniform(size=(T, bands))


EXAMPLES = [_example(24, 48, 5, 0), _example(3, 4, 2, 1)]
WRT = (0, 1)
FUNCTION = distortion
