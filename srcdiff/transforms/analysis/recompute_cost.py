"""Recomputation cost: the price of an element of an array in simple operations, to decide between storing an array and
computing its elements again.
"""

from __future__ import annotations

from collections.abc import Mapping

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, element_type, shape_of
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import creation
from srcdiff.ops.core.costs import steps_of_element
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import ALLOCATIONS

ONE = Dim(1)
REPEATABLE = 2  # up to so many operations are done again for each element of a longer axis, rather than stored
STORING = 4  # storing an element and loading it again takes the time of so many operations

_FREE = {"read", "copy"}


def is_running(op: Op, waiting: Mapping[Value, Op]) -> bool:
    """Whether the elements are powers whose exponents count along the last axis, and whose base is the same there.
    Strength reduction (`running_powers`) makes each of them by one product.
    """
    if op.decl is not arithmetic.power:
        return False
    base, exponent = op.operands
    maker = waiting.get(exponent) if isinstance(exponent, Value) else None
    while maker is not None and maker.decl.place is not None:
        (above, *_) = maker.operands
        same = [d for d in shape_of(above.type) if d != ONE] == [
            d for d in shape_of(exponent.type) if d != ONE
        ]
        maker = waiting.get(above) if same and isinstance(above, Value) else None
    if maker is None or maker.decl is not creation.arange or maker.operands[1:]:
        return False
    types = [element_type(a.type).dtype for a in (base, exponent)]
    return (
        types == ["float64", "int64"]
        and [*shape_of(exponent.type)][-1] != ONE
        and shape_of(base.type)[-1:] in ((), (ONE,))
    )


def price_of_element(op: Op) -> int:
    """The cost of an element, in simple operations; 0 for operations that only move elements."""
    if op.decl.place is not None or op.decl.name in _FREE or op.decl.name in ALLOCATIONS:
        return 0
    return steps_of_element(op)
