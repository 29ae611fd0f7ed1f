"""Cost model: the time of an operation, in units of storing its result and loading it again (`ops/core/costs.py`).

Products and factorisations are counted by their multiplications. An unknown length counts as sixteen.
"""

from __future__ import annotations

import math

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, Type, shape_of
from srcdiff.ops.core.costs import (
    REDUCED_TIMES,
    SIMPLE,
    lengths_of_letters,
    lengths_of_product,
    time_of_element,
)
from srcdiff.ops.linalg import einsum

_LENGTH = 16.0


def elements(type_: Type) -> float:
    """The number of elements of an array, with sixteen for each unknown length."""
    return math.prod(map(_length, shape_of(type_)))


def _length(d: Dim) -> float:
    return float(d.const) if d.is_const else _LENGTH


def machine_price(op: Op) -> float:
    """The time of computing an operation's result again."""
    if op.decl.cost == "free" or op.decl.view_of is not None or not op.results:
        return 0.0
    result = max(elements(op.results[0].type), 1.0)
    if op.decl.elementwise:
        return time_of_element(op)
    if op.decl.cost == "heavy":
        return SIMPLE * _multiplications(op) / result
    each = REDUCED_TIMES.get(op.decl.name, SIMPLE)
    return each * max((elements(a.type) for a in op.operands), default=1.0) / result


def _multiplications(op: Op) -> float:
    """The number of multiplications: for a product, the product of the lengths of its loops; otherwise a cube."""
    shapes = [shape_of(a.type) for a in op.operands if shape_of(a.type)]
    if op.decl is einsum.einsum:
        letters = lengths_of_letters(
            op, [[_length(d) for d in shape_of(a.type)] for a in op.operands]
        )
        return math.prod(letters.values())
    if op.decl.multilinear and shapes:
        return math.prod(map(_length, lengths_of_product(shapes[0], shape_of(op.results[0].type))))
    return max((elements(a.type) ** 1.5 for a in op.operands), default=1.0)
