"""GradBench's Gaussian mixture: log posterior with a Wishart prior on the precisions, gradient in all parameters."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"d": d, "k": k, "n": 1000} for d, k in ((2, 5), (10, 25), (32, 50), (64, 50))]
QUICK = [{"d": 10, "k": 25, "n": 1000}]
SMALL = {"d": 3, "k": 4, "n": 5}
WRT = (0, 1, 2, 3)
LEFT_OUT = {
    "casadi": lambda size: size["d"] > 2,
    "srcdiff (NumPy), loop source": lambda size: size["d"] > 2,
}


def make(d, k, n):
    rng = generator(d, k, n)
    alpha, mu, q = rng.normal(size=k), rng.random((k, d)), 0.3 * rng.normal(size=(k, d))
    l = 0.3 * rng.normal(size=(k, d * (d - 1) // 2))
    return alpha, mu, q, l, rng.normal(size=(n, d)), 1.0, 0


def objective(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    columns, rows = np.triu_indices(d, 1)
    Q = np.zeros((k, d, d))
    Q[:, rows, columns] = l
    Q[:, np.arange(d), np.arange(d)] = np.exp(q)
    centered = x[:, None, :] - mu
    scaled = np.einsum("kij,nkj->nki", Q, centered)
    sum_q = np.sum(q, axis=1)
    beta = alpha + sum_q - 0.5 * np.sum(scaled**2, axis=2)
    likelihood = np.sum(logsumexp(beta, axis=1)) - n * (
        0.5 * d * np.log(2.0 * np.pi) + logsumexp(alpha)
    )
    prior = m * np.sum(sum_q) - 0.5 * gamma**2 * (np.sum(np.exp(q) ** 2) + np.sum(l**2))
    return likelihood + prior + k * wishart_constant(d, gamma, m)


def wishart_constant(d, gamma, m):
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    log_gamma = log_gamma + np.sum(gammaln(0.5 * (freedom - np.arange(d))))
    return freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma


def loops(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    top, total = -np.inf, 0.0
    for c in range(k):
        top = max(top, alpha[c])
    for c in range(k):
        total += np.exp(alpha[c] - top)
    value = -n * (0.5 * d * np.log(2.0 * np.pi) + top + np.log(total))
    beta = np.empty(k)
    scaled = np.empty(d)
    for p in range(n):
        top = -np.inf
        for c in range(k):
            beta[c] = alpha[c]
            for i in range(d):
                scaled[i] = np.exp(q[c, i]) * (x[p, i] - mu[c, i])
                beta[c] += q[c, i]
            at = 0
            for j in range(d):
                for i in range(j + 1, d):
                    scaled[i] += l[c, at] * (x[p, j] - mu[c, j])
                    at += 1
            for i in range(d):
                beta[c] -= 0.5 * scaled[i] ** 2
            top = max(top, beta[c])
        total = 0.0
        for c in range(k):
            total += np.exp(beta[c] - top)
        value += top + np.log(total)
    for c in range(k):
        for i in range(d):
            value += m * q[c, i] - 0.5 * gamma**2 * np.exp(q[c, i]) ** 2
        for i in range(l.shape[1]):
            value -= 0.5 * gamma**2 * l[c, i] ** 2
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    for j in range(d):
        log_gamma += math.lgamma(0.5 * (freedom - j))
    return value + k * (freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma)


@vm.hand
def _wishart_constant(d, gamma, m):
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    for j in range(d):
        log_gamma += _log_gamma(0.5 * (freedom - j))
    return freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma


@vm.hand
def _log_gamma(x):
    """Stirling's series above 15; D calls of it are no cost here."""
    product = 1.0
    while x < 15.0:
        product *= x
        x += 1.0
    z = 1.0 / (x * x)
    series = (
        1.0 / 12.0 - z * (1.0 / 360.0 - z * (1.0 / 1260.0 - z * (1.0 / 1680.0 - z / 1188.0)))
    ) / x
    return (x - 0.5) * np.log(x) - x + 0.9189385332046727 + series - np.log(product)


@vm.hand
def _points_of_a_tile(d, k):
    """So many that a tile's K x D numbers stay in the second-level cache."""
    return min(512, max(32, 65536 // (d * k) // 8 * 8))


@vm.hand
def _rows(q, l):
    """The lower triangle row by row, where `l` holds it column by column."""
    k, d = q.shape
    Q = np.zeros((k, d, d))
    for c in range(k):
        at = 0
        for j in range(d):
            Q[c, j, j] = np.exp(q[c, j])
            for i in range(j + 1, d):
                Q[c, i, j] = l[c, at]
                at += 1
    return Q


@vm.hand
def _transform(Q, mu, xT, start, size, c, centered, scaled):
    """Scaled = Q (x - mu) for the points of a tile, which lie side by side; four columns of Q a pass."""
    d = len(mu)
    for i in range(d):
        for p in range(size):
            centered[i, p] = xT[i, start + p] - mu[i]
    for i in range(d):
        for p in range(size):
            scaled[c, i, p] = Q[i, i] * centered[i, p]
        full = i - i % 4
        for j in range(0, full, 4):
            a0, a1, a2, a3 = Q[i, j], Q[i, j + 1], Q[i, j + 2], Q[i, j + 3]
            for p in range(size):
                scaled[c, i, p] += (
                    a0 * centered[j, p]
                    + a1 * centered[j + 1, p]
                    + a2 * centered[j + 2, p]
                    + a3 * centered[j + 3, p]
                )
        for j in range(full, i):
            a0 = Q[i, j]
            for p in range(size):
                scaled[c, i, p] += a0 * centered[j, p]


@vm.hand
def _beta(scaled, at, offset, c, size, beta):
    for p in range(size):
        beta[c, p] = 0.0
    for i in range(scaled.shape[1]):
        for p in range(size):
            beta[c, p] += scaled[at, i, p] * scaled[at, i, p]
    for p in range(size):
        beta[c, p] = offset - 0.5 * beta[c, p]


@vm.hand
def _responsibilities(beta, size, top, total):
    """The sum of the tile's logsumexp; `beta` becomes its softmax over components."""
    k = len(beta)
    for p in range(size):
        top[p], total[p] = -np.inf, 0.0
    for c in range(k):
        for p in range(size):
            top[p] = max(top[p], beta[c, p])
    for c in range(k):
        for p in range(size):
            beta[c, p] = vm.exp(beta[c, p] - top[p])
            total[p] += beta[c, p]
    value = 0.0
    for p in range(size):
        value += vm.log(total[p]) + top[p]
        total[p] = 1.0 / total[p]
    for c in range(k):
        for p in range(size):
            beta[c, p] *= total[p]
    return value


@vm.hand
def _prior(q, Q, gamma, m):
    squares, sum_q = 0.0, 0.0
    for c in range(q.shape[0]):
        for i in range(q.shape[1]):
            sum_q += q[c, i]
            for j in range(i + 1):
                squares += Q[c, i, j] * Q[c, i, j]
    return m * sum_q - 0.5 * gamma * gamma * squares


@vm.hand
def _constants(alpha, q, Q, n, gamma, m):
    k, d = q.shape
    top = np.max(alpha)
    log_norm = top + np.log(np.sum(np.exp(alpha - top)))
    value = -n * (0.5 * d * np.log(2.0 * np.pi) + log_norm)
    return value + _prior(q, Q, gamma, m) + k * _wishart_constant(d, gamma, m), log_norm


@vm.hand
def hand_value(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    Q, xT = _rows(q, l), np.ascontiguousarray(x.T)
    value, _ = _constants(alpha, q, Q, n, gamma, m)
    tile = _points_of_a_tile(d, 1)
    centered, scaled = np.empty((d, tile)), np.empty((1, d, tile))
    beta, top, total = np.empty((k, tile)), np.empty(tile), np.empty(tile)
    for start in range(0, n, tile):
        size = min(tile, n - start)
        for c in range(k):
            _transform(Q[c], mu[c], xT, start, size, 0, centered, scaled)
            _beta(scaled, 0, alpha[c] + np.sum(q[c]), c, size, beta)
        value += _responsibilities(beta, size, top, total)
    return value


@vm.hand
def hand(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    Q, xT = _rows(q, l), np.ascontiguousarray(x.T)
    value, log_norm = _constants(alpha, q, Q, n, gamma, m)
    tile = _points_of_a_tile(d, k)
    centered, scaled = np.empty((d, tile)), np.empty((k, d, tile))
    beta, top, total = np.empty((k, tile)), np.empty(tile), np.empty(tile)
    d_alpha, d_mu, d_Q = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    for start in range(0, n, tile):
        size = min(tile, n - start)
        for c in range(k):
            _transform(Q[c], mu[c], xT, start, size, c, centered, scaled)
            _beta(scaled, c, alpha[c] + np.sum(q[c]), c, size, beta)
        value += _responsibilities(beta, size, top, total)
        for c in range(k):
            _tile_back(c, start, size, beta, scaled, xT, mu, d_alpha, d_mu, d_Q, centered)
    return value, _parameters_back(alpha, q, Q, log_norm, n, gamma, m, d_alpha, d_mu, d_Q)


@vm.hand
def _tile_back(c, start, size, beta, scaled, xT, mu, d_alpha, d_mu, d_Q, centered):
    """`d_mu` gathers the sum of the weighted `scaled`: one product with Q at the end makes it the gradient."""
    d = len(xT)
    for p in range(size):
        d_alpha[c] += beta[c, p]
    for i in range(d):
        s = 0.0
        for p in range(size):
            scaled[c, i, p] *= beta[c, p]
            s += scaled[c, i, p]
            centered[i, p] = xT[i, start + p] - mu[c, i]
        d_mu[c, i] += s
    for i in range(d):
        full = (i + 1) - (i + 1) % 4
        for j in range(0, full, 4):
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for p in range(size):
                s0 += scaled[c, i, p] * centered[j, p]
                s1 += scaled[c, i, p] * centered[j + 1, p]
                s2 += scaled[c, i, p] * centered[j + 2, p]
                s3 += scaled[c, i, p] * centered[j + 3, p]
            d_Q[c, i, j] -= s0
            d_Q[c, i, j + 1] -= s1
            d_Q[c, i, j + 2] -= s2
            d_Q[c, i, j + 3] -= s3
        for j in range(full, i + 1):
            s0 = 0.0
            for p in range(size):
                s0 += scaled[c, i, p] * centered[j, p]
            d_Q[c, i, j] -= s0


@vm.hand
def _parameters_back(alpha, q, Q, log_norm, n, gamma, m, weight, sums, d_Q):
    k, d = q.shape
    d_alpha, d_mu = np.empty(k), np.zeros((k, d))
    d_q, d_l = np.empty((k, d)), np.empty((k, d * (d - 1) // 2))
    for c in range(k):
        d_alpha[c] = weight[c] - n * np.exp(alpha[c] - log_norm)
        at = 0
        for j in range(d):
            d_q[c, j] = (d_Q[c, j, j] - gamma * gamma * Q[c, j, j]) * Q[c, j, j] + weight[c] + m
            for i in range(j + 1, d):
                d_l[c, at] = d_Q[c, i, j] - gamma * gamma * Q[c, i, j]
                at += 1
        for i in range(d):
            for j in range(i + 1):
                d_mu[c, j] += sums[c, i] * Q[c, i, j]
    return d_alpha, d_mu, d_q, d_l
