import numpy as np


def misfit_jvp(theta, t, y, theta_dot):
    """Value of `misfit` and its derivative along `theta_dot`."""
    amplitude, rate = theta
    amplitude_dot, rate_dot = theta_dot
    exponential = np.exp(-rate * t)
    residual_dot = exponential * (amplitude_dot - amplitude * rate_dot * t)
    residual = amplitude * exponential - y
    return 0.5 * residual @ residual, residual_dot @ residual
