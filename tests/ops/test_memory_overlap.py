"""Alias checks: an array is looked for in arrays and in all parts of containers."""

import numpy as np
import pytest
from loop_forms import as_python
from transforms.passes import program

KINDS = {
    "float64[m]": lambda a, b: [a],
    "tuple(0: float64[m], 1: float64!, 2: float64[k])": lambda a, b: [(a, 1.0, b), (b, 1.0, a)],
    "tuple(0: tuple(0: float64[m]), 1: float64[k])": lambda a, b: [((a,), b), ((b,), a)],
    "list of float64[m]": lambda a, b: [[a, b], [b, a]],
    "list of tuple(0: float64[m], 1: float64[m])": lambda a, b: [[(b, b), (a, b)], [(b, a)]],
}


@pytest.mark.parametrize("kind", KINDS)
def test_shared_memory_is_found_in_every_part(kind):
    fn = program(f"""
        def f(%x: float64[n], %t: {kind}) -> 0 {{
          %s: bool = shares_memory %x, %t
          yield %s
        }}
    """)
    shares = as_python(fn)
    x, other = np.arange(4.0), np.arange(4.0)
    assert all(shares(x, t) for t in KINDS[kind](x[1:], other))
    assert not any(shares(x, t) for t in KINDS[kind](other[1:], other))
