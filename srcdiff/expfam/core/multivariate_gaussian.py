"""The multivariate Gaussian: t(x) = (x, x x'), eta = (J mean, -J / 2) for the precision J.

The second parameter is the coefficient of the quadratic term, minus half a precision. Both of its triangles count:
`log_Z` takes it as `(J + J') / 2`, so that the gradient is the symmetric E[x x'].
"""

import numpy as np
from numpy.random import Generator
from scipy.linalg import solve_triangular

from srcdiff.expfam.core.family import family
from srcdiff.expfam.core.parameter_checks import check_covariance, check_parts
from srcdiff.expfam.core.pytree import Pytree


def multivariate_gaussian_log_Z(eta):
    """The log-partition function of `eta = (h (D), J (D, D))`."""
    h, J = eta
    L = np.linalg.cholesky(-(J + J.T))
    v = solve_triangular(L, h, lower=True)
    return 0.5 * np.dot(v, v) - np.sum(np.log(np.diag(L))) + 0.5 * len(h) * np.log(2.0 * np.pi)


def _natural(mean: np.ndarray, covariance: np.ndarray) -> Pytree:
    check_covariance("multivariate_gaussian", "covariance", np.asarray(covariance, float))
    if np.shape(mean) != np.shape(covariance)[:1]:
        raise ValueError(
            f"multivariate_gaussian: covariance has the shape {np.shape(covariance)}, so mean has "
            f"{np.shape(covariance)[:1]}, not {np.shape(mean)}"
        )
    precision = np.linalg.inv(covariance)
    return precision @ np.asarray(mean, float), -0.5 * precision


def _usual(eta: Pytree) -> dict[str, np.ndarray]:
    h, J = eta
    covariance = np.linalg.inv(-(J + J.T))
    return {"mean": covariance @ h, "covariance": covariance}


def _statistics(eta: Pytree, x: np.ndarray) -> Pytree:
    x = np.asarray(x, float)
    return x, x[..., :, None] * x[..., None, :]


def _draw(eta: Pytree, rng: Generator, n: int) -> np.ndarray:
    usual = _usual(eta)
    return rng.multivariate_normal(usual["mean"], usual["covariance"], size=n, method="cholesky")


def _check(eta: Pytree) -> None:
    check_parts("multivariate_gaussian", eta, "h, J")
    h, J = eta
    if np.ndim(h) != 1 or np.shape(J) != (len(h), len(h)):
        raise ValueError(
            f"multivariate_gaussian: h has shape {np.shape(h)}, so J has to be {len(h)} x {len(h)}, "
            f"not {np.shape(J)}"
        )
    if not np.all(np.linalg.eigvalsh(-(J + J.T)) > 0.0):
        raise ValueError(
            "multivariate_gaussian: J, minus half a precision, is not negative definite"
        )


multivariate_gaussian = family(
    multivariate_gaussian_log_Z,
    name="multivariate_gaussian",
    statistics=_statistics,
    natural=_natural,
    usual=_usual,
    draw=_draw,
    mode=lambda eta: _usual(eta)["mean"],
    start=lambda stats: (0.0 * stats[0], -0.5 * np.linalg.inv(stats[1])),
    check=_check,
)
