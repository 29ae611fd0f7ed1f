"""Forward slice: the parameters that a value may depend on, also through operations without a derivative, writes into
arrays, and the branches and loops that decide which statements run.

    if a > 0.0:
        x = b              x -> {a, b}
    else:
        x = 1.0
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Call, For, Function, If, Op, Region, While, regions_of
from srcdiff.ir.values import Atom, Value

_Names = frozenset[str]
_NONE: _Names = frozenset()


def parameters_of(fn: Function) -> defaultdict[Value, _Names]:
    """The names of the parameters that each value of a function may depend on; of what is no value of it, all names."""
    found = _Origins(fn)
    for p in fn.params:
        found.add(p, frozenset((p.name,)))
    while found.grown:  # round loops
        found.grown = False
        found.visit(fn.body, _NONE)
    everything = frozenset(p.name for p in fn.params)
    each = {v: found.names.get(v, _NONE) for v in values_of(fn.body)}
    return defaultdict(lambda: everything, each)


def values_of(region: Region) -> Iterator[Value]:
    """All values that a region defines."""
    yield from region.params
    for s in region.body:
        yield from s.results
        for inner in regions_of(s):
            yield from values_of(inner)


class _Origins:
    def __init__(self, fn: Function) -> None:
        self.names: dict[Value, _Names] = {}
        self.grown = True
        self.sharing: dict[Value, set[Value]] = {}
        self.roots = storage_roots(fn)
        for value, roots in self.roots.items():
            for root in roots:
                self.sharing.setdefault(root, set()).add(value)

    def of(self, atoms: Iterable[Atom]) -> _Names:
        return _NONE.union(*(self.names.get(a, _NONE) for a in atoms if isinstance(a, Value)))

    def add(self, value: Value, names: _Names) -> None:
        if not names <= self.names.get(value, _NONE):
            self.names[value] = self.names.get(value, _NONE) | names
            self.grown = True

    def visit(self, region: Region, around: _Names) -> None:
        """`around`: what decides whether and how often the region is run."""
        for s in region.body:
            match s:
                case Op() | Call():
                    names = self.of(s.operands) | around
                    for result in s.results:
                        self.add(result, names)
                    for k in s.decl.writes if isinstance(s, Op) else ():
                        self._written(s.operands[k], names)
                case If():
                    inner = around | self.of((s.condition,))
                    self.visit(s.then, inner)
                    self.visit(s.orelse, inner)
                    for result, *both in zip(
                        s.results, s.then.yields, s.orelse.yields, strict=True
                    ):
                        self.add(result, inner | self.of(both))
                case For():
                    end = s.body.yields[:1] if s.breaks else ()
                    inner = around | self.of((s.start, s.stop, s.step, *end))
                    self.add(s.index, inner)
                    for result in s.results[:1] if s.breaks else ():
                        self.add(result, inner)
                    self._carried(s, s.body.params[1:], s.carried_results, inner)
                    self.visit(s.body, inner)
                case While():
                    test = s.body.yields[:1] if s.test is None else s.test.yields
                    inner = around | self.of(test)
                    self._carried(s, s.body.params, s.results, inner)
                    if s.test is not None:
                        self._carried(s, s.test.params, s.results, inner)
                        self.visit(s.test, inner)
                    self.visit(s.body, inner)

    def _carried(
        self, s: For | While, params: Iterable[Value], results: Iterable[Value], inner: _Names
    ) -> None:
        rows = zip(params, results, s.carried, s.carried_yields, strict=True)
        for param, result, begin, end in rows:
            names = inner | self.of((begin, end))
            self.add(param, names)
            self.add(result, names)

    def _written(self, target: Atom, names: _Names) -> None:
        if not isinstance(target, Value):
            return
        self.add(target, names)
        for root in self.roots.get(target, ()):
            for value in self.sharing[root]:
                self.add(value, names)
