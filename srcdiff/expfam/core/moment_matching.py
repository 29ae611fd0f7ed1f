"""Moment matching: the parameters with given expected statistics, by Newton's method with a line search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.expfam.core.pytree import Pytree, flatten

if TYPE_CHECKING:  # for annotations only
    from srcdiff.expfam.core.family import Family

_STEPS = 200
_HALVINGS = 60
_DENSE = 400  # the largest number of parameters for which the Fisher information is a matrix
_EXACT = 1e-24  # of the Newton decrement: the squared length of a step in standard deviations
_ROUNDED = 1e-9  # a decrement below this that falls no further is rounding
_FAR = 1e8  # parameters of this size have diverged


def matched(family: Family, stats: Pytree, start: Pytree, data: tuple[object, ...]) -> Pytree:
    """The `eta` that maximises `<eta, stats> - log_Z(eta, *data)`."""
    target, _ = flatten(stats)
    eta, restore = flatten(start)
    if target.shape != eta.shape:
        raise ValueError(
            f"{family.name}: the statistics hold {target.size} numbers, the parameters {eta.size}"
        )
    value, gradient = _objective(family, restore(eta), target, data)
    if not np.isfinite(value):
        raise ValueError(f"{family.name}: log_Z is not finite where the fit starts")
    before = np.inf
    for _ in range(_STEPS):
        step, variances = _newton_step(family, restore, eta, gradient, data)
        decrement = float(gradient @ step)
        if decrement <= _EXACT or _ROUNDED >= decrement >= 0.25 * before:
            if np.any(np.abs(gradient) > 1e-4 * variances):
                break  # a variance that vanishes as fast as the error of its statistic
            return restore(eta)
        found = _searched(family, restore, eta, step, value, decrement, target, data)
        if found is None or np.max(np.abs(found[0])) > _FAR:
            break
        eta, value, gradient = found
        before = decrement
    raise ValueError(
        f"{family.name}: no parameters have these expected statistics. They lie on the boundary of what is possible "
        "(all observations equal, a symbol that never occurs), or outside of it; add a little of a prior's statistics"
    )


def _objective(
    family: Family, eta: Pytree, target: Pytree, data: tuple[Any, ...]
) -> tuple[float, np.ndarray]:
    """Value and gradient; -inf outside the domain."""
    nothing = -np.inf, np.zeros_like(target)
    if not (family.domain is None or bool(family.domain(eta))):
        return nothing
    try:
        with np.errstate(all="ignore"):
            log_Z, mean = family.e_step(eta, *data)
    except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
        return nothing
    gradient = target - flatten(mean)[0]
    value = float(target @ flatten(eta)[0] - log_Z)
    return (value, gradient) if np.isfinite(value) and np.all(np.isfinite(gradient)) else nothing


def _newton_step(
    family: Family, restore: Any, eta: Pytree, gradient: np.ndarray, data: tuple[Any, ...]
) -> tuple[Any, Any]:
    """The natural gradient (the Fisher information inverted on the range that `gradient` reaches), and variances."""
    here = restore(eta)

    def fisher(v: np.ndarray) -> Any:
        return flatten(family.fisher(here, *data, restore(v)))[0]

    if eta.size > _DENSE:
        return _conjugate_gradients(fisher, gradient), np.inf
    matrix = np.array([fisher(row) for row in np.eye(eta.size)])
    variances = np.diag(matrix)
    scale = np.zeros_like(variances)
    np.divide(1.0, np.sqrt(variances), out=scale, where=variances > 0.0)
    correlations = scale[:, None] * (0.5 * (matrix + matrix.T)) * scale
    # for redundant parameters (logits, both halves of a matrix) lstsq gives the smallest step
    step = scale * np.linalg.lstsq(correlations, scale * gradient, rcond=1e-13)[0]
    return step, variances


def _conjugate_gradients(fisher: Any, gradient: np.ndarray) -> Any:
    x, residual = np.zeros_like(gradient), gradient.copy()
    direction, size = residual.copy(), float(residual @ residual)
    first = size
    for _ in range(2 * gradient.size):
        image = fisher(direction)
        curvature = float(direction @ image)
        if curvature <= 0.0 or size <= 1e-24 * first:
            break
        x += size / curvature * direction
        residual -= size / curvature * image
        size, before = float(residual @ residual), size
        direction = residual + size / before * direction
    return x


def _searched(
    family: Family,
    restore: Any,
    eta: Pytree,
    step: np.ndarray,
    value: float,
    decrement: float,
    target: Pytree,
    data: tuple[Any, ...],
) -> tuple[Any, float, Any] | None:
    """The first of the halved steps that stays in the domain and increases the objective enough; None
    if there is none.
    """
    length = 1.0
    slack = 1e-15 * (abs(value) + np.abs(target) @ np.abs(eta))  # an allowance for rounding
    for _ in range(_HALVINGS):
        candidate = eta + length * step
        found, gradient = _objective(family, restore(candidate), target, data)
        if found >= value + 1e-4 * length * decrement - slack:
            return candidate, found, gradient
        length *= 0.5
    return None
