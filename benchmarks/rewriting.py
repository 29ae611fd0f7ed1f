"""What rewriting gains: gradients with it and without, as a table.

OMP_NUM_THREADS=1 python benchmarks/rewriting.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import logsumexp

import srcdiff

Problem = tuple[str, Callable[..., float], tuple[int, ...], tuple[Any, ...], bool]


def log_Z(log_pi: Any, log_A: Any, log_B: Any, data: Any) -> Any:
    """A hidden Markov model's likelihood."""
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def evidence(X: Any, y: Any, theta: Any) -> Any:
    """A Gaussian process's evidence, with an inverse."""
    d = X[:, None, :] - X[None, :, :]
    K = np.exp(theta[0] - np.sum(d**2, axis=2)) + np.exp(theta[1]) * np.eye(len(y))
    return -0.5 * (y @ np.linalg.inv(K) @ y + np.linalg.slogdet(K)[1])


def factored(X: Any, y: Any, theta: Any) -> Any:
    """The same by a Cholesky factor, whose systems are solved as others are."""
    d = X[:, None, :] - X[None, :, :]
    K = np.exp(theta[0] - np.sum(d**2, axis=2)) + np.exp(theta[1]) * np.eye(len(y))
    L = np.linalg.cholesky(K)
    return -0.5 * y @ np.linalg.solve(L.T, np.linalg.solve(L, y)) - np.sum(np.log(np.diag(L)))


def density(x: Any, S: Any) -> Any:
    """Of a normal vector."""
    scale = np.sqrt((2 * np.pi) ** len(x) * np.linalg.det(S))
    return np.exp(-0.5 * x @ np.linalg.inv(S) @ x) / scale


def densities(X: Any, L: Any) -> Any:
    """Their logarithms, one by one."""
    S, total = L @ L.T + np.eye(len(L)), 0.0
    for x in X:
        total += np.log(density(x, S))
    return total


def curvature(X: Any, w: Any) -> Any:
    """A Laplace approximation's, with a diagonal matrix."""
    p = 1 / (1 + np.exp(-(X @ w)))
    return np.linalg.slogdet(X.T @ np.diag(p * (1 - p)) @ X + np.eye(len(w)))[1]


def quadratic(A: Any, B: Any, x: Any) -> Any:
    """Products of matrices with a vector, the matrices first."""
    return np.sum(((A @ B) @ x) ** 2)


def logistic(X: Any, y: Any, w: Any) -> Any:
    """Cross entropies of probabilities by hand."""
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


def cross_entropy(Z: Any, y: Any) -> Any:
    """Of a softmax by hand."""
    p = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(len(y)), y]))


def mixture(X: Any, w: Any, mu: Any, s: Any) -> Any:
    """A mixture's likelihood, point by point."""
    total = 0.0
    for n in range(len(X)):
        density = 0.0
        for k in range(len(w)):
            density += w[k] / s[k] * np.exp(-0.5 * ((X[n] - mu[k]) / s[k]) ** 2)
        total += np.log(density)
    return total


def variance(X: Any) -> Any:
    """Of columns, by their squares."""
    return np.sum(np.mean(X**2, axis=0) - np.mean(X, axis=0) ** 2)


def problems() -> Iterator[Problem]:
    """Names, functions, what is differentiated, arguments, and whether compiled code is measured."""
    rng = np.random.default_rng(0)
    normal = lambda a: np.log(a / a.sum(-1, keepdims=True))
    for K, T in ((3, 10_000), (16, 10_000), (64, 1000), (256, 1000)):
        draws = rng.random(K), rng.random((K, K)), rng.random((K, 32))
        args = (*map(normal, draws), rng.integers(0, 32, size=T))
        yield f"HMM, {K} states, {T:,} steps, compiled", log_Z, (0, 1, 2), args, True
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    yield (
        "Gaussian process, 300 points, NumPy",
        evidence,
        (2,),
        (X, y, np.array([0.3, -1.0])),
        False,
    )
    theta = np.array([0.3, -1.0])
    yield "Gaussian process, 3 points, NumPy", evidence, (2,), (X[:3], y[:3], theta), False
    yield "its Cholesky factor, 300 points, NumPy", factored, (2,), (X, y, theta), False
    L = 0.1 * rng.normal(size=(50, 50))
    yield (
        "densities of 20 normal vectors, 50 numbers, NumPy",
        densities,
        (1,),
        (rng.normal(size=(20, 50)), L),
        False,
    )
    yield (
        "Laplace approximation, 1,000 rows, NumPy",
        curvature,
        (1,),
        (rng.normal(size=(1000, 20)), np.ones(20)),
        False,
    )
    rows, y, w = (
        rng.normal(size=(10_000, 50)),
        rng.integers(0, 2, size=10_000) * 1.0,
        rng.normal(size=50),
    )
    for compiled in (False, True):
        how = "compiled" if compiled else "NumPy"
        yield f"logistic regression, 10,000 rows, {how}", logistic, (2,), (rows, y, w), compiled
        Z, labels = rng.normal(size=(5000, 20)), rng.integers(0, 20, size=5000)
        yield (
            f"softmax cross entropy, 5,000 rows, {how}",
            cross_entropy,
            (0,),
            (Z, labels),
            compiled,
        )
    points, k = rng.normal(size=10_000), rng.random(16) + 0.5
    yield "mixture by loops, 10,000 points, compiled", mixture, (1, 2, 3), (points, k, k, k), True
    yield "variances of columns, 10,000 rows, NumPy", variance, (0,), (rows,), False
    A, x = rng.normal(size=(500, 500)), rng.normal(size=500)
    yield "two matrices and a vector, 500, NumPy", quadratic, (2,), (A, A, x), False


def seconds(problem: Problem) -> list[float]:
    """The least times of the process with rewriting and without, taken in turns."""
    _, f, argnums, args, compiled = problem
    options: dict[str, Any] = {"argnums": argnums, "jit": compiled}
    handles = [srcdiff.value_and_grad(f, rewrite=r, **options) for r in (True, False)]
    best = [float("inf")] * 2
    for g in handles:
        g(*args)
    for _ in range(20):
        for k, g in enumerate(handles):
            start = time.process_time()
            g(*args)
            best[k] = min(best[k], time.process_time() - start)
    return best


def main() -> None:
    print("| program | without, ms | with, ms |")
    print("|---|---|---|")
    for problem in problems():
        on, off = seconds(problem)
        print(f"| {problem[0]} | {1e3 * off:.2f} | {1e3 * on:.2f} |", flush=True)


if __name__ == "__main__":
    main()
