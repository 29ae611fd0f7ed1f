"""A channel shuffle: a transposed image is flattened, written in place, and read in two ways."""

import numpy as np


def shuffled_loss(image, gains):
    channels = image.T * 1.0
    flat = channels.reshape(-1)
    flat[::2] *= gains
    return np.sum(channels[0] * channels[1]) + np.sum(flat**2)


EXAMPLES = [
    (np.array([[0.3, 1.0], [-0.4, 0.8], [0.9, 0.2], [0.1, -0.6]]), np.array([1.2, 0.7, 0.4, 1.1])),
    (np.array([[0.5, -1.0, 0.2, 0.4]]), np.array([0.9, 1.4])),
]
WRT = (0, 1)
FUNCTION = shuffled_loss
