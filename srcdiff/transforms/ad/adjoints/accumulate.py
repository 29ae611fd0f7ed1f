"""Adjoint accumulation: the contributions to each value's adjoint, in each region of the backward part.

A value that is never written has a `total`: an SSA value, which may be smaller than the value and stand for its
broadcast. It may also have `partials`: contributions to parts of the adjoint, which are added when the adjoint is
needed, so that no zeros are made first. A written array, and an array to which an inner loop contributes, has a
`buffer`, into which contributions are added in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env
from srcdiff.ir.core import Function, Op, OpDecl, Region, Statement
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
from srcdiff.ir.values import Atom, Attrs, Const, Value, const, is_zero
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.registry import is_own
from srcdiff.ops.core.type_rules import real_dtype
from srcdiff.ops.elementwise import complex_numbers, conversions
from srcdiff.transforms.ad.adjoints.selected import Selections
from srcdiff.transforms.simplify.constants import zeros


@dataclass(frozen=True)
class Partial:
    """A contribution to a part of an adjoint: `scatter(d, amount, *operands, **attrs)`."""

    scatter: OpDecl
    amount: Atom
    operands: tuple[Atom, ...]
    attrs: Attrs


@dataclass
class Scope:
    """The backward region under construction that mirrors one forward region."""

    region: Region
    parent: Scope | None
    b: Builder
    zeros: Callable[[Value, Scope], Atom]
    values: Env = field(default_factory=dict)  # forward value -> value of this region
    prologue: list[Statement] = field(default_factory=list)  # the `restore`s
    # the forward region runs again in front of its adjoint: it restores nothing
    is_again: bool = False
    totals: dict[Value, Atom] = field(default_factory=dict)
    partials: dict[Value, list[Partial]] = field(default_factory=dict)
    buffers: dict[Value, Atom] = field(default_factory=dict)
    # results of branches that share the buffer of the chosen storage
    chosen: set[Value] = field(default_factory=set)
    # value of the backward part -> the value of which it is the adjoint
    adjoint_of: dict[Value, Value] = field(default_factory=dict)
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
        """The adjoint buffer of a value, made in this region or in an enclosing one."""
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
        amount = crossed(self.b, part.amount, buffer.type)
        self.b.ops(part.scatter, buffer, amount, *part.operands, **part.attrs)

    def has(self, value: Value) -> bool:
        return value in self.totals or value in self.partials or self.buffer(value) is not None

    def take(self, value: Value) -> Atom | None:
        """The collected adjoint of a value, which is removed from the scope; None if there is no contribution."""
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
        """A total in the dtype of its value. The adjoint of a Python number keeps its dtype until the end."""
        is_weak = isinstance(value.type, Scalar) and value.type.weak
        total = crossed(self.b, total, value.type)
        return total if is_weak else in_dtype(self.b, total, adjoint_type(value.type))

    def assemble(self, value: Value, parts: Sequence[Partial]) -> Atom | None:
        """`np.array([d_a, d_b])` for a vector of fixed length if there is one contribution to each element."""
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
        made = self.b.op(creation.array_of, *(found[k] for k in sorted(found)), name=hint(value))
        return in_dtype(self.b, made, type_)

    def start_buffer(self, value: Value, total: Atom | None) -> Atom:
        """New storage for a value's adjoint, which holds `total` (zeros for None)."""
        if total is None or is_zero(total):
            return self.zeros(value, self)
        filled = whole(self.b, total, adjoint_type(value.type))
        return self.b.op(memory.copy, filled, name=hint(value))

    def open_buffer(self, value: Value) -> Atom:
        """The adjoint buffer of a value; if there is none yet, it is made of the contributions so far."""
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
    """The type of a value's adjoint. Floats keep their type; integers have no adjoint, and get the type of zeros."""
    if isinstance(type_, Scalar):
        return Scalar(type_.dtype if is_float(type_) else "float64", False)
    if isinstance(type_, Array):
        return type_ if is_float(type_) else Array("float64", type_.shape)
    if isinstance(type_, Struct):
        return Struct(type_.kind, type_.keys, tuple(map(adjoint_type, type_.parts)), type_.cls)
    return List(adjoint_type(type_.element)) if isinstance(type_, List) else NONE


def assumed_lengths(fn: Function) -> Callable[[Dim], Dim]:
    """Replaces a length by the length that it equals by assumption, for the arguments of the first call."""
    facts = fn.lengths
    return settling((a, b.substitute(facts.bindings)) for a, b in facts.assumed)


def in_dtype(b: Builder, amount: Atom, type_: Type) -> Atom:
    """An adjoint in the dtype of its value: the adjoint of a float32 is a float32, also after a product with a float64.

    A Python number stays, since it widens nothing. A real number stands for a complex number until `whole`.
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
        return b.op(conversions.astype, amount, dtype=type_.dtype)
    return as_number(b, amount, type_.dtype)


def crossed(b: Builder, amount: Atom, type_: Type) -> Atom:
    """A contribution to the adjoint of a value of a type: for a real value, the real part of a complex contribution."""
    if isinstance(type_, Scalar | Array) and is_complex(amount.type) and not is_complex(type_):
        return b.op(complex_numbers.real, amount)
    return amount


def as_complex(b: Builder, amount: Atom, type_: Type) -> Atom:
    """The adjoint of a complex value as a complex number or array."""
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
        return b.op(conversions.astype, amount, dtype=type_.dtype)
    return as_number(b, amount, type_.dtype)


def as_real(type_: Type, have: Type) -> Type:
    """The type of a complex value's adjoint: with real numbers if the adjoint is real."""
    if not is_complex(type_) or is_complex(have):
        return type_
    assert isinstance(type_, Scalar | Array)
    return replace(type_, dtype=real_dtype(type_.dtype))


def as_number(b: Builder, amount: Atom, dtype: str) -> Atom:
    """A number as a Python number (float64, complex128), or as a NumPy number of lower precision."""
    if dtype == "float64":
        return b.op(conversions.to_float, amount)
    if dtype == "complex128":
        return b.op(complex_numbers.to_complex, amount)
    return b.op(conversions.astype, amount, spelling=f"np.{dtype}", dtype=dtype)


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
    """Whether two shapes are taken to be equal: an axis of `left` that is not fixed at length 1 counts as full."""
    return len(left) == len(right) and all(
        p == q or p != Dim(1) for p, q in zip(left, right, strict=True)
    )


def unknown_derivative(op: Op, position: int) -> UnsupportedError:
    """The error if a rule gives no derivative for an operand whose derivative is needed."""
    if is_own(op.decl):
        names = [p.strip() for p in op.decl.signature.split(",")]
        name = names[min(position, len(names) - 1)].lstrip("*")
        return UnsupportedError(
            f"the rule of `{op.decl.name}` assigns no `d_{name}`, which is needed here",
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
