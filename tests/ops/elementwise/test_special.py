"""SciPy's special functions: derivatives against mpmath where finite differences say little, to second order, and the
errors where there is no formula."""

import mpmath
import numpy as np
import pytest
from scipy import special

import srcdiff

ARGUMENTS = {
    "digits": [1e-3, 0.3, 2.0, 40.0],
    "bessel": [-3.0, 0.0, 1e-3, 0.7, 30.0],
    "positive": [1e-3, 0.7, 9.0],
    "modulus": [-1e4, -0.5, 0.0, 1e-9, 0.5, 0.999],
    "probability": [1e-6, 0.3, 0.5, 0.999],
    "log-probability": [-1e5, -750.0, -20.0, -0.7, -1e-3],
}
# the function, its truth, where
ONE = {
    "erfcx": (lambda x: mpmath.exp(x**2) * mpmath.erfc(x), "bessel"),
    "erfinv": (mpmath.erfinv, "probability"),
    "erfcinv": (lambda x: mpmath.erfinv(1 - x), "probability"),
    "ndtri": (lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), "probability"),
    "ndtri_exp": (
        lambda y: (
            mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.exp(y) - 1)
            if y > -30
            else mpmath.findroot(
                lambda x: mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2) - y, -mpmath.sqrt(-2 * y)
            )
        ),
        "log-probability",
    ),
    "exp1": (mpmath.e1, "positive"),
    "expi": (mpmath.ei, "positive"),
    "ellipk": (mpmath.ellipk, "modulus"),
    "ellipe": (mpmath.ellipe, "modulus"),
    "loggamma": (mpmath.loggamma, "digits"),
    "rgamma": (mpmath.rgamma, "bessel"),
    "j0": (lambda x: mpmath.besselj(0, x), "bessel"),
    "j1": (lambda x: mpmath.besselj(1, x), "bessel"),
    "y0": (lambda x: mpmath.bessely(0, x), "positive"),
    "y1": (lambda x: mpmath.bessely(1, x), "positive"),
    "i0": (lambda x: mpmath.besseli(0, x), "bessel"),
    "i1": (lambda x: mpmath.besseli(1, x), "bessel"),
    "k0": (lambda x: mpmath.besselk(0, x), "positive"),
    "k1": (lambda x: mpmath.besselk(1, x), "positive"),
    "i0e": (lambda x: mpmath.exp(-x) * mpmath.besseli(0, x), "positive"),
    "i1e": (lambda x: mpmath.exp(-x) * mpmath.besseli(1, x), "positive"),
}
MORE = {
    "jn": (lambda x: special.jn(2, x), lambda x: mpmath.besselj(2, x), "bessel"),
    "yn": (lambda x: special.yn(2, x), lambda x: mpmath.bessely(2, x), "positive"),
    "iv": (lambda x: special.iv(0.5, x), lambda x: mpmath.besseli(0.5, x), "positive"),
    "kv": (lambda x: special.kv(0.5, x), lambda x: mpmath.besselk(0.5, x), "positive"),
    "gammainc": (
        lambda x: special.gammainc(2.5, x),
        lambda x: mpmath.gammainc(2.5, 0, x, regularized=True),
        "positive",
    ),
    "gammaincc": (
        lambda x: special.gammaincc(2.5, x),
        lambda x: mpmath.gammainc(2.5, x, mpmath.inf, regularized=True),
        "positive",
    ),
    "betainc": (
        lambda x: special.betainc(1.5, 2.5, x),
        lambda x: mpmath.betainc(1.5, 2.5, 0, x, regularized=True),
        "probability",
    ),
    "hyp2f1": (
        lambda x: special.hyp2f1(0.5, 1.5, 2.5, x),
        lambda x: mpmath.hyp2f1(0.5, 1.5, 2.5, x),
        "modulus",
    ),
    "beta": (lambda x: special.beta(x, 2.5), lambda x: mpmath.beta(x, 2.5), "digits"),
    "poch": (lambda x: special.poch(x, 2.5), lambda x: mpmath.rf(x, 2.5), "digits"),
}
CASES = {
    **{k: ((lambda f: lambda x: f(x))(getattr(special, k)), *v) for k, v in ONE.items()},
    **MORE,
}


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivative_are_those_of_mpmath(name):
    f, truth, where = CASES[name]
    x = np.array(ARGUMENTS[where])
    first = srcdiff.grad(lambda x: np.sum(f(x)), jit=False)
    second = srcdiff.hvp(lambda x: np.sum(f(x)), jit=False)
    with mpmath.workdps(30):
        for order, found in ((1, first(x)), (2, second(x, np.ones_like(x)))):
            exact = [float(mpmath.diff(truth, mpmath.mpf(v), order).real) for v in x]
            np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-12)


def owens_first(v):
    return special.owens_t(v[0], v[1]) + special.rel_entr(v[0], v[1]) * special.kl_div(v[0], v[1])


def test_functions_of_two_numbers_in_both():
    srcdiff.check_grads(owens_first, np.array([0.7, 1.3]), modes=("reverse", "forward"), order=2)


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda v: special.iv(v, 2.0), "iv"),
        (lambda v: special.jn(v, 2.0), "jv"),
        (lambda v: special.kv(v, 2.0), "kv"),
        (lambda v: special.hyp2f1(1.0, v, 2.0, 0.5), "hyp2f1"),
    ],
)
def test_derivatives_without_a_formula_are_errors(f, name):
    with pytest.raises(srcdiff.UnsupportedError, match=f"derivative of {name} with respect to"):
        srcdiff.grad(f, jit=False)(1.5)
    with pytest.raises(srcdiff.UnsupportedError, match=f"derivative of {name} with respect to"):
        srcdiff.jvp(f, (1.5,), (1.0,))


def test_entropies_of_an_outcome_that_cannot_be():
    f = lambda x, y: np.sum(special.rel_entr(x, y) + special.kl_div(x, y))
    zero = np.zeros(2)
    d_y = srcdiff.grad(f, argnums=1, jit=False)(zero, np.array([0.0, 0.5]))
    np.testing.assert_array_equal(d_y, [1.0, 1.0])


# by mpmath, with 30 digits: d/da of the lower regularised functions at (a, x) and (a, b, x), d/db of the last
BY_PARAMETERS = (
    (lambda a: special.gammainc(a, 1.3), 0.7, -0.32642085623711890),
    (lambda a: special.gammaincc(a, 9.0), 4.0, 0.02280669745892309),
    (lambda a: special.betainc(a, 0.6, 0.95), 1.7, -0.08756753475404818),
    (lambda b: special.betainc(1.7, b, 0.2), 30.0, 0.0010747858776071915),
    (lambda df: special.stdtr(df, -1.5), 3.5, -0.011101187181111384),
)


@pytest.mark.parametrize(("f", "at", "expected"), BY_PARAMETERS)
def test_incomplete_functions_have_derivatives_by_parameters(f, at, expected):
    np.testing.assert_allclose(srcdiff.grad(f, jit=False)(at), expected, rtol=1e-9)
    np.testing.assert_allclose(
        srcdiff.jvp(f, (at,), (2.0,), jit=False)[1], 2.0 * expected, rtol=1e-9
    )


def of_all(a, b, x):
    inner = special.gammainc(a, 3.0 * x) + special.betainc(a, b, x) + special.stdtr(b, x - 0.5)
    inverse = special.gammainccinv(a, x) + special.betaincinv(a, b, x) + special.stdtrit(b, x)
    return np.sum(np.sin(inner) + inverse)


@pytest.mark.long
def test_parameters_of_incomplete_functions_in_both_modes_and_compiled():
    args = np.array([0.7, 2.5]), np.array([0.6, 30.0]), np.array([0.2, 0.8])
    srcdiff.check_grads(of_all, *args, argnums=(0, 1, 2), modes=("reverse", "forward"), order=1)
    options = {"argnums": (0, 1, 2)}
    plain = srcdiff.grad(of_all, jit=False, **options)(*args)
    for found, expected in zip(
        srcdiff.grad(of_all, jit=True, **options)(*args), plain, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    narrow = tuple(a.astype(np.float32) for a in args)
    for jit in (False, True):
        found = srcdiff.grad(of_all, jit=jit, **options)(*narrow)
        assert {d.dtype for d in found} == {np.dtype("float32")}


def test_mixed_derivatives_of_incomplete_functions():
    by_a = srcdiff.grad(
        lambda a, x: special.gammainc(a, x) + special.betainc(a, 0.7, 0.1 * x), jit=False
    )
    found, h = srcdiff.grad(by_a, argnums=1, jit=False)(1.3, 2.0), 1e-5
    assert np.isclose(found, (by_a(1.3, 2.0 + h) - by_a(1.3, 2.0 - h)) / (2 * h), rtol=1e-7)
    with pytest.raises(srcdiff.UnsupportedError, match=r"derivative of (gamma|beta)_path"):
        srcdiff.grad(by_a, jit=False)(1.3, 2.0)


def test_incomplete_functions_at_the_ends_do_not_move():
    f = lambda a: np.sum(
        special.gammainc(a, np.zeros(1)) + special.betainc(a, 0.5, np.array([0.0]))
    )
    assert srcdiff.grad(f, jit=False)(0.5) == 0.0
