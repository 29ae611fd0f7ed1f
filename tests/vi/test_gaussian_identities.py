"""Bonnet's and Price's identities and those of x = mu + R eps (SEEDS K5, K6), for E exp(aᵀ x).

The numbers are closed forms: with C = R Rᵀ and F = E f = exp(aᵀ mu + aᵀ C a / 2), every derivative is F times a
product of `a` and Rᵀ a.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from vi.cases import D

import srcdiff

FILE = Path(__file__).parents[1] / "reference" / "variational.json"
REFERENCE = {k: np.array(v) for k, v in json.loads(FILE.read_text())["gaussian_identities"].items()}
A = np.array([0.3, -0.5])
MU = np.array([0.2, 0.1])
R = np.array([[0.8, 0.0], [0.3, 0.6]])
E_F = 1.0608282808281873  # the reference value of SEEDS K5
B = R.T @ A  # d (aᵀ C a / 2) / dR = a bᵀ


def noise() -> tuple[Any, Any]:
    x, w = np.polynomial.hermite_e.hermegauss(40)
    first, second = np.meshgrid(x, x)
    weights = np.outer(w, w).ravel() / (2.0 * np.pi)
    return np.stack([first.ravel(), second.ravel()], axis=-1), weights


EPS, WEIGHTS = noise()
NODES, LINE = np.polynomial.hermite_e.hermegauss(60)
LINE = LINE / np.sqrt(2.0 * np.pi)


def of_factor(mu, R):
    x = D.MultivariateNormal(mu, scale_tril=R).from_noise(EPS)
    return np.sum(WEIGHTS * np.exp(x @ A))


def of_covariance(mu, C):
    return np.sum(WEIGHTS * np.exp(D.MultivariateNormal(mu, C).from_noise(EPS) @ A))


def test_first_derivatives() -> None:
    np.testing.assert_allclose(of_factor(MU, R), E_F, rtol=1e-13)
    by_mu, by_factor = srcdiff.grad(of_factor, argnums=(0, 1), jit=False)(MU, R)
    np.testing.assert_allclose(by_mu, [0.31824848424845614, -0.5304141404140936], rtol=1e-12)
    # E[g epsᵀ], not its transpose as printed
    expected = [
        [0.028642363582361056, -0.09547454527453685],
        [-0.04773727263726842, 0.15912424212422807],
    ]
    np.testing.assert_allclose(by_factor, expected, rtol=1e-12)
    np.testing.assert_allclose(by_factor, E_F * np.outer(A, B), rtol=1e-12)


def test_price_along_symmetric_directions() -> None:
    """Half the mean Hessian; of the triangle that is read, an entry off the diagonal counts for two."""
    by_covariance = srcdiff.grad(of_covariance, argnums=1, jit=False)(MU, R @ R.T)
    price = 0.5 * E_F * np.outer(A, A)
    expected = [[price[0, 0], 0.0], [2.0 * price[1, 0], price[1, 1]]]
    np.testing.assert_allclose(by_covariance, expected, rtol=1e-11, atol=1e-14)


def of_free_entries(mu, C):
    """Each entry of the covariance is free: the mean of it and of its mirror image is meant."""
    return of_covariance(mu, 0.5 * (C + C.T))


def test_price_and_what_follows_with_all_entries_free() -> None:
    """Half the mean of the second derivative, by C; a quarter of the fourth; half the third, by mu and C."""
    by_C = srcdiff.grad(of_free_entries, argnums=1, jit=False)
    C = R @ R.T
    np.testing.assert_allclose(by_C(MU, C), REFERENCE["d_C"], rtol=1e-11)
    by_C_twice = srcdiff.hessian(of_free_entries, argnums=1, jit=False)(MU, C)
    np.testing.assert_allclose(by_C_twice, REFERENCE["d2_CC"], rtol=1e-9)
    by_mu_and_C = srcdiff.jacobian(by_C, argnums=0, jit=False)(MU, C)  # the last axis is of mu
    np.testing.assert_allclose(np.moveaxis(by_mu_and_C, -1, 0), REFERENCE["d2_muC"], rtol=1e-9)


def test_second_derivatives() -> None:
    by_mu = srcdiff.hessian(of_factor, argnums=0, jit=False)(MU, R)
    np.testing.assert_allclose(by_mu, E_F * np.outer(A, A), rtol=1e-12)
    by_factor = srcdiff.hessian(of_factor, argnums=1, jit=False)(MU, R)
    outer = E_F * (
        np.multiply.outer(np.outer(A, B), np.outer(A, B))
        + np.einsum("i,k,jl->ijkl", A, A, np.eye(2))
    )
    np.testing.assert_allclose(by_factor, outer, rtol=1e-11)
    np.testing.assert_allclose(by_factor, REFERENCE["d2_RR"], rtol=1e-11)
    # without the Kronecker product
    v = np.array([[0.2, 0.0], [-0.4, 0.7]])
    product = srcdiff.hvp(of_factor, argnums=1, jit=False)(MU, R, v)
    np.testing.assert_allclose(product, np.einsum("ijkl,kl->ij", outer, v), rtol=1e-11)
    mixed = srcdiff.jacobian(srcdiff.grad(of_factor, argnums=1, jit=False), argnums=0, jit=False)(
        MU, R
    )
    np.testing.assert_allclose(np.moveaxis(mixed, -1, 0), REFERENCE["d2_muR"], rtol=1e-11)


def test_third_and_fourth_derivatives_by_scale() -> None:
    """d2 / dC2 = E f'''' / 4, for one number: C = s**2, and f'''' = a**4 f."""

    def mean(c):
        x = D.Normal(0.2, np.sqrt(c)).from_noise(NODES)
        return np.sum(LINE * np.exp(0.3 * x))

    value = np.exp(0.06 + 0.5 * 0.09 * 0.7)
    np.testing.assert_allclose(mean(0.7), value, rtol=1e-13)
    first = srcdiff.grad(mean, jit=False)
    second = srcdiff.grad(first, jit=False)
    np.testing.assert_allclose(first(0.7), value * 0.09 / 2.0, rtol=1e-12)
    np.testing.assert_allclose(second(0.7), value * 0.09**2 / 4.0, rtol=1e-9)
