"""Logarithms of running sums and products: as mpmath's far out, as the user's own lines where these have all digits."""

import mpmath as mp
import numpy as np
import pytest
from rewriting.test_spellings import compare_with_mpmath, log_sum, softplus

import srcdiff


def weighted(v):
    return np.sum(v * np.arange(1.0, v.size + 1).reshape(v.shape))


def mp_weighted(v):
    return mp.fsum(k * a for k, a in enumerate(v, 1))


def running(logs):
    return [log_sum(logs[: k + 1]) for k in range(len(logs))]


def both(x):
    return [*x, *(-a for a in x)]


PRICES = np.array([2.0, 0.5, 4.0])


def of_rows(x):
    return weighted(np.log(np.cumsum(np.exp(np.stack((x, -x))), axis=-1)))


def of_columns(x):
    return weighted(np.log(np.cumsum(np.exp(np.stack((x, -x))), axis=0)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_prices(x):
    return [a + mp.log(p) for a, p in zip(x, PRICES, strict=True)]


def running_products(x):
    return [-mp.fsum(softplus(-a) for a in x[: k + 1]) for k in range(len(x))]


SPELLINGS = {
    "plain": (lambda x: weighted(np.log(np.cumsum(np.exp(x)))), lambda x: mp_weighted(running(x))),
    "last axis": (of_rows, lambda x: mp_weighted([*running(x), *running([-a for a in x])])),
    "first axis": (of_columns, lambda x: mp_weighted([*x, *(log_sum([a, -a]) for a in x)])),
    "no axis": (lambda x: weighted(np.log(np.cumsum(np.exp(np.stack((x, -x)))))), lambda x: mp_weighted(running(both(x)))),
    "scaled": (lambda x: weighted(np.log(3 * np.cumsum(2 * np.exp(-x) / 5))),
               lambda x: mp_weighted([a + mp.log(6) - mp.log(5) for a in running([-a for a in x])])),
    "weights": (lambda x: weighted(np.log((PRICES * np.exp(x)).cumsum())), lambda x: mp_weighted(running(log_prices(x)))),
    "sigmoids": (lambda x: weighted(np.log(np.add.accumulate(sigmoid(x)))),
                 lambda x: mp_weighted(running([-softplus(-a) for a in x]))),
    "from the end": (lambda x: weighted(np.log(np.flip(np.cumsum(np.flip(np.exp(x)))))),
                     lambda x: mp_weighted(running(x[::-1])[::-1])),
    "of running sums": (lambda x: weighted(np.log(np.cumsum(np.cumsum(np.exp(x))))), lambda x: mp_weighted(running(running(x)))),
    "one more": (lambda x: weighted(np.log1p(np.cumsum(np.exp(x)))),
                 lambda x: mp_weighted([softplus(a) for a in running(x)])),
    "products": (lambda x: weighted(np.log(np.cumprod(sigmoid(x)))), lambda x: mp_weighted(running_products(x))),
}  # fmt: skip
FAR = ([-1000.0, 0.5, 1000.0], [1000.0, 999.0, -1000.0], [-800.0, -801.0, -799.0], [0.5, -1.0, 2.0])


@pytest.mark.parametrize("name", SPELLINGS)
def test_running_sums_are_as_exact_as_their_terms(name):
    f, exact = SPELLINGS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for x in FAR:
        compare_with_mpmath(g, exact, x)


def plain(x):
    return weighted(np.log(np.cumsum(np.exp(x), axis=0)))


SHAPES = [(shape, False) for shape in [(1,), (7,), (0,), (4, 3), (2, 3, 2), (0, 2)]]


@pytest.mark.parametrize(("shape", "jit"), [*SHAPES, ((7,), True), ((4, 3), True)])
def test_near_by_it_is_the_users_line(shape, jit):
    x = np.random.default_rng(0).normal(size=shape)
    found = srcdiff.value_and_grad(plain, jit=jit)(x)
    wanted = srcdiff.value_and_grad(plain, jit=False, rewrite=False)(x)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-14)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13)


@pytest.mark.parametrize("jit", [False, True])
def test_all_derivatives_are_of_what_is_computed(jit):
    near, far = np.array([0.3, -1.0, 2.0]), np.array([600.3, 599.0, 602.0])
    hessian = srcdiff.hessian(plain, jit=jit)
    np.testing.assert_allclose(hessian(far), hessian(near), rtol=1e-11, atol=1e-12)
    _, tangent = srcdiff.jvp(plain, (far,), (np.ones(3),), jit=jit)
    np.testing.assert_allclose(tangent, 6.0, rtol=1e-14)


@pytest.mark.parametrize("jit", [False, True])
def test_nothing_comes_of_exponents_that_are_infinite(jit):
    x = np.array([-np.inf, -np.inf, -800.0, -np.inf, 1.0])
    value, d_x = srcdiff.value_and_grad(
        lambda x: np.sum(np.log(np.cumsum(np.exp(x)))[2:]), jit=jit
    )(x)
    assert value == -1599.0
    np.testing.assert_array_equal(d_x, [0.0, 0.0, 2.0, 0.0, 1.0])


def test_what_is_no_number_shows():
    x = np.array([0.5, np.nan, 1000.0])
    with np.errstate(over="ignore", invalid="ignore"):
        value, _ = srcdiff.value_and_grad(lambda x: np.log(np.cumsum(np.exp(x)))[-1], jit=False)(x)
    assert np.isnan(value)


@pytest.mark.parametrize("jit", [False, True])
def test_narrow_numbers_stay_narrow(jit):
    x = np.array([-90.0, -91.0, 95.0], np.float32)
    g = srcdiff.value_and_grad(lambda x: np.sum(np.log(np.cumsum(np.exp(x)))), jit=jit)
    value, d_x = g(x)
    assert d_x.dtype == np.float32
    np.testing.assert_allclose(value, -90.0 + (-90.0 + np.log1p(np.exp(-1.0))) + 95.0, rtol=1e-6)
    np.testing.assert_allclose(
        d_x, [1.0 + 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(1.0)), 1.0], rtol=1e-5
    )


def test_weights_of_any_sign_are_summed_as_they_are():
    w, x = np.array([2.0, -1.0, 3.0]), np.array([1000.0, 1000.0, 999.0])

    def f(w, x):
        return np.sum(np.log(np.cumsum(w * np.exp(x))))

    value, (d_w, d_x) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(w, x)
    shifted, (d_w_shifted, d_x_shifted) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(
        w, x - 1000.0
    )
    np.testing.assert_allclose(value, 3000.0 + shifted, rtol=1e-14)
    np.testing.assert_allclose(d_w, d_w_shifted, rtol=1e-13)
    np.testing.assert_allclose(d_x, d_x_shifted, rtol=1e-13)


def test_the_text_has_the_users_line():
    text = srcdiff.value_and_grad(lambda x: np.sum(np.log(np.cumsum(np.exp(x))))).source_for(
        np.ones(3)
    )
    assert "if np.all(np.abs(x) < 200.0):" in text
    assert text.count("if ") == 1
