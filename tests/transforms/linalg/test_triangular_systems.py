"""Triangular systems are solved by substitution; an inverse that is only multiplied becomes a solve."""

import numpy as np
import pytest

import srcdiff

ON = {"jit": False, "on_independent": "ignore"}


def arguments():
    rng = np.random.default_rng(1)
    return rng.normal(size=(4, 4)) + 4.0 * np.eye(4), rng.normal(size=(4, 4)), rng.normal(size=4)


def factor_of(A):
    return np.linalg.cholesky(A @ A.T + np.eye(len(A)))


def both_sides(A, B, x):
    L = factor_of(A)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, x))
    return x @ alpha + np.sum(np.log(np.diag(L)))


def inverse_of_a_factor(A, B, x):
    inverse = np.linalg.inv(factor_of(A))
    return (
        np.sum((inverse @ x) ** 2)
        + np.sum(np.sin(B @ inverse.T))
        + np.log(np.linalg.det(factor_of(A)))
    )


def made_triangular(A, B, x):
    L, U = np.tril(A) - 9.0 * np.eye(4), 2.0 * np.triu(B, 1) + np.diag(3.0 + x**2)
    sign, size = np.linalg.slogdet(L.T)
    return np.sum(np.linalg.solve(L @ L, B) ** 2) + x @ np.linalg.solve(U, x) + sign * size


def in_a_loop(A, B, x):
    L, total = factor_of(A), 0.0
    for k in range(3):
        z = np.linalg.solve(L, B[k] - x)
        total += z @ z
    return total


def assert_same(f, args, **options):
    found, wanted = (
        srcdiff.value_and_grad(f, argnums=(0, 1, 2), on_independent="ignore", **o)(*args)
        for o in (options, {"jit": False, "rewrite": False})
    )
    assert found[0] == pytest.approx(wanted[0], rel=1e-12)
    for d, w in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(d, w, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", [both_sides, inverse_of_a_factor, made_triangular, in_a_loop])
def test_nothing_is_factorised_for_a_triangular_system(f):
    args = arguments()
    assert_same(f, args, jit=False)
    text = srcdiff.value_and_grad(f, argnums=(0, 1, 2), **ON).source_for(*args)
    assert "solve_triangular(" in text
    assert not any(word in text for word in ("getrf(", "inv(", "linalg.solve(", "slogdet("))


@pytest.mark.long
def test_compiled_and_differentiated_again():
    def f(A, B, x):
        return both_sides(A, B, x) + inverse_of_a_factor(A, B, x) + made_triangular(A, B, x)

    assert_same(f, arguments(), jit=True)
    srcdiff.check_grads(f, *arguments(), argnums=(0, 2))


def test_a_zero_on_the_diagonal_raises_and_nan_does_not():
    g = srcdiff.value_and_grad(lambda A, x: np.sum(np.linalg.solve(np.tril(A), x)), **ON)
    with pytest.raises(np.linalg.LinAlgError):
        g(np.array([[1.0, 0.0], [1.0, 0.0]]), np.ones(2))
    assert np.isnan(g(np.eye(2), np.array([np.nan, 1.0]))[0])


def test_another_diagonal_is_not_triangular():
    A, _, x = arguments()
    g = srcdiff.value_and_grad(lambda A, x: np.sum(np.linalg.solve(np.tril(A, 1), x)), **ON)
    assert "getrf(" in g.source_for(A, x)


def scaled(A, B, x):
    inverse = np.linalg.inv(A)
    q = x @ (-inverse) @ x + np.sum(np.sin(inverse.T / 3.0 @ B))
    return x[0] * inverse @ x @ x + q


def over_letters(A, B, x):
    inverse = np.linalg.inv(A)
    forms = np.einsum("ni,ij,nj->n", B, inverse, B)
    return (
        np.sum(forms**2)
        + np.einsum("ij,kj->", 0.5 * inverse.T, B)
        + np.einsum("ji,j,i", inverse, x, x)
        + np.vdot(inverse, A)
        + np.einsum("ij,ij,ik->", inverse, A, B)
    )


def inverses_of_two(A, B, x):
    """Only one of two multiplied solutions is differentiated."""
    one, other = np.linalg.inv(A), np.linalg.inv(B)
    return np.sum(np.sin(one @ other)) + np.sum(one @ x) + np.sum(other @ x)


@pytest.mark.parametrize("f", [scaled, over_letters, inverses_of_two])
@pytest.mark.parametrize("is_symmetric", [True, False])
def test_multiples_of_inverses_and_sums_over_letters(f, is_symmetric):
    def symmetric(A, B, x):
        return f(A @ A.T + np.eye(4), B @ B.T + np.eye(4), x)

    args, program = arguments(), symmetric if is_symmetric else f
    assert_same(program, args, jit=False)
    text = srcdiff.value_and_grad(program, argnums=(0, 1, 2), **ON).source_for(*args)
    assert text.count("np.linalg.inv(") == (1 if f is inverses_of_two else 0)
    assert text.count("dpotrf(" if is_symmetric else "dgetrf(") == 1
