import numpy as np
from scipy.linalg import solve_triangular


def kernel(X, log_scale, log_amplitude):
    Z = X / np.exp(log_scale)
    r2 = np.sum((Z[:, None, :] - Z[None, :, :]) ** 2, axis=-1)
    return np.exp(2.0 * log_amplitude - 0.5 * r2)


def kernel_backward(d_out, X, log_scale, out):
    """Adjoint of `kernel` with respect to `X`, `log_scale`, `log_amplitude`."""
    # forward
    denominator = np.exp(log_scale)
    Z = X / denominator

    # backward
    d_z = d_out * out
    product = 2 * (-0.5 * d_z)[:, :, None] * (Z[:, None, :] - Z[None, :, :])
    d_Z = np.sum(product, axis=1) - np.sum(product, axis=0)
    return (
        d_Z / denominator,
        np.sum(-d_Z * Z / denominator, axis=0) * denominator,
        2.0 * np.sum(d_z),
    )


def log_marginal_likelihood_value_and_grad(log_scale, log_amplitude, log_noise, X, y):
    """Value and gradient of `log_marginal_likelihood` with respect to `log_scale`, `log_amplitude`, `log_noise`, `X`, `y`."""
    # forward
    kernel_result = kernel(X, log_scale, log_amplitude)
    exponential = np.exp(2.0 * log_noise)
    K = kernel_result + exponential * np.eye(len(X))
    L = np.linalg.cholesky(K)
    alpha = solve_triangular(L, y, lower=True)
    product = -0.5 * alpha
    denominator = np.diag(L)
    value = product @ alpha - np.sum(np.log(denominator)) - 0.5 * len(y) * np.log(2.0 * np.pi)

    # backward
    d_y = solve_triangular(L, 2.0 * product, trans="T", lower=True)
    d_L = -np.tril(np.outer(d_y, alpha))
    np.fill_diagonal(d_L, np.diag(d_L) - 1.0 / denominator)
    lower = np.tril(L.T @ d_L)
    half = solve_triangular(L, lower + np.tril(lower, -1).T, trans="T", lower=True)
    middle = solve_triangular(L, half.T, trans="T", lower=True)
    d_K = np.tril(middle) - 0.5 * np.diag(np.diag(middle))
    d_log_noise = 2.0 * np.trace(d_K) * exponential
    d_X, d_log_scale, d_log_amplitude = kernel_backward(d_K, X, log_scale, kernel_result)
    return value, (d_log_scale, d_log_amplitude, d_log_noise, d_X, d_y)
