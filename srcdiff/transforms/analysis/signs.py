"""Sign analysis: which signs the elements of a value may have, for all arguments.

An abstract interpretation (Cousot and Cousot, POPL 1977) over the subsets of {negative, zero, positive}. Elements that
are not a number are not counted, and a value that underflows counts with the sign that it has in exact arithmetic.

The signs of all values of a function are the least fixed point of the transfer functions: loops join what they start
with and what their iterations yield, arrays and lists join what is written into them, and a helper has a summary for
the signs of its arguments. A function that calls itself takes arguments of all signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Flag, auto
from functools import reduce
from operator import or_

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Call, For, Function, If, Op, OpDecl, Statement, While, walk
from srcdiff.ir.recursion import is_itself, is_recursive
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, memory, reductions
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.reachability import postorder


class Sign(Flag):
    """A set of signs."""

    NEGATIVE = auto()
    ZERO = auto()
    POSITIVE = auto()


NONE = Sign(0)
ANY = Sign.NEGATIVE | Sign.ZERO | Sign.POSITIVE
AT_LEAST_ZERO = Sign.ZERO | Sign.POSITIVE
AT_MOST_ZERO = Sign.ZERO | Sign.NEGATIVE

_NAMED = {"positive": Sign.POSITIVE, "at least 0": AT_LEAST_ZERO, "zero": Sign.ZERO}
_OF_NUMBER = {-1: Sign.NEGATIVE, 0: Sign.ZERO, 1: Sign.POSITIVE}


class Signs:
    """The signs of values, from the operations that make them (`made`); a value that none makes may have any."""

    def __init__(self, made: Mapping[Atom, Op]) -> None:
        self.made = made
        self.found: dict[Atom, Sign] = {}

    def of(self, atom: Atom) -> Sign:
        for a in postorder(atom, self.operands, self.found):
            self.found[a] = self.made_of(a)
        return self.found[atom]

    def operands(self, atom: Atom) -> Sequence[Atom]:
        op = self.made.get(atom)
        return () if op is None else op.operands

    def made_of(self, atom: Atom) -> Sign:
        op = self.made.get(atom)
        if op is None:
            return of_constant(atom) if isinstance(atom, Const) else ANY
        return of_operation(op, [self.found[a] for a in op.operands])


def of_constant(atom: Const) -> Sign:
    value = atom.value
    is_real = isinstance(value, int | float) and value == value
    return _OF_NUMBER[(value > 0) - (value < 0)] if is_real else ANY


def of_operation(op: Op, signs: Sequence[Sign]) -> Sign:
    """The signs of the result, from those of the operands."""
    if len(op.results) != 1 or not _is_ordered(op):
        return ANY
    transfer = _TRANSFER.get(op.decl)
    if transfer is not None:
        return transfer(op, signs)
    if op.decl.sign == "of operands" or op.decl.place is not None:
        return joined(s for s, a in zip(signs, op.operands, strict=True) if _has_elements(a, op))
    if op.decl.sign == "of sums":  # of no elements, too
        return Sign.ZERO | signs[0]
    return _NAMED.get(op.decl.sign, ANY)


def joined(signs: Iterable[Sign]) -> Sign:
    return reduce(or_, signs, NONE)


def _is_ordered(op: Op) -> bool:
    return not getattr(op.result.type, "dtype", "").startswith("complex")


def _has_elements(a: Atom, op: Op) -> bool:
    """Whether an operand has elements of the result, and is no index."""
    if a is op.operands[0]:
        return True
    if not isinstance(op.result.type, Array | Scalar):
        return True
    return isinstance(a.type, Array | Scalar) and a.type.dtype == op.result.type.dtype


def _each(signs: Sign) -> list[Sign]:
    return [s for s in Sign if s & signs]


def _sum(x: Sign, y: Sign) -> Sign:
    """The signs of a sum of values of these signs."""

    def one(a: Sign, b: Sign) -> Sign:
        if Sign.ZERO in (a, b):
            return a | b if a is b else (a | b) & ~Sign.ZERO
        return a if a is b else ANY

    return joined(one(a, b) for a in _each(x) for b in _each(y))


def minus(x: Sign) -> Sign:
    out = x & Sign.ZERO
    out |= Sign.POSITIVE if x & Sign.NEGATIVE else NONE
    return out | (Sign.NEGATIVE if x & Sign.POSITIVE else NONE)


def _product(x: Sign, y: Sign) -> Sign:
    def one(a: Sign, b: Sign) -> Sign:
        if Sign.ZERO in (a, b):
            return Sign.ZERO
        return Sign.POSITIVE if a is b else Sign.NEGATIVE

    return joined(one(a, b) for a in _each(x) for b in _each(y))


def _of_multiply(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    if op.operands[0] is op.operands[1]:
        return _square(x)
    return _product(x, y)


def _square(x: Sign) -> Sign:
    return (x & Sign.ZERO) | (Sign.POSITIVE if x & ~Sign.ZERO else NONE)


def _of_divide(op: Op, signs: Sequence[Sign]) -> Sign:
    """A quotient by 0 is infinite, with the sign of the numerator where the divisor is at least 0."""
    x, y = signs
    if y in AT_LEAST_ZERO:
        return _product(x, Sign.POSITIVE)
    return _product(x, ANY & ~Sign.ZERO if y & Sign.ZERO else y)


def _of_power(op: Op, signs: Sequence[Sign]) -> Sign:
    base, n = signs[0], getattr(op.operands[1], "value", None)
    if isinstance(n, int | float) and n % 2 == 0:
        return _square(base) if n > 0 else Sign.POSITIVE
    if base is Sign.POSITIVE:
        return base
    return AT_LEAST_ZERO if base in AT_LEAST_ZERO else ANY


def _of_maximum(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    return joined(max(a, b, key=_order) for a in _each(x) for b in _each(y))


def _of_minimum(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    return joined(min(a, b, key=_order) for a in _each(x) for b in _each(y))


def _order(sign: Sign) -> int:
    return [Sign.NEGATIVE, Sign.ZERO, Sign.POSITIVE].index(sign)


_TRANSFER: dict[OpDecl, Callable[[Op, Sequence[Sign]], Sign]] = {
    arithmetic.add: lambda _, s: _sum(*s),
    arithmetic.subtract: lambda _, s: _sum(s[0], minus(s[1])),
    arithmetic.multiply: _of_multiply,
    arithmetic.divide: _of_divide,
    arithmetic.negative: lambda _, s: minus(s[0]),
    arithmetic.power: _of_power,
    arithmetic.maximum: _of_maximum,
    arithmetic.minimum: _of_minimum,
    elementary.square: lambda _, s: _square(s[0]),
    arithmetic.absolute: lambda _, s: _square(s[0]),
    elementary.sqrt: lambda _, s: s[0] & AT_LEAST_ZERO,  # of what is negative: no number
    elementary.where: lambda _, s: s[1] | s[2],
    choose: lambda _, s: s[1] | s[2],
    reductions.prod: lambda _, s: s[0] | Sign.POSITIVE if s[0] in AT_LEAST_ZERO else ANY,
    products.matmul: lambda _, s: _product(*s) | Sign.ZERO,
    products.dot: lambda _, s: _product(*s) | Sign.ZERO,
}

# ---- whole functions ---------------------------------------------------------------------------------

_STORES = (memory.store, containers.append, containers.list_set)
_ADDS = (memory.add_into, memory.add_at, containers.list_add)


Summaries = dict[tuple[Function, tuple[Sign, ...]], tuple[Sign, ...]]


def signs_of_results(fn: Function) -> tuple[Sign, ...]:
    """The signs of what a function yields, for arguments of any."""
    return _summary(fn, (ANY,) * len(fn.params), {})


def _summary(fn: Function, given: tuple[Sign, ...], known: Summaries) -> tuple[Sign, ...]:
    if (fn, given) not in known:
        flow = _Flow(fn, given, known)
        known[fn, given] = tuple(map(flow.of, fn.body.yields))
    return known[fn, given]


class _Flow:
    """found : the signs of each value; written : those of what is written into each storage."""

    def __init__(self, fn: Function, given: Sequence[Sign], summaries: Summaries) -> None:
        self.fn, self.roots = fn, storage_roots(fn)
        self.found: dict[Atom, Sign] = dict(zip(fn.params, given, strict=True))
        self.written: dict[Atom, Sign] = {}
        self.summaries = summaries  # of helpers
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
            return _sum(self.of(op.operands[0]), self.of(value))
        return NONE if op.decl in (containers.list_pop, containers.list_reverse) else ANY

    def called(self, call: Call) -> Sequence[Sign]:
        if is_itself(call.function):
            return [self.of(y) for y in self.fn.body.yields]
        is_free = is_recursive(call.function)
        given = tuple(ANY if is_free else self.of(a) for a in call.operands)
        return _summary(call.function, given, self.summaries)
