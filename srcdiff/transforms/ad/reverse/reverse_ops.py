"""Reverse mode of operations: chooses the function of `REVERSED`, a scatter, a builder or a derivative rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import with_parts
from srcdiff.ir.core import Op, regions_of
from srcdiff.ir.types import Array, ndim_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import is_barrier
from srcdiff.ops.control.cuda_launch import is_launch
from srcdiff.transforms.ad.adjoints.accumulate import Partial, Scope, adjoint_type, crossed, whole
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.directives.kernel_launches import reverse_launch
from srcdiff.transforms.ad.reverse.apply_rules import factors, reverse_by_rule
from srcdiff.transforms.ad.reverse.reverse_memory import (
    REVERSED,
    check_written,
    refuse_write,
    reverse_barrier,
)


def reverse_op(r: Reversal, op: Op, scope: Scope) -> None:
    if is_barrier(op):
        reverse_barrier(r, op, scope)
        return
    if is_launch(op):
        reverse_launch(r, op, scope)
        return
    check_written(r, op)
    special = REVERSED.get(op.decl, refuse_write if op.decl.writes else None)
    if special is not None:
        special(r, op, scope)
        return
    has_adjoint = op.decl.differentiable and any(map(r.is_active, op.results))
    if not has_adjoint or r.is_buffer_view(op):
        for v in op.results:  # storage begins here: the rest of its adjoint is not used
            scope.buffers.pop(v, None)
        return
    d_outs = [r.take(v, scope) if r.is_active(v) else None for v in op.results]
    if all(d is None for d in d_outs):
        return
    if op.decl.scatter is not None and not _makes_more(op):
        _scatter(r, op, d_outs[0], scope)
    elif op.decl.build is not None:
        _build(r, op, d_outs, scope)
    else:
        reverse_by_rule(r, op, d_outs, scope)


def _makes_more(op: Op) -> bool:
    """Whether an operation that has a rule beside its scatter has made an array of more axes than its operand."""
    return op.decl.rule is not None and ndim_of(op.operands[0].type) < ndim_of(op.result.type)


def _build(r: Reversal, op: Op, d_outs: Sequence[Atom | None], scope: Scope) -> None:
    assert op.decl.build is not None
    since = len(scope.b.body)
    build = op.decl.build

    def adjoints(operands: Sequence[Atom], *d_outs: Atom | None) -> Sequence[Atom | None]:
        return build(scope.b, replace(op, operands=tuple(operands)), d_outs)

    found = adjoints(factors(r, op, d_outs[0], adjoints, scope), *d_outs)
    _refer_to_forward_values(r, op, since, scope)
    for k, (a, d) in enumerate(zip(op.operands, found, strict=True)):
        if d is not None:  # an adjoint that is passed on unchanged has the size of the view
            is_views = k == op.view_of and d is d_outs[0]
            r.contribute(a, d, scope, op.results[0] if is_views else None)


def _refer_to_forward_values(r: Reversal, op: Op, since: int, scope: Scope) -> None:
    """Replace forward values in the statements since `since` by the values that the backward part has for them."""
    made = scope.b.body[since:]
    del scope.b.body[since:]
    used = {a for s in made for a in s.operands}
    names = {a: r.forward.primal(a, scope) for a in op.operands if a in used}
    for s in made:
        scope.b.append(with_parts(s, [names.get(a, a) for a in s.operands], regions_of(s)))


def _scatter(r: Reversal, op: Op, d_out: Atom | None, scope: Scope) -> None:
    """`y = x[i]`: `d_x[i] += d_y`."""
    base, *rest = op.operands
    assert op.decl.scatter is not None and d_out is not None
    if not r.is_active(base):
        return
    assert isinstance(base, Value)
    if op.decl is memory.index and not rest and base not in r.buffers:
        r.contribute(base, _without_new_axes(op, d_out, scope), scope)
        return
    operands = tuple(r.forward.primal(a, scope) for a in rest)
    scatter = memory.add_into if op.attrs.get("distinct") else op.decl.scatter
    if base in r.buffers:
        d_out = crossed(scope.b, d_out, base.type)
        scope.b.ops(scatter, r.open(base, scope), d_out, *operands, **op.attrs)
    else:
        scope.add_part(base, Partial(scatter, d_out, operands, op.attrs))


def _without_new_axes(op: Op, d_out: Atom, scope: Scope) -> Atom:
    """The adjoint of `x[:, None]`, which only adds axes: the new axes are removed."""
    if not isinstance(d_out.type, Array):
        return d_out
    d_out = whole(scope.b, d_out, adjoint_type(op.results[0].type))
    items = op.attrs["where"].split(", ")
    where = ", ".join({"None": "i"}.get(item, item) for item in items)
    return scope.b.op(
        memory.index, d_out, *(const(0) for item in items if item == "None"), where=where
    )
