"""Loop-invariant code."""

import numpy as np

from srcdiff.transforms.hoist import hoist
from tests.transforms.passes import check, unchanged

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


def test_a_list_that_the_loop_takes_from_is_made_in_each_turn():
    inner = """%xs: list of float64! = elements %x ;adjoint
        %e: float64! = list_pop %xs ;adjoint"""
    unchanged(hoist, LOOP.format(inner=inner), X)
