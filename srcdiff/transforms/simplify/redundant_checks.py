"""Redundant check elimination: checks of known numbers, or of a length with itself, are removed.

    %c: bool = test[text='{0} > {1}'] 3, 3
    if %c { raise[...] ... }                     ->   nothing

Passes emit checks before the lengths are known. The length of storage is the length it was allocated with. Integer
operations on known numbers are computed here: `min(3, 3)`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from srcdiff.ir.build import Builder, Env, Rewriter, change_dims
from srcdiff.ir.core import For, Function, If, Op, OpDecl, Statement
from srcdiff.ir.types import Dim, Scalar
from srcdiff.ir.values import Atom, Const, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.elementwise import arithmetic

_COUNTS: dict[OpDecl, Callable[[int, int], int]] = {
    arithmetic.add: operator.add,
    arithmetic.subtract: operator.sub,
    arithmetic.multiply: operator.mul,
    arithmetic.minimum: min,
    arithmetic.maximum: max,
}
_STORAGE = (memory.empty, memory.zeros, memory.empty_of, memory.zeros_of)


def remove_redundant_checks(fn: Function) -> Function:
    """`fn` without tests that are known to pass."""
    settled = _Settled()
    new = settled(fn)
    return change_dims(new, lambda d: d.substitute(settled.known)) if settled.known else new


class _Settled(Rewriter):
    def __init__(self) -> None:
        self.made: set[Atom] = set()  # storage: its lengths are those of its type
        self.lengths: set[Atom] = set()  # lengths of that storage, and others by their names
        self.indices: set[Atom] = set()
        self.known: dict[str, Dim] = {}  # lengths whose symbol was the name of a number

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, For):
            self.indices.add(old.index)
        new = self.keep(old, env, b)
        if isinstance(new, Op):
            self.note(new)
            if (known := _whole_number(new)) is not None:
                env[new.result] = known
                named = known_dim(new.result)
                if named is not None and named.symbol is not None:
                    self.known[named.symbol] = Dim(known.value)
                return
            if new.decl is control.test and (outcome := self.outcome(new)) is not None:
                env[new.result] = const(outcome)
                return
        if isinstance(new, If) and isinstance(new.condition, Const) and not new.results:
            taken = new.then if new.condition.value else new.orelse
            if not taken.body:
                return
        b.append(new)

    def note(self, op: Op) -> None:
        if op.decl in _STORAGE:
            self.made.add(op.result)
        elif op.decl is memory.length or (
            op.decl is memory.axis_length and op.operands[0] in self.made
        ):
            self.lengths.add(op.result)

    def outcome(self, test: Op) -> bool | None:
        """The result of a test, where it is known."""
        values = [a.value for a in test.operands if isinstance(a, Const)]
        if self.is_of_itself(test):
            values = [0, 0]
        if len(values) < len(test.operands):
            return None
        assert test.decl.evaluate is not None
        return bool(test.decl.evaluate(values, test.attrs))

    def is_of_itself(self, test: Op) -> bool:
        """Whether a loop index or a length is compared with an equal one."""
        if test.attrs["text"] not in ("{0} > {1}", "{0} < {1}", "{0} != {1}"):
            return False
        first, second = test.operands
        is_given = all(a in self.lengths or a in self.indices for a in (first, second))
        return is_given and known_dim(first) == known_dim(second) is not None


def _whole_number(op: Op) -> Const | None:
    """The result of an operation on integers, where all of them are known."""
    values = [a.value for a in op.operands if isinstance(a, Const)]
    if op.decl not in _COUNTS or len(values) < 2 or not all(type(v) is int for v in values):
        return None
    found = _COUNTS[op.decl](*values)
    is_count = isinstance(op.result.type, Scalar) and op.result.type.dtype == "int64"
    return const(found) if is_count and abs(found) < 2**62 else None
