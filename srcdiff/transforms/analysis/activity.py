"""Activity analysis: a value is active if it depends on a differentiated argument (varied), and the result depends on
it (useful).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.parameter_slice import values_of
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.control.adjoint_hooks import adjoint_block
from srcdiff.ops.control.cuda_launch import is_launch
from srcdiff.transforms.analysis.reachability import spread


class _Marks:
    """A growing set of values. A value that shares written storage with a marked value is marked, too."""

    def __init__(self, fn: Function) -> None:
        self.values: set[Value] = set()
        self.grown = True
        roots = storage_roots(fn)
        written = written_roots(fn, roots)
        self.roots = {v: r & written for v, r in roots.items() if r & written}
        self.storage: set[Value] = set()

    def has(self, atom: Atom) -> bool:
        if not isinstance(atom, Value):
            return False
        return atom in self.values or not self.storage.isdisjoint(self.roots.get(atom, ()))

    def add(self, atom: Atom) -> None:
        if not isinstance(atom, Value) or atom in self.values or not is_float(atom.type):
            return
        self.values.add(atom)
        self.storage.update(self.roots.get(atom, ()))
        self.grown = True

    def link(self, sources: Iterable[Atom], target: Atom) -> None:
        if any(map(self.has, sources)):
            self.add(target)

    def all(self, values: Iterable[Value]) -> frozenset[Value]:
        return frozenset(v for v in values if self.has(v))


Visit = Callable[[_Marks, Region], None]


def active_values(fn: Function, wrt: Iterable[Value], results: Iterable[Atom]) -> frozenset[Value]:
    """The values that are varied and useful: they need an adjoint or a tangent."""
    return varied_values(fn, wrt) & useful_values(fn, results)


def varied_values(fn: Function, wrt: Iterable[Value]) -> frozenset[Value]:
    """The values that depend on `wrt` through differentiable operations."""
    marks = _Marks(fn)
    for value in wrt:
        marks.add(value)
    _until_stable(marks, fn.body, _forwards)
    return marks.all(values_of(fn.body))


def useful_values(fn: Function, results: Iterable[Atom]) -> frozenset[Value]:
    """The values on which `results` depend through differentiable operations."""
    marks = _Marks(fn)
    for atom in results:
        marks.add(atom)
    _until_stable(marks, fn.body, _backwards)
    return marks.all(values_of(fn.body))


def values_that_end_loops(fn: Function) -> frozenset[Value]:
    """The values that decide when a loop ends, and on which the results depend in no other way."""
    sources: dict[Atom, set[Atom]] = defaultdict(set)
    ends: list[Atom] = []
    for s in walk(fn.body):
        conditions = (s.condition,) if isinstance(s, If) else ()
        pairs = [(s.operands, r) for r in s.results] if isinstance(s, Op) else edges(s)
        for operands, target in pairs:
            sources[target].update((*operands, *conditions))
        if isinstance(s, While) and s.test is not None:
            ends += s.test.yields
        elif isinstance(s, While) or (isinstance(s, For) and s.breaks):
            ends.append(s.body.yields[0])
    if not ends:
        return frozenset()
    useful = useful_values(fn, fn.body.yields)
    return frozenset(v for v in spread(ends, sources) if isinstance(v, Value)) - useful


def helpers_that_end_loops(fn: Function) -> frozenset[str]:
    """The names of helpers whose calls all decide when a loop ends, and nothing else."""
    found: set[str] = set()
    others: set[str] = set()
    for caller in reversed(callees_first(fn)):
        ends = values_that_end_loops(caller)
        for s in walk(caller.body):
            if isinstance(s, Call):
                does_end = caller.name in found - others or ends.issuperset(s.results)
                (found if does_end else others).add(s.function.name)
    return frozenset(found - others)


def _until_stable(marks: _Marks, region: Region, visit: Visit) -> None:
    while marks.grown:
        marks.grown = False
        visit(marks, region)


def edges(statement: Statement) -> list[tuple[tuple[Atom, ...], Atom]]:
    """The (sources, target) pairs along which derivatives flow through a statement, without its regions."""
    match statement:
        case Op():
            if not statement.decl.differentiable:
                return []
            if statement.decl is adjoint_block:  # the block only reads its other operands
                return [(statement.operands[:1], statement.result)]
            # an array that a kernel writes may depend on all of its arguments
            if is_launch(statement):
                written = tuple(statement.operands[i] for i in statement.decl.writes)
                return [(statement.operands, w) for w in written]
            written = tuple(statement.operands[i] for i in statement.decl.writes)
            sources = tuple(a for a in statement.operands if a not in written)
            return [(sources, w) for w in written] + [
                (statement.operands, r) for r in statement.results
            ]
        case Call():
            return [(statement.operands, r) for r in statement.results]
        case If():
            pairs = zip(
                statement.then.yields, statement.orelse.yields, statement.results, strict=True
            )
            return [((a, b), r) for a, b, r in pairs]
        case For() | While():
            return _loop_edges(statement)


def _loop_edges(loop: For | While) -> list[tuple[tuple[Atom, ...], Atom]]:
    results = loop.carried_results if isinstance(loop, For) else loop.results
    params = loop.body.params[1:] if isinstance(loop, For) else loop.body.params
    out: list[tuple[tuple[Atom, ...], Atom]] = []
    for init, param, yielded, result in zip(
        loop.carried, params, loop.carried_yields, results, strict=True
    ):
        out += [((init, yielded), param), ((init, yielded), result)]
    if isinstance(loop, While) and loop.test is not None:
        out += [((p,), t) for p, t in zip(params, loop.test.params, strict=True)]
    return out


def _forwards(marks: _Marks, region: Region) -> None:
    for statement in region.body:
        _descend(marks, statement, _forwards)
        for sources, target in edges(statement):
            marks.link(sources, target)


def _backwards(marks: _Marks, region: Region) -> None:
    for statement in reversed(region.body):
        for sources, target in edges(statement):
            if marks.has(target):
                for source in sources:
                    marks.add(source)
        _descend(marks, statement, _backwards)


def _descend(marks: _Marks, statement: Statement, visit: Visit) -> None:
    for region in regions_of(statement):
        visit(marks, region)
