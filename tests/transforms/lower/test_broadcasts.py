"""Broadcasts: adjoints at full size, in NumPy's functions."""

import numpy as np
from transforms.passes import changed, check, program, unchanged

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.lower.broadcasts import materialise

X = np.array([0.5, 2.0, -1.0])


def test_zeros_to_which_one_is_added_are_ones():
    check(
        materialise,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = zeros_of[type=type(float64[n])] ;adjoint
          %a: float64! = sum %x
          add_into[where=''] %d, 1.0 ;adjoint
          add_into[where='i'] %d, %a, 0 ;adjoint
          yield %d
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %a: float64! = sum %x
          %d: float64[n] = ones_like %x ;adjoint
          add_into[where='i'] %d, %a, 0 ;adjoint
          yield %d
        }
        """,
        X,
    )


def test_zeros_to_which_a_number_is_added_are_full_of_it():
    text = """
        def f(%x: float64[n], %a: float64) -> 0 {
          %d: float64[n] = zeros_of[type=type(float64[n])] ;adjoint
          add_into[where=''] %d, %a ;adjoint
          yield %d
        }
    """
    assert "full_like %x, %a" in to_text(changed(materialise, program(text), X, 1.5))


def test_what_is_read_or_added_to_elsewhere_first_stays():
    text = """
        def f(%x: float64[n]) -> 0 {{
          %d: float64[n] = zeros_of[type=type(float64[n])] ;adjoint
          {first}
          add_into[where=''] %d, {amount} ;adjoint
          yield %d
        }}
    """
    for first, amount in [
        ("add_into[where='i'] %d, 2.0, 0 ;adjoint", "1.0"),
        ("%a: float64! = index[where='i'] %d, 0", "1.0"),
        ("", "%x"),
        ("", "1"),
    ]:
        unchanged(materialise, text.format(first=first, amount=amount), X)


def test_the_model_is_the_copy_that_has_the_arguments_name_from_where_it_is():
    text = """
        def f(%x': float64[n]) -> tuple(0: 0, 1: 1, 2: 2) {
          %c: float64[n] = expand[type=type(float64[n])] 2.0 ;adjoint
          %x.1': float64[n] = copy %x
          store[where='i'] %x.1, 0.0, 0
          %d: float64[n] = expand[type=type(float64[n])] 1.0 ;adjoint
          yield %x.1, %c, %d
        }
    """
    new = to_text(changed(materialise, program(text), X))
    assert "full_like %x, 2.0" in new and "ones_like %x.1" in new
