"""Reverse mode of control flow: a branch becomes a branch that mirrors it, and a loop runs backwards.

    if c: A                if c: A reversed              for i in range(n): A      for i in reversed(range(n)):
    else: B       ->       else: B reversed                                   ->       A reversed

A mirror and its original share a `pair` number; the mirror of a checkpointed loop has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.errors import UntypedError
from srcdiff.ir.core import For, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, List, Scalar, Struct, is_complex, is_float
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.ad.adjoints.accumulate import (
    Scope,
    adjoint_type,
    as_complex,
    hint,
    in_dtype,
    whole,
)
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.directives.checkpoint_reverse import begin, keep_states, replay
from srcdiff.transforms.ad.directives.kernel_recompute import run_iteration_again
from srcdiff.transforms.ad.reverse.mirror_range import mirror_range
from srcdiff.transforms.analysis.activity import edges
from srcdiff.transforms.simplify.constants import zero

ReverseRegion = Callable[[Reversal, Region, Scope], None]


# ---- adjoints to which a region contributes ---------------------------------------------------


def receivers(r: Reversal, regions: Sequence[Region], extra: Sequence[Atom] = ()) -> list[Value]:
    """Active values from outside to whose adjoints the regions contribute: leaves of structures, in order of use."""
    inside = {p for region in regions for p in region.params}
    found: dict[Value, Value] = {}  # each with the structure that it is a part of, or itself
    for region in regions:
        for statement in walk(region):
            for inner in (statement.then, statement.orelse) if isinstance(statement, If) else ():
                inside.update(inner.params)
            if isinstance(statement, For | While):
                inside.update(p for inner in regions_of(statement) for p in inner.params)
            inside.update(statement.results)
            for sources, target in edges(statement):
                if r.is_active(target):
                    found.update((_taken(r, v, statement), v) for v in r.active_ones(sources))
                    found.update((v, v) for v in r.active_ones((target,)))
    found.update((v, v) for v in r.active_ones(extra))
    parts = [part for v, whole in found.items() if whole not in inside for part in _leaves(r, v)]
    return [*dict.fromkeys(parts)]


def _taken(r: Reversal, value: Value, statement: Statement) -> Value:
    """The value to whose adjoint a statement contributes: of a structure, the part that the statement takes."""
    if isinstance(statement, Op) and statement.decl is containers.get:
        assert isinstance(value.type, Struct)
        return r.parts(value)[value.type.keys.index(statement.attrs["key"])]
    return value


def _leaves(r: Reversal, value: Value) -> list[Value]:
    if isinstance(value.type, Struct):
        return [leaf for p in r.parts(value) if p in r.active for leaf in _leaves(r, p)]
    return [value]


# ---- branches ------------------------------------------------------------------------------------


def reverse_branch(r: Reversal, branch: If, scope: Scope, reverse_region: ReverseRegion) -> None:
    """Append `if c: A reversed else: B reversed` for `if c: A else: B`.

    The adjoints of values from outside that change in a branch are results of the mirrored branch, unless they have
    a buffer.
    """
    active = [k for k, v in enumerate(branch.results) if r.is_active(v)]
    if not active and not _writes_active(r, branch):
        return
    chosen = {k for k in active if branch.results[k] in scope.chosen}
    d_results = {k: _take_result(r, branch.results[k], scope) for k in active}
    yields = [region.yields[k] for region in (branch.then, branch.orelse) for k in active]
    outer = receivers(r, (branch.then, branch.orelse), yields)
    passed = _passed_on((branch.then, branch.orelse))
    for v in outer:
        if (v in r.buffers and v not in passed) or isinstance(v.type, List):
            r.open(v, scope)
    shared = [v for v in outer if v in r.buffers and v in passed and scope.buffer(v) is None]
    carried = [v for v in outer if v not in shared and scope.buffer(v) is None]
    before = {v: scope.totals.pop(v, None) for v in carried}
    halves = [
        _half(r, branch, region, scope, d_results, chosen, before, reverse_region)
        for region in (branch.then, branch.orelse)
    ]
    shared = [v for v in shared if any(v in inner.buffers for inner, _ in halves)]
    changed = [v for v in carried if any(totals[v] is not before[v] for _, totals in halves)]
    for v in carried:
        if v not in changed and before[v] is not None:
            scope.totals[v] = before[v]  # type: ignore[assignment]
    if not changed and not shared and not any(inner.b.body for inner, _ in halves):
        return
    regions = []
    for inner, totals in halves:
        found = [_full(r, v, totals[v], inner) for v in changed]
        buffers = [inner.buffers[v] if v in inner.buffers else r.zeros(v, inner) for v in shared]
        regions.append(inner.finish((), (*found, *buffers)))
    results = tuple(Value(adjoint_type(v.type), hint(v)) for v in (*changed, *shared))
    condition = r.forward.primal(branch.condition, scope)
    scope.b.append(
        If(
            condition,
            regions[0],
            regions[1],
            results,
            branch.location,
            "adjoint",
            r.forward.pair(branch),
        )
    )
    scope.totals.update(zip(changed, results, strict=False))
    for v, result in zip(shared, results[len(changed) :], strict=True):
        r.bind(v, result, scope, branch)


def _passed_on(regions: Sequence[Region]) -> set[Atom]:
    """The values that regions yield or pass to loops: their adjoints come from later statements."""
    found: set[Atom] = set()
    for region in regions:
        found.update(region.yields)
        for statement in region.body:
            if isinstance(statement, For | While):
                found.update(statement.carried)
            elif isinstance(statement, If):
                found |= _passed_on((statement.then, statement.orelse))
    return found


def _half(
    r: Reversal,
    branch: If,
    region: Region,
    scope: Scope,
    d_results: dict[int, Atom | None],
    chosen: set[int],
    before: dict[Value, Atom | None],
    reverse_region: ReverseRegion,
) -> tuple[Scope, dict[Value, Atom | None]]:
    """One region of a branch reversed, and the adjoints of outer values after it."""
    inner = scope.inner(region)
    inner.totals.update((v, total) for v, total in before.items() if total is not None)
    for k, d in d_results.items():
        y = region.yields[k]
        if d is None or not r.is_active(y):
            continue
        assert isinstance(y, Value)
        if y not in r.buffers:
            r.check_names(y, inner, branch)
            _pass_on(r, d, branch.results[k], y, inner)
        elif not (k in chosen and r.forward.is_from_outside(y, region, r.buffers)):
            r.bind(y, d, inner, branch)
    reverse_region(r, region, inner)
    return inner, {
        v: r.take(v, inner) if v in inner.partials or v in inner.buffers else inner.totals.get(v)
        for v in before
    }


def _pass_on(r: Reversal, d: Atom, passed: Value, value: Value, scope: Scope) -> None:
    """Contribute the adjoint `d` of a result or parameter `passed` of a branch or loop to the adjoint of the value
    that it is on some path. If `d` is a buffer, its contents are contributed.
    """
    if passed in r.buffers:
        d = scope.b.op(memory.read, d, name=hint(value))
    r.contribute(value, d, scope)


def _take_result(r: Reversal, value: Value, scope: Scope) -> Atom | None:
    """The adjoint of a branch's result: its buffer where the storage is written."""
    if value in r.buffers or isinstance(value.type, List):
        scope.chosen.discard(value)
        return scope.buffers.pop(value, None)
    return r.take(value, scope)


def _full(r: Reversal, value: Value, total: Atom | None, scope: Scope) -> Atom:
    return (
        r.zeros(value, scope) if total is None else whole(scope.b, total, adjoint_type(value.type))
    )


def _writes_active(r: Reversal, statement: If | For | While) -> bool:
    regions = (statement.then, statement.orelse) if isinstance(statement, If) else (statement.body,)
    return any(r.is_active(t) for region in regions for s in walk(region) for _, t in edges(s))


# ---- loops -----------------------------------------------------------------------------------------


def reverse_loop(
    r: Reversal, loop: For | While, scope: Scope, reverse_region: ReverseRegion
) -> None:
    """Append the mirror of a loop: it reverses the iterations, the last one first, and carries the adjoints of the
    loop-carried values.

    The adjoints of scalars from outside to which the iterations contribute are further carried values. The adjoints
    of arrays from outside are buffers.
    """
    results = loop.carried_results if isinstance(loop, For) else loop.results
    params = loop.body.params[1:] if isinstance(loop, For) else loop.body.params
    active = [k for k, v in enumerate(results) if r.is_active(v) or r.is_active(params[k])]
    if not active and not _writes_active(r, loop):
        return
    outs = [_carried(r, results[k], scope) for k in active]
    yields = [loop.carried_yields[k] for k in active]
    sums, lists = _open_outer(r, loop, yields, scope)
    starts = [_total(v, scope) for v in sums]
    inner = scope.inner(loop.body)
    again = None
    if isinstance(loop, For) and loop.slots:
        again = begin(r, keep_states(r, loop, scope), scope)
        inner.is_again = True
    elif r.runs_again(r, loop):
        inner.is_again = True
        r.forward.run_again[id(loop)] = []
    index, header = mirror_range(r, loop, scope)
    if isinstance(loop, For):
        inner.values[loop.index] = index
    ins = tuple(
        Value(_kind(a, y), hint(y) if isinstance(y, Value) else "")
        for a, y in zip(outs, yields, strict=True)
    )
    accumulated = tuple(Value(adjoint_type(v.type), hint(v)) for v in sums)
    inner.totals.update(zip(sums, accumulated, strict=True))
    _enter(r, [params[k] for k in active], yields, ins, inner, loop)
    reverse_region(r, loop.body, inner)
    back = [_carried(r, params[k], inner) for k in active]
    totals = [_total(v, inner) for v in sums]
    tops: tuple[Value, ...] = ()
    rows: list[Atom] = []
    if again is not None:
        tops = (Value(again.start.type, "top"),)
        inner.prologue, left = replay(r, again, inner, index, tops[0])
        rows.append(left)
    elif inner.is_again:
        assert isinstance(loop, For)
        inner.prologue = run_iteration_again(r, loop, inner)
    region = inner.finish((index, *ins, *accumulated, *tops), (*back, *totals, *rows))
    inits = [loop.carried[k] for k in active]
    ends = tuple(Value(_kind(v, a), v.name) for v, a in zip(ins, inits, strict=True))
    ends += tuple(Value(v.type, v.name) for v in (*accumulated, *tops))
    pair = r.forward.pair(loop) if again is None else 0
    carried = (*outs, *starts, *(() if again is None else (again.start,)))
    is_reversed = not (isinstance(loop, For) and loop.reverse)
    scope.b.append(
        For(*header, carried, region, ends, is_reversed, False, pair, loop.location, "adjoint")
    )
    scope.totals.update(zip(sums, ends[len(ins) : len(ins) + len(sums)], strict=True))
    for v in lists if is_reversed else ():
        scope.b.ops(containers.list_reverse, scope.buffers[v])
    for k, end in zip(active, ends, strict=False):
        _arrive(r, params[k], loop.carried[k], end, scope, loop)


def _open_outer(
    r: Reversal, loop: For | While, yields: Sequence[Atom], scope: Scope
) -> tuple[list[Value], list[Value]]:
    """Open the adjoints of outer values to which iterations contribute; the numbers among these, and the lists whose
    adjoints the backward loop appends item by item.
    """
    outer = receivers(r, (loop.body,), yields)
    lists = [v for v in outer if r.by_element.get(v) is loop]
    for v in lists:
        assert isinstance(v.type, List)
        element = adjoint_type(v.type.element)
        scope.buffers[v] = scope.b.op(containers.list_new, name=hint(v), element=element)
    for v in outer:
        if v not in lists and not isinstance(v.type, Scalar):
            r.open(v, scope)
    return [v for v in outer if isinstance(v.type, Scalar)], lists


_SINGLE, _HALF = Scalar("float32", False), Scalar("float16", False)


def _total(value: Value, scope: Scope) -> Atom:
    """The adjoint of a number as collected so far, for the loop to carry."""
    total = scope.totals.pop(value, None)
    type_ = adjoint_type(value.type)
    if total is None:
        return zero(type_) if is_complex(type_) and isinstance(type_, Scalar) else const(0.0)
    return as_complex(scope.b, in_dtype(scope.b, total, type_), type_)


def _kind(start: Atom, yielded: Atom) -> Scalar | Array | List | Struct:
    """The type of a carried adjoint that starts as `start`, for a carried value that the iteration yields.

    It is the type of the yielded value's adjoint (lengths may differ from iteration to iteration). A Python float
    takes the lower precision of `start`, and a real number or array is complex if `start` is.
    """
    own = yielded.type
    if is_complex(start.type) and isinstance(own, Scalar | Array) and not is_complex(own):
        assert isinstance(start.type, Scalar | Array)
        return start.type if isinstance(own, Scalar) else replace(own, dtype=start.type.dtype)
    if isinstance(own, Scalar) and own.weak and start.type in (_SINGLE, _HALF):
        assert isinstance(start.type, Scalar)
        return start.type
    type_ = start.type if isinstance(start.type, List | Struct) else adjoint_type(yielded.type)
    assert isinstance(type_, Scalar | Array | List | Struct)
    return type_


def _carried(r: Reversal, value: Value, scope: Scope) -> Atom:
    """The adjoint of a loop's result, from which the backward loop starts, or of a carried value at the start of the
    iteration.
    """
    if value in r.buffers or isinstance(value.type, List):
        found = scope.buffers.pop(value, None)
        return found if found is not None else r.zeros(value, scope)
    return r.take_whole(value, scope)


def _enter(
    r: Reversal,
    params: Sequence[Value],
    yields: Sequence[Atom],
    ins: Sequence[Value],
    inner: Scope,
    loop: For | While,
) -> None:
    """At the end of an iteration, each carried adjoint is the adjoint of the value that the iteration yielded."""
    for param, y, d in zip(params, yields, ins, strict=True):
        if not isinstance(y, Value) or not is_float(y.type):
            continue
        if isinstance(y.type, List):
            if inner.buffer(y) is not None:
                raise UntypedError(
                    "two names share one list at the end of a loop's iteration",
                    "Copy the list where the second name is bound (`ys = list(xs)`).",
                    loop.location,
                )
            inner.buffers[y] = d
        elif y in r.buffers:
            r.bind(y, d, inner, loop)
        else:
            _pass_on(r, d, param, y, inner)


def _arrive(
    r: Reversal, param: Value, init: Atom, end: Value, scope: Scope, loop: For | While
) -> None:
    """After the backward loop: its result is the adjoint of the value from which the loop started."""
    if not r.is_active(init):
        return
    assert isinstance(init, Value)
    if isinstance(init.type, List):
        if scope.buffer(init) is not None:
            raise UntypedError(
                "a list has two names, and a loop carries one of them",
                "Use one name for the list, or copy it before the loop.",
                loop.location,
            )
        scope.buffers[init] = end
    elif init in r.buffers:
        r.bind(init, end, scope, loop)
    else:
        _pass_on(r, end, param, init, scope)
