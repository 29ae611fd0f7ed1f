"""`for` over the sequences themselves where an index does nothing but pick their elements.

for t in reversed(range(len(xs))):               for (W, _), x in zip(reversed(params), reversed(xs)):
W, _ = params[t]                  becomes        ...
x = xs[t]
...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from srcdiff.codegen.plan.plan import Pattern
from srcdiff.codegen.plan.sequence_lengths import Counts
from srcdiff.ir.alias import Roots, writes_of, written_operands
from srcdiff.ir.core import Call, For, Op, Statement, regions_of, walk
from srcdiff.ir.types import Array, List
from srcdiff.ir.values import Atom, Const, Value, const, known_dim

_MANY = 5  # sequences that a `zip` may have


@dataclass(frozen=True)
class Header:
    """What stands between `for` and `:`; `absorbed` are the statements of the body that it stands for."""

    form: Literal["range", "each", "enumerate"]
    operands: tuple[Atom, ...]
    index: Value | None
    patterns: tuple[Pattern, ...] = ()
    absorbed: frozenset[Statement] = frozenset()
    same: Mapping[Value, Value] = field(default_factory=dict)  # picked again: what was picked first
    is_array: bool = False  # the numbers of a range are in an array


def range_form(loop: For) -> Header:
    """`for i in range(...)`."""
    return Header("range", loop.operands[:3], loop.index)


def compiled_range(loop: For) -> Header:
    """`for i in range(...)`, or over the same numbers in an array."""
    return replace(range_form(loop), is_array=_seems_to_overlap(loop))


def _seems_to_overlap(loop: For) -> bool:
    """Whether loops directly inside write rows that LLVM would take to overlap with others.

    In front of an outer loop, LLVM checks whether what the inner ones write overlaps with what they read: over all
    iterations, so that row i + 1 of one iteration overlaps with row i of a later one, and so do rows that are further
    down each time. It cannot follow an index that comes from an array.
    """
    inner = [s for s in loop.body.body if isinstance(s, For)]
    if isinstance(loop.step, Const) and loop.step.value < 0:
        return any(
            any(s.decl.writes for s in ops) and any(loop.index in s.operands[1:] for s in ops)
            for ops in map(_operations, inner)
        )
    return any(_changes_neighbours(loop, i) for i in inner)


def _operations(loop: For) -> list[Op]:
    return [s for s in walk(loop.body) if isinstance(s, Op)]


def _changes_neighbours(loop: For, inner: For) -> bool:
    """Whether an iteration changes one row of an array and uses another, both a fixed distance from the loop's index.

    Where the inner loop goes over whole rows, LLVM compares distances. It also does where each row is loaded or
    stored only.
    """
    ops = _operations(inner)
    distances: dict[Atom, object] = {loop.index: 0}
    for s in (*loop.body.body, *ops):
        if not isinstance(s, Op) or s.decl.name != "add" or s.operands[0] is not loop.index:
            continue
        if isinstance(distance := s.operands[1], Const):
            distances[s.result] = distance.value
    loads: dict[Atom, set[object]] = {}
    stores: dict[Atom, set[object]] = {}
    for s in ops:
        array, *rest = s.operands or (None,)
        if not isinstance(array, Value) or not isinstance(array.type, Array):
            continue
        if inner.start == const(0) and known_dim(inner.stop) == array.type.shape[-1]:
            continue
        rows = {distances[a] for a in rest if a in distances}
        if s.decl.name in ("index", "add_into"):
            loads.setdefault(array, set()).update(rows)
        if s.decl.name in ("store", "add_into"):
            stores.setdefault(array, set()).update(rows)
    return any(loads[a] & stores[a] and len(loads[a] | stores[a]) > 1 for a in loads if a in stores)


def sequence_form(
    loop: For, counts: Counts, roots: Roots, keeps: Callable[[Statement], bool]
) -> Header:
    plain = range_form(loop)
    if not (loop.start == const(0) and loop.step == const(1)):
        return plain
    picked = _picked(loop, roots, keeps)
    loads = [_shown(ops) for ops in picked.values()]
    if not loads or len(loads) > _MANY:
        return plain
    uses = Counter(a for s in walk(loop.body) for a in _reads(s) if keeps(s))
    uses.update(a for a in loop.body.yields if isinstance(a, Value))
    index_left = uses[loop.index] - sum(map(len, picked.values()))
    if index_left and loop.reverse:
        return plain
    sequences = [*picked]
    if any(_grows(s, loop) for s in sequences) or not _match_trip_count(sequences, loop, counts):
        return plain
    patterns, unpacks = _patterns(loop, loads, uses, keeps)
    form: Literal["each", "enumerate"] = "enumerate" if index_left else "each"
    index = loop.index if index_left else None
    absorbed = frozenset([*(op for ops in picked.values() for op in ops), *unpacks])
    same = {
        op.result: shown.result
        for shown, ops in zip(loads, picked.values(), strict=True)
        for op in ops
        if op is not shown
    }
    return Header(form, tuple(sequences), index, patterns, absorbed, same)


def _shown(ops: Sequence[Op]) -> Op:
    """The one whose result has the user's name."""
    return next((op for op in ops if op.result.user and op.result.name), ops[0])


def _reads(s: Statement) -> list[Value]:
    yields = [y for r in regions_of(s) for y in r.yields]
    return [a for a in (*s.operands, *yields) if isinstance(a, Value)]


def _picked(loop: For, roots: Roots, keeps: Callable[[Statement], bool]) -> dict[Atom, list[Op]]:
    """The statements that pick the index's element of a sequence, and may stand in the header.

    Of sequences that the loop writes only what comes before the first write; of others all.
    """
    outside = {r for s in walk(loop.body) for r in s.results} | set(loop.body.params)
    written = writes_of(loop, roots)
    found: dict[Atom, list[Op]] = {}
    for s in walk(loop.body):
        if not isinstance(s, Op) or not _picks(s, loop.index) or not keeps(s):
            continue
        base = s.operands[0]
        if isinstance(base, Value) and base not in outside and _may_absorb(s, loop):
            found.setdefault(base, []).append(s)
    early = set(_before_writes(loop)) if written else set()
    for base, ops in [*found.items()]:
        if isinstance(base, Value) and roots.get(base, frozenset()) & written:
            del found[base]
            if len(ops) == 1 and ops[0] in early:
                found[base] = ops
    return found


def _before_writes(loop: For) -> Iterator[Statement]:
    for s in loop.body.body:
        if not isinstance(s, Op) or s.decl.writes:
            return
        yield s


def _picks(op: Op, index: Value) -> bool:
    if len(op.operands) != 2 or op.operands[1] is not index:
        return False
    if op.decl.name == "list_item":
        return True
    return op.decl.name == "index" and op.attrs["where"] == "i"


def _may_absorb(load: Op, loop: For) -> bool:
    """Not where the user wrote `for i in range(...)` and picks the element himself."""
    if not loop.index.user:
        return True
    here, there = load.location, loop.location
    return (
        here is not None
        and there is not None
        and (here.file, here.line) == (there.file, there.line)
    )


def _patterns(
    loop: For, loads: Sequence[Op], uses: Counter[Value], keeps: Callable[[Statement], bool]
) -> tuple[tuple[Pattern, ...], list[Op]]:
    unpacks = {
        s.operands[0]: s
        for s in loop.body.body
        if isinstance(s, Op) and s.decl.name == "unpack" and keeps(s) and uses[s.operands[0]] == 1  # type: ignore[index]
    }
    used: list[Op] = []

    def pattern(value: Value) -> Pattern:
        op = unpacks.get(value)
        if op is None:
            return value
        used.append(op)
        return tuple(pattern(r) for r in op.results)

    return tuple(pattern(load.result) for load in loads), used


# ---- lengths of sequences -------------------------------------------------------------------------


def _match_trip_count(sequences: Sequence[Atom], loop: For, counts: Counts) -> bool:
    """Whether iterating over the sequences together has the loop's trip count; backwards, all have one length."""
    if loop.reverse:
        return all(counts.of_sequence(s) == counts.of_bound(loop.stop) for s in sequences)
    stops = _shortest_of(loop.stop, counts)
    return all(any(counts.of_sequence(s) == stop for s in sequences) for stop in stops)


def _shortest_of(stop: Atom, counts: Counts) -> list[object]:
    """The lengths of which `stop` is the smallest: `zip` takes that by itself."""
    made = counts.maker.get(stop)
    if isinstance(made, Op) and made.decl.name == "minimum":
        return [leaf for a in made.operands for leaf in _shortest_of(a, counts)]
    return [counts.of_bound(stop)]


def _grows(sequence: Atom, loop: For) -> bool:
    """Whether the loop changes the list's length: Python's loop over it would follow that."""
    return isinstance(sequence.type, List) and any(
        isinstance(s, Op) and s.operands[position] is sequence
        for s in walk(loop.body)
        for position in writes(s)
    )


def writes(s: Statement) -> tuple[int, ...]:
    return written_operands(s) if isinstance(s, Op | Call) else ()
