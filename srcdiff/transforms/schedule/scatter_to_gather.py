"""Scatter to gather: loops that add neighbouring slices into an array become one loop that gathers.

    for j in range(n - 2): d[j] += g[j]                   g = np.zeros(n + 2)
    for j in range(n - 2): d[j + 1] -= 2 * g[j]   becomes     ...
    for j in range(n - 2): d[j + 2] += g[j]               for i in range(n): d[i] += g[i] - 2 * g[i + 1] + g[i + 2]

Adjoints of stencils have such loops, and each of them loads and stores all of `d`. The array that is added must be
private to the function; it is padded with zeros at both ends, so that all elements of `d` are sums of the same terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.types import Array, Clamp, Dim, Scalar, shape_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import all_regions, definitions
from srcdiff.transforms.analysis.dependence.affine import affine, subscripts

_NEW = (memory.empty, memory.empty_like, memory.empty_of)


@dataclass(frozen=True)
class _Term:
    """A loop that adds multiples of the elements of `source` to `target`, at places that are `shift` later."""

    loop: For
    target: Value
    source: Value
    load: Op
    scaling: tuple[Op, ...]
    shift: int


def gathered_slices(fn: Function) -> Function:
    """`fn` with one gathering loop for several loops that add multiples of one array to another at different shifts."""
    found = _Finder(fn)
    padded: dict[Atom, int] = {}
    groups: dict[For, list[_Term]] = {}
    for region in all_regions(fn.body):
        for group in found.groups(region):
            source = group[0].source
            if source not in padded and found.may_pad(source):
                padded[source] = max(t.shift for t in group)
                groups[group[0].loop] = group
    return _Gather(groups, padded, found.maker)(fn) if groups else fn


class _Finder:
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots: Roots = storage_roots(fn)
        self.maker = definitions(fn)
        self.starts = {s.index: s for s in walk(fn.body) if isinstance(s, For)}
        self.yielded = {y for r in all_regions(fn.body) for y in r.yields}

    def groups(self, region: Region) -> list[list[_Term]]:
        """Neighbouring loops over one range that add multiples of one array to one array."""
        out: list[list[_Term]] = []
        group: list[_Term] = []
        for s in (*region.body, None):
            term = self.term(s) if isinstance(s, For) else None
            if group and (term is None or not _go_together(group[0], term)):
                out.append(group)
                group = []
            if term is not None:
                group.append(term)
        return [g for g in out if len({t.shift for t in g}) > 1 and _fills(g)]

    def term(self, loop: For) -> _Term | None:
        counts = loop.start == const(0) and loop.step == const(1) and not loop.carried
        if not counts or loop.breaks or loop.reverse or loop.is_parallel:
            return None
        body = [s for s in loop.body.body if isinstance(s, Op)]
        if len(body) != len(loop.body.body) or not body or body[-1].decl is not memory.add_into:
            return None
        if any(s.decl.effect or s.decl.writes for s in body[:-1]):
            return None
        end, loads = body[-1], [s for s in body if s.decl is memory.index]
        target, value = end.operands[:2]
        at = subscripts(end)
        if len(loads) != 1 or len(at) != 1 or subscripts(loads[0]) != (loop.index,):
            return None
        source, place = loads[0].operands[0], affine(at[0], self.maker)
        shift = place.const if place.terms == {loop.index: 1} else -1
        if not isinstance(target, Value) or not isinstance(source, Value) or shift < 0:
            return None
        if not self.roots[target].isdisjoint(self.roots[source]):
            return None
        scaling = _scaling(value, loads[0], self.maker)
        if scaling is None:
            return None
        return _Term(loop, target, source, loads[0], scaling, shift)

    def may_pad(self, source: Value) -> bool:
        """Whether an array is private and accessed only by elements that loops from 0 index."""
        made = self.maker.get(source)
        type_ = source.type
        if made is None or made.decl not in _NEW or source in self.yielded:
            return False
        if not isinstance(type_, Array) or type_.ndim != 1 or self.roots[source] != {source}:
            return False
        users = [s for s in walk(self.fn.body) if source in s.operands]
        return all(self.counts_from_front(s, source) for s in users)

    def counts_from_front(self, s: Statement, source: Value) -> bool:
        at = subscripts(s)
        if not at or s.operands[0] is not source or source in s.operands[1:]:
            return False
        loop = self.starts.get(at[0]) if isinstance(at[0], Value) else None
        return loop is not None and loop.start == const(0) and loop.step == const(1)


def _scaling(value: Atom, load: Op, maker: Mapping[Atom, Op]) -> tuple[Op, ...] | None:
    """The operations that compute a term from an element, if they map zero to zero."""
    chain: list[Op] = []
    while value is not load.result:
        made = maker.get(value)
        if made is None or made.decl not in (arithmetic.negative, arithmetic.multiply):
            return None
        own = [a for a in made.operands if isinstance(a, Value)]
        if len(own) != 1:
            return None
        chain.insert(0, made)
        value = own[0]
    return tuple(chain)


def _go_together(one: _Term, other: _Term) -> bool:
    stops = (one.loop.stop, other.loop.stop)
    is_as_long = stops[0] == stops[1] or (
        known_dim(stops[0]) is not None and known_dim(stops[0]) == known_dim(stops[1])
    )
    return is_as_long and one.target is other.target and one.source is other.source


def _fills(group: Sequence[_Term]) -> bool:
    """Whether the loops together cover the whole array to which they add."""
    shifts = [t.shift for t in group]
    (length,) = shape_of(group[0].target.type)
    iterations = Dim.of(Clamp(length - max(shifts)))
    return min(shifts) == 0 and known_dim(group[0].loop.stop) == iterations


class _Gather(Rewriter):
    def __init__(
        self,
        groups: dict[For, list[_Term]],
        padded: dict[Atom, int],
        maker: Mapping[Atom, Op],
    ) -> None:
        self.groups, self.padded, self.maker = groups, padded, maker
        self.targets = {g[0].source: g[0].target for g in groups.values()}
        self.removed = {t.loop for g in groups.values() for t in g[1:]}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if old in self.removed:
            return
        if isinstance(old, For) and old in self.groups:
            self.gather(self.groups[old], env, b)
        elif isinstance(old, Op) and len(old.results) == 1 and old.result in self.padded:
            env[old.result] = self.zeros(old.result, b)
        elif isinstance(old, Op) and old.operands and old.operands[0] in self.padded:
            self.move(old, env, b)
        else:
            super().statement(old, env, b)

    def zeros(self, source: Value, b: Builder) -> Value:
        """Append the padded array: zeros, with room for the elements and for the largest shift at both ends."""
        (length,) = shape_of(self.targets[source].type)
        assert isinstance(source.type, Array)
        type_ = replace(source.type, shape=(length + self.padded[source],))
        return b.op(memory.zeros_of, type=type_, name=source.name)

    def move(self, op: Op, env: Env, b: Builder) -> None:
        """Append an access of an element, with the offset of the padding."""
        count = const(self.padded[op.operands[0]])
        array, *rest = (lookup(env, a) for a in op.operands)
        at = b.op(arithmetic.add, rest[-1], count)
        b.append(replace(op, operands=(array, *rest[:-1], at)))

    def gather(self, group: Sequence[_Term], env: Env, b: Builder) -> None:
        target, source = (lookup(env, a) for a in (group[0].target, group[0].source))
        assert isinstance(source, Value) and isinstance(target, Value)
        last = self.padded[group[0].source]
        (length,) = shape_of(target.type)
        name = group[0].loop.index.name
        index = Value(Scalar("int64", True, b.shapes.fresh("i")), name)
        iteration = b.inner()
        total: Atom | None = None
        for term in sorted(group, key=lambda t: t.shift, reverse=True):
            back = last - term.shift
            at = index if not back else iteration.op(arithmetic.add, index, const(back))
            value: Atom = iteration.op(memory.index, source, at, where="i")
            new = {**env, term.load.result: value}
            for op in term.scaling:
                made = replace(op, operands=tuple(lookup(new, a) for a in op.operands))
                made = replace(made, results=tuple(map(replace, op.results)))
                iteration.append(made)
                value = new[op.result] = made.result
            total = value if total is None else iteration.op(arithmetic.add, total, value)
        assert total is not None
        iteration.ops(memory.add_into, target, total, index, where="i")
        count = b.op(memory.length, dim=length)
        loop = group[0].loop
        b.append(replace(loop, stop=count, body=iteration.region((index,), ()), pair=0))
