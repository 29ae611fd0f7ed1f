"""JAX: compiled, double precision, loops as `lax.scan`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import gammaln, logsumexp

from benchmarks.peers import Pair, as_tuple, rebound

jax.config.update("jax_enable_x64", True)


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    if name == "ba":
        return {"JAX": _blocks(problem, args)}
    function = FUNCTIONS.get(name)
    if function is None:
        function = rebound(problem.objective, np=jnp, math=jnp, logsumexp=logsumexp)
    found = {"JAX": _pair(function, problem.WRT, args)}
    if name == "hmm":
        found["JAX, scaled"] = _pair(hmm_scaled, problem.WRT, args)
    return found


def _pair(function: Any, wrt: Any, args: tuple[Any, ...]) -> Pair:
    static = tuple(k for k, a in enumerate(args) if isinstance(a, int))
    given = [a if k in static else jnp.asarray(a) for k, a in enumerate(args)]
    value = jax.jit(function, static_argnums=static)
    gradient = jax.jit(jax.value_and_grad(function, argnums=wrt), static_argnums=static)
    ready = jax.block_until_ready
    return lambda: ready(value(*given)), lambda: ready(gradient(*given))


def _blocks(problem: Any, args: tuple[Any, ...]) -> Pair:
    many = rebound(problem.objective, np=jnp)

    def one(camera, point, weight, feature):
        return many(camera[None], point[None], weight[None], feature[None])[0]

    def both(*row):
        blocks = jax.jacrev(one, argnums=as_tuple(problem.WRT))(*row)
        return one(*row), jnp.column_stack(blocks)

    given = [jnp.asarray(a) for a in args]
    value, gradient = jax.jit(many), jax.jit(jax.vmap(both))
    ready = jax.block_until_ready
    return lambda: ready(value(*given)), lambda: ready(gradient(*given))


def hmm(log_pi, log_A, log_B, data):
    def step(log_alpha, y):
        return logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y], None

    log_alpha, _ = lax.scan(step, log_pi + log_B[:, data[0]], data[1:])
    return logsumexp(log_alpha)


def hmm_scaled(log_pi, log_A, log_B, data):
    A, B = jnp.exp(log_A), jnp.exp(log_B)

    def step(alpha, y):
        alpha = (alpha @ A) * B[:, y]
        scale = jnp.sum(alpha)
        return alpha / scale, jnp.log(scale)

    alpha = jnp.exp(log_pi) * B[:, data[0]]
    scale = jnp.sum(alpha)
    _, logs = lax.scan(step, alpha / scale, data[1:])
    return jnp.sum(logs) + jnp.log(scale)


def gmm(alpha, mu, q, l, x, gamma, m):
    n, d = x.shape
    k = len(alpha)
    columns, rows = np.triu_indices(d, 1)
    Q = jnp.zeros((k, d, d)).at[:, rows, columns].set(l)
    Q = Q.at[:, np.arange(d), np.arange(d)].set(jnp.exp(q))
    scaled = jnp.einsum("kij,nkj->nki", Q, x[:, None, :] - mu)
    sum_q = jnp.sum(q, axis=1)
    beta = alpha + sum_q - 0.5 * jnp.sum(scaled**2, axis=2)
    likelihood = jnp.sum(logsumexp(beta, axis=1)) - n * (
        0.5 * d * np.log(2.0 * np.pi) + logsumexp(alpha)
    )
    squares = jnp.sum(jnp.exp(q) ** 2) + jnp.sum(l**2)
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi)
    log_gamma = log_gamma + jnp.sum(gammaln(0.5 * (freedom - jnp.arange(d))))
    constant = freedom * d * jnp.log(gamma / np.sqrt(2.0)) - log_gamma
    return likelihood + m * jnp.sum(sum_q) - 0.5 * gamma**2 * squares + k * constant


def ode(x, s):
    h = 2.0 / s

    def derivative(y):
        return x * jnp.concatenate((jnp.ones(1), y[:-1]))

    def step(y, _):
        k1 = derivative(y)
        k2 = derivative(y + 0.5 * h * k1)
        k3 = derivative(y + 0.5 * h * k2)
        k4 = derivative(y + h * k3)
        return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

    return jnp.mean(lax.scan(step, jnp.zeros_like(x), None, length=s)[0])


def heat(u0, k, target, steps):
    def step(u, _):
        return u.at[1:-1].add(k * (u[:-2] - 2.0 * u[1:-1] + u[2:])), None

    return jnp.sum((lax.scan(step, u0, None, length=steps)[0] - target) ** 2)


def rnn(W, U, b, v, xs, ys):
    def step(h, t):
        x, y = t
        h = jnp.tanh(W @ h + U @ x + b)
        return h, (v @ h - y) ** 2

    return jnp.sum(lax.scan(step, jnp.zeros_like(b), (xs, ys))[1])


def _cell(weight, bias, hidden, cell, x):
    gates = jnp.concatenate((x, hidden, x, hidden)) * weight + bias
    forget, ingate, outgate, change = gates.reshape(4, -1)
    cell = cell * jax.nn.sigmoid(forget) + jax.nn.sigmoid(ingate) * jnp.tanh(change)
    return jax.nn.sigmoid(outgate) * jnp.tanh(cell), cell


def lstm(main, extra, state, sequence):
    def step(state, t):
        new, gold = t
        x, rows = new * extra[0], []
        for i in range(0, len(state), 2):
            x, cell = _cell(main[i], main[i + 1], state[i], state[i + 1], x)
            rows += [x, cell]
        prediction = x * extra[1] + extra[2]
        log_norm = jnp.log(jnp.sum(jnp.exp(prediction)) + 2.0)
        return jnp.stack(rows), jnp.sum(gold * (prediction - log_norm))

    _, losses = lax.scan(step, state, (sequence[:-1], sequence[1:]))
    return -jnp.sum(losses) / (len(losses) * sequence.shape[1])


FUNCTIONS = {"hmm": hmm, "gmm": gmm, "ode": ode, "heat": heat, "rnn": rnn, "lstm": lstm}
