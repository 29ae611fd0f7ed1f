"""Spells out adjoints at full size: `expand` becomes NumPy's functions.

%d = expand[type=float64[n, m]] %a   ->   %d = full_like %A, %a     where an argument A has that shape
                                          %d = full %a, %n, %m      elsewhere

Zeros and empty storage keep their type until they are printed, when it is known which names have their lengths.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Atom, Function, Op, Statement, Value
from srcdiff.ir.types import Array, Dim, dims_of
from srcdiff.ops import creation, memory, repeats

__all__ = ["materialise"]


def materialise(fn: Function) -> Function:
    """`fn` without `expand`."""
    return _Materialise(fn)(fn)


class _Materialise(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.models = {p.type: p for p in reversed(fn.params)}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not memory.expand:
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        amount, *shown = (lookup(env, a) for a in old.operands)
        self.expand(amount, old.attrs["type"], shown, b)
        b.body[-1] = replace(b.body[-1], results=old.results)

    def expand(self, amount: Atom, type_: Array, shown: list[Atom], b: Builder) -> Value:
        """A smaller adjoint at full size, as a new array; `shown` has the symbols that are nobody else's."""
        if isinstance(amount.type, Array):
            return b.op(memory.copy, b.op(repeats.broadcast_to, amount, *_lengths(type_, shown, b)))
        if type_ in self.models:
            return b.op(creation.full_like, self.models[type_], amount)
        dtype: dict[str, Any] = {} if type_.dtype == "float64" else {"dtype": type_.dtype}
        return b.op(creation.full, amount, *_lengths(type_, shown, b), **dtype)


def _lengths(type_: Array, shown: list[Atom], b: Builder) -> list[Atom]:
    return [b.op(memory.length, *(a for a in shown if _shows(a, d)), dim=d) for d in type_.shape]


def _shows(atom: Atom, wanted: Dim) -> bool:
    """Whether a length is computed from what an operand has."""
    return any(d.symbols() & wanted.symbols() for d in dims_of(atom.type))
