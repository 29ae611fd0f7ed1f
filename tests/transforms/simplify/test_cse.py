"""Common subexpression elimination."""

import numpy as np

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from tests.transforms.passes import changed, check, program, unchanged

X = np.array([1.0, 2.0, 3.0])


def test_generated_code_takes_what_the_user_computed_and_users_names_win():
    check(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = exp %x ;adjoint
          %t': float64[n] = exp %x
          %1: float64[n] = exp %x ;adjoint
          %2: float64[n] = add %t, %0 ;adjoint
          %3: float64[n] = add %2, %1 ;adjoint
          yield %3
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %t': float64[n] = exp %x ;adjoint
          %0: float64[n] = add %t, %t ;adjoint
          %1: float64[n] = add %0, %t ;adjoint
          yield %1
        }
        """,
        X,
    )


def test_two_lines_of_the_users_stay_but_lookups_are_joined():
    check(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64! = index[where='i'] %x, 0
          %1: float64! = index[where='i'] %x, 0
          %2: float64! = sin %0
          %3: float64! = sin %1
          %4: float64! = add %2, %3
          yield %4
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64! = index[where='i'] %x, 0
          %2: float64! = sin %0
          %3: float64! = sin %0
          %4: float64! = add %2, %3
          yield %4
        }
        """,
        X,
    )


def test_what_is_computed_of_equal_lines_is_equal():
    """Of `gammaln((x + 1) / 2) - (x + 1) / 2`, where the backward part uses both quotients."""
    check(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = add %x, 1
          %1: float64[n] = divide %0, 2
          %2: float64[n] = add %x, 1
          %3: float64[n] = divide %2, 2
          %4: float64[n] = multiply %1, %3 ;adjoint
          yield %4
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = add %x, 1
          %1: float64[n] = divide %0, 2
          %2: float64[n] = add %x, 1
          %4: float64[n] = multiply %1, %1 ;adjoint
          yield %4
        }
        """,
        X,
    )


def test_arithmetic_of_floats_takes_integers_for_floats():
    check(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = subtract 1, %x
          %1: float64[n] = subtract 1.0, %x ;adjoint
          %2: float64[n] = multiply %0, %1 ;adjoint
          yield %2
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = subtract 1, %x
          %2: float64[n] = multiply %0, %0 ;adjoint
          yield %2
        }
        """,
        X,
    )


def test_reads_are_the_same_only_if_nothing_is_written_between():
    unchanged(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          %0: float64[n] = read %d ;adjoint
          store[where='i'] %d, 0.0, 1 ;adjoint
          %1: float64[n] = read %d ;adjoint
          %2: float64[n] = add %0, %1 ;adjoint
          yield %2
        }
        """,
        X,
    )


def test_a_loop_that_writes_ends_what_was_read_before_it():
    unchanged(
        cse,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          %0: float64! = index[where='i'] %d, 0 ;adjoint
          %s: float64! = for 0, 3, 1 with %0 {
            (%i: int64, %p: float64!) ->
            %1: float64! = index[where='i'] %d, 0 ;adjoint
            add_into[where='i'] %d, %p, %i ;adjoint
            %2: float64! = add %p, %1 ;adjoint
            yield %2
          }
          yield %s
        }
        """,
        X,
    )


def test_buffers_that_are_written_stay_separate():
    unchanged(
        cse,
        """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %d: float64[n] = zeros_like %x ;adjoint
          %e: float64[n] = zeros_like %x ;adjoint
          store[where='i'] %d, 1.0, 0 ;adjoint
          store[where='i'] %e, 2.0, 0 ;adjoint
          yield %d, %e
        }
        """,
        X,
    )


def test_invariant_carries_and_indifferent_branches_are_values():
    check(
        lambda fn: dce(cse(fn)),
        """
        def f(%x: float64, %c: bool) -> 0 {
          %s: float64, %k: float64 = for 0, 3, 1 with %x, 2.0 {
            (%i: int64, %p: float64, %q: float64) ->
            %t: float64 = multiply %p, %q
            yield %t, %q
          }
          %r: float64 = if %c {
            yield %k
          } else {
            yield 2.0
          }
          %o: float64 = add %s, %r
          yield %o
        }
        """,
        """
        def f(%x: float64, %c: bool) -> 0 {
          %s: float64 = for 0, 3, 1 with %x {
            (%i: int64, %p: float64) ->
            %t: float64 = multiply %p, 2.0
            yield %t
          }
          %o: float64 = add %s, 2.0
          yield %o
        }
        """,
        1.5,
        True,
    )


def test_lengths_of_equal_slices_are_equal():
    check(
        lambda fn: dce(cse(fn)),
        """
        def f(%x: float64[n], %m: int64{m}) -> 0 {
          %0: float64[k] = index[where=':e'] %x, %m
          %1: float64[k1] = index[where=':e'] %x, %m ;adjoint
          %5: int64{k1} = axis_length[axis=0] %1 ;adjoint
          %2: int64{k1} = length[dim=dim(k1)] %5 ;adjoint
          %3: float64[k1] = multiply %1, %2 ;adjoint
          %4: float64! = sum[axis=None, keepdims=False] %3 ;adjoint
          yield %4
        }
        """,
        """
        def f(%x: float64[n], %m: int64{m}) -> 0 {
          %0: float64[k] = index[where=':e'] %x, %m
          %5: int64{k} = axis_length[axis=0] %0 ;adjoint
          %2: int64{k} = length[dim=dim(k)] %5 ;adjoint
          %3: float64[k] = multiply %0, %2 ;adjoint
          %4: float64! = sum[axis=None, keepdims=False] %3 ;adjoint
          yield %4
        }
        """,
        X,
        2,
    )


def test_a_reduction_that_keeps_its_axis_is_the_other_with_an_axis():
    text = """
        def f(%x: float64[n, m]) -> 0 {{
          %mu': float64[n] = mean[axis=1] %x
          %k: float64[n, 1] = mean[axis={axis}, keepdims=True] %x{origin}
          %g: float64[n, m] = subtract %x, %k ;adjoint
          %h: float64[n, 1] = expand_dims[axis=1] %mu ;adjoint
          %s: float64[n, m] = subtract %g, %h ;adjoint
          yield %s
        }}
    """
    x = np.arange(6.0).reshape(2, 3)
    new = to_text(changed(cse, program(text.format(axis=1, origin=" ;adjoint")), x))
    assert "keepdims" not in new and "expand_dims[axis=1] %mu" in new
    assert "keepdims" in to_text(changed(cse, program(text.format(axis=1, origin="")), x))


def test_a_reduction_along_another_axis_is_another():
    text = """
        def f(%x: float64[n, n]) -> 0 {
          %mu': float64[n] = mean[axis=1] %x
          %k: float64[1, n] = mean[axis=0, keepdims=True] %x ;adjoint
          %s: float64[1, n] = subtract %mu, %k ;adjoint
          yield %s
        }
    """
    assert "keepdims" in to_text(changed(cse, program(text), np.arange(9.0).reshape(3, 3)))


def test_a_reduction_of_what_was_written_meanwhile_is_another():
    text = """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = copy %x
          %a: float64[n, m] = read %y
          %mu': float64[n] = mean[axis=1] %a
          store[where='i, i'] %y, 9.0, 0, 0
          %b: float64[n, m] = read %y
          %k: float64[n, 1] = mean[axis=1, keepdims=True] %b ;adjoint
          %g: float64[n, m] = subtract %x, %k ;adjoint
          %h: float64[n, 1] = expand_dims[axis=1] %mu ;adjoint
          %s: float64[n, m] = subtract %g, %h ;adjoint
          yield %s
        }
    """
    assert "keepdims" in to_text(changed(cse, program(text), np.arange(6.0).reshape(2, 3)))
