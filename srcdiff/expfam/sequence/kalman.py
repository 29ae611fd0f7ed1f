"""Linear dynamical systems: the Kalman filter is `log_Z`, and its gradient is the smoother.

Natural parameters `eta = (init, pairs, nodes)` of a chain of Gaussian states x_0 ... x_{T-1} of D numbers:

=========  =========================================  ==============================================
`init`     `(J (D, D), h (D), constant)`              `x0' J x0 + h' x0 + constant`
`pairs`    `(J11, J12, J22 (T-1, D, D), constants)`   `x' J11 x + x' J12 y + y' J22 y + constant` for neighbours x, y
`nodes`    `(J (T, D, D), h (T, D), constants (T))`   `x' J x + h' x + constant` of each x
=========  =========================================  ==============================================

So a J is minus half a precision, and there is no 2 in front of `J12`. `log_Z` is the log-integral over all states,
with its (T D / 2) log 2 pi: with constants as `lds.natural` gives them it is the log-evidence of the observations. The
gradient holds E[x x'], E[x], E[x y'] and E[y y'] of each time, and 1 for each constant. Of the J's, both triangles
count.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.linalg import solve_triangular

from srcdiff.expfam.core.family import Family, family
from srcdiff.expfam.core.parameter_checks import (
    check_arguments,
    check_covariance,
    check_finite,
    check_parts,
)
from srcdiff.expfam.core.pytree import Pytree


def lds_log_Z(eta):
    """The log-partition function of `eta = (init, pairs, nodes)`: the Kalman filter in information form."""
    init, pairs, nodes = eta
    J, h, total = init
    J11s, J12s, J22s, pair_constants = pairs
    node_Js, node_hs, node_constants = nodes
    J = J + node_Js[0]
    h = h + node_hs[0]
    for t in range(len(J12s)):
        # integrate x_t out
        precision = J + J11s[t]
        L = np.linalg.cholesky(-(precision + precision.T))
        v = solve_triangular(L, h, lower=True)
        W = solve_triangular(L, J12s[t], lower=True)
        total = total + 0.5 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
        # the message to x_{t+1}, times the potential of its observations
        J = J22s[t] + 0.5 * W.T @ W + node_Js[t + 1]
        h = W.T @ v + node_hs[t + 1]
    L = np.linalg.cholesky(-(J + J.T))
    v = solve_triangular(L, h, lower=True)
    total = total + 0.5 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
    total = total + np.sum(pair_constants) + np.sum(node_constants)
    return total + 0.5 * node_hs.size * np.log(2.0 * np.pi)


def natural(
    y: np.ndarray,
    m1: np.ndarray,
    P1: np.ndarray,
    A: np.ndarray,
    Q: np.ndarray,
    C: np.ndarray,
    R: np.ndarray,
    b: np.ndarray | None = None,
    d: np.ndarray | None = None,
    observed: np.ndarray | None = None,
) -> Any:
    """Natural parameters of the states' posterior.

    x_0 ~ N(m1, P1), x_{t+1} ~ N(A x_t + b, Q), y_t ~ N(C x_t + d, R).

    Parameters
    ----------
    y : (T, P) array
        Observations. NaN is a missing number (the other numbers of its time count).
    m1, P1, A, Q, C, R, b, d : arrays
        (D), (D, D), (D, D), (D, D), (P, D), (P, P), (D) and (P).
    observed : (T) or (T, P) array of bool
        False for missing numbers, whose values do not matter.
    """
    y, A, C = (np.array(x, float) for x in (y, A, C))
    if y.ndim != 2 or len(y) == 0:
        raise ValueError(
            f"lds: y has the shape (times, numbers), and one time at least, not {y.shape}"
        )
    D = len(np.asarray(m1))
    if A.shape != (D, D) or C.shape != (y.shape[1], D):
        raise ValueError(
            f"lds: m1 has {D} states and y {y.shape[1]} numbers, so A has the shape {(D, D)} and C "
            f"{(y.shape[1], D)}, not {A.shape} and {C.shape}"
        )
    b = np.zeros(D) if b is None else np.asarray(b, float)
    d = np.zeros(y.shape[1]) if d is None else np.asarray(d, float)
    seen = ~np.isnan(y) & (True if observed is None else _columns(observed, y))
    for name, given in {
        "y": np.where(seen, y, 0.0),
        "m1": m1,
        "A": A,
        "C": C,
        "b": b,
        "d": d,
    }.items():
        check_finite("lds", name, given)
    steps = len(y) - 1
    (K1, c1), (KQ, cQ) = _precision(P1, "P1"), _precision(Q, "Q")
    init = -0.5 * K1, K1 @ m1, c1 - 0.5 * float(m1 @ K1 @ m1)
    pairs = (
        np.tile(-0.5 * A.T @ KQ @ A, (steps, 1, 1)),
        np.tile(A.T @ KQ, (steps, 1, 1)),
        np.tile(-0.5 * KQ, (steps, 1, 1)),
        np.full(steps, cQ - 0.5 * b @ KQ @ b),
    )
    node_J, node_h, constants = _nodes(y - d, C, R, seen)
    node_h[1:] += KQ @ b  # the linear terms of a transition with an offset b
    node_h[:-1] -= A.T @ KQ @ b
    return init, pairs, (node_J, node_h, constants)


def _columns(observed: np.ndarray, y: np.ndarray) -> np.ndarray:
    observed = np.asarray(observed, bool)
    return np.broadcast_to(observed[:, None] if observed.ndim == 1 else observed, y.shape)


def _precision(covariance: np.ndarray, name: str) -> tuple[Any, float]:
    """The inverse, and -log(det(2 pi covariance)) / 2."""
    covariance = np.asarray(covariance, float)
    L = check_covariance("lds", name, covariance)
    constant = -float(np.sum(np.log(np.diag(L)))) - 0.5 * len(L) * np.log(2.0 * np.pi)
    return np.linalg.inv(covariance), constant


def _nodes(
    y: np.ndarray, C: np.ndarray, R: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The potentials of each time's state, given its observations."""
    T, D = len(y), C.shape[1]
    J, h, constants = np.zeros((T, D, D)), np.zeros((T, D)), np.zeros(T)
    for pattern in np.unique(seen, axis=0):
        if not pattern.any():
            continue
        times = np.flatnonzero((seen == pattern).all(axis=1))
        rows = np.asarray(R, float)[np.ix_(pattern, pattern)]
        K, constant = _precision(rows, "R")
        own, values = C[pattern], y[np.ix_(times, np.flatnonzero(pattern))]
        J[times] = -0.5 * own.T @ K @ own
        h[times] = values @ K @ own
        constants[times] = constant - 0.5 * np.einsum("ti,ij,tj->t", values, K, values)
    return J, h, constants


def usual(stats: Pytree) -> dict[str, Any]:
    """Means, covariances, and cross-covariances of neighbours, from the gradient of `log_Z`."""
    _, (_, crosses, _, _), (squares, means, _) = stats
    return {
        "mean": means,
        "covariance": squares - means[:, :, None] * means[:, None, :],
        "cross": crosses - means[:-1, :, None] * means[1:, None, :],
    }


def _draw(eta: Pytree, rng: Generator, n: int) -> np.ndarray:
    """Paths of states `(n, T, D)`: each state given the one before, from the smoothed moments."""
    found = usual(lds.mean(eta))
    means, covariances, crosses = found["mean"], found["covariance"], found["cross"]
    paths = np.empty((n, *means.shape))
    paths[:, 0] = rng.multivariate_normal(means[0], covariances[0], size=n, method="cholesky")
    for t, cross in enumerate(crosses):
        gain = np.linalg.solve(covariances[t], cross).T
        rest = covariances[t + 1] - gain @ cross
        noise = rng.multivariate_normal(np.zeros(len(rest)), rest, size=n, method="cholesky")
        paths[:, t + 1] = means[t + 1] + (paths[:, t] - means[t]) @ gain.T + noise
    return paths


def _mode(eta: Pytree) -> Any:
    """The most probable path, which is the mean of each state."""
    return usual(lds.mean(eta))["mean"]


def check_lds(eta: Pytree, *data: object) -> None:
    """Raise ValueError unless the parts of `eta = (init, pairs, nodes)` have the shapes in this module's docstring."""
    check_arguments("lds", "", data)
    check_parts("lds", eta, "init, pairs, nodes")
    for part, names in zip(
        eta, ("J, h, log Z", "J11, J12, J22, log Z", "J, h, log Z"), strict=True
    ):
        check_parts("lds", part, names)
    (J, h, _), (J11, J12, J22, pair_constants), (node_J, node_h, node_constants) = eta
    if np.ndim(node_h) != 2 or len(node_h) == 0:
        raise ValueError(f"lds: the nodes' h has the shape (times, states), not {np.shape(node_h)}")
    T, D = np.shape(node_h)
    wanted = [
        ("J", J, (D, D)), ("h", h, (D,)),
        ("J11 of the pairs", J11, (T - 1, D, D)), ("J12 of the pairs", J12, (T - 1, D, D)),
        ("J22 of the pairs", J22, (T - 1, D, D)), ("the pairs' constants", pair_constants, (T - 1,)),
        ("J of the nodes", node_J, (T, D, D)), ("the nodes' constants", node_constants, (T,)),
    ]  # fmt: skip
    for name, array, shape in wanted:
        if np.shape(array) != shape:
            raise ValueError(
                f"lds: the nodes' h has {T} times and {D} states, so {name} has the shape {shape}, "
                f"not {np.shape(array)}"
            )


lds: Family = family(
    lds_log_Z,
    name="lds",
    natural=natural,
    usual=usual,
    draw=_draw,
    mode=_mode,
    check=check_lds,
)
