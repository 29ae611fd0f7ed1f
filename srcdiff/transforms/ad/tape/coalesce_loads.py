"""Load coalescing: reads of several parts of an array become parts of one read of the whole array.

    %0 = index[b:e] %u, 1, -1                  %w = read %u
    %1 = read %0                               %0 = index[b:e] %u, 1, -1
    %2 = index[:e] %u, -2             ->       %1 = index[b:e] %w, 1, -1
    %3 = read %2                               %2 = index[:e] %u, -2
    store[b:e] %u, %4, 1, -1                   %3 = index[:e] %w, -2
                                               store[b:e] %u, %4, 1, -1

The reads stand between the same two writes. One array is then stored instead of several parts. Only loops overwrite
values that their backward part needs, so the rewriting applies to loops only. `residuals` decides whether the whole
array costs less than the parts. Parts that the user named stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory


@dataclass
class _Moment:
    """The reads of one array between two writes, in the order of the program."""

    base: Value
    reads: list[tuple[Op, Op | None]]  # the read, and the subscript of the part

    @property
    def has_parts(self) -> bool:
        return (
            len({part and (part.attrs["where"], part.operands[1:]) for _, part in self.reads}) > 1
        )


def read_whole(fn: Function, roots: Roots) -> Function:
    """`fn` with one `read` for the parts of an array that an iteration reads between two writes."""
    moments = [m for r in _loop_regions(fn.body) for m in _moments(r, roots) if m.has_parts]
    return _ReadsWhole(moments)(fn) if moments else fn


def _loop_regions(region: Region, inside: bool = False) -> Iterator[Region]:
    """The regions of forward loops, and the regions inside these."""
    if inside:
        yield region
    for statement in region.body:
        if statement.origin != "adjoint":
            for r in regions_of(statement):
                yield from _loop_regions(r, inside or isinstance(statement, For | While))


def _moments(region: Region, roots: Roots) -> Iterator[_Moment]:
    made: dict[Atom, Op] = {}
    now: dict[Value, _Moment] = {}
    for statement in region.body:
        found = _reading(statement, made)
        if found is not None:
            base, part = found
            assert isinstance(statement, Op)
            now.setdefault(base, _Moment(base, [])).reads.append((statement, part))
        for base in _overwritten(statement, now, roots):
            yield now.pop(base)
        if isinstance(statement, Op):
            made.update(dict.fromkeys(statement.results, statement))
    yield from now.values()


def _overwritten(statement: Statement, bases: Iterable[Value], roots: Roots) -> list[Value]:
    written = writes_of(statement, roots)
    return [b for b in bases if written & roots[b]]


def _reading(statement: Statement, made: dict[Atom, Op]) -> tuple[Value, Op | None] | None:
    """The array that a statement reads, and the subscript of the part (None for the whole array)."""
    if not isinstance(statement, Op) or statement.decl is not memory.read:
        return None
    source = statement.operands[0]
    if not isinstance(source, Value):
        return None
    part = made.get(source)
    if not _is_view(source, made):
        return source, None
    if part is None or part.decl is not memory.index or source.user:
        return None
    base = part.operands[0]
    return (base, part) if isinstance(base, Value) and not _is_view(base, made) else None


def _is_view(value: Value, made: dict[Atom, Op]) -> bool:
    return value in made and made[value].view_of is not None


class _ReadsWhole(Rewriter):
    def __init__(self, moments: list[_Moment]) -> None:
        self.of: dict[Op, tuple[_Moment, Op | None]] = {
            read: (m, part) for m in moments for read, part in m.reads
        }
        self.whole: dict[int, Value] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old not in self.of:
            super().statement(old, env, b)
            return
        moment, part = self.of[old]
        if id(moment) not in self.whole:
            self.whole[id(moment)] = self.read(moment, old, b)
        whole = self.whole[id(moment)]
        if part is None:
            env[old.result] = whole
            return
        places = (lookup(env, a) for a in part.operands[1:])
        b.append(replace(part, operands=(whole, *places), results=old.results))

    def read(self, moment: _Moment, first: Op, b: Builder) -> Value:
        whole = Value(moment.base.type, moment.base.name)
        b.append(Op(memory.read, (moment.base,), (whole,), {}, first.location, first.origin))
        return whole
