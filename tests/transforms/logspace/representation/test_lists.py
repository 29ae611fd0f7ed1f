"""Lists of exponentials whose sums logarithms are taken of: what is right at extremes, and what stays as it is."""

import numpy as np
import pytest
from scipy.special import logsumexp
from transforms.sources import agrees

import srcdiff

X = np.array([3.0, 1000.0, -5.0])
W = np.array([0.5, 0.2, 0.3])


def by_hand(x, w):
    es = []
    for a in x:
        es.append(2.0 * np.exp(a))
    return np.log(sum(es))


def comprehension(x, w):
    return np.log(np.sum([np.exp(a) for a in x]))


def mixture(x, w):
    densities = [w[k] * np.exp(-0.5 * (x - k) ** 2) for k in range(3)]
    return np.sum(np.log(sum(densities)))


def stacked(x, w):
    rows = []
    for k in range(3):
        rows.append(np.exp(-0.5 * (x - k) ** 2))
    return np.sum(np.log(np.sum(np.stack(rows), axis=0)))


def shares(x):
    return np.exp(x - logsumexp(x))


def squares(x, w):
    """log(sum_k w_k exp(-(x - k)^2 / 2)) for each x, added, and its derivative."""
    a = -0.5 * (x[:, None] - np.arange(3)) ** 2 + np.log(w)
    p = np.exp(a - logsumexp(a, axis=1, keepdims=True))
    return np.sum(logsumexp(a, axis=1)), np.sum(p * (np.arange(3) - x[:, None]), axis=1)


CASES = {
    by_hand: lambda x, w: (np.log(2.0) + logsumexp(x), shares(x)),
    comprehension: lambda x, w: (logsumexp(x), shares(x)),
    mixture: squares,
    stacked: lambda x, w: squares(x, np.ones(3)),
}


@pytest.mark.parametrize("f", CASES)
def test_nothing_overflows_and_nothing_vanishes(f):
    g = srcdiff.value_and_grad(f, jit=False)
    for x in (X, -X, X / 1000.0):
        (value, slopes), (wanted, also) = g(x, W), CASES[f](x, W)
        assert value == pytest.approx(wanted, rel=1e-14)
        np.testing.assert_allclose(slopes, also, rtol=1e-12)


def test_compiled():
    def all_of_them(x, w):
        return by_hand(x, w) + comprehension(x, w) + mixture(x, w)

    value, slopes = srcdiff.value_and_grad(all_of_them, jit=True)(X, W)
    expected = [CASES[f](X, W) for f in (by_hand, comprehension, mixture)]
    assert value == pytest.approx(sum(v for v, _ in expected), rel=1e-14)
    np.testing.assert_allclose(slopes, sum(s for _, s in expected), rtol=1e-12)


def storage_that_changes(x):
    y = x.copy()
    es = []
    for k in range(3):
        y += 0.5 * k
        es.append(np.exp(y))
    return np.sum(np.log(sum(es)))


def of_either_sign(x):
    es = []
    for a in x:
        es.append(-3.0 * np.exp(a))
    return np.log(-sum(es))


def read_otherwise(x):
    es = [np.exp(a) for a in x]
    return np.log(sum(es)) + es[0]


def one_that_is_none(x):
    es = [np.exp(a) for a in x]
    es.append(1.0)
    return np.log(sum(es))


@pytest.mark.parametrize("f", [storage_that_changes, one_that_is_none])
def test_lists_of_what_changes_or_is_none_are_of_exponents_where_a_loop_adds_them_up(f):
    x = np.array([0.6, 1.0, -0.5])
    g = srcdiff.value_and_grad(f, jit=False)
    (value, slopes), (same, also) = g(x), srcdiff.value_and_grad(f, jit=False, rewrite=False)(x)
    assert value == pytest.approx(same, rel=1e-14)
    np.testing.assert_allclose(slopes, also, rtol=1e-13)
    value, slopes = g(x + 1000.0)
    assert 1000.0 < value < 3010.0
    assert np.all(slopes > 0.1)


@pytest.mark.parametrize("f", [of_either_sign, read_otherwise])
def test_other_lists_stay(f):
    x = np.array([0.6, 1.0, -0.5])
    g = srcdiff.value_and_grad(f, jit=False)
    (value, slopes), (same, also) = g(x), srcdiff.value_and_grad(f, jit=False, rewrite=False)(x)
    assert "log_es" not in g.source and "exponents" not in g.source
    assert value == pytest.approx(same, rel=1e-14)
    np.testing.assert_allclose(slopes, also, rtol=1e-13)


REAL = (
    "np.real(z)", "np.imag(z) - 3.0", "np.abs(z)", "abs(z) ** 2", "(z * np.conj(z)).real", "z.real + z.imag",
    "np.sum(np.real(z**2))", "np.real(z**4) / np.pi", "np.angle(z)",
)  # fmt: skip
USES = (
    "P[0] * P[1]", "np.sum(np.array(P))", "np.log(P[0] ** 2)", "np.sqrt(P[0] ** 2 + P[1] ** 2)", "P[0] / P[1]", "np.prod(P)",
    "np.log(np.exp(P[0]) + np.exp(P[-1]))", "sum(p * p for p in P)",
)  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("real", REAL)
def test_lists_of_real_numbers_made_of_complex_ones(real, use):
    """An even power of a complex number has no sign, and the real part of one has the sign that it has."""
    agrees(
        f"""
        def f(x):
            P = []
            for j in range(1, 4):
                z = np.sum(np.exp(-1j * x * j) / (1j * x))
                P.append({real})
            return {use}
        """,
        np.array([0.5, 1.1]),
    )
