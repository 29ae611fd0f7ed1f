"""The bookkeeping of reverse mode: what has been collected of each value's adjoint, in each region of the
backward part.

A value that is never written has a `total` (an SSA value; it may be smaller than the value and stand for its
broadcast) and `partials`, contributions to a part of it that wait until the adjoint is wanted, so that no zero
is made first. Written arrays, and arrays that an inner loop contributes to, have a `buffer`, in which
contributions are added in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env
from srcdiff.ir.core import Atom, Const, Function, Op, OpDecl, Region, Statement, Value, const
from srcdiff.ir.dims import settling
from srcdiff.ir.types import (
    NONE,
    Array,
    Dim,
    List,
    Scalar,
    Struct,
    Type,
    is_complex,
    is_float,
    shape_of,
)
from srcdiff.ops.arrays import memory, shapes
from srcdiff.ops.core.registry import is_own
from srcdiff.ops.core.type_rules import real_dtype
from srcdiff.ops.elementwise import arithmetic, complex_numbers
from srcdiff.transforms.ad.adjoints.selected import Selections
from srcdiff.transforms.simplify.constants import zeros

__all__ = [
    "Partial",
    "Scope",
    "adjoint_type",
    "as_complex",
    "as_number",
    "as_real",
    "assumed_lengths",
    "crossed",
    "hint",
    "in_dtype",
    "is_zero",
    "unknown_derivative",
    "whole",
]


@dataclass(frozen=True)
class Partial:
    """A contribution to a part of an adjoint: `scatter(d, amount, *operands, **attrs)`."""

    scatter: OpDecl
    amount: Atom
    operands: tuple[Atom, ...]
    attrs: Mapping[str, Any]


@dataclass
class Scope:
    """The backward region under construction that mirrors one forward region."""

    region: Region
    parent: Scope | None
    b: Builder
    zeros: Callable[[Value, Scope], Atom]
    values: Env = field(default_factory=dict)  # forward values as they are called here
    prologue: list[Statement] = field(default_factory=list)  # the `restore`s
    is_again: bool = (
        False  # the forward region is run once more in front: nothing of it is restored
    )
    totals: dict[Value, Atom] = field(default_factory=dict)
    partials: dict[Value, list[Partial]] = field(default_factory=dict)
    buffers: dict[Value, Atom] = field(default_factory=dict)
    chosen: set[Value] = field(
        default_factory=set
    )  # results of branches whose buffer is that of what was chosen
    adjoint_of: dict[Value, Value] = field(
        default_factory=dict
    )  # what values of the backward part are the adjoints of
    selections: Selections = field(default_factory=lambda: Selections({}))

    def inner(self, region: Region) -> Scope:
        return Scope(
            region,
            self,
            self.b.inner(),
            self.zeros,
            adjoint_of=self.adjoint_of,
            selections=self.selections,
        )

    def buffer(self, value: Value) -> Atom | None:
        """The adjoint buffer of a value, made here or in a region around."""
        scope: Scope | None = self
        while scope is not None:
            if value in scope.buffers:
                return scope.buffers[value]
            scope = scope.parent
        return None

    def finish(self, params: Sequence[Value], yields: Sequence[Atom]) -> Region:
        return Region(tuple(params), (*self.prologue, *self.b.body), tuple(yields))

    def add(self, value: Value, amount: Atom) -> None:
        """Collect a contribution that has the value's shape, or is smaller and stands for its broadcast."""
        if is_zero(amount):
            return
        buffer = self.buffer(value)
        if buffer is not None and isinstance(value.type, Array):
            amount = crossed(self.b, amount, value.type)
            self.b.ops(memory.add_into, buffer, amount, where="")
            return
        before = self.totals.get(value)
        self.totals[value] = (
            amount if before is None else self.selections.add(self.b, before, amount)
        )

    def add_part(self, value: Value, part: Partial) -> None:
        buffer = self.buffer(value)
        if buffer is not None:
            self.scatter(part, buffer)
        else:
            self.partials.setdefault(value, []).append(part)

    def scatter(self, part: Partial, buffer: Atom) -> None:
        """Add a contribution to its part of a buffer."""
        amount = crossed(self.b, part.amount, buffer.type)
        self.b.ops(part.scatter, buffer, amount, *part.operands, **part.attrs)

    def has(self, value: Value) -> bool:
        return value in self.totals or value in self.partials or self.buffer(value) is not None

    def take(self, value: Value) -> Atom | None:
        """What has been collected of a value's adjoint; None for nothing. The contributions are used up."""
        found = self.collected(value)
        if isinstance(found, Value):
            known = self.adjoint_of.setdefault(found, value)
            is_whole = shape_of(found.type) == shape_of(value.type)
            if value.name and not known.name and is_whole:  # `p`, rather than `p - y`
                self.adjoint_of[found] = value
        return found

    def collected(self, value: Value) -> Atom | None:
        total, parts = self.totals.pop(value, None), self.partials.pop(value, None)
        buffer = self.buffers.pop(value, None)
        if buffer is not None:
            return self.b.op(memory.read, buffer, name=hint(value))
        if not parts:
            return None if total is None else self.settled(total, value)
        together = self.assemble(value, parts) if total is None else None
        if together is not None:
            return together
        started = self.start_buffer(value, total)
        for part in parts:
            self.scatter(part, started)
        return self.b.op(memory.read, started, name=hint(value))

    def settled(self, total: Atom, value: Value) -> Atom:
        """What was added up in the dtype of its value; Python's numbers take what they get, until they leave."""
        is_weak = isinstance(value.type, Scalar) and value.type.weak
        total = crossed(self.b, total, value.type)
        return total if is_weak else in_dtype(self.b, total, adjoint_type(value.type))

    def assemble(self, value: Value, parts: Sequence[Partial]) -> Atom | None:
        """The elements of a short vector, all of them known: `np.array([d_a, d_b])`."""
        type_ = value.type
        if not (isinstance(type_, Array) and type_.ndim == 1 and type_.shape[0].is_const):
            return None
        found: dict[int, Atom] = {}
        for part in parts:
            at = part.operands[0] if part.attrs.get("where") == "i" else None
            if not isinstance(at, Const) or at.value in found:
                return None
            found[at.value] = part.amount
        if sorted(found) != list(range(type_.shape[0].const)):
            return None
        made = self.b.op(shapes.array_of, *(found[k] for k in sorted(found)), name=hint(value))
        return in_dtype(self.b, made, type_)

    def start_buffer(self, value: Value, total: Atom | None) -> Atom:
        """Storage for a value's adjoint that holds `total` (zeros for None); nobody else has it."""
        if total is None or is_zero(total):
            return self.zeros(value, self)
        filled = whole(self.b, total, adjoint_type(value.type))
        return self.b.op(memory.copy, filled, name=hint(value))

    def open_buffer(self, value: Value) -> Atom:
        """The adjoint buffer of a value; made from what has been collected, if there is none yet."""
        buffer = self.buffer(value)
        if buffer is None:
            parts = self.partials.pop(value, [])
            buffer = self.buffers[value] = self.start_buffer(value, self.totals.pop(value, None))
            for part in parts:
                self.scatter(part, buffer)
        return buffer


def hint(value: Value) -> str:
    return f"d_{value.name}" if value.name else ""


def adjoint_type(type_: Type) -> Type:
    """The type of a value's adjoint: floats stay, integers have none (a zero stands for it)."""
    if isinstance(type_, Scalar):
        return Scalar(type_.dtype if is_float(type_) else "float64", False)
    if isinstance(type_, Array):
        return type_ if is_float(type_) else Array("float64", type_.shape)
    if isinstance(type_, Struct):
        return Struct(type_.kind, type_.keys, tuple(map(adjoint_type, type_.parts)), type_.cls)
    return List(adjoint_type(type_.element)) if isinstance(type_, List) else NONE


def assumed_lengths(fn: Function) -> Callable[[Dim], Dim]:
    """What the actual arguments decided about lengths."""
    facts = fn.lengths
    return settling((a, b.substitute(facts.bindings)) for a, b in facts.assumed)


def is_zero(atom: Atom) -> bool:
    return isinstance(atom, Const) and atom.value == 0


def in_dtype(b: Builder, amount: Atom, type_: Type) -> Atom:
    """An adjoint in the dtype of its value: float32 stays float32 where a float64 went into the product.

    A Python number widens nothing, so it stays; it is also what a wider number becomes again. A real number stands for
    a complex one, until it leaves (`whole`).
    """
    if not (isinstance(type_, Scalar | Array) and isinstance(amount.type, Scalar | Array)):
        return amount
    amount = crossed(b, amount, type_)
    have = amount.type
    assert isinstance(have, Scalar | Array)
    is_weak = isinstance(have, Scalar) and have.weak
    if is_weak or have.dtype == type_.dtype or (is_complex(type_) and not is_complex(have)):
        return amount
    if isinstance(have, Array):
        return b.op(arithmetic.astype, amount, dtype=type_.dtype)
    return as_number(b, amount, type_.dtype)


def crossed(b: Builder, amount: Atom, type_: Type) -> Atom:
    """What belongs to a value of a type: to a real one, the real part of a complex adjoint."""
    if isinstance(type_, Scalar | Array) and is_complex(amount.type) and not is_complex(type_):
        return b.op(complex_numbers.real, amount)
    return amount


def as_complex(b: Builder, amount: Atom, type_: Type) -> Atom:
    """A real adjoint of a complex value as complex numbers."""
    if not (isinstance(type_, Scalar | Array) and isinstance(amount.type, Scalar | Array)):
        return amount
    if not is_complex(type_) or is_complex(amount.type):
        return amount
    if isinstance(amount, Const):
        return const(
            np.dtype(type_.dtype).type(amount.value).item()
            if type_.dtype == "complex128"
            else np.dtype(type_.dtype).type(amount.value)
        )
    if isinstance(amount.type, Array):
        return b.op(arithmetic.astype, amount, dtype=type_.dtype)
    return as_number(b, amount, type_.dtype)


def as_real(type_: Type, have: Type) -> Type:
    """The type of complex numbers, or that of their parts for a real adjoint."""
    if not is_complex(type_) or is_complex(have):
        return type_
    assert isinstance(type_, Scalar | Array)
    return replace(type_, dtype=real_dtype(type_.dtype))


def as_number(b: Builder, amount: Atom, dtype: str) -> Atom:
    """A number as one of NumPy's of few digits, or as Python's."""
    if dtype == "float64":
        return b.op(arithmetic.to_float, amount)
    if dtype == "complex128":
        return b.op(complex_numbers.to_complex, amount)
    return b.op(arithmetic.astype, amount, spelling=f"np.{dtype}", dtype=dtype)


def whole(b: Builder, amount: Atom, type_: Type) -> Atom:
    """The adjoint at the full size of its value, in its dtype."""
    amount = in_dtype(b, amount, type_)
    if not is_zero(amount):
        amount = as_complex(b, amount, type_)
    if not isinstance(type_, Array) or shape_of(amount.type) == type_.shape:
        return amount
    if is_zero(amount):
        return zeros(b, type_)
    if _same_axes(shape_of(amount.type), type_.shape):
        return amount
    return b.op(memory.expand, amount, type=type_)


def _same_axes(left: Sequence[Dim], right: Sequence[Dim]) -> bool:
    """Whether two shapes are one as far as can be told: an axis that is not fixed at length 1 is taken to be full."""
    return len(left) == len(right) and all(
        p == q or p != Dim(1) for p, q in zip(left, right, strict=True)
    )


def unknown_derivative(op: Op, position: int) -> UnsupportedError:
    """The error where a rule says nothing for an operand whose derivative is wanted."""
    if is_own(op.decl):
        names = [p.strip() for p in op.decl.signature.split(",")]
        name = names[min(position, len(names) - 1)].lstrip("*")
        return UnsupportedError(
            f"the rule of `{op.decl.name}` assigns no `d_{name}`, which is wanted here",
            f"Assign it in the rule (0.0 where the derivative is zero), or pass srcdiff.stop_gradient({name}).",
            op.location,
        )
    drawn = re.match(r"\{0\}\.(\w+)", op.attrs["text"]) if op.decl.name == "draw" else None
    if drawn is not None:  # operand 0 is the generator
        what = f"a draw by `{drawn[1]}` with respect to argument {position}"
    else:
        what = f"{op.decl.name} with respect to argument {position + 1}"
    return UnsupportedError(
        f"the derivative of {what} is not known",
        op.decl.advice
        or "Write the line with other functions, or keep derivatives out with srcdiff.stop_gradient.",
        op.location,
    )
