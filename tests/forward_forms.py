"""The program whose forward-mode forms are golden."""

import numpy as np


def misfit(theta, t, y):
    amplitude, rate = theta
    residual = amplitude * np.exp(-rate * t) - y
    return 0.5 * residual @ residual
