"""Hoisting of primal computations: statements that all directions share run once, in front of them."""

import numpy as np
import pytest
from loop_forms import as_python, loop_form
from transforms.passes import program

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.ad.hoist_primal import hoist_primal

X = np.array([0.5, -0.2, 0.9, 0.4])
W = np.linspace(0.3, 1.4, 16)


def test_a_loop_is_split():
    fn = program(
        """
        def f(%x: float64[n], %x_dot: float64[n]) -> 0 {
          %y: float64[n] = copy@.copy %x
          %y_dot: float64[n] = copy@.copy %x_dot
          for 0, 3, 1 {
            (%t: int64{t}) ->
            %0: float64! = index[where='i'] %y, %t
            %1: float64! = index[where='i'] %y_dot, %t
            %2: float64! = multiply %0, %1 ;tangent
            add_into[where='i'] %y_dot, %2, 0 ;tangent
            add_into[where='i'] %y, %0, 0
            yield
          }
          %3: float64[n] = read %y_dot
          yield %3
        }
        """
    )
    new = hoist_primal(fn, fn.params[1:])
    assert to_text(new) == to_text(
        program(
            """
        def f(%x: float64[n], %x_dot: float64[n]) -> 0 {
          %y: float64[n] = copy@.copy %x
          %0: float64[3] = empty[dtype='float64'] 3 ;compiler
          for 0, 3, 1 {
            (%t: int64{t}) ->
            %1: float64! = index[where='i'] %y, %t
            store[where='i'] %0, %1, %t ;compiler
            add_into[where='i'] %y, %1, 0
            yield
          }
          %y_dot: float64[n] = copy@.copy %x_dot ;tangent
          for 0, 3, 1 ;tangent {
            (%t.1: int64{t}) ->
            %2: float64! = index[where='i'] %0, %t.1 ;tangent
            %3: float64! = index[where='i'] %y_dot, %t.1
            %4: float64! = multiply %2, %3 ;tangent
            add_into[where='i'] %y_dot, %4, 0 ;tangent
            yield
          }
          %5: float64[n] = read %y_dot ;tangent
          yield %5
        }
        """
        )
    )


def in_place(x, w):
    y = x.copy()
    for t in range(3):
        y[1:] = y[1:] * y[:-1] + np.sin(w[t] * y[1:])
    return y


def triangle(x, w):
    """Elements of the moment, a carried number, and a counter."""
    y = x.copy()
    s = 0.0
    for i in range(3):
        at = 2
        for j in range(i, len(x)):
            y[j] = y[j] * y[i] + s * w[at]
            at += 1
        s = s + np.sin(y[i])
    return y * s


def backwards(x, w):
    y = x.copy()
    for i in reversed(range(1, len(x))):
        y[i - 1] = y[i - 1] * np.tanh(y[i]) + y[i - 2] ** 2
    return y


def branches(x, w):
    y = x.copy()
    for i in range(len(x)):
        if y[i] > 0.3:
            y[0] = y[0] * y[i]
            z = np.exp(y[i]) * y[0]
        else:
            z = np.cos(y[i]) - y[1]
        y[i] = z * y[i - 1]
    return y


def after_a_branch(x, w):
    if x[0] > 0.0:
        y = x * np.exp(w[0] * x)
        for i in range(3):
            y[i] = y[i] * y[i + 1]
        return y
    return x**3


def iterations_of_a_while(x, w):
    y = x
    while np.sum(y**2) > 0.1:
        y = y * 0.7 - 0.01 * y**3
    return y


def broken_out_of(x, w):
    y = x.copy()
    z = x * 0.0
    for t in range(9):
        y = y * np.sin(w[t] + y)
        if np.sum(y**2) < 0.2:
            break
        z += y**2
    return y + z


def loops_in_a_while(x, w):
    y = x.copy()
    k = 0
    while k < 3:
        for i in range(k, len(x)):
            y[i] = y[i] * y[k] + w[i]
        k += 1
    return y


def found_by_index(x, w):
    """Rows of which only the run knows whether they are written already."""
    parents = np.array([-1, 0, 1, 1])
    y = np.zeros((4, 2))
    for k in range(4):
        if parents[k] < 0:
            y[k] = x[:2]
        else:
            y[k] = y[parents[k]] * x[k] + np.sin(x[2:])
    return y


def buffers_of_iterations(x, w):
    total = np.zeros(len(x))
    for t in range(3):
        y = np.empty(len(x))
        for i in range(len(x)):
            y[i] = np.tanh(x[i] * w[t])
        for i in range(len(x)):
            total[i] += y[i] * y[i - 1]
    return total


def on_a_list(x, w):
    ys = [x]
    for t in range(3):
        ys.append(np.sin(ys[t]) * w[t])
    return ys[0] + ys[-1] * ys[1]


def scaled(u, k):
    v = u.copy()
    for i in range(1, len(u)):
        v[i] = v[i] * v[i - 1] * k
    return v


def with_helpers(x, w):
    y = scaled(x, w[0])
    for t in range(2):
        y = scaled(y, x[t])
    return y


def no_iterations(x, w):
    y = x.copy()
    for i in range(len(x), len(x) - 2):
        y[i] = y[i] ** 2
    return y


PROGRAMS = [
    in_place, triangle, backwards, branches, after_a_branch, iterations_of_a_while, broken_out_of, loops_in_a_while,
    found_by_index, buffers_of_iterations, on_a_list, with_helpers, no_iterations,
]  # fmt: skip


def differences(f, x, w):
    steps = 1e-6 * np.eye(len(x))
    return np.stack([(f(x + e, w) - f(x - e, w)) / 2e-6 for e in steps], axis=-1)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_jacobians_are_those_of_differences(f):
    for residuals in ("auto", "store", "recompute"):
        g = srcdiff.jacobian(f, mode="forward", jit=False, residuals=residuals)
        np.testing.assert_allclose(g(X, W), differences(f, X, W), rtol=1e-6, atol=1e-8)
    run = as_python(loop_form(srcdiff.jacobian(f, mode="forward"), (X, W)))
    np.testing.assert_allclose(run(X, W), differences(f, X, W), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_hessians_are_those_of_differences(f):
    def loss(x, w):
        return np.sum(f(x, w) ** 2)

    want = differences(srcdiff.grad(loss, jit=False), X, W)
    np.testing.assert_allclose(srcdiff.hessian(loss, jit=False)(X, W), want, rtol=1e-5, atol=1e-7)
    run = as_python(loop_form(srcdiff.hessian(loss), (X, W)))
    np.testing.assert_allclose(run(X, W), want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("f", [in_place, iterations_of_a_while, broken_out_of, found_by_index])
def test_the_program_itself_runs_in_front_of_the_directions(f):
    text = srcdiff.jacobian(f, mode="forward").source_for(X, W)
    first, _, behind = text.partition("np.eye")
    assert "for " in first or "while " in first
    assert "while" not in behind and "break" not in behind and "y[k] =" not in behind


def test_what_is_cheap_is_computed_again_and_costs_no_storage():
    def f(x):
        y = np.empty(len(x))
        y[0] = x[0]
        for i in range(1, len(x)):
            y[i] = np.sin(x[i]) * y[i - 1]
        return y

    text = srcdiff.jacobian(f, mode="forward").source_for(X)
    assert "y_dot[i] = x_dot[i] * np.cos(x[i]) * y[i - 1] + np.sin(x[i]) * y_dot[i - 1]" in text
    assert text.count("np.empty") == 2  # y and the matrix


def test_one_direction_needs_no_storage():
    def f(u):
        y = np.zeros(3)
        y[0] = u
        for i in range(1, 3):
            y[i] = y[i - 1] ** 2 + np.sin(y[i - 1])
        return y

    assert srcdiff.jacobian(f).source_for(0.5).count("for ") == 1


def test_a_direction_that_is_a_result_stays_where_it_is():
    """Statements that depend on the direction take `ys` whole, as it is in each iteration."""

    def f(x, w):
        y = np.ones(len(x))
        out = np.zeros(len(x))
        for t in range(3):
            y[t] = w[t]
            out[t] = y @ x
            y[0] = 2.0
        return out

    g = srcdiff.jacobian(f, mode="forward", jit=False)
    np.testing.assert_allclose(g(X, W), differences(f, X, W), rtol=1e-6, atol=1e-8)


@pytest.mark.long
def test_compiled_code_gives_the_same():
    def f(x, w):
        return (
            branches(x, w) + broken_out_of(x, w) + triangle(x, w) + found_by_index(x, w).ravel()[:4]
        )

    found = srcdiff.jacobian(f, mode="forward", jit=True)(X, W)
    np.testing.assert_allclose(found, differences(f, X, W), rtol=1e-6, atol=1e-8)
