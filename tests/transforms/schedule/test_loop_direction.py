"""Loop reversal: the mirror of a loop that counts down."""

import numpy as np
from transforms.passes import check, unchanged

from srcdiff.transforms.schedule.loop_direction import count_up

TEXT = """
    def f(%x: float64[n]) -> 0 {{
      %n: int64{{n}} = axis_length[axis=0] %x
      {bound}
      %s: float64! = for {range} with 0.0 ;adjoint {{
        (%i: int64{{i}}, %a: float64!) ->
        %v: float64! = index[where='i'] %x, %i ;adjoint
        %h: float64! = multiply 0.5, %a ;adjoint
        %b: float64! = add %h, %v ;adjoint
        yield %b
      }}
      yield %s
    }}
"""
X = np.array([0.5, -1.0, 2.0])


def text(range_, bound):
    return TEXT.format(range=range_, bound=bound)


def test_they_count_up():
    last = "%m: int64{n-1} = subtract %n, 1"
    check(count_up, text("%m, -1, -1 reverse", last), text("0, %n, 1", last), X)


def test_other_loops_stay():
    last = "%m: int64{n-1} = subtract %n, 1"
    unchanged(count_up, text("%m, -1, -1", last), X)
    unchanged(count_up, text("%m, -1, -2 reverse", last), X)
    unchanged(count_up, text("0, %n, 1 reverse", last), X)
