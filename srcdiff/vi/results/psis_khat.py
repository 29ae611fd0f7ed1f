"""Pareto smoothed importance sampling, and k-hat: a diagnostic of the tail of importance weights."""

import math
from typing import Any

import numpy as np


def pareto_fit(excesses: np.ndarray) -> tuple[float, float]:
    """Fit of a generalised Pareto distribution, density (1 + k x / sigma)**(-1/k - 1) / sigma.

    Parameters
    ----------
    excesses : array, shape (n,)
        Positive numbers; n at least 5.

    Returns
    -------
    k, sigma : float
        Shape and scale. k is shrunk towards 0.5 with the weight of ten observations, which stabilises small samples.

    References
    ----------
    Zhang and Stephens (2009), A new and efficient estimation method for the generalized Pareto distribution; Vehtari,
    Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, appendix C.
    """
    x = np.sort(np.asarray(excesses, float))
    n = len(x)
    if n < 5:
        raise ValueError(f"a generalised Pareto fit of {n} numbers: at least 5 are needed")
    if not (x[0] > 0 and np.isfinite(x[-1])):
        raise ValueError("excesses have to be positive and finite")
    candidates = 30 + math.isqrt(n)
    quartile = x[int(n / 4 + 0.5) - 1]
    ranks = np.arange(1, candidates + 1) - 0.5
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(candidates / ranks)) / (3.0 * quartile)
    k = np.mean(np.log1p(-theta[:, None] * x), axis=1)
    profile = n * (np.log(-theta / k) - k - 1.0)
    weights = np.exp(profile - np.max(profile))
    theta_mean = float(np.sum(theta * weights) / np.sum(weights))
    shape = float(np.mean(np.log1p(-theta_mean * x)))
    sigma = -shape / theta_mean
    return (n * shape + 10 * 0.5) / (n + 10), sigma


def _tail(log_weights: np.ndarray) -> tuple[Any, Any, float] | None:
    """The order of the weights, the places of their tail, and the logarithm of the largest weight below it; None if
    there is no tail.
    """
    n = len(log_weights)
    size = min(n // 5, math.ceil(3 * math.sqrt(n)))
    order = np.argsort(log_weights, kind="stable")
    if size < 5:
        return None
    cut = max(log_weights[order[-size - 1]], math.log(np.finfo(float).tiny))
    places = order[-size:]
    places = places[log_weights[places] > cut]  # equal weights are no tail
    return (order, places, cut) if len(places) >= 5 else None


def khat(log_weights: np.ndarray) -> float:
    """k-hat: the tail index of importance weights p(z, data) / q(z), from their logarithms.

    Below 0.5 the weights have a finite variance; up to 0.7 estimates that are corrected by the weights can be trusted;
    above, the guide misses a part of the posterior that matters. The number itself is noisy: its standard deviation is
    about 0.05 to 0.1 with 10**4 draws.

    Parameters
    ----------
    log_weights : array, shape (n,)
        Up to a constant. `-inf` (a draw with density 0) is a weight of 0.

    Returns
    -------
    float
        -inf if the weights are nearly equal, as for the exact posterior; inf if one is NaN or infinite, or if a few of
        them have nearly all the weight.
    """
    log_weights = np.asarray(log_weights, float)
    if log_weights.ndim != 1 or len(log_weights) < 25:
        raise ValueError(f"k-hat needs 25 weights at least, in one axis; got {log_weights.shape}")
    if np.any(np.isnan(log_weights)) or np.max(log_weights) == np.inf:
        return np.inf
    top = np.max(log_weights)
    if top == -np.inf:
        raise ValueError("all weights are 0: the density of the model is 0 at every draw")
    log_weights = log_weights - top
    if np.ptp(log_weights) < 1e-10:
        return -np.inf
    found = _tail(log_weights)
    if found is None:
        return np.inf
    _, places, cut = found
    return pareto_fit(np.exp(log_weights[places]) - np.exp(cut))[0]


def smoothed(log_weights: np.ndarray) -> tuple[Any, float]:
    """Pareto smoothed importance weights, normalised, as logarithms of shape (n,); and k-hat.

    The largest weights are replaced by quantiles of the Pareto distribution that is fitted to them.
    """
    log_weights = np.asarray(log_weights, float)
    k = khat(log_weights)
    log_weights = log_weights - np.max(log_weights)
    if math.isfinite(k):
        found = _tail(log_weights)
        assert found is not None  # else k would be infinite
        _, places, cut = found
        n = len(places)
        shape, sigma = pareto_fit(np.exp(log_weights[places]) - np.exp(cut))
        p = (np.arange(n) + 0.5) / n
        quantiles = sigma * (
            np.expm1(-shape * np.log1p(-p)) / shape if shape != 0 else -np.log1p(-p)
        )
        log_weights = log_weights.copy()
        ordered = places[np.argsort(log_weights[places], kind="stable")]
        log_weights[ordered] = np.minimum(np.log(quantiles + np.exp(cut)), 0.0)
    top = np.max(log_weights)
    return log_weights - top - np.log(np.sum(np.exp(log_weights - top))), k
