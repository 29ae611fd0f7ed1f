"""Sign analysis of whole functions: values that loops, branches, storage and calls give.

The signs of all values are the least fixed point of the transfer functions in `signs`: loops join what they start with
and what their iterations yield, arrays and lists join what is written into them, and a helper has a summary for the
signs of its arguments. A function that calls itself takes arguments of all signs.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Call, For, Function, If, Op, Statement, While, walk
from srcdiff.ir.recursion import is_itself, is_recursive
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.signs import (
    ANY,
    AT_LEAST_ZERO,
    NONE,
    Sign,
    joined,
    of_constant,
    of_operation,
    sum_of,
)

_STORES = (memory.store, containers.append, containers.list_set)
_ADDS = (memory.add_into, memory.add_at, containers.list_add)


def signs_of_results(fn: Function, given: Sequence[Sign] | None = None) -> tuple[Sign, ...]:
    """The signs of what a function yields, for arguments of these signs; of any, where none are given."""
    flow = _Flow(fn, [ANY] * len(fn.params) if given is None else given)
    return tuple(map(flow.of, fn.body.yields))


class _Flow:
    """found : the signs of each value; written : those of what is written into each storage."""

    def __init__(self, fn: Function, given: Sequence[Sign]) -> None:
        self.fn, self.roots = fn, storage_roots(fn)
        self.found: dict[Atom, Sign] = dict(zip(fn.params, given, strict=True))
        self.written: dict[Atom, Sign] = {}
        self.summaries: dict[tuple[int, tuple[Sign, ...]], tuple[Sign, ...]] = {}
        before = None
        while before != (before := (dict(self.found), dict(self.written))):
            for s in walk(fn.body):
                self.visit(s)

    def of(self, atom: Atom) -> Sign:
        if isinstance(atom, Const):
            return of_constant(atom)
        return self.found.get(atom, NONE) | joined(
            self.written.get(r, NONE) for r in self.roots.get(atom, ())
        )

    def join(self, value: Value, signs: Sign) -> None:
        self.found[value] = self.found.get(value, NONE) | signs

    def merge(self, targets: Sequence[Value], sources: Sequence[Atom]) -> None:
        for target, source in zip(targets, sources, strict=True):
            self.join(target, self.of(source))

    def visit(self, s: Statement) -> None:
        match s:
            case Op():
                self.operation(s)
            case Call():
                for r, signs in zip(s.results, self.called(s), strict=True):
                    self.join(r, signs)
            case If():
                self.merge(s.results, s.then.yields)
                self.merge(s.results, s.orelse.yields)
            case For():
                self.join(s.index, self.of_index(s))
                for targets in (s.body.params[1:], s.carried_results):
                    self.merge(targets, s.carried)
                    self.merge(targets, s.carried_yields)
                if s.breaks:
                    self.join(s.results[0], ANY)
            case While():
                tested = () if s.test is None else (s.test.params,)
                for targets in (s.body.params, s.results, *tested):
                    self.merge(targets, s.carried)
                    self.merge(targets, s.carried_yields)

    def of_index(self, loop: For) -> Sign:
        start, step = self.of(loop.start), self.of(loop.step)
        return AT_LEAST_ZERO if start in AT_LEAST_ZERO and step in AT_LEAST_ZERO else ANY

    def operation(self, op: Op) -> None:
        if op.decl.writes:
            signs = self.stored(op)
            target = op.operands[0]
            assert isinstance(target, Value)
            for root in self.roots.get(target, ()):
                self.written[root] = self.written.get(root, NONE) | signs
        signs_of = [self.of(a) for a in op.operands]
        for r in op.results:
            self.join(r, of_operation(op, signs_of) if len(op.results) == 1 else ANY)

    def stored(self, op: Op) -> Sign:
        if op.decl in _STORES:
            return self.of(op.operands[1])
        if op.decl in _ADDS:
            value = op.operands[2 if op.decl is containers.list_add else 1]
            return sum_of(self.of(op.operands[0]), self.of(value))
        return NONE if op.decl in (containers.list_pop, containers.list_reverse) else ANY

    def called(self, call: Call) -> Sequence[Sign]:
        if is_itself(call.function):
            return [self.of(y) for y in self.fn.body.yields]
        is_free = is_recursive(call.function)
        given = tuple(ANY if is_free else self.of(a) for a in call.operands)
        key = (id(call.function), given)
        if key not in self.summaries:
            self.summaries[key] = signs_of_results(call.function, given)
        return self.summaries[key]
