"""Copies of what ends with them."""

import numpy as np
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.buffers.copy_elision import move_copies

X = np.array([0.5, -1.25, 2.0])


def moved(maker, copied="%r", behind="%s: float64! = sum %e", name="%e"):
    text = f"""
        def f(%x: float64[n]) -> 0 {{
          {maker} ;adjoint
          add_into[where='i'] %d, 1.0, 1 ;adjoint
          %r: float64[n] = read %d ;adjoint
          {name}: float64[n] = copy {copied} ;adjoint
          add_into[where=''] {name}, %x ;adjoint
          {behind.replace("%e", name)} ;adjoint
          yield %s
        }}
    """
    return to_text(changed(move_copies, program(text), X))


ZEROS = "%d: float64[n] = zeros_like %x"


def test_a_copy_of_storage_that_is_read_last_there_is_that_storage():
    text = moved(ZEROS, name="%d.1")
    assert "copy" not in text and "add_into[where=''] %d, %x" in text


def test_what_is_used_again_is_copied():
    assert "copy" in moved(ZEROS, name="%d.1", behind="%s: float64! = dot %e, %d")
    assert "copy" in moved(ZEROS, name="%d.1", behind="%s: float64! = dot %e, %r")


def test_an_argument_is_copied():
    text = """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          add_into[where='i'] %d, 1.0, 1 ;adjoint
          yield %d
        }
    """
    assert "copy" in to_text(changed(move_copies, program(text), X))


def test_two_buffers_with_names_of_their_own_stay_two():
    assert "copy" in moved(ZEROS)


def test_an_expression_takes_the_name_of_its_copy():
    text = moved("%d: float64[n] = exp %x")
    assert "%e: float64[n] = exp" in text and "copy" not in text


def test_storage_from_outside_the_loop_is_copied_in_each_turn():
    text = """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = exp %x ;adjoint
          %s: float64! = for 0, 3, 1 with 0.0 ;adjoint {
            (%i: int64{i}, %s.1: float64!) ->
            %e: float64[n] = copy %d ;adjoint
            add_into[where='i'] %e, 1.0, %i ;adjoint
            %t: float64! = sum %e ;adjoint
            %s.2: float64! = add %s.1, %t ;adjoint
            yield %s.2
          }
          yield %s
        }
    """
    assert "copy" in to_text(changed(move_copies, program(text), X))
