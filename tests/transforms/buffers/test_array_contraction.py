"""Array contraction: an array of which each iteration needs one row only."""

import numpy as np
from transforms.passes import check, unchanged

from srcdiff.transforms.buffers.array_contraction import shrink_buffers

A = np.arange(6.0).reshape(2, 3)

TEXT = """
def f(%x: float64[n, m]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %m: int64{{m}} = length[dim=dim(m)]
  %t: float64[{shape}] = empty_of[type=type(float64[{shape}])] ;compiler
  %s: float64! = for 0, %n, 1 with 0.0 {{
    (%i: int64{{i}}, %s.1: float64) ->
    for 0, %m, 1 {{
      (%j: int64{{j}}) ->
      %a: float64! = index[where='i, i'] %x, %i, %j
      store[where='{where}'] %t, %a, {row}%j
      yield
    }}
    %s.2: float64! = for 0, %m, 1 with %s.1 {{
      (%k: int64{{k}}, %s.3: float64) ->
      %b: float64! = index[where='{where}'] %t, {row}%k
      %s.4: float64! = add %s.3, %b
      yield %s.4
    }}
    yield %s.2
  }}
  {behind}
  yield {result}
}}
"""
WHOLE = {"shape": "n, m", "where": "i, i", "row": "%i, "}


def test_rows_of_single_iterations_are_one_row():
    text = TEXT.format(shape="m", where="i", row="", behind="", result="%s")
    made = "  %t: float64[m] = empty_of[type=type(float64[m])] ;compiler\n"
    check(
        shrink_buffers,
        TEXT.format(**WHOLE, behind="", result="%s"),
        text.replace(made, "").replace("->\n    for", f"->\n  {made}    for"),
        A,
    )


def test_rows_that_are_used_later_stay():
    unchanged(shrink_buffers, TEXT.format(**WHOLE, behind="%c: float64! = sum %t", result="%c"), A)
    unchanged(shrink_buffers, TEXT.format(**WHOLE, behind="", result="%t"), A)


def test_rows_of_other_iterations_stay():
    text = TEXT.format(**WHOLE, behind="", result="%s").replace("%t, %i, %k", "%t, 0, %k")
    unchanged(shrink_buffers, text, A)
