"""Zeros without a prototype: no array is kept for its shape alone.

    %scores.1 = restore[slot=1]                    ->    %d_scores = zeros_of[type=type(float64[k])]
    %d_scores = zeros_like %scores.1

A saved array with another use stays a prototype.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import map_ops, ops_of
from srcdiff.ir.core import Function, Op, regions_of, walk
from srcdiff.ir.definedness import perhaps_undefined
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import is_generated


def no_kept_prototypes(fn: Function) -> Function:
    """`fn` with zeros by type in place of zeros like a saved array, if nothing else uses the saved array."""
    ops = list(ops_of(fn))
    made = {s for s in ops if _has_prototype(s)}
    kept = {s.result for s in ops if s.decl is memory.restore}
    if kept.isdisjoint(s.operands[0] for s in made):
        return fn
    absent = perhaps_undefined(fn)  # may be saved as None, which has no length
    others = {a for s in walk(fn.body) if s not in made for a in s.operands}
    others |= {y for s in walk(fn.body) for r in regions_of(s) for y in r.yields}
    others.update(fn.body.yields)
    bare = kept - absent - others

    def without_prototype(op: Op) -> Op:
        if op not in made or op.operands[0] not in bare:
            return op
        return replace(op, decl=memory.zeros_of, operands=(), attrs={"type": op.result.type})

    return map_ops(fn, without_prototype)


def _has_prototype(op: Op) -> bool:
    if op.decl not in (memory.zeros_like, memory.empty_like) or not is_generated(op):
        return False
    prototype = op.operands[0]
    return isinstance(prototype, Value) and prototype.type == op.result.type
