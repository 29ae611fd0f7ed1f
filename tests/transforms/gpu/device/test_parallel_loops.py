"""Buffers that a loop swaps: they alias nothing else in an iteration, unless the iteration uses them by another name."""

import pytest
from transforms.passes import program

from srcdiff.ir.alias import storage_roots
from srcdiff.transforms.gpu.device.parallel_loops import roots_inside

SWAPPED = """
    def f(%x: float64[n]) -> 0 {{
      %n: int64{{n}} = length[dim=dim(n)]
      %a: float64[n] = copy %x
      %b: float64[n] = zeros %n
      %p, %q = for 0, %n, 1 with {start} {{
        (%t: int64{{t}}, %p.1: float64[n], %q.1: float64[n]) ->
        for 0, %n, 1 {{
          (%i: int64{{i}}) ->
          %s: float64! = index[where='i'] {read}, %i
          store[where='i'] %q.1, %s, %i
          yield
        }}
        yield {end}
      }}
      yield %p
    }}""".replace("%p, %q = for", "%p: float64[n], %q: float64[n] = for")


@pytest.mark.parametrize("read", ["%p.1", "%x", "%a", "%b"])
@pytest.mark.parametrize("end", ["%q.1, %p.1", "%p.1, %q.1", "%q.1, %q.1"])
@pytest.mark.parametrize("start", ["%a, %b", "%a, %a"])
def test_swapped_buffers_are_separate_where_no_other_name_is_used(start, end, read):
    fn = program(SWAPPED.format(start=start, end=end, read=read))
    loop, roots = fn.body.body[-1], storage_roots(fn)
    inside = roots_inside(loop, roots, fn)
    p, q = loop.body.params[1:]
    is_known = end == "%p.1, %q.1" or (end == "%q.1, %p.1" and read in ("%p.1", "%x"))
    is_separate = start == "%a, %b" and is_known
    assert inside[p].isdisjoint(inside[q]) == is_separate
