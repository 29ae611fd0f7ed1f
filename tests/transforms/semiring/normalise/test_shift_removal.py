"""Shift removal: sums with zero go, and no other operation on zero does."""

import numpy as np
import pytest
from ops.rule_tools import is_float
from transforms.passes import changed, program

from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.semiring.normalise.shift_removal import WithoutZeros

NAMED = [d for d in OPERATIONS.values() if d.elementwise and d.callables and d.samples]
DRAWN = [(d, list(map(is_float, d.samples[0].args(np.random.default_rng(0))))) for d in NAMED]
PAIRS = [d for d, kinds in DRAWN if kinds == [True, True]]


@pytest.mark.parametrize("operands", ["%x, 0.0", "0.0, %x"])
def test_only_sums_with_zero_go(operands):
    gone = []
    for decl in PAIRS:
        fn = program(f"""
            def f(%x: float64[n]) -> 0 {{
              %y: float64[n] = {decl.name} {operands}
              yield %y
            }}
        """)
        with np.errstate(all="ignore"):
            new = changed(WithoutZeros(), fn, np.array([0.5, 2.0]))
        gone += [decl.name] if new.body.yields[0] is new.params[0] else []
    assert gone == ["add"]
