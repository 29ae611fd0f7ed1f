"""The programs of autograd's examples: the same numbers as autograd's."""

import types

import numpy
import pytest
from programs.autograd_programs import normal, of_autograd, of_numpy, programs

import srcdiff

autograd = pytest.importorskip("autograd", reason="autograd is in the test extra")
OURS, THEIRS = (programs(*names()) for names in (of_numpy, of_autograd))


def flat(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    return (
        [a for t in tree for a in flat(t)]
        if isinstance(tree, list | tuple)
        else [numpy.asarray(tree)]
    )


def agree(found, expected, tolerance):
    for f, e in zip(flat(found), flat(expected), strict=True):
        numpy.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance)


def tolerance_of(name):
    return 1e-6 if name == "ode_net" else 1e-10  # of the solver's steps


@pytest.mark.parametrize("name", OURS)
@pytest.mark.filterwarnings("ignore")
def test_gradients_are_autograd_s(name):
    f, args = OURS[name]
    value, found = srcdiff.value_and_grad(f, jit=False)(*args)
    expected, gradient = autograd.value_and_grad(THEIRS[name][0])(*args)
    agree(value, expected, tolerance_of(name))
    agree(found, gradient, tolerance_of(name))


@pytest.mark.parametrize(
    "name", ["rosenbrock", "sinc_and_tanh", "negative_binomial", "logistic_regression"]
)
def test_hessians_and_products_are_autograd_s(name):
    f, args = OURS[name]
    theirs = THEIRS[name][0]
    agree(srcdiff.hessian(f, jit=False)(*args), autograd.hessian(theirs)(*args), 1e-9)
    v = normal(len(args[0]))
    found = srcdiff.hvp(f, jit=False)(*args, v)
    agree(found, autograd.hessian_vector_product(theirs)(*args, v), 1e-9)


def test_derivatives_of_tanh_are_autograd_s():
    def ours(x):
        return (1.0 - numpy.exp(-2.0 * x)) / (1.0 + numpy.exp(-2.0 * x))

    def theirs(x, np=autograd.numpy):
        return (1.0 - np.exp(-2.0 * x)) / (1.0 + np.exp(-2.0 * x))

    x = numpy.linspace(-2.0, 2.0, 7)
    for _ in range(5):
        ours = srcdiff.elementwise_grad(ours, jit=False)
        theirs = autograd.elementwise_grad(theirs)
        agree(ours(x), theirs(x), 1e-10)


def test_a_rule_of_one_s_own_is_autograd_s():
    from autograd.extend import defvjp, primitive

    def of_largest(x):
        top = numpy.max(x)
        return top + numpy.log(numpy.sum(numpy.exp(x - top)))

    own = types.FunctionType(of_largest.__code__, of_largest.__globals__, "own")
    theirs = primitive(of_largest)
    defvjp(theirs, lambda out, x: lambda g: g * autograd.numpy.exp(x - out))

    @srcdiff.rule(own)
    def _(x, *, out, d_out):
        d_x = d_out * numpy.exp(x - out)  # noqa: F841

    def loss(f, np):
        return lambda x: np.sin(f(x * x))

    x = normal(4)
    agree(
        srcdiff.grad(loss(own, numpy), jit=False)(x),
        autograd.grad(loss(theirs, autograd.numpy))(x),
        1e-12,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
@pytest.mark.filterwarnings("ignore")
def test_compiled_gradients_are_those_of_numpy(name):
    f, args = OURS[name]
    expected = srcdiff.value_and_grad(f, jit=False)(*args)
    agree(srcdiff.value_and_grad(f, jit="auto")(*args), expected, 1e-9)
