"""The text form: what it looks like, and that it can be read back."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Call, Function, Node, Op
from srcdiff.ir.facts import Interface, LengthFacts
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax import printer
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import literal_text, statement_text, to_text, type_text
from srcdiff.ir.syntax.type_parser import ParseError, parse_dim, parse_type
from srcdiff.ir.types import FLOAT, Array, Dim, List, Scalar, Static, Struct, dims_of
from srcdiff.ir.values import Const, Value, const
from srcdiff.ir.verify import verify
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.core.registry import OPERATIONS
from tests.ir import programs
from tests.ir.programs import ADD, ALL, TANH, N
from tests.ir.strategies import dims


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Box:
    left: float


CLASSES = {"Point": Point, "Box": Box}


def round_trip(fn: Function) -> Function:
    printed = to_text(fn)
    again = parse(printed, ALL, CLASSES)
    assert to_text(again) == printed
    return again


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_programs_round_trip(program: Callable[[], Function]):
    fn = program()
    again = round_trip(fn)
    assert (again.name, again.doc, again.output) == (fn.name, fn.doc, fn.output)
    assert [(p.type, p.name, p.user) for p in again.params] == [
        (p.type, p.name, p.user) for p in fn.params
    ]


def test_what_was_read_back_computes_the_same():
    assert evaluate(round_trip(programs.saving()), 1.1) == evaluate(programs.saving(), 1.1)
    assert evaluate(round_trip(programs.powers()), 1.0, 5.0) == (8.0, 3)


def test_a_loop_reads_as_documented():
    assert (
        to_text(programs.saving())
        == """\
def saving(%x': float64) -> tuple(0: 0, 1: 1) {
  %h': float64 = for 0, 3, 1 pair=1 with %x {
    (%i': int64, %h.1': float64) ->
    save[slot=1] %h.1
    %0: float64 = times_ %h.1, %h.1
    yield %0
  }
  %d_x: float64 = for 0, 3, 1 reverse pair=1 with 1.0 ;adjoint {
    (%i.1: int64, %d_h: float64) ->
    %h.2: float64 = restore[slot=1, type=type(float64)] ;adjoint
    %1: float64 = times_ %d_h, 2.0 ;adjoint
    %2: float64 = times_ %1, %h.2 ;adjoint
    yield %2
  }
  yield %h, %d_x
}
"""
    )


def test_the_example_of_the_module_is_as_printed():
    example = textwrap.dedent(printer.__doc__.split("\n\n")[1]) + "\n"
    fn = parse(example, {**OPERATIONS, "add": ADD})
    assert to_text(fn).replace("add_ ", "add ") == example
    assert verify(fn) == []


def test_the_two_kinds_of_while():
    assert "%x.1': float64, %count: int64 = while with %x, 0 {" in to_text(programs.powers())
    assert "  } do {\n    (%x.3': float64, %count.1: int64) ->\n" in to_text(programs.powers())
    assert "%x.1': float64 = while pair=2 with %x do {" in to_text(programs.until())


def test_a_called_function_stands_below_once():
    printed = to_text(programs.calling())
    assert printed.count("def doubled(") == 1
    assert printed.index("def calling") < printed.index("def doubled")
    assert "%two: float64[n] = call doubled %one ;adjoint" in printed


def test_two_functions_of_one_name_are_numbered():
    b, x = Builder(), Value(N, "x")
    for _ in range(2):
        b.append(Call(programs.doubled(), (x,), (Value(N),)))
    fn = Function("<lambda>", b.region([x], []), Node("tuple", (), ()))
    assert "call doubled.1 %x" in to_text(fn)
    again = round_trip(fn)
    assert again.name == "<lambda>"
    first, second = (s.function for s in again.body.body if isinstance(s, Call))
    assert first is not second
    assert first.name == second.name == "doubled"


def test_printing_twice_gives_the_same():
    fn = programs.calling()
    assert to_text(fn) == to_text(fn)


def test_a_statement_by_itself():
    x, b = Value(N, "x"), Builder()
    b.op(memory.index, x, const(0), where="i", name="first")
    assert statement_text(b.body[0]) == "%first: float64! = index[where='i'] %x, 0"


def test_spellings_and_facts_are_kept():
    x, b = Value(N, "x"), Builder()
    y = b.op(TANH, x, spelling=".tanh")
    known = LengthFacts(assumed=((Dim.of("n"), Dim(3)),), positive=("n",))
    interface = Interface(written_params=(0,))
    fn = Function("f", b.region([x], [y]), 0, lengths=known, interface=interface)
    again = round_trip(fn)
    (op,) = again.body.body
    assert isinstance(op, Op)
    assert op.spelling == ".tanh"
    assert (again.lengths, again.interface) == (known, interface)


def test_values_hidden_by_a_region_are_found_again():
    x, b = Value(FLOAT, "x"), Builder()
    y = b.op(ADD, x, Const(1, FLOAT))
    assert "add_ %x, (1: float64)" in to_text(round_trip(Function("f", b.region([x], [y]), 0)))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 1, -1, 0.5, -0.5, 1e-300, 1e300, float("inf"), -float("inf"), float("nan"), 1j, -1.5 + 2j, "axis",
        "it's", 'a "b"\n', b"x", (), (1,), (1, "a"), [1, [2]], np.float32(1.5), np.int64(-3), np.bool(True),
    ],
)  # fmt: skip
def test_literals_round_trip(value):
    x, b = Value(FLOAT, "x"), Builder()
    b.op(memory.read, x)
    op = replace(b.body[0], attrs={"value": value}, operands=(const(value),))
    fn = Function("f", replace(b.region([x], []), body=(op,)), Node("tuple", (), ()))
    (again,) = round_trip(fn).body.body
    assert repr(again.attrs["value"]) == repr(value)
    assert again.operands == (const(value),)


@pytest.mark.parametrize(
    "value", [Dim.of("n") - 1, FLOAT, N, Point, (Dim(1), List(N)), {"a": (1.0,), 2: {}}]
)
def test_attributes_of_the_compiler_round_trip(value):
    b = Builder()
    b.ops(memory.save, const(1), slot=value)
    (op,) = round_trip(Function("f", b.region([], []), Node("tuple", (), ()))).body.body
    assert op.attrs["slot"] == value


def test_containers_with_classes_round_trip_by_name():
    p = Value(Struct("namedtuple", ("x", "y"), (FLOAT, N), Point), "p")
    output = Node("dataclass", ("left",), (0,), Box)
    again = round_trip(Function("f", Builder().region([p], [p]), output))
    assert again.params[0].type == p.type
    assert again.output == output


TYPES = st.recursive(
    st.one_of(
        st.builds(Scalar, st.sampled_from(["float64", "bool", "complex128"]), st.booleans()),
        st.builds(Scalar, st.just("int64"), st.booleans(), dims),
        st.builds(
            Array, st.sampled_from(["float64", "float32"]), st.lists(dims, max_size=3).map(tuple)
        ),
        st.builds(Static, st.sampled_from([None, "axis", 1.5])),
    ),
    lambda inner: st.one_of(
        st.builds(List, inner),
        st.lists(inner, max_size=3).map(
            lambda ts: Struct("tuple", tuple(range(len(ts))), tuple(ts))
        ),
        st.lists(inner, max_size=3).map(
            lambda ts: Struct("list", tuple(range(len(ts))), tuple(ts))
        ),
        st.tuples(inner, inner).map(lambda ts: Struct("dict", ("a", 3), ts)),
        st.tuples(inner, inner).map(lambda ts: Struct("namedtuple", ("x", "y"), ts, Point)),
    ),
    max_leaves=6,
)


@given(dims)
def test_lengths_round_trip(dim):
    assert parse_dim(str(dim)) == dim


@given(TYPES)
def test_types_round_trip(type_):
    assert parse_type(type_text(type_), CLASSES) == type_
    assert dims_of(parse_type(type_text(type_), CLASSES)) == dims_of(type_)


# ---- what cannot be read back --------------------------------------------------------------------

HIDDEN = """\
def f() -> 0 {
  if True {
    %y: float64 = tanh_ 1.0
    yield
  } else {
    yield
  }
  yield %y
}
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "no function"),
        ("def f() -> 0 {\n  yield %x\n}", "line 2: expected a value that is defined above, got '%x'"),
        ("def f() -> 0 {\n  none_ 1.0\n  yield 1\n}", "line 2: expected an operation; none_ is not one"),
        ("def f() -> 0 {\n  call g\n  yield 1\n}", "expected a function that is in the text; g is not"),
        ("def f() -> 0 {\n  show_ 1.0 ;nobody\n  yield 1\n}", "expected an origin; nobody is not one"),
        ("def f() -> 0 {\n  show_ <ndarray>\n  yield 1\n}", "<ndarray> has no literal"),
        ("def f() -> 0 {\n  show_ $\n", r"line 2: unexpected '\$'"),
        ("def f() -> 0 {\n  = show_\n}", "expected a statement"),
        ("def f(%p: namedtuple Other('x': float64)) -> 0 {\n  yield 1\n}", "class Other is not in the text"),
        (HIDDEN, "a value that is defined above"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where(source, message):
    with pytest.raises(ParseError, match=message):
        parse(source, ALL)


def test_objects_without_literal_are_shown_without_their_address():
    assert literal_text(np.ones(2)) == "<ndarray>"
    assert literal_text(np.tanh) == "<tanh>"
    assert literal_text(object()) == "<object>"


def test_a_pack_of_a_class_round_trips():
    b = Builder()
    point = b.op(
        containers.pack, const(1.0), const(2.0), kind="namedtuple", keys=("x", "y"), cls=Point
    )
    assert evaluate(round_trip(Function("f", b.region([], [point]), 0))) == Point(1.0, 2.0)
