"""Dead store elimination: stores into elements that are not read afterwards are removed; all others stay."""

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.buffers.dead_store_elimination import dead_stores

X = np.array([0.5, -1.25, 2.0, 0.75, 3.0])


def stores_left(text, *args):
    return to_text(changed(dead_stores, program(text), *args)).count("store[")


def loop(body, header="for 1, %n, 1", behind="%r: float64! = index[where='i'] %d, 0"):
    return f"""
        def f(%x: float64[n]) -> 0 {{
          %n: int64{{n}} = axis_length[axis=0] %x
          %last: int64{{n-1}} = subtract %n, 1
          %d: float64[n] = copy %x
          %e: float64[n] = copy %x
          {header} {{
            (%i: int64{{i}}) ->
            {body}
            yield
          }}
          {behind}
          %s: float64! = sum %e
          %t: float64! = add %r, %s
          yield %t
        }}
    """


CLEAR = "store[where='i'] %d, 0.0, %i ;adjoint\n"
USE = "%a: float64! = index[where='i'] %d, %i\n            add_into[where='i'] %e, %a, %i\n            "
BACK = "            %p: int64{i-1} = subtract %i, 1\n            add_into[where='i'] %d, %a, %p"


@pytest.mark.parametrize(
    ("body", "header", "behind", "left"),
    [
        (USE + CLEAR, "for 1, %n, 1", "%r: float64! = index[where='i'] %d, 0", 0),
        (USE + CLEAR, "for 0, %n, 1", "%r: float64! = index[where='i'] %d, 0", 1),
        (USE + CLEAR, "for 1, %n, 1", "%r: float64! = index[where='i'] %d, -1", 1),
        # places that count from the end lie behind those that stop before it
        (USE + CLEAR, "for 1, %last, 1", "%r: float64! = index[where='i'] %d, -1", 0),
        (USE + CLEAR, "for 1, %last, 1", "%r: float64! = index[where='i'] %d, %last", 0),
        (USE + CLEAR, "for 1, %last, 1", "%r: float64! = index[where='i'] %d, -2", 1),
        (USE + CLEAR, "for -1, %last, 1", "%r: float64! = index[where='i'] %d, -1", 1),
        (CLEAR + "            " + USE, "for 1, %n, 1", "%r: float64! = index[where='i'] %d, 0", 1),
        # later iterations add to other elements, if they count down and never below 0
        (USE + CLEAR + BACK, "for 1, %n, 1 reverse", "%r: float64! = index[where='i'] %d, 0", 0),
        (USE + CLEAR + BACK, "for 0, %n, 1 reverse", "%r: float64! = sum %x", 1),
        (USE + CLEAR + BACK, "for 1, %n, 1", "%r: float64! = index[where='i'] %d, 0", 1),
    ],
)
def test_a_clear_in_a_loop(body, header, behind, left):
    assert stores_left(loop(body, header, behind), X) == left


def test_what_is_read_again_in_the_next_iteration_of_a_loop_around_stays():
    def inner(behind):
        return f"""
            def f(%x: float64[n], %m: int64{{m}}) -> 0 {{
              %n: int64{{n}} = axis_length[axis=0] %x
              %d: float64[n] = copy %x
              %e: float64[n] = copy %x
              for 0, %m, 1 {{
                (%t: int64{{t}}) ->
                {"%g: float64[n] = copy %x" if behind else ""}
                for 0, %n, 1 {{
                  (%i: int64{{i}}) ->
                  %a: float64! = index[where='i'] {behind or "%d"}, %i
                  add_into[where='i'] %e, %a, %i
                  store[where='i'] {behind or "%d"}, 0.0, %i ;adjoint
                  yield
                }}
                yield
              }}
              yield %e
            }}
        """

    assert stores_left(inner(""), X, 2) == 1
    assert stores_left(inner("%g"), X, 2) == 0  # each iteration has an array of its own


def test_an_array_that_the_next_iteration_gets_is_not_private():
    assert (
        stores_left(
            """
        def f(%x: float64[n], %m: int64{m}) -> 0 {
          %first: float64[n] = copy %x
          %last: float64[n], %s: float64! = for 0, %m, 1 with %first, 0.0 {
            (%t: int64{t}, %old: float64[n], %s.1: float64!) ->
            %b: float64! = index[where='i'] %old, 0
            %s.2: float64! = add %s.1, %b
            %d: float64[n] = copy %x
            store[where='i'] %d, 0.0, 0 ;adjoint
            yield %d, %s.2
          }
          yield %s
        }
    """,
            X,
            3,
        )
        == 1
    )


LATER = """
    def f(%x: float64[n]) -> 0 {{
      %d: float64[n] = copy %x
      %e: float64[n] = copy %x
      store[{at}] %d, 0.0{operand} ;adjoint
      {more}
      yield %e
    }}
"""


@pytest.mark.parametrize(
    ("at", "operand", "more", "left"),
    [
        ("where='i'", ", 0", "", 0),
        ("where='i'", ", 0", "%a: float64! = index[where='i'] %d, 1\n add_into[where='i'] %e, %a, 0", 0),
        ("where='i'", ", 0", "%a: float64! = index[where='i'] %d, -1\n add_into[where='i'] %e, %a, 0", 1),
        ("where='i'", ", -1", "%a: float64! = index[where='i'] %d, -2\n add_into[where='i'] %e, %a, 0", 0),
        ("where=''", "", "%a: float64! = index[where='i'] %d, 1\n add_into[where='i'] %e, %a, 0", 1),
        ("where='i'", ", 0", "%v: float64[n-1] = index[where='b:'] %d, 1\n %w: float64[n-1] = read %v\n %a: float64! = sum %w\n add_into[where='i'] %e, %a, 0", 0),
        ("where='i'", ", 0", "%v: float64[n] = index[where='::s'] %d, -1\n %a: float64! = index[where='i'] %v, 1\n add_into[where='i'] %e, %a, 0", 1),
        ("where='i'", ", 0", "%w: float64[n] = read %d\n %a: float64! = sum %w\n add_into[where='i'] %e, %a, 0", 1),
        ("where='i'", ", 0", "add_into[where='i'] %d, 1.0, 0\n%a: float64! = index[where='i'] %d, 1\n add_into[where='i'] %e, %a, 0", 1),
    ],
)  # fmt: skip
def test_a_clear_in_a_straight_line(at, operand, more, left):
    assert stores_left(LATER.format(at=at, operand=operand, more=more), X) == left


def test_a_number_that_changes_from_iteration_to_iteration_is_not_one_place():
    """`d[k]` of one iteration may be the `d[k + 1]` of another."""
    assert (
        stores_left(
            """
        def f(%x: float64[n], %where: int64[n]) -> 0 {
          %n: int64{n} = axis_length[axis=0] %x
          %d: float64[n] = copy %x
          %e: float64[n] = copy %x
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %k: int64{k} = index[where='i'] %where, %i
            %m: int64{k+1} = add %k, 1
            %a: float64! = index[where='i'] %d, %m
            add_into[where='i'] %e, %a, %i
            store[where='i'] %d, 0.0, %k ;adjoint
            yield
          }
          yield %e
        }
    """,
            X,
            np.array([3, 2, 1, 0, 0]),
        )
        == 1
    )


def test_triangular_loops_do_not_come_back():
    """`d[i, j]` with j < i: later iterations of a loop that counts i down add to rows below."""
    assert (
        stores_left(
            """
        def f(%x: float64[n, n]) -> 0 {
          %n: int64{n} = axis_length[axis=0] %x
          %d: float64[n, n] = copy %x
          %e: float64[n, n] = copy %x
          for 0, %n, 1 reverse {
            (%j: int64{j}) ->
            %a: float64! = index[where='i, i'] %d, %j, %j
            add_into[where='i, i'] %e, %a, %j, %j
            store[where='i, i'] %d, 0.0, %j, %j ;adjoint
            for 0, %j, 1 {
              (%k: int64{k}) ->
              %b: float64! = index[where='i, i'] %d, %j, %k
              add_into[where='i, i'] %e, %b, %k, %k
              add_into[where='i, i'] %d, %b, %k, %k
              yield
            }
            yield
          }
          yield %e
        }
    """,
            np.outer(X, X),
        )
        == 0
    )


def test_the_users_stores_and_what_the_caller_sees_stay():
    kept = LATER.format(at="where='i'", operand=", 0", more="").replace(" ;adjoint", "")
    assert stores_left(kept, X) == 1
    seen = LATER.format(at="where='i'", operand=", 0", more="").replace("yield %e", "yield %d")
    assert stores_left(seen, X) == 1
