"""The normal distribution."""

from __future__ import annotations

import numpy as np

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Normal"]

LOG_2PI = np.log(2.0 * np.pi)


class Normal(Distribution):
    """The normal distribution with mean `loc` and standard deviation `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    noise = "normal"

    def __init__(self, loc=0.0, scale=1.0):
        self.loc = loc
        self.scale = scale

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.scale)

    def from_noise(self, eps):
        return self.loc + self.scale * eps

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full(self.scale**2)

    def entropy(self):
        return self._full(0.5 * np.log(2.0 * np.pi * np.e) + np.log(self.scale))
