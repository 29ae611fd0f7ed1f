"""Kullback-Leibler divergences that have a closed form, by the classes of the two distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, i0e, i1e, rel_entr

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.count_distributions import Binomial, Geometric, Poisson
from srcdiff.vi.distributions.discrete import (
    Bernoulli,
    Categorical,
    Multinomial,
    OneHotCategorical,
    Rademacher,
)
from srcdiff.vi.distributions.heavy_tailed import Cauchy, Gumbel, Laplace
from srcdiff.vi.distributions.mixtures_and_point_masses import Delta, Independent
from srcdiff.vi.distributions.multivariate import LowRankMultivariateNormal, MultivariateNormal
from srcdiff.vi.distributions.normal import HalfNormal, LogNormal, Normal
from srcdiff.vi.distributions.positive import (
    Chi2,
    Exponential,
    Gamma,
    InverseGamma,
    Pareto,
    Weibull,
)
from srcdiff.vi.distributions.simplex import Dirichlet
from srcdiff.vi.distributions.unit_interval import Beta, Uniform, VonMises

REGISTRY: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}


def register_kl(p: type, q: type) -> Callable[[Any], Any]:
    """Decorator: the function is the divergence of a `q` from a `p`. The compiler reads it in the place of a call of
    `kl`.
    """

    def register(function: Any) -> Any:
        REGISTRY[p, q] = function
        return function

    return register


def has_kl(p: Distribution, q: Distribution) -> bool:
    """Whether `kl(p, q)` has a known closed form."""
    if isinstance(p, Independent) and isinstance(q, Independent):
        return p.reinterpreted_batch_ndims == q.reinterpreted_batch_ndims and has_kl(
            p.base_dist, q.base_dist
        )
    return (
        type(p) is Delta
        or (type(q) is Independent and _is_to_normals(p, q))
        or (type(p), type(q)) in REGISTRY
    )


def _is_to_normals(p, q):
    is_vector = type(p) is MultivariateNormal or type(p) is LowRankMultivariateNormal
    return is_vector and type(q.base_dist) is Normal and q.reinterpreted_batch_ndims == 1


def kl(p, q):
    """KL(p || q) = E_p[log p - log q], of shape `batch_shape`.

    Raises
    ------
    TypeError
        There is no closed form here for these classes: `register_kl` adds one.
    """
    if type(p) is Delta:
        return p.log_weight - q.log_prob(p.v)
    if type(q) is Independent:
        if type(p) is Independent:
            return _kl_independent(p, q)
        if _is_to_normals(p, q):
            return _kl_to_normals(p, q)
    if (type(p), type(q)) not in REGISTRY:
        raise TypeError(
            f"no closed form is known for KL({type(p).__name__} || {type(q).__name__}): register_kl adds one"
        )
    return REGISTRY[type(p), type(q)](p, q)


def _kl_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise TypeError("kl: the events of the two have different numbers of axes")
    each = REGISTRY[type(p.base_dist), type(q.base_dist)](p.base_dist, q.base_dist)
    return np.sum(each, axis=tuple(range(-p.reinterpreted_batch_ndims, 0)))


# ---- real numbers -------------------------------------------------------------------------------------------------


@register_kl(Normal, Normal)
@register_kl(LogNormal, LogNormal)
def _(p, q):
    ratio = p.scale / q.scale
    return 0.5 * (ratio**2 + ((p.loc - q.loc) / q.scale) ** 2 - 1.0) - np.log(ratio)


@register_kl(HalfNormal, HalfNormal)
def _(p, q):
    ratio = p.scale / q.scale
    return 0.5 * (ratio**2 - 1.0) - np.log(ratio)


@register_kl(Laplace, Laplace)
def _(p, q):
    ratio, distance = p.scale / q.scale, np.abs(p.loc - q.loc)
    return ratio * np.exp(-distance / p.scale) + distance / q.scale - np.log(ratio) - 1.0


@register_kl(Laplace, Normal)
def _(p, q):
    square = (2.0 * p.scale**2 + (p.loc - q.loc) ** 2) / q.scale**2
    return 0.5 * (square + np.log(2.0 * np.pi)) + np.log(q.scale) - np.log(2.0 * p.scale) - 1.0


# Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions" (2019)
@register_kl(Cauchy, Cauchy)
def _(p, q):
    square = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return np.log(square / (4.0 * p.scale * q.scale))


@register_kl(Gumbel, Gumbel)
def _(p, q):
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    moved = np.exp(-shift + gammaln(1.0 + ratio))
    return shift + moved - 1.0 - np.log(ratio) + np.euler_gamma * (ratio - 1.0)


# ---- positive numbers ---------------------------------------------------------------------------------------------


@register_kl(Exponential, Exponential)
def _(p, q):
    ratio = q.rate / p.rate
    return ratio - 1.0 - np.log(ratio)


def _kl_gamma(a_p, b_p, a_q, b_q):
    log_norms = gammaln(a_q) - gammaln(a_p) + a_q * (np.log(b_p) - np.log(b_q))
    return (a_p - a_q) * digamma(a_p) + log_norms + a_p * (b_q / b_p - 1.0)


@register_kl(Gamma, Gamma)
@register_kl(InverseGamma, InverseGamma)
def _(p, q):
    return _kl_gamma(p.concentration, p.rate, q.concentration, q.rate)


@register_kl(Exponential, Gamma)
def _(p, q):
    return _kl_gamma(1.0, p.rate, q.concentration, q.rate)


@register_kl(Gamma, Exponential)
def _(p, q):
    return _kl_gamma(p.concentration, p.rate, 1.0, q.rate)


@register_kl(Chi2, Chi2)
def _(p, q):
    return _kl_gamma(0.5 * p.df, 0.5, 0.5 * q.df, 0.5)


@register_kl(LogNormal, Gamma)
def _(p, q):
    a, b = q.concentration, q.rate
    cross = gammaln(a) - a * np.log(b) - (a - 1.0) * p.loc + b * p.mean
    return cross - p.entropy()


@register_kl(Weibull, Weibull)
def _(p, q):
    ratio = q.concentration / p.concentration
    log_ratio = np.log(p.scale / q.scale)
    moved = np.exp(q.concentration * log_ratio + gammaln(1.0 + ratio))
    logs = -np.log(ratio) - q.concentration * log_ratio
    return logs + np.euler_gamma * (ratio - 1.0) + moved - 1.0


@register_kl(Pareto, Pareto)
def _(p, q):
    ratio = q.alpha / p.alpha
    finite = q.alpha * np.log(p.scale / q.scale) - np.log(ratio) + ratio - 1.0
    return np.where(p.scale >= q.scale, finite, np.inf)


# ---- intervals ----------------------------------------------------------------------------------------------------


@register_kl(Uniform, Uniform)
def _(p, q):
    inside = (q.low <= p.low) & (p.high <= q.high)
    return np.where(inside, np.log((q.high - q.low) / (p.high - p.low)), np.inf)


@register_kl(Beta, Beta)
def _(p, q):
    a, b = p.concentration1, p.concentration0
    first = (a - q.concentration1) * digamma(a) + (b - q.concentration0) * digamma(b)
    total = (q.concentration1 + q.concentration0 - a - b) * digamma(a + b)
    return betaln(q.concentration1, q.concentration0) - betaln(a, b) + first + total


@register_kl(VonMises, VonMises)
def _(p, q):
    length = i1e(p.concentration) / i0e(p.concentration)
    drift = p.concentration - q.concentration * np.cos(p.loc - q.loc)
    logs = np.log(i0e(q.concentration) / i0e(p.concentration))
    return length * drift + logs + q.concentration - p.concentration


# ---- whole numbers ------------------------------------------------------------------------------------------------


def _kl_bernoulli(p, q):
    if p.probs is None and q.probs is None:
        mean, softplus = expit(p.logits), np.logaddexp(0.0, q.logits) - np.logaddexp(0.0, p.logits)
        return mean * (p.logits - q.logits) + softplus
    a, b = p._probs, q._probs
    return rel_entr(a, b) + rel_entr(1.0 - a, 1.0 - b)


@register_kl(Bernoulli, Bernoulli)
def _(p, q):
    return _kl_bernoulli(p, q)


@register_kl(Rademacher, Rademacher)
def _(p, q):
    return rel_entr(p.probs, q.probs) + rel_entr(1.0 - p.probs, 1.0 - q.probs)


@register_kl(Binomial, Binomial)
def _(p, q):
    each = p.total_count * _kl_bernoulli(p, q)
    return np.where(p.total_count == q.total_count, each, np.nan)


@register_kl(Geometric, Geometric)
def _(p, q):
    return _kl_bernoulli(p, q) / p._probs


@register_kl(Poisson, Poisson)
def _(p, q):
    return p.rate * np.log(p.rate / q.rate) + q.rate - p.rate


def _kl_weights(p, q):
    if p.probs is None or q.probs is None:
        return np.sum(p._probs * (p.log_weights - q.log_weights), axis=-1)
    return np.sum(rel_entr(p.probs, q.probs), axis=-1)


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return _kl_weights(p, q)


@register_kl(Multinomial, Multinomial)
def _(p, q):
    each = p.total_count * _kl_weights(p, q)
    return np.where(p.total_count == q.total_count, each, np.nan)


# ---- vectors ------------------------------------------------------------------------------------------------------


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    total = np.sum(a, axis=-1)
    log_norm_p = np.sum(gammaln(a), axis=-1) - gammaln(total)
    log_norm_q = np.sum(gammaln(b), axis=-1) - gammaln(np.sum(b, axis=-1))
    mean_logs = digamma(a) - np.expand_dims(digamma(total), -1)
    return log_norm_q - log_norm_p + np.sum((a - b) * mean_logs, axis=-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p, q):
    squares = np.sum(q._whitened_matrix(p._factor()) ** 2, axis=(-2, -1))
    z = q._whitened(p.loc - q.loc)
    K = np.shape(z)[-1]
    return 0.5 * (squares + np.sum(z**2, axis=-1) - K) + q._log_det() - p._log_det()


def _kl_to_normals(p, q):
    """The divergence of a multivariate normal distribution from independent normal distributions."""
    loc, scale = q.base_dist.loc, q.base_dist.scale
    squares = (p.variance + (p.loc - loc) ** 2) / scale**2 - 1.0
    log_scales = np.sum(np.broadcast_to(np.log(scale), np.shape(squares)), axis=-1)
    return 0.5 * np.sum(squares, axis=-1) + log_scales - p._log_det()
