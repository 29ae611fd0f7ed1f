"""Models that draw from a `np.random.Generator`: each draw is a site, whose name is the variable that it is assigned
to.

    def model(rng, x):
        slope = rng.normal(0.0, 2.0)                     # slope ~ Normal(0, 2)
        y = slope * x + rng.normal(size=len(x))          # y ~ Normal(slope * x, 1)
        return y
"""

from __future__ import annotations

import numpy as np

from srcdiff.effects import effect, evaluated, refuse
from srcdiff.vi import distributions as dist


@effect
def draw(distribution, size):
    """A draw from a generator."""
    return NotImplemented


class Draws:
    """The methods of `np.random.Generator`, as distributions with the same parameters.

    A finite choice without a value is summed out (`frontend/effects/enumerate.py`): `finite_choices` maps the method
    that draws it to the method that gives its distribution.
    """

    finite_choices = {
        "binomial": "of_binomial",
        "choice": "of_choice",
        "integers": "of_integers",
    }

    def beta(self, a, b, size=None):
        return draw(dist.Beta(a, b), size)

    def binomial(self, n, p, size=None):
        return draw(dist.Binomial(n, p), size)

    def chisquare(self, df, size=None):
        return draw(dist.Gamma(0.5 * df, 0.5), size)

    def of_binomial(self, n, p, size=None):
        check_single(size)
        return dist.Bernoulli(p) if is_one(n) else dist.Binomial(n, p)

    def choice(self, a, size=None, replace=True, p=None):
        return draw(self.of_choice(a, None, replace, p), size)

    def of_choice(self, a, size=None, replace=True, p=None):
        check_single(size)
        if np.ndim(a) > 0:
            refuse(
                "`choice` from an array has no name for what was chosen",
                "Choose the place: `k = rng.choice(len(a), p=p)`, and take `a[k]`.",
            )
        if not replace:
            refuse("`choice` without replacement is not known to vi", "Draw with replacement.")
        return dist.Categorical(np.full(a, 1.0 / a) if p is None else p)

    def dirichlet(self, alpha, size=None):
        return draw(dist.Dirichlet(alpha), size)

    def exponential(self, scale=1.0, size=None):
        return draw(dist.Exponential(1.0 / scale), size)

    def gamma(self, shape, scale=1.0, size=None):
        return draw(dist.Gamma(shape, 1.0 / scale), size)

    def gumbel(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Gumbel(loc, scale), size)

    def integers(self, low, high=None, size=None):
        return draw(self.of_integers(low, high), size)

    def of_integers(self, low, high=None, size=None):
        check_single(size)
        if high is None:
            return dist.DiscreteUniform(0, low - 1)
        return dist.DiscreteUniform(low, high - 1)

    def laplace(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Laplace(loc, scale), size)

    def logistic(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Logistic(loc, scale), size)

    def lognormal(self, mean=0.0, sigma=1.0, size=None):
        return draw(dist.LogNormal(mean, sigma), size)

    def multinomial(self, n, pvals, size=None):
        return draw(dist.Multinomial(n, pvals), size)

    def multivariate_normal(self, mean, cov, size=None):
        return draw(dist.MultivariateNormal(mean, cov), size)

    def negative_binomial(self, n, p, size=None):
        return draw(dist.NegativeBinomial(n, 1.0 - p), size)

    def normal(self, loc=0.0, scale=1.0, size=None):
        return draw(dist.Normal(loc, scale), size)

    def poisson(self, lam=1.0, size=None):
        return draw(dist.Poisson(lam), size)

    def power(self, a, size=None):
        return draw(dist.Beta(a, 1.0), size)

    def random(self, size=None):
        return draw(dist.Uniform(0.0, 1.0), size)

    def rayleigh(self, scale=1.0, size=None):
        return draw(dist.Weibull(np.sqrt(2.0) * scale, 2.0), size)

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


def _without_density(name):
    def method(self, *args, **kwargs):
        refuse(
            f"`{name}` of a generator is no draw that vi has a density for",
            "Draw from another distribution, or declare the value: vi.sample(name, distribution).",
        )

    return method


for _name in (
    "bytes", "f", "geometric", "hypergeometric", "logseries", "multivariate_hypergeometric", "noncentral_chisquare",
    "noncentral_f", "pareto", "permutation", "permuted", "shuffle", "triangular", "zipf",
):  # fmt: skip
    setattr(Draws, _name, _without_density(_name))


def check_single(size):
    """Refuse a draw with `size` for a choice that is summed out."""
    if size is not None:
        refuse(
            "several choices at once have no values, and are not summed out",
            "Draw them in a loop, one in each iteration, or give the site a value.",
        )


@evaluated
def is_one(n):
    return isinstance(n, int) and n == 1
