"""Sums of exponentials as products of scaled probabilities: equal to the user's line wherever that is right."""

import mpmath
import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff

ON, OFF = {"scaled_probabilities": True}, {"scaled_probabilities": False}
INF = np.inf


def chain(log_pi, log_A, scores):
    log_alpha = log_pi + scores[0]
    for score in scores[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + score
    return logsumexp(log_alpha)


def backward_chain(log_pi, log_A, scores):
    log_beta = scores[0]
    for score in scores[1:]:
        log_beta = logsumexp(log_A + log_beta, axis=1) + score
    return logsumexp(log_pi + log_beta)


def by_hand(log_pi, log_A, scores):
    log_alpha = log_pi + scores[0]
    for t in range(1, len(scores)):
        total = np.sum(np.exp(log_A + log_alpha[:, np.newaxis] + scores[t]), axis=0)
        log_alpha = np.log(total)
    return np.log(np.sum(np.exp(log_alpha)))


def several_chains(log_pi, log_A, scores):
    log_alpha = log_pi + scores[0] * np.ones((2, 1))
    for score in scores[1:]:
        log_alpha = logsumexp(log_alpha[:, :, None] - log_A, axis=1) + score
    return np.sum(logsumexp(log_alpha, axis=1))


def of_matrices(log_pi, log_A, scores):
    pairs = logsumexp(scores[:, :, None] + log_A[None, :, :], axis=1, keepdims=True)
    return np.sum(np.sin(pairs)) + np.sum(log_pi)


def of_three_axes(log_pi, log_A, scores):
    cube = log_pi[:, None, None] + log_A[None] + scores[0][:, None] - 2.0
    return np.sum(np.cos(logsumexp(cube, axis=(0, 2))))


def of_weights_beside_each_other(log_pi, log_A, scores):
    log_alpha = log_pi
    for score in scores:
        log_alpha = logsumexp(log_alpha[:, None] - score[:, None] + log_A, axis=0)
    return logsumexp(log_alpha)


def not_summed_over(log_pi, log_A, scores):
    return np.sum(np.sin(logsumexp(log_pi[:, None] - scores[0], axis=0)))


def arguments(K=3, T=5, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: scale * rng.normal(size=shape)
    return draw(K), draw(K, K), draw(T, K)


PROGRAMS = [
    chain, backward_chain, by_hand, several_chains, of_matrices, of_three_axes, of_weights_beside_each_other,
    not_summed_over,
]  # fmt: skip


def both(f, *args, **options):
    """The results with and without the rewriting, by all arguments."""
    options = {"argnums": (0, 1, 2), "jit": False, "on_independent": "ignore", **options}
    return [srcdiff.value_and_grad(f, rewrite=r, **options)(*args) for r in (ON, OFF)]


def assert_close(found, wanted, rtol=1e-12):
    scale = max(float(np.max(np.abs(d))) for d in wanted[1])
    np.testing.assert_allclose(found[0], wanted[0], rtol=rtol)
    for d, e in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(d, e, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("f", PROGRAMS)
def test_is_what_the_line_says(f):
    args = arguments()
    assert_close(*both(f, *args))
    g = srcdiff.value_and_grad(f, jit=False, rewrite=ON, argnums=(0, 1, 2), on_independent="ignore")
    assert any("scaled_probabilities" in line for line in srcdiff.explain(g, *args).rewritten)


def test_nothing_is_done_where_nothing_is_won():
    def mixture(w, x):
        return np.sum(logsumexp(w + x, axis=1))

    def once(log_pi, log_A):
        return np.sum(logsumexp(log_pi[:, None] + log_A, axis=0))

    def changing(log_pi, log_As):
        for log_A in log_As:
            log_pi = logsumexp(log_pi[:, None] + log_A, axis=0)
        return np.sum(log_pi)

    x = np.ones((3, 3))
    for f, args in ((mixture, (x[0], x)), (once, (x[0], x)), (changing, (x[0], x[None]))):
        g = srcdiff.grad(f, jit=False, rewrite=ON)
        assert srcdiff.explain(g, *args).rewritten == ()


def test_the_readable_form_is_the_users_by_default():
    args = arguments()
    assert "np.log(" not in srcdiff.grad(chain, jit=False).source_for(*args)
    text = srcdiff.value_and_grad(chain, jit=False, rewrite=ON).source_for(*args)
    front, loop = text.split("for i, score in", 1)
    assert "weights = np.exp(log_A - shift)" in front
    assert "logsumexp(log_alpha[:, None] + log_A, axis=0)" in loop.partition("else:")[2]


LEFT_TO_RIGHT = (
    np.array([0.0, -INF, -INF]),
    np.array([[-0.5, -1.0, -INF], [-INF, -0.3, -1.5], [-INF, -INF, 0.0]]),
    arguments()[2],
)
NEVER_REACHED = (np.array([0.0, -INF, 0.5]), np.array([[0.1, -INF, 0.3], [0.2, -INF, 0.0], [-1.0, -INF, 0.0]]),
                 arguments()[2])  # fmt: skip
NOWHERE = (np.full(3, -INF), arguments()[1], arguments()[2])
NO_WAY = (arguments()[0], np.full((3, 3), -INF), arguments()[2])
FAR_VALUES = (np.array([0.0, -900.0, -2000.0]), arguments()[1], arguments(scale=300.0)[2])
ONE_WAY = (np.array([0.0, -900.0, 3.0]), np.array([[0.0, -INF, 0.0], [0.0, 0.0, 0.0], [0.0, -INF, 0.0]]),
           arguments()[2])  # fmt: skip
STEEP = (arguments()[0], np.array([[0.0, -800.0, 5.0], [-1500.0, 0.0, 1.0], [-800.0, -3000.0, 2.0]]),
         arguments()[2])  # fmt: skip


@pytest.mark.parametrize("f", [chain, backward_chain])
@pytest.mark.parametrize(
    "args",
    [LEFT_TO_RIGHT, NEVER_REACHED, NOWHERE, NO_WAY, FAR_VALUES, ONE_WAY, STEEP],
    ids=["left to right", "never reached", "nowhere", "no way", "far", "one way", "steep"],
)
def test_extremes(f, args):
    assert_close(*both(f, *args), rtol=1e-12)


def exact(log_pi, log_A, scores):
    """log Z and its derivatives with many digits."""
    with mpmath.workdps(60):

        def log_z(pi, A, b):
            K = len(pi)
            p = [mpmath.exp(pi[i] + b[0][i]) for i in range(K)]
            for row in b[1:]:
                p = [sum(p[i] * A[i][j] for i in range(K)) * mpmath.exp(row[j]) for j in range(K)]
            return mpmath.log(sum(p))

        pi = [mpmath.mpf(x) for x in log_pi]
        A = [[mpmath.exp(mpmath.mpf(x)) for x in row] for row in log_A]
        b = [[mpmath.mpf(x) for x in row] for row in scores]
        value, K, eps = log_z(pi, A, b), len(pi), mpmath.mpf(10) ** -25
        grown = lambda i, j: [
            [x * mpmath.exp(eps * ((r, c) == (i, j))) for c, x in enumerate(row)]
            for r, row in enumerate(A)
        ]
        d_A = [
            [float((log_z(pi, grown(i, j), b) - value) / eps) for j in range(K)] for i in range(K)
        ]
        return float(value), np.array(d_A)


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_against_many_digits(scale, seed):
    args = arguments(T=4, seed=seed, scale=scale)
    value, d_A = exact(*args)
    found = srcdiff.value_and_grad(chain, argnums=1, jit=False, rewrite=ON)(*args)
    assert found[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(found[1], d_A, rtol=1e-12 * max(1.0, scale / 1e2), atol=1e-20)


def test_single_precision():
    args = tuple(a.astype(np.float32) for a in arguments(scale=20.0))
    found, wanted = both(chain, *args)
    assert_close(found, wanted, rtol=3e-5)
    assert all(d.dtype == np.float32 for d in found[1])
    dark = (np.array([0.0, -60.0, -99.0], np.float32), *args[1:])
    assert_close(*both(chain, *dark), rtol=3e-5)


def test_no_states_and_no_iterations():
    args = arguments(T=1)
    assert_close(*both(chain, *args))
    A = np.ones((3, 3))
    A[0] = np.nan
    found, wanted = both(chain, arguments()[0], A, arguments()[2])
    assert np.isnan(found[0]) and np.isnan(wanted[0])


def test_other_derivatives():
    args = arguments()
    v = tuple(np.cos(np.arange(a.size)).reshape(a.shape) for a in args)
    for make in (
        lambda r: srcdiff.jvp(chain, args, v, jit=False, rewrite=r),
        lambda r: srcdiff.hvp(chain, argnums=1, jit=False, rewrite=r)(*args, v[1]),
        lambda r: srcdiff.hessian(chain, argnums=0, jit=False, rewrite=r)(*args),
    ):
        for a, b in zip(np.atleast_1d(make(ON)), np.atleast_1d(make(OFF)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.long
def test_compiled_code_has_it():
    for args in (arguments(K=5), LEFT_TO_RIGHT):
        g = srcdiff.value_and_grad(chain, argnums=(0, 1, 2), jit=True)
        wanted = srcdiff.value_and_grad(chain, argnums=(0, 1, 2), jit=False)(*args)
        assert_close(g(*args), wanted)
        assert "> 1e-200" in g.loop_source


def test_may_be_switched_off():
    options = {"argnums": (0, 1, 2), "jit": True, "rewrite": OFF}
    assert "> 1e-200" not in srcdiff.value_and_grad(chain, **options).loop_source_for(*arguments())
