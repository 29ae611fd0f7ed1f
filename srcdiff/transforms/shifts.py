"""What numbers and elements of arrays are, as sums of products (`laurent`), sums over turns and axes taken apart.

    for i: s += exp(x[i] - m)           s is the sum T of %e over the turns of this loop
    for i: d_m -= (d / s) * %e          d_m is d - (d / s) * T, which is d - d / T * T = 0

A factor is a value, or a sum, with the axes of the array along which it runs: `row` in `matrix * row` is `(row, (1,))`.
A value of a turn stands for itself in the same turn of the loop that mirrors it, where it is restored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

from srcdiff.ir.core import (
    Atom,
    Const,
    For,
    Function,
    If,
    Op,
    Region,
    Value,
    While,
    walk,
)
from srcdiff.ir.types import Array, Dim, Scalar, Type, ndim_of, shape_of
from srcdiff.ops import arithmetic, linalg, memory, reductions
from srcdiff.ops.axes import axes_of
from srcdiff.transforms import laurent
from srcdiff.transforms.dce import carried_groups
from srcdiff.transforms.facts import is_generated, written_values
from srcdiff.transforms.laurent import Factor, Sum

__all__ = ["zeros_of"]

_NONE: Factor = (None, ())
_DEPTH = 60  # definitions that are followed to see that a number stays zero
_SIGNED = {arithmetic.add: 1, arithmetic.subtract: -1}


def zeros_of(fn: Function) -> set[Value]:
    """The generated numbers and arrays that are zero for all arguments, though nothing in sight says so."""
    facts = _Facts(fn)
    if facts.has_sums:
        facts.region(fn.body, frozenset())
    return facts.zeros


class _Facts:
    def __init__(self, fn: Function) -> None:
        statements = list(walk(fn.body))
        self.makers = {r: s for s in statements for r in s.results}
        self.has_sums = any(
            (isinstance(s, For) and s.results) or (isinstance(s, Op) and s.decl in _SUMS)
            for s in statements
        )
        self.written = written_values(fn) if self.has_sums else frozenset()
        self.around: dict[
            Value, frozenset[Hashable]
        ] = {}  # the loops and branches that a value is in
        self.known: dict[Value, Sum] = {}
        self.zeros: set[Value] = set()
        self.saved: dict[int, tuple[Atom, frozenset[Hashable]]] = {}
        self.solved: dict[Hashable, Sum] = {}  # a sum, said with the value that it is a part of

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
        for side, region in enumerate((branch.then, branch.orelse)):
            self.region(region, around | {("branch", own, side)})
        sides = zip(branch.then.yields, branch.orelse.yields, branch.results, strict=True)
        for then, orelse, result in sides:
            if _is_real(result.type) and self.of(then) == self.of(orelse):
                self.settle(result, self.of(then), is_generated(branch) or not result.user)

    def loop(self, loop: For | While, around: frozenset[Hashable]) -> None:
        own = ("loop", loop.pair or id(loop))
        for group, init, yielded in carried_groups(loop):
            is_adjoint = not any(v.user for v in group) and _is_number(group[0].type)
            if is_adjoint and self.is_zero(init) and self.stays_zero(yielded, {*group}):
                self.known.update({v: {} for v in group})
                self.zeros.update(group)
        if isinstance(loop, While) and loop.test is not None:
            self.region(loop.test, around | {own})
        self.region(loop.body, around | {own})
        if isinstance(loop, While) or loop.breaks:
            return
        for (param, result), init, yielded in carried_groups(loop):
            if result not in self.zeros and _is_number(result.type):
                self.settle(result, self.total(param, init, yielded, own), not result.user)

    def op(self, op: Op, around: frozenset[Hashable]) -> None:
        if op.decl is memory.save:
            self.saved[op.attrs["slot"]] = op.operands[0], around
        elif op.decl is memory.restore:
            value, where = self.saved.get(op.attrs["slot"], (op.result, around))
            if where == around:
                self.known[op.result] = self.of(value)
        elif len(op.results) == 1 and op.result not in self.written and _is_real(op.result.type):
            rule = _RULES.get(op.decl.name)
            if rule is not None:
                self.settle(op.result, rule(self, op), is_generated(op))

    def settle(self, value: Value, found: Sum | None, generated: bool) -> None:
        """Note what a value is. The user's own sum of several terms is one factor, as it is in quotients."""
        if found is None:
            return
        if not found and generated:
            self.zeros.add(value)
        if len(found) < 2 or generated or not self.solve(value, found):
            self.known[value] = found

    def solve(self, value: Value, found: Sum) -> bool:
        """Say one of the sums in a value with that value."""
        for monomial, c in found.items():
            factor, power = next(iter(monomial), (_NONE, 0))
            if len(monomial) != 1 or power != 1 or not isinstance(factor[0], tuple):
                continue
            key, labels = factor
            rest = {m: k for m, k in found.items() if m != monomial}
            alone = not any(a == factor for m in rest for a, _ in m)
            if alone and labels == _labels(value.type):
                others = laurent.plus(_itself(value), rest, -1)
                scaled = None if others is None else laurent.times(others, {frozenset(): 1 / c})
                if scaled is not None:
                    self.solved[key] = scaled
                    return True
        return False

    # ---- what a value is ----

    def of(self, a: Atom) -> Sum:
        if isinstance(a, Const):
            is_known = type(a.value) in (int, float) and math.isfinite(a.value)
            return laurent.number(a.value) if is_known else laurent.atom((a, ()))
        if a in self.written:
            return laurent.atom((object(), _labels(a.type)))  # another one each time
        found = self.known.get(a)
        return _itself(a) if found is None else found

    def is_zero(self, a: Atom) -> bool:
        return not self.of(a)

    def stays_zero(self, a: Atom, assumed: set[Value], depth: int = 0) -> bool:
        """Whether a number is zero if some others are."""
        if a in assumed or self.is_zero(a):
            return True
        maker = self.makers.get(a) if isinstance(a, Value) else None
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
        return self.of(a) if not ahead else _moved(self.of(a), lambda k: k + ahead)

    # ---- sums ----

    def total(self, param: Value, init: Atom, yielded: Atom, loop: Hashable) -> Sum | None:
        """What a loop adds up; None where it does something else."""
        found = self.of(yielded)
        itself = _itself(param)
        ((own, _),) = itself.items()
        if found.get(own) != 1:
            return None
        out: Sum | None = self.of(init)
        for monomial, c in found.items():
            if monomial != own:
                inner = frozenset(f for f in monomial if self.varies(f[0], loop))
                term = self.summed(("turns", loop, inner), ())
                out = _plus_product(out, term, {monomial - inner: c})
        return out

    def varies(self, factor: Factor, loop: Hashable) -> bool:
        """Whether a factor may be another number in each turn of a loop."""
        key = factor[0]
        if isinstance(key, tuple):
            return key[1] != loop and any(self.varies(f, loop) for f, _ in key[2])
        return not isinstance(key, Value) or loop in self.around[key]

    def along(
        self, found: Sum, shape: Sequence[Dim], gone: Sequence[int], keeps: bool
    ) -> Sum | None:
        """The sum over some axes of an array."""
        rest = [k for k in range(len(shape)) if k not in gone]
        out: Sum | None = {}
        for monomial, c in found.items():
            inner = frozenset(f for f in monomial if not set(gone).isdisjoint(f[0][1]))
            if not inner and all(shape[k].is_const for k in gone):
                term = laurent.number(math.prod(shape[k].const for k in gone))
            else:
                kept = sorted({k for f, _ in inner for k in f[1] if k in rest})
                names = {k: n for n, k in enumerate(kept)} | {k: -1 - n for n, k in enumerate(gone)}
                plain = frozenset(((f[0], tuple(map(names.get, f[1]))), p) for f, p in inner)
                lengths = tuple(shape[k] for k in gone)
                term = self.summed(("axes", lengths, plain), tuple(kept))
            out = _plus_product(out, term, {monomial - inner: c})
        return out if out is None or keeps else _moved(out, rest.index)

    def summed(self, key: Hashable, labels: tuple[int, ...]) -> Sum:
        solved = self.solved.get(key)
        if solved is None:
            return laurent.atom((key, labels))
        return _moved(solved, labels.__getitem__)


# ---- operations -----------------------------------------------------------------------------------


def _plus(f: _Facts, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    return laurent.plus(x, y, _SIGNED[op.decl])


def _times(f: _Facts, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    return laurent.times(x, y)


def _over(f: _Facts, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    below = laurent.inverse(y)
    if below is None and len(y) > 1 and isinstance(op.operands[1], Value):
        below = laurent.inverse(_moved_to(op.operands[1], op.result.type))
    return None if below is None else laurent.times(x, below)


def _minus(f: _Facts, op: Op) -> Sum | None:
    return laurent.times(f.of(op.operands[0]), laurent.number(-1))


def _power(f: _Facts, op: Op) -> Sum | None:
    base, exponent = op.operands
    if not isinstance(exponent, Const) or type(exponent.value) not in (int, float):
        return None
    whole = int(exponent.value) if float(exponent.value).is_integer() else 0
    return laurent.powered(f.of(base), whole) if whole > 0 else None


def _summed(f: _Facts, op: Op) -> Sum | None:
    shape = shape_of(op.operands[0].type)
    gone = axes_of(len(shape), op.attrs.get("axis"))
    return f.along(f.of(op.operands[0]), shape, gone, bool(op.attrs.get("keepdims")))


def _averaged(f: _Facts, op: Op) -> Sum | None:
    shape = shape_of(op.operands[0].type)
    gone = axes_of(len(shape), op.attrs.get("axis"))
    total = _summed(f, op)
    count = f.along(laurent.number(1), shape, gone, keeps=False)
    share = None if count is None else laurent.inverse(count)
    return None if total is None or share is None else laurent.times(total, share)


def _dot(f: _Facts, op: Op) -> Sum | None:
    if any(ndim_of(a.type) != 1 for a in op.operands):
        return None
    x, y = op.operands
    product = laurent.times(f.of(x), f.of(y))
    longer = max(shape_of(x.type), shape_of(y.type), key=lambda s: s != (Dim(1),))
    return None if product is None else f.along(product, longer, (0,), keeps=False)


def _expanded(f: _Facts, op: Op) -> Sum | None:
    ndim = ndim_of(op.result.type)
    new = axes_of(ndim, op.attrs["axis"])
    kept = [k for k in range(ndim) if k not in new]
    return _moved(f.of(op.operands[0]), kept.__getitem__)


def _picked(f: _Facts, op: Op) -> Sum | None:
    """`m[:, None]`, and `m[:, 0]` where that is all there is: no element is picked."""
    x, ndim = op.operands[0], ndim_of(op.result.type)
    where: dict[int, int] = {}  # axes of the array and of the result
    axis = place = 0
    for item in op.attrs["where"].split(", "):
        is_only = item == "i" and shape_of(x.type)[axis] == Dim(1)
        if item == ":":
            where[axis] = place
        elif item != "None" and not is_only:
            return None
        axis += item != "None"
        place += not is_only
    where |= {axis + k: place + k for k in range(ndim - place)}
    return _moved(f.of(x), where.__getitem__)


def _squeezed(f: _Facts, op: Op) -> Sum | None:
    ndim = ndim_of(op.operands[0].type)
    axis = op.attrs.get("axis")
    if axis is None:
        return None
    kept = [k for k in range(ndim) if k not in axes_of(ndim, axis)]
    return _moved(f.of(op.operands[0]), kept.index)


_SUMS = (reductions.sum, linalg.matmul, linalg.dot)
_RULES: dict[str, Callable[[_Facts, Op], Sum | None]] = {
    "add": _plus,
    "subtract": _plus,
    "multiply": _times,
    "divide": _over,
    "negative": _minus,
    "power": _power,
    "sum": _summed,
    "mean": _averaged,
    "matmul": _dot,
    "dot": _dot,
    "expand_dims": _expanded,
    "index": _picked,
    "squeeze": _squeezed,
}


# ---- factors ----------------------------------------------------------------------------------------


def _plus_product(p: Sum | None, q: Sum, r: Sum) -> Sum | None:
    product = laurent.times(q, r)
    return None if p is None or product is None else laurent.plus(p, product)


def _is_real(type_: Type) -> bool:
    return isinstance(type_, Array | Scalar) and type_.dtype.startswith("float")


def _is_number(type_: Type) -> bool:
    return isinstance(type_, Scalar) and _is_real(type_)


def _labels(type_: Type) -> tuple[int, ...]:
    """The axes along which a value's elements differ."""
    return tuple(k for k, d in enumerate(shape_of(type_)) if d != Dim(1))


def _itself(value: Value) -> Sum:
    return laurent.atom((value, _labels(value.type)))


def _moved_to(value: Value, result: Type) -> Sum:
    ahead = ndim_of(result) - ndim_of(value.type)
    return _moved(_itself(value), lambda k: k + ahead)


def _moved(found: Sum, where: Callable[[int], int]) -> Sum:
    """The same with other axes; those of sums in factors are their own."""

    def moved(f: Factor) -> Factor:
        return f[0], tuple(map(where, f[1]))

    return {frozenset((moved(f), p) for f, p in m): c for m, c in found.items()}
