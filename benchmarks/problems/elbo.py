"""Bayesian logistic regression: a mean-field ELBO from S draws, gradient in the guide's means and log scales."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"N": 10000, "D": 50, "S": 8}]
QUICK = [{"N": 1000, "D": 50, "S": 8}]
SMALL = {"N": 12, "D": 3, "S": 2}
WRT = (0, 1)


def make(N, D, S):
    rng = generator(N, D, S)
    X = rng.normal(size=(N, D))
    y = np.where(rng.random(N) < 1.0 / (1.0 + np.exp(-X @ rng.normal(size=D) / np.sqrt(D))), 1.0, 0.0)  # fmt: skip
    return 0.1 * rng.normal(size=D), np.full(D, -2.0), rng.normal(size=(S, D)), X, y


def objective(mu, log_sigma, eps, X, y):
    w = mu + np.exp(log_sigma) * eps
    scores = X @ w.T
    log_likelihood = np.sum(y[:, None] * scores - np.logaddexp(0.0, scores))
    log_prior = -0.5 * np.sum(w**2)
    return (log_likelihood + log_prior) / len(eps) + np.sum(log_sigma)


@vm.hand
def _likelihood(scores, y):
    """The sum of all log-likelihoods; `scores` becomes its gradient."""
    total = 0.0
    for n in range(len(y)):
        for s in range(scores.shape[1]):
            z = scores[n, s]
            e = vm.exp(-abs(z))
            inverse = 1.0 / (1.0 + e)
            total += y[n] * z - max(z, 0.0) + vm.log(inverse)
            scores[n, s] = y[n] - (inverse if z > 0.0 else e * inverse)
    return total


@vm.hand
def _likelihood_alone(scores, y):
    total = 0.0
    for n in range(len(y)):
        for s in range(scores.shape[1]):
            z = scores[n, s]
            total += y[n] * z - max(z, 0.0) - vm.log(1.0 + vm.exp(-abs(z)))
    return total


@vm.hand
def _draws(mu, log_sigma, eps):
    w = np.empty(eps.shape)
    for s in range(len(eps)):
        for j in range(len(mu)):
            w[s, j] = mu[j] + np.exp(log_sigma[j]) * eps[s, j]
    return w


@vm.hand
def hand_value(mu, log_sigma, eps, X, y):
    w = _draws(mu, log_sigma, eps)
    total = _likelihood_alone(np.dot(X, w.T), y)
    return (total - 0.5 * np.sum(w * w)) / len(eps) + np.sum(log_sigma)


@vm.hand
def hand(mu, log_sigma, eps, X, y):
    w = _draws(mu, log_sigma, eps)
    d_scores = np.dot(X, w.T)
    total = _likelihood(d_scores, y)
    d_w = np.dot(d_scores.T, X)
    d_mu, d_log_sigma = np.zeros(len(mu)), np.ones(len(mu))
    squares = 0.0
    for s in range(len(eps)):
        for j in range(len(mu)):
            d = (d_w[s, j] - w[s, j]) / len(eps)
            squares += w[s, j] * w[s, j]
            d_mu[j] += d
            d_log_sigma[j] += d * eps[s, j] * np.exp(log_sigma[j])
    return (total - 0.5 * squares) / len(eps) + np.sum(log_sigma), (d_mu, d_log_sigma)
