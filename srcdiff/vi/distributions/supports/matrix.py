"""Supports of matrices, with their bijectors."""

from __future__ import annotations

import numpy as np

from srcdiff.vi.distributions.supports.scalar import LARGEST, SMALLEST, Constraint, Shape

_FLATTEST = 18.0  # tanh(18) is below 1


def _lower(u, size=None):
    """The lower triangular matrices (..., K, K) whose rows are in `u` (..., K (K + 1) / 2); `size` is K, if known."""
    size = int((np.shape(u)[-1] * 2) ** 0.5) if size is None else size
    rows, columns = np.tril_indices(size)
    full = np.zeros((*np.shape(u)[:-1], size, size))
    full[..., rows, columns] = u
    return full


def _diagonal(u, size):
    return np.diagonal(_lower(u, size), axis1=-2, axis2=-1)


class _Matrices(Constraint):
    """Matrices (..., K, K). Their maps also take K, which is a number in generated code and is not computed from
    lengths.
    """

    event_dim = 2
    is_sized = True


class _LowerCholesky(_Matrices):
    """Lower triangular matrices with a positive diagonal: exp on the diagonal, the rows in a vector."""

    name = "lower triangular with a positive diagonal"

    def contains(self, x):
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        return np.all(np.tril(x) == x, axis=(-2, -1)) & np.all(diagonal > 0.0, axis=-1)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, (-2, -1)), x, np.eye(np.shape(x)[-1]))

    def constrain(self, u, size=None):
        L = _lower(u, size)
        eye = np.eye(L.shape[-1])
        return L * (1.0 - eye) + np.exp(np.clip(L, -LARGEST, LARGEST)) * eye

    def unconstrain(self, x):
        eye = np.eye(np.shape(x)[-1])
        L = x * (1.0 - eye) + np.log(np.where(eye == 1.0, x, 1.0))
        rows, columns = np.tril_indices(np.shape(x)[-1])
        return L[..., rows, columns]

    def log_abs_det_jacobian(self, u, size=None):
        return np.sum(_diagonal(u, size), axis=-1)

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-2], shape[-1] * (shape[-1] + 1) // 2)


class _PositiveDefinite(_LowerCholesky):
    """Symmetric positive definite matrices L Lᵀ, for a lower triangular L with a positive diagonal."""

    name = "symmetric and positive definite"

    def contains(self, x):
        symmetric = np.all(
            np.abs(x - np.swapaxes(x, -1, -2))
            <= 1e-8 * np.max(np.abs(x), axis=(-2, -1), keepdims=True),
            axis=(-2, -1),
        )
        return symmetric & np.all(np.linalg.eigvalsh(x) > 0.0, axis=-1)

    def constrain(self, u, size=None):
        L = super().constrain(u, size)
        return L @ np.swapaxes(L, -1, -2)

    def unconstrain(self, x):
        return super().unconstrain(np.linalg.cholesky(x))

    def log_abs_det_jacobian(self, u, size=None):
        # d(L Lᵀ) / dL has 2 L_kk^(K - k) for the k-th column, k from 0 on, and L_kk = exp(u_kk)
        logs = _diagonal(u, size)
        K = logs.shape[-1]
        return K * np.log(2.0) + np.sum(np.arange(K + 1, 1, -1) * logs, axis=-1)


class _CorrCholesky(_Matrices):
    """Cholesky factors of correlation matrices: lower triangular, each row of length 1, positive diagonal.

    Row i has i numbers tanh(u), of which each takes its share of the length that is left (Stan Reference Manual,
    "Cholesky factors of correlation matrices").
    """

    name = "the Cholesky factor of a correlation matrix"

    def contains(self, x):
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        is_lower = np.all(np.tril(x) == x, axis=(-2, -1)) & np.all(diagonal > 0.0, axis=-1)
        return is_lower & np.all(np.abs(np.sum(x**2, axis=-1) - 1.0) < 1e-6, axis=-1)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, (-2, -1)), x, np.eye(np.shape(x)[-1]))

    def constrain(self, u, size=None):
        u = _strictly_lower(np.clip(u, -_FLATTEST, _FLATTEST), size)
        log_left = np.cumsum(-_log_cosh(u), axis=-1)  # log of the length left after each
        before = np.concatenate((np.zeros((*u.shape[:-1], 1)), log_left[..., :-1]), axis=-1)
        eye = np.eye(u.shape[-1])
        return (np.tanh(u) + eye) * np.exp(np.maximum(before, -LARGEST))

    def unconstrain(self, x):
        squares = np.cumsum(x**2, axis=-1)[..., :-1]
        left = np.sqrt(np.maximum(1.0 - squares, SMALLEST))
        before = np.concatenate((np.ones((*np.shape(x)[:-1], 1)), left), axis=-1)
        rows, columns = np.tril_indices(np.shape(x)[-1], -1)
        return np.arctanh(x[..., rows, columns] / before[..., rows, columns])

    def log_abs_det_jacobian(self, u, size=None):
        u = _strictly_lower(u, size)
        log_left = np.cumsum(-_log_cosh(u), axis=-1)
        before = np.concatenate((np.zeros((*u.shape[:-1], 1)), log_left[..., :-1]), axis=-1)
        below = np.tril(np.ones(u.shape[-2:]), -1)
        return np.sum(below * (before - 2.0 * _log_cosh(u)), axis=(-2, -1))

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


def _strictly_lower(u, size=None):
    """The matrices (..., K, K) whose rows below the diagonal are in `u` (..., K (K - 1) / 2)."""
    size = int((np.shape(u)[-1] * 2) ** 0.5) + 1 if size is None else size
    rows, columns = np.tril_indices(size, -1)
    full = np.zeros((*np.shape(u)[:-1], size, size))
    full[..., rows, columns] = u
    return full


def _log_cosh(x):
    return np.logaddexp(x, -x) - np.log(2.0)


corr_cholesky = _CorrCholesky()
lower_cholesky = _LowerCholesky()
positive_definite = _PositiveDefinite()
