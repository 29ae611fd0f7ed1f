"""A `np.random.Generator` in a model: what is drawn from it is a site, called after the name that it is assigned to.

def model(rng, x):
    slope = rng.normal(0.0, 2.0)                     # slope ~ Normal(0, 2)
    y = slope * x + rng.normal(size=len(x))          # y ~ Normal(slope * x, 1)
    return y
"""

from __future__ import annotations

import numpy as np

from srcdiff.effects import effect, refuse
from srcdiff.vi import distributions as dist

__all__ = ["Draws", "draw"]


@effect
def draw(distribution, size):
    """A draw from a generator."""
    return NotImplemented


class Draws:
    """The methods of `np.random.Generator`, as distributions with its parameters."""

    def beta(self, a, b, size=None):
        return draw(dist.Beta(a, b), size)

    def binomial(self, n, p, size=None):
        return draw(dist.Binomial(n, p), size)

    def chisquare(self, df, size=None):
        return draw(dist.Gamma(0.5 * df, 0.5), size)

    def choice(self, a, size=None, replace=True, p=None):
        if np.ndim(a) > 0:
            refuse(
                "`choice` from an array has no name for what was chosen",
                "Choose the place: `k = rng.choice(len(a), p=p)`, and take `a[k]`.",
            )
        if not replace:
            refuse("`choice` without replacement is not known to vi", "Draw with replacement.")
        return draw(dist.Categorical(np.full(a, 1.0 / a) if p is None else p), size)

    def dirichlet(self, alpha, size=None):
        return draw(dist.Dirichlet(alpha), size)

    def exponential(self, scale=1.0, size=None):
        return draw(dist.Exponential(1.0 / scale), size)

    def gamma(self, shape, scale=1.0, size=None):
        return draw(dist.Gamma(shape, 1.0 / scale), size)

    def gumbel(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Gumbel(loc, scale), size)

    def integers(self, low, high=None, size=None):
        if high is None:
            return draw(dist.DiscreteUniform(0, low - 1), size)
        return draw(dist.DiscreteUniform(low, high - 1), size)

    def laplace(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Laplace(loc, scale), size)

    def logistic(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Logistic(loc, scale), size)

    def lognormal(self, mean=0.0, sigma=1.0, size=None):
        return draw(dist.LogNormal(mean, sigma), size)

    def multivariate_normal(self, mean, cov, size=None):
        return draw(dist.MultivariateNormal(mean, cov), size)

    def normal(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Normal(loc, scale), size)

    def poisson(self, lam=1.0, size=None):
        return draw(dist.Poisson(lam), size)

    def random(self, size=None):
        return draw(dist.Uniform(0.0, 1.0), size)

    def standard_cauchy(self, size=None):
        return draw(dist.Cauchy(0.0, 1.0), size)

    def standard_exponential(self, size=None):
        return draw(dist.Exponential(1.0), size)

    def standard_gamma(self, shape, size=None):
        return draw(dist.Gamma(shape, 1.0), size)

    def standard_normal(self, size=None):
        return draw(dist.Normal(0.0, 1.0), size)

    def standard_t(self, df, size=None):
        return draw(dist.StudentT(df, 0.0, 1.0), size)

    def uniform(self, low=0.0, high=1.0, size=None):
        return draw(dist.Uniform(low, high), size)

    def vonmises(self, mu, kappa, size=None):
        return draw(dist.VonMises(mu, kappa), size)

    def wald(self, mean, scale, size=None):
        return draw(dist.InverseGaussian(mean, scale), size)

    def weibull(self, a, size=None):
        return draw(dist.Weibull(1.0, a), size)
