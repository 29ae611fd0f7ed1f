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
    if name in OWN:
        return {"JAX": OWN[name](problem, args)}
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


def _compiled(value: Any, gradient: Any, args: tuple[Any, ...]) -> Pair:
    given = [jnp.asarray(a) if isinstance(a, np.ndarray | float) else a for a in args]
    value, gradient, ready = jax.jit(value), jax.jit(gradient), jax.block_until_ready
    return lambda: ready(value(*given)), lambda: ready(gradient(*given))


def _kmeans(problem: Any, args: tuple[Any, ...]) -> Pair:
    objective = rebound(problem.objective, np=jnp)

    def direction(points, centroids):
        slope = jax.grad(lambda c: objective(points, c))
        gradient, curvature = jax.jvp(slope, [centroids], [jnp.ones_like(centroids)])
        return 0.0, gradient / curvature

    return _compiled(objective, direction, args)


def _det(problem: Any, args: tuple[Any, ...]) -> Pair:
    """Minors that several larger ones have are computed once: another algorithm, but what traces of all of them would
    be takes minutes to compile.
    """
    a, n = args

    def objective(a):
        known: dict[tuple[int, int], Any] = {}

        def minor(row, used):
            if row == n:
                return 1.0
            if (row, used) not in known:
                left = [j for j in range(n) if not used & (1 << j)]
                terms = [a[row, j] * minor(row + 1, used | (1 << j)) for j in left]
                known[row, used] = sum(t if k % 2 == 0 else -t for k, t in enumerate(terms))
            return known[row, used]

        return minor(0, 0)

    return _compiled(objective, jax.value_and_grad(objective), (a,))


def _particle(problem: Any, args: tuple[Any, ...]) -> Pair:
    """Forward over reverse: reverse mode does not go through loops of unknown length."""
    step = problem.STEP
    slopes = jax.grad(rebound(problem.potential, np=jnp), argnums=(0, 1))

    def missed(w):
        def advance(state):
            x, y, vx, vy, _, _ = state
            ax, ay = slopes(x, y, w)
            return x + step * vx, y + step * vy, vx - step * ax, vy - step * ay, vx, vy

        start = tuple(map(jnp.asarray, (0.0, 8.0, 0.75, 0.0, 0.75, 0.0)))
        x, y, _, _, vx, vy = lax.while_loop(lambda s: s[1] > 0.0, advance, start)
        end = x - y / vy * vx
        return end * end

    return _compiled(missed, lambda w: jax.jvp(missed, (w,), (jnp.ones_like(w),)), args)


def _saddle(problem: Any, args: tuple[Any, ...]) -> Pair:
    small, height = problem.SMALL_ENOUGH, problem.height
    slopes = jax.grad(height, argnums=(2, 3))

    def top(a, b, c, d):
        def is_steep(state):
            _, _, _, up, across, _, _, is_done = state
            return jnp.logical_and(~is_done, jnp.sqrt(up * up + across * across) > small)

        def advance(state):
            c, d, value, up, across, rate, steps, _ = state
            next_c, next_d = c + rate * up, d + rate * across
            near = jnp.sqrt((next_c - c) ** 2 + (next_d - d) ** 2) <= small
            ahead = height(a, b, next_c, next_d)
            next_up, next_across = slopes(a, b, next_c, next_d)
            rests, better = steps == 10, ahead > value
            moved = ~rests & ~near & better
            new_rate = jnp.where(better, rate, 0.5 * rate)
            return (
                jnp.where(moved, next_c, c),
                jnp.where(moved, next_d, d),
                jnp.where(moved, ahead, value),
                jnp.where(moved, next_up, up),
                jnp.where(moved, next_across, across),
                jnp.where(rests, 2.0 * rate, jnp.where(near, rate, new_rate)),
                jnp.where(moved, steps + 1, 0),
                ~rests & near,
            )

        start = c, d, height(a, b, c, d), *slopes(a, b, c, d), jnp.asarray(1e-5), 0, False
        return lax.while_loop(is_steep, advance, start)[2]

    def both(a, b, c, d):
        one, none = jnp.ones_like(a), jnp.zeros_like(a)
        value, by_a = jax.jvp(top, (a, b, c, d), (one, none, none, none))
        _, by_b = jax.jvp(top, (a, b, c, d), (none, one, none, none))
        return value, (by_a, by_b)

    return _compiled(top, both, args)


def _hand(problem: Any, args: tuple[Any, ...]) -> Pair:
    theta, us, (parents, *model, is_mirrored), _, triangles, measured = args

    def angles_of_bones(theta, bones):
        angles = jnp.zeros((bones, 3))
        for finger in range(problem.FINGERS):
            first, k = 2 + 4 * finger, 6 + 4 * finger
            angles = angles.at[first, :2].set(theta[k : k + 2])
            angles = angles.at[(first + 1, first + 2), 0].set(theta[k + 2 : k + 4])
        return angles

    def rotations(angles):
        (sx, sz, sy), (cx, cz, cy) = jnp.sin(angles).T, jnp.cos(angles).T
        none, one = jnp.zeros(len(angles)), jnp.ones(len(angles))
        rows = [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, none],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, none],
            [-sy, cy * sx, cy * cx, none],
            [none, none, none, one],
        ]
        return jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)

    def residuals(theta, us, relatives, inverses, base, weights):
        relatives = relatives @ rotations(angles_of_bones(theta, len(parents)))
        found: list[Any] = []
        for k in range(len(parents)):
            found.append(relatives[k] if parents[k] < 0 else found[parents[k]] @ relatives[k])
        transforms = jnp.stack(found) @ inverses
        moved = jnp.einsum("kij,vj,vk->vi", transforms[:, :3], base, weights)
        if is_mirrored:
            moved = moved * jnp.array([-1.0, 1.0, 1.0])
        corners = (moved @ turned(theta[:3]).T + theta[3:6])[triangles]
        third = 1.0 - us[:, 0] - us[:, 1]
        at = us[:, :1] * corners[:, 0] + us[:, 1:] * corners[:, 1] + third[:, None] * corners[:, 2]
        return (measured - at).ravel()

    def turned(angle_axis):
        angle = jnp.sqrt(jnp.sum(angle_axis**2))
        x, y, z = angle_axis / angle
        cross = jnp.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        outer = jnp.outer(angle_axis, angle_axis) / angle**2
        c = jnp.cos(angle)
        return c * jnp.eye(3) + (1.0 - c) * outer + jnp.sin(angle) * cross

    def jacobian(theta, us, *model):
        along = lambda d: jax.jvp(lambda u: residuals(theta, u, *model), (us,), (d,))[1]
        first = jnp.zeros_like(us).at[:, 0].set(1.0)
        of_theta = jax.jacfwd(residuals)(theta, us, *model)
        return 0.0, jnp.column_stack((along(first), along(1.0 - first), of_theta))

    return _compiled(residuals, jacobian, (theta, us, *model))


OWN = {
    "ba": _blocks,
    "kmeans": _kmeans,
    "det": _det,
    "particle": _particle,
    "saddle": _saddle,
    "hand": _hand,
}


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
