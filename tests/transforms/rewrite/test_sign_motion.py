"""Sign motion: signs around an expression that a rewriting has put into a line."""

import numpy as np

from srcdiff.transforms.rewrite.sign_motion import move_signs
from tests.transforms.passes import check, unchanged

A, B, C = np.array([0.5, -2.0]), np.array([1.5, 3.0]), np.array([-0.25, 4.0])


def test_minus_times_minus_is_plus_and_a_minus_behind_minus_is_plus():
    check(
        move_signs,
        """
        def f(%a: float64[n], %b: float64[n], %c: float64[n]) -> 0 {
          %0: float64[n] = negative %a ;compiler
          %1: float64[n] = negative %b ;compiler
          %2: float64[n] = multiply %0, %1 ;compiler
          %3: float64[n] = negative %c ;compiler
          %4: float64[n] = subtract %2, %3 ;compiler
          yield %4
        }
        """,
        """
        def f(%a: float64[n], %b: float64[n], %c: float64[n]) -> 0 {
          %0: float64[n] = multiply %a, %b ;compiler
          %1: float64[n] = add %0, %c ;compiler
          yield %1
        }
        """,
        A,
        B,
        C,
    )


def test_lines_of_the_user_stay():
    unchanged(
        move_signs,
        """
        def f(%a: float64[n], %b: float64[n]) -> 0 {
          %0: float64[n] = negative %a
          %1: float64[n] = negative %b
          %2: float64[n] = multiply %0, %1
          yield %2
        }
        """,
        A,
        B,
    )
