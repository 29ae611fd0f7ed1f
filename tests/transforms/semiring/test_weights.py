"""Sums of weights: of a factor that is no weight only matters whether it is zero."""

import numpy as np
import pytest
from transforms.passes import program, result

from srcdiff.ir.verify import verify
from srcdiff.transforms.semiring.weights import max_of_weights

X, V = np.array([0.3, -1.0, 2.0]), np.array([5.0, -0.5, 0.0])
FACTORS = {
    "ones_like %x": np.ones(3),
    "ones[dtype='float64'] %n": np.ones(3),
    "zeros_like %x": np.zeros(3),
    "copy %v": V,
}


@pytest.mark.parametrize("sides", ["%p, %o", "%o, %p"])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_that_is_no_weight_keeps_or_forbids_terms(factor, sides):
    fn = program(f"""
        def f(%x: float64[n], %v: float64[n]) -> 0 {{
          %n: int64{{n}} = axis_length[axis=0] %x
          %p: float64[n] = exp %x
          %o: float64[n] = {factor}
          %q: float64[n] = multiply {sides}
          %s: float64! = sum %q
          yield %s
        }}
    """)
    new = max_of_weights(fn)
    assert verify(new) == []
    assert result(new, (X, V)) == np.max(X, where=FACTORS[factor] != 0.0, initial=-np.inf)
