"""Spells out storage that a pass asked for by its type: `zeros_of` and `expand` become NumPy's functions.

%d = zeros_of[type=float64[n, m]]   ->   %d = zeros_like %A        where an argument A has that shape
                                         %d = zeros %n, %m         elsewhere
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Atom, Function, Op, Region, Statement, Value
from srcdiff.ir.types import Array, Dim, Type, dims_of
from srcdiff.ops import creation, memory, repeats

__all__ = ["materialise"]


def materialise(fn: Function) -> Function:
    """`fn` without `zeros_of`, `empty_of` and `expand`."""
    return _Materialise(fn)(fn)


class _Materialise(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.models = list(_arrays(fn.params))
        self.known = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.local: list[Value] = []

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        mark = len(self.local)
        self.local += [p for p in old.params if isinstance(p.type, Array)]
        new = super().region(old, env, b)
        del self.local[mark:]
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl in _SPELL:
            b.location, b.origin = old.location, old.origin
            self.spell(old, env, b)
            b.body[-1] = replace(b.body[-1], results=old.results)
        else:
            super().statement(old, env, b)
        self.local += [v for v in old.results if isinstance(v.type, Array)]

    def spell(self, op: Op, env: Env, b: Builder) -> Value:
        type_ = op.attrs["type"]
        assert isinstance(type_, Array)
        model = self.model(type_)
        shown = [lookup(env, a) for a in op.operands[op.decl.lengths_from :]]
        if op.decl is memory.expand:
            return self.expand(lookup(env, op.operands[0]), type_, model, shown, b)
        plain, like = (
            (memory.zeros, memory.zeros_like)
            if op.decl is memory.zeros_of
            else (memory.empty, memory.empty_like)
        )
        if model is not None:
            return b.op(like, model)
        return b.op(plain, *self.lengths(type_, shown, b), dtype=type_.dtype)

    def expand(
        self, amount: Atom, type_: Array, model: Value | None, shown: list[Atom], b: Builder
    ) -> Value:
        """A smaller adjoint at full size, as a new array."""
        if isinstance(amount.type, Array):
            seen = b.op(repeats.broadcast_to, amount, *self.lengths(type_, shown, b))
            return b.op(memory.copy, seen)
        if model is not None:
            return b.op(creation.full_like, model, amount)
        dtype: dict[str, Any] = {} if type_.dtype == "float64" else {"dtype": type_.dtype}
        return b.op(creation.full, amount, *self.lengths(type_, shown, b), **dtype)

    def lengths(self, type_: Array, shown: list[Atom], b: Builder) -> list[Atom]:
        """The lengths of the axes; `shown` has the symbols that are nobody else's."""
        return [
            b.op(memory.length, *(a for a in shown if self.shows(a, d)), dim=d) for d in type_.shape
        ]

    def shows(self, atom: Atom, wanted: Dim) -> bool:
        """Whether a length is computed from what an operand has."""
        return any(d.symbols() & wanted.symbols() for d in dims_of(atom.type))

    def model(self, type_: Type) -> Value | None:
        """An array of this type: an argument, or, where the lengths are nobody else's, what is in scope."""
        for candidate in self.models:
            if candidate.type == type_:
                return candidate
        if any(not d.symbols() <= self.known for d in dims_of(type_)):
            for candidate in reversed(self.local):
                if candidate.type == type_:
                    return candidate
        return None


_SPELL = (memory.zeros_of, memory.empty_of, memory.expand)


def _arrays(params: tuple[Value, ...]) -> Iterator[Value]:
    return (p for p in params if isinstance(p.type, Array))
