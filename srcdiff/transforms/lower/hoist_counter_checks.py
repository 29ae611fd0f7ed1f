"""Hoisting of bounds checks on a counter that nested loops increase: the largest index is the last.

    for 0, %d with 0 { (%j, %at) ->                        for 0, %d with 0 { (%j, %n) ->
        for %j, %d with %at { (%i, %at.1) ->                   yield (add %n, (max (subtract %d, %j), 0)) }
            if %at.1 >= %len { raise IndexError }              if %n > %len { raise IndexError }
            ...                                 becomes    for 0, %d with 0 { (%j, %at) ->
            yield (add %at.1, 1) }                             for %j, %d with %at { (%i, %at.1) ->
        yield ... }                                                ...

It applies only where the innermost loop alone increases the counter, from 0 on: the last index is then the final count
minus one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from srcdiff.ir.alias import with_inner
from srcdiff.ir.build import Builder, Env, clone_statement, lookup, with_parts
from srcdiff.ir.core import For, If, Op, Region, Statement, regions_of
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import (
    defined_in,
    definitions_in,
    needed,
    used_atoms,
    uses_outside,
)

_LENGTHS = (memory.length, memory.axis_length)
_COUNTS = (arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.maximum)
_OUTSIDE = ("not -{1} <= {0} < {1}", "{0} >= {1}")

_Level = tuple[For, int]  # a loop, and the position of the counter among its carried values


@dataclass(frozen=True)
class Check:
    """`if test: raise IndexError(...)`: the operation that tests, and the branch."""

    test: Op
    branch: If


def without_counted_checks(
    loop: For, checks: Callable[[Sequence[Statement]], list[Check]], b: Builder
) -> For:
    """A loop without the checks of its counters; they are appended to `b`, in front of the loop."""
    removed: set[Statement] = set()
    for place, start in enumerate(loop.carried):
        nest = _levels(loop, place) if start == const(0) else None
        for check in checks(nest[-1][0].body.body) if nest else ():
            moved = _in_front(check, nest or (), b)
            if moved is not None:
                b.body += moved
                removed |= {check.test, check.branch}
    return without(loop, removed)


def without(loop: For, removed: Set[Statement]) -> For:
    new = _without(loop, removed) if removed else loop
    assert isinstance(new, For)
    return new


def _without(s: Statement, removed: Set[Statement]) -> Statement:
    regions = [
        Region(r.params, tuple(_without(s, removed) for s in r.body if s not in removed), r.yields)
        for r in regions_of(s)
    ]
    return with_parts(s, s.operands, regions) if regions else s


def _in_front(check: Check, nest: Sequence[_Level], b: Builder) -> list[Statement] | None:
    """The check of the largest index; None if it cannot be computed in front of the loops."""
    innermost, place = nest[-1]
    param, step = innermost.body.params[place + 1], _step(*nest[-1])
    before = _offset(check.test.operands[0], param, innermost)
    if check.test.attrs["text"] not in _OUTSIDE or before is None or step is None or before >= step:
        return None
    outer = nest[0][0]
    own = {*outer.body.params, *defined_in(outer.body)}
    test, lengths = invariant_test(check.test, innermost, own)
    inner = b.inner()
    total = None if test.operands[1] in own else _counted(nest, const(0), inner, own)
    if total is None:
        return None
    back = step - before - 1
    text = f"{{0}} - {back} > {{1}}" if back else "{0} > {1}"
    result = replace(test.results[0])
    test = replace(
        test, operands=(total, test.operands[1]), results=(result,), attrs={"text": text}
    )
    return [*inner.body, *lengths, test, replace(check.branch, condition=result)]


# ---- loop-invariant lengths and counts ------------------------------------------------------------


def invariant_test(test: Op, loop: For, own: Set[Value]) -> tuple[Op, list[Statement]]:
    """A test with loop-invariant lengths and counts as operands, and the statements that compute them outside."""
    makers = definitions_in(loop.body.body)
    lengths: dict[Statement, None] = {}
    for a in test.operands:
        found: dict[Statement, None] = {}
        if a in own and _is_invariant(a, makers, own, found):
            lengths |= found
    env: Env = {}
    moved = [clone_statement(s, env) for s in lengths]
    return replace(test, operands=tuple(lookup(env, a) for a in test.operands)), moved


def _is_invariant(
    a: Atom, makers: dict[Atom, Statement], own: Set[Value], found: dict[Statement, None]
) -> bool:
    """Whether a number can be computed outside the loop; `found` collects the statements that compute it."""
    if a not in own:
        return True
    made = makers.get(a)
    if made is None or not all(map(_is_count, with_inner(made))):
        return False
    if not all(_is_invariant(u, makers, own, found) for u in uses_outside(made)):
        return False
    found[made] = None
    return True


def _is_count(s: Statement) -> bool:
    """Whether a statement computes integers and never raises."""
    if not isinstance(s, For) and (not isinstance(s, Op) or s.decl not in (*_LENGTHS, *_COUNTS)):
        return False
    return bool(s.results) and all(
        isinstance(r.type, Scalar) and r.type.dtype == "int64" for r in s.results
    )


# ---- counters ---------------------------------------------------------------------------------------


def _levels(loop: For, place: int) -> list[_Level] | None:
    """The loops that carry a counter, outer ones first; None if another loop than the innermost increases it."""
    if loop.breaks or not isinstance(loop.step, Const):
        return None
    yielded, param = loop.carried_yields[place], loop.body.params[place + 1]
    made = _maker(yielded, loop)
    if isinstance(made, For) and not made.breaks:
        inner = made.results.index(yielded)
        rest = _levels(made, inner) if made.carried[inner] is param else None
        return None if rest is None else [(loop, place), *rest]
    step = _step(loop, place)
    return [(loop, place)] if step and loop.step.value == 1 else None


def _offset(a: Atom, param: Value, loop: For) -> int | None:
    """The non-negative constant by which a number exceeds `param`, the counter at the start of an iteration."""
    if a is param:
        return 0
    made = _maker(a, loop)
    if not isinstance(made, Op) or made.decl is not arithmetic.add:
        return None
    first, second = made.operands
    before, by = (second, first) if isinstance(first, Const) else (first, second)
    if not isinstance(by, Const) or type(by.value) is not int or by.value < 0:
        return None
    rest = _offset(before, param, loop)
    return None if rest is None else rest + by.value


def _step(loop: For, place: int) -> int | None:
    return _offset(loop.carried_yields[place], loop.body.params[place + 1], loop)


def _counted(nest: Sequence[_Level], start: Atom, b: Builder, inside: Set[Value]) -> Atom | None:
    (loop, place), *rest = nest
    if not rest:
        step = _step(loop, place)
        assert step is not None
        iterations = b.op(arithmetic.subtract, loop.stop, loop.start)
        iterations = b.op(arithmetic.maximum, iterations, const(0), spelling="max")
        counts = iterations if step == 1 else b.op(arithmetic.multiply, const(step), iterations)
        return counts if start == const(0) else b.op(arithmetic.add, start, counts)
    inner = rest[0][0]
    bounds = needed(loop.body, (inner.start, inner.stop))
    param = Value(Scalar("int64", True), "count")
    body = b.inner()
    body.body += bounds
    own = {loop.index, *(r for s in bounds for r in s.results)}
    lengths = {a for s in bounds for a in used_atoms(s)} | {inner.start, inner.stop}
    if any(a in inside and a not in own for a in lengths) or not all(map(_is_count, bounds)):
        return None
    total = _counted(rest, param, body, inside - own)
    if total is None:
        return None
    region = body.region((loop.index, param), (total,))
    result = replace(param)
    counting = For(loop.start, loop.stop, loop.step, (start,), region, (result,), origin="compiler")
    made = clone_statement(counting, {})
    b.append(made)
    return made.results[0]


def _maker(a: Atom, loop: For) -> Statement | None:
    return next((s for s in loop.body.body if a in s.results), None)
