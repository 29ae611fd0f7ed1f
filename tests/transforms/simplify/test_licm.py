"""Loop-invariant code motion."""

import numpy as np

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.licm import hoist, hoist_all
from tests.transforms.passes import changed, check, program, unchanged

LOOP = """
    def f(%x: float64[n]) -> 0 {{
      %d: float64[n] = copy %x ;adjoint
      for 0, 3, 1 ;adjoint {{
        (%i: int64) ->
        {inner}
        add_into[where=''] %d, %e ;adjoint
        yield
      }}
      %r: float64[n] = read %d ;adjoint
      yield %r
    }}
"""
X = np.array([1.0, 2.0, 3.0])


def test_generated_work_on_arrays_moves_out_of_all_loops_it_may():
    check(
        hoist,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          for 0, 3, 1 ;adjoint {
            (%i: int64) ->
            for 0, 2, 1 ;adjoint {
              (%j: int64) ->
              %e: float64[n] = exp %x ;adjoint
              %g: float64[n] = multiply %e, %i ;adjoint
              add_into[where=''] %d, %g ;adjoint
              yield
            }
            yield
          }
          %r: float64[n] = read %d ;adjoint
          yield %r
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          %e: float64[n] = exp %x ;adjoint
          for 0, 3, 1 ;adjoint {
            (%i: int64) ->
            %g: float64[n] = multiply %e, %i ;adjoint
            for 0, 2, 1 ;adjoint {
              (%j: int64) ->
              add_into[where=''] %d, %g ;adjoint
              yield
            }
            yield
          }
          %r: float64[n] = read %d ;adjoint
          yield %r
        }
        """,
        X,
    )


def test_the_users_lines_stay():
    unchanged(hoist, LOOP.format(inner="%e: float64[n] = exp %x"), X)


def test_what_the_loop_writes_is_read_in_the_loop():
    unchanged(hoist, LOOP.format(inner="%e: float64[n] = read %d ;adjoint"), X)


def test_what_stands_under_a_branch_stays_there():
    inner = """%c: bool = less %i, 1 ;adjoint
        %e: float64[n] = if %c ;adjoint {
          %t: float64[n] = exp %x ;adjoint
          yield %t
        } else {
          yield %x
        }"""
    unchanged(hoist, LOOP.format(inner=inner), X)


def test_a_list_that_the_loop_takes_from_is_made_in_each_iteration():
    inner = """%xs: list of float64! = elements %x ;adjoint
        %e: float64! = list_pop %xs ;adjoint"""
    unchanged(hoist, LOOP.format(inner=inner), X)


def test_in_compiled_code_the_users_lines_move_too():
    text = LOOP.format(
        inner="""%a: float64! = index[where='i'] %x, 0
        %b: float64[n] = multiply %x, %a
        %c: float64 = multiply 2.0, %i
        %e: float64[n] = multiply %b, %c"""
    )
    head = to_text(changed(hoist_all, program(text), X)).split("for 0, 3")[0]
    assert "index" in head and head.count("multiply") == 1


def test_operations_that_may_raise_stay_in_a_loop_that_may_not_run():
    text = LOOP.format(
        inner="""%a: float64! = index[where='i'] %x, 5
        %e: float64[n] = multiply %x, %a"""
    )
    text = text.replace("%x: float64[n])", "%x: float64[n], %m: int64{m})").replace(
        "0, 3, 1", "0, %m, 1"
    )
    check(hoist_all, text, text, X, 0)
