"""The function writes its argument, and the value written depends on the cell overwritten."""

import numpy as np


def running_products(x):
    for i in range(1, len(x)):
        x[i] *= x[i - 1] + 0.5
    return np.sum(np.sin(x))


EXAMPLES = [
    (np.array([0.5, 1.2, -0.8, 2.0]),),
    (np.array([0.9, -1.1, 0.3, 0.7, 1.4, -0.6]),),
]
WRT = (0,)
FUNCTION = running_products
