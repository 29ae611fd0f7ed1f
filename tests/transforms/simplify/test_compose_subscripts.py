"""Subscript composition: two subscripts become one that names the same place."""

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.folding.fold import fold

X = np.arange(20.0).reshape(4, 5)

WRITTEN = """
    def f(%x: float64[n, m]) -> 0 {{
      %d: float64[n, m] = copy %x
      %v: float64[{length}] = index[{view}] %d{at} ;{origin}
      {access}
      yield %d
    }}
"""


def after(view, at, access, length="m", origin="adjoint"):
    text = WRITTEN.format(view=view, at=at, access=access, length=length, origin=origin)
    return to_text(changed(fold, program(text), X))


@pytest.mark.parametrize(
    ("view", "at", "access", "expected"),
    [
        ("where='i'", ", -1", "store[where='i'] %v, 7.0, 2 ;adjoint", "store[where='i, i'] %d, 7.0, -1, 2"),
        ("where='i'", ", 1", "store[where=''] %v, 7.0 ;adjoint", "store[where='i'] %d, 7.0, 1"),
        ("where='i'", ", 1", "store[where=':'] %v, 7.0 ;adjoint", "store[where='i'] %d, 7.0, 1"),
        ("where='i'", ", 1", "add_into[where='b:'] %v, 7.0, 2 ;adjoint", "add_into[where='i, b:'] %d, 7.0, 1, 2"),
        ("where='i'", ", 1", "add_into[where='::s'] %v, 7.0, -2 ;adjoint", "add_into[where='i, ::s'] %d, 7.0, 1, -2"),
    ],
)  # fmt: skip
def test_a_write_into_a_row_is_one_into_the_array(view, at, access, expected):
    assert expected in after(view, at, access)


def test_a_write_into_a_column_is_one_into_the_array():
    found = after("where=':, i'", ", 2", "add_into[where='b:e'] %v, 7.0, 1, 3 ;adjoint", "n")
    assert "add_into[where='b:e, i'] %d, 7.0, 1, 3, 2" in found


@pytest.mark.parametrize(
    ("view", "at", "access", "length", "origin"),
    [
        ("where='i'", ", 1", "store[where='i'] %v, 7.0, 2", "m", "adjoint"),  # the user's line
        (
            "where='i'",
            ", 1",
            "store[where='i'] %v, 7.0, 2 ;adjoint",
            "m",
            "user",
        ),  # the user's view
        ("where='b:, i'", ", 1, 2", "store[where='i'] %v, 7.0, 0 ;adjoint", "n-1", "adjoint"),
    ],
)
def test_what_is_not_certain_or_not_ours_stays(view, at, access, length, origin):
    assert "store[where='i'] %v" in after(view, at, access, length, origin).replace(";user", "")


def test_all_of_an_array_is_that_array():
    text = """
        def f(%x: float64[n]) -> 0 {
          %v: float64[n] = index[where=':'] %x ;adjoint
          %s: float64! = sum %v
          yield %s
        }
    """
    assert "sum %x" in to_text(changed(fold, program(text), X[0]))


def test_a_row_that_is_only_read_keeps_its_own_name():
    text = """
        def f(%x: float64[n, m], %i: int64{i}) -> 0 {
          %v: float64[m] = index[where='i'] %x, %i ;adjoint
          %a: float64! = index[where='i'] %v, 2 ;adjoint
          yield %a
        }
    """
    assert "index[where='i'] %v, 2" in to_text(changed(fold, program(text), X, 1))
