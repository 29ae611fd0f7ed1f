"""Branches that allocate: both sides fill storage in front of the branch, where a copy of an array is as good as it is."""

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.gpu.device.hoist_branch_allocations import branch_storage

BRANCH = """
    def f(%x: float64[n], %c: bool) -> 0 {{
      %n: int64{{n}} = length[dim=dim(n)]
      %y: float64[n] = zeros %n
      {before}
      %r: float64[n] = if %c {{
        %z: float64[n] = empty_of[type=type(float64[n])]
        for 0, %n, 1 {{
          (%i: int64{{i}}) ->
          %a: float64! = index[where='i'] %x, %i
          store[where='i'] %z, %a, %i
          yield
        }}
        yield %z
      }} else {{
        {within}
        yield %y
      }}
      {after}
      yield %r
    }}"""
STORE = "store[where='i'] %y, 3.0, 0"
IN_A_LOOP = "for 0, 1, 1 {\n (%j: int64{j}) ->\n store[where='i'] %y, 3.0, %j\n yield\n }"


@pytest.mark.parametrize(
    ("before", "within", "after"),
    [("", "", ""), ("", STORE, ""), ("", IN_A_LOOP, ""), (STORE, "", ""), (IN_A_LOOP, "", ""),
     ("", "", STORE), ("", "", IN_A_LOOP)],
)  # fmt: skip
def test_an_array_that_only_the_branch_writes_is_copied(before, within, after):
    fn = program(BRANCH.format(before=before, within=within, after=after))
    for c in (True, False):
        new = changed(branch_storage, fn, np.array([1.0, 2.0]), c)
    front, _, behind = to_text(new).partition(" if ")
    is_hoisted = not before and not after
    assert [("empty_of" in text) for text in (front, behind)] == [is_hoisted, not is_hoisted]


def test_an_array_whose_length_the_branch_decides_stays():
    text = BRANCH.format(before="", within="", after="")
    text = text.replace("%y: float64[n] = zeros %n", "%y: float64[2] = zeros 2")
    fn = program(text.replace("%r: float64[n] =", "%r: float64[k] ="))
    assert to_text(branch_storage(fn)) == to_text(fn)
