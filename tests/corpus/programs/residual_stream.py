"""A residual stream: the contributions of layers are on a list, and added up."""

import numpy as np


def loss(contributions, target):
    stream = np.zeros(len(target))
    for contribution in contributions:
        stream = stream + contribution
    return np.sum((stream - target) ** 2)


EXAMPLES = [
    ([np.array([0.3, -1.0]), np.array([0.5, 0.2]), np.array([-0.4, 0.6])], np.array([1.0, 0.5])),
    ([np.array([0.3, 0.8, -0.1])], np.array([0.2, -0.7, 0.4])),
]
WRT = (0, 1)
FUNCTION = loss
