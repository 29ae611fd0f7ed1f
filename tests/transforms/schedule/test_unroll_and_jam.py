"""Unroll-and-jam: one pass of the inner loop serves several iterations of the outer loop."""

import numpy as np
import pytest
from transforms.passes import changed, program
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.schedule.unroll_and_jam import jam

LONG = {"m": 30, "n": 300}
X, C = np.linspace(-1.0, 1.0, 9), np.arange(11.0)
ROWS = """
def f(%x: float64[n], %c: float64[m]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %m: int64{{m}} = length[dim=dim(m)]
  %sums: float64[n] = zeros_of[type=type(float64[n])]
  %table: float64[m, n] = zeros_of[type=type(float64[m, n])]
  for {outer} {{
    (%j: int64{{j}}) ->
    %a: float64! = index[where='i'] %c, %j
    for 0, %n, 1 {{
      (%i: int64{{i}}) ->
      %b: float64! = index[where='i'] %x, {read}
      %s: float64! = index[where='i'] %sums, %i
      %0: float64! = multiply %a, %s
      %s.1: float64! = add %0, %b
      store[where='i'] {row}, %s.1, {place}
      store[where='i, i'] %table, %s.1, %j, %i
      yield
    }}
    yield
  }}
  yield %sums
}}
"""
PLAIN = {"outer": "0, %m, 1", "read": "%i", "row": "%sums", "place": "%i"}


def test_one_inner_loop_serves_four_iterations():
    new = to_text(changed(lambda f: jam(f, LONG), program(ROWS.format(**PLAIN)), X, C))
    first, rest = new.split("for %", 1)
    assert "4 {" in first and rest.count("store") == 2
    assert first.count("index[where='i'] %sums") == first.count("store[where='i'] %sums") == 1
    assert first.count("index[where='i'] %c") == first.count("store[where='i, i'] %table") == 4


@pytest.mark.parametrize("m", range(7))
def test_remaining_iterations_run(m):
    changed(lambda f: jam(f, LONG), program(ROWS.format(**PLAIN)), X, C[:m])


@pytest.mark.parametrize(
    "part",
    [
        {"read": "%j"},  # is the same for all
        {"outer": "0, %m, 2"},
        {"place": "%j"},
        {"outer": "0, %m, 1 reverse"},
    ],
)
def test_other_loops(part):
    text = ROWS.format(**{**PLAIN, **part})
    new = changed(lambda f: jam(f, LONG), program(text), X, X)
    assert ("4 {" in to_text(new)) == ("read" in part)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("index[where='i'] %x, %i", "index[where='i'] %sums, 0"),
        ("index[where='i'] %sums, %i", "index[where='i'] %sums, %j"),
        ("store[where='i, i'] %table, %s.1, %j, %i", "store[where='i, i'] %table, %s.1, %j, %j"),
        ("multiply %a, %s", "power %a, %s"),
        ("0, %n, 1", "0, %j, 1"),
    ],
)
def test_loops_with_dependent_or_expensive_iterations_stay(line, instead):
    text = ROWS.format(**PLAIN)
    assert line in text
    fn = program(text.replace(line, instead))
    assert jam(fn, LONG) is fn


def test_short_loops_stay():
    fn = program(ROWS.format(**PLAIN))
    assert jam(fn, {"m": 7, "n": 300}) is fn and jam(fn, {"m": 30, "n": 5}) is fn


POLYNOMIAL = """
def f(x, n):
    total = 0.0
    for i in range(n):
        t = i / n
        residual = np.sign(t - 0.5)
        power = 1.0
        for j in range(len(x)):
            residual -= x[j] * power
            power *= t
        total += residual**2
    return total
"""


@pytest.mark.parametrize("m", [8, 11, 16])
def test_sums_of_several_iterations(m):
    args = np.linspace(-1.0, 1.0, m), 300
    text = srcdiff.value_and_grad(source(POLYNOMIAL)).loop_source_for(*args)
    assert text.count("d_x[j + 3] += ") == 1 and text.count(" residuals[lane] = ") == 3
    loops_agree(POLYNOMIAL, *args)


PARTS = """
def f(%x: float64[n], %c: float64[m], %U: float64[m, n]) -> 0 {
  %n: int64{n} = length[dim=dim(n)]
  %m: int64{m} = length[dim=dim(m)]
  %sums: float64[n] = zeros_of[type=type(float64[n])]
  %out: float64[m] = zeros_of[type=type(float64[m])]
  %others: float64[n] = zeros_of[type=type(float64[n])]
  for 0, %m, 1 {
    (%j: int64{j}) ->
    %b: float64! = index[where='i'] %c, %j
    %a: float64! = sin %b
    store[where='i'] %out, %b, %j
    for 0, %n, 1 {
      (%i: int64{i}) ->
      %u: float64! = index[where='i, i'] %U, %j, %i
      %p: float64! = multiply %a, %u
      add_into[where='i'] %sums, %p, %i
      yield
    }
    for 0, %n, 1 {
      (%k: int64{k}) ->
      %y: float64! = index[where='i'] %x, %k
      %q: float64! = multiply %b, %y
      add_into[where='i'] %others, %q, %k
      yield
    }
    yield
  }
  %0: float64[n] = add %sums, %others
  yield %0
}
"""
PART_ARGS = X, C, np.sin(np.arange(99.0)).reshape(11, 9)


def test_each_part_of_an_iteration_has_its_own_inner_loop():
    new = to_text(changed(lambda f: jam(f, LONG), program(PARTS), *PART_ARGS))
    assert new.count("for 0, %full, 4") == 2
    assert new.count("= empty") == 1  # `a` crosses; `b` is loaded again


@pytest.mark.parametrize("array", ["sums", "others"])
def test_parts_that_see_what_others_write_stay_in_one_iteration(array):
    text = PARTS.replace("sin %b", "sin %z").replace(
        "    %a:", f"    %z: float64! = index[where='i'] %{array}, 0\n    %a:"
    )
    fn = program(text)
    assert jam(fn, LONG) is fn
