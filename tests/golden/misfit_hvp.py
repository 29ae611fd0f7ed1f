import numpy as np


def misfit_hvp(theta, t, y, v):
    """Hessian of `misfit` with respect to `theta`, times `v`."""
    amplitude, rate = theta
    amplitude_dot, rate_dot = v
    exponential = np.exp(-rate * t)
    d_x = -rate_dot * t * exponential
    residual = amplitude * exponential - y
    d_residual = 2.0 * (0.5 * residual)
    d_residual_dot = amplitude_dot * exponential + amplitude * d_x
    product = d_residual * amplitude * d_x
    d_x_part = -(
        ((d_residual_dot * amplitude + d_residual * amplitude_dot) * exponential + product) @ t
    )
    return np.array([d_residual_dot @ exponential + d_residual @ d_x, d_x_part])
