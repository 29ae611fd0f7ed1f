"""Index arrays that name a place twice: the last value stays, `+=` adds the last, `np.add.at` adds all; masks clear."""

import numpy as np


def energy(board, moves, rows, columns):
    field = np.tanh(board)
    field[rows, columns] = moves * board[0, 0]
    field[rows[::-1], 1:] += 0.5 * moves[:, None]
    np.add.at(field, (rows, 0), moves**2)
    field[field > 0.9] *= 0.1
    taken = board > 0.5
    field[taken] = board[taken] ** 2
    field[columns[:2], :, None] -= 0.25
    return np.sum(field**2 * board)


EXAMPLES = [
    (
        0.9 * np.random.default_rng(0).normal(size=(4, 3)),
        np.array([0.3, -0.7, 0.4, 1.1]),
        np.array([0, 2, 2, -1]),
        np.array([1, 1, 1, 2]),
    ),
    (
        0.5 * np.random.default_rng(1).normal(size=(3, 3)),
        np.array([0.2, 0.6]),
        np.array([1, 1]),
        np.array([0, 0]),
    ),
]
WRT = (0, 1)
FUNCTION = energy
