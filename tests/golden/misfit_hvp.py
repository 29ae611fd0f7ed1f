import numpy as np


def misfit_hvp(theta, t, y, v):
    """Hessian of `misfit` with respect to `theta`, times `v`."""
    amplitude, rate = theta
    amplitude_dot, rate_dot = v
    exponential = np.exp(-rate * t)
    exponential_dot = -rate_dot * t * exponential
    residual_dot = amplitude_dot * exponential + amplitude * exponential_dot
    residual = amplitude * exponential - y
    product = residual * amplitude * exponential_dot
    d_rate_dot = -(
        ((residual_dot * amplitude + residual * amplitude_dot) * exponential + product) @ t
    )
    return np.array([residual_dot @ exponential + residual @ exponential_dot, d_rate_dot])
