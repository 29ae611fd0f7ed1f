"""Redundant check elimination: checks of constants, as text and in programs."""

import numpy as np
from transforms.passes import changed, check, program

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.redundant_checks import remove_redundant_checks

CHECKED = """
def f(%x: float64[x0]) -> 0 {
  %c: bool = test[text='{0} > {1}'] 3, N
  %d: bool = test[text='not {0}'] %c
  if %d ;compiler {
    %0: float64! = sum %x
    store[where='i'] %x, %0, 0
    yield
  } else {
    yield
  }
  %1: float64! = sum %x
  yield %1
}
"""


def test_a_check_that_passes_is_left_out():
    check(
        remove_redundant_checks,
        CHECKED.replace("N", "2"),
        """
        def f(%x: float64[x0]) -> 0 {
          %1: float64! = sum %x
          yield %1
        }
        """,
        np.ones(3),
    )


def kept_from_iterations(x, step):
    for _ in range(5):
        d = x.copy()
        d[0] += step
    return np.sum(d**2)


def test_loops_with_known_trip_counts_have_no_checks():
    source = srcdiff.grad(kept_from_iterations).loop_source_for(np.ones(3), 0.5)
    assert "UnboundLocalError" not in source
    assert "0 < 5" not in source


def triangle(x, w):
    total = 0.0
    for i in range(len(x)):
        inner = w
        for j in range(i):
            inner = inner * np.cos(x[i] - x[j]) + 0.1
        total += inner * x[i]
    return total


def test_storage_as_long_as_a_loop_has_counted_needs_no_questions():
    source = srcdiff.grad(triangle).loop_source_for(np.ones(4), 0.5)
    assert "np.empty(i)" in source
    assert "max(" not in source
    assert "IndexError" not in source
    srcdiff.check_grads(triangle, np.linspace(-1.0, 2.0, 5), 0.5)


NAMED = """
def f(%x: float64[x0]) -> 0 {
  %n: int64{i} = minimum@min 2, 3
  %y: float64[i] = zeros %n
  %m: int64{i} = length[dim=dim(i)] %n
  %0: float64[i] = add %y, 1.0
  %z: float64[i] = empty_of[type=type(float64[i])] %m
  store[where=':'] %z, %0
  %1: float64! = sum %z
  yield %1
}
"""


def test_lengths_that_a_number_named_are_known_where_it_is():
    found = changed(remove_redundant_checks, program(NAMED), np.ones(3))
    assert "float64[2]" in to_text(found) and "{i}" not in to_text(found)
