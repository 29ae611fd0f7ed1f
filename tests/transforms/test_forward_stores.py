"""Elements that were just stored are not loaded."""

from transforms.passes import check, unchanged

from srcdiff.transforms.forward_stores import forward_stores

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
