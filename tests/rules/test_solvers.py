"""Calls of SciPy's solvers inside of functions: roots, minima, integrals, and orbits of ODEs."""

from __future__ import annotations

import sys
from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.integrate
from corpus_loader import finite_difference_grad
from scipy.integrate import odeint, quad, quad_vec, solve_ivp
from scipy.optimize import (
    Bounds,
    bisect,
    brentq,
    fixed_point,
    fsolve,
    least_squares,
    minimize,
    minimize_scalar,
    newton,
    root,
    root_scalar,
    toms748,
)

import srcdiff
from srcdiff import (
    UnsupportedError,
    differentiate,
    grad,
    hessian,
    jacobian,
    transform,
    value_and_grad,
)
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.printer import to_text


@pytest.fixture(autouse=True)
def _in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")


RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(2, 2)), RNG.normal(size=(4, 2))
FINE = {"rtol": 1e-10, "atol": 1e-10}
Pendulum = namedtuple("Pendulum", "gravity friction")


# ---- programs: each is a function of its differentiated arguments -----------------------------------


def pendulum(y, t, k):
    return np.array([y[1], -k * np.sin(y[0])])


def states(y0, t, k):
    ys = odeint(pendulum, y0, t, args=(k,), rtol=1e-10, atol=1e-10)
    return np.sum(ys[:, 0] ** 2 * np.arange(3))


def around(k, y0):
    """A nested right-hand side, which finds its parameter around it."""

    def rhs(y, t):
        return [y[1], -k * np.sin(y[0])]

    return np.sum(odeint(rhs, y0, [0.0, 0.5, 1.5], rtol=1e-10, atol=1e-10)[:, 0])


def containers(k, w):
    """Parameters in containers, a time that comes first, and a state of one number."""

    def rhs(t, y, p, q):
        return -p["k"] * y + q.friction * np.sin(t) * np.sum(p["w"])

    given = {"k": k, "w": w}, Pendulum(9.81, k**2)
    return odeint(rhs, k * 2.0, [0.0, 1.0], args=given, tfirst=True, rtol=1e-10, atol=1e-10)[-1, 0]


def last_state(k, end, y0):
    sol = solve_ivp(lambda t, y: [y[1], -k * np.sin(y[0])], (0.0, end), y0, rtol=1e-9, atol=1e-9)
    assert sol.success
    return np.sum(sol.y[:, -1] ** 2)


def observed(k, start, end, y0, at):
    def rhs(t, y, k):
        x, v = y
        return v, -k * np.sin(x) + np.cos(t)

    sol = solve_ivp(
        rhs, [start, end], y0, t_eval=at, args=(k,), method="DOP853", rtol=1e-10, atol=1e-10
    )
    return np.sum(sol.y * np.array([[1.0, 2.0], [0.5, 1.5]])) + np.sum(sol.t**2)


def stiff(k):
    sol = solve_ivp(
        lambda t, y: -k * (y - np.cos(t)), (0.0, 1.0), [0.5], method="BDF", jac=lambda t, y: [[-k]],
        rtol=1e-9, atol=1e-9,
    )  # fmt: skip
    return sol.y[0, -1]


def neural(W, b, y0, k):
    def rhs(t, y, W, b):
        return np.tanh(W @ y + b) * k

    both = {"args": (W, b), "rtol": 1e-9, "atol": 1e-9}
    sol = solve_ivp(rhs, (0.0, 1.0), y0, t_eval=[0.5, 1.0], **both)
    return np.sum(sol.y**2) + np.sum(odeint(rhs, y0, [0.0, 1.0], tfirst=True, **both)[1])


def parts_of_arguments(x, a):
    y = odeint(lambda y, t, a: -a * y, x[1:], [0.0, 1.0], args=(a[1:],), rtol=1e-10, atol=1e-10)[1]
    return np.sum(y**2) + np.sum(root(lambda z, a: z**3 + z - a, x[:-1], args=(a[:-1],)).x)


def bracketed(a):
    f = lambda x: x**3 - a
    return brentq(f, 0.0, 4.0) + 2.0 * bisect(f, 0.0, 4.0, xtol=1e-14) + toms748(f, 0.0, 4.0)


def newtons(a):
    by_slope = newton(lambda x, b: x**3 - b, 1.0, fprime=lambda x, b: 3 * x**2, args=(a,))
    return by_slope * newton(lambda x: x**2 - a, 1.0)


def many_newtons(a):
    return np.sum(newton(lambda x: x**3 - a, np.ones(2)) * np.array([1.0, 2.0]))


def scalar_root(a):
    found = root_scalar(lambda x: x**3 - a, bracket=[0, 4], method="brentq")
    return found.root**2 if found.converged else 0.0


def fixed_points(a, b):
    return fixed_point(lambda x: np.cos(a * x), 0.5, xtol=1e-13) + np.sum(
        fixed_point(lambda x: np.cos(b * x), np.array([0.5, 0.5]), xtol=1e-13)
    )


def roots(b, A):
    s = root(lambda x: x + 0.3 * np.tanh(A @ x) - b, b, tol=1e-12)
    return np.sum(s.x**2) if s.success else 0.0


def listed_roots(b, A):
    def equations(x):
        return [x[0] + 0.3 * np.tanh(A[0] @ x) - b[0], x[1] - A[1, 1] * b[1]]

    return np.sum(fsolve(equations, [0.0, 0.0], xtol=1e-12) ** 2)


def ridge(x, B, b, scale):
    return np.sum((B @ x - b) ** 2) + scale * np.sum(x**4)


slope = grad(ridge)


def least(B, b, scale):
    s = minimize(
        ridge, np.zeros(2), args=(B, b, scale), jac=slope, method="BFGS", options={"gtol": 1e-11}
    )
    return np.sum(s.x**2) + 0.1 * s.fun


def with_gradient(scale):
    def both(x):
        return np.sum((x - 1.0) ** 2 + scale * x**4), 2.0 * (x - 1.0) + 4.0 * scale * x**3

    return np.sum(minimize(both, np.zeros(2), jac=True, tol=1e-12).x)


def one_unknown(a):
    return minimize_scalar(lambda x: (x - a) ** 2 + 0.1 * x**4, bracket=(0, 1), tol=1e-12).x


def integral(k, a, b):
    value, _ = quad(lambda x: np.exp(-k * x) * np.sin(x), a, b)
    return value**2


def integral_of_several(k, w, b):
    def f(x, k, w):
        return np.exp(-k * x) * np.sum(np.sin(w * x))

    return quad(f, 0, b, args=(k, w))[0] ** 2


def without_end(k):
    return quad(lambda x: np.exp(-k * x**2), -np.inf, np.inf)[0]


def vectors(k, w, b):
    return np.sum(quad_vec(lambda x: np.exp(-k * x) * np.sin(w * x), 0.0, b)[0] ** 2)


def in_a_loop(k):
    """States of one solution start another."""
    y = np.array([1.0, k])
    for i in range(3):
        y = odeint(pendulum, y, [0.0, 0.2], args=(k * (i + 1),), rtol=1e-10, atol=1e-10)[1]
    return y[0] * y[1]


def slow(f, args):
    return pytest.param(f, args, marks=pytest.mark.slow)


PROGRAMS = [
    (states, (np.array([1.0, 0.3]), np.array([0.0, 0.4, 1.0]), 0.7)),
    (around, (0.7, np.array([1.0, 0.3]))),
    (containers, (0.7, np.array([1.0, 2.0]))),
    (last_state, (0.7, 2.0, np.array([1.0, 0.3]))),
    (observed, (0.7, 0.1, 2.0, np.array([1.0, 0.3]), np.array([0.5, 1.0]))),
    (neural, (A, np.array([0.3, -0.5]), np.array([1.0, 0.3]), 0.7)),
    (parts_of_arguments, (np.array([1.0, 0.3, 0.5]), np.array([0.4, 0.8, 1.5]))),
    slow(stiff, (3.0,)),
    (bracketed, (2.0,)),
    (newtons, (2.0,)),
    slow(many_newtons, (np.array([2.0, 3.0]),)),
    (scalar_root, (2.0,)),
    (fixed_points, (0.3, np.array([0.3, 0.9]))),
    (roots, (np.array([0.3, 0.4]), A)),
    slow(listed_roots, (np.array([0.3, 0.4]), A)),
    (least, (B, RNG.normal(size=4), 0.7)),
    slow(with_gradient, (0.7,)),
    slow(one_unknown, (0.7,)),
    (integral, (0.7, 0.2, 1.5)),
    (integral_of_several, (0.7, np.array([1.0, 2.0]), 1.5)),
    slow(without_end, (0.7,)),
    slow(vectors, (0.7, np.array([1.0, 2.0]), 1.5)),
    (in_a_loop, (0.7,)),
]


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda f: getattr(f, "__name__", ""))
def test_both_modes_are_finite_differences(f, args) -> None:
    wrt = tuple(range(len(args)))
    handle = differentiate(f, argnums=wrt)
    value, found = handle.value_and_grad(*args)
    assert np.isclose(value, f(*args), rtol=1e-9)
    tangents = tuple(np.cos(np.arange(np.size(a)) + 1.0).reshape(np.shape(a)) for a in args)
    tangents = tuple(t if np.ndim(a) else float(t) for t, a in zip(tangents, args, strict=True))
    along = handle.jvp(args, tangents)[1]
    assert np.isclose(
        along, sum(np.sum(d * t) for d, t in zip(found, tangents, strict=True)), rtol=1e-6
    )
    step = 1e-4
    ahead, behind = (
        f(*(a + s * t for a, t in zip(args, tangents, strict=True))) for s in (step, -step)
    )
    assert np.isclose(along, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-6)
    for d, e in zip(found, finite_difference_grad(f, args, wrt), strict=True):
        np.testing.assert_allclose(d, e, rtol=2e-4, atol=2e-5)


def test_least_squares() -> None:
    """Against minimising the sum of squares: SciPy's least squares stop too early for differences."""

    def fitted(b):
        residuals = lambda x: np.concatenate((B @ x - b, 0.3 * x**2))
        return np.sum(least_squares(residuals, np.zeros(2), gtol=1e-14).x ** 2)

    def minimised(b):
        loss = lambda x: np.sum((B @ x - b) ** 2) + np.sum(0.09 * x**4)
        return np.sum(minimize(loss, np.zeros(2), tol=1e-12).x ** 2)

    b = np.array([0.3, -1.0, 0.5, 2.0])
    np.testing.assert_allclose(grad(fitted)(b), grad(minimised)(b), rtol=1e-4)


# ---- against other ways ------------------------------------------------------------------------------


def runge_kutta(y0, k, steps):
    y, h = y0, 1.0 / steps
    for _ in range(steps):
        a = pendulum(y, 0.0, k)
        b = pendulum(y + 0.5 * h * a, 0.0, k)
        c = pendulum(y + 0.5 * h * b, 0.0, k)
        d = pendulum(y + h * c, 0.0, k)
        y = y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
    return np.sum(y**3)


def adjoint_solved(y0, k):
    return np.sum(
        odeint(pendulum, y0, np.array([0.0, 1.0]), args=(k,), rtol=1e-11, atol=1e-11)[1] ** 3
    )


def test_the_adjoint_equation_gives_what_steps_give() -> None:
    y0 = np.array([1.0, 0.3])
    of_steps = grad(runge_kutta, argnums=(0, 1))(y0, 0.7, 200)
    for a, b in zip(grad(adjoint_solved, argnums=(0, 1))(y0, 0.7), of_steps, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8)


def test_autograd_gives_the_same() -> None:
    pytest.importorskip("autograd", reason="autograd is in the test extra")
    from autograd import grad as autograd_grad
    from autograd import numpy as anp
    from autograd.builtins import tuple as boxed
    from autograd.scipy.integrate import odeint as autograd_odeint

    def theirs(y0, t, k):
        rhs = lambda y, t, k: anp.array([y[1], -k * anp.sin(y[0])])
        ys = autograd_odeint(rhs, y0, t, boxed((k,)), rtol=1e-10, atol=1e-10)
        return anp.sum(ys[:, 0] ** 2 * anp.arange(3))

    args = np.array([1.0, 0.3]), np.array([0.0, 0.4, 1.0]), 0.7
    ours = grad(states, argnums=(0, 1, 2))(*args)
    for k, found in enumerate(ours):
        np.testing.assert_allclose(found, autograd_grad(theirs, k)(*args), rtol=1e-7, atol=1e-9)


# ---- higher orders -------------------------------------------------------------------------------------


def decay(y, t, k):
    return -k * y


def decayed(k, y0):
    return np.sum(
        odeint(decay, y0, np.array([0.0, 1.0]), args=(k,), rtol=1e-11, atol=1e-11)[1] ** 2
    )


def test_second_derivatives() -> None:
    y0 = np.array([1.0, 0.5])
    np.testing.assert_allclose(
        hessian(decayed, argnums=1)(0.7, y0), 2 * np.exp(-1.4) * np.eye(2), atol=1e-8
    )
    np.testing.assert_allclose(
        grad(grad(lambda a: brentq(lambda x: x**3 - a, 0, 5)))(2.0), -2 / 9 * 2 ** (-5 / 3)
    )
    second = grad(grad(lambda k: quad(lambda x: np.exp(-k * x), 0, 1)[0]))(0.7)
    assert np.isclose(second, quad(lambda x: x**2 * np.exp(-0.7 * x), 0, 1)[0])


def to_the_sine(weight, a):
    return quad(lambda x, a, weight: np.sin(a * x) * weight, a, 1.0, args=(a, weight))[0]


def test_parameters_are_called_as_limits_and_weights_are() -> None:
    of_limit = grad(lambda b: quad(lambda x, b: np.sin(b * x), 0.0, b, args=(2.0,))[0])
    assert np.isclose(of_limit(0.5), np.sin(1.0))
    assert np.isclose(grad(of_limit)(0.5), 2.0 * np.cos(1.0))
    e = 1e-6
    for k in (0, 1):
        slope = grad(to_the_sine, argnums=k)
        step = e * np.eye(2)[k]
        difference = to_the_sine(*(PLACE + step)) - to_the_sine(*(PLACE - step))
        assert np.isclose(slope(*PLACE), difference / (2 * e), rtol=1e-7)
        difference = slope(*(PLACE + step)) - slope(*(PLACE - step))
        assert np.isclose(
            grad(slope, argnums=k)(*PLACE), difference / (2 * e), rtol=1e-6, atol=1e-8
        )


PLACE = np.array([0.7, 0.4])


@pytest.mark.slow
def test_second_derivatives_in_reverse_mode_twice() -> None:
    y0 = np.array([1.0, 0.5])
    found = grad(grad(decayed))(0.7, y0)
    assert np.isclose(found, 4 * np.exp(-1.4) * np.sum(y0**2), rtol=1e-7)

    def end(k):
        return np.sum(solve_ivp(lambda t, y: -k * y, (0.0, 1.0), [1.0, 2.0], **FINE).y[:, -1])

    assert np.isclose(grad(grad(end))(0.7), 3 * np.exp(-0.7), rtol=1e-7)


def test_jacobian_of_states() -> None:
    def last(y0):
        return odeint(decay, y0, np.array([0.0, 1.0]), args=(0.5,), rtol=1e-10, atol=1e-10)[1]

    np.testing.assert_allclose(jacobian(last)(np.ones(2)), np.exp(-0.5) * np.eye(2), atol=1e-8)


# ---- text, files, refusals -----------------------------------------------------------------------------


def test_the_adjoint_equation_is_printed() -> None:
    source = grad(states, argnums=2).source_for(*PROGRAMS[0][1])
    assert "def pendulum_adjoint(state, t, like, k):" in source
    assert "change, (d_y, d_k) = pendulum_vjp(y, t, k, d_y)" in source
    assert "    ys = odeint(pendulum, y0, t, args=(k,), rtol=1e-10, atol=1e-10)\n" in source
    assert "d_t" not in source  # not with respect to the times


def test_parameters_that_are_not_differentiated_cost_nothing() -> None:
    source = grad(states).source_for(*PROGRAMS[0][1])
    assert "d_parameters" not in source
    assert "d_k" not in source


def test_a_saved_file_stands_alone(tmp_path) -> None:
    args = PROGRAMS[1][1]
    g = grad(around)
    g.save(tmp_path / "saved_orbit.py", *args)
    sys.path.insert(0, str(tmp_path))
    try:
        import saved_orbit  # pyright: ignore
    finally:
        sys.path.remove(str(tmp_path))
    assert saved_orbit.around_grad(*args) == g(*args)


def test_the_function_itself_can_be_read() -> None:
    same = transform(around, "simplify")
    args = PROGRAMS[1][1]
    assert same(*args) == around(*args)
    g = value_and_grad(scalar_root)
    assert g(2.0)[0] == scalar_root(2.0)


class Reaction:
    def __init__(self, rates):
        self.rates = rates

    def flow(self, y, t, k):
        return -self.rates * y * k


def test_methods_and_what_they_find_is_looked_at_again() -> None:
    reaction = Reaction(np.array([1.0, 2.0]))

    def loss(k):
        return np.sum(odeint(reaction.flow, np.ones(2), [0.0, 1.0], args=(k,), **FINE)[1])

    g = grad(loss)
    assert np.isclose(g(0.5), -np.sum([1.0, 2.0] * np.exp([-0.5, -1.0])), rtol=1e-6)
    reaction.rates = np.array([3.0, 0.0])
    assert np.isclose(g(0.5), -3.0 * np.exp(-1.5), rtol=1e-6)


def with_slopes(a):
    """The function gives its derivatives, too."""
    one = root_scalar(lambda x: (x**3 - a * x - 1.0, 3.0 * x**2 - a), x0=2.0, fprime=True).root
    both = root_scalar(
        lambda x: (x**3 - a * x - 1.0, 3.0 * x**2 - a, 6.0 * x), x0=2.0, fprime=True, fprime2=True
    )
    return one + 2.0 * both.root


def test_roots_of_functions_that_give_their_slopes() -> None:
    x = with_slopes(0.7) / 3.0
    assert np.isclose(grad(with_slopes)(0.7), 3.0 * x / (3.0 * x**2 - 0.7), rtol=1e-7)


def at_limits(a, b):
    """Minima of which some are at a limit; the last limit moves."""
    box = minimize(
        lambda x: np.sum((x - a) ** 2) + x[0] * x[1], np.zeros(2), bounds=[(0, 1), (None, 0.8)]
    ).x
    fit = least_squares(
        lambda x: np.array([x[0] - a[0], x[1] - a[1] * x[0]]), [0.5, 0.5], bounds=(0.0, [2.0, 0.8])
    )
    line = minimize_scalar(lambda x: (x - a[0]) ** 2, bounds=(b, 3.0), options={"xatol": 1e-9})
    return np.sum(box * np.array([1.0, 3.0])) + np.sum(fit.x * np.array([2.0, 5.0])) + 7.0 * line.x


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        # of box and fit, only the first coordinate is free; the line is at its moving limit
        ([0.7, 1.3], 1.3, ([1.0 + 2.0 / 2.69, 2.0 * (0.8 / 2.69 - 2.6 * 1.74 / 2.69**2)], 7.0)),
        # all are free, but for the line again
        ([0.7, 0.5], 1.3, ([2 / 3 * (2.0 - 3.0) + 2.0 + 5.0 * 0.5, 2 / 3 * (6.0 - 1.0) + 5.0 * 0.7], 7.0)),
        ([0.7, 0.5], 0.1, ([2 / 3 * (2.0 - 3.0) + 2.0 + 5.0 * 0.5 + 7.0, 2 / 3 * (6.0 - 1.0) + 5.0 * 0.7], 0.0)),
    ],
)  # fmt: skip
def test_minima_at_limits_stay_there(a, b, expected) -> None:
    a = np.array(a)
    d_a, d_b = grad(at_limits, argnums=(0, 1))(a, b)
    np.testing.assert_allclose(d_a, expected[0], atol=1e-5)
    assert np.isclose(d_b, expected[1], atol=1e-5)
    _, moved = srcdiff.jvp(at_limits, (a, b), (np.ones(2), 1.0))
    assert np.isclose(moved, np.sum(expected[0]) + expected[1], atol=1e-5)


def refused(f, *args) -> str:
    with pytest.raises(UnsupportedError) as caught:
        grad(f)(*args)
    return str(caught.value)


def test_what_is_refused_says_so() -> None:
    def bounded(a):
        return minimize(lambda x: np.sum((x - a) ** 2), np.zeros(1), bounds=[(0, a)]).x[0]

    assert "`bounds` of `minimize` is known only when the program runs" in refused(bounded, 0.5)

    limits = Bounds([0.0], [1.0])

    def in_limits(a):
        return minimize(lambda x: np.sum((x - a) ** 2), np.zeros(1), bounds=limits).x[0]

    assert "`bounds` of `minimize` are numbers in tuples" in refused(in_limits, 0.5)

    def constrained(a):
        sums = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1.0}
        return minimize(lambda x: np.sum((x - a) ** 2), np.zeros(2), constraints=sums).x[0]

    assert "`minimize` with constraints= is not differentiated" in refused(constrained, 0.5)

    def with_events(a):
        return solve_ivp(lambda t, y: -a * y, (0, 1), [1.0], events=lambda t, y: y[0]).y[0, -1]

    assert "`solve_ivp` with events= is not differentiated" in refused(with_events, 0.5)

    def prints(a):
        def f(x):
            print(x)
            return x - a

        return brentq(f, 0.0, 1.0)

    assert "has effects, as `print` has" in refused(prints, 0.5)

    def no_function(a):
        return brentq(a, 0.0, 1.0)

    assert "`brentq` takes a function here" in refused(no_function, 0.5)

    def matrix_state(a):
        return odeint(lambda y, t: -a * y, np.ones((2, 2)), [0.0, 1.0])[1, 0]

    assert "`y0` of `odeint` has 2 axes" in refused(matrix_state, 0.5)

    def message(a):
        return len(minimize(lambda x: np.sum((x - a) ** 2), np.zeros(1)).message) * a

    assert "`message` of what `minimize` found is not known" in refused(message, 0.5)


def test_compiling_is_refused_with_the_reason() -> None:
    with pytest.raises(
        UnsupportedError, match="`odeint` is SciPy's, which calls functions of Python's"
    ):
        grad(decayed, jit=True)(0.7, np.ones(2))


def test_the_evaluator_solves_as_well() -> None:
    from srcdiff.frontend.trace import trace
    from srcdiff.ir.types import Scalar

    fn = trace(scalar_root, [Scalar("float64")])
    assert "root_scalar" in to_text(fn)
    assert np.isclose(evaluate(fn, 2.0), scalar_root(2.0))


def test_the_module_is_looked_up_when_it_is_called() -> None:
    def loss(k):
        return np.sum(
            scipy.integrate.odeint(lambda y, t: -k * y, [1.0, 2.0], [0.0, 1.0], **FINE)[1]
        )

    assert np.isclose(grad(loss)(0.5), -3.0 * np.exp(-0.5))


class Rates(NamedTuple):
    decay: Any
    mixing: Any


RATES = np.array([0.5, 0.3]), np.array([[0.2, 0.1], [0.3, 0.4]])


@pytest.mark.parametrize(
    ("change", "p"),
    [
        (lambda y, t, p: -p[0] * y + p[1] @ y, RATES),
        (lambda y, t, p: -p["a"] * y + p["b"] @ y, dict(zip("ab", RATES, strict=True))),
        (lambda y, t, p: -p.decay * y + p.mixing @ y, Rates(*RATES)),
        (lambda y, t, p: -p[0] * y + p[1][0] @ y * p[1][1], (RATES[0], (RATES[1], 1.0))),
    ],
    ids=["tuple", "dict", "named tuple", "nested"],
)
def test_solvers_pass_on_containers_of_parameters(change: Any, p: Any) -> None:
    times = np.linspace(0.0, 1.0, 4)

    def solved(p):
        return np.sum(odeint(change, np.ones(2), times, args=(p,)) ** 2)

    def difference(a, b):
        return np.sum(
            odeint(lambda y, t, a, b: -a * y + b @ y, np.ones(2), times, args=(a, b)) ** 2
        )

    expected = srcdiff.grad(difference, argnums=(0, 1), jit=False)(*RATES)
    found = list(leaves(srcdiff.grad(solved, jit=False)(p)))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)
