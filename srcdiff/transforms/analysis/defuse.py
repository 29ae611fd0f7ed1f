"""Definitions and uses: which operation defines a value, how often it is used, and which operations are pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, TypeVar

from srcdiff.ir.alias import Roots, storage_roots, written_roots
from srcdiff.ir.build import map_ops, ops_of, with_parts
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, Scalar, Type, ndim_of, strip
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.shapes import permutations

# operations that allocate storage to be written: they are neither shared nor moved
ALLOCATIONS = frozenset({
    "copy", "empty", "empty_like", "empty_of", "expand", "ones", "ones_like", "zeros", "zeros_like", "zeros_like_list",
    "zeros_of",
})  # fmt: skip


T = TypeVar("T")


Group = tuple[Value, ...]


def needed(region: Region, yields: Sequence[Atom]) -> list[Statement]:
    """The statements of a region (without effects) on which the given atoms depend."""
    wanted = set(yields)
    out: list[Statement] = []
    for statement in reversed(region.body):
        if any(v in wanted for v in statement.results):
            out.append(statement)
            wanted.update(used_atoms(statement))
    return out[::-1]


def carried_groups(loop: For | While) -> list[tuple[Group, Atom, Atom]]:
    """For each loop-carried value: its parameters and result, its initial value, and the yielded value."""
    if isinstance(loop, For):
        results: Sequence[Value] = loop.carried_results
        params = [loop.body.params[1:]]
    else:
        results, params = loop.results, [r.params for r in regions_of(loop)]
    groups = zip(*params, results, strict=True)
    return list(zip(groups, loop.carried, loop.carried_yields, strict=True))


def picked(items: Sequence[T], kept: Iterable[int]) -> tuple[T, ...]:
    """The items whose numbers are in `kept`."""
    return tuple(items[k] for k in kept)


def is_generated(statement: Statement) -> bool:
    """Whether a pass made a statement; statements of the user stay as written."""
    return statement.origin != "user"


def is_pure(statement: Statement, written: Set[Value]) -> bool:
    """Whether a statement is an operation whose results depend only on its operands' values, now and later.

    `written` are the values that share storage with a written value (`written_values`).
    """
    if (
        not isinstance(statement, Op)
        or statement.decl.effect
        or statement.decl.writes
        or not statement.results
    ):
        return False
    return written.isdisjoint(statement.results) and not any(
        a in written for a in statement.operands
    )


def written_values(fn: Function, roots: Roots | None = None) -> frozenset[Value]:
    """The values that may share storage with a written value."""
    return _written_in(fn) if roots is None else _sharing(roots, written_roots(fn, roots))


@functools.lru_cache(maxsize=8)  # as storage roots
def _written_in(fn: Function) -> frozenset[Value]:
    roots = storage_roots(fn)
    return _sharing(roots, written_roots(fn, roots))


def _sharing(roots: Roots, written: frozenset[Value]) -> frozenset[Value]:
    return frozenset(v for v, own in roots.items() if not own.isdisjoint(written))


def is_mixed(body: Region) -> bool:
    """Whether there are floats of lower precision than Python's: then Python numbers and NumPy numbers differ."""
    types = (v.type for v in defined_in(body))
    return any(isinstance(t, Scalar | Array) and t.dtype in ("float16", "float32") for t in types)


def defined_inside(s: Statement) -> Iterator[Value]:
    """All values that the regions of a statement define."""
    return (v for region in regions_of(s) for v in defined_in(region))


def definitions(fn: Function) -> dict[Atom, Op]:
    """Value -> the operation that makes it."""
    return {r: s for s in walk(fn.body) if isinstance(s, Op) for r in s.results}


def pure_definitions(fn: Function, written: Set[Value] | None = None) -> dict[Atom, Op]:
    """Value -> the operation that makes it, for operations whose results depend only on their operands' values."""
    written = written_values(fn) if written is None else written
    return {v: op for v, op in definitions(fn).items() if is_pure(op, written)}


def definitions_in(statements: Iterable[Statement]) -> dict[Atom, Statement]:
    """Value -> the statement that makes it."""
    return {r: s for s in statements for r in s.results}


def used_atoms(statement: Statement) -> Iterator[Atom]:
    """All atoms that a statement uses, also in its regions."""
    yield from statement.operands
    for region in regions_of(statement):
        for inner in walk(region):
            yield from inner.operands
        for nested in all_regions(region):
            yield from nested.yields


def uses_outside(statement: Statement) -> set[Value]:
    """The values from outside that a statement uses, also in its regions."""
    inside = set(defined_inside(statement))
    return {a for a in used_atoms(statement) if isinstance(a, Value) and a not in inside}


def defined_in(region: Region) -> Iterator[Value]:
    """All values that a region, and the regions inside it, define."""
    for nested in all_regions(region):
        yield from nested.params
        for statement in nested.body:
            yield from statement.results


def transposed(op: Statement | None) -> Value | None:
    """The matrix that an operation transposes; None if it does not."""
    if not isinstance(op, Op) or op.decl is not permutations.transpose:
        return None
    base = op.operands[0]
    is_swapped = op.attrs.get("axes") in (None, (1, 0)) and ndim_of(base.type) == 2
    return base if is_swapped and isinstance(base, Value) else None


def all_regions(region: Region) -> Iterator[Region]:
    yield region
    for statement in region.body:
        for inner in regions_of(statement):
            yield from all_regions(inner)


def count_uses(fn: Function) -> dict[Value, int]:
    """The number of uses of each value, as an operand or a yield."""
    counts: dict[Value, int] = {}
    for region in all_regions(fn.body):
        for atom in (*region.yields, *(a for s in region.body for a in s.operands)):
            if isinstance(atom, Value):
                counts[atom] = counts.get(atom, 0) + 1
    return counts


def same_kind(left: Type, right: Type) -> bool:
    """Whether one value may replace another: the types are equal, except for facts about integers."""
    return strip(left) == strip(right)


def rename(fn: Function, names: Mapping[Value, Value]) -> Function:
    """The function with some values replaced by others, at their definitions and uses."""
    if not names:
        return fn

    def atom(old: Atom) -> Atom:
        return old if isinstance(old, Const) else names.get(old, old)

    def many(old: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(map(atom, old))

    def region(old: Region) -> Region:
        return Region(many(old.params), tuple(map(statement, old.body)), many(old.yields))

    def statement(old: Statement) -> Statement:
        return with_parts(
            old, many(old.operands), [region(r) for r in regions_of(old)], lambda: many(old.results)
        )

    return fn.with_body(region(fn.body))


def substitute(fn: Function, env: Mapping[Value, Atom]) -> Function:
    """The function with values replaced at their uses. Replacements may be chained: `env` applies to them, too."""
    if not env:
        return fn

    def atom(old: Atom) -> Atom:
        while isinstance(old, Value) and old in env:
            old = env[old]
        return old

    def region(old: Region) -> Region:
        return Region(old.params, tuple(map(statement, old.body)), tuple(map(atom, old.yields)))

    def statement(old: Statement) -> Statement:
        return with_parts(old, tuple(map(atom, old.operands)), [region(r) for r in regions_of(old)])

    return fn.with_body(region(fn.body))


def forward_operands(fn: Function, is_marker: Callable[[Op], bool]) -> Function:
    """`fn` without markers: the first operand of each stands in the place of its result."""
    env = {op.result: op.operands[0] for op in ops_of(fn) if is_marker(op)}
    return substitute(map_ops(fn, lambda op: None if is_marker(op) else op), env) if env else fn


def without_saves(fn: Function, slots: Set[object]) -> Function:
    """`fn` without the saves of these slots, which no statement restores any more."""

    def is_kept(op: Op) -> bool:
        return op.decl is not memory.save or op.attrs["slot"] not in slots

    return map_ops(fn, lambda op: op if is_kept(op) else None) if slots else fn


def takes_element(op: Op, buffer: Value) -> bool:
    """Whether an operation loads or writes elements of a buffer, or reads the whole buffer."""
    if buffer in op.operands[1:]:
        return False
    if op.decl is memory.index:
        return isinstance(op.result.type, Scalar)
    return op.decl in (memory.store, memory.add_into, memory.read)


def with_rewrites(new: Function, fn: Function, fired: Iterable[Any]) -> Function:
    """The result `new` of a rewriting of `fn`, with a record of the rules that fired, and where."""
    applied = (*fn.rewriting.applied, *fired)
    return replace(new, rewriting=replace(fn.rewriting, applied=applied))
