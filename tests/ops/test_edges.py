"""Derivatives where a formula meets its edge: finite where a finite answer is right, as docs/derivatives.md has it."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import finite_difference_grad
from scipy.special import logsumexp

from srcdiff import grad, hessian, jacobian

INF = np.inf
EDGES = [
    (lambda a, b: np.sum(np.logaddexp(a, b)), ([1.0, -INF], [1.0, -INF]), ([0.5, 0.0], [0.5, 0.0])),
    (lambda a, b: np.sum(np.logaddexp2(a, b)), ([-INF], [-INF]), ([0.0], [0.0])),
    (lambda a: logsumexp(a), ([-INF, -INF],), ([0.0, 0.0],)),
    (lambda a, b: logsumexp(a, b=b), ([0.0, 0.0], [0.0, 1.0]), ([0.0, 1.0], [1.0, 1.0])),
    (lambda a: np.max(a), ([1.0, 1.0, 0.0],), ([0.5, 0.5, 0.0],)),
    (lambda a: np.prod(a), ([0.0, 2.0, 3.0],), ([6.0, 0.0, 0.0],)),
    (lambda a: np.prod(a), ([0.0, 0.0, 3.0],), ([0.0, 0.0, 0.0],)),
    (lambda a: np.sum(np.cumprod(a)), ([2.0, 0.0, 3.0, 0.0],), ([1.0, 8.0, 0.0, 0.0],)),
    (lambda a: np.sum(a**0), ([0.0, 2.0],), ([0.0, 0.0],)),
    (
        lambda a, b: np.sum(a**b),
        ([0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 1.0]),
        ([0.0, 0.0, 0.0, 1.0], [0.0, np.log(2.0), 0.0, 0.0]),
    ),
    (lambda a: np.linalg.norm(a), ([0.0, 0.0],), ([0.0, 0.0],)),
    (lambda a: np.linalg.norm(a, ord=3), ([0.0, 0.0],), ([0.0, 0.0],)),
    (
        lambda a: np.sum(np.linalg.norm(a, axis=1)),
        ([[0.0, 0.0], [3.0, 4.0]],),
        ([[0.0, 0.0], [0.6, 0.8]],),
    ),
    (lambda a: np.std(a), ([1.0, 1.0],), ([0.0, 0.0],)),
    (lambda a: np.sum(np.sqrt(a)), ([0.0, 1.0],), ([INF, 0.5],)),
    (lambda a, b: np.sum(np.hypot(a, b)), ([0.0], [0.0]), ([0.0], [0.0])),
    (lambda a, b: np.sum(np.arctan2(a, b)), ([0.0], [0.0]), ([np.nan], [np.nan])),
    (lambda a: np.sum(np.linalg.eigh(a)[0] ** 2), (np.eye(2),), (2.0 * np.eye(2),)),
    (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), (np.eye(2),), (2.0 * np.eye(2),)),
    (lambda a: np.sum(np.linalg.svd(a)[1] ** 2), (np.eye(2),), (2.0 * np.eye(2),)),
]


@pytest.mark.parametrize(("f", "args", "gradients"), EDGES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_at_edges(f, args, gradients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    given = [np.array(a) for a in args]
    wrt = tuple(range(len(given)))
    found = grad(f, argnums=wrt)(*given)
    for d, expected in zip(found, gradients, strict=True):
        np.testing.assert_allclose(d, expected)
    if any(np.isinf(g).any() for g in gradients):
        return  # along other directions, that is 0 * inf
    forward = jacobian(f, argnums=wrt, mode="forward")(*given)
    for d, expected in zip(forward, gradients, strict=True):
        np.testing.assert_allclose(d, expected)


def in_one_program(a, b, c, d, e, f, g, h, i, j, k, m, n):
    total = np.sum(np.logaddexp(a, b)) + logsumexp(c) + np.max(d) + np.prod(e) + np.sum(f**0)
    total += np.sum(g**h) + np.linalg.norm(i) + np.sum(np.sqrt(j)) + np.sum(np.hypot(k, k))
    return total + np.sum(np.linalg.eigh(m)[0] ** 2) + np.sum(np.linalg.svd(n)[1] ** 2)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_at_edges_are_the_same_in_compiled_code(jit) -> None:
    unreachable, zeros = [1.0, -INF], [0.0, 0.0]
    given = (
        *(unreachable, unreachable, [-INF, -INF], [1.0, 1.0, 0.0], [0.0, 2.0, 3.0], [0.0, 2.0]),
        *(
            [0.0, 2.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 1.0],
            zeros,
            [0.0, 1.0],
            zeros,
            np.eye(2),
            np.eye(2),
        ),
    )
    expected = (
        *([0.5, 0.0], [0.5, 0.0], zeros, [0.5, 0.5, 0.0], [6.0, 0.0, 0.0], zeros),
        *([0.0, 0.0, 0.0, 1.0], [0.0, np.log(2.0), 0.0, 0.0], zeros, [INF, 0.5], zeros),
        *(2.0 * np.eye(2), 2.0 * np.eye(2)),
    )
    gradient = grad(in_one_program, argnums=tuple(range(13)), jit=jit)
    for found, right in zip(gradient(*map(np.array, given)), expected, strict=True):
        np.testing.assert_allclose(found, right)


@pytest.mark.parametrize("find", ["eigh", "svd"])
def test_what_vectors_of_equal_values_span_has_its_derivative(
    find: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values are equal but for rounding."""
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    a = rotation * np.array([1.0, 1.0, 3.0, 3.0]) @ rotation.T

    def onto_the_first(a):
        vectors = np.linalg.eigh(a)[1] if find == "eigh" else np.linalg.svd(a)[0]
        vectors = vectors[:, :2]
        return np.sum(np.arange(16.0).reshape(4, 4) * (vectors @ vectors.T))

    def symmetric(x):
        return onto_the_first(x + x.T)

    np.testing.assert_allclose(
        grad(symmetric)(0.5 * a), finite_difference_grad(symmetric, (0.5 * a,), 0), atol=1e-5
    )


def test_second_derivatives_of_products_with_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    found = hessian(lambda a: np.prod(a))(np.array([0.0, 0.0, 3.0]))
    np.testing.assert_allclose(found, [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("f", [np.linalg.det, lambda a: np.linalg.slogdet(a)[1]])
def test_determinants_of_singular_matrices_say_that_there_is_no_inverse(f) -> None:
    for a in (np.diag([1.0, 0.0]), np.stack([np.eye(2), np.zeros((2, 2))])):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"), np.errstate(divide="ignore"):
            grad(lambda a: np.sum(f(a)), jit=False)(a)
