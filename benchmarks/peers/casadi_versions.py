"""CasADi: graphs of scalars (SX), mapped and accumulated; interpreted, as `pip install` gives it."""

from __future__ import annotations

from typing import Any

import casadi as ca
import numpy as np
from scipy.special import gammaln

from benchmarks.peers import Pair


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    builder = BUILDERS.get(name)
    return {} if builder is None else {"CasADi": builder(*args)}


def _pair(inputs: list[Any], out: Any, args: list[Any], shapes: list[tuple[int, ...]]) -> Pair:
    """Functions of matrices, and results in NumPy's shapes."""
    value = ca.Function("value", inputs, [out])
    gradient = ca.Function("gradient", inputs, [out, *[ca.gradient(out, x) for x in inputs]])

    def both():
        result, *parts = gradient(*args)
        found = tuple(np.asarray(p).reshape(s) for p, s in zip(parts, shapes, strict=True))
        return float(result), found if len(found) > 1 else found[0]

    return lambda: float(value(*args)), both


def _log_sum_exp(column: Any) -> Any:
    top = ca.mmax(column)
    return top + ca.log(ca.sum1(ca.exp(column - top)))


def hmm(log_pi, log_A, log_B, data):
    K, V = log_B.shape
    a, A, b = ca.SX.sym("a", K), ca.SX.sym("A", K, K), ca.SX.sym("b", K)
    columns = []
    for j in range(K):
        scores = a + A[:, j]
        top = scores[0]
        for i in range(1, K):
            top = ca.fmax(top, scores[i])
        columns.append(ca.log(ca.sum1(ca.exp(scores - top))) + top + b[j])
    step = ca.Function("step", [a, A, b], [ca.vertcat(*columns)])
    T = len(data)
    pi, tables, emission = ca.MX.sym("pi", K), ca.MX.sym("A", K, K), ca.MX.sym("B", K, V)
    observed = emission[:, data.tolist()]
    run = step.mapaccum(T - 1)
    states = run(pi + observed[:, 0], ca.repmat(tables, 1, T - 1), observed[:, 1:])
    out = _log_sum_exp(states[:, T - 2])
    return _pair([pi, tables, emission], out, [log_pi, log_A, log_B], [(K,), (K, K), (K, V)])


def gmm(alpha, mu, q, l, x, gamma, m):
    """One point's log-likelihood as scalars, mapped over the points."""
    n, d = x.shape
    k = len(alpha)
    a, c, s = ca.SX.sym("alpha", k), ca.SX.sym("mu", k, d), ca.SX.sym("q", k, d)
    t, point = ca.SX.sym("l", k, d * (d - 1) // 2), ca.SX.sym("x", d)
    beta = []
    for i in range(k):
        Q = ca.diag(ca.exp(s[i, :]))
        at = 0
        for column in range(d):
            for row in range(column + 1, d):
                Q[row, column] = t[i, at]
                at += 1
        scaled = Q @ (point - c[i, :].T)
        beta.append(a[i] + ca.sum2(s[i, :]) - 0.5 * ca.sumsqr(scaled))
    top = beta[0]
    for b in beta[1:]:
        top = ca.fmax(top, b)
    total = top + ca.log(sum(ca.exp(b - top) for b in beta))
    one = ca.Function("one", [a, c, s, t, point], [total])
    names = [ca.MX.sym(v, *size.shape) for v, size in zip("amql", (a, c, s, t), strict=True)]
    repeated = [ca.repmat(v, 1, n) for v in names]
    likelihood = ca.sum2(one.map(n)(*repeated, x.T))
    squares = ca.sumsqr(ca.exp(names[2])) + ca.sumsqr(names[3])
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    freedom = d + m + 1
    log_gamma += np.sum(gammaln(0.5 * (freedom - np.arange(d))))
    constant = freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma
    out = likelihood - n * (0.5 * d * np.log(2.0 * np.pi) + _log_sum_exp(names[0]))
    out += m * ca.sum2(ca.sum1(names[2])) - 0.5 * gamma**2 * squares + k * constant
    return _pair(names, out, [alpha, mu, q, l], [alpha.shape, mu.shape, q.shape, l.shape])


def ba(cameras, points, weights, features):
    c, p, w, f = (ca.SX.sym(v, size) for v, size in (("c", 11), ("p", 3), ("w", 1), ("f", 2)))
    theta = ca.sqrt(ca.sumsqr(c[:3]))
    axis, x = c[:3] / theta, p - c[3:6]
    along = ca.dot(axis, x) * (1.0 - ca.cos(theta))
    x = x * ca.cos(theta) + ca.cross(axis, x) * ca.sin(theta) + axis * along
    flat = x[:2] / x[2]
    r2 = ca.sumsqr(flat)
    distortion = 1.0 + c[9] * r2 + c[10] * r2**2
    error = w * (flat * distortion * c[6] + c[7:9] - f)
    n = len(weights)
    given = [cameras.T, points.T, weights[None], features.T]
    value = ca.Function("value", [c, p, w, f], [error]).map(n)
    block = ca.jacobian(error, ca.vertcat(c, p, w))
    gradient = ca.Function("gradient", [c, p, w, f], [error, block]).map(n)

    def both():
        errors, blocks = gradient(*given)
        return np.asarray(errors).T, np.asarray(blocks).reshape(2, n, 15).transpose(1, 0, 2)

    return lambda: np.asarray(value(*given)).T, both


def square_sine(x):
    t = ca.SX.sym("t")
    return _pair([t], t**2 * ca.sin(t), [x], [()])


def rosenbrock(x):
    t = ca.SX.sym("t", len(x))
    out = ca.sum1(100.0 * (t[1:] - t[:-1] ** 2) ** 2 + (1.0 - t[:-1]) ** 2)
    return _pair([t], out, [x], [x.shape])


BUILDERS = {"hmm": hmm, "gmm": gmm, "ba": ba, "square_sine": square_sine, "rosenbrock": rosenbrock}
