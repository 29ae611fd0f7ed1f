import numpy as np


def misfit_hvp(theta, t, y, v):
    """Hessian of `misfit` with respect to `theta`, times `v`."""
    amplitude, rate = theta
    amplitude_dot, rate_dot = v
    exponential = np.exp(-rate * t)
    d_x = -rate_dot * t * exponential
    residual_dot = amplitude_dot * exponential + amplitude * d_x
    residual = amplitude * exponential - y
    product = residual * amplitude * d_x
    d_x_part = -(
        ((residual_dot * amplitude + residual * amplitude_dot) * exponential + product) @ t
    )
    return np.array([residual_dot @ exponential + residual @ d_x, d_x_part])
