import numpy as np


def readout_value_and_grad(W, U, v, xs):
    """Value and gradient of `readout` with respect to `W`, `U`, `v`, `xs`."""
    # forward
    T = len(xs)
    H = np.zeros((T + 1, W.shape[0]))
    for t in range(T):
        H[t + 1] = np.tanh(W @ H[t] + U @ xs[t])
    base = H[1:] @ v
    value = np.sum(base**2)

    # backward
    d_base = 2.0 * base
    d_H = np.zeros((len(H), len(W)))
    d_H[1:] += np.outer(d_base, v)
    d_W = np.zeros_like(W)
    d_xs = np.empty_like(xs)
    d_U = np.zeros_like(U)
    for t in reversed(range(T)):
        product = d_H[t + 1] * (1.0 - np.tanh(W @ H[t] + U @ xs[t]) ** 2)
        d_U += np.outer(product, xs[t])
        d_xs[t] = U.T @ product
        d_W += np.outer(product, H[t])
        d_H[t + 1] = 0.0
        d_H[t] += W.T @ product
    return value, (d_W, d_U, H[1:].T @ d_base, d_xs)
