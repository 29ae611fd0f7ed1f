"""One step of a variational autoencoder, 784-400-20-400-784, batch 128: the negative ELBO, gradient in all weights."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator, weights

SIZES = [{"batch": 128, "n": 784, "hidden": 400, "latent": 20}]
QUICK = [{"batch": 16, "n": 784, "hidden": 100, "latent": 20}]
SMALL = {"batch": 3, "n": 6, "hidden": 5, "latent": 2}
WRT = tuple(range(10))


def make(batch, n, hidden, latent):
    rng = generator(batch, n, hidden, latent)
    parameters = []
    for n_in, n_out in (
        (n, hidden),
        (hidden, latent),
        (hidden, latent),
        (latent, hidden),
        (hidden, n),
    ):
        parameters += [weights(rng, n_in, n_in, n_out), 0.1 * rng.normal(size=n_out)]
    return *parameters, rng.random((batch, n)), rng.normal(size=(batch, latent))


def objective(W1, b1, W_mu, b_mu, W_s, b_s, W3, b3, W4, b4, x, eps):
    hidden = np.tanh(x @ W1 + b1)
    mu = hidden @ W_mu + b_mu
    log_var = hidden @ W_s + b_s
    z = mu + np.exp(0.5 * log_var) * eps
    logits = np.tanh(z @ W3 + b3) @ W4 + b4
    reconstruction = np.sum(np.logaddexp(0.0, logits) - x * logits)
    kl = -0.5 * np.sum(1.0 + log_var - mu**2 - np.exp(log_var))
    return (reconstruction + kl) / len(x)


@vm.hand
def _tanh_layer(x, W, b):
    out = np.dot(x, W)
    for n in range(len(out)):
        for i in range(len(b)):
            out[n, i] = vm.tanh(out[n, i] + b[i])
    return out


@vm.hand
def _linear(x, W, b):
    out = np.dot(x, W)
    for n in range(len(out)):
        for i in range(len(b)):
            out[n, i] += b[i]
    return out


@vm.hand
def _sample(mu, log_var, eps):
    """The latent values, and the sum that makes the divergence."""
    z, kl = np.empty(mu.shape), 0.0
    for n in range(len(mu)):
        for i in range(mu.shape[1]):
            scale = vm.exp(0.5 * log_var[n, i])
            z[n, i] = mu[n, i] + scale * eps[n, i]
            kl -= 0.5 * (1.0 + log_var[n, i] - mu[n, i] * mu[n, i] - scale * scale)
    return z, kl


@vm.hand
def _reconstruction(logits, b, x):
    """Its loss; `logits`, to which the bias is still to be added, becomes the gradient."""
    total = 0.0
    for n in range(len(x)):
        for i in range(len(b)):
            z = logits[n, i] + b[i]
            e = vm.exp(-abs(z))
            inverse = 1.0 / (1.0 + e)
            total += max(z, 0.0) - vm.log(inverse) - x[n, i] * z
            logits[n, i] = ((inverse if z > 0.0 else e * inverse) - x[n, i]) / len(x)
    return total


@vm.hand
def hand_value(W1, b1, W_mu, b_mu, W_s, b_s, W3, b3, W4, b4, x, eps):
    hidden = _tanh_layer(x, W1, b1)
    z, kl = _sample(_linear(hidden, W_mu, b_mu), _linear(hidden, W_s, b_s), eps)
    logits = np.dot(_tanh_layer(z, W3, b3), W4)
    total = kl
    for n in range(len(x)):
        for i in range(len(b4)):
            y = logits[n, i] + b4[i]
            total += max(y, 0.0) + vm.log(1.0 + vm.exp(-abs(y))) - x[n, i] * y
    return total / len(x)


@vm.hand
def _column_sums(d):
    out = np.zeros(d.shape[1])
    for n in range(len(d)):
        for i in range(d.shape[1]):
            out[i] += d[n, i]
    return out


@vm.hand
def _through_tanh(d, out):
    for n in range(len(d)):
        for i in range(d.shape[1]):
            d[n, i] *= 1.0 - out[n, i] * out[n, i]


@vm.hand
def hand(W1, b1, W_mu, b_mu, W_s, b_s, W3, b3, W4, b4, x, eps):
    hidden = _tanh_layer(x, W1, b1)
    mu, log_var = _linear(hidden, W_mu, b_mu), _linear(hidden, W_s, b_s)
    z, kl = _sample(mu, log_var, eps)
    decoded = _tanh_layer(z, W3, b3)
    d_logits = np.dot(decoded, W4)
    value = (_reconstruction(d_logits, b4, x) + kl) / len(x)
    d_W4 = np.dot(decoded.T, d_logits)
    d_decoded = np.dot(d_logits, W4.T)
    _through_tanh(d_decoded, decoded)
    d_W3, d_z = np.dot(z.T, d_decoded), np.dot(d_decoded, W3.T)
    d_mu, d_log_var = np.empty(mu.shape), np.empty(mu.shape)
    for n in range(len(x)):
        for i in range(mu.shape[1]):
            scale = vm.exp(0.5 * log_var[n, i])
            d_mu[n, i] = d_z[n, i] + mu[n, i] / len(x)
            d_log_var[n, i] = 0.5 * (d_z[n, i] * scale * eps[n, i] + (scale * scale - 1.0) / len(x))
    d_hidden = np.dot(d_mu, W_mu.T)
    d_hidden += np.dot(d_log_var, W_s.T)
    _through_tanh(d_hidden, hidden)
    d_first = np.dot(x.T, d_hidden), _column_sums(d_hidden)
    d_latent = np.dot(hidden.T, d_mu), _column_sums(d_mu)
    d_spread = np.dot(hidden.T, d_log_var), _column_sums(d_log_var)
    return value, d_first + d_latent + d_spread + (
        d_W3,
        _column_sums(d_decoded),
        d_W4,
        _column_sums(d_logits),
    )
