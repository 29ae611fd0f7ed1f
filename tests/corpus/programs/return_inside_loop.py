"""An early return from inside nested loops, with a value that both loops have built."""

import numpy as np


def first_crossing(A, level):
    total = 1.0
    for i in range(A.shape[0]):
        row = 0.0
        for j in range(A.shape[1]):
            row += A[i, j] ** 2
            total *= 1.0 + 0.1 * A[i, j]
            if row > level:
                return total * (row - level)
        total += row
    return total


EXAMPLES = [
    (np.array([[0.5, 0.6, 0.1], [1.0, 0.9, 2.0]]), 1.5),
    (np.array([[0.5, 0.6], [0.3, 0.4], [0.7, 0.2]]), 1.5),
    (np.array([[1.7, 0.6]]), 1.5),
]
WRT = (0, 1)
FUNCTION = first_crossing
