"""Loops of a reduction: into a scalar where the reduced axis is innermost, otherwise into the elements of an array.

    %s = sum[axis=1] %x        becomes        for 0, %n { (%i) -> %t = for 0, %m with 0.0 { ... };  store %s, %t, %i }

`reductions` describes the reduction: its axes, their order, and the combining operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For
from srcdiff.ir.types import Array, element_type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.loopforms.reduction_identities import WIDE
from srcdiff.transforms.lower.loop_nests import (
    Arrays,
    Body,
    Nest,
    add_element,
    beside_narrow,
    combine,
    nest,
    store_element,
)
from srcdiff.transforms.lower.reductions import Reduction


def reduction_loops(r: Reduction, arrays: Arrays, depth: int, b: Builder) -> Atom:
    """Append the loops of a reduction inside `depth` other loops; returns the result."""
    r.check(Nest(arrays, b, depth))
    result = r.op.result
    if not isinstance(result.type, Array):
        (found,) = nest(b, r.shape, (r.start,), _step(r, arrays), r.order, depth)
        dtype = element_type(result.type).dtype
        if dtype in WIDE:
            found = Nest(arrays, b).cast(found, dtype)
        return named(found, result, b)
    in_rows = set(r.order[-len(r.reduced) :]) == set(r.reduced)
    is_sum = r.combine.name == "add" and isinstance(r.start, Const) and r.start.value == 0
    # inside another loop, iterations would share the storage that they fill
    is_filled = is_sum and not in_rows and not depth
    made = memory.zeros_of if is_filled else memory.empty_of
    target = b.op(made, type=result.type, name=result.name, user=result.user)
    if in_rows:
        _rows(target, r, arrays, depth, b)
    else:
        _columns(target, r, arrays, depth, b, is_filled)
    return target


def _step(r: Reduction, arrays: Arrays, fixed: Mapping[int, Atom] | None = None) -> Body:
    wide = WIDE.get(element_type(r.op.result.type).dtype)

    def body(b: Builder, at: Sequence[Atom], carried: Sequence[Atom]) -> Sequence[Atom]:
        n = Nest(arrays, b, beside=beside_narrow(r.op))
        rest = iter(at)
        full = [fixed[k] if fixed and k in fixed else next(rest) for k in range(len(r.shape))]
        element = r.element(n, full)
        if wide is not None and r.combine.name in ("add", "multiply"):
            element = n.cast(element, wide)  # as accurate as NumPy's pairwise sums
        return (combine(n, r.combine, carried[0], element),)

    return body


def _rows(target: Value, r: Reduction, arrays: Arrays, depth: int, b: Builder) -> None:
    outer = [r.shape[k] for k in r.kept]

    def row(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        fixed = dict(zip(r.kept, at, strict=True))
        shape = [r.shape[k] for k in r.reduced]
        inner = depth + len(outer)
        (total,) = nest(b, shape, (r.start,), _step(r, arrays, fixed), depth=inner)
        store_element(b, target, total, r.place(at))
        return ()

    nest(b, outer, (), row, depth=depth)


def _columns(
    target: Value, r: Reduction, arrays: Arrays, depth: int, b: Builder, is_filled: bool
) -> None:
    def first(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        store_element(b, target, r.start, r.place(at))
        return ()

    def step(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        n = Nest(arrays, b, beside=beside_narrow(r.op))
        place = r.place([at[k] for k in r.kept])
        element = r.element(n, at)
        if r.combine.name == "add":
            add_element(b, target, element, place)
        else:
            element = combine(n, r.combine, n.load(target, place), element)
            store_element(b, target, element, place)
        return ()

    if not is_filled:
        nest(b, [r.shape[k] for k in r.kept], (), first, depth=depth)
    nest(b, r.shape, (), step, r.order, depth)


def named(found: Atom, old: Value, b: Builder) -> Atom:
    if not old.name or not isinstance(found, Value):
        return found
    *before, last = b.body
    new = replace(found, name=old.name, user=old.user)
    if isinstance(last, For) and found in last.results:
        results = tuple(new if r is found else r for r in last.results)
        b.body[:] = [*before, replace(last, results=results)]
        return new
    return found
