"""Reductions as loops: over which axes, what is combined, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Op, OpDecl, const
from srcdiff.ir.types import Dim, element_type, shape_of
from srcdiff.ops import linalg
from srcdiff.ops.axes import axes_of
from srcdiff.ops.loop_forms import LoopContext
from srcdiff.ops.registry import OPERATIONS

__all__ = ["Reduction", "reduction_of"]

ONE = Dim(1)


@dataclass(frozen=True)
class Reduction:
    """`combine` over the axes `gone` of a space of loops.

    Attributes
    ----------
    shape : tuple of Dim
        The lengths of all loops, those of the result's axes as well.
    kept, gone : tuple of int
        The axes that the result has, and those that are reduced.
    order : tuple of int
        The loops from the outermost to the innermost.
    start : Atom
        What is combined with first.
    element : callable
        `element(n, at)`: what is reduced, at an index into the space.
    place : callable
        Where in the result an element is, from the indices of the axes that are kept.
    """

    op: Op
    shape: tuple[Dim, ...]
    kept: tuple[int, ...]
    gone: tuple[int, ...]
    order: tuple[int, ...]
    combine: OpDecl
    start: Atom
    element: Callable[[LoopContext, Sequence[Atom]], Atom]
    place: Callable[[Sequence[Atom]], Sequence[Atom]]
    spans: Callable[[Atom], int]

    def repeats(self, operand: Atom) -> bool:
        """Whether elements of an operand are asked for several times."""
        return self.spans(operand) < len([d for d in self.shape if d != ONE])

    def check(self, b: Builder) -> None:
        """The extreme of nothing is an error."""


def reduction_of(op: Op, is_small: Callable[[Sequence[Dim]], bool]) -> Reduction | None:
    """How an operation is a reduction; None if it is none, or rather a call."""
    if op.decl.fold is not None:
        return _along_axes(op)
    if op.decl in (linalg.matmul, linalg.dot, linalg.inner):
        return _product(op, is_small)
    return None


def _along_axes(op: Op) -> Reduction | None:
    x = op.operands[0]
    shape = shape_of(x.type)
    assert op.decl.fold is not None
    name, start = op.decl.fold
    gone = axes_of(len(shape), op.attrs.get("axis"))
    kept = tuple(k for k in range(len(shape)) if k not in gone)
    keeps = bool(op.attrs.get("keepdims"))
    dtype = element_type(op.result.type).dtype

    def place(at: Sequence[Atom]) -> Sequence[Atom]:
        rest = iter(at)
        return [const(0) if k in gone else next(rest) for k in range(len(shape))] if keeps else at

    return Reduction(
        op, shape, kept, gone, tuple(range(len(shape))), OPERATIONS[name], _start(start, dtype),
        lambda n, at: n.element(x, at), place, lambda a: len([d for d in shape_of(a.type) if d != ONE]),
    )  # fmt: skip


def _start(number: float | None, dtype: str) -> Atom:
    kind = {"f": float, "i": int, "u": int, "b": bool}[dtype[0]]
    return const(kind(number))


def _product(op: Op, is_small: Callable[[Sequence[Dim]], bool]) -> Reduction | None:
    """Products of vectors and matrices."""
    x, y = op.operands
    left, right = shape_of(x.type), shape_of(y.type)
    if not left or not right or len(left) > 2 or len(right) > 2:
        return None
    if left[-1] != right[0] or (ONE in (*left, *right) and len(left) + len(right) > 2):
        return None
    shape = (*left, *right[1:])
    if len(shape) > 1 and not is_small(shape):
        return None
    inner = len(left) - 1
    kept = tuple(k for k in range(len(shape)) if k != inner)
    # the inner axis innermost, unless rows of the second operand are read along
    order = (*kept, inner) if len(right) == 1 else (*range(len(shape)),)
    zero = _start(0, element_type(op.result.type).dtype)

    def element(n: LoopContext, at: Sequence[Atom]) -> Atom:
        return n.compute("multiply", n.element(x, at[: len(left)]), n.element(y, at[inner:]))

    return Reduction(
        op, shape, kept, (inner,), order, OPERATIONS["add"], zero, element, lambda at: at,
        lambda a: len(shape_of(a.type)),
    )  # fmt: skip
