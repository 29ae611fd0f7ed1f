"""The reference evaluator: what it computes, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Function, Node, OpDecl
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.reference.value_conformance import Mismatch, Scope, conform
from srcdiff.ir.types import BOOL, FLOAT, INT, NONE, Array, Dim, List, Scalar, Static, Struct
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control.control import undefined
from srcdiff.ops.core.type_rules import floating, same_as_first
from tests.ir import programs
from tests.ir.programs import ADD, TIMES, N


def run(b, params, yields, *args):
    return evaluate(Function("f", b.region(params, [yields]), 0), *args)


# ---- what it computes ---------------------------------------------------------------------------


def test_a_buffer_is_filled_in_a_loop():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(evaluate(programs.doubled(), x), [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("x", [0.5, 2.0])
def test_a_branch_is_taken(x):
    assert evaluate(programs.clipped(), x) == min(x, 1.0)


def test_a_while_with_a_test_runs_as_long_as_it_holds():
    assert evaluate(programs.powers(), 1.0, 5.0) == (8.0, 3)
    assert evaluate(programs.powers(), 9.0, 5.0) == (9.0, 0)


def test_a_while_with_its_exit_at_the_end_runs_once_at_least():
    assert evaluate(programs.until(), 9.0, 5.0) == 10.0
    assert evaluate(programs.until(), 1.5, 5.0) == 5.5


def test_a_for_that_breaks_gives_the_iterations_made():
    assert evaluate(programs.first_large(), 10) == (4, 2)
    assert evaluate(programs.first_large(), 0) == (0, -1)


def test_a_call_runs_the_callee_on_storage_of_its_own():
    four, two = evaluate(programs.calling(), np.ones(2))
    np.testing.assert_array_equal(four, [4.0, 4.0])
    np.testing.assert_array_equal(two, [2.0, 2.0])


def test_what_is_saved_comes_back_in_reverse():
    y, d_x = evaluate(programs.saving(), 1.1)
    assert y == pytest.approx(1.1**8)
    assert d_x == pytest.approx(8 * 1.1**7)


def test_structs_and_lists():
    ys, one, two = evaluate(programs.containers_and_lists(), {"w": np.ones(2), "b": 2.0})
    np.testing.assert_array_equal(ys[0], [3.0, 3.0])
    assert one is ys[1]
    assert two == 2.0


def test_elements_of_a_list_may_differ_in_length():
    short, long = evaluate(programs.elements(), [np.ones(2), np.ones(3)])
    assert (len(short), len(long)) == (2, 3)


def test_arguments_are_written_where_the_function_writes_them():
    x, b = Value(N, "x"), Builder()
    b.ops(memory.add_into, x, const(1.0), where="")
    mine = np.zeros(2)
    assert run(b, [x], x, mine) is mine
    np.testing.assert_array_equal(mine, [1.0, 1.0])


def test_one_result_is_unpacked():
    x, b = Value(Struct("tuple", (0,), (FLOAT,))), Builder()
    (only,) = b.ops(containers.unpack, x)
    assert run(b, [x], only, (3.0,)) == 3.0


def test_modules_of_a_spelling_are_imported():
    expit = OpDecl("expit_", infer=floating, spelling="scipy.special.expit")
    x, b = Value(FLOAT), Builder()
    assert run(b, [x], b.op(expit, x), 0.0) == 0.5


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Box:
    left: float


def test_results_take_the_structure_of_the_output():
    x, b = Value(FLOAT), Builder()
    children = (
        Node("namedtuple", ("x", "y"), (0, 0), Point),
        Node("dataclass", ("left",), (0,), Box),
        Node("list", (0,), (0,)),
    )
    fn = Function("f", b.region([x], [x]), Node("dict", ("p", "b", "l"), children))
    assert evaluate(fn, 1.0) == {"p": Point(1.0, 1.0), "b": Box(1.0), "l": [1.0]}


def test_lengths_of_loop_iterations_may_differ():
    x, i, b = Value(N, "x"), Value(INT, "i"), Builder()
    inner = b.inner()
    piece = inner.op(memory.index, x, i, where="b:")
    k = inner.op(memory.length, dim=piece.type.shape[0])
    total, now = Value(INT), Value(INT)
    b.append(
        For(
            const(0),
            const(3),
            const(1),
            (const(0),),
            inner.region([i, now], [inner.op(ADD, now, k)]),
            (total,),
        )
    )
    assert run(b, [x], total, np.ones(3)) == 6


def test_derived_lengths_are_evaluated():
    x, b = Value(N), Builder()
    tail = b.op(memory.index, x, const(1), where="b:")
    size = b.op(memory.length, dim=tail.type.shape[0])
    assert [run(b, [x], size, np.ones(n)) for n in (0, 1, 4)] == [0, 0, 3]


# ---- memory that is not set ----------------------------------------------------------------------


def test_unset_memory_is_poisoned():
    x, b = Value(N), Builder()
    assert np.isnan(run(b, [x], b.op(memory.empty_like, x), np.ones(2))).all()
    assert np.isnan(run(Builder(), [x], x, np.full(1, np.nan))).all()
    b = Builder()
    assert np.isnan(run(b, [], b.op(memory.empty, const(2)))).all()
    b = Builder()
    assert run(b, [], b.op(memory.empty, const(1), dtype="int64"))[0] == np.iinfo("int64").max
    b = Builder()
    assert np.isnan(run(b, [x], b.op(memory.empty_of, type=N), np.ones(2))).all()


def test_storage_by_type():
    x, b = Value(N), Builder()
    np.testing.assert_array_equal(
        run(b, [x], b.op(memory.zeros_of, type=N), np.ones(2)), [0.0, 0.0]
    )
    b = Builder()
    np.testing.assert_array_equal(
        run(b, [x], b.op(memory.expand, const(2.0), type=N), np.ones(2)), [2.0, 2.0]
    )
    xs, b = Value(List(N)), Builder()
    zeros = run(b, [xs], b.op(memory.zeros_like_list, xs, type=List(N)), [np.ones(2), np.ones(2)])
    assert [z.tolist() for z in zeros] == [[0.0, 0.0], [0.0, 0.0]]


def test_a_value_that_is_never_read_has_its_type_all_the_same():
    x, b = Value(N), Builder()
    type_ = Struct("tuple", (0, 1), (N, INT))
    array, number = run(b, [x], b.op(undefined, type=type_), np.ones(3))
    assert array.shape == (3,)
    assert number == 0


def test_a_value_that_is_never_read_fixes_no_length():
    counted = Scalar("int64", True, Dim.of("k"))
    b = Builder()
    start = b.op(undefined, type=counted)
    i, now, out = Value(INT, "i"), Value(counted, "k"), Value(INT)
    body = b.inner().region([i, now], [i])
    b.append(For(const(0), const(3), const(1), (start,), body, (out,)))
    assert run(b, [], out) == 2


# ---- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "type_", "message"),
    [
        (1.0, N, "expected an array"),
        (np.ones((2, 2)), N, "expected float64.n."),
        (np.ones(2, np.float32), N, "expected float64.n."),
        (np.ones(2), Array("float64", (Dim(3),)), "expected float64.3."),
        (np.ones((2, 3)), Array("float64", (Dim.of("n"), Dim.of("n"))), "n is 2 here, got 3"),
        ("a", FLOAT, "expected a float64"),
        (1.5, INT, "expected a int64"),
        (1, BOOL, "expected a bool"),
        (np.float32(1), Scalar("float64", False), "expected a float64"),
        (3, Scalar("int64", True, Dim(2)), "2 is 2 here, got 3"),
        (np.ones(1), FLOAT, "expected a float64"),
        ([1.0], Struct("tuple", (0,), (FLOAT,)), "expected a tuple"),
        ((1.0, 2.0), Struct("tuple", (0,), (FLOAT,)), "expected 1 parts"),
        ({"b": 1.0}, Struct("dict", ("a",), (FLOAT,)), "no part 'a'"),
        (1.0, List(FLOAT), "expected a list"),
        (["a"], List(FLOAT), "expected a float64"),
        (1, NONE, "expected None"),
        ("a", Static("b"), "expected 'b'"),
    ],
)
def test_an_object_of_another_type_is_refused(obj, type_, message):
    with pytest.raises(Mismatch, match=message):
        conform(obj, type_, Scope())


@pytest.mark.parametrize(
    ("obj", "type_"),
    [
        (1, FLOAT),
        (True, INT),
        (np.float64(1), FLOAT),
        (np.array(1.0), FLOAT),
        (1.0, Scalar("float32", False)),
        (np.True_, BOOL),
    ],
)
def test_python_scalars_may_stand_for_wider_ones(obj, type_):
    conform(obj, type_, Scope())


def test_two_values_that_share_a_symbol_have_one_length():
    x, y, b = Value(N, "x"), Value(N, "y"), Builder()
    with pytest.raises(Mismatch, match="n is 2 here, got 3"):
        run(b, [x, y], x, np.ones(2), np.ones(3))


def test_a_wrong_result_type_is_refused_with_its_operation():
    lie = OpDecl("lie", infer=same_as_first, template="1")
    x, b = Value(N, "x"), Builder()
    with pytest.raises(Mismatch, match=r"lie %x.*expected an array"):
        run(b, [x], b.op(lie, x), np.ones(2))


def test_a_length_that_nothing_gives_is_refused():
    b = Builder()
    with pytest.raises(Mismatch, match="length m: nothing in scope"):
        run(b, [], b.op(memory.length, dim=Dim.of("m")))


def test_restoring_from_an_empty_stack_is_refused():
    b = Builder()
    with pytest.raises(Mismatch, match="nothing is saved in slot 1"):
        run(b, [], b.op(memory.restore, slot=1, type=FLOAT))


def test_leaving_saved_values_behind_is_refused():
    x, b = Value(FLOAT), Builder()
    b.ops(memory.save, x, slot=1)
    with pytest.raises(Mismatch, match="were not restored"):
        run(b, [x], x, 1.0)


def test_using_what_is_not_defined_is_refused():
    with pytest.raises(Mismatch, match="before it is defined"):
        run(Builder(), [], Value(FLOAT, "x"))


def test_the_wrong_number_of_arguments_is_refused():
    with pytest.raises(Mismatch, match="takes 1 arguments, got 2"):
        evaluate(programs.clipped(), 1.0, 2.0)


def test_results_that_do_not_match_are_refused():
    x, b = Value(Struct("tuple", (0, 1), (FLOAT, FLOAT))), Builder()
    b.ops(containers.unpack, x)
    b.body[-1] = replace(b.body[-1], results=(*b.body[-1].results, Value(FLOAT)))
    with pytest.raises(Mismatch, match="3 results, but 2"):
        run(b, [x], const(0), (1.0, 2.0))


def test_what_the_program_raises_comes_through_with_a_note():
    x, b = Value(N, "x"), Builder()
    with pytest.raises(IndexError) as caught:
        run(b, [x], b.op(memory.index, x, const(7), where="i"), np.ones(2))
    assert "index[where='i'] %x" in caught.value.__notes__[0]


def test_templates_are_compiled_once():
    from srcdiff.ir.reference.interpreter import compiled

    assert compiled("{0} * 2", 1, False) is compiled("{0} * 2", 1, False)
    x, b = Value(FLOAT), Builder()
    assert run(b, [x], b.op(TIMES, x, const(4.0)), 2.0) == 8.0
