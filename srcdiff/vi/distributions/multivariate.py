"""Distributions of real vectors."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["MultivariateNormal"]


def _solve(L, x, transposed=False):
    """L^-1 x, or L^-T x, for each vector of `x` (..., K) and a lower triangular `L` (..., K, K)."""
    if np.ndim(L) > 2:
        matrix = np.swapaxes(L, -1, -2) if transposed else L
        return np.linalg.solve(matrix, np.expand_dims(x, -1))[..., 0]
    trans = "T" if transposed else "N"
    if np.ndim(x) <= 2:
        return solve_triangular(L, x.T, lower=True, trans=trans).T
    columns = np.reshape(x, (-1, x.shape[-1])).T
    return np.reshape(solve_triangular(L, columns, lower=True, trans=trans).T, x.shape)


def _times(L, x):
    """L x for each vector of `x` (..., K)."""
    if np.ndim(L) > 2:
        return (L @ np.expand_dims(x, -1))[..., 0]
    return L @ x if np.ndim(x) == 1 else x @ L.T


def _log_diagonal(L):
    """The logarithm of the determinant of a triangular matrix."""
    if np.ndim(L) == 2:
        return np.sum(np.log(np.diag(L)))
    return np.sum(np.log(np.diagonal(L, axis1=-2, axis2=-1)), axis=-1)


class MultivariateNormal(Distribution):
    """The normal distribution of vectors with mean `loc` (..., K), and one of `covariance_matrix`, `precision_matrix`,
    and `scale_tril` (..., K, K), the lower triangular Cholesky factor of the covariance.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    noise = "normal"

    def __init__(self, loc=0.0, covariance_matrix=None, precision_matrix=None, scale_tril=None):
        self.covariance_matrix = covariance_matrix
        self.precision_matrix = precision_matrix
        self.scale_tril = scale_tril
        self.loc = loc if np.ndim(loc) > 0 else np.full(self._matrix.shape[-1], loc)

    @property
    def _matrix(self):
        if self.scale_tril is not None:
            return self.scale_tril
        if self.covariance_matrix is not None:
            return self.covariance_matrix
        if self.precision_matrix is not None:
            return self.precision_matrix
        raise ValueError(
            "MultivariateNormal: give one of covariance_matrix, precision_matrix, scale_tril"
        )

    @property
    def event_shape(self):
        return np.shape(self._matrix)[-1:]

    def log_density(self, value):
        difference = value - self.loc
        if self.precision_matrix is not None:
            L = np.linalg.cholesky(self.precision_matrix)
            z = (difference[..., None, :] @ L)[..., 0, :] if np.ndim(L) > 2 else difference @ L
            log_det = -_log_diagonal(L)
        else:
            L = self._scale_tril()
            z = _solve(L, difference)
            log_det = _log_diagonal(L)
        return -0.5 * (np.sum(z**2, axis=-1) + z.shape[-1] * np.log(2.0 * np.pi)) - log_det

    def _scale_tril(self):
        if self.scale_tril is not None:
            return self.scale_tril
        return np.linalg.cholesky(self.covariance_matrix)

    def from_noise(self, eps):
        if self.precision_matrix is not None:
            L = np.linalg.cholesky(self.precision_matrix)
            return self.loc + _solve(L, eps, transposed=True)
        return self.loc + _times(self._scale_tril(), eps)

    @property
    def covariance(self):
        """The covariance matrix, whichever was given."""
        if self.covariance_matrix is not None:
            return self.covariance_matrix
        if self.precision_matrix is not None:
            return np.linalg.inv(self.precision_matrix)
        return self.scale_tril @ np.swapaxes(self.scale_tril, -1, -2)

    @property
    def mean(self):
        return np.broadcast_to(self.loc, (*self.batch_shape, *self.event_shape))

    @property
    def variance(self):
        diagonal = np.diagonal(self.covariance, axis1=-2, axis2=-1)
        return np.broadcast_to(diagonal, (*self.batch_shape, *self.event_shape))

    def entropy(self):
        if self.precision_matrix is not None:
            log_det = -_log_diagonal(np.linalg.cholesky(self.precision_matrix))
        else:
            log_det = _log_diagonal(self._scale_tril())
        K = np.shape(self._matrix)[-1]
        return self._full(0.5 * K * np.log(2.0 * np.pi * np.e) + log_det)
