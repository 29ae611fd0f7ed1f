"""Stacks of matrices in loop form: a loop over the stack, with the operation for one matrix in its body."""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, element_type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.loopforms.context import At, LoopContext

ONE = Dim(1)


def in_stacks(n: LoopContext, op: Op) -> object:
    """The loop form of an operation on the last two axes; None for a single matrix."""
    count = max(ndim_of(a.type) for a in op.operands) - 2
    if count <= 0:
        return None
    batch = shape_of(op.results[0].type)[:count]
    targets = [n.new(r.type, name=r.name or op.decl.name) for r in op.results]
    parts = [_storage(n, a) for a in op.operands]
    for a, part in zip(op.operands, parts, strict=True):
        if ndim_of(a.type) <= 2:
            _fill(n, part, a, ())

    def one(n: LoopContext, at: At, _: At) -> At:
        for a, part in zip(op.operands, parts, strict=True):
            if ndim_of(a.type) > 2:
                _fill(n, part, a, in_stack(at, shape_of(a.type)[:-2]))
        found = n.b.ops(op.decl, *parts, **op.attrs)
        for target, value in zip(targets, found, strict=True):
            _keep(n, target, value, at)
        return ()

    n.each(batch, (), one)
    return targets[0] if len(targets) == 1 else tuple(targets)


def in_stack(at: Sequence[Atom], batch: Sequence[Dim]) -> list[Atom]:
    """The indices of one matrix in an operand's stack; axes of length 1 are broadcast."""
    own = at[len(at) - len(batch) :]
    return [const(0) if d == ONE else k for k, d in zip(own, batch, strict=True)]


def _storage(n: LoopContext, a: Atom) -> Value:
    shape = shape_of(a.type)
    return n.new(Array(element_type(a.type).dtype, shape[-2:] if len(shape) > 2 else shape))


def _fill(n: LoopContext, part: Value, a: Atom, at: At) -> None:
    """Store an operand's elements at these leading indices."""

    def store(n: LoopContext, inner: At, _: At) -> At:
        n.store(part, n.element(a, (*at, *inner)), inner)
        return ()

    n.each(shape_of(part.type), (), store)


def _keep(n: LoopContext, target: Value, value: Value, at: At) -> None:
    """Store a result for one matrix."""
    shape = shape_of(value.type)
    if not shape:
        n.store(target, value, at)
        return

    def store(n: LoopContext, inner: At, _: At) -> At:
        n.store(target, n.load(value, inner), (*at, *inner))
        return ()

    n.each(shape, (), store)
