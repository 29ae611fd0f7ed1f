"""Primal hoisting: statements that are the same for all directions of a tangent come first, in loops of their own.

    for i:                                      for i:
        %0 = index[i] %x, %i                        %0 = index[i] %x, %i
        %1 = sin %0                                 %1 = sin %0
        store[i] %y, %1, %i               ->        store[i] %y, %1, %i
        %2 = cos %0                                 %2 = cos %0
        %3 = index[i] %x_dot, %i                    save[slot=1] %2
        %4 = multiply %2, %3                    for i:
        store[i] %y_dot, %4, %i                     %5 = restore[slot=1]
                                                    %3 = index[i] %x_dot, %i
                                                    %4 = multiply %5, %3
                                                    store[i] %y_dot, %4, %i

The second loop mirrors the first one, in the same order. As for a backward part, `residuals` decides which values are
stored for it, and which are computed again. The first loop then stands in front of the loop over directions
(`jacobian_loops`).

A loop or branch whose course depends on a direction stays in the second part as a whole. Written storage whose contents
statements of the second part use as a whole stays there, too (`transforms/analysis/forward_slice.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from srcdiff.ir.build import Builder, Env, Rewriter, map_statements, with_parts
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import INT, dims_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.ad.adjoints.primal_refs import with_counter
from srcdiff.transforms.ad.tape.decide import Mode, residuals
from srcdiff.transforms.ad.tape.per_iteration import unpaired
from srcdiff.transforms.analysis.defuse import all_regions, picked
from srcdiff.transforms.analysis.forward_slice import Directed
from srcdiff.transforms.lower.materialise_dims import bind_lengths
from srcdiff.transforms.simplify.dce import dce


def hoist_primal(fn: Function, params: Sequence[Value], mode: Mode = "auto") -> Function:
    """`fn` with the statements that do not depend on `params` in front of the others; `mode` as for `residuals`."""
    plain = map_statements(bind_lengths(_ByTypes()(dce(fn))), unpaired)
    split = _Split(plain, Directed(plain, params))
    if not any(map(split.is_split, plain.body.body)):
        return fn
    new = residuals(bind_lengths(split.function(), may_save=True), mode)
    if any(isinstance(s, Op) and s.decl is containers.list_pop for s in walk(new.body)):
        return fn  # the first direction would empty the list
    return map_statements(new, _as_tangent)


class _ByTypes(Rewriter):
    """Inside loops and branches, zeros and empty arrays take their shapes from types, not from other arrays."""

    by_type = {memory.zeros_like: memory.zeros_of, memory.empty_like: memory.empty_of}
    depth = 0

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        self.depth += 1
        new = super().region(old, env, b)
        self.depth -= 1
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        made = self.by_type.get(old.decl) if isinstance(old, Op) and self.depth > 1 else None
        if made is None:
            super().statement(old, env, b)
            return
        assert isinstance(old, Op)
        attrs = {"type": old.result.type}
        b.append(replace(old, decl=made, operands=(), attrs=attrs, spelling=""))


@dataclass
class _Split:
    """The function in two parts; the first part saves the values that the second part needs."""

    fn: Function
    directed: Directed
    env: Env = field(default_factory=dict)  # value of the first part -> value of the second
    home: dict[Value, Region] = field(init=False)
    saves: dict[Region, list[Op]] = field(default_factory=dict)
    restores: dict[Region, list[Statement]] = field(default_factory=dict)
    pairs: dict[int, int] = field(default_factory=dict)
    iterations: dict[int, Value] = field(
        default_factory=dict
    )  # `while` -> its number of iterations
    slots: int = 0

    def __post_init__(self) -> None:
        regions = list(all_regions(self.fn.body))
        self.home = {p: r for r in regions for p in r.params}
        self.home |= {v: r for r in regions for s in r.body for v in s.results}
        for region, s in ((r, s) for r in regions for s in r.body if isinstance(s, While)):
            iterations = self.iterations[id(s)] = Value(INT, "iterations")
            self.home[iterations] = region
        self.shown = {x for p in self.fn.params for d in dims_of(p.type) for x in d.symbols()}

    def function(self) -> Function:
        """The first part, then the second part, whose statements are marked as the statements of a backward part."""
        second = [replace(s, origin="adjoint") for s in self.second(self.fn.body)]
        first = self.first(self.fn.body)
        return self.fn.with_body(Region(self.fn.params, (*first, *second), self.fn.body.yields))

    # ---- the part of each statement ----

    def is_second(self, s: Statement) -> bool:
        if isinstance(s, Op | Call):
            return self.directed.any((*s.operands, *s.results))
        return id(s) in self.directed.whole

    def is_first(self, s: Statement) -> bool:
        if isinstance(s, Op | Call):
            return not self.is_second(s)
        if id(s) in self.directed.whole or self.directed.any(s.results):
            return False
        return all(self.is_first(x) for r in regions_of(s) for x in r.body)

    def is_split(self, s: Statement) -> bool:
        """Whether a loop or branch has statements of both parts."""
        if isinstance(s, Op | Call) or self.is_second(s) or self.is_first(s):
            return False
        return bool(self.results(s, True)) or any(True for _ in self.work_of_first(s))

    def work_of_first(self, s: Statement) -> Iterator[Statement]:
        for x in (x for r in regions_of(s) for x in r.body):
            if self.is_first(x):
                yield x
            elif not self.is_second(x):
                yield from self.work_of_first(x)

    def results(self, s: Statement, of_first: bool) -> list[int]:
        """The numbers of the results that belong to one part of a loop or branch, without the count of iterations."""
        given = s.carried_results if isinstance(s, For) else s.results
        return [k for k, r in enumerate(given) if self.directed.of(r) is not of_first]

    def pair(self, s: Statement) -> int:
        return self.pairs.setdefault(id(s), len(self.pairs) + 1) if self.is_split(s) else 0

    # ---- the first part ----

    def first(self, region: Region) -> list[Statement]:
        out = [new for s in region.body for new in self.of_first(s)]
        return [*out, *self.saves.get(region, ())]

    def of_first(self, s: Statement) -> list[Statement]:
        if self.is_first(s):
            return [s]
        if not self.is_split(s):
            return []
        if isinstance(s, If):
            return [self.branch(s, of_first=True)]
        assert isinstance(s, For | While)
        kept = self.results(s, of_first=True)
        flags = [] if len(s.carried_yields) == len(s.body.yields) else s.body.yields[:1]
        carried, yields = picked(s.carried, kept), (*flags, *picked(s.carried_yields, kept))
        if isinstance(s, For):
            params = (s.index, *picked(s.body.params[1:], kept))
            results = (*s.results[: len(flags)], *picked(s.carried_results, kept))
            body = Region(params, tuple(self.first(s.body)), yields)
            return [replace(s, carried=carried, body=body, results=results, pair=self.pair(s))]
        body = Region(picked(s.body.params, kept), tuple(self.first(s.body)), yields)
        test = s.test and replace(s.test, params=picked(s.test.params, kept))
        results = picked(s.results, kept)
        new = replace(s, carried=carried, test=test, body=body, results=results, pair=self.pair(s))
        return [with_counter(new, self.iterations[id(s)])]

    # ---- the second part ----

    def second(self, region: Region) -> list[Statement]:
        out = [new for s in region.body for new in self.of_second(s)]
        return [*self.restores.pop(region, ()), *out]

    def of_second(self, s: Statement) -> list[Statement]:
        if self.is_first(s):
            return []
        if self.is_second(s):
            return [self.mapped(s)]
        if isinstance(s, If):
            return [self.branch(s, of_first=False)]
        assert isinstance(s, For | While)
        return [self.mirror(s)]

    def mirror(self, s: For | While) -> For:
        """The loop over the same iterations, with the statements of the second part."""
        kept = self.results(s, of_first=False)
        if isinstance(s, For):
            index = self.env[s.index] = replace(s.index)
            stop = self.atom(s.results[0] if s.breaks else s.stop)
            bounds = self.atom(s.start), stop, self.atom(s.step)
            params, results, is_reversed = s.body.params[1:], s.carried_results, s.reverse
        else:
            index, bounds = (
                Value(INT, "iteration"),
                (const(0), self.atom(self.iterations[id(s)]), const(1)),
            )
            params, results, is_reversed = s.body.params, s.results, False
        carried = self.atoms(picked(s.carried, kept))
        yields = self.atoms(picked(s.carried_yields, kept))
        body = Region((index, *picked(params, kept)), tuple(self.second(s.body)), yields)
        return For(
            *bounds, carried, body, picked(results, kept), is_reversed, False, self.pair(s), s.location, s.origin
        )  # fmt: skip

    def branch(self, s: If, of_first: bool) -> If:
        """One part of a branch."""
        kept = self.results(s, of_first)
        regions = []
        for region in regions_of(s):
            yields = picked(region.yields, kept)
            yields = yields if of_first else self.atoms(yields)
            body = self.first(region) if of_first else self.second(region)
            regions.append(Region((), tuple(body), yields))
        condition = s.condition if of_first else self.atom(s.condition)
        new = with_parts(s, (condition,), regions, lambda: picked(s.results, kept))
        assert isinstance(new, If)
        return replace(new, pair=self.pair(s))

    def mapped(self, s: Statement) -> Statement:
        """A statement that is in the second part as a whole."""
        inner = [
            Region(r.params, tuple(map(self.mapped, r.body)), self.atoms(r.yields))
            for r in regions_of(s)
        ]
        return with_parts(s, self.atoms(s.operands), inner)

    def atoms(self, atoms: Sequence[Atom]) -> tuple[Atom, ...]:
        return tuple(map(self.atom, atoms))

    def atom(self, a: Atom) -> Atom:
        """The value that stands for an atom in the second part."""
        if isinstance(a, Const) or self.directed.of(a) or self.home[a] is self.fn.body:
            return a
        if a not in self.env:
            self.env[a] = self.restored(a)
        return self.env[a]

    def restored(self, value: Value) -> Atom:
        known = known_dim(value)
        if known is not None and known.is_const:
            return const(known.const)
        home = self.home[value]
        b = Builder(origin="adjoint")
        if known is not None and known.symbols() <= self.shown:
            found = b.op(memory.length, dim=known)
        else:
            self.slots += 1
            save = Op(memory.save, (value,), (), {"slot": self.slots}, None, "compiler")
            self.saves.setdefault(home, []).append(save)
            found = replace(value)
            attrs = {"slot": self.slots, "type": value.type}
            b.append(Op(memory.restore, (), (found,), attrs, None, "adjoint"))
        self.restores.setdefault(home, []).extend(b.body)
        return found


def _as_tangent(s: Statement) -> Statement:
    s = unpaired(s)
    return replace(s, origin="tangent") if s.origin == "adjoint" else s
