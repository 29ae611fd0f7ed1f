"""Masked adjoints: elements that a mask leaves out of the result take no part in the derivative, not even as `nan`.

    y = x * w                        d_z = where(m, d, 0.0)        d_x = where(m, d * w, 0.0)
    z = np.where(m, y, 0.0)

The rule of an operation multiplies the adjoint of its result, and `0.0 * nan` is `nan`. So the rule is applied to `d`,
and the mask to the result of the rule. A mask passes through elementwise operations, and through reductions whose
results correspond to elements of the mask. A mask that is a number passes through every operation. A mask is applied
where elements are summed (products of matrices), where they move (`np.reshape`, `np.stack`), and where they are stored;
`guards.py` has the masks that act beyond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, Statement
from srcdiff.ir.types import Dim, Scalar, ndim_of, shape_of
from srcdiff.ir.values import Atom, Value, const, is_zero
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.elementwise.elementary import where


@dataclass(frozen=True)
class Mask:
    """The side of a condition on which an adjoint may be other than zero."""

    condition: Atom
    side: bool
    is_of_sum: bool = False  # the mask of a sum: the adjoint is already zero on the other side


Masks = tuple[Mask, ...]


@dataclass
class Selections:
    """The adjoints that masks have selected, each with the adjoint before selection and the mask."""

    makers: Mapping[Atom, Statement]  # of the forward part
    made: dict[Atom, tuple[Atom, Mask]] = field(default_factory=dict)

    def note(self, op: Op) -> None:
        """If an operation is `where(condition, d, 0.0)`, note its adjoint `d` and its mask."""
        if op.decl not in (where, choose):
            return
        condition, x, y = op.operands
        if is_zero(x) != is_zero(y):
            self.made[op.result] = (
                (y, Mask(condition, False)) if is_zero(x) else (x, Mask(condition, True))
            )

    def split(self, d: Atom | None) -> tuple[Atom | None, Masks]:
        """An adjoint without its masks, and the masks, the outermost first."""
        masks: list[Mask] = []
        while d in self.made:
            d, mask = self.made[d]
            if not self.has(masks, mask):
                masks.append(mask)
            if mask.is_of_sum:
                break
        return d, tuple(masks)

    def select(self, b: Builder, d: Atom, masks: Masks, is_linear: bool = False) -> Atom:
        """An adjoint with masks applied, in the order of `split`. If the rule is linear, the mask of a sum is only
        noted: the rule keeps zeros.
        """
        for mask in reversed(masks):
            if is_zero(d):
                break
            if mask.is_of_sum and is_linear and isinstance(d, Value):
                self.made[d] = d, mask
            else:
                before, d = d, chosen(b, mask, d, const(0.0))
                self.made[d] = before, replace(mask, is_of_sum=False)
        return d

    def add(self, b: Builder, left: Atom, right: Atom) -> Atom:
        """The sum of two contributions, under the masks that they share."""
        (x, of_left), (y, of_right) = self.split(left), self.split(right)
        assert x is not None and y is not None
        both = tuple(m for m in of_left if self.has(of_right, m))
        p = tuple(m for m in of_left if not self.has(both, m))
        q = tuple(m for m in of_right if not self.has(both, m))
        if p and q and self.is_equal(p[0].condition, q[0].condition):
            total = chosen(b, p[0], self.select(b, x, p[1:]), self.select(b, y, q[1:]))
        else:
            parts = (
                (self.select(b, x, p, True), self.select(b, y, q, True)) if both else (left, right)
            )
            total = b.op(arithmetic.add, *parts)
            if p and q:
                outside = b.op(arithmetic.bitwise_and, _outside(b, p), _outside(b, q))
                self.made[total] = total, Mask(outside, False, is_of_sum=True)
        return self.select(b, total, both)

    def has(self, masks: Sequence[Mask], mask: Mask) -> bool:
        return any(
            m.side == mask.side and self.is_equal(m.condition, mask.condition) for m in masks
        )

    def is_equal(self, left: Atom, right: Atom) -> bool:
        """Whether two conditions are the same computation (common subexpressions are not eliminated yet)."""
        if left == right:
            return True
        p, q = (self.makers.get(a) for a in (left, right))
        if not (isinstance(p, Op) and isinstance(q, Op) and p.decl is q.decl):
            return False
        is_same = p.decl.elementwise and p.attrs == q.attrs
        return is_same and all(map(self.is_equal, p.operands, q.operands))


def mask_of_operand(b: Builder, op: Op, mask: Mask) -> Mask | None:
    """The mask of an operation's result, as a mask of its rule's results; None if the rule mixes elements."""
    ndim = ndim_of(mask.condition.type)
    if op.decl.elementwise or not ndim:
        return mask
    if "keepdims" not in op.decl.defaults or ndim != ndim_of(op.result.type):
        return None
    if op.attrs.get("keepdims"):
        return mask
    reduced = axes_of(ndim_of(op.operands[0].type), op.attrs.get("axis"))
    items = ", ".join("None" if k in reduced else ":" for k in range(ndim + len(reduced)))
    return replace(mask, condition=b.op(memory.index, mask.condition, where=items))


def fits(mask: Mask, into: Sequence[Dim]) -> bool:
    """Whether a mask can be broadcast to a shape."""
    shape = shape_of(mask.condition.type)
    if len(shape) > len(into):
        return False
    return all(d in (e, Dim(1)) for d, e in zip(reversed(shape), reversed(into), strict=False))


def chosen(b: Builder, mask: Mask, d: Atom, otherwise: Atom) -> Value:
    """`d` on the side of a mask, and `otherwise` on the other side."""
    sides = (d, otherwise) if mask.side else (otherwise, d)
    decl = choose if all(isinstance(a.type, Scalar) for a in (mask.condition, *sides)) else where
    return b.op(decl, mask.condition, *sides)


def _outside(b: Builder, masks: Masks) -> Atom:
    """The elements that at least one of several masks leaves out, as a mask."""
    parts = [
        b.op(arithmetic.invert, mask.condition) if mask.side else mask.condition for mask in masks
    ]
    return reduce(lambda x, y: b.op(arithmetic.bitwise_or, x, y), parts)
