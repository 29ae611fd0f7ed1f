"""Seeded data that more than one problem uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def generator(*numbers: int) -> np.random.Generator:
    return np.random.default_rng([31337, *numbers])


def log_simplex(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Logs of probabilities that sum to 1 along the last axis."""
    p = rng.random(shape) + 0.05
    return np.log(p / p.sum(axis=-1, keepdims=True))


def weights(rng: np.random.Generator, n_in: int, *shape: int) -> NDArray[np.float64]:
    """Starting weights of a layer with so many inputs."""
    return rng.normal(size=shape) / np.sqrt(n_in)
