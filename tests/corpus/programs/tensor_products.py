"""`tensordot`, `kron`, `inner`, `vdot` and `trace` of matrices and stacks."""

import numpy as np


def energy(T, A, v):
    mixed = np.tensordot(T, A, axes=([1], [0]))
    full = np.tensordot(T, T * A, 2) if T.ndim == 2 else np.tensordot(T, A, axes=2)
    big = np.kron(A, np.sin(A.T))
    grown = np.kron(v, v**2)
    angles = np.inner(A, A) + np.inner(A, v)[:, None]
    return (
        np.sum(mixed**2)
        + np.sum(full * v[0])
        + big[1, 2] * np.trace(big)
        + np.sum(grown[::2])
        + np.sum(np.tanh(angles))
        + np.vdot(A, angles) * np.inner(v, v)
        + np.sum(np.tensordot(v, v, axes=0)[0])
    )


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 3, 3)),
        np.random.default_rng(1).normal(size=(3, 3)),
        np.array([0.5, -1.0, 0.8]),
    ),
    (
        np.random.default_rng(2).normal(size=(2, 2)),
        np.random.default_rng(3).normal(size=(2, 2)),
        np.array([0.3, 1.2]),
    ),
]
WRT = (0, 1, 2)
FUNCTION = energy
