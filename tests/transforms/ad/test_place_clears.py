"""Clears move to where they read best."""

from transforms.passes import program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.ad.place_clears import place_clears


def statements(body):
    text = "def f(%u: float64[n], %v: float64[n], %a: float64) -> 0 {\n" + body + "\n  yield %v\n}"
    return [line.strip() for line in to_text(place_clears(program(text))).splitlines()[1:-2]]


def test_a_clear_goes_behind_what_does_not_touch_the_array():
    assert statements("""
      store[where='i'] %u, 0.0, 0 ;adjoint
      add_into[where='i'] %v, %a, 0 ;adjoint""") == [
        "add_into[where='i'] %v, %a, 0 ;adjoint",
        "store[where='i'] %u, 0.0, 0 ;adjoint",
    ]


def test_a_clear_that_is_filled_again_is_one_store():
    assert statements("""
      store[where='i'] %u, 0.0, 0 ;adjoint
      add_into[where='i'] %u, %a, 0 ;adjoint""") == ["store[where='i'] %u, %a, 0 ;adjoint"]


def test_a_clear_does_not_pass_a_read_of_the_array():
    found = statements("""
      store[where='i'] %u, 0.0, 0 ;adjoint
      %r: float64[n] = read %u ;adjoint
      add_into[where=''] %v, %r ;adjoint""")
    assert found[0] == "store[where='i'] %u, 0.0, 0 ;adjoint"


def test_the_users_stores_stay():
    found = statements("""
      store[where='i'] %u, 0.0, 0
      add_into[where='i'] %v, %a, 0""")
    assert found[0].startswith("store")
