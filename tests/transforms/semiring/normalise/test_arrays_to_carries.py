"""Tables as carried values: after the loop only the last row is known, whichever way it is counted."""

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.semiring.normalise.arrays_to_carries import rows_to_carries

TABLE = """
    def f(%x: float64[n]) -> 0 {{
      %0: int64{{n}} = axis_length[axis=0] %x
      %e: int64{{n - 1}} = subtract %0, 1
      %t: float64[n] = empty %0
      %x0: float64! = index[where='i'] %x, 0
      store[where='i'] %t, %x0, 0
      for 1, %0, 1 {{
        (%i: int64{{i}}) ->
        %p: int64{{i - 1}} = subtract %i, 1
        %b: float64! = index[where='i'] %t, %p
        %c: float64! = index[where='i'] %x, %i
        %m: float64! = multiply %b, %c
        store[where='i'] %t, %m, %i
        yield
      }}
      %last: float64! = index[where='i'] %t, {place}
      yield %last
    }}"""


@pytest.mark.parametrize("place", ["-1", "%e", "0", "1", "-2"])
def test_the_row_that_is_read_after_the_loop_is_the_last_one(place):
    fn = program(TABLE.format(place=place))
    new = changed(rows_to_carries, fn, np.array([0.5, 2.0, -1.5]))
    assert ("store" not in to_text(new)) == (place in ("-1", "%e"))
