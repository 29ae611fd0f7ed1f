"""Recognition of `logaddexp`: what is shifted by the larger exponent is one, and other sums with `logaddexp` stay."""

import itertools

import numpy as np
import pytest
from transforms.passes import changed, program

from srcdiff.ir.core import Op, walk
from srcdiff.transforms.semiring.normalise.recognise_logaddexp import with_logaddexp

SHIFTED = """
    def f(%a: float64!, %b: float64!) -> 0 {{
      %h: float64! = {shift}
      %g: float64! = subtract %a, %b
      %d: float64! = absolute %g
      %n: float64! = negative %d
      %r: float64! = logaddexp {added}
      %y: float64! = add {sides}
      yield %y
    }}"""
SHIFTS = {"maximum %a, %b": True, "maximum %b, %a": True, "maximum %a, 0.5": False,
          "minimum %a, %b": False, "multiply %a, %b": False}  # fmt: skip


@pytest.mark.parametrize("added", ["0.0, %n", "%n, 0.0", "1.0, %n", "0.0, %d"])
@pytest.mark.parametrize("shift", SHIFTS)
def test_sums_that_are_shifted_by_the_larger_exponent_are_one_operation(shift, added):
    for sides in ("%h, %r", "%r, %h"):
        fn = program(SHIFTED.format(shift=shift, added=added, sides=sides))
        for point in itertools.product((-1.5, 0.0, 2.0), repeat=2):
            new = changed(with_logaddexp, fn, *map(np.float64, point))
        names = {s.decl.name for s in walk(new.body) if isinstance(s, Op)}
        assert (names == {"logaddexp"}) == (SHIFTS[shift] and added in ("0.0, %n", "%n, 0.0"))
