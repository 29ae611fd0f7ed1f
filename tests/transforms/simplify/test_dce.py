"""Dead code elimination: which statements are removed, and which have to stay."""

import numpy as np
from transforms.sources import agrees

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.dce import dce
from tests.transforms.passes import changed, check, program, unchanged

X = np.array([1.0, 2.0, 3.0])


def test_unused_operations_and_buffers_that_are_only_written_go():
    check(
        dce,
        """
        def f(%x': float64[n]) -> 0 {
          %t: float64[n] = exp %x
          %u: float64[n] = sin %t
          %d: float64[n] = zeros_like %x
          %e: float64 = index[where='i'] %x, 0
          store[where='i'] %d, %e, 0
          yield %t
        }
        """,
        """
        def f(%x': float64[n]) -> 0 {
          %t: float64[n] = exp %x
          yield %t
        }
        """,
        X,
    )


def test_writes_through_a_view_stay_if_the_base_is_read():
    unchanged(
        dce,
        """
        def f(%x': float64[n]) -> 0 {
          %d: float64[n] = zeros_like %x
          %row: float64[n] = index[where=':'] %d
          store[where='i'] %row, 2.0, 0
          %r: float64[n] = read %d
          yield %r
        }
        """,
        X,
    )


def test_writes_to_an_argument_stay():
    unchanged(
        dce,
        """
        def f(%x': float64[n]) -> 0 {
          store[where='i'] %x, 2.0, 0
          yield 1.0
        }
        """,
        X,
    )


def test_carried_values_that_only_feed_themselves_go():
    check(
        dce,
        """
        def f(%x': float64) -> 0 {
          %a: float64, %b: float64 = for 0, 3, 1 with %x, %x {
            (%i: int64, %p: float64, %q: float64) ->
            %p2: float64 = add %p, 1.0
            %q2: float64 = multiply %q, 2.0
            yield %p2, %q2
          }
          yield %a
        }
        """,
        """
        def f(%x': float64) -> 0 {
          %a: float64 = for 0, 3, 1 with %x {
            (%i: int64, %p: float64) ->
            %p2: float64 = add %p, 1.0
            yield %p2
          }
          yield %a
        }
        """,
        1.5,
    )


def test_a_branch_without_live_results_goes():
    check(
        dce,
        """
        def f(%x: float64, %c: bool) -> 0 {
          %a: float64 = if %c {
            %s: float64 = sin %x
            yield %s
          } else {
            yield %x
          }
          yield %x
        }
        """,
        """
        def f(%x: float64, %c: bool) -> 0 {
          yield %x
        }
        """,
        1.5,
        True,
    )


def test_what_is_saved_goes_with_the_last_use_of_what_is_restored():
    fn = changed(
        dce,
        program(
            """
            def f(%x': float64) -> 0 {
              for 0, 3, 1 {
                (%i: int64) ->
                %s: float64 = multiply %x, 2.0
                save[slot=0] %s
                yield
              }
              for 0, 3, 1 reverse {
                (%j: int64) ->
                %r: float64 = restore[slot=0, type=type(float64)]
                yield
              }
              yield %x
            }
            """
        ),
        1.5,
    )
    assert "save" not in to_text(fn)
    assert "for" not in to_text(fn)


def test_what_is_put_on_a_list_stays_where_only_the_number_of_elements_counts():
    agrees(
        "def f(x, n):\n    xs = []\n    for k in range(n):\n        xs.append(x * k)\n    s = 0.0\n    for k in range(n):\n        s += np.sum(xs[k]) + np.sum(xs[n - 1 - k])\n    return s\n",
        X,
        4,
    )


def test_what_is_put_on_a_list_stays_where_only_single_elements_are_read():
    agrees(
        "def f(x):\n    xs = []\n    for k in range(len(x)):\n        xs.append(2.0 * x[k])\n    return xs[0] + 10.0 * xs[1] + 100.0 * xs[-1]\n",
        X,
    )
