"""Distributions of `scipy.stats`: read as text, compiled, to second order; `test_composites` has their values."""

import numpy as np
import pytest
from corpus_loader import finite_difference_grad
from scipy import special, stats
from transforms.sources import source

import srcdiff

X = np.array([0.2, 0.7, 1.6, 2.4])
COUNTS = np.array([0, 1, 3, 2])


def densities(mu, s, x):
    total = stats.norm.logpdf(x, mu, s) + stats.t.logpdf(x, 4.0, loc=mu, scale=s)
    total = total + stats.gamma.logpdf(x, s, scale=mu) + stats.lognorm.logpdf(x, s, scale=mu)
    total = total + stats.laplace.logpdf(x, mu, s) + stats.cauchy.logpdf(x, mu, s)
    total = total + stats.expon.logpdf(x, scale=s) + stats.weibull_min.logpdf(x, s, scale=mu)
    total = total + stats.invgamma.logpdf(x, s, scale=mu) + stats.chi2.logpdf(x, df=mu)
    return np.sum(total + stats.beta.logpdf(x / 3.0, mu, s))


def tails(mu, s, x):
    total = stats.norm.logcdf(x, mu, s) + stats.norm.logsf(x, mu, s) + stats.t.cdf(x, 4.0, mu, s)
    total = total + stats.gamma.sf(x, 2.0, scale=s) + stats.weibull_min.logcdf(x, s, scale=mu)
    return np.sum(total + stats.expon.logsf(x, scale=s))


def counts(mu, s, k):
    total = stats.poisson.logpmf(k, mu) + stats.binom.logpmf(k, 5, 0.2 * s)
    return np.sum(total + stats.poisson.logcdf(k, mu) + stats.binom.sf(k, 5, 0.2 * s))


@pytest.mark.parametrize("f", [densities, tails, counts], ids=lambda f: f.__name__)
def test_second_derivatives(f):
    data = COUNTS if f is counts else X
    srcdiff.check_grads(lambda mu, s: f(mu, s, data), 1.3, 0.9, order=2)


def common(mu, s, x):
    total = stats.norm.logpdf(x, mu, s) + stats.gamma.logpdf(x, s, scale=mu)
    return np.sum(total + stats.expon.logsf(x, scale=s) + stats.gamma.cdf(x, 2.0, scale=s))


def agrees_compiled(f):
    data = COUNTS if f is counts else X
    compiled, plain = (srcdiff.grad(f, argnums=(0, 1), jit=jit) for jit in (True, False))
    np.testing.assert_allclose(compiled(1.3, 0.9, data), plain(1.3, 0.9, data), rtol=1e-12)


def test_compiled_derivatives_are_those_of_numpy():
    agrees_compiled(common)


@pytest.mark.slow
@pytest.mark.parametrize("f", [densities, tails, counts], ids=lambda f: f.__name__)
def test_all_compiled_derivatives_are_those_of_numpy(f):
    agrees_compiled(f)


def test_the_normal_score_reads_as_in_a_textbook():
    def f(mu, sigma, x):
        return np.sum(stats.norm.logpdf(x, mu, sigma))

    source = srcdiff.grad(f, argnums=(0, 1), jit=False).source_for(0.5, 2.0, X)
    assert "z = (x - mu) / sigma\n" in source
    assert "scipy" not in source


def test_a_beta_binomial_log_likelihood():
    def f(a, b, k, n):
        return np.sum(special.betaln(k + a, n - k + b)) - len(k) * special.betaln(a, b)

    srcdiff.check_grads(lambda a, b: f(a, b, COUNTS, 5), 1.3, 0.9, order=2)


def test_outside_of_the_support_parameters_have_no_say():
    def f(mu, x):
        return stats.expon.cdf(x, loc=mu)[0] + np.sum(stats.uniform.pdf(x, loc=mu))

    gradient = srcdiff.grad(f, argnums=(0, 1), jit=False)
    d_mu, d_x = gradient(1.0, np.array([0.5, 3.0]))
    assert d_mu == 0.0
    np.testing.assert_array_equal(d_x, [0.0, 0.0])


def test_a_distribution_function_has_a_derivative_by_its_shape():
    slope = srcdiff.grad(lambda a: stats.gamma.cdf(1.0, a), jit=False)(2.0)
    h = 1e-6
    expected = (stats.gamma.cdf(1.0, 2.0 + h) - stats.gamma.cdf(1.0, 2.0 - h)) / (2.0 * h)
    np.testing.assert_allclose(slope, expected, rtol=1e-8)


def test_orders_without_a_formula_are_errors():
    with pytest.raises(srcdiff.UnsupportedError, match="derivative of hurwitz_zeta with respect"):
        srcdiff.grad(lambda s: special.zeta(s, 2.0), jit=False)(2.0)


def at_the_ends(p):
    top = (
        stats.bernoulli.logsf(1, p),
        stats.binom.logsf(5, 5, p),
        stats.binom.logsf(np.array([2, 5, 7]), 5, p[0]),
    )
    none = (
        stats.binom.logcdf(-1, 5, p),
        stats.poisson.logcdf(-1, p),
        stats.bernoulli.logcdf(-0.5, p),
    )
    return np.sum(np.concatenate([np.exp(v) * 2.0 for v in top + none]) + top[1][0] + none[2][1])


@pytest.mark.long
@pytest.mark.parametrize("jit", [False, True])
def test_what_cannot_be_has_no_derivative_in_either_mode(jit):
    p = np.array([0.3, 0.6])
    gradient = srcdiff.grad(at_the_ends, jit=jit)(p)
    tangents = [srcdiff.jvp(at_the_ends, (p,), (v,), jit=jit)[1] for v in np.eye(2)]
    np.testing.assert_allclose(tangents, gradient, rtol=1e-12)
    np.testing.assert_allclose(gradient, [2.0 * 30 * 0.3**2 * 0.7**2, 0.0], rtol=1e-10)


def of_lists(x):
    total = np.sum(stats.norm.logpdf([1.0, 2.0], x[0], scale=[0.5, 3.0])) + stats.dirichlet.logpdf(
        [0.3, 0.7], [x[1], 1.0]
    )
    total += np.sum(stats.poisson.logpmf([2, 3], x[1], loc=[0, 1])) + np.sum(
        stats.gamma.logsf(x, (2.0, 3.0))
    )
    return total + stats.multivariate_normal.logpdf(
        [1.0, x[0]], [0.0, x[1]], [[2.0, x[0]], [x[0], 1.0]]
    )


def test_distributions_take_lists():
    x = np.array([0.4, 1.2])
    value, gradient = srcdiff.value_and_grad(of_lists, jit=False)(x)
    np.testing.assert_allclose(value, of_lists(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, finite_difference_grad(of_lists, (x,), 0), rtol=1e-6)


def censored(shape, loc, scale):
    """Interval-censored likelihoods, of which bounds may be infinite."""
    low = np.array([-np.inf, 0.7, 1.1])
    high = np.array([0.9, np.inf, 2.0])
    total = np.sum(np.log(stats.norm.cdf(high, loc, scale) - stats.norm.cdf(low, loc, scale)))
    total += np.sum(np.log(stats.norm.sf(low, loc, scale) - stats.norm.sf(high, loc, scale)))
    total += np.sum(np.log(stats.cauchy.cdf(high, loc, scale) - stats.cauchy.cdf(low, loc, scale)))
    total += np.sum(stats.expon.cdf(high, 0.1, scale) - stats.laplace.sf(low, loc, scale))
    for d in (stats.t, stats.gamma, stats.chi2, stats.lognorm, stats.weibull_min, stats.invgamma):
        total += np.sum(np.log(d.cdf(high, shape, 0.1, scale) - d.cdf(low, shape, 0.1, scale)))
        total += np.sum(d.sf(low, shape, 0.1, scale) + d.logcdf(high, shape, 0.1, scale))
    return total


@pytest.mark.long
@pytest.mark.parametrize("jit", [False, True])
def test_infinite_bounds_do_not_move_with_the_scale(jit):
    args = 1.7, 0.2, 1.3
    with np.errstate(all="ignore"):
        expected = [finite_difference_grad(censored, args, k) for k in range(3)]
        found = srcdiff.grad(censored, argnums=(0, 1, 2), jit=jit)(*args)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        _, moved = srcdiff.jvp(censored, args, (0.3, -0.2, 0.5), jit=jit)
    np.testing.assert_allclose(moved, np.dot(expected, (0.3, -0.2, 0.5)), rtol=1e-6)


def of_unknown(x):
    continuous = [
        stats.norm.cdf(x),
        stats.t.cdf(x, 3.5),
        stats.t.logsf(x, 3.5),
        stats.expon.logpdf(x),
    ]
    continuous += [
        stats.gamma.pdf(x, 2.5),
        stats.gamma.logcdf(x, 2.5),
        stats.beta.sf(x, 2.5, 1.5),
        stats.uniform.pdf(x),
    ]
    counted = [stats.poisson.logpmf(x, 2.0), stats.poisson.cdf(x, 2.0), stats.bernoulli.pmf(x, 0.3)]
    counted += [
        stats.bernoulli.sf(x, 0.3),
        stats.bernoulli.cdf(x, 0.3),
        stats.binom.logcdf(x, 5, 0.3),
    ]
    return np.array([*continuous, *counted, stats.binom.logsf(x, 5, 0.3)])


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("x", [np.nan, np.array([np.nan, 1.0])], ids=["number", "array"])
def test_what_is_nan_has_no_probability(x, jit):
    value, _ = srcdiff.jvp(of_unknown, (x,), (x,), jit=jit)
    np.testing.assert_allclose(value, of_unknown(x), rtol=1e-12)


def middle(m, s):
    laplace = stats.laplace
    return laplace.cdf(0.5, m, s) - 2.0 * laplace.sf(0.5, m, s) + laplace.logcdf(0.5, m, s)


def test_cumulative_functions_of_laplace_have_no_kink():
    slopes = srcdiff.grad(middle, argnums=(0, 1), jit=False)(0.5, 1.7)
    np.testing.assert_allclose(slopes, (-2.5 / 1.7, 0.0), rtol=1e-12)
    tangent = srcdiff.jvp(middle, (0.5, 1.7), (1.0, 0.0), jit=False)[1]
    np.testing.assert_allclose(tangent, -2.5 / 1.7, rtol=1e-12)


def far(a, mu):
    cumulative = stats.gamma.cdf(1e300, a) + stats.gamma.sf(1e300, a) + stats.chi2.cdf(1e300, a)
    return cumulative + stats.poisson.cdf(np.inf, mu) + stats.poisson.sf(np.inf, mu)


def test_far_out_nothing_moves_with_the_parameters():
    assert srcdiff.grad(far, argnums=(0, 1), jit=False)(2.5, 3.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    "roots", [np.eye(3), np.ones((3, 1)), np.arange(6.0).reshape(3, 2), np.diag([1.0, 0.0, 2.0])]
)
def test_normal_densities_on_a_subspace_are_those_of_scipy(roots):
    """The covariance matrix may be singular, and have equal eigenvalues."""
    points = np.array([[0.3, -0.5], [1.0, 0.2]]) @ roots.T[:2] if roots.shape[1] > 1 else roots.T

    def f(roots, points):
        cov = roots @ roots.T
        inside = stats.multivariate_normal.logpdf(points, points[0] * 0.5, cov, allow_singular=True)
        return np.sum(inside) + np.sum(stats.multivariate_normal.pdf(points, None, cov, True))

    value, gradient = srcdiff.value_and_grad(f, jit=False)(roots, points)
    assert value == pytest.approx(f(roots, points))
    move = 0.1 * roots  # the points stay in the range of the matrix
    change = (f(roots + 1e-5 * move, points) - f(roots - 1e-5 * move, points)) / 2e-5
    np.testing.assert_allclose(np.sum(gradient * move), change, rtol=1e-6)
    outside = points + np.linalg.svd(roots)[0][:, 2]
    expected = stats.multivariate_normal.logpdf(outside, None, roots @ roots.T, True)
    found = srcdiff.vjp(stats.multivariate_normal.logpdf, outside, None, roots @ roots.T, True)[0]
    np.testing.assert_allclose(found, expected)


MADE = {
    "stats.norm(m, s).logpdf(x)": "stats.norm.logpdf(x, m, s)",
    "stats.norm(scale=s, loc=m).pdf(x)": "stats.norm.pdf(x, m, s)",
    "stats.norm().cdf(x)": "stats.norm.cdf(x)",
    "stats.gamma(s, scale=m**2).logpdf(x**2)": "stats.gamma.logpdf(x**2, s, 0.0, m**2)",
    "stats.poisson(s).logpmf([1, 2]) * x": "stats.poisson.logpmf([1, 2], s) * x",
    "[d.logpdf(x[0]) for d in (stats.norm(m), stats.norm(0.0, s))]":
        "[stats.norm.logpdf(x[0], m), stats.norm.logpdf(x[0], 0.0, s)]",
    "stats.multivariate_normal(m * x, s * np.eye(2), allow_singular=True).logpdf(x)":
        "stats.multivariate_normal.logpdf(x, m * x, s * np.eye(2), True)",
}  # fmt: skip


@pytest.mark.parametrize("made", MADE)
def test_methods_of_a_distribution_with_its_parameters_are_those_of_all(made):
    f, of_all = (
        source(f"from scipy import stats\n\ndef f(x, m, s):\n    return np.sum({text})\n")
        for text in (made, MADE[made])
    )
    args = np.array([0.4, -0.7]), 0.6, 1.3
    found, expected = (
        srcdiff.grad(g, argnums=(0, 1, 2), jit=False, on_independent="ignore")(*args)
        for g in (f, of_all)
    )
    assert f(*args) == pytest.approx(of_all(*args))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)
