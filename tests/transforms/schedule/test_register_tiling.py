"""Register tiling: several iterations of an outer loop share one pass over rows that all of them read."""

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.schedule.register_tiling import shared_rows

LONG = {"n": 100, "m": 5, "l": 30}
T = np.sin(np.arange(30.0)).reshape(5, 2, 3)
A, W = np.cos(np.arange(11.0)), np.sin(np.arange(55.0)).reshape(11, 5)

NEST = """
def f(%a: float64[n], %W: float64[n, m], %T: float64[m, 2, l]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %m: int64{{m}} = length[dim=dim(m)]
  %l: int64{{l}} = length[dim=dim(l)]
  %out: float64[n, l] = empty[dtype='float64'] %n, %l
  %total: float64[n] = zeros_of[type=type(float64[n])]
  for {outer} {{
    (%i: int64{{i}}) ->
    %b: float64! = index[where='i'] %a, %i
    for 0, %l, 1 {{
      (%h: int64{{h}}) ->
      store[where='i, i'] %out, %b, %i, %h
      yield
    }}
    for {middle} {{
      (%j: int64{{j}}) ->
      %w: float64! = index[where='i, i'] %W, %i, %j
      for {inner} {{
        (%k: int64{{k}}) ->
        %s: float64! = index[where='i, i, i'] %T, %j, 0, %k
        %t: float64! = index[where='i, i, i'] %T, %j, 1, {third}
        %p: float64! = multiply %s, %t
        %q: float64! = multiply %w, %p
        %r: float64! = {last}
        add_into[where='i, i'] %out, %r, {place}
        yield
      }}
      yield
    }}
    store[where='i'] %total, %b, %i
    yield
  }}
  %sum: float64[n] = sum[axis=1] %out
  %0: float64[n] = add %sum, %total
  yield %0
}}
"""
PLAIN = {
    "outer": "0, %n, 1",
    "middle": "0, %m, 1",
    "inner": "0, %l, 1",
    "third": "%k",
    "last": "index[where='i, i, i'] %T, 0, 0, %k",
    "place": "%i, %k",
}


def nest(**parts):
    return program(NEST.format(**{**PLAIN, **parts}))


def test_rows_are_loaded_once_for_four_iterations():
    new = to_text(changed(lambda f: shared_rows(f, LONG), nest(), A, W, T))
    first, four, rest = new.split("for 0, %n, 1")[1], *new.split(", 4 {")[1].split("for %full", 1)
    assert "store" in first and "%T" not in first.split("for 0, %full")[0]
    assert four.count(" %T") == 3 and four.count(" %W") == four.count("add_into") == 4
    assert rest.count(" %T") == 3 and rest.count("add_into") == 1


@pytest.mark.parametrize("n", range(7))
def test_remaining_iterations_run(n):
    changed(lambda f: shared_rows(f, LONG), nest(), A[:n], W[:n], T)


@pytest.mark.parametrize(
    "parts",
    [
        {"outer": "0, %n, 2"},
        {"outer": "0, %n, 1 reverse"},
        {"middle": "0, %i, 1"},
        {"inner": "0, %i, 1"},
        {"third": "%i"},
        {"place": "%j, %k"},
        {"last": "index[where='i, i'] %out, %i, %k"},
        {"last": "add %q, 1.0"},
        {"last": "index[where='i, i'] %out, %j, %k"},
    ],
    ids=str,
)
def test_other_loops_stay(parts):
    fn = nest(**parts)
    assert shared_rows(fn, LONG) is fn


@pytest.mark.parametrize("name", ["n", "l"])
def test_short_loops_stay(name):
    fn = nest()
    assert shared_rows(fn, {**LONG, name: 4}) is fn


def test_storage_that_iterations_write_and_read_by_another_name_is_not_mixed():
    text = NEST.format(**PLAIN).replace(
        "  %total: float64[n] = zeros_of[type=type(float64[n])]\n",
        "  %total: float64[n] = zeros_of[type=type(float64[n])]\n"
        "  %row: float64[l] = index[where='i'] %out, 0\n",
    )
    fn = program(text.replace(PLAIN["last"], "index[where='i'] %row, %k"))
    assert shared_rows(fn, LONG) is fn
