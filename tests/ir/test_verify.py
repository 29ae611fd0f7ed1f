"""Every rule of the verifier, broken once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Call, For, Function, If, Op, OpDecl, Region, While
from srcdiff.ir.facts import LengthFacts
from srcdiff.ir.types import BOOL, FLOAT, INT, Array, Clamp, Dim, List, Scalar, Static, Struct
from srcdiff.ir.values import Value, const
from srcdiff.ir.verify import InvalidIR, Problem, agree, check, may_stand, verify
from srcdiff.ops.arrays import memory
from srcdiff.ops.linalg.factorisations import qr_factors
from tests.ir import programs
from tests.ir.programs import ADD, TANH, N

TWO = Array("float64", (Dim(2),))
THREE = Array("float64", (Dim(3),))


def function(b: Builder, params, *yields):
    return Function("f", b.region(params, yields), 0 if yields else programs.tuple_of())


def messages(fn):
    return [p.message for p in verify(fn)]


def only(fn):
    (message,) = messages(fn)
    return message


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_programs_are_valid(program: Callable[[], Function]):
    fn = program()
    assert verify(fn) == []
    assert check(fn) is fn


# ---- scopes --------------------------------------------------------------------------------------


def test_an_operand_that_is_not_defined():
    ghost, b = Value(FLOAT, "ghost"), Builder()
    b.op(TANH, ghost)
    fn = function(b, [])
    assert verify(fn) == [Problem(b.body[0], "operand %ghost:float64 is not defined")]


def test_a_use_before_the_definition():
    x, b = Value(FLOAT, "x"), Builder()
    y = b.op(TANH, x, name="y")
    b.op(TANH, y)
    fn = function(b, [x])
    swapped = fn.with_body(replace(fn.body, body=fn.body.body[::-1]))
    assert only(swapped) == "operand %y:float64! is not defined"


def test_a_value_of_another_region():
    c, b = Value(BOOL), Builder()
    inner = b.inner()
    hidden = inner.op(TANH, const(1.0), name="hidden")
    b.append(If(c, inner.region([], []), Builder().region([], []), ()))
    b.op(TANH, hidden)
    assert only(function(b, [c])).endswith("is defined in a region that is not around this one")


def test_a_branch_does_not_see_the_other():
    c, b = Value(BOOL), Builder()
    inner = b.inner()
    hidden = inner.op(TANH, const(1.0))
    b.append(If(c, inner.region([], []), Builder().region([], [hidden]), (Value(FLOAT),)))
    assert "is defined in a region that is not around this one" in messages(function(b, [c]))[0]


def test_a_region_sees_outer_values_but_not_its_statements_results():
    c, out = Value(BOOL), Value(FLOAT, "out")
    b = Builder()
    b.append(If(c, b.inner().region([], [out]), b.inner().region([], [const(1.0)]), (out,)))
    assert only(function(b, [c])) == "yield %out:float64 is not defined"


def test_a_yield_that_is_not_defined():
    assert only(function(Builder(), [], Value(FLOAT, "y"))) == "yield %y:float64 is not defined"


def test_a_value_defined_twice():
    x, b = Value(FLOAT, "x"), Builder()
    b.op(TANH, x)
    b.body.append(b.body[0])
    assert only(function(b, [x])).endswith("is defined twice")


# ---- operations ----------------------------------------------------------------------------------


def test_writing_a_constant():
    x, b = Value(N), Builder()
    b.body.append(Op(memory.add_into, (const(1.0), x), (), {"where": ""}))
    assert (
        only(function(b, [x]))
        == "operand 0 is written: expected a value, got a constant or nothing"
    )


def test_writing_a_scalar():
    x, b = Value(FLOAT), Builder()
    b.body.append(Op(memory.add_into, (x, x), (), {"where": ""}))
    assert only(function(b, [x])) == "operand 0 is written: expected storage, got float64"


def test_a_view_of_nothing():
    decl = OpDecl("odd", infer=lambda shapes, operands, attrs: (N,), view_of=2)
    x, b = Value(N), Builder()
    b.op(decl, x)
    assert only(function(b, [x])) == "the result is a view of operand 2, which is not there"


def test_the_wrong_number_of_results():
    x, b = Value(FLOAT), Builder()
    b.op(TANH, x)
    b.body[0] = replace(b.body[0], results=())
    assert only(function(b, [x])) == "tanh_ has 1 results, got 0"


def test_a_result_of_another_type():
    x, b = Value(FLOAT), Builder()
    b.body.append(Op(TANH, (x,), (Value(N),)))
    assert only(function(b, [x])) == "tanh_ gives float64!, but its result is float64[n]"


def test_operands_that_an_operation_does_not_take():
    two, three, b = Value(TWO), Value(THREE), Builder()
    b.body.append(Op(ADD, (two, three), (Value(TWO),)))
    assert only(function(b, [two, three])).startswith(
        "add_ does not take these operands: ShapeMismatch"
    )


# ---- branches ------------------------------------------------------------------------------------


def branch(condition, then, orelse, *results):
    b = Builder()
    b.append(If(condition, then, orelse, results))
    return function(b, [condition])


def test_a_condition_is_a_scalar():
    assert only(branch(Value(N), EMPTY, EMPTY)) == "the condition is a scalar, got float64[n]"


def test_branches_have_no_parameters():
    assert (
        only(branch(Value(BOOL), Region((Value(FLOAT),), (), ()), EMPTY))
        == "then has no parameters, got 1"
    )


def test_branches_yield_as_many_as_there_are_results():
    one = Region((), (), (const(1.0),))
    assert messages(branch(Value(BOOL), EMPTY, EMPTY, Value(FLOAT))) == [
        "0 yields of then, but 1 results",
        "0 yields of orelse, but 1 results",
    ]
    assert (
        only(branch(Value(BOOL), one, EMPTY, Value(FLOAT))) == "0 yields of orelse, but 1 results"
    )


def test_branches_yield_the_results_types():
    one = Region((), (), (const(1.0),))
    text = "yields of orelse and results, number 0: static(None) and float64 differ"
    assert only(branch(Value(BOOL), one, Region((), (), (const(None),)), Value(FLOAT))) == text


EMPTY = Region((), (), ())

# ---- loops ---------------------------------------------------------------------------------------


def loop(body, results=(), carried=(), **fields):
    b = Builder()
    b.append(For(const(0), const(3), const(1), carried, body, results, **fields))
    return function(b, [])


def index():
    return Value(INT, "i")


def test_a_loop_is_valid():
    x = Value(FLOAT)
    assert messages(loop(Region((index(), x), (), (x,)), (Value(FLOAT),), (const(1.0),))) == []


def test_bounds_are_integers():
    b = Builder()
    b.append(For(const(0.0), const(None), const(1), (), Region((index(),), (), ()), ()))
    assert messages(function(b, [])) == [
        "start is an integer, got float64",
        "stop is an integer, got static(None)",
    ]


def test_a_loop_has_an_index():
    assert only(loop(EMPTY)).startswith("the body's first parameter is the index")


def test_an_index_is_an_integer():
    assert only(loop(Region((Value(FLOAT),), (), ()))) == "the index is an integer, got float64"


def test_a_loop_that_breaks_yields_a_flag():
    assert only(loop(Region((index(),), (), ()), (Value(INT),), breaks=True)) == (
        "the body yields a flag first, got nothing"
    )
    assert only(loop(Region((index(),), (), (const(1),)), (Value(INT),), breaks=True)) == (
        "the body yields a bool first, got int64{1}"
    )


def test_a_loop_that_breaks_gives_the_iterations():
    body = Region((index(),), (), (const(True),))
    assert (
        only(loop(body, breaks=True))
        == "the first result is the number of iterations, got no results"
    )
    assert only(loop(Region((index(),), (), (const(True),)), (Value(FLOAT),), breaks=True)) == (
        "the number of iterations is an integer, got float64"
    )


def test_carried_values_agree_in_number():
    assert messages(loop(Region((index(),), (), ()), (Value(FLOAT),), (const(1.0),))) == [
        "1 carried, but 0 parameters of the body",
        "0 yields of the body, but 1 results",
    ]


def test_carried_values_agree_in_type():
    x = Value(FLOAT)
    assert only(loop(Region((index(), x), (), (x,)), (Value(FLOAT),), (const(None),))) == (
        "carried and parameters of the body, number 0: static(None) and float64 differ"
    )
    x = Value(FLOAT)
    assert only(loop(Region((index(), x), (), (x,)), (Value(N),), (const(1.0),))) == (
        "yields of the body and results, number 0: float64 and float64[n] differ"
    )


def while_(test, body, results=(), carried=()):
    b = Builder()
    b.append(While(carried, test, body, results))
    return function(b, [])


def test_a_while_yields_a_flag():
    assert only(while_(EMPTY, EMPTY)) == "the test yields a flag first, got nothing"
    assert (
        only(while_(Region((), (), (const(1.0),)), EMPTY))
        == "the test yields a bool first, got float64"
    )
    assert (
        only(while_(Region((), (), (const(True),) * 2), EMPTY))
        == "the test yields one flag, got 2 values"
    )
    assert only(while_(None, EMPTY)) == "the body yields a flag first, got nothing"


def test_a_while_test_has_the_carried_as_parameters():
    x = Value(FLOAT)
    body = Region((x,), (), (x,))
    test = Region((), (), (const(True),))
    assert (
        only(while_(test, body, (Value(FLOAT),), (const(1.0),)))
        == "1 carried, but 0 parameters of the test"
    )


# ---- calls ---------------------------------------------------------------------------------------


def test_a_call_has_the_callees_parameters_and_results():
    b = Builder()
    b.append(Call(programs.clipped(), (), ()))
    assert messages(function(b, [])) == [
        "0 operands, but 1 parameters of clipped",
        "1 yields of clipped, but 0 results",
    ]


def test_a_call_has_the_callees_types():
    b = Builder()
    b.append(Call(programs.clipped(), (const(None),), (Value(N),)))
    assert len(messages(function(b, []))) == 2


def test_a_callee_is_verified_once():
    bad = function(Builder(), [], Value(FLOAT, "y"))
    b = Builder()
    for _ in range(2):
        b.append(Call(bad, (), (Value(FLOAT),)))
    assert only(function(b, [])) == "yield %y:float64 is not defined"


# ---- saved values --------------------------------------------------------------------------------


def test_a_slot_has_one_save_and_one_restore():
    x, b = Value(FLOAT), Builder()
    b.ops(memory.save, x, slot=1)
    assert (
        only(function(b, [x])) == "slot 1 has one save and one restore, got 1 saves and 0 restores"
    )
    b = Builder()
    b.op(memory.restore, slot=2, type=FLOAT)
    assert (
        only(function(b, [])) == "slot 2 has one save and one restore, got 0 saves and 1 restores"
    )


def test_a_slot_keeps_its_type():
    x, b = Value(FLOAT), Builder()
    b.ops(memory.save, x, slot=1)
    b.op(memory.restore, slot=1, type=N)
    assert only(function(b, [x])) == "slot 1 is saved as float64, restored as another type"


# ---- the function --------------------------------------------------------------------------------


def test_the_output_is_among_the_yields():
    fn = Function("f", EMPTY, programs.tuple_of(0))
    assert verify(fn) == [Problem(None, "the output takes yield 0, but there are 0")]


def test_checking_shows_the_complaint_below_its_line():
    b = Builder()
    b.op(TANH, Value(FLOAT, "ghost"), name="y")
    with pytest.raises(InvalidIR) as caught:
        check(function(b, []))
    assert str(caught.value) == (
        "def f() -> tuple() {\n"
        "  %y: float64! = tanh_ %ghost\n"
        "  ^ operand %ghost:float64 is not defined\n"
        "  yield\n"
        "}\n"
    )


# ---- agreement of types --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Scalar("float64", True), Scalar("float64", False)),
        (Scalar("int64", True, Dim(1)), INT),
        (N, TWO),
        (N, Array("float64", (Dim.of("m"),))),
        (List(N), List(TWO)),
        (Struct("tuple", (0,), (N,)), Struct("tuple", (0,), (TWO,))),
        (Static("a"), Static("a")),
    ],
)
def test_types_that_agree(one, two):
    assert agree(one, two)
    assert agree(two, one)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (FLOAT, INT),
        (FLOAT, N),
        (TWO, THREE),
        (N, Array("float32", N.shape)),
        (N, Array("float64", N.shape * 2)),
        (List(N), List(FLOAT)),
        (Struct("tuple", (0,), (N,)), Struct("list", (0,), (N,))),
        (Struct("tuple", (0,), (N,)), Struct("tuple", (0,), (FLOAT,))),
        (Static("a"), Static("b")),
    ],
)
def test_types_that_do_not_agree(one, two):
    assert not agree(one, two)
    assert not agree(two, one)


def test_a_float_of_python_starts_a_sum_of_any_precision():
    weak, narrow = Scalar("float64", True), Scalar("float32", False)
    assert may_stand(weak, narrow)
    assert may_stand(Struct("tuple", (0,), (weak,)), Struct("tuple", (0,), (narrow,)))
    assert not may_stand(Scalar("float64", False), narrow)  # NumPy's number stays wide
    assert not may_stand(narrow, weak)
    assert not may_stand(INT, narrow)


def test_a_declaration_sees_the_statements_attributes():
    decl = OpDecl("needs", infer=lambda shapes, operands, attrs: (attrs["type"],))
    b = Builder()
    b.body.append(Op(decl, (), (Value(FLOAT),), {}))
    assert only(function(b, [])).startswith("needs does not take these operands: KeyError")


@pytest.mark.parametrize("known_by", ["the arguments", "what the program requires"])
def test_what_is_concluded_of_lengths_is_known(known_by):
    n, m = Dim.of("n"), Dim.of("m")
    wide = m - n  # declared not negative, and then known to be 3 by the number of columns
    facts = LengthFacts(assumed=((Dim.of(Clamp(wide)), wide), (m, Dim(3))))
    if known_by == "what the program requires":
        facts = LengthFacts(assumed=facts.assumed[:1], bindings={"m": Dim(3)})
    x, b = Value(Array("float64", (n, Dim(3)))), Builder()
    q, r = Value(Array("float64", (n, n))), Value(Array("float64", (n, Dim(3))))
    b.body.append(Op(qr_factors, (x,), (q, r), {"mode": "complete"}))
    fn = function(b, [x])
    assert "not unique" in only(fn)
    assert verify(replace(fn, lengths=facts)) == []


def test_the_front_part_of_an_array_of_known_length_has_any_length():
    x, stop, b = Value(THREE), Value(INT), Builder()
    part = b.op(memory.index, x, stop, where=":e")
    assert not part.type.shape[0].is_const
    assert part.type.shape != b.op(memory.index, x, stop, where=":e").type.shape
