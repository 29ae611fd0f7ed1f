"""Parameters in a dict of arrays, read by key inside a loop; the gradient is a dict too."""

import numpy as np
from scipy.special import expit


def loss(params, xs):
    h = params["h0"]
    for x in xs:
        z = expit(params["Wz"] @ h + x)
        candidate = np.tanh(params["Wh"] @ (z * h) + params["b"])
        h = (1.0 - z) * h + z * candidate
    return np.sum(h**2)


def _example(T, n, seed):
    rng = np.random.default_rng(seed)
    params = {
        "Wz": rng.normal(size=(n, n)),
        "Wh": rng.normal(size=(n, n)),
        "b": rng.normal(size=n),
        "h0": rng.normal(size=n),
    }
    return params, rng.normal(size=(T, n))


EXAMPLES = [_example(3, 2, 0), _example(2, 3, 1)]
WRT = (0, 1)
FUNCTION = loss
