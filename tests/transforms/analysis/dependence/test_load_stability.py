"""Load stability: whether a load may be repeated later depends on position and index, not on the name."""

import numpy as np
import pytest
from transforms.passes import program

import srcdiff
from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Op, walk
from srcdiff.transforms.analysis.dependence.load_stability import survey


def stable(text):
    """Whether the loads (all but that of `len`) of a function are stable, in program order."""
    fn = program(text)
    found = survey(fn.body, storage_roots(fn))
    loads = [
        s
        for s in walk(fn.body)
        if isinstance(s, Op) and s.decl.name in ("index", "read", "list_item", "unpack")
    ]
    return [found.is_stable(s) for s in loads]


def loop(body, start="1", reverse=""):
    return f"""
        def f(%x: float64[n], %n: int64{{n}}) -> 0 {{
          %y: float64[n] = zeros_like %x
          for {start}, %n, 1 {reverse} {{
            (%i: int64{{i}}) ->
            {body}
            yield
          }}
          yield %y
        }}
    """


READ_BEHIND = "%p: int64{i-1} = subtract %i, 1\n            %a: float64! = index[where='i'] %y, %p\n            store[where='i'] %y, %a, %i"
READ_OWN = "%a: float64! = index[where='i'] %y, %i\n            %b: float64! = multiply %a, 2.0\n            store[where='i'] %y, %b, %i"
READ_AHEAD = "%p: int64{i+1} = add %i, 1\n            %a: float64! = index[where='i'] %y, %p\n            store[where='i'] %y, %a, %i"
STORE_FIRST = "store[where='i'] %y, 1.0, %i\n            %a: float64! = index[where='i'] %y, %i"


@pytest.mark.parametrize(
    ("body", "start", "reverse", "expected"),
    [
        (READ_BEHIND, "1", "", True),
        (READ_BEHIND, "0", "", False),  # index -1 is the last element, which is written later
        (READ_BEHIND, "1", "reverse", False),
        (READ_OWN, "0", "", False),
        (STORE_FIRST, "0", "", True),
        (READ_AHEAD, "0", "", False),
        (READ_AHEAD, "0", "reverse", True),
    ],
)
def test_what_is_read_after_the_loop_stays_and_what_is_ahead_does_not(
    body, start, reverse, expected
):
    assert stable(loop(body, start, reverse)) == [expected]


def test_a_read_before_a_later_write_is_not_stable_and_one_behind_is():
    assert stable("""
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = zeros_like %x
          %a: float64[n] = read %y
          store[where='i'] %y, 1.0, 0
          %b: float64[n] = read %y
          %c: float64[n] = add %a, %b
          yield %c
        }
    """) == [False, True]


TRIANGULAR = """
        def f(%x: float64[n, n]) -> 0 {{
          %n: int64{{n}} = axis_length[axis=0] %x
          %y: float64[n, n] = copy %x
          for 0, %n, 1 {outer} {{
            (%k: int64{{k}}) ->
            %next: int64{{k+1}} = add %k, 1
            for {bounds}, 1 {{
              (%i: int64{{i}}) ->
              %a: float64! = index[where='i, i'] %y, %k, %i
              store[where='i, i'] %y, %a, %i, %i
              yield
            }}
            yield
          }}
          yield %y
        }}
    """


@pytest.mark.parametrize(
    ("outer", "bounds", "expected"),
    [
        ("", "%next, %n", True),  # rows below the pivot's are written
        ("", "%k, %n", False),
        ("reverse", "%next, %n", False),
        ("reverse", "0, %k", True),
        ("", "0, %k", False),
    ],
)
def test_what_an_inner_loop_writes_may_stay_ahead_of_what_the_outer_one_reads(
    outer, bounds, expected
):
    assert stable(TRIANGULAR.format(outer=outer, bounds=bounds)) == [expected]


ROWS = """
    def f(%z0: float64[2], %n: int64{{n}}) -> 0 {{
      %z: float64[n, 2] = zeros %n, 2
      for {start}, %n, 1 {{
        (%i: int64{{i}}) ->
        %k: int64{{i-1}} = subtract %i, 1
        %row: float64[2] = index[where='i'] %z, %k
        %u: float64!, %v: float64! = unpack[count=2] %row
        store[where='i, i'] %z, %v, %i, 0
        yield
      }}
      yield %z
    }}
"""


@pytest.mark.parametrize(("start", "expected"), [("1", True), ("0", False)])
def test_what_is_unpacked_is_read_where_its_row_is(start, expected):
    assert stable(ROWS.format(start=start)) == [expected, expected]


def test_rows_that_no_iteration_writes_are_stable():
    body = "%a: float64! = index[where='i'] %y, 0\n            store[where='i'] %y, %a, %i"
    assert stable(loop(body, start="1")) == [True]
    assert stable(loop(body, start="0")) == [False]


def test_appending_overwrites_nothing():
    assert stable("""
        def f(%a: float64, %n: int64{n}) -> 0 {
          %xs: list of float64 = list_new[element=type(float64)] %a
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %b: float64 = list_item %xs, %i
            append %xs, %b
            yield
          }
          %c: float64 = list_item %xs, 0
          yield %c
        }
    """) == [True, True]


def test_a_store_keeps_what_it_stores():
    def f(W, xs):
        H = np.zeros((len(xs) + 1, len(W)))
        for t in range(len(xs)):
            H[t + 1] = np.tanh(W @ H[t] + xs[t])
        return np.sum(H**2)

    rng = np.random.default_rng(0)
    W, xs = rng.normal(size=(3, 3)), rng.normal(size=(4, 3))
    assert "1.0 - H[t + 1] ** 2" in srcdiff.grad(f).source_for(W, xs)
    srcdiff.check_grads(f, W, xs)


def test_a_store_that_rounds_keeps_something_else():
    def f(x):
        H = np.zeros(len(x) + 1, dtype=np.float32)
        for t in range(len(x)):
            H[t + 1] = np.exp(x[t])
        return float(np.sum(H * H))

    source = srcdiff.grad(f).source_for(np.ones(3))
    assert "np.exp" in source.partition("# backward")[2]
