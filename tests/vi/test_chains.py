"""Chains of discrete choices in loops: several chains in one loop, known first states, plates of chains."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff
from srcdiff import UnsupportedError, vi
from srcdiff.vi import dist

RNG = np.random.default_rng(5)
X = RNG.normal(size=3)
XS = RNG.normal(size=(3, 4))
MU = np.array([-1.0, 0.3, 0.7])
NU = np.array([0.4, -0.8])
A = RNG.dirichlet(np.ones(3), size=3)  # of z, given the last z
B = RNG.dirichlet(np.ones(2), size=2)  # of u, given the last u
C = RNG.dirichlet(np.ones(2), size=(3, 2))  # of u, given the new z and the last u
D = RNG.dirichlet(np.ones(3), size=(3, 2))  # of z, given the last z and u
AS = RNG.dirichlet(np.ones(3), size=(3, 3))
ARRAYS = (A, B, C, D, AS)


def log_normal(x, mean=0.0):
    return -0.5 * (x - mean) ** 2 - 0.5 * np.log(2.0 * np.pi)


def factorial(x, A, B, C, D, AS):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    z = vi.sample("z0", dist.Categorical(A[0]))
    u = vi.sample("u0", dist.Categorical(B[1]))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        u = vi.sample("u", dist.Categorical(B[u]))
        vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=x[t])


def coupled(x, A, B, C, D, AS):
    """Each draw depends on both, and what is observed stands between them, too."""
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    z = vi.sample("z0", dist.Categorical(A[0]))
    vi.sample("first", dist.Normal(m + MU[z], 1.0), obs=0.2)
    u = vi.sample("u0", dist.Categorical(C[z, 0]))
    vi.sample("second", dist.Normal(m + MU[z] * NU[u], 1.0), obs=-0.4)
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(D[z, u]))
        vi.sample("between", dist.Normal(m + MU[z] * NU[u], 1.0), obs=x[t] + 0.1)
        u = vi.sample("u", dist.Categorical(C[z, u]))
        vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=x[t])


def driven_by_the_other(x, A, B, C, D, AS):
    """`u` is drawn without a look at the last `u`, which `z` is drawn from."""
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    u = 1
    z = vi.sample("z0", dist.Categorical(A[0]))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(D[z, u]))
        u = vi.sample("u", dist.Bernoulli(C[z, 0, 1]))
        vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=x[t])


def both_known(x, A, B, C, D, AS):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    u, z = 1, 2
    for t, x_t in enumerate(x):
        rows = 0.5 * (AS[t] + A)
        z = vi.sample("z", dist.Categorical(rows[z]))
        u = vi.sample("u", dist.Categorical(C[z, u]))
        vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=x_t)


def known_and_driven(x, A, B, C, D, AS):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    z = 2
    for t in range(1, len(x)):
        z = vi.sample("z", dist.Categorical(AS[t, z]))
        vi.sample("x", dist.Normal(m + MU[z], 1.0), obs=x[t])


def enumerated(model, m) -> float:
    """Over all paths of both choices."""
    log = np.log
    terms = []
    steps = 2 if model is known_and_driven else 3
    for path in itertools.product(range(3), range(2), repeat=steps + 1):
        z, u = path[::2], path[1::2]
        if model is known_and_driven and any(u):
            continue
        pairs = list(zip(itertools.pairwise(z), itertools.pairwise(u), strict=True))
        seen = zip(X, pairs, strict=False)
        term = sum(log_normal(x, m + MU[b] + NU[v]) for x, ((_, b), (_, v)) in seen)
        known = (z[0], u[0]) == (2, 1)
        if model is factorial:
            term += log(A[0, z[0]]) + log(B[1, u[0]])
            term += sum(log(A[a, b]) + log(B[c, d]) for (a, b), (c, d) in pairs)
        elif model is coupled:
            term += log(A[0, z[0]]) + log(C[z[0], 0, u[0]])
            term += log_normal(0.2, m + MU[z[0]])
            term += log_normal(-0.4, m + MU[z[0]] * NU[u[0]])
            for t, ((a, b), (c, d)) in enumerate(pairs):
                term += log(D[a, c, b]) + log(C[b, c, d])
                term += log_normal(X[t] + 0.1, m + MU[b] * NU[c])
        elif model is driven_by_the_other:
            term += log(A[0, z[0]]) if u[0] == 1 else -np.inf
            term += sum(log(D[a, c, b]) + log(C[b, 0, d]) for (a, b), (c, d) in pairs)
        elif model is both_known:
            term = term if known else -np.inf
            for t, ((a, b), (c, d)) in enumerate(pairs):
                term += log(0.5 * (AS[t, a, b] + A[a, b])) + log(C[b, c, d])
        else:
            term = 0.0 if z[0] == 2 else -np.inf
            for t, ((a, b), _) in enumerate(pairs, start=1):
                term += log(AS[t, a, b]) + log_normal(X[t], m + MU[b])
        terms.append(term)
    return float(log_normal(m) + logsumexp(terms))


MODELS = [factorial, coupled, driven_by_the_other, both_known, known_and_driven]


@pytest.mark.parametrize("model", MODELS)
def test_chains_equal_enumeration(model) -> None:
    joint = vi.log_joint(model, ["m"], jit=False)
    assert joint(0.3, X, *ARRAYS) == pytest.approx(enumerated(model, 0.3), abs=1e-12)
    d_m = srcdiff.grad(joint, jit=False)(0.3, X, *ARRAYS)
    slope = (enumerated(model, 0.3 + 1e-5) - enumerated(model, 0.3 - 1e-5)) / 2e-5
    assert d_m == pytest.approx(slope, abs=1e-8)


def test_each_draw_is_a_sum_over_one_axis() -> None:
    source = vi.log_joint(factorial, ["m"], jit=False).source_for(0.3, X, *ARRAYS)
    recursion = source.partition("    for t in range(len(x)):\n")[2]
    assert (
        recursion
        == """\
        following = np.empty_like(log_alpha_2)
        for next_z in range(log_alpha_2.shape[0]):
            for u in range(log_alpha_2.shape[1]):
                terms = np.empty(A.shape[1])
                for z in range(log_alpha_2.shape[0]):
                    terms[z] = log_alpha_2[z, u] + np.log(A[z][next_z])
                term = logsumexp(terms)
                following[next_z, u] = term
        following_2 = np.empty_like(following)
        for z in range(following.shape[0]):
            for next_u in range(following.shape[1]):
                terms_2 = np.empty(B.shape[1])
                for u in range(following.shape[1]):
                    terms_2[u] = following[z, u] + np.log(B[u][next_u])
                term = logsumexp(terms_2)
                # x ~ Normal(m + MU[z] + NU[u], 1.0)
                term += -0.5 * ((x[t] - (m + MU[z] + NU[next_u])) ** 2 + log_2pi)
                following_2[z, next_u] = term
        log_alpha_2 = following_2
    log_p += logsumexp(log_alpha_2)  # z0 ~ Categorical(A[0]), summed out
    return log_p
"""
    )


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_three_chains(jit) -> None:
    def three(x, B):
        m = vi.sample("m", dist.Normal(0.0, 1.0))
        a = 0
        b = vi.sample("b0", dist.Categorical(B[0]))
        c = vi.sample("c0", dist.Categorical(B[b]))
        for t in range(len(x)):
            a = vi.sample("a", dist.Categorical(B[a]))
            b = vi.sample("b", dist.Categorical(B[b]))
            c = vi.sample("c", dist.Categorical(B[(b + c) % 2]))
            vi.sample("x", dist.Normal(m * (a - b) + NU[c], 1.0), obs=x[t])

    x, m = X[:3], 0.7
    terms = []
    for path in itertools.product(range(2), repeat=12):
        a, b, c = path[:4], path[4:8], path[8:]
        term = np.log(B[0, b[0]] * B[b[0], c[0]]) if a[0] == 0 else -np.inf
        for t in range(3):
            moves = B[a[t], a[t + 1]] * B[b[t], b[t + 1]] * B[(b[t + 1] + c[t]) % 2, c[t + 1]]
            mean = m * (a[t + 1] - b[t + 1]) + NU[c[t + 1]]
            term += np.log(moves) + log_normal(x[t], mean)
        terms.append(term)
    joint = vi.log_joint(three, ["m"], jit=jit)
    value, d_m = srcdiff.value_and_grad(joint, jit=jit)(m, x, B)
    assert value == pytest.approx(log_normal(m) + logsumexp(terms), abs=1e-12)
    slope = (joint(m + 1e-6, x, B) - joint(m - 1e-6, x, B)) / 2e-6
    assert d_m == pytest.approx(slope, abs=1e-7)


# ---- plates of chains ------------------------------------------------------------------------


def in_a_loop(xs, A):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    for n in vi.plate("sequences", len(xs)):
        z = vi.sample("z0", dist.Categorical(A[0]))
        u = vi.sample("u0", dist.Categorical(B[1]))
        for t in range(xs.shape[1]):
            z = vi.sample("z", dist.Categorical(A[z]))
            u = vi.sample("u", dist.Categorical(B[u]))
            vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=xs[n, t])


def in_a_block(xs, A):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    with vi.plate("sequences", len(xs)):
        z = vi.sample("z0", dist.Categorical(A[0]))
        u = vi.sample("u0", dist.Categorical(B[1]))
        for t in range(xs.shape[1]):
            z = vi.sample("z", dist.Categorical(A[z]))
            u = vi.sample("u", dist.Categorical(B[u]))
            vi.sample("x", dist.Normal(m + MU[z] + NU[u], 1.0), obs=xs[:, t])


def one_chain_in_a_loop(xs, A):
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    for n in vi.plate("sequences", len(xs)):
        z = n % 2
        for t in range(xs.shape[1]):
            z = vi.sample("z", dist.Categorical(A[z]))
            vi.sample("x", dist.Normal(m + MU[z], 1.0), obs=xs[n, t])


def one_chain_in_a_block(xs, A):
    """Each item has a first state of its own."""
    m = vi.sample("m", dist.Normal(0.0, 1.0))
    with vi.plate("sequences", len(xs)):
        z = np.arange(len(xs)) % 2
        for t in range(xs.shape[1]):
            z = vi.sample("z", dist.Categorical(A[z]))
            vi.sample("x", dist.Normal(m + MU[z], 1.0), obs=xs[:, t])


@pytest.mark.parametrize(
    ("block", "loop"), [(in_a_block, in_a_loop), (one_chain_in_a_block, one_chain_in_a_loop)]
)
def test_chains_of_all_items_at_once(block, loop) -> None:
    at_once = vi.log_joint(block, ["m"], jit=False)(0.3, XS, A)
    one_by_one = vi.log_joint(loop, ["m"], jit=False)(0.3, XS, A)
    assert at_once == pytest.approx(one_by_one, abs=1e-12)
    halves = [vi.log_joint(f, ["m"], ["sequences"], jit=False)(0.3, 2.0, XS, A) for f in (block, loop)]  # fmt: skip
    prior = log_normal(0.3)
    assert halves == pytest.approx([2.0 * (at_once - prior) + prior] * 2, abs=1e-11)


# ---- what is refused -------------------------------------------------------------------------


def another_number(x, A):
    z = vi.sample("z0", dist.Categorical(A[0]))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(B[z]))
        vi.sample("x", dist.Normal(MU[z], 1.0), obs=x[t])


def counted_from_one(x, A):
    z = vi.sample("z0", dist.DiscreteUniform(1, 2))
    for t in range(len(x)):
        z = vi.sample("z", dist.DiscreteUniform(0 * z + 1, 2))
        vi.sample("x", dist.Normal(MU[z], 1.0), obs=x[t])


def used_between(x, A):
    z = vi.sample("z0", dist.Categorical(A[0]))
    u = vi.sample("u0", dist.Categorical(A[0]))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        mean = MU[u]
        u = vi.sample("u", dist.Categorical(A[u]))
        vi.sample("x", dist.Normal(mean, 1.0), obs=x[t])


def last_of_two(x, A):
    z = vi.sample("z0", dist.Categorical(A[0]))
    u = vi.sample("u0", dist.Categorical(A[0]))
    for _ in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        u = vi.sample("u", dist.Categorical(A[u]))
    vi.sample("x", dist.Normal(MU[u], 1.0), obs=x[0])


def listed(x, A):
    seen = []
    for _ in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[0]))
        seen.append(MU[z])
    vi.sample("x", dist.Normal(seen[0], 1.0), obs=x[0])


def written_by_a_view(x, A):
    seen = np.zeros((3, 2))
    for n in range(len(x)):
        row = seen[n]
        z = vi.sample("z", dist.Categorical(A[0]))
        row[0] = z
    vi.sample("x", dist.Normal(seen[0, 0], 1.0), obs=x[0])


def put(where, z):
    where[0] = z


def written_by_a_helper(x, A):
    seen = np.zeros((3, 2))
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[0]))
        put(seen[n], z)
    vi.sample("x", dist.Normal(seen[0, 0], 1.0), obs=x[0])


def added_up(x, A):
    """Within the block, but each value adds to what the one before has left."""
    total = np.zeros(2)
    z = vi.sample("z", dist.Categorical(A[0]))
    total[0] += MU[z]
    vi.sample("x", dist.Normal(total[0], 1.0), obs=x[0])


def in_a_dict(x, A):
    seen = {"z": 0.0}
    for _ in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[0]))
        seen.update(z=z)
    vi.sample("x", dist.Normal(seen["z"], 1.0), obs=x[0])


def begun_twice(x, A):
    z = vi.sample("z0", dist.Categorical(A[0]))
    z = vi.sample("z1", dist.Categorical(A[z]))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        vi.sample("x", dist.Normal(MU[z], 1.0), obs=x[t])


CHANGES = "this changes a value from before a choice that is summed out"
REFUSED = [
    *((f, CHANGES) for f in (written_by_a_view, written_by_a_helper, added_up, in_a_dict)),
    (
        another_number,
        "iterations pass on a choice among (3,) values, which is drawn again among (2,)",
    ),
    (counted_from_one, "iterations pass on a choice whose values are not counted from 0"),
    (used_between, "`mean` is used after the block, and may depend on `z`, which is summed out"),
    (last_of_two, "the last `u` is used after the loop, and is summed out"),
    (listed, CHANGES),
    (begun_twice, "a chain has one first draw before its loop"),
]


@pytest.mark.parametrize(("model", "message"), REFUSED)
def test_what_is_no_chain_is_refused(model, message) -> None:
    with pytest.raises(UnsupportedError) as error:
        vi.log_joint(model, [], jit=False)(X, A)
    assert message in str(error.value)
    assert error.value.line > 0
