"""Containers among results are split into their parts."""

import numpy as np
from transforms.passes import changed, program

from srcdiff.transforms.prepare.flat_results import flat_results


def test_each_array_in_the_result_is_a_result():
    fn = program("""
        def f(%x: float64[n], %k: float64!) -> tuple(0: 0, 1: 1) {
          %y: float64[n] = multiply %x, %k
          %t: tuple(0: float64[n], 1: float64!) = pack[keys=(0, 1), kind='tuple'] %y, %k
          %u: tuple(0: tuple(0: float64[n], 1: float64!), 1: float64[n]) = pack[keys=(0, 1), kind='tuple'] %t, %x
          yield %u, %k
        }
    """)
    new = changed(flat_results, fn, np.array([1.0, 2.0]), np.float64(3.0))
    assert len(new.body.yields) == 4
