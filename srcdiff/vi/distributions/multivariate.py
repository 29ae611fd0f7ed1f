"""Distributions of real vectors."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaincinv, gammaln, ndtri

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.supports import constraints


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


def _solve_matrix(L, X):
    """L^-1 X for lower triangular matrices `L` and matrices `X`."""
    if np.ndim(L) > 2 or np.ndim(X) > 2:
        return np.linalg.solve(L, X)
    return solve_triangular(L, X, lower=True)


def _times(L, x):
    """L x for each vector of `x` (..., K)."""
    if np.ndim(L) > 2:
        return (L @ np.expand_dims(x, -1))[..., 0]
    return L @ x if np.ndim(x) == 1 else x @ L.T


def diagonal(X):
    """The diagonals of matrices."""
    return np.diag(X) if np.ndim(X) == 2 else np.diagonal(X, axis1=-2, axis2=-1)


def _log_diagonal(L):
    """The logarithm of the determinant of a triangular matrix."""
    return np.sum(np.log(diagonal(L)), axis=-1)


class MultivariateNormal(Distribution):
    """The multivariate normal distribution with mean `loc` (..., K), and one of `covariance_matrix`,
    `precision_matrix`, and `scale_tril` (..., K, K), the lower triangular Cholesky factor of the covariance.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    alternatives = ("covariance_matrix", "precision_matrix", "scale_tril")
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

    def _scale_tril(self):
        if self.scale_tril is not None:
            return self.scale_tril
        return np.linalg.cholesky(self.covariance_matrix)

    def _whitened(self, difference):
        """Whitened values: deviations from the mean, transformed to vectors with the identity as covariance."""
        if self.precision_matrix is not None:
            L = np.linalg.cholesky(self.precision_matrix)
            return _times(np.swapaxes(L, -1, -2), difference)
        return _solve(self._scale_tril(), difference)

    def _whitened_matrix(self, columns):
        """As `_whitened`, for the columns of a matrix."""
        if self.precision_matrix is not None:
            return np.swapaxes(np.linalg.cholesky(self.precision_matrix), -1, -2) @ columns
        return _solve_matrix(self._scale_tril(), columns)

    def _factor(self):
        """A matrix whose product with its transpose is the covariance."""
        if self.precision_matrix is not None:
            L = np.linalg.cholesky(self.precision_matrix)
            return np.swapaxes(_solve_matrix(L, np.eye(np.shape(L)[-1])), -1, -2)
        return self._scale_tril()

    def _log_det(self):
        """Half the logarithm of the determinant of the covariance."""
        if self.precision_matrix is not None:
            return -_log_diagonal(np.linalg.cholesky(self.precision_matrix))
        return _log_diagonal(self._scale_tril())

    def log_density(self, value):
        z = self._whitened(value - self.loc)
        square = np.sum(z**2, axis=-1)
        return -0.5 * (square + z.shape[-1] * np.log(2.0 * np.pi)) - self._log_det()

    def from_noise(self, eps):
        if self.precision_matrix is not None:
            L = np.linalg.cholesky(self.precision_matrix)
            return self.loc + _solve(L, eps, transposed=True)
        return self.loc + _times(self._scale_tril(), eps)

    @property
    def covariance(self):
        """The covariance matrix, whichever parameter was given."""
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
        L = self.scale_tril
        squares = diagonal(self.covariance) if L is None else np.sum(L**2, axis=-1)
        return np.broadcast_to(squares, (*self.batch_shape, *self.event_shape))

    def natural_parameters(self):
        if self.precision_matrix is not None:
            precision = self.precision_matrix
        else:
            precision = np.linalg.inv(self.covariance)
        return (precision @ np.expand_dims(self.loc, -1))[..., 0], -0.5 * precision

    def sufficient_statistics(self, value):
        return value, np.expand_dims(value, -1) * np.expand_dims(value, -2)

    def log_normalizer(self):
        first, _ = self.natural_parameters()
        return 0.5 * np.sum(first * self.loc, axis=-1) + self._log_det()

    def log_base_measure(self, value):
        return np.full(np.shape(value)[:-1], -0.5 * np.shape(value)[-1] * np.log(2.0 * np.pi))

    def entropy(self):
        K = np.shape(self._matrix)[-1]
        return self._full(0.5 * K * (1.0 + np.log(2.0 * np.pi)) + self._log_det())


class LowRankMultivariateNormal(Distribution):
    """The multivariate normal distribution with mean `loc` (..., K) and covariance W Wᵀ + diag(d), for `cov_factor` W
    (..., K, R) and `cov_diag` d (..., K). No matrix of size K by K is formed.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.real_matrix,
        "cov_diag": constraints.positive_vector,
    }
    support = constraints.real_vector
    noise = "normal"

    def __init__(self, loc, cov_factor, cov_diag):
        self.loc = loc
        self.cov_factor = cov_factor
        self.cov_diag = cov_diag

    @property
    def event_shape(self):
        return np.shape(self.cov_diag)[-1:]

    def _capacitance(self):
        """The Cholesky factor of I + Wᵀ D⁻¹ W."""
        W = self.cov_factor
        scaled = W / np.expand_dims(self.cov_diag, -1)
        return np.linalg.cholesky(np.eye(np.shape(W)[-1]) + np.swapaxes(W, -1, -2) @ scaled)

    def _log_det(self):
        """Half the logarithm of the determinant of the covariance."""
        return _log_diagonal(self._capacitance()) + 0.5 * np.sum(np.log(self.cov_diag), axis=-1)

    def log_density(self, value):
        # the matrix inversion lemma, and its determinant
        difference, L = value - self.loc, self._capacitance()
        scaled = difference / self.cov_diag
        z = _solve(L, _times(np.swapaxes(self.cov_factor, -1, -2), scaled))
        square = np.sum(difference * scaled, axis=-1) - np.sum(z**2, axis=-1)
        return -0.5 * (square + difference.shape[-1] * np.log(2.0 * np.pi)) - self._log_det()

    def noise_shape(self, shape=()):
        K, R = np.shape(self.cov_factor)[-2:]
        return (*self.shape(shape)[:-1], K + R)

    def from_noise(self, eps):
        K = np.shape(self.cov_factor)[-2]
        common = _times(self.cov_factor, eps[..., K:])
        return self.loc + np.sqrt(self.cov_diag) * eps[..., :K] + common

    @property
    def mean(self):
        return np.broadcast_to(self.loc, (*self.batch_shape, *self.event_shape))

    @property
    def variance(self):
        variance = np.sum(self.cov_factor**2, axis=-1) + self.cov_diag
        return np.broadcast_to(variance, (*self.batch_shape, *self.event_shape))

    def entropy(self):
        K = np.shape(self.cov_diag)[-1]
        return self._full(0.5 * K * (1.0 + np.log(2.0 * np.pi)) + self._log_det())


class MultivariateStudentT(Distribution):
    """The multivariate Student's t distribution: `loc` plus a normal vector of covariance L Lᵀ, for `scale_tril` L
    (..., K, K), over the square root of a gamma number of mean 1 and shape df / 2.
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real_vector,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    noise = "uniform"

    def __init__(self, df, loc=0.0, scale_tril=None):
        self.df = df
        self.loc = loc if np.ndim(loc) > 0 else np.full(np.shape(scale_tril)[-1], loc)
        self.scale_tril = scale_tril

    @property
    def event_shape(self):
        return np.shape(self.scale_tril)[-1:]

    def _log_norm(self):
        K = np.shape(self.scale_tril)[-1]
        log_gammas = gammaln(0.5 * (self.df + K)) - gammaln(0.5 * self.df)
        return log_gammas - 0.5 * K * np.log(np.pi * self.df) - _log_diagonal(self.scale_tril)

    def log_density(self, value):
        z = _solve(self.scale_tril, value - self.loc)
        weight = 0.5 * (self.df + z.shape[-1])
        return self._log_norm() - weight * np.log1p(np.sum(z**2, axis=-1) / self.df)

    def noise_shape(self, shape=()):
        whole = self.shape(shape)
        return (*whole[:-1], whole[-1] + 1)

    def from_noise(self, eps):
        gamma = gammaincinv(0.5 * self.df, eps[..., -1])
        stretch = np.sqrt(0.5 * self.df / gamma)
        z = _times(self.scale_tril, ndtri(eps[..., :-1]))
        return self.loc + np.expand_dims(stretch, -1) * z

    @property
    def mean(self):
        df = np.expand_dims(self.df, -1)
        return np.broadcast_to(
            np.where(df > 1.0, self.loc, np.nan), (*self.batch_shape, *self.event_shape)
        )

    @property
    def variance(self):
        df = np.expand_dims(self.df, -1)
        factor = np.where(df > 2.0, df / np.where(df > 2.0, df - 2.0, 1.0), np.inf)
        factor = np.where(df > 1.0, factor, np.nan)
        squares = np.sum(self.scale_tril**2, axis=-1)
        return np.broadcast_to(factor * squares, (*self.batch_shape, *self.event_shape))

    def entropy(self):
        K = np.shape(self.scale_tril)[-1]
        half, whole = 0.5 * self.df, 0.5 * (self.df + K)
        return self._full(whole * (digamma(whole) - digamma(half)) - self._log_norm())
