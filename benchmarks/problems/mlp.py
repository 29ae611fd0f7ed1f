"""A network in explicit loops, 64-64-10 with tanh and a softmax loss; gradient in all weights."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from benchmarks import vm
from benchmarks.data import generator, weights

SIZES = [{"batch": batch, "n_in": 64, "n_hidden": 64, "n_out": 10} for batch in (1, 64)]
QUICK = SIZES[:1]
SMALL = {"batch": 2, "n_in": 5, "n_hidden": 4, "n_out": 3}
WRT = (0, 1, 2, 3)


def make(batch, n_in, n_hidden, n_out):
    rng = generator(batch, n_in)
    W1, W2 = weights(rng, n_in, n_hidden, n_in), weights(rng, n_hidden, n_out, n_hidden)
    b1, b2 = 0.1 * rng.normal(size=n_hidden), 0.1 * rng.normal(size=n_out)
    return W1, b1, W2, b2, rng.normal(size=(batch, n_in)), rng.integers(0, n_out, size=batch)


def objective(W1, b1, W2, b2, x, label):
    hidden = np.tanh(x @ W1.T + b1)
    scores = hidden @ W2.T + b2
    return np.sum(logsumexp(scores, axis=1) - scores[np.arange(len(x)), label])


def loops(W1, b1, W2, b2, x, label):
    batch, n_in = x.shape
    n_out, n_hidden = W2.shape
    hidden = np.zeros(n_hidden)
    scores = np.zeros(n_out)
    loss = 0.0
    for n in range(batch):
        for i in range(n_hidden):
            s = b1[i]
            for j in range(n_in):
                s += W1[i, j] * x[n, j]
            hidden[i] = np.tanh(s)
        top = -np.inf
        for i in range(n_out):
            s = b2[i]
            for j in range(n_hidden):
                s += W2[i, j] * hidden[j]
            scores[i] = s
            top = max(top, s)
        total = 0.0
        for i in range(n_out):
            total += np.exp(scores[i] - top)
        loss += np.log(total) + top - scores[label[n]]
    return loss


@vm.hand
def _layer(x, W, b, out):
    """X @ W.T + b: loops for a few rows, BLAS for more."""
    if len(x) > 4:
        np.dot(x, W.T, out)
    for n in range(len(x)):
        if len(x) > 4:
            for i in range(len(W)):
                out[n, i] += b[i]
        else:
            for i in range(len(W)):
                s = 0.0
                for j in range(W.shape[1]):
                    s += W[i, j] * x[n, j]
                out[n, i] = s + b[i]


@vm.hand
def _tanh(x):
    for n in range(len(x)):
        for i in range(x.shape[1]):
            x[n, i] = vm.tanh(x[n, i])


@vm.hand
def _softmax_loss(scores, label):
    """The loss; `scores` becomes its gradient."""
    loss = 0.0
    for n in range(len(scores)):
        top, total = -np.inf, 0.0
        for i in range(scores.shape[1]):
            top = max(top, scores[n, i])
        loss += top - scores[n, label[n]]
        for i in range(scores.shape[1]):
            scores[n, i] = vm.exp(scores[n, i] - top)
            total += scores[n, i]
        loss += np.log(total)
        for i in range(scores.shape[1]):
            scores[n, i] /= total
        scores[n, label[n]] -= 1.0
    return loss


@vm.hand
def _forward(W1, b1, W2, b2, x, label, hidden, scores):
    _layer(x, W1, b1, hidden)
    _tanh(hidden)
    _layer(hidden, W2, b2, scores)
    return _softmax_loss(scores, label)


@vm.hand
def hand_value(W1, b1, W2, b2, x, label):
    hidden, scores = np.empty((len(x), len(W1))), np.empty((len(x), len(W2)))
    return _forward(W1, b1, W2, b2, x, label, hidden, scores)


@vm.hand
def hand(W1, b1, W2, b2, x, label):
    hidden, d_scores = np.empty((len(x), len(W1))), np.empty((len(x), len(W2)))
    loss = _forward(W1, b1, W2, b2, x, label, hidden, d_scores)
    d_hidden = np.empty(hidden.shape)
    _products(d_scores, W2, d_hidden)
    d_W2, d_b2 = np.empty(W2.shape), np.zeros(len(W2))
    _weights_back(d_scores, hidden, d_W2, d_b2)
    for n in range(len(x)):
        for i in range(len(W1)):
            d_hidden[n, i] *= 1.0 - hidden[n, i] * hidden[n, i]
    d_W1, d_b1 = np.empty(W1.shape), np.zeros(len(W1))
    _weights_back(d_hidden, x, d_W1, d_b1)
    return loss, (d_W1, d_b1, d_W2, d_b2)


@vm.hand
def _products(d, W, out):
    if len(d) > 4:
        np.dot(d, W, out)
        return
    for n in range(len(d)):
        for j in range(W.shape[1]):
            out[n, j] = 0.0
        for i in range(len(W)):
            for j in range(W.shape[1]):
                out[n, j] += d[n, i] * W[i, j]


@vm.hand
def _weights_back(d, x, d_W, d_b):
    for n in range(len(d)):
        for i in range(len(d_b)):
            d_b[i] += d[n, i]
    if len(d) > 4:
        np.dot(d.T, x, d_W)
        return
    for i in range(len(d_b)):
        for j in range(x.shape[1]):
            d_W[i, j] = d[0, i] * x[0, j]
    for n in range(1, len(d)):
        for i in range(len(d_b)):
            for j in range(x.shape[1]):
                d_W[i, j] += d[n, i] * x[n, j]
