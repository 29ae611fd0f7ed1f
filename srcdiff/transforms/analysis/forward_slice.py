"""Forward slice: the values and the storage of a function that depend on some of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from srcdiff.ir.alias import storage_roots, writes_of, written_roots
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.values import Atom, Value, const
from srcdiff.transforms.analysis.defuse import carried_groups, defined_in, used_atoms


class Directed:
    """The values and the storage that depend on parameters, up to a fixpoint.

    `whole` are the loops and branches that depend on the parameters as a whole: their course depends on them, or they
    have no mirror.
    """

    def __init__(self, fn: Function, params: Sequence[Value]) -> None:
        self.roots = storage_roots(fn)
        self.written = written_roots(fn, self.roots)
        self.at_top = {v for s in fn.body.body for v in s.results} | set(fn.params)
        self.values: set[Value] = set(params)
        self.storage: set[Value] = {r for p in params for r in self.roots.get(p, ())}
        self.whole: set[int] = set()
        self.grown = True
        while self.grown:
            self.grown = False
            self.region(fn.body)

    def of(self, atom: Atom) -> bool:
        if not isinstance(atom, Value):
            return False
        return atom in self.values or not self.storage.isdisjoint(self.roots.get(atom, ()))

    def any(self, atoms: Iterable[Atom]) -> bool:
        return any(map(self.of, atoms))

    def note(self, values: Iterable[Value]) -> None:
        new = set(values) - self.values
        self.grown |= bool(new)
        self.values |= new

    def note_storage(self, roots: frozenset[Value]) -> None:
        self.grown |= not roots <= self.storage
        self.storage |= roots

    # ---- statements ----

    def region(self, region: Region) -> None:
        for s in region.body:
            self.statement(s)

    def statement(self, s: Statement) -> None:
        if isinstance(s, Op | Call):
            if self.any((*s.operands, *s.results)):
                self.mark(s)
        elif id(s) in self.whole or self.is_whole(s):
            self.whole.add(id(s))
            self.mark(s)
        elif isinstance(s, If):
            self.branch(s)
        else:
            self.loop(s)

    def is_whole(self, s: If | For | While) -> bool:
        if isinstance(s, If):
            return self.of(s.condition)
        if isinstance(s, While) and s.test is not None:
            tested = (a for x in s.test.body for a in used_atoms(x))
            return self.any((*tested, *s.test.yields))
        if isinstance(s, While):
            return self.of(s.body.yields[0])
        if self.any((s.start, s.stop, s.step)) or (s.breaks and self.of(s.body.yields[0])):
            return True
        return s.breaks and not _counts_iterations(s) and self.any(_inside(s))

    def branch(self, s: If) -> None:
        for region in regions_of(s):
            self.region(region)
        for k, result in enumerate(s.results):
            yields = [region.yields[k] for region in regions_of(s)]
            if self.any((result, *yields)):
                self.note([result])
                self.takes(yields)

    def loop(self, s: For | While) -> None:
        for region in regions_of(s):
            self.region(region)
        for group, start, end in carried_groups(s):
            if self.any((*group, start, end)):
                self.note(group)
                self.takes((start, end))

    def mark(self, s: Statement) -> None:
        """Mark a statement that depends on the parameters, with all statements inside it."""
        self.note((*s.results, *(v for r in regions_of(s) for v in defined_in(r))))
        self.note_storage(writes_of(s, self.roots))
        for inner in (s, *walk(*regions_of(s))):
            shapes = inner.decl.shape_of if isinstance(inner, Op) else ()
            self.takes([a for k, a in enumerate(inner.operands) if k not in shapes])
            self.takes([a for k in shapes if (a := inner.operands[k]) not in self.at_top])
            self.takes([y for r in regions_of(inner) for y in r.yields])

    def takes(self, atoms: Iterable[Atom]) -> None:
        """Mark written storage that a dependent statement uses: its contents must be the contents at that moment."""
        for atom in atoms:
            if isinstance(atom, Value) and not self.of(atom):
                self.note_storage(self.roots.get(atom, frozenset()) & self.written)


def _counts_iterations(s: For) -> bool:
    return s.start == const(0) and s.step == const(1) and not s.reverse


def _inside(s: Statement) -> Iterable[Atom]:
    yield from used_atoms(s)
    yield from s.results
    for region in regions_of(s):
        yield from defined_in(region)
