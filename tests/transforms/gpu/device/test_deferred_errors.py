"""Deferred errors: a loop whose iterations leave a code behind raises after it, the error of an iteration that fails."""

import itertools

import numpy as np
import pytest
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.ir.core import walk
from srcdiff.ir.verify import verify
from srcdiff.transforms.gpu.device.deferred_errors import (
    device_errors,
    failing_loops,
    with_carried_failure,
)


def one_test(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0.0:
            raise IndexError("negative")
        s += x[i] * y[i]
    return s


def a_test_in_the_branch_that_raises(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0.0:
            if y[i] < 0.0:
                raise ValueError("both are negative")
            raise IndexError("one is")
        s += x[i] * y[i]
    return s


def in_both_branches(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0.0:
            raise IndexError("x")
        elif y[i] < 0.0:  # noqa: RET506
            raise ValueError("y {0}")
        s += x[i] * y[i]
    return s


def behind_a_number(x, y):
    s = 0.0
    for i in range(len(x)):
        s += y[i]
        t = x[i]
        if t > 0.0:
            t = t * y[i]
            if t < 0.0:
                raise ValueError("a product")
        s += t
    return s


def in_an_inner_loop(x, y):
    s = 0.0
    for i in range(len(x)):
        t = x[i]
        for j in range(len(y)):
            if t * y[j] < -1.5:
                raise ValueError("a pair")
            t += y[j]
        s += t
    return s


PROGRAMS = [
    one_test,
    a_test_in_the_branch_that_raises,
    in_both_branches,
    behind_a_number,
    in_an_inner_loop,
]
ARGS = [
    (np.array(x), np.array(y))
    for x, y in itertools.product(itertools.product((-1.0, 2.0), repeat=2), repeat=2)
]


def outcome(f, args):
    try:
        return f(*args)
    except (ValueError, IndexError) as error:
        return type(error), str(error)


def with_a_loop_that_raises(f):
    fn = loop_form(srcdiff.transform(f, "simplify"), ARGS[0])
    return fn, failing_loops(fn.body)[0]


@pytest.mark.parametrize("f", PROGRAMS)
def test_the_loop_ends_and_then_the_error_is_raised(f):
    fn, loop = with_a_loop_that_raises(f)
    new = with_carried_failure(fn, loop)
    assert verify(new) == []
    assert not failing_loops(new.body)
    run, plain = as_python(new), as_python(fn)
    for args in ARGS:
        found = outcome(run, args)
        if isinstance(found, tuple):  # several iterations may fail, each in its own way
            assert found in [outcome(plain, [a[::step] for a in args]) for step in (1, -1)]
        else:
            assert found == outcome(plain, args)


@pytest.mark.parametrize("f", PROGRAMS)
def test_kernels_leave_the_type_and_the_text_of_each_error(f):
    fn, _ = with_a_loop_that_raises(f)
    new = device_errors(fn)
    assert verify(new) == []
    assert not any(getattr(s, "decl", None) and s.decl.name == "raise" for s in walk(new.body))
    raised = {found for args in ARGS if isinstance(found := outcome(f, args), tuple)}
    assert raised <= set(new.target.failures)


def in_an_inner_while(x, y):
    s = 0.0
    for i in range(len(x)):
        t = y[i]
        while t < 10.0:
            if x[i] < 0.0:
                raise ValueError("negative")
            t += 3.0
        s += t
    return s


def until_a_break(x, y):
    s = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            if y[j] > 1.0:
                break
            if x[i] < 0.0:
                raise ValueError("negative")
            s += y[j]
    return s


def beside_a_vector(x, y):
    v = y
    for i in range(len(x)):
        if x[i] < 0.0:
            raise ValueError("negative")
        v = v * x[i] + y
    return np.sum(v)


def behind_a_chosen_vector(x, y):
    s = 0.0
    for i in range(len(x)):
        if i > 5:
            w = x
        elif x[i] > 0.0:
            w = y
        else:
            raise ValueError("not positive")
        s += w[0]
    return s


@pytest.mark.parametrize(
    "f", [in_an_inner_while, until_a_break, beside_a_vector, behind_a_chosen_vector]
)
def test_loops_whose_iterations_cannot_go_on_stay(f):
    assert with_carried_failure(*with_a_loop_that_raises(f)) is None
