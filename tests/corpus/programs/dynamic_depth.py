"""How often a layer is applied depends on what comes out of it, with the weights used each time.

After PyTorch's tutorial on control flow with weight sharing.
"""

import numpy as np


def predict(w, x):
    h = np.maximum(w["in"] @ x, 0.0)
    depth = 0
    while np.sum(h) < 4.0 and depth < 5:
        h = np.maximum(w["middle"] @ h + 0.3, 0.0)
        depth += 1
    return w["out"] @ h + 0.1 * depth


def _example(n, m, seed):
    rng = np.random.default_rng(seed)
    w = {"in": rng.normal(size=(m, n)), "middle": rng.random((m, m)), "out": rng.normal(size=m)}
    return w, rng.normal(size=n)


EXAMPLES = [_example(2, 3, 0), _example(3, 2, 1)]
WRT = (0, 1)
FUNCTION = predict
UNCONVERGED = True
