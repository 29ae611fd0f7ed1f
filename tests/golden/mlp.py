import numpy as np


def layer(W, b, x):
    return np.tanh(W @ x + b[:, None])


def layer_backward(d_out, W, x, out):
    """Adjoint of `layer` with respect to `W`, `b`, `x`."""
    d_z = d_out * (1.0 - out**2)
    return d_z @ x.T, np.sum(d_z, axis=1), W.T @ d_z


def squared_error_value_and_grad(params, x, y):
    """Value and gradient of `squared_error` with respect to `params`."""
    # forward
    xs = []
    for W, b in params:
        xs.append(x)
        x = layer(W, b, x)
    difference = x - y
    value = np.sum(difference**2)

    # backward
    d_params = []
    d_x = 2.0 * difference
    next_x = x
    for x, (W, _) in zip(reversed(xs), reversed(params)):
        d_W, d_b, d_x = layer_backward(d_x, W, x, next_x)
        d_params.append((d_W, d_b))
        next_x = x
    d_params.reverse()
    return value, (d_params,)
