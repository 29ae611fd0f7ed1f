"""Elision of zero initialisation: arrays to whose rows a loop adds once are not zeroed first."""

from transforms.passes import program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.buffers.zero_init_elision import fill_once

TEXT = """
    def f(%x: float64[n], %n: int64{{n}}) -> 0 {{
      %d: float64[n] = zeros_like %x ;adjoint
      for {start}, %n, 1 {{
        (%i: int64{{i}}) ->
        add_into[where='i'] %d, 2.0, {at}
        {more}
        yield
      }}
      yield %d
    }}
"""


def after(start="0", at="%i", more=""):
    return to_text(fill_once(program(TEXT.format(start=start, at=at, more=more))))


def test_a_loop_over_all_rows_fills_them():
    assert "empty_like %x" in after() and "store[where='i'] %d, 2.0, %i" in after()


def test_a_loop_over_some_rows_adds():
    assert "zeros_like %x" in after(start="1")


def test_a_row_that_is_not_the_iterations_own_is_added_to():
    assert "zeros_like %x" in after(at="0")


def test_rows_that_are_added_to_twice_are_added_to():
    assert "zeros_like %x" in after(more="add_into[where='i'] %d, 1.0, %i")


def test_the_users_zeros_stay():
    text = TEXT.format(start="0", at="%i", more="").replace(" ;adjoint", "")
    assert "zeros_like %x" in to_text(fill_once(program(text)))
