"""Old and new iterate are both carried, and their distance ends the loop at a loose tolerance.

After the chapter on custom derivatives in JAX's documentation, where a fixed point is the example.
"""

import numpy as np


def fixed_point(f, a, guess, tol):
    old, new = guess, f(a, guess)
    while np.sum(np.abs(old - new)) > tol:
        old, new = new, f(a, new)
    return new, old


def settle(a, W, guess, tol):
    new, old = fixed_point(lambda b, x: np.tanh(W @ x + b), a, guess, tol)
    return np.sum(new * old)


EXAMPLES = [
    (np.array([0.5, -0.3]), np.array([[0.6, -0.4], [0.3, 0.7]]), np.array([1.0, -1.0]), 0.1),
    (np.array([0.5]), np.array([[-0.8]]), np.array([2.0]), 0.3),
]
WRT = (0, 1, 2)
FUNCTION = settle
UNCONVERGED = True
