"""Symmetric systems: one Cholesky factorisation where it exists, and otherwise one LU factorisation."""

import numpy as np
import pytest
from scipy.special import softmax
from transforms.sources import source

import srcdiff

ON = {"jit": False, "on_independent": "ignore"}
OFF = {**ON, "rewrite": {"cholesky": False}}


def both(f, *args, argnums=0):
    found = [srcdiff.value_and_grad(f, argnums=argnums, **o)(*args) for o in (ON, OFF)]
    g = srcdiff.value_and_grad(f, argnums=argnums, **ON)
    return *found, g.source_for(*args)


def assert_same(found, wanted):
    flat = lambda r: [r[0], *(r[1] if isinstance(r[1], tuple) else r[1:])]
    for a, b in zip(flat(found), flat(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11 * (1 + np.max(np.abs(b))))


KERNEL = """
def f(A, y):
    K = {}
    return y @ np.linalg.solve(K, np.sin(y))
"""
SYMMETRIC = [
    "A.T @ A + 0.1 * np.eye(4)",
    "A @ A.T + np.diag(y**2)",
    "A.dot(A.T) / 3.0 + np.eye(len(y))",
    "np.eye(4) + (2.0 * A.T) @ A",
    "(A + A.T) / 2.0 + 9.0 * np.eye(4)",
    "A.T @ (np.exp(y)[:, None] * A) + 0.1 * np.eye(4)",
    "A @ np.diag(np.exp(y)) @ A.T + 0.1 * np.eye(4)",
    "A @ (A.T @ A + np.eye(4)) @ A.T + 0.1 * np.eye(4)",
    "np.exp(-0.5 * (y[:, None] - y) ** 2) + 0.1 * np.eye(4)",
    "np.exp(-np.abs(np.subtract(y[:, None], y[None, :]))) + 0.1 * np.eye(4)",
    "np.exp(-np.sum((A[:, None, :] - A[None]) ** 2 / y**2, axis=-1)) + 0.1 * np.eye(4)",
    "np.exp(-np.sum(((A.reshape(4, 1, 4) - A) / np.abs(y)) ** 2, 2)) + 0.1 * np.eye(4)",
    "np.exp(-(np.sum(A**2, 1)[:, None] - 2 * A @ A.T + np.sum(A**2, 1))) + 0.1 * np.eye(4)",
    "np.outer(y, y) + 5.0 * np.eye(4)",
    "np.linalg.inv(A.T @ A + np.eye(4)) + np.eye(4)",
    "np.maximum(y[:, None], y) - 9.0 * np.eye(4)",
    "A.T @ np.linalg.inv(A @ A.T + np.eye(4)) @ A + np.eye(4)",
    "np.linalg.solve(A.T @ A + np.eye(4), A).T @ A + np.eye(4)",
]
OTHERS = [
    "A + 5.0 * np.eye(4)",
    "A.T @ A + A",
    "y[:, None] - y + np.eye(4)",
    "(y[:, None] - y) ** 3 + np.eye(4)",
    "A.T @ (y[:, None] * A + A * y) + np.eye(4)",
    "A @ A + np.eye(4)",
    "A.T @ A + y",
    "A @ A.T @ A + 9.0 * np.eye(4)",
    "np.linalg.solve(A + 9.0 * np.eye(4), A).T @ A + np.eye(4)",
    "np.exp(-((y[:, None] - 2.0 * y) ** 2)) + np.eye(4)",
    "np.sum(np.abs(A[:, None, :] - A[None]) * A[:, None, :], 2) + np.eye(4)",
]


def arguments():
    rng = np.random.default_rng(1)
    return rng.normal(size=(4, 4)), rng.normal(size=4) + 2.0


@pytest.mark.parametrize("text", SYMMETRIC)
def test_what_is_symmetric(text):
    found, wanted, made = both(source(KERNEL.format(text)), *arguments(), argnums=(0, 1))
    assert "dpotrf(K, " in made
    assert_same(found, wanted)


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_not_known_to_be(text):
    args = arguments()
    K = eval(text, {"np": np, "A": args[0], "y": args[1]})
    assert not np.allclose(K, K.T)
    assert "potrf" not in srcdiff.grad(source(KERNEL.format(text)), **ON).source_for(*args)


def log_marginal(X, y, theta):
    n = len(y)
    d = X[:, None, :] - X[None, :, :]
    K = np.exp(theta[0]) * np.exp(-np.sum(d**2, axis=2)) + np.exp(theta[1]) * np.eye(n)
    sign, logdet = np.linalg.slogdet(K)
    return -0.5 * (y @ np.linalg.inv(K) @ y + sign * logdet + n * np.log(2 * np.pi))


def test_one_factorisation_serves_all():
    rng = np.random.default_rng(0)
    args = rng.normal(size=(6, 2)), rng.normal(size=6), np.array([0.3, -1.0])
    found, wanted, text = both(log_marginal, *args, argnums=(0, 1, 2))
    assert_same(found, wanted)
    assert text.count("dpotrf(") == 1 and "np.linalg.inv" not in text.partition("else:")[0]
    assert "2.0 * np.sum(np.log(np.diag(factor)))" in text
    srcdiff.check_grads(log_marginal, *args)


def test_what_is_not_positive_definite_is_solved_by_lu():
    def f(A, y):
        K = A + A.T
        return y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1]

    A, y = arguments()
    for K in (A, A - 5 * np.eye(4)):
        found, wanted, text = both(f, K, y, argnums=(0, 1))
        assert_same(found, wanted)
        assert "np.linalg.solve(K, y)" in text
    with pytest.raises(np.linalg.LinAlgError):
        srcdiff.value_and_grad(f, **ON)(np.zeros((4, 4)), y)
    A[1, 1] = np.nan
    assert np.isnan(srcdiff.value_and_grad(f, **ON)(A, y)[0])


def test_an_inverse_that_is_used_itself_stays():
    def f(A, y):
        K_inverse = np.linalg.inv(A.T @ A + np.eye(4))
        return y @ K_inverse @ y + np.sum(np.sin(K_inverse))

    found, wanted, text = both(f, *arguments(), argnums=(0, 1))
    assert_same(found, wanted)
    assert "potrf" not in text


def test_products_from_both_sides_and_in_loops():
    def f(A, y, B):
        K_inverse = np.linalg.inv(A @ A.T + np.eye(4))
        total = np.sum(np.sin(B @ K_inverse)) + np.sum(np.cos(K_inverse @ B.T))
        for _ in range(3):
            y = K_inverse @ y + 0.1 * y @ K_inverse
        return total + np.sum(y)

    A, y = arguments()
    found, wanted, text = both(f, A, y, np.arange(12.0).reshape(3, 4) / 9, argnums=(0, 1, 2))
    assert_same(found, wanted)
    assert text.count("dpotrf(") == 1 and "np.linalg.inv" not in text


def test_second_order_forward_mode_and_single_precision():
    def f(y):
        K = np.exp(-((y[:, None] - y) ** 2)) + np.diag(0.0 * y + 0.5)
        return y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1]

    y = arguments()[1]
    for make in (srcdiff.hessian, srcdiff.jacobian):
        a, b = (make(f, **o)(y) for o in (ON, OFF))
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    assert srcdiff.jvp(f, (y,), (np.sin(y),), **ON)[1] == pytest.approx(
        srcdiff.jvp(f, (y,), (np.sin(y),), **OFF)[1], rel=1e-11
    )
    g = srcdiff.value_and_grad(f, **ON)
    assert "spotrf" in g.source_for(y.astype(np.float32))
    np.testing.assert_allclose(g(y.astype(np.float32))[1], g(y)[1], rtol=2e-4)


def compiled_systems(A, y, noise):
    """A vector and a matrix as right-hand sides, a determinant, and a matrix that may be none of a definite form."""
    K = A @ A.T + noise * np.eye(4)
    S = np.linalg.solve(K, A)
    return y @ np.linalg.inv(K) @ y + np.linalg.slogdet(K)[1] + np.sum(S * S)


@pytest.mark.parametrize("shift", [9.0, 0.5])
def test_reverse_over_reverse_uses_one_factor(shift):
    """With a factor, and without one, which is not computed again."""

    def evidence(t, A, y):
        K = t * np.eye(3) + A + A.T
        x = np.linalg.solve(K, y)
        return x @ x + np.linalg.slogdet(K)[1]

    slope = srcdiff.grad(evidence, **ON)

    def steepness(t, A, y):
        return 3.0 * slope(t, A, y)

    rng = np.random.default_rng(3)
    A, y = rng.normal(size=(3, 3)), rng.normal(size=3)
    g = srcdiff.grad(steepness, **ON)
    by_steps = (steepness(shift + 1e-5, A, y) - steepness(shift - 1e-5, A, y)) / 2e-5
    np.testing.assert_allclose(g(shift, A, y), by_steps, rtol=1e-6)
    assert g.source_for(shift, A, y).count("dpotrf(") == 1


@pytest.mark.long
def test_compiled_code_asks_whether_there_is_a_factor():
    A, y = arguments()
    compiled = srcdiff.value_and_grad(compiled_systems, argnums=(0, 1, 2), jit=True)
    assert "cholesky_solve(" in compiled.loop_source_for(A, y, 1.0)
    assert " solve" in compiled.loop_source_for(A, y, 1.0)  # in the other branch
    plain = srcdiff.value_and_grad(compiled_systems, argnums=(0, 1, 2), **OFF)
    for noise in (1.0, -1.0):
        assert (np.min(np.linalg.eigvalsh(A @ A.T + noise * np.eye(4))) > 0) == (noise > 0)
        assert_same(compiled(A, y, noise), plain(A, y, noise))

    def single(A, y):
        K = A @ A.T
        return y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1]

    options = {"argnums": (0, 1)}
    found = srcdiff.grad(single, jit=True, **options)(A.astype(np.float32), y.astype(np.float32))
    wanted = srcdiff.grad(single, jit=False, rewrite=False, **options)(A, y)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-2 * np.max(np.abs(b)))


def sparse_gp(m, s, mu, L, Z, sf2, ard, eps_NQ, eps_MK, eps_NK, Y):
    """The program of seed 000, line by line, and then the likelihood of Y."""
    M, Q = Z.shape
    X = m + np.exp(s) * eps_NQ
    U = mu + np.tril(L).dot(eps_MK)

    dist_ZZ = np.sum(((np.reshape(Z, (M, 1, Q)) - Z) / ard) ** 2, 2)
    dist_ZX = np.sum(((np.reshape(Z, (M, 1, Q)) - X) / ard) ** 2, 2)
    Kmm = sf2 * np.exp(-dist_ZZ / 2.0)
    Kmn = sf2 * np.exp(-dist_ZX / 2.0)
    Knn = sf2

    KmmInv = np.linalg.inv(Kmm)
    A = KmmInv.dot(Kmn)
    B = Knn - np.sum(Kmn * KmmInv.dot(Kmn), 0)

    F = A.T.dot(U) + B[:, None] ** 0.5 * eps_NK
    S = softmax(F, axis=1)
    return np.sum(np.log(np.sum(Y * S, 1)))


def sparse_gp_arguments():
    rng = np.random.default_rng(0)
    N, M, Q, K = 6, 3, 2, 4
    return (
        rng.normal(size=(N, Q)), 0.1 * rng.normal(size=(N, Q)) - 1.0, rng.normal(size=(M, K)), np.eye(M),
        rng.normal(size=(M, Q)), 1.3, np.array([1.0, 1.5]), rng.normal(size=(N, Q)), rng.normal(size=(M, K)),
        rng.normal(size=(N, K)), np.eye(K)[rng.integers(0, K, N)],
    )  # fmt: skip


def test_the_sparse_gaussian_process_of_seed_000():
    args = sparse_gp_arguments()
    found, wanted, text = both(sparse_gp, *args, argnums=tuple(range(7)))
    assert_same(found, wanted)
    assert text.count("dpotrf(") == 1 and "inv" not in text
    assert "A = cho_solve((factor, True), Kmn, check_finite=False)" in text
    assert text.count("cho_solve((") == 2 and text.count("np.linalg.solve(") == 2
    srcdiff.check_grads(sparse_gp, *args, argnums=tuple(range(7)), order=1)


def test_its_negative_variances_are_reported():
    args = list(sparse_gp_arguments())
    args[4] = np.concatenate(
        [args[0][:2], args[0][:1] + 1e-3]
    )  # what is known there has no variance
    args[1] = np.full((6, 2), -60.0)
    args[5] = 1.0 - 1e-13
    g = srcdiff.value_and_grad(sparse_gp, argnums=tuple(range(7)), jit=False)
    with np.errstate(all="ignore"):
        value, _ = g(*args)
        report = str(srcdiff.find_nan(g, *args))
    assert np.isnan(value) and "B[:, None] ** 0.5" in report


def kernel(a, b, x, y):
    return a * np.exp(-((x[:, None] - y) ** 2) / b)


def test_helpers_are_looked_into():
    """Called twice, a helper is a function of its own; of the same points on both sides it is symmetric."""

    def f(a, b, x, z, y):
        K = kernel(a, b, x, x) + 0.1 * np.eye(len(x))
        other = kernel(a, b, x, z) + 5.0 * np.eye(len(x))
        return y @ np.linalg.solve(K, y) + np.sum(np.linalg.solve(other, y))

    rng = np.random.default_rng(3)
    args = 1.3, 0.7, rng.normal(size=4), rng.normal(size=4), rng.normal(size=4)
    found, wanted, text = both(f, *args, argnums=(0, 1, 2, 3, 4))
    assert_same(found, wanted)
    assert "factor, info = dpotrf(K, " in text
    assert text.count("dpotrf(") == 1
    srcdiff.check_grads(f, *args, argnums=(0, 1, 2, 3, 4), order=1)


def density(x, mu, S):
    d = x - mu
    return np.exp(-0.5 * d @ np.linalg.inv(S) @ d) / np.sqrt(
        (2 * np.pi) ** len(mu) * np.linalg.det(S)
    )


def log_likelihood(L, mu, X):
    S, total = L @ L.T + np.eye(len(mu)), 0.0
    for x in X:
        total += np.log(density(x, mu, S))
    return total


def test_a_helper_that_solves_is_part_of_who_knows_its_matrix():
    """Its factor and its determinant are taken in front of the loop, and no density underflows."""
    rng = np.random.default_rng(5)
    args = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(4, 3))
    found, wanted, text = both(log_likelihood, *args, argnums=(0, 1, 2))
    assert_same(found, wanted)
    before, _, loop = text.partition("for ")
    assert (
        before.count("dpotrf(") == 1 and "log_det = 2.0 * np.sum(np.log(np.diag(factor)))" in before
    )
    assert (
        "np.log(np.diag(factor))" not in loop and "np.eye(" not in loop.partition("# backward")[0]
    )
    srcdiff.check_grads(log_likelihood, *args)
    L, mu, X = 30.0 * rng.normal(size=(90, 90)), np.zeros(90), np.full((1, 90), 1e4)
    S = L @ L.T + np.eye(90)
    exact = -0.5 * (
        X[0] @ np.linalg.solve(S, X[0]) + np.linalg.slogdet(S)[1] + 90 * np.log(2 * np.pi)
    )
    assert srcdiff.value_and_grad(log_likelihood, **ON)(L, mu, X)[0] == pytest.approx(
        exact, rel=1e-9
    )


def test_logarithms_of_quotients_and_sizes_of_determinants():
    def f(A, B):
        ratio = np.log(np.linalg.det(A) / np.linalg.det(B))
        return (
            ratio
            + np.log(np.sqrt(np.abs(np.linalg.det(A))))
            - np.log(np.abs(3.0 / np.linalg.det(B)))
        )

    A, B = -np.eye(3) + 0.1, np.diag([-3.0, 1.0, 2.0])  # both of a negative determinant
    value, _ = srcdiff.value_and_grad(f, argnums=(0, 1), **ON)(A, B)
    assert value == pytest.approx(f(A, B), rel=1e-14)
    srcdiff.check_grads(f, A, B)
    far = srcdiff.value_and_grad(f, argnums=(0, 1), **ON)(1e-150 * A, 1e150 * B)
    assert np.isfinite(far[0]) and all(np.isfinite(d).all() for d in far[1])


def test_a_multiple_shares_the_factor():
    def f(A, x):
        K = A @ A.T + np.eye(len(x))
        return (
            x @ np.linalg.inv(K) @ x
            + np.log(np.linalg.det(2 * np.pi * K))
            + np.linalg.slogdet(K / 4.0 * 0.5)[1]
        )

    found, wanted, text = both(f, *arguments(), argnums=(0, 1))
    assert_same(found, wanted)
    assert text.count("dpotrf(") == 2  # a quotient is a matrix of its own
