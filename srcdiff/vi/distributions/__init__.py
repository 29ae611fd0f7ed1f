"""Distributions, with the names and parameters of NumPyro, in its order, and `kl`.

In: parameters; out: log densities and noise maps as formulas, which the compiler reads in the place of the call. Start
with `base` and `normal`; `supports` has the sets of values and their bijectors.
"""

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.count_distributions import (
    BetaBinomial,
    Binomial,
    DirichletMultinomial,
    GammaPoisson,
    Geometric,
    NegativeBinomial,
    Poisson,
    ZeroInflatedPoisson,
)
from srcdiff.vi.distributions.discrete import (
    Bernoulli,
    Categorical,
    DiscreteUniform,
    Multinomial,
    OneHotCategorical,
    Rademacher,
)
from srcdiff.vi.distributions.divergences import has_kl, kl, register_kl
from srcdiff.vi.distributions.heavy_tailed import (
    AsymmetricLaplace,
    Cauchy,
    Gumbel,
    HalfCauchy,
    Laplace,
    Levy,
    Logistic,
    SoftLaplace,
    StudentT,
)
from srcdiff.vi.distributions.matrices import LKJCholesky, Wishart
from srcdiff.vi.distributions.mixtures_and_point_masses import (
    Delta,
    ImproperUniform,
    Independent,
    Mixture,
    MixtureSameFamily,
)
from srcdiff.vi.distributions.multivariate import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    MultivariateStudentT,
)
from srcdiff.vi.distributions.normal import (
    HalfNormal,
    LogNormal,
    Normal,
    SkewNormal,
    TruncatedNormal,
)
from srcdiff.vi.distributions.positive import (
    Chi2,
    Exponential,
    Gamma,
    InverseGamma,
    InverseGaussian,
    LogUniform,
    Pareto,
    Weibull,
)
from srcdiff.vi.distributions.simplex import Dirichlet
from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.distributions.unit_interval import Beta, Kumaraswamy, Uniform, VonMises

__all__ = [
    "AsymmetricLaplace", "Bernoulli", "Beta", "BetaBinomial", "Binomial", "Categorical", "Cauchy", "Chi2", "Delta",
    "Dirichlet", "DirichletMultinomial", "DiscreteUniform", "Distribution", "Exponential", "Gamma", "GammaPoisson",
    "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "ImproperUniform", "Independent", "InverseGamma",
    "InverseGaussian", "Kumaraswamy", "LKJCholesky", "Laplace", "Levy", "LogNormal", "LogUniform", "Logistic",
    "LowRankMultivariateNormal", "Mixture", "MixtureSameFamily", "Multinomial", "MultivariateNormal",
    "MultivariateStudentT", "NegativeBinomial", "Normal", "OneHotCategorical", "Pareto", "Poisson", "Rademacher",
    "SkewNormal", "SoftLaplace", "StudentT", "TruncatedNormal", "Uniform", "VonMises", "Weibull", "Wishart",
    "ZeroInflatedPoisson", "constraints", "has_kl", "kl", "register_kl",
]  # fmt: skip
