"""Products with vectors that are 1 at one place and 0 elsewhere, rows of `np.eye`: they pick a row, a column, a number.

    %u = index[where=i] %eye, %k
    %v = matmul %A, %u                  ->      %v = index[where=':, i'] %A, %k
    %w = multiply %u, %c                        %1 = index[where=i] %c, %k
    %z = matmul %w, %B                          %2 = index[where=i] %B, %k
                                                %z = multiply %2, %1

Only generated products. Where the matrix has infinities or NaN in other places, what is picked has none of them.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Atom, Function, Op, Statement, Value
from srcdiff.ir.types import Array, ndim_of
from srcdiff.ops import arithmetic, creation, memory
from srcdiff.ops.registry import OPERATIONS
from srcdiff.transforms.facts import definitions, is_generated, written_values

__all__ = ["unit_vectors"]

_PRODUCTS = ("matmul", "dot")


def unit_vectors(fn: Function) -> Function:
    """`fn` with what such products pick."""
    made = definitions(fn)
    if not any(op.decl is creation.eye for op in made.values()):
        return fn
    return _Units(fn, made)(fn)


class _Units(Rewriter):
    def __init__(self, fn: Function, made: dict[Value, Op]) -> None:
        self.made = made
        self.written = written_values(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl.name in _PRODUCTS and is_generated(old):
            b.location, b.origin = old.location, old.origin
            found = self.picked(old, env, b)
            if found is not None:
                env[old.result] = found
                return
        super().statement(old, env, b)

    def picked(self, op: Op, env: Env, b: Builder) -> Atom | None:
        """What a product picks; None where neither operand is a unit vector."""
        left, right = op.operands
        for unit, other, is_left in ((right, left, False), (left, right, True)):
            found = self.unit(unit)
            if found is None or other in self.written or ndim_of(other.type) not in (1, 2):
                continue
            place, factors = found
            at = lookup(env, place)
            picked = self.taken(other, at, is_left, env, b)
            for factor in factors:
                number = b.op(memory.index, lookup(env, factor), at, where="i")
                picked = b.op(arithmetic.multiply, picked, number)
            return picked
        return None

    def taken(self, matrix: Atom, at: Atom, rows: bool, env: Env, b: Builder) -> Value:
        """A row or column of a matrix, or an element of a vector."""
        op = self.made.get(matrix) if isinstance(matrix, Value) else None
        if ndim_of(matrix.type) == 1:
            return b.op(memory.index, lookup(env, matrix), at, where="i")
        if op is not None and op.decl is OPERATIONS["transpose"] and not op.attrs.get("axes"):
            matrix, rows = op.operands[0], not rows
        return b.op(memory.index, lookup(env, matrix), at, where="i" if rows else ":, i")

    def unit(self, atom: Atom) -> tuple[Atom, tuple[Atom, ...]] | None:
        """The place of a unit vector, and the vectors that it was multiplied by."""
        op = self.made.get(atom) if isinstance(atom, Value) else None
        if op is None:
            return None
        if op.decl is memory.index and op.attrs["where"] == "i":
            rows = self.made.get(op.operands[0]) if isinstance(op.operands[0], Value) else None
            is_unit = rows is not None and rows.decl is creation.eye and len(rows.operands) == 1
            is_unit = is_unit and not rows.attrs.get("k")
            return (op.operands[1], ()) if is_unit else None
        if op.decl is arithmetic.multiply:
            for unit, factor in (op.operands, op.operands[::-1]):
                found = self.unit(unit)
                fits = isinstance(factor.type, Array) and factor.type.shape == unit.type.shape
                if found is not None and fits and factor not in self.written:
                    return found[0], (*found[1], factor)
        return None
