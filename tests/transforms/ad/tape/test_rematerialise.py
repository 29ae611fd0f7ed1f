"""Rematerialisation: which values can be computed again, and at which cost."""

import math

from transforms.passes import program

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import walk
from srcdiff.transforms.ad.tape.rematerialise import origins
from srcdiff.transforms.analysis.defuse import needed
from srcdiff.transforms.analysis.dependence.load_stability import survey

TEXT = """
    def f(%x: float64[n], %n: int64{n}) -> 0 {
      %y: float64[n] = zeros_like %x
      %s: float64! = for 0, %n, 1 with 0.0 {
        (%i: int64{i}, %p: float64!) ->
        %a: float64! = index[where='i'] %x, %i
        %b: float64! = index[where='i'] %y, %i
        %c: float64! = sin %a
        %d: float64! = multiply %c, %p
        %w: float64[n] = ones_like %x
        store[where='i'] %w, 2.0, 0
        store[where='i'] %y, %c, %i
        yield %d
      }
      yield %s
    }
"""


def table():
    fn = program(TEXT)
    found = survey(fn.body, storage_roots(fn))
    values = {v.name: v for s in walk(fn.body) for v in s.results}
    loop = fn.body.body[1]
    values.update({v.name: v for v in loop.body.params})
    return {
        name: ([u.name for u in origins(v, found)[0]], origins(v, found)[1])
        for name, v in values.items()
    }


def test_elements_of_what_nobody_writes_and_arithmetic_are_free():
    prices = table()
    assert prices["a"] == (["i"], 0.0)
    assert prices["c"] == (["a"], 0.0)
    assert prices["d"] == (["c", "p"], 0.0)


def test_what_is_carried_or_overwritten_or_written_cannot_be_had_again():
    prices = table()
    assert [prices[name][1] for name in ("p", "b", "w")] == [math.inf] * 3


def test_an_index_is_known():
    assert table()["i"] == ([], 0.0)


def test_needed_takes_the_statements_that_a_value_depends_on():
    loop = program(TEXT).body.body[1]
    made = {v.name: v for s in loop.body.body for v in s.results}
    assert [s.results[0].name for s in needed(loop.body, [made["d"]])] == ["a", "c", "d"]
