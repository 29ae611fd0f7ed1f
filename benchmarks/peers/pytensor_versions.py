"""PyTensor, in its default mode: `scan` for the HMM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import gammaln

from benchmarks.peers import Pair


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    builder = BUILDERS.get(name)
    return {} if builder is None else {"PyTensor": builder(*args)}


def _pair(inputs: list[Any], out: Any, args: list[Any]) -> Pair:
    """Functions are built, and compiled, when they are first called."""
    made: dict[str, Any] = {}

    def value():
        if "value" not in made:
            made["value"] = pytensor.function(inputs, out)
        return made["value"](*args)

    def gradient():
        if "gradient" not in made:
            made["gradient"] = pytensor.function(inputs, [out, *pytensor.grad(out, inputs)])
        result, *parts = made["gradient"](*args)
        return result, tuple(parts) if len(parts) > 1 else parts[0]

    return value, gradient


def hmm(log_pi, log_A, log_B, data):
    pi, A, B = pt.dvector("pi"), pt.dmatrix("A"), pt.dmatrix("B")
    observed = B[:, data].T

    def step(b, log_alpha, A):
        return pt.logsumexp(log_alpha[:, None] + A, axis=0) + b

    states = pytensor.scan(
        step,
        sequences=[observed[1:]],
        outputs_info=[pi + observed[0]],
        non_sequences=[A],
        return_updates=False,
    )
    return _pair([pi, A, B], pt.logsumexp(states[-1]), [log_pi, log_A, log_B])


def gmm(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    a, c, s, t = pt.dvector("alpha"), pt.dmatrix("mu"), pt.dmatrix("q"), pt.dmatrix("l")
    columns, rows = np.triu_indices(d, 1)
    Q = pt.set_subtensor(pt.zeros((k, d, d))[:, rows, columns], t)
    Q = pt.set_subtensor(Q[:, np.arange(d), np.arange(d)], pt.exp(s))
    scaled = pt.matmul(x - c[:, None, :], Q.transpose(0, 2, 1))
    sum_q = pt.sum(s, axis=1)
    beta = (a + sum_q)[:, None] - 0.5 * pt.sum(scaled**2, axis=2)
    out = pt.sum(pt.logsumexp(beta, axis=0)) - n * (0.5 * d * np.log(2.0 * np.pi) + pt.logsumexp(a))
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    log_gamma += np.sum(gammaln(0.5 * (freedom - np.arange(d))))
    constant = freedom * d * np.log(gamma / np.sqrt(2.0)) - log_gamma
    squares = pt.sum(pt.exp(s) ** 2) + pt.sum(t**2)
    out = out + m * pt.sum(sum_q) - 0.5 * gamma**2 * squares + k * constant
    return _pair([a, c, s, t], out, [alpha, mu, q, l])


def square_sine(x):
    t = pt.dscalar("t")
    return _pair([t], t**2 * pt.sin(t), [x])


def rosenbrock(x):
    t = pt.dvector("t")
    out = pt.sum(100.0 * (t[1:] - t[:-1] ** 2) ** 2 + (1.0 - t[:-1]) ** 2)
    return _pair([t], out, [x])


BUILDERS = {"hmm": hmm, "gmm": gmm, "square_sine": square_sine, "rosenbrock": rosenbrock}
