"""Materialises broadcasts: `expand`, an adjoint at full size, becomes a call of one of NumPy's functions.

    %d = expand[type=float64[n, m]] %a   ->   %d = full_like %A, %a     where an argument A has that shape
                                              %d = full %a, %n, %m      elsewhere

    %d = zeros_of[type=float64[n]]       ->   %d = ones_like %x
    add_into %d, 1.0

Zeros and empty storage keep their type until they are printed. Only then is it known which names have their lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, with_body
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.types import Array, Dim, Scalar, dims_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.elementwise import conversions
from srcdiff.ops.shapes import repeat
from srcdiff.transforms.analysis.defuse import is_generated, used_atoms


def materialise(fn: Function) -> Function:
    """`fn` without `expand`."""
    return _Materialise(fn)(fn)


class _Materialise(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.models = {p.type: p for p in reversed(fn.params)}
        self.own = _own_copies(fn)

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        return super().region(with_body(old, _filled(old.body)), env, b)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not memory.expand:
            super().statement(old, env, b)
            if old in self.own and self.models.get(old.results[0].type) is self.own[old]:
                self.models[old.results[0].type] = old.results[0]
            return
        b.location, b.origin = old.location, old.origin
        amount, *shown = (lookup(env, a) for a in old.operands)
        self.expand(amount, old.attrs["type"], shown, b)
        b.body[-1] = replace(b.body[-1], results=old.results)

    def expand(self, amount: Atom, type_: Array, shown: list[Atom], b: Builder) -> Value:
        """A smaller adjoint at full size, as a new array; `shown`: operands that show lengths no parameter has."""
        if isinstance(amount.type, Array):
            full = b.op(repeat.broadcast_to, amount, *_lengths(type_, shown, b))
            if amount.type.dtype == type_.dtype:
                return b.op(memory.copy, full)
            return b.op(conversions.astype, full, dtype=type_.dtype)
        is_one = isinstance(amount, Const) and amount.value == 1
        if type_ in self.models:
            if is_one:
                return b.op(memory.ones_like, self.models[type_])
            return b.op(creation.full_like, self.models[type_], amount)
        dtype: dict[str, Any] = {} if type_.dtype == "float64" else {"dtype": type_.dtype}
        if is_one:
            return b.op(memory.ones, *_lengths(type_, shown, b), **dtype)
        return b.op(creation.full, amount, *_lengths(type_, shown, b), **dtype)


def _own_copies(fn: Function) -> dict[Statement, Value]:
    """The copies of parameters, made for writing, that have the parameter's name in the text."""
    return {
        s: s.operands[0]
        for s in fn.body.body
        if isinstance(s, Op)
        and s.decl is memory.copy
        and isinstance(s.operands[0], Value)
        and s.operands[0] in fn.params
        and s.result.user
        and s.result.name == s.operands[0].name
    }


def _filled(body: Sequence[Statement]) -> tuple[Statement, ...]:
    """A region's statements in which zeros whose first use adds a number become arrays full of that number."""
    out = list(body)
    for k, zeros in enumerate(body):
        if not isinstance(zeros, Op) or zeros.decl is not memory.zeros_of:
            continue
        user = next((s for s in body[k + 1 :] if zeros.result in set(used_atoms(s))), None)
        if user is not None and (amount := _number_added(user, zeros.result)) is not None:
            place = out.index(user)
            operands = (amount, *zeros.operands)
            out[place] = replace(
                zeros, decl=memory.expand, operands=operands, location=user.location
            )
            out.remove(zeros)
    return tuple(out)


def _number_added(statement: Statement, array: Value) -> Atom | None:
    """The number that a generated statement adds to a whole array."""
    if not isinstance(statement, Op) or not is_generated(statement):
        return None
    if statement.decl is not memory.add_into or statement.attrs["where"] != "":
        return None
    target, amount = statement.operands[:2]
    if target is not array or not isinstance(amount.type, Scalar):
        return None
    if not isinstance(array.type, Array) or not array.type.shape:
        return None  # NumPy's `full` of no axes is read as a number
    return amount if amount.type.dtype == array.type.dtype else None


def _lengths(type_: Array, shown: list[Atom], b: Builder) -> list[Atom]:
    return [b.op(memory.length, *(a for a in shown if _shows(a, d)), dim=d) for d in type_.shape]


def _shows(atom: Atom, wanted: Dim) -> bool:
    """Whether an operand shows a symbol of a length."""
    return any(d.symbols() & wanted.symbols() for d in dims_of(atom.type))
