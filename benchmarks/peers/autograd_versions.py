"""autograd: the objectives' own text over its NumPy, but for what writes in place."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, value_and_grad
from autograd.core import make_vjp
from autograd.scipy.special import gammaln, logsumexp

from benchmarks.peers import Pair, as_tuple, rebound

LIKE_NUMPY = {"np": anp, "math": anp, "logsumexp": logsumexp, "gammaln": gammaln}


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    if name == "kmeans":
        return {"autograd": _kmeans(problem, args)}
    function = _nested(name, problem) or FUNCTIONS.get(name)
    if function is None:
        function = rebound(problem.objective, **LIKE_NUMPY)
    wrt = as_tuple(problem.WRT)

    def bundled(leaves):
        rest = list(args)
        for k, leaf in zip(wrt, leaves, strict=True):
            rest[k] = leaf
        return function(*rest)

    leaves = tuple(args[k] for k in wrt)

    def blocks():
        back, errors = make_vjp(lambda x: bundled(x), leaves)
        seeds = (np.zeros(errors.shape) + (np.arange(2) == k) for k in range(2))
        return errors, np.stack([np.column_stack(back(seed)) for seed in seeds], axis=1)

    gradient = value_and_grad(bundled)
    return {
        "autograd": (
            lambda: function(*args),
            blocks if name == "ba" else lambda: gradient(leaves),
        )
    }


def _kmeans(problem: Any, args: tuple[Any, ...]) -> Pair:
    objective = rebound(problem.objective, **LIKE_NUMPY)
    slope = grad(objective, 1)
    curvature = grad(lambda c: anp.sum(slope(args[0], c)))
    return lambda: objective(*args), lambda: (None, slope(*args) / curvature(args[1]))


def _nested(name: str, problem: Any) -> Any:
    """The program with autograd's own derivative inside."""
    if name == "particle":
        slopes = grad(lambda at, w: rebound(problem.potential, **LIKE_NUMPY)(at[0], at[1], w))
        return problem.flight_of(lambda x, y, w: slopes((x, y), w))
    if name == "saddle":
        slopes = grad(lambda at, a, b: problem.height(a, b, at[0], at[1]))
        space = {**problem.top_of.__globals__, **LIKE_NUMPY}
        top_of = type(problem.top_of)(problem.top_of.__code__, space)
        return top_of(lambda a, b, c, d: slopes((c, d), a, b))
    return None


def gmm(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    places = np.zeros((d * (d - 1) // 2, d, d))
    columns, rows = np.triu_indices(d, 1)
    places[np.arange(len(rows)), rows, columns] = 1.0
    Q = anp.reshape(l @ places.reshape(len(rows), d * d), (k, d, d))
    Q = Q + anp.exp(q)[:, :, None] * np.eye(d)
    scaled = anp.einsum("kij,nkj->nki", Q, x[:, None, :] - mu)
    sum_q = anp.sum(q, axis=1)
    beta = alpha + sum_q - 0.5 * anp.sum(scaled**2, axis=2)
    likelihood = anp.sum(logsumexp(beta, axis=1)) - n * (
        0.5 * d * np.log(2.0 * np.pi) + logsumexp(alpha)
    )
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    log_gamma = log_gamma + np.sum(gammaln(0.5 * (freedom - np.arange(d))))
    constant = freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma
    squares = anp.sum(anp.exp(q) ** 2) + anp.sum(l**2)
    return likelihood + m * anp.sum(sum_q) - 0.5 * gamma**2 * squares + k * constant


def heat(u0, k, target, steps):
    u = u0
    for _ in range(steps):
        inner = u[1:-1] + k * (u[:-2] - 2.0 * u[1:-1] + u[2:])
        u = anp.concatenate((u[:1], inner, u[-1:]))
    return anp.sum((u - target) ** 2)


FUNCTIONS = {"gmm": gmm, "heat": heat}
