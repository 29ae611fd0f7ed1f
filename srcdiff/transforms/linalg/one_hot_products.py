"""Products with one-hot vectors (rows of `np.eye`) become selections of a row, a column or an element.

    %u = index[where=i] %eye, %k
    %v = matmul %A, %u                  ->      %v = index[where=':, i'] %A, %k
    %w = multiply %u, %c                        %1 = index[where=i] %c, %k
    %z = matmul %w, %B                          %2 = index[where=i] %B, %k
                                                %z = multiply %2, %1

A linear operation on zeros is replaced by zeros, since a direction is zero in all parts but one. Only generated
operations are changed. Infinities and NaN in other places of the matrix do not reach the selected elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.types import Array, Scalar, Type, all_dims, is_float, ndim_of, shape_of, symbols_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.adjoint_builders import multiplied
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, definitions, is_generated, written_values
from srcdiff.transforms.analysis.reachability import shown_lengths
from srcdiff.transforms.simplify.constants import is_zero_constant, zero, zeros

_PRODUCTS = ("matmul", "dot", "sum")
_ZEROS = ("zeros", "zeros_like", "zeros_of")


def unit_vectors(fn: Function) -> Function:
    """`fn` with selections for products with one-hot vectors, and zeros for linear operations on zeros."""
    return _Units(fn)(fn)


class _Units(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = definitions(fn)
        self.written = written_values(fn)
        self.zeros: set[Value] = set()
        self.shown = shown_lengths(fn)
        self.uses = count_uses(fn)
        self.depth = 0
        self.depths: dict[Value, int] = {}  # the number of regions around the definition of a value

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        self.depth += 1
        self.depths.update(dict.fromkeys(old.params, self.depth))
        new = super().region(old, env, b)
        self.depth -= 1
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        self.depths.update(dict.fromkeys(old.results, self.depth))
        if not isinstance(old, Op) or not is_generated(old):
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        found = self.nothing(old, env, b) if self.is_nothing(old) else None
        if found is None and old.decl.name in _PRODUCTS:
            found = self.picked(old, env, b)
        if found is None:
            super().statement(old, env, b)
        else:
            env[old.result] = found

    def is_nothing(self, op: Op) -> bool:
        """Whether the result is zero because operands are zero."""
        if len(op.results) != 1 or op.result in self.written:
            return False
        type_ = op.result.type
        if not isinstance(type_, Array | Scalar) or not is_float(type_):
            return False
        if op.decl.name in _ZEROS:
            self.zeros.add(op.result)
            return False
        floats = [a for a in op.operands if is_float(a.type)]
        zeros = [a for a in floats if a in self.zeros or is_zero_constant(a)]
        if op.decl.linear:
            is_zero = bool(zeros) and len(zeros) == len(floats)
        else:
            is_zero = bool(zeros) and op.decl.multilinear
        if is_zero and self.is_own_length(type_) and not self.like(op):
            self.zeros.add(op.result)  # a slice, which shows its length: it stays
            return False
        return is_zero

    def is_own_length(self, type_: Type) -> bool:
        """Whether no parameter shows the lengths of a type."""
        return not symbols_of(all_dims(type_)) <= self.shown

    def like(self, op: Op) -> list[Value]:
        """The operands of the result's shape."""
        shape = shape_of(op.result.type)
        return [a for a in op.operands if isinstance(a, Value) and shape_of(a.type) == shape]

    def nothing(self, op: Op, env: Env, b: Builder) -> Atom:
        """Zeros of the type of an operation's result."""
        type_ = op.result.type
        self.zeros.add(op.result)
        if isinstance(type_, Scalar):
            return zero(type_)
        assert isinstance(type_, Array)
        if self.is_own_length(type_):
            return b.op(memory.zeros_like, lookup(env, self.like(op)[0]), name=op.result.name)
        return zeros(b, type_, op.result.name)

    def picked(self, op: Op, env: Env, b: Builder) -> Atom | None:
        """The selection that replaces a product or sum; None if no operand is a one-hot vector."""
        if op.decl.name == "sum":
            found = self.unit(op.operands[0]) if not op.attrs else None
            if found is None or not found[1]:
                return None
            first, *rest = self.elements(*found, env, b)
            return multiplied(b, [first, *rest])
        left, right = op.operands
        for unit, other, is_left in ((right, left, False), (left, right, True)):
            found = self.unit(unit)
            if found is not None and other not in self.written and ndim_of(other.type) in (1, 2):
                taken = self.taken(other, found[0], is_left, env, b)
                return multiplied(b, [taken, *self.elements(*found, env, b)])
        return None

    def elements(self, place: Atom, factors: Sequence[Atom], env: Env, b: Builder) -> list[Atom]:
        """The elements of vectors at `place`; numbers stay as they are."""
        return [self.element(f, place, env, b) for f in factors]

    def element(self, vector: Atom, place: Atom, env: Env, b: Builder) -> Atom:
        """The element of a vector at `place`; an elementwise operation with no other use is applied to elements."""
        if not ndim_of(vector.type):
            return lookup(env, vector)
        op = self.made.get(vector)
        if op is None or not self.is_for_one(op, place):
            return b.op(memory.index, lookup(env, vector), lookup(env, place), where="i")
        operands = [self.element(a, place, env, b) for a in op.operands]
        return b.op(op.decl, *operands, spelling=op.spelling, **op.attrs)

    def is_for_one(self, op: Op, place: Atom) -> bool:
        """Whether an operation is elementwise, belongs to the same direction, and has no other use."""
        if not op.decl.elementwise or not isinstance(place, Value) or len(op.results) != 1:
            return False
        whole = shape_of(op.result.type)
        is_same_shape = all(shape_of(a.type) in ((), whole) for a in op.operands)
        is_here = self.depths.get(op.result, 0) >= self.depths.get(place, 0)
        return is_same_shape and is_here and self.uses.get(op.result) == 1

    def taken(self, matrix: Atom, place: Atom, rows: bool, env: Env, b: Builder) -> Atom:
        """A row or column of a matrix, or an element of a vector."""
        at = lookup(env, place)
        op = self.made.get(matrix)
        if ndim_of(matrix.type) == 1:
            return self.element(matrix, place, env, b)
        if op is not None and op.decl is OPERATIONS["transpose"] and not op.attrs.get("axes"):
            matrix, rows = op.operands[0], not rows
        return b.op(memory.index, lookup(env, matrix), at, where="i" if rows else ":, i")

    def unit(self, atom: Atom) -> tuple[Atom, tuple[Atom, ...]] | None:
        """The place of the 1 in a one-hot vector, and the factors by which the vector is multiplied."""
        op = self.made.get(atom)
        if op is None:
            return None
        if op.decl is memory.index and op.attrs["where"] == "i":
            rows = self.made.get(op.operands[0])
            if rows is None or rows.decl is not creation.eye or rows.attrs.get("k"):
                return None
            return (op.operands[1], ()) if len(rows.operands) == 1 else None
        if op.decl is not arithmetic.multiply:
            return None
        for unit, factor in (op.operands, op.operands[::-1]):
            found = self.unit(unit)
            fits = not ndim_of(factor.type) or shape_of(factor.type) == shape_of(unit.type)
            if found is not None and fits and factor not in self.written:
                return found[0], (*found[1], factor)
        return None
