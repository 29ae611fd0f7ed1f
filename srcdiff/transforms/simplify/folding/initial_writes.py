"""Writes into storage that is zero: zeros to which an array is added are a copy of the array."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, with_body
from srcdiff.ir.core import Call, Function, Op, Region, Statement
from srcdiff.ir.types import element_type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import (
    count_uses,
    is_generated,
    same_kind,
    uses_outside,
    written_values,
)
from srcdiff.transforms.simplify.constants import constant_value, is_zero_constant

ZEROS = {"zeros", "zeros_like", "zeros_of"}
_SHARES = {
    "pack",
    "list_new",
    "read",
    "restore",
    "list_pop",
}  # results that another container may hold
_ADDS = (memory.add_into, memory.add_at)


_REMOVED = Op(memory.read, (), ())  # stands where a statement was taken out


@dataclass
class _Here:
    """The state at a place in a region: which buffers are still zero, or a copy, or cleared at an index, and where."""

    zeros: dict[Value, int]
    copies: dict[Value, int]
    clears: dict[tuple[Any, ...], int]
    # additions at an index, with nothing but additions to the same array since
    adds: dict[tuple[Any, ...], int]


class InitialWrites(Rewriter):
    """The storage that is known to be zero, a copy, or cleared at a place, and what writes into it become."""

    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.written = written_values(fn, self.roots)
        self.uses = count_uses(fn)
        self.made: dict[Atom, Op] = {}
        self.home: dict[Value, tuple[Builder, int]] = {}
        self.here = _Here({}, {}, {}, {})
        self.old: tuple[Atom, ...] = ()  # the operands of the statement being folded, as they were

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer, self.here = self.here, _Here({}, {}, {}, {})
        new = super().region(old, env, b)
        self.here = outer
        return with_body(new, [s for s in new.body if s is not _REMOVED])

    def emit(self, statement: Statement, b: Builder) -> None:
        self.forget(statement)
        for result in statement.results:
            self.home[result] = (b, len(b.body))
            if isinstance(statement, Op):
                self.made[result] = statement
        b.append(statement)

    def forget(self, statement: Statement) -> None:
        """Drop what no longer holds after a statement."""
        if self.here.zeros or self.here.copies:
            for value in uses_outside(statement):
                self.here.zeros.pop(value, None)
                self.here.copies.pop(value, None)
        if self.here.adds:
            self.forget_adds(statement)
        if self.here.clears:
            touched = writes_of(statement, self.roots) | reads_of(statement, self.roots)
            keys = [k for k in self.here.clears if touched & self.roots.get(k[0], frozenset())]
            for key in keys:
                del self.here.clears[key]

    def forget_adds(self, statement: Statement) -> None:
        written = writes_of(statement, self.roots)
        is_add = isinstance(statement, Op) and statement.decl in _ADDS
        for key in list(self.here.adds):
            own = self.roots.get(key[0], frozenset())
            if own & reads_of(statement, self.roots) or (
                written and not (is_add and written == own)
            ):
                del self.here.adds[key]

    def take_over(self, copy: Op, b: Builder) -> Atom | None:
        """A copy of a value that is not used otherwise is that value itself, under the copy's name.

        The user's own results are taken over only by copies that passes put after them.
        """
        source = copy.operands[0]
        if (
            not isinstance(source, Value)
            or source.user
            or not same_kind(source.type, copy.result.type)
        ):
            return None
        if self.uses.get(source) != 1 or source not in self.old:
            return None
        builder, place = self.home.get(source, (None, 0))
        if builder is not b:
            return None
        maker = b.body[place]
        if not _gives_own(maker) or not (is_generated(maker) or copy.origin == "compiler"):
            return None
        b.body[place] = replace(
            maker, results=tuple(copy.result if r is source else r for r in maker.results)
        )
        self.home[copy.result] = (b, place)
        return copy.result

    def is_zero(self, atom: Atom) -> bool:
        if isinstance(atom, Const):
            return is_zero_constant(atom)
        return atom not in self.written and atom in self.made and self.made[atom].decl.name in ZEROS

    def write(self, op: Op, b: Builder) -> bool:
        """Simplify a write into storage that is zero there; whether that was possible."""
        if op.decl is not memory.add_into:
            return False
        target, amount = op.operands[0], op.operands[1]
        if self.is_zero(amount):
            return True
        if op.attrs["where"] == "" and isinstance(target, Value) and target in self.here.zeros:
            return self.start_from(target, amount, op, b)
        if op.attrs["where"] == "" and isinstance(target, Value) and target in self.here.copies:
            return self.start_from_sum(target, amount, op, b)
        place = self.here.clears.get(target_of(op))
        if place is not None:
            b.body[place] = _REMOVED
            self.emit(replace(op, decl=memory.store), b)
            return True
        return target_of(op) in self.here.adds and self.join(op, b)

    def join(self, op: Op, b: Builder) -> bool:
        """Join two additions at one index; whether that was possible."""
        place = self.here.adds[target_of(op)]
        first = b.body[place]
        assert isinstance(first, Op)
        amounts = first.operands[1], op.operands[1]
        if all(element_type(a.type).dtype == "bool" for a in amounts):
            return False  # NumPy joins truth values by `or`
        (type_,) = arithmetic.add.infer(b.shapes, amounts, {})
        both = Op(arithmetic.add, amounts, (Value(type_),), {}, op.location, op.origin)
        amount = constant_value(both)
        if amount is None:
            self.emit(both, b)
        b.body[place] = _REMOVED
        self.here.adds[target_of(op)] = len(b.body)
        b.append(replace(op, operands=(op.operands[0], amount or both.result, *op.operands[2:])))
        return True

    def start_from(self, target: Value, amount: Atom, op: Op, b: Builder) -> bool:
        """Zeros to which a whole array is added: a copy of that array."""
        if not isinstance(amount, Value) or not same_kind(amount.type, target.type):
            return False
        b.body[self.here.zeros.pop(target)] = _REMOVED
        copy = Op(memory.copy, (amount,), (target,), {}, op.location, op.origin)
        if self.take_over(copy, b) is None:
            self.emit(copy, b)
            if amount not in self.written:
                self.here.copies[target] = len(b.body) - 1
        return True

    def start_from_sum(self, target: Value, amount: Atom, op: Op, b: Builder) -> bool:
        """A copy, or a sum, to which a whole array is added: a sum."""
        place = self.here.copies.pop(target)
        start = b.body[place]
        assert isinstance(start, Op)
        if not isinstance(amount, Value) or not same_kind(amount.type, target.type):
            return False
        first = start.operands[0]
        b.body[place] = _REMOVED
        if start.decl is not memory.copy:
            first = Value(target.type)
            b.body[place] = replace(start, results=(first,))
        self.emit(Op(arithmetic.add, (first, amount), (target,), {}, op.location, op.origin), b)
        if amount not in self.written:
            self.here.copies[target] = len(b.body) - 1
        return True


def target_of(write: Op) -> tuple[Any, ...]:
    return (write.operands[0], write.attrs["where"], write.operands[2:])


def _gives_own(statement: Statement) -> bool:
    """Whether a statement's results are storage that it allocates."""
    if isinstance(statement, Call):
        return True
    return (
        isinstance(statement, Op)
        and statement.view_of is None
        and statement.decl.name not in _SHARES
    )
