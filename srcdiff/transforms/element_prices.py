"""What an element of an array costs to compute, in simple operations: whether it is stored or computed again."""

from __future__ import annotations

from srcdiff.ir.core import Op
from srcdiff.ops import arithmetic
from srcdiff.transforms.facts import ALLOCATIONS

__all__ = ["REPEATABLE", "STORING", "price_of_element"]

REPEATABLE = 2  # operations that are rather done again, for each element of a longer axis, than their result stored
STORING = 4  # operations that storing an element and loading it again takes the time of

_FREE = {"read", "copy"}
_SIMPLE = {
    "add", "subtract", "multiply", "negative", "maximum", "minimum", "absolute", "where", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "square", "and", "or", "not", "logical_and", "logical_or", "logical_not",
}  # fmt: skip


def price_of_element(op: Op) -> int:
    """What an element costs, in simple operations."""
    if op.decl.place is not None or op.decl.name in _FREE or op.decl.name in ALLOCATIONS:
        return 0
    if op.decl.name in _SIMPLE or op.decl.element is not None:
        return 1
    return 3 if op.decl is arithmetic.divide else 10
