"""Loop-carried arrays on a device: an array of one iteration is copied into storage that all iterations share."""

import numpy as np
from transforms.passes import changed, program, unchanged

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.gpu.device.copy_carries import own_carries

TEXT = """
def f(%x: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %y: float64[n] = for 0, 3, 1 with {start} {{
    (%t: int64{{t}}, %y.1: float64[n]) ->
    %z: float64[n] = empty_of[type=type(float64[n])] ;compiler
    for 0, %n, 1 {{
      (%i: int64{{i}}) ->
      %a: float64! = index[where='i'] %y.1, %i
      %b: float64! = add %a, 1.0
      store[where='i'] %z, %b, %i
      yield
    }}
    yield {handed}
  }}
  yield %y
}}
"""


def test_an_iteration_copies_arrays_that_it_passes_on() -> None:
    before = program(TEXT.format(start="%x", handed="%z"))
    text = to_text(changed(own_carries, before, np.arange(3.0)))
    assert "with %y {" in text  # storage of its own, filled in front of the loop
    front, _, behind = text.partition("for 0, 3, 1")
    assert "%y: float64[n] = empty_of" in front
    assert "index[where='i'] %x" in front
    assert "index[where='i'] %z" in behind
    assert "store[where='i'] %y," in behind
    assert "    yield %y\n" in behind


def test_an_array_that_an_iteration_received_needs_no_copy() -> None:
    unchanged(own_carries, TEXT.format(start="%x", handed="%y.1"), np.arange(3.0))


def test_a_loop_with_a_condition_copies_them_too() -> None:
    head = "for 0, 3, 1 with {start} {{\n    (%t: int64{{t}}, %y.1: float64[n]) ->"
    test = """while with {start} {{
    (%y.0: float64[n]) ->
    %f: float64! = index[where='i'] %y.0, 0
    %go: bool = less %f, 2.5
    yield %go
  }} do {{
    (%y.1: float64[n]) ->"""
    assert head in TEXT
    before = program(TEXT.replace(head, test).format(start="%x", handed="%z"))
    text = to_text(changed(own_carries, before, np.arange(3.0)))
    assert "store[where='i'] %y," in text.partition("while")[2]
