import numpy as np


def readout_value_and_grad(W, U, v, xs):
    """Value and gradient of `readout` with respect to `W`, `U`, `v`, `xs`."""
    # forward
    T = len(xs)
    H = np.zeros((T + 1, W.shape[0]))
    for t in range(T):
        H[t + 1] = np.tanh(W @ H[t] + U @ xs[t])
    product = H[1:] @ v
    value = np.sum(product**2)

    # backward
    d_product = 2.0 * product
    d_v = H[1:].T @ d_product
    d_H = np.zeros_like(H)
    d_H[1:] += np.outer(d_product, v)
    d_W = np.zeros_like(W)
    d_xs = np.empty_like(xs)
    d_U = np.zeros_like(U)
    for t in reversed(range(T)):
        scaled = d_H[t + 1] * (1.0 - H[t + 1] ** 2)
        d_U += np.outer(scaled, xs[t])
        d_xs[t] = U.T @ scaled
        d_W += np.outer(scaled, H[t])
        d_H[t] += W.T @ scaled
    return value, (d_W, d_U, d_v, d_xs)
