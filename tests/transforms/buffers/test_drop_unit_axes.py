"""Unit-axis elimination: private arrays lose their axes of length 1."""

import numpy as np
import pytest
from transforms.passes import check, unchanged

from srcdiff.transforms.buffers.array_layout import single_axes

TEXT = """
def f(%x: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  {made}
  for 0, %n, 1 {{
    (%i: int64{{i}}) ->
    %a: float64! = index[where='i'] %x, %i
    store[where='{where}'] %t, %a, {at}
    add_into[where='{where}'] %t, 1.0, {at}
    yield
  }}
  {behind}
  %s: float64! = for 0, %n, 1 with 0.0 {{
    (%k: int64{{k}}, %s.1: float64) ->
    %b: float64! = index[where='{where}'] %t, {place}
    %s.2: float64! = add %s.1, %b
    yield %s.2
  }}
  yield {result}
}}
"""
BEFORE = {
    "made": "%t: float64[1, n] = empty[dtype='float64'] 1, %n",
    "where": "i, i", "at": "0, %i", "place": "0, %k", "behind": "", "result": "%s",
}  # fmt: skip
AFTER = {
    "made": "%t: float64[n] = empty[dtype='float64'] %n",
    "where": "i", "at": "%i", "place": "%k",
}  # fmt: skip
X = np.arange(3.0)


def test_an_axis_of_length_1_is_dropped():
    check(single_axes, TEXT.format(**BEFORE), TEXT.format(**{**BEFORE, **AFTER}), X)


def test_so_for_storage_made_by_its_type():
    before = {"made": "%t: float64[1, n] = empty_of[type=type(float64[1, n])]"}
    after = {"made": "%t: float64[n] = empty_of[type=type(float64[n])]"}
    check(
        single_axes,
        TEXT.format(**{**BEFORE, **before}),
        TEXT.format(**{**BEFORE, **AFTER, **after}),
        X,
    )


@pytest.mark.parametrize(
    "other",
    [
        {"result": "%t"},  # the caller sees it
        {"behind": "%row: float64[n] = index[where='i'] %t, 0"},
    ],
)
def test_other_arrays_stay(other):
    unchanged(single_axes, TEXT.format(**{**BEFORE, **other}), X)
