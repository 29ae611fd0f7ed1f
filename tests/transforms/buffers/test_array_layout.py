"""Array layout: the axes of private arrays are ordered as loops traverse them."""

import numpy as np
import pytest
from transforms.passes import check, unchanged

from srcdiff.transforms.buffers.array_layout import axis_order

A = np.arange(6.0).reshape(2, 3)

TEXT = """
def f(%x: float64[n, m]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %m: int64{{m}} = length[dim=dim(m)]
  {made}
  for 0, %m, 1 {{
    (%j: int64{{j}}) ->
    for 0, %n, 1 {{
      (%i: int64{{i}}) ->
      %a: float64! = index[where='i, i'] %x, %i, %j
      store[where='i, i'] %t, %a, {at}
      yield
    }}
    yield
  }}
  {behind}
  %s: float64! = for 0, %m, 1 with 0.0 {{
    (%k: int64{{k}}, %s.1: float64) ->
    %b: float64! = index[where='i, i'] %t, {place}
    %s.2: float64! = add %s.1, %b
    yield %s.2
  }}
  yield {result}
}}
"""
BY_ROWS = "%t: float64[n, m] = empty[dtype='float64'] %n, %m"
BY_COLUMNS = "%t: float64[m, n] = empty[dtype='float64'] %m, %n"
BEFORE = {"made": BY_ROWS, "at": "%i, %j", "place": "0, 0", "behind": "", "result": "%s"}


def test_the_axis_that_inner_loops_go_along_is_last():
    after = {**BEFORE, "made": BY_COLUMNS, "at": "%j, %i"}
    check(axis_order, TEXT.format(**BEFORE), TEXT.format(**after), A)


def test_so_for_storage_made_by_its_type():
    made = {"made": "%t: float64[n, m] = empty_of[type=type(float64[n, m])]"}
    after = {"made": "%t: float64[m, n] = empty_of[type=type(float64[m, n])]", "at": "%j, %i"}
    check(axis_order, TEXT.format(**(BEFORE | made)), TEXT.format(**(BEFORE | after)), A)


@pytest.mark.parametrize(
    "other",
    [
        {"place": "0, %k"},  # another loop goes along the other axis
        {"result": "%t"},  # the caller sees it
        {"behind": "%row: float64[m] = index[where='i'] %t, 0"},
    ],
)
def test_other_arrays_stay(other):
    unchanged(axis_order, TEXT.format(**(BEFORE | other)), A)
