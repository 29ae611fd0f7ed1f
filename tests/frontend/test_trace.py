"""The IR of a program means what the program means, by the reference evaluator; and what the IR looks like."""

import contextlib
import inspect
import io
import math
import time

import numpy as np
import pytest
from corpus_loader import copy_structure, load
from frontend.language import CASES
from fuzz.compare import problems

import srcdiff
import srcdiff.ops
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Call, For, If, Op, While, walk
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.types import Array, Dim, Scalar, Static
from srcdiff.ir.verify import verify


def traced(function, *args):
    names = list(inspect.signature(function).parameters)[: len(args)]
    types, actual = describe_arguments(args, names)
    return trace(function, types, shapes_actual=actual)


def both(function, *args):
    """What Python gives, and what the evaluator gives."""
    with contextlib.redirect_stdout(io.StringIO()):
        expected = function(*copy_structure(args))
        fn = traced(function, *args)
        assert verify(fn) == []
        return expected, evaluate(fn, *copy_structure(args))


@pytest.mark.parametrize(
    ("function", "args"), CASES, ids=[f"{f.__name__}-{k}" for k, (f, _) in enumerate(CASES)]
)
def test_the_language_keeps_its_meaning(function, args):
    expected, got = both(function, *args)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def statements(fn, kind):
    return [s for s in walk(fn.body) if isinstance(s, kind)]


# ---- what the text looks like ------------------------------------------------------------------


def test_names_are_the_users():
    def f(x):
        y = np.sin(x)
        z = y
        return y * z

    fn = traced(f, 0.5)
    (sin, product) = fn.body.body
    assert (sin.result.name, sin.result.user) == ("y", True)
    assert product.operands == (sin.result, sin.result)
    assert fn.params[0].name == "x"


def test_a_trailing_break_is_the_exit_at_the_end():
    def f(x):
        while True:
            x = 0.5 * x
            if x < 1.0:
                break
        return x

    (loop,) = statements(traced(f, 8.0), While)
    assert loop.test is None
    assert loop.body.body[-1].decl.name == "not"
    assert not statements(traced(f, 8.0), If)


def test_a_break_in_a_for_makes_it_yield_a_flag():
    def f(x):
        s = 0.0
        for v in x:
            if v < 0.0:
                break
            s += v
        return s

    (loop,) = statements(traced(f, np.ones(3)), For)
    assert loop.breaks and len(loop.results) == 2
    assert loop.results[0].name == "iterations"


def test_early_returns_become_branches():
    def f(x):
        if x > 0.0:
            return x
        return -x

    (branch,) = statements(traced(f, 1.0), If)
    assert len(branch.results) == 1


def test_structures_cost_no_statements():
    def f(x):
        t = (x, {"a": x}, [x, 2.0])
        a, b, (c, d) = t
        return a + b["a"] + c + d

    assert [s.decl.name for s in traced(f, 1.0).body.body] == ["add", "add", "add"]


def test_helpers_are_shared_between_calls_with_other_lengths():
    fn = traced(two_calls, np.ones(3), np.ones(4))
    first, second = statements(fn, Call)
    assert first.function is second.function
    assert first.function.name == "helper"


def helper(x):
    return np.tanh(x) * 2.0


def two_calls(x, y):
    return np.sum(helper(x)) + np.sum(helper(y))


def keeps(x):
    x[0] = 1.0


def test_a_helper_that_writes_its_argument_is_read_in_place():
    def f(x):
        y = x.copy()
        keeps(y)
        return y.sum()

    assert not statements(traced(f, np.ones(3)), Call)


def test_a_carried_array_whose_length_changes_has_a_length_of_its_own():
    def f(x, n):
        for _ in range(n):
            x = np.concatenate((x, x[:1]))
        return np.sum(x)

    (loop,) = statements(traced(f, np.ones(3), 2), For)
    (param,) = loop.body.params[1:]
    assert param.type != loop.results[0].type
    assert isinstance(param.type, Array) and param.type.shape[0].symbol is not None


def test_an_invariant_name_is_not_carried():
    def f(x, n):
        y = x * 2.0
        for _ in range(n):
            y = y
        return y

    (loop,) = statements(traced(f, 1.0, 3), For)
    assert loop.carried == ()


def test_python_numbers_stay_weak_and_numpy_ones_are_strong():
    fn = traced(lambda x, a: (x * 2.0, np.sum(a)), 1.0, np.ones(3))
    weak, strong = (y.type for y in fn.body.yields)
    assert weak == Scalar("float64", True) and strong == Scalar("float64", False)


def test_lengths_are_expressions_of_the_arguments():
    fn = traced(lambda x: np.zeros(len(x) - 1) + x[1:], np.ones(4))
    (result,) = fn.body.yields
    # NumPy's max(n - 1, 0) and the program's n - 1 are one length where neither is negative
    assert all("x0" in str(d) for d in result.type.shape)


def test_in_place_updates_write_and_scalars_are_rebound():
    def f(x, s):
        x += s
        s += 1.0
        x[1:] *= s
        return np.sum(x)

    names = [s.decl.name for s in traced(f, np.ones(3), 2.0).body.body]
    assert names == ["add_into", "add", "index", "multiply", "store", "sum"]


def test_a_parameter_that_has_to_be_known_is_reported():
    fn = traced(lambda x, axis: np.sum(x, axis=axis), np.ones((2, 3)), 1)
    assert fn.source.static == {"axis": 1}
    assert fn.params[1].type == Static(1)


def test_without_its_value_such_a_parameter_is_an_error():
    types, _ = describe_arguments((np.ones((2, 3)), 1), ("x", "axis"))
    with pytest.raises(UnsupportedError, match="`axis` must be known"):
        trace(lambda x, axis: np.sum(x, axis=axis), types)


SCALE = 3.0


def test_globals_and_captured_values_are_noted():
    k = 2.0
    fn = traced(lambda x: x * k * SCALE, 1.0)
    assert fn.source.captured == {"k": 2.0} and fn.source.globals == {"SCALE": 3.0}


def test_equal_lengths_in_a_branch_are_assumed_not_concluded():
    def f(x, y, flag):
        return np.sum(x + y) if flag > 0.0 else np.sum(x)

    fn = traced(f, np.ones(3), np.ones(3), 1.0)
    (pair,) = fn.lengths.assumed
    assert set(pair) == {Dim.of("x0"), Dim.of("y0")}
    other = traced(f, np.ones(3), np.ones(4), -1.0)
    assert other.lengths.assumed == ()


def test_locations_are_the_users():
    def f(x):
        return np.sin(x) + 1.0

    sin, _ = traced(f, 1.0).body.body
    line = inspect.getsourcelines(f)[1] + 1
    assert sin.location.line == line
    assert sin.location.source_line[sin.location.column : sin.location.end_column] == "np.sin(x)"


def test_methods_and_other_spellings_are_kept():
    ops = traced(lambda x: x.sum() + math.exp(x[0]), np.ones(2)).body.body
    assert [o.spelling for o in ops if isinstance(o, Op)] == [".sum", "", "math.exp", ""]


def test_the_same_program_gives_the_same_text():
    program = next(p for p in load("targets") if p.name == "mlp")
    first, second = (to_text(traced(program.function, *program.arguments(0))) for _ in range(2))
    assert first == second


def test_reading_the_hmm_takes_a_few_milliseconds():
    program = next(p for p in load("targets") if p.name == "hmm")
    args = program.arguments(0)
    traced(program.function, *args)
    times = []
    for _ in range(5):
        start = time.process_time()
        traced(program.function, *args)
        times.append(time.process_time() - start)
    assert min(times) < 0.015


def test_a_sum_of_arrays_without_an_iteration_is_an_error():
    def f(x, n):
        total = 0
        for i in range(n):
            total = total + x * i
        return np.sum(total + 1)

    fn = traced(f, np.ones(3), 2)
    assert evaluate(fn, np.ones(3), 2) == 6.0
    with pytest.raises(ValueError, match="total is not an array"):
        evaluate(fn, np.ones(3), 0)


def test_a_carried_array_of_unchanged_length_keeps_its_length():
    def f(x, w, n):
        for _ in range(n):
            x = w * np.sum(x)
        return np.sum(x * x)

    gradient = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)
    assert "lengths" not in gradient.source_for(np.ones(3), np.ones(3), 2)
    for a, b, n in ((3, 3, 2), (2, 3, 2), (2, 3, 0), (1, 3, 2), (3, 1, 2), (4, 4, 1)):
        args = np.linspace(1.0, 2.0, a), np.linspace(0.1, 0.5, b), n
        found = problems(lambda x, w, n=n: f(x, w, n), args[:2])
        assert not found, found
        assert gradient(*args)[0] == pytest.approx(f(*args))
        assert [len(d) for d in gradient(*args)[1]] == [a, b]
