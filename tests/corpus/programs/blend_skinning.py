"""Linear blend skinning: vertices follow several bones, by weights, and are compared with a scan."""

import numpy as np


def distance(angles, weights, rest, scan):
    total = 0.0
    moved = np.zeros_like(rest)
    for bone in range(len(angles)):
        c = np.cos(angles[bone])
        s = np.sin(angles[bone])
        R = np.array([[c, -s], [s, c]])
        for i in range(2):
            for j in range(2):
                moved[i] += weights[bone] * R[i, j] * rest[j]
    total += np.sum((moved - scan) ** 2)
    return total


def _example(bones, vertices, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=bones),
        rng.uniform(size=(bones, vertices)),
        rng.normal(size=(2, vertices)),
        rng.normal(size=(2, vertices)),
    )


EXAMPLES = [_example(2, 9, 0), _example(3, 8, 1)]
WRT = (0, 1, 2)
FUNCTION = distance
