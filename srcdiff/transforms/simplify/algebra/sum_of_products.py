"""Symbolic evaluation: numbers and elements of arrays as sums of products (`laurent`), and sums over loops and axes.

    for i: s += exp(x[i] - m)           s is the sum T of %e over the iterations of this loop
    for i: d_m -= (d / s) * %e          d_m is d - (d / s) * T, which is d - d / T * T = 0

A factor is a value, or a sum, with the axes of the array along which it varies: `row` in `matrix * row` is
`(row, (1,))`. A value of an iteration equals its restored value in the same iteration of the mirror loop.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Dim, Scalar, Type, ndim_of
from srcdiff.ir.values import Atom, Const, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import (
    carried_groups,
    definitions_in,
    is_generated,
    written_values,
)
from srcdiff.transforms.simplify.algebra import laurent
from srcdiff.transforms.simplify.algebra.array_contents import Elements
from srcdiff.transforms.simplify.algebra.laurent import Factor, Sum
from srcdiff.transforms.simplify.algebra.sum_of_products_rules import (
    RULES,
    SUMS,
    is_real,
    itself,
    labels,
)

_NONE: Factor = (None, ())
_DEPTH = 60  # definitions that are followed to find that a number stays zero


def zeros_of(fn: Function) -> set[Value]:
    """The generated numbers and arrays that are zero for all arguments, by algebra."""
    if not any(map(_adds_up, walk(fn.body))):
        return set()
    facts = _Facts(fn)
    facts.region(fn.body, frozenset())
    return facts.zeros


def _adds_up(s: Statement) -> bool:
    return bool(s.results) if isinstance(s, For) else isinstance(s, Op) and s.decl in SUMS


class _Facts:
    def __init__(self, fn: Function) -> None:
        roots = storage_roots(fn)
        self.makers = definitions_in(walk(fn.body))
        self.written = written_values(fn, roots)
        self.elements = Elements(roots, self.of)
        self.keys: dict[int, Hashable] = {}  # one key for a loop and the loop that reverses it
        self.around: dict[
            Value, frozenset[Hashable]
        ] = {}  # the loops and branches that a value is in
        self.known: dict[Value, Sum] = {}
        self.zeros: set[Value] = set()
        self.saved: dict[int, tuple[Atom, frozenset[Hashable]]] = {}
        self.solved: dict[
            Hashable, Sum
        ] = {}  # a sum, in terms of the value that contains it, its axes by number

    # ---- walking ----

    def region(self, region: Region, around: frozenset[Hashable]) -> None:
        self.around.update(dict.fromkeys(region.params, around))
        for statement in region.body:
            self.around.update(dict.fromkeys(statement.results, around))
            match statement:
                case Op():
                    self.op(statement, around)
                case If():
                    self.branches(statement, around)
                case For() | While():
                    self.loop(statement, around)

    def branches(self, branch: If, around: frozenset[Hashable]) -> None:
        own = branch.pair or id(branch)
        touched = writes_of(branch, self.elements.roots)
        self.elements.forget(touched)
        for side, region in enumerate((branch.then, branch.orelse)):
            self.region(region, around | {("branch", own, side)})
            self.elements.forget(touched)
        sides = zip(branch.then.yields, branch.orelse.yields, branch.results, strict=True)
        for then, orelse, result in sides:
            if is_real(result.type) and self.of(then) == self.of(orelse):
                self.settle(result, self.of(then), is_generated(branch) or not result.user)

    def loop(self, loop: For | While, around: frozenset[Hashable]) -> None:
        own = self.key(loop, around)
        for group, init, yielded in carried_groups(loop):
            is_adjoint = not any(v.user for v in group) and _is_number(group[0].type)
            if is_adjoint and self.is_zero(init) and self.stays_zero(yielded, {*group}):
                self.known.update({v: {} for v in group})
                self.zeros.update(group)
        if isinstance(loop, While):
            self.while_loop(loop, around | {own})
            return
        touched = self.elements.enter(loop, own)
        self.region(loop.body, around | {own})
        self.elements.leave(loop, own, touched)
        if loop.breaks:
            return
        for (param, result), init, yielded in carried_groups(loop):
            if result not in self.zeros and _is_number(result.type):
                self.settle(result, self.total(param, init, yielded, own), not result.user)

    def while_loop(self, loop: While, around: frozenset[Hashable]) -> None:
        touched = writes_of(loop, self.elements.roots)
        for region in regions_of(loop):
            self.elements.forget(touched)
            self.region(region, around)
        self.elements.forget(touched)

    def key(self, loop: For | While, around: frozenset[Hashable]) -> Hashable:
        """A key that loops with the same iterations share: a loop, its mirror, and others over its range."""
        if loop.pair in self.keys:
            return self.keys[loop.pair]
        own: Hashable = id(loop)
        if isinstance(loop, For) and not loop.breaks:
            bounds = (loop.start, loop.stop, loop.step)
            own = (len(around), *(known_dim(a) or frozenset(self.of(a).items()) for a in bounds))
        if loop.pair:
            self.keys[loop.pair] = own
        return own

    def op(self, op: Op, around: frozenset[Hashable]) -> None:
        if op.decl is memory.save:
            self.saved[op.attrs["slot"]] = op.operands[0], around
        elif op.decl is memory.restore:
            value, where = self.saved.get(op.attrs["slot"], (op.result, around))
            if where == around:
                self.known[op.result] = self.of(value)
            return
        found = self.elements.op(op)
        if found is not None:
            self.known[op.result] = found
            self.zeros |= {op.result} if not found and is_generated(op) else set()
        elif len(op.results) == 1 and op.result not in self.written and is_real(op.result.type):
            rule = RULES.get(op.decl.name)
            if rule is not None:
                self.settle(op.result, rule(self, op), is_generated(op))

    def settle(self, value: Value, found: Sum | None, generated: bool) -> None:
        """Note the form of a value. A sum of several terms that the user wrote is one factor, as in quotients."""
        if found is None:
            return
        if not found and generated:
            self.zeros.add(value)
        if len(found) < 2 or generated or not self.solve(value, found):
            self.known[value] = found

    def solve(self, value: Value, found: Sum) -> bool:
        """Express one of the sums in a value by the value itself."""
        for monomial, c in found.items():
            factor, power = next(iter(monomial), (_NONE, 0))
            if len(monomial) != 1 or power != 1 or not isinstance(factor[0], tuple):
                continue
            key, axes = factor
            rest = {m: k for m, k in found.items() if m != monomial}
            alone = not any(a == factor for m in rest for a, _ in m)
            if alone and axes == labels(value.type):
                others = laurent.plus(itself(value), rest, -1)
                scaled = None if others is None else laurent.times(others, {frozenset(): 1 / c})
                if scaled is not None:
                    self.solved[key] = laurent.moved(scaled, axes.index)
                    return True
        return False

    # ---- the form of a value ----

    def of(self, a: Atom) -> Sum:
        if isinstance(a, Const):
            is_known = type(a.value) in (int, float) and math.isfinite(a.value)
            return laurent.number(a.value) if is_known else laurent.atom((a, ()))
        if a in self.written:
            return laurent.atom((object(), labels(a.type)))  # another one each time
        found = self.known.get(a)
        return itself(a) if found is None else found

    def is_zero(self, a: Atom) -> bool:
        return not self.of(a)

    def stays_zero(self, a: Atom, assumed: set[Value], depth: int = 0) -> bool:
        """Whether a number is zero if some others are."""
        if a in assumed or self.is_zero(a):
            return True
        maker = self.makers.get(a)
        if depth > _DEPTH or maker is None or not is_generated(maker):
            return False

        def is_zero(b: Atom) -> bool:
            return self.stays_zero(b, assumed, depth + 1)

        if isinstance(maker, If):
            k = maker.results.index(a)
            return is_zero(maker.then.yields[k]) and is_zero(maker.orelse.yields[k])
        if isinstance(maker, For) and not maker.breaks:
            group, init, yielded = carried_groups(maker)[maker.results.index(a)]
            return is_zero(init) and self.stays_zero(yielded, assumed | {*group}, depth + 1)
        if not isinstance(maker, Op):
            return False
        match maker.decl.name:
            case "multiply":
                return any(map(is_zero, maker.operands))
            case "divide":
                return is_zero(maker.operands[0])
            case "add" | "subtract" | "negative":
                return all(map(is_zero, maker.operands))
            case "choose" | "where":
                return all(map(is_zero, maker.operands[1:]))
        return False

    def at(self, a: Atom, result: Type) -> Sum:
        """An operand of an elementwise operation, in terms of the result's axes."""
        ahead = ndim_of(result) - ndim_of(a.type)
        return self.of(a) if not ahead else laurent.moved(self.of(a), lambda k: k + ahead)

    # ---- sums ----

    def total(self, param: Value, init: Atom, yielded: Atom, loop: Hashable) -> Sum | None:
        """The sum that a loop computes; None where the loop does something else."""
        found = self.of(yielded)
        ((own, _),) = itself(param).items()
        if found.get(own) != 1:
            return None
        out: Sum | None = self.of(init)
        for monomial, c in found.items():
            if monomial != own:
                inner = frozenset(f for f in monomial if self.varies(f[0], loop))
                term = self.summed(("iterations", loop, inner), ())
                out = laurent.plus_product(out, term, {monomial - inner: c})
        return out

    def varies(self, factor: Factor, loop: Hashable) -> bool:
        """Whether a factor may differ between iterations of a loop."""
        key = factor[0]
        if isinstance(key, tuple):
            return key[1] != loop and any(self.varies(f, loop) for f, _ in key[2])
        return not isinstance(key, Value) or loop in self.around[key]

    def along(
        self, found: Sum, shape: Sequence[Dim], reduced: Sequence[int], keeps: bool
    ) -> Sum | None:
        """The sum over some axes of an array."""
        rest = [k for k in range(len(shape)) if k not in reduced]
        out: Sum | None = {}
        for monomial, c in found.items():
            inner = frozenset(f for f in monomial if not set(reduced).isdisjoint(f[0][1]))
            if not inner and all(shape[k].is_const for k in reduced):
                term = laurent.number(math.prod(shape[k].const for k in reduced))
            else:
                kept = sorted({k for f, _ in inner for k in f[1] if k in rest})
                names = {k: n for n, k in enumerate(kept)} | {
                    k: -1 - n for n, k in enumerate(reduced)
                }
                plain = frozenset(((f[0], tuple(map(names.get, f[1]))), p) for f, p in inner)
                lengths = tuple(shape[k] for k in reduced)
                term = self.summed(("axes", lengths, plain), tuple(kept))
            out = laurent.plus_product(out, term, {monomial - inner: c})
        return out if out is None or keeps else laurent.moved(out, rest.index)

    def summed(self, key: Hashable, axes: tuple[int, ...]) -> Sum:
        solved = self.solved.get(key)
        if solved is None:
            return laurent.atom((key, axes))
        return laurent.moved(solved, axes.__getitem__)


def _is_number(type_: Type) -> bool:
    return isinstance(type_, Scalar) and is_real(type_)
