"""Fits of linear dynamical systems by gradient ascent, with gradients by Fisher's identity.

By Fisher's identity, the gradient of the log-likelihood is the gradient of the expected log-density of states and
observations, with expectations at the same parameters. Covariances are parametrised by Cholesky factors with logarithms
on the diagonal, so each vector of parameters is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular

import srcdiff
from srcdiff.expfam.core.pytree import Pytree, flatten
from srcdiff.expfam.sequence.lbfgs import Ascent, ascend
from srcdiff.expfam.sequence.sequences import Sequence, joined

if TYPE_CHECKING:
    from srcdiff.expfam.sequence.lds import LDS


def gaussian_log_density(root, scatter, count):
    """The sum of `count` log-densities whose deviations have the products `scatter` together."""
    L = np.tril(root, -1) + np.diag(np.exp(np.diag(root)))
    half = solve_triangular(L, scatter, lower=True)
    squares = np.trace(solve_triangular(L, half.T, lower=True))
    return -0.5 * squares - count * np.sum(np.diag(root))


def expected_log_density(theta, firsts, steps, seen):
    """The expected log-density, without its multiples of log 2 pi.

    `firsts`, `steps` and `seen` hold sums of products over sequences and times: of first states; of neighbouring
    states; of states and observations, if there are any.
    """
    m1, P1_root, A, Q_root, C, d, R_root = theta
    squares, means, count = firsts
    scatter = squares - np.outer(means, m1) - np.outer(m1, means) + count * np.outer(m1, m1)
    total = gaussian_log_density(P1_root, scatter, count)
    before, cross, after, count = steps
    scatter = after - A @ cross - (A @ cross).T + A @ before @ A.T
    total = total + gaussian_log_density(Q_root, scatter, count)
    states, state_sum, products, data_sum, data_squares, count = seen
    fitted = C @ products
    offset = np.outer(d, data_sum - C @ state_sum)
    scatter = data_squares - fitted - fitted.T + C @ states @ C.T - offset - offset.T
    return total + gaussian_log_density(R_root, scatter + count * np.outer(d, d), count)


def by_gradient(
    model: LDS,
    sequences: list[Sequence],
    expected: Callable[[Sequence], object],
    past: Ascent | None = None,
) -> tuple[list[float], bool, Ascent]:
    """Log-likelihoods, whether the ascent converged, and the state from which a later fit continues.

    `model` has the parameters before and after the ascent; `past` is the state of the fit that found the parameters
    before.
    """
    slope_of = model.generated(srcdiff.grad, expected_log_density)
    start, restored = flatten(_roots(model))
    data, observed = joined(sequences)

    def objective(x: np.ndarray) -> tuple[float, Any]:
        theta = restored(x)
        _put(model, theta)
        try:
            found = model.of_each(expected, sequences)
            slope = slope_of(theta, *_sums([moments for _, moments in found], data, observed))
        except np.linalg.LinAlgError:
            return -np.inf, x
        slope = flatten(slope)[0]
        return (float(sum(v for v, _ in found)), slope) if np.isfinite(slope).all() else (-np.inf, x)  # fmt: skip

    if past is not None and not _is_where(model, past.x, start, restored):
        past = None
    ascent, values, converged = ascend(
        objective,
        start if past is None else past.x,
        model.max_iter,
        model.tol,
        model.progress,
        past,
    )
    _put(model, restored(ascent.x))
    return values, converged, ascent


def _is_where(
    model: LDS, x: np.ndarray, start: np.ndarray, restored: Callable[[object], object]
) -> bool:
    """Whether the parameters are still those of `x`: the user may have assigned others since."""
    if x.shape != start.shape:
        return False
    names = ("m1_", "P1_", "A_", "Q_", "C_", "d_", "R_")
    before = {name: getattr(model, name) for name in names}
    _put(model, restored(x))
    is_same = all(np.array_equal(before[name], getattr(model, name)) for name in names)
    vars(model).update(before)
    return is_same


def _sums(moments: list[Any], data: Any, observed: np.ndarray) -> Any:
    squares = np.concatenate([m[2][0] for m in moments])[observed]
    means = np.concatenate([m[2][1] for m in moments])[observed]
    firsts = (sum(m[2][0][0] for m in moments), sum(m[2][1][0] for m in moments), float(len(moments)))  # fmt: skip
    neighbours = tuple(sum(m[1][k].sum(axis=0) for m in moments) for k in range(3))
    count = float(sum(len(m[1][0]) for m in moments))
    seen = (
        squares.sum(axis=0), means.sum(axis=0), means.T @ data, data.sum(axis=0), data.T @ data, float(len(data)),
    )  # fmt: skip
    return firsts, (*neighbours, count), seen


def _roots(model: LDS) -> Any:
    def root(covariance: np.ndarray) -> np.ndarray:
        L = np.linalg.cholesky(covariance)
        return np.tril(L, -1) + np.diag(np.log(np.diag(L)))

    covariances = (root(model.P1_), root(model.Q_), root(model.R_))
    return model.m1_, covariances[0], model.A_, covariances[1], model.C_, model.d_, covariances[2]


def _put(model: LDS, theta: Pytree) -> None:
    def covariance(root: np.ndarray) -> Any:
        L = np.tril(root, -1) + np.diag(np.exp(np.diag(root)))
        return L @ L.T

    model.m1_, P1, model.A_, Q, model.C_, model.d_, R = theta
    model.P1_, model.Q_, model.R_ = covariance(P1), covariance(Q), covariance(R)
