"""Store-to-load forwarding: elements that were just stored are not loaded."""

import numpy as np
import pytest
from transforms.passes import changed, check, program, unchanged

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.buffers.store_forwarding import (
    drop_overwritten,
    forward_stores,
    own_elements,
)

TWO = """
def f(%x: float64[n], %i: int64{i}) -> 0 {
  %t: float64[n] = zeros_like %x
  %a: float64 = index[where='i'] %x, 0
  store[where='i'] %t, %a, FIRST
  %b: float64 = index[where='i'] %x, 1
  store[where='i'] %t, %b, SECOND
  %c: float64 = index[where='i'] %t, FIRST
  yield %c
}
"""


def test_a_store_in_another_place_leaves_what_is_known():
    text = TWO.replace("FIRST", "0").replace("SECOND", "1")
    check(
        forward_stores,
        text,
        text.replace("  %c: float64 = index[where='i'] %t, 0\n", "").replace("%c", "%a"),
    )


def test_a_store_that_may_be_in_the_same_place_does_not():
    unchanged(forward_stores, TWO.replace("FIRST", "0").replace("SECOND", "-1"))
    unchanged(forward_stores, TWO.replace("FIRST", "0").replace("SECOND", "%i"))


ANEW = """
def f(%x: float64[n], %i: int64{{i}}) -> 0 {{
  %a: float64 = index[where='i'] %x, 0
  %t: float64[n] = zeros_like %x
  store[where='i'] %t, 0.0, {first}
  {between}
  {second}[where='i'] %t, %a, {first}
  %c: float64[n] = read %t
  yield %c
}}
"""
LOADS = "%b: float64! = index[where='i'] %t, {}"


def test_what_is_added_to_an_element_is_stored_with_it():
    text = ANEW.format(first="%i", second="add_into", between="")
    check(forward_stores, text, text.replace("add_into", "store"))


@pytest.mark.parametrize("between", ["", LOADS.format(1), "store[where='i'] %t, 1.0, %i"])
def test_what_is_stored_anew_was_stored_for_nobody(between):
    text = ANEW.format(first="0", second="store", between=between)
    check(drop_overwritten, text, text.replace("  store[where='i'] %t, 0.0, 0\n", ""))


@pytest.mark.parametrize(
    "part",
    [
        {"between": LOADS.format(0)},
        {"between": LOADS.format("%i")},
        {"between": "%b: float64[n] = read %t"},
        {"second": "add_into"},
        {"between": "add_into[where='i'] %t, 1.0, %i"},
    ],
)
def test_what_may_be_read_stays(part):
    unchanged(
        drop_overwritten, ANEW.format(**{"first": "0", "second": "store", "between": "", **part})
    )


def test_stores_to_arguments_stay():
    unchanged(
        drop_overwritten,
        """
        def f(%x: float64[n]) -> 0 {
          store[where='i'] %x, 0.0, 0
          store[where='i'] %x, 1.0, 0
          %c: float64[n] = read %x
          yield %c
        }
        """,
    )


PLACES = ("0", "0", "1", "-1", "%i", "%j")
AROUND = (
    *["{}"] * 4,
    "{}",
    "if %c {{\n{}\nyield\n}} else {{\nyield\n}}",
    "for 0, 2, 1 {{\n(%k: int64{{k}}) ->\n{}\nyield\n}}",
)
ANY = """
def f(%x: float64[3], %i: int64{{i}}, %j: int64{{j}}, %c: bool) -> 0 {{
  %t: float64[3] = copy %x
  %u: float64[3] = index[where='::s'] %t, -1
  %r: float64[{count}] = zeros[dtype='float64'] {count}
  {lines}
  yield %r
}}
"""


def any_order(rng, count=12):
    """Stores, additions and loads at few places of an array and of its mirror image; what is loaded is the result."""
    lines = []
    for k in range(count):
        array, at = rng.choice(["%t", "%t", "%t", "%u"]), rng.choice(PLACES)
        load = f"%v{k}: float64! = index[where='i'] {array}, {at}\nstore[where='i'] %r, %v{k}, {k}"
        store = f"store[where='i'] {array}, {k}.5, {at}"
        add = f"add_into[where='i'] {array}, {k}.25, {at}"
        lines.append(rng.choice(AROUND).format(rng.choice([load, load, store, store, add, add])))
    return ANY.format(count=count, lines="\n".join(lines))


@pytest.mark.parametrize("change", [forward_stores, drop_overwritten, own_elements])
def test_any_order_of_stores_and_loads_gives_the_same(change):
    rng, changes = np.random.default_rng(0), 0
    for _ in range(60):
        fn = program(any_order(rng))
        for args in ((0, 0, True), (0, 1, False), (2, 1, True)):
            new = changed(change, fn, np.array([0.5, 2.0, 3.0]), *args)
        changes += to_text(new) != to_text(fn)
    assert changes > 5
