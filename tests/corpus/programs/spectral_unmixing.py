"""Spectral unmixing: each pixel's spectrum is a mixture of a few known ones, in loops over pixels and sources."""

import numpy as np


def misfit(abundances, sources, measured):
    pixels, count = abundances.shape
    total = 0.0
    for p in range(pixels):
        spectrum = np.zeros(sources.shape[1])
        for s in range(count):
            for b in range(sources.shape[1]):
                spectrum[b] += abundances[p, s] * sources[s, b]
        for b in range(sources.shape[1]):
            total += (spectrum[b] - measured[p, b]) ** 2
    return total


def _example(pixels, count, bands, seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(size=s) for s in ((pixels, count), (count, bands), (pixels, bands)))


EXAMPLES = [_example(5, 3, 9, 0), _example(4, 2, 8, 1)]
WRT = (0, 1)
FUNCTION = misfit
