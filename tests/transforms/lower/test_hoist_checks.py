"""Hoisting of bounds checks: in front of loops, and without repetition."""

import numpy as np
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.lower.hoist_checks import hoist_checks

RAISED = """
    raise[classes={'IndexError': 'IndexError'}, text="IndexError('an index is out of bounds')"] ;compiler
    yield
  } else {
    yield
  }
"""

TWICE = f"""
def f(%x: float64[x0]) -> 0 {{
  %n: int64{{x0}} = axis_length[axis=0] %x
  %c: bool = test[text='{{1}} < 2'] -2, %n
  if %c ;compiler {{{RAISED}
  %d: bool = test[text='{{1}} < 3'] -3, %n
  if %d ;compiler {{{RAISED}
  %0: float64! = sum %x
  if %c ;compiler {{{RAISED}
  if %d ;compiler {{{RAISED}
  %1: float64! = index[where='i'] %x, -3
  %2: float64! = multiply %0, %1
  yield %2
}}
"""


def test_a_check_whose_test_is_used_again_is_made_once():
    found = changed(hoist_checks, program(TWICE), np.arange(4.0))
    assert to_text(found).count("raise[") == 1


def test_a_test_with_another_use_is_kept():
    text = TWICE.replace("yield %2", "%3: float64! = choose %d, %1, %2\n  yield %3")
    found = changed(hoist_checks, program(text), np.arange(4.0))
    assert to_text(found).count("raise[") == 2
