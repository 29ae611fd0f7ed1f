"""The log-likelihood of a hidden Markov model, in log space: 32 symbols, gradient in all three tables."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from benchmarks import vm
from benchmarks.data import generator, log_simplex

SIZES = [
    {"K": K, "T": T} for T in (1000, 10000) for K in (4, 16, 64, 256)
]  # fmt: skip
QUICK = [{"K": 16, "T": 100}]
SMALL = {"K": 3, "T": 6}
WRT = (0, 1, 2)
LEFT_OUT = {
    "autograd": lambda size: size["K"] ** 2 * size["T"] > 5e6,
    "casadi": lambda size: size["K"] ** 2 * size["T"] > 3e5,
    "pytensor": lambda size: size["K"] ** 2 * size["T"] > 5e6,
    "hmmlearn": lambda size: size["K"] ** 2 * size["T"] > 7e7,
    "srcdiff (NumPy)": lambda size: size["K"] ** 2 * size["T"] > 7e7,
    "srcdiff (NumPy), loop source": lambda size: size["K"] ** 2 * size["T"] > 3e5,
    "torch": lambda size: size["K"] ** 2 * size["T"] > 7e7,
}


def make(K, T):
    rng = generator(K, T)
    log_pi, log_A, log_B = (log_simplex(rng, *shape) for shape in ((K,), (K, K), (K, 32)))
    return log_pi, log_A, log_B, rng.integers(0, 32, size=T)


def objective(log_pi, log_A, log_B, data):
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def loops(log_pi, log_A, log_B, data):
    K = len(log_pi)
    log_alpha = np.empty(K)
    previous = np.empty(K)
    for j in range(K):
        log_alpha[j] = log_pi[j] + log_B[j, data[0]]
    for t in range(1, len(data)):
        for j in range(K):
            previous[j] = log_alpha[j]
        for j in range(K):
            top = -np.inf
            for i in range(K):
                top = max(top, previous[i] + log_A[i, j])
            total = 0.0
            for i in range(K):
                total += np.exp(previous[i] + log_A[i, j] - top)
            log_alpha[j] = np.log(total) + top + log_B[j, data[t]]
    top = -np.inf
    for j in range(K):
        top = max(top, log_alpha[j])
    total = 0.0
    for j in range(K):
        total += np.exp(log_alpha[j] - top)
    return np.log(total) + top


@vm.hand
def _log_sum_exp(x):
    top = -np.inf
    for j in range(len(x)):
        top = max(top, x[j])
    total = 0.0
    for j in range(len(x)):
        total += vm.exp(x[j] - top)
    return np.log(total) + top


@vm.hand
def _step(t, log_alphas, log_A, emission, y, top, norms):
    """One observation: all states from all states, row by row of `log_A`, so that the inner loops are contiguous."""
    K = len(top)
    for j in range(K):
        top[j], norms[t, j] = -np.inf, 0.0
    for i in range(K):
        a = log_alphas[t - 1, i]
        for j in range(K):
            top[j] = max(top[j], a + log_A[i, j])
    for j in range(K):
        top[j] = top[j] if top[j] > -np.inf else 0.0
    for i in range(K):
        a = log_alphas[t - 1, i]
        for j in range(K):
            norms[t, j] += vm.exp(a + log_A[i, j] - top[j])
    for j in range(K):
        norms[t, j] = vm.log(norms[t, j]) + top[j]
        log_alphas[t, j] = norms[t, j] + emission[y, j]


@vm.hand
def _forward(log_pi, log_A, emission, data, log_alphas, norms):
    top = np.empty(len(log_pi))
    for j in range(len(log_pi)):
        log_alphas[0, j] = log_pi[j] + emission[data[0], j]
    for t in range(1, len(data)):
        _step(t, log_alphas, log_A, emission, data[t], top, norms)
    return _log_sum_exp(log_alphas[-1])


@vm.hand
def hand_value(log_pi, log_A, log_B, data):
    T, K = len(data), len(log_pi)
    emission = np.ascontiguousarray(log_B.T)
    return _forward(log_pi, log_A, emission, data, np.empty((T, K)), np.empty((T, K)))


@vm.hand
def hand(log_pi, log_A, log_B, data):
    """The K x K weights are computed again on the way back: with a cheap exp that beats storing T of them."""
    T, K = len(data), len(log_pi)
    emission = np.ascontiguousarray(log_B.T)
    log_alphas, norms = np.empty((T, K)), np.empty((T, K))
    value = _forward(log_pi, log_A, emission, data, log_alphas, norms)
    d_log_A, d_emission = np.zeros((K, K)), np.zeros(emission.shape)
    d_log_alpha, d_new = np.empty(K), np.empty(K)
    for j in range(K):
        d_log_alpha[j] = vm.exp(log_alphas[-1, j] - value)
    for t in range(T - 1, 0, -1):
        for j in range(K):
            d_emission[data[t], j] += d_log_alpha[j]
        d_log_alpha, d_new = d_new, d_log_alpha
        _step_back(t, log_alphas, norms, log_A, d_new, d_log_alpha, d_log_A)
    for j in range(K):
        d_emission[data[0], j] += d_log_alpha[j]
    return value, (d_log_alpha, d_log_A, np.ascontiguousarray(d_emission.T))


@vm.hand
def _step_back(t, log_alphas, norms, log_A, d_new, d_log_alpha, d_log_A):
    K = len(d_new)
    for i in range(K):
        a, d = log_alphas[t - 1, i], 0.0
        for j in range(K):
            weight = vm.exp(a + log_A[i, j] - norms[t, j]) * d_new[j]
            d_log_A[i, j] += weight
            d += weight
        d_log_alpha[i] = d


@vm.hand
def hand_scaled(log_pi, log_A, log_B, data):
    """The same in probabilities that are rescaled in each step: what a person writes who may leave log space."""
    T, K = len(data), len(log_pi)
    A, emission = np.exp(log_A), np.exp(np.ascontiguousarray(log_B.T))
    AT = np.ascontiguousarray(A.T)
    alphas, betas, scales = np.empty((T, K)), np.empty((T, K)), np.empty(T)
    value = 0.0
    row = np.exp(log_pi)
    for t in range(T):
        s = 0.0
        for j in range(K):
            row[j] *= emission[data[t], j]
            s += row[j]
        for j in range(K):
            alphas[t, j] = row[j] / s
        scales[t] = s
        value += np.log(s)
        if t + 1 < T:
            _times(alphas[t], A, row)
    d_emission = np.zeros(emission.shape)
    beta = np.ones(K)
    for t in range(T - 1, -1, -1):
        for j in range(K):
            d_emission[data[t], j] += alphas[t, j] * beta[j]
            betas[t, j] = emission[data[t], j] * beta[j] / scales[t]
        if t > 0:
            _times(betas[t], AT, beta)
    d_log_A = _outer_products(alphas, betas) * A
    d_log_pi = betas[0] * np.exp(log_pi)
    return value, (d_log_pi, d_log_A, np.ascontiguousarray(d_emission.T))


@vm.hand
def _times(x, A, out):
    """X @ A: loops below 32 states, where a call of BLAS costs more."""
    if len(x) >= 32:
        np.dot(x, A, out)
        return
    for j in range(len(out)):
        out[j] = 0.0
    for i in range(len(x)):
        for j in range(len(out)):
            out[j] += x[i] * A[i, j]


@vm.hand
def _outer_products(alphas, betas):
    """The sum over t of alphas[t] times betas[t + 1]."""
    T, K = alphas.shape
    if K >= 32:
        return np.dot(alphas[: T - 1].T, betas[1:])
    total = np.zeros((K, K))
    for t in range(T - 1):
        for i in range(K):
            for j in range(K):
                total[i, j] += alphas[t, i] * betas[t + 1, j]
    return total


OTHERS = {"hand, scaled": hand_scaled}
