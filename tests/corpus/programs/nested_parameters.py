"""Parameters nested as a dict of a list of tuples, a dict and a float."""

import numpy as np


def loss(params, x, y):
    h = x
    for W, b in params["layers"]:
        h = np.tanh(W @ h + b)
    head = params["head"]
    out = head["w"] @ h * head["scale"] + params["bias"]
    return (out - y) ** 2 + 0.01 * np.sum(head["w"] ** 2)


def _example(sizes, seed):
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(sizes[i + 1], sizes[i])), rng.normal(size=sizes[i + 1]))
        for i in range(len(sizes) - 1)
    ]
    head = {"w": rng.normal(size=sizes[-1]), "scale": 0.7}
    return {"layers": layers, "head": head, "bias": 0.4}, rng.normal(size=sizes[0]), 0.3


EXAMPLES = [_example([2, 3, 2], 0), _example([3, 2], 1)]
WRT = (0, 1, 2)
FUNCTION = loss
