"""Distributions, named as in NumPyro, with its parameters in its order."""

import srcdiff.vi.distributions.paths  # noqa: F401 - the derivatives of quantiles
from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.bounded import Beta
from srcdiff.vi.distributions.counts import Poisson
from srcdiff.vi.distributions.discrete import Bernoulli, Categorical
from srcdiff.vi.distributions.heavy import Cauchy, HalfCauchy, StudentT
from srcdiff.vi.distributions.multivariate import MultivariateNormal
from srcdiff.vi.distributions.normal import Normal
from srcdiff.vi.distributions.positive import Gamma
from srcdiff.vi.distributions.simplex import Dirichlet

__all__ = [
    "Bernoulli", "Beta", "Categorical", "Cauchy", "Dirichlet", "Distribution", "Gamma", "HalfCauchy",
    "MultivariateNormal", "Normal", "Poisson", "StudentT",
]  # fmt: skip
