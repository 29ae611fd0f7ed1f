"""Reductions as loops: their axes, their combining operation, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.types import Dim, element_type, shape_of
from srcdiff.ir.values import Atom, const
from srcdiff.ops.arrays import reductions
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.linalg import einsum, products
from srcdiff.ops.loopforms.context import LoopContext
from srcdiff.ops.loopforms.reduction_identities import start_of
from srcdiff.ops.loopforms.stacks import in_stack

ONE = Dim(1)
_NO_ELEMENTS = "zero-size array to reduction operation {} which has no identity"


@dataclass(frozen=True)
class Reduction:
    """`combine` over the axes `reduced` of a space of loops.

    Attributes
    ----------
    shape : tuple of Dim
        The lengths of all loops, including the loops over the result's axes.
    kept, gone : tuple of int
        The axes of the result, and the reduced axes.
    order : tuple of int
        The loops from the outermost to the innermost.
    start : Atom
        The start value.
    element : callable
        `element(n, at)`: the reduced element at an index into the space.
    place : callable
        The index into the result, from the indices of the kept axes.
    """

    op: Op
    shape: tuple[Dim, ...]
    kept: tuple[int, ...]
    reduced: tuple[int, ...]
    order: tuple[int, ...]
    combine: OpDecl
    start: Atom
    element: Callable[[LoopContext, Sequence[Atom]], Atom]
    place: Callable[[Sequence[Atom]], Sequence[Atom]]
    spans: Callable[[Atom], int]

    def repeats(self, operand: Atom) -> bool:
        """Whether elements of an operand are used several times."""
        return self.spans(operand) < len([d for d in self.shape if d != ONE])

    def check(self, n: LoopContext) -> None:
        """Append a check that a maximum or minimum has elements."""
        if self.op.decl in (reductions.max, reductions.min):
            n.refuse_empty(
                [self.shape[k] for k in self.reduced], _NO_ELEMENTS.format(self.combine.name)
            )


class InLoops(Protocol):
    """Facts about the arrays of a product."""

    def in_loops(self, op: Op, shape: Sequence[Dim]) -> bool:
        """Whether a product over these lengths is faster as loops than as a call."""

    def is_transposed(self, array: Atom) -> bool:
        """Whether a matrix is a deferred transpose, computed in the order of its operand."""


def reduction_of(op: Op, known: InLoops) -> Reduction | None:
    """An operation as a reduction; None if it is not one, or if a call is faster."""
    if op.decl.fold is not None:
        return _along_axes(op)
    if op.decl in (products.matmul, products.dot, products.inner):
        return _product(op, known)
    if op.decl is einsum.einsum:
        return _over_letters(op)
    return None


def _along_axes(op: Op) -> Reduction | None:
    x = op.operands[0]
    shape = shape_of(x.type)
    assert op.decl.fold is not None
    name, start = op.decl.fold
    reduced = axes_of(len(shape), op.attrs.get("axis"))
    kept = tuple(k for k in range(len(shape)) if k not in reduced)
    keeps = bool(op.attrs.get("keepdims"))
    dtype = element_type(op.result.type).dtype

    def place(at: Sequence[Atom]) -> Sequence[Atom]:
        rest = iter(at)
        return (
            [const(0) if k in reduced else next(rest) for k in range(len(shape))] if keeps else at
        )

    return Reduction(
        op, shape, kept, reduced, tuple(range(len(shape))), OPERATIONS[name], start_of(start, dtype),
        lambda n, at: n.element(x, at), place, lambda a: len([d for d in shape_of(a.type) if d != ONE]),
    )  # fmt: skip


def _product(op: Op, known: InLoops) -> Reduction | None:
    """Products of vectors and matrices, and of stacks of them."""
    x, y = op.operands
    left, right = shape_of(x.type), shape_of(y.type)
    if not left or not right:
        return None
    batch = shape_of(op.result.type)[: max(len(left), len(right)) - 2]
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    along = left[-1] if left[-1] != ONE else right[-2:][0]
    shape = (*batch, *rows, along, *columns)
    is_called = not batch and ONE not in shape and not _has_integers(op)
    if left[-1] != right[-2:][0] and is_called:
        return None
    if len(shape) > 1 and is_called and not known.in_loops(op, shape):
        return None
    inner = len(batch) + len(rows)
    kept = tuple(k for k in range(len(shape)) if k != inner)
    # the summed axis is innermost, unless the second operand has columns: its rows are then read along
    order = tuple(range(len(shape))) if columns else (*kept, inner)
    if len(shape) == 2 and known.is_transposed(y if columns else x):
        order = order[::-1]
    zero = start_of(0, element_type(op.result.type).dtype)

    def element(n: LoopContext, at: Sequence[Atom]) -> Atom:
        ahead, (*row, k), column = at[: len(batch)], at[len(batch) : inner + 1], at[inner + 1 :]
        mine, other = (in_stack(ahead, s[:-2]) for s in (left, right))
        own = n.element(x, (*mine, *row, k))
        return n.compute("multiply", own, n.element(y, (*other, k, *column)))

    return Reduction(
        op, shape, kept, (inner,), order, OPERATIONS["add"], zero, element, lambda at: at,
        lambda a: len(shape_of(a.type)),
    )  # fmt: skip


def _over_letters(op: Op) -> Reduction | None:
    """`einsum` as a reduction, with the letter of last axes innermost; None if nothing is summed."""
    inputs, output = einsum.with_letters(op)
    summed = "".join(dict.fromkeys(c for text in inputs for c in text if c not in output))
    if not summed:
        return None
    lengths = dict.fromkeys(output + summed, ONE)
    after: dict[str, list[int]] = {c: [] for c in lengths}
    shapes = [shape_of(a.type) for a in (*op.operands, op.result)]
    for text, shape in zip((*inputs, output), shapes, strict=True):
        for k, (c, d) in enumerate(zip(text, shape, strict=True)):
            lengths[c] = d if lengths[c] == ONE else lengths[c]
            after[c].append(len(text) - 1 - k)
    letters = output + summed
    order = sorted(range(len(letters)), key=lambda k: -np.mean(after[letters[k]]))

    def element(n: LoopContext, at: Sequence[Atom]) -> Atom:
        return einsum.product_at(n, op, dict(zip(letters, at, strict=True)))

    kept = tuple(range(len(output)))
    reduced = tuple(range(len(output), len(letters)))
    zero = start_of(0, element_type(op.result.type).dtype)
    return Reduction(
        op, tuple(lengths[c] for c in letters), kept, reduced, tuple(order), OPERATIONS["add"], zero, element,
        lambda at: at, lambda a: len([d for d in shape_of(a.type) if d != ONE]),
    )  # fmt: skip


def _has_integers(op: Op) -> bool:
    """Whether a product has integers, for which BLAS has no routine."""
    return any(element_type(a.type).dtype[0] != "f" for a in op.operands)
