"""Distributions of matrices."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, psi

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.multivariate import diagonal
from srcdiff.vi.distributions.supports import constraints


def _log_det(X):
    """The logarithm of the determinant of positive definite matrices."""
    return np.linalg.slogdet(X)[1]


def _multigammaln(a, size):
    """The logarithm of the multivariate gamma function."""
    below = 0.5 * np.arange(size)
    log_gammas = np.sum(gammaln(np.expand_dims(a, -1) - below), axis=-1)
    return 0.25 * size * (size - 1) * np.log(np.pi) + log_gammas


class LKJCholesky(Distribution):
    """The LKJ distribution of Cholesky factors L (K, K) of correlation matrices, with density det(L Lᵀ)**(concentration
    - 1) of the matrix; K is `dimension`.

    Lewandowski, Kurowicka, Joe, "Generating random correlation matrices based on vines and extended onion method"
    (2009).
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dimension, concentration=1.0):
        self.dimension = dimension
        self.concentration = concentration

    @property
    def event_shape(self):
        return (self.dimension, self.dimension)

    def log_density(self, value):
        rest = self.dimension - 1
        log_diagonal = np.log(diagonal(value)[..., 1:])
        eta = self.concentration
        if np.ndim(eta) > 0:
            eta = np.expand_dims(eta, -1)
        weights = 2.0 * (eta - 1.0) + rest - np.arange(1, self.dimension)
        alpha = self.concentration + 0.5 * rest
        log_norm = 0.5 * rest * np.log(np.pi) + _multigammaln(alpha - 0.5, rest)
        return np.sum(weights * log_diagonal, axis=-1) - log_norm + rest * gammaln(alpha)

    def sample(self, rng, shape=()):
        # the onion: the part of row i left of the diagonal has a beta number for its square, in any direction
        L = np.zeros(self.shape(shape))
        L[..., 0, 0] = 1.0
        for i in range(1, self.dimension):
            weight = self.concentration + 0.5 * (self.dimension - 1 - i)
            square = rng.beta(0.5 * i, weight, L.shape[:-2])
            direction = rng.standard_normal((*L.shape[:-2], i))
            direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
            L[..., i, :i] = np.expand_dims(np.sqrt(square), -1) * direction
            L[..., i, i] = np.sqrt(1.0 - square)
        return L


class Wishart(Distribution):
    """The Wishart distribution: the sum of `concentration` matrices x xᵀ of normal vectors with covariance
    `scale_matrix` (..., K, K), or the inverse of `rate_matrix`, or L Lᵀ for `scale_tril` L.
    """

    arg_constraints = {
        "concentration": constraints.positive,
        "scale_matrix": constraints.positive_definite,
        "rate_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    alternatives = ("scale_matrix", "rate_matrix", "scale_tril")
    support = constraints.positive_definite

    def __init__(self, concentration, scale_matrix=None, rate_matrix=None, scale_tril=None):
        self.concentration = concentration
        self.scale_matrix = scale_matrix
        self.rate_matrix = rate_matrix
        self.scale_tril = scale_tril

    def _scale(self):
        if self.scale_matrix is not None:
            return self.scale_matrix
        if self.scale_tril is not None:
            return self.scale_tril @ np.swapaxes(self.scale_tril, -1, -2)
        return np.linalg.inv(self.rate_matrix)

    def _rate(self):
        return self.rate_matrix if self.rate_matrix is not None else np.linalg.inv(self._scale())

    @property
    def event_shape(self):
        return np.shape(self._scale())[-2:]

    def validate(self, where=""):
        super().validate(where)
        size = self.event_shape[-1]
        if np.any(np.asarray(self.concentration) <= size - 1):
            raise ValueError(
                f"{where}Wishart: concentration has to be above {size - 1}, one less than the number of rows, got "
                f"{self.concentration}"
            )

    def log_density(self, value):
        n, rate = self.concentration, self._rate()
        K = np.shape(value)[-1]
        log_norm = 0.5 * n * (K * np.log(2.0) - _log_det(rate)) + _multigammaln(0.5 * n, K)
        trace = np.sum(rate * value, axis=(-2, -1))  # both are symmetric
        return 0.5 * ((n - K - 1) * _log_det(value) - trace) - log_norm

    def sample(self, rng, shape=()):
        # Bartlett's decomposition
        whole = self.shape(shape)
        K = whole[-1]
        n = np.broadcast_to(self.concentration, whole[:-2])
        A = np.tril(rng.standard_normal(whole), -1)
        for i in range(K):
            A[..., i, i] = np.sqrt(rng.chisquare(n - i))
        A = np.linalg.cholesky(self._scale()) @ A
        return A @ np.swapaxes(A, -1, -2)

    @property
    def mean(self):
        return np.expand_dims(self.concentration, (-2, -1)) * self._scale()

    @property
    def variance(self):
        V = self._scale()
        d = diagonal(V)
        products = np.expand_dims(d, -1) * np.expand_dims(d, -2)
        return np.expand_dims(self.concentration, (-2, -1)) * (V**2 + products)

    def entropy(self):
        n, V = self.concentration, self._scale()
        K = np.shape(V)[-1]
        below = 0.5 * np.arange(K)
        digammas = np.sum(psi(np.expand_dims(0.5 * n, -1) - below), axis=-1)
        log_det = 0.5 * (K + 1) * _log_det(V) + 0.5 * K * (K + 1) * np.log(2.0)
        return log_det + _multigammaln(0.5 * n, K) - 0.5 * (n - K - 1) * digammas + 0.5 * n * K
