"""Finite choices without a value: summed out by loops, against enumeration."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import srcdiff
from srcdiff import UnsupportedError, vi
from srcdiff.vi import dist
from srcdiff.vi.model.program_text import program
from srcdiff.vi.model.semantics import LogJoint

RNG = np.random.default_rng(3)
X = RNG.normal(size=5)
PI = np.array([0.2, 0.3, 0.5])
MU = np.array([-1.0, 0.3, 0.7])
A = RNG.dirichlet(np.ones(3), size=3)
PRIOR = stats.norm.logpdf(MU).sum()


def by_loop(x, pi):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(pi))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x[n])


def by_plate(x, pi):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    with vi.plate("data", len(x)):
        z = vi.sample("z", dist.Categorical(pi))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x)


def of_mixture() -> float:
    terms = np.log(PI) + stats.norm.logpdf(X[:, None], MU)
    return float(PRIOR + logsumexp(terms, axis=1).sum())


def branching(x, pi):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    z = vi.sample("z", dist.Categorical(pi))
    if z > 1:
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x)
    b = vi.sample("b", dist.Bernoulli(0.3))
    vi.sample("w", dist.Normal(mu[z] + b, 1.0), obs=0.3)


def of_branching() -> float:
    terms = []
    for z, b in itertools.product(range(3), range(2)):
        term = np.log(PI[z]) + np.log([0.7, 0.3][b]) + stats.norm.logpdf(0.3, MU[z] + b)
        terms.append(term + (stats.norm.logpdf(X, MU[z]).sum() if z > 1 else 0.0))
    return float(PRIOR + logsumexp(terms))


def hidden_markov(x, pi, A):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    z = vi.sample("z0", dist.Categorical(pi))
    vi.sample("x0", dist.Normal(mu[z], 1.0), obs=x[0])
    for t in range(1, len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x[t])


def of_hidden_markov() -> float:
    terms = []
    for z in itertools.product(range(3), repeat=5):
        moves = sum(np.log(A[a, b]) for a, b in itertools.pairwise(z))
        terms.append(np.log(PI[z[0]]) + moves + stats.norm.logpdf(X, MU[list(z)]).sum())
    return float(PRIOR + logsumexp(terms))


def driven(x, pi, A):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    z = vi.sample("z0", dist.Categorical(pi))
    vi.sample("x0", dist.Normal(mu[z], 1.0), obs=x[0])
    for t in range(1, len(x)):
        scores = A * np.tanh(x[t - 1])
        z = vi.sample("z", dist.Categorical(logits=scores[z]))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x[t])


def from_a_known_state(x, A):
    mu = vi.sample("mu", dist.Normal(np.zeros(3), 1.0))
    z = 2
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x[n])


def of_chains_from_a_known_state() -> float:
    terms = []
    for z in itertools.product(range(3), repeat=5):
        moves = sum(np.log(A[a, b]) for a, b in itertools.pairwise((2, *z)))
        terms.append(moves + stats.norm.logpdf(X, MU[list(z)]).sum())
    return float(PRIOR + logsumexp(terms))


def of_driven() -> float:
    terms = []
    scores = A * np.tanh(X[:-1, None, None])
    log_moves = scores - logsumexp(scores, axis=-1, keepdims=True)
    for z in itertools.product(range(3), repeat=5):
        moves = sum(log_moves[t][z[t], z[t + 1]] for t in range(4))
        terms.append(np.log(PI[z[0]]) + moves + stats.norm.logpdf(X, MU[list(z)]).sum())
    return float(PRIOR + logsumexp(terms))


CASES = [
    (driven, (X, PI, A), of_driven),
    (by_loop, (X, PI), of_mixture),
    (by_plate, (X, PI), of_mixture),
    (branching, (X, PI), of_branching),
    (hidden_markov, (X, PI, A), of_hidden_markov),
    (from_a_known_state, (X, A), of_chains_from_a_known_state),
]


@pytest.mark.parametrize(("model", "data", "enumerated"), CASES)
def test_sums_equal_enumeration(model, data, enumerated) -> None:
    joint = vi.log_joint(model, ["mu"], jit=False)
    assert joint(MU, *data) == pytest.approx(enumerated(), abs=1e-12)
    d_mu = srcdiff.grad(joint, jit=False)(MU, *data)
    for k in range(3):
        step = 1e-6 * np.eye(3)[k]
        slope = (joint(MU + step, *data) - joint(MU - step, *data)) / 2e-6
        assert d_mu[k] == pytest.approx(slope, abs=1e-7)


def test_a_chain_is_the_forward_recursion() -> None:
    source = vi.log_joint(hidden_markov, ["mu"], jit=False).source_for(MU, X, PI, A)
    recursion = source.partition("    for t in range(1, len(x)):\n")[2]
    assert (
        recursion
        == """\
        following = np.empty_like(log_alpha)
        for next_z in range(len(log_alpha)):
            terms = np.empty_like(log_alpha)
            for z, (log_alpha_item, A_row) in enumerate(zip(log_alpha, A)):
                terms[z] = log_alpha_item + np.log(A_row[next_z])
            term = logsumexp(terms)
            term += -0.5 * ((x[t] - mu[next_z]) ** 2 + log_2pi)  # x ~ Normal(mu[z], 1.0)
            following[next_z] = term
        log_alpha = following
    log_p += logsumexp(log_alpha)  # z0 ~ Categorical(pi), summed out
    return log_p
"""
    )


def test_sums_compile() -> None:
    joint = vi.log_joint(hidden_markov, ["mu"], jit=True)
    value, d_mu = srcdiff.value_and_grad(joint, jit=True)(MU, X, PI, A)
    plain = srcdiff.grad(vi.log_joint(hidden_markov, ["mu"], jit=False), jit=False)(MU, X, PI, A)
    assert value == pytest.approx(of_hidden_markov(), abs=1e-12)
    np.testing.assert_allclose(d_mu, plain, rtol=1e-10)


def test_a_choice_with_a_value_is_not_summed_out() -> None:
    z = np.array([0, 2, 1, 1, 0])
    joint = vi.log_joint(by_loop, ["mu", "z"], jit=False)
    expected = PRIOR + (np.log(PI[z]) + stats.norm.logpdf(X, MU[z])).sum()
    assert joint(MU, z, X, PI) == pytest.approx(expected, abs=1e-12)


def test_a_sum_within_a_subsampled_plate_is_scaled_as_a_whole() -> None:
    joint = vi.log_joint(by_plate, ["mu"], ["data"], jit=False)
    assert joint(MU, 2.0, X, PI) == pytest.approx(PRIOR + 2.0 * (of_mixture() - PRIOR), abs=1e-12)


# ---- what is refused ---------------------------------------------------------------------------


def used_later(x, pi):
    s = 0.0
    for _ in range(len(x)):
        z = vi.sample("z", dist.Categorical(pi))
        s = s + z
    vi.sample("x", dist.Normal(s, 1.0), obs=x)


def stored(x, pi):
    out = np.zeros(len(x))
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(pi))
        out[n] = z
    vi.sample("x", dist.Normal(out, 1.0), obs=x)


def left_early(x, pi):
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(pi))
        if z > 1:
            break
        vi.sample("x", dist.Normal(z, 1.0), obs=x[n])


def block(pi):
    z = vi.sample("z", dist.Categorical(pi))
    return z + 0.0


def returned(x, pi):
    z = block(pi)
    vi.sample("x", dist.Normal(z, 1.0), obs=x)


def last_state_of_a_known_start(x, pi):
    z = 0
    for n in range(len(x)):
        z = vi.sample("z", dist.Categorical(np.outer(pi, pi)[z]))
        vi.sample("x", dist.Normal(z, 1.0), obs=x[n])
    vi.sample("last", dist.Normal(z, 1.0), obs=x[0])


def infinite(x, pi):
    z = vi.sample("z", dist.Poisson(2.0))
    vi.sample("x", dist.Normal(1.0 * z, 1.0), obs=x)


def computed_before(x, pi):
    z = vi.sample("z0", dist.Categorical(pi))
    for t in range(1, len(x)):
        double = 2.0 * z
        z = vi.sample("z", dist.Categorical(np.outer(pi, pi)[z]))
        vi.sample("x", dist.Normal(double, 1.0), obs=x[t])


def seen_before(x, pi):
    z = vi.sample("z0", dist.Categorical(pi))
    for t in range(1, len(x)):
        vi.sample("x", dist.Normal(0.0, 1.0), obs=x[t])
        z = vi.sample("z", dist.Categorical(np.outer(pi, pi)[z]))


def shift():
    return vi.sample("shift", dist.Normal(0.0, 1.0))


def drawn_before(x, pi):
    z = vi.sample("z0", dist.Categorical(pi))
    for t in range(1, len(x)):
        by = shift()
        z = vi.sample("z", dist.Categorical(np.outer(pi, pi)[z]))
        vi.sample("x", dist.Normal(z + by, 1.0), obs=x[t])


REFUSED = [
    (
        computed_before,
        "this stands before `z` is drawn again, and may draw or depend on the last `z`",
    ),
    (seen_before, "this stands before `z` is drawn again, and may draw"),
    (drawn_before, "this stands before `z` is drawn again, and may draw"),
    (used_later, "`s` is used after the block, and may depend on `z`"),
    (stored, "`out` is used after the block, and may depend on `z`"),
    (left_early, "this may leave the block, where `z` is summed out"),
    (returned, "this may depend on `z`, which is summed out"),
    (last_state_of_a_known_start, "the last `z` is used after the loop, and is summed out"),
    (infinite, "there is no value for the site 'z'"),
]


@pytest.mark.parametrize(("model", "message"), REFUSED)
def test_what_would_need_the_choice_behind_its_sum_is_refused(model, message) -> None:
    with pytest.raises(UnsupportedError) as error:
        vi.log_joint(model, [], jit=False)(X, PI)
    assert message in str(error.value)


class _Halved(LogJoint):
    def weighted(self, name, log_density):
        return 0.5 * log_density if name == "z" else log_density


class _Overriding(LogJoint):
    def sample(self, name, distribution, obs=None):
        return super().sample(name, distribution, obs)


def test_a_sum_counts_as_its_site_does() -> None:
    def run(handler):
        made = program(by_loop, "log_joint", ["mu"], handler, '{"mu": mu}, {}', "finish(_model)")
        return srcdiff.transform(made, "simplify", jit=False)(MU, X, PI)

    assert run(_Halved) == pytest.approx(PRIOR + 0.5 * (of_mixture() - PRIOR), abs=1e-12)
    with pytest.raises(UnsupportedError, match="there is no value for the site 'z'"):
        run(_Overriding)


def named_by_iterations(x, w):
    mu = vi.sample("mu", dist.Normal(np.zeros(2), 3.0))
    for k in range(3):
        z = vi.sample(f"z{k}", dist.Categorical(w))
        vi.sample(f"x{k}", dist.Normal(mu[z], 1.0), obs=x[k])


def test_sums_that_are_named_by_iterations_read_well() -> None:
    source = vi.log_joint(named_by_iterations, ["mu"], jit=False).source_for(
        np.zeros(2), np.ones(3), np.array([0.3, 0.7])
    )
    for k, name in enumerate(("terms", "terms_2", "terms_3")):
        assert f"log_p += logsumexp({name})  # z{k} ~ Categorical(w), summed out" in source
        assert f"# x{k} ~ Normal(mu[z], 1.0)" in source
    assert "terms_ " not in source


def switching(y):
    phi = vi.sample("phi", dist.Uniform(-1.0, 1.0))
    A = vi.sample("A", dist.Dirichlet(np.ones((2, 2))))
    z = vi.sample("first", dist.Categorical(np.array([0.5, 0.5])))
    for t in range(1, len(y)):
        z = vi.sample("z", dist.Categorical(A[z]))
        vi.sample("y", dist.Normal(phi * y[t - 1] + z, 0.5), obs=y[t])


@pytest.mark.long
def test_a_chain_is_read_again_by_every_program_of_it() -> None:
    """Sites, log-joint, bound and a second fit, compiled: none of them marks the tree that all of them read."""
    y = np.array([0.1, 1.2, 0.7, -0.4])
    first = vi.log_joint(switching, ["phi", "A"], jit=False)(0.5, np.full((2, 2), 0.5), y)
    found = [vi.elbo(switching, vi.MeanField(), "path", jit=jit) for jit in (False, True)]
    eps = vi.noise(found[0], np.random.default_rng(0), y)
    params = found[0].init(y, at={"phi": 0.5}, scale=1e-9)
    assert params.loc[0] == pytest.approx(np.log(3.0))
    grads = [bound.grad(params, eps, y) for bound in found]
    np.testing.assert_allclose(grads[0].loc, grads[1].loc, rtol=1e-12)
    log_dets = np.log(2.0 * 0.75 * 0.25) + 2.0 * np.log(0.25)  # of phi, and of both rows of A
    entropy = 3.0 * (np.log(1e-9) + 0.5 * (1.0 + np.log(2.0 * np.pi)))
    assert found[0](params, eps, y) == pytest.approx(first + log_dets + entropy, abs=1e-6)


def test_sums_over_values_that_are_not_counted_from_zero() -> None:
    """Against sums by hand: values are not places among the terms."""
    pdf = stats.norm.pdf

    def signs(y):
        s = vi.sample("s", dist.Rademacher(0.3))
        vi.sample("y", dist.Normal(0.7 * s, 1.0), obs=y)

    def faces(y):
        s = vi.sample("s", dist.DiscreteUniform(1, 3))
        t = vi.sample("t", dist.DiscreteUniform(s, 3))
        vi.sample("y", dist.Normal(1.0 * s * t, 1.0), obs=y)

    def one_hot(y):
        s = vi.sample("s", dist.OneHotCategorical(np.array([0.2, 0.8])))
        vi.sample("y", dist.Normal(s @ np.array([1.0, 2.0]), 1.0), obs=y)

    exact = {
        signs: 0.3 * pdf(0.4, 0.7) + 0.7 * pdf(0.4, -0.7),
        faces: sum(pdf(0.4, s * t) / (3 * (4 - s)) for s in (1, 2, 3) for t in range(s, 4)),
        one_hot: 0.2 * pdf(0.4, 1.0) + 0.8 * pdf(0.4, 2.0),
    }
    for model, value in exact.items():
        found = vi.log_joint(model, [], jit=False)(0.4)
        assert found == pytest.approx(np.log(value), rel=1e-12), model


def from_a_sign(y):
    z = vi.sample("z0", dist.Rademacher())
    for t in range(len(y)):
        z = vi.sample("z", dist.Bernoulli(0.5 + 0.1 * z))
        vi.sample("y", dist.Normal(1.0 * z, 1.0), obs=y[t])


def test_chains_from_values_that_are_not_counted_from_zero() -> None:
    with pytest.raises(UnsupportedError, match="whose values are not counted from 0"):
        vi.log_joint(from_a_sign, [], jit=False)(np.ones(3))
