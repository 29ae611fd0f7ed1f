"""Unbroadcasting: a contribution is summed over the axes along which its value was broadcast.

    y = x + z       x: float64[n], z: float64[m, n], so y: float64[m, n]
                    d_x = sum[axis=0] d_y

If an axis may or may not have length 1, `sum_if_one` tests its length while the program runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.build import Builder
from srcdiff.ir.types import Array, Dim, Scalar, Type, map_dims, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope, adjoint_type
from srcdiff.transforms.ad.adjoints.primal_refs import ForwardPart


@dataclass
class Fitting:
    """Fits contributions to their targets, with facts about lengths that may be 1, so that an axis is broadcast."""

    forward: ForwardPart
    assumed: Callable[[Dim], Dim]  # replaces lengths by equal ones, by assumption
    rigid: frozenset[str]  # symbols of arguments' axes: these are not of length 1

    def fitted(self, target: Value, amount: Atom, made: Type | Value, scope: Scope) -> Atom:
        """A contribution of the shape of `made`, summed over the axes along which the target was broadcast."""
        have = shape_of(amount.type)
        full = made.type if isinstance(made, Value) else made
        if len(shape_of(full)) < len(have):
            made = full = amount.type
        out, into = (self.settled(t) for t in (full, target.type))
        unsure = self.unsure_axes(shape_of(out), shape_of(into))
        if unsure:
            if shape_of(self.settled(amount.type)) != shape_of(out):
                amount = self.spread(amount, made, scope)
            lead = len(shape_of(out)) - len(shape_of(into))
            out = _with_lengths(out, {k + lead: d for k, d in unsure.items()})
        amount = fit(scope.b, amount, out, into)
        for axis in unsure:
            length = self.forward.primal(self.forward.length_of(target, axis), scope)
            type_ = _like(adjoint_type(target.type), amount)
            amount = scope.b.op(memory.sum_if_one, amount, length, axis=axis, type=type_)
        return amount

    def surely_whole(self, target: Value, amount: Atom, scope: Scope) -> Atom:
        """A contribution at the size of its target, if it is not known whether it stands for its broadcast."""
        have, want = (shape_of(self.settled(t)) for t in (amount.type, target.type))
        if len(have) != len(want) or not self.unsure_axes(want, have):
            return amount
        if not all(map(self.forward.is_known, want)):
            return amount
        type_ = _like(adjoint_type(target.type), amount)
        return scope.b.op(memory.expand, amount, type=type_)

    def spread(self, amount: Atom, made: Type | Value, scope: Scope) -> Atom:
        """A contribution at the full size of `made`."""
        type_ = made.type if isinstance(made, Value) else made
        shape = shape_of(type_)
        if not isinstance(made, Value) or all(map(self.forward.is_known, shape)):
            return scope.b.op(memory.expand, amount, type=type_)
        lengths = [
            self.forward.primal(self.forward.length_of(made, k), scope) for k in range(len(shape))
        ]
        nothing = scope.b.op(memory.zeros, *lengths, dtype=getattr(type_, "dtype", "float64"))
        return scope.b.op(arithmetic.add, amount, nothing)

    def settled(self, type_: Type) -> Type:
        """A type with the lengths that hold by assumption."""
        return map_dims(type_, self.assumed)

    def named(self, type_: Type, like: Type) -> Type:
        """The type with the lengths of `like`, where they are equal by assumption."""
        if not isinstance(type_, Array) or not isinstance(like, Array) or type_.ndim != like.ndim:
            return type_
        pairs = zip(type_.shape, like.shape, strict=True)
        shape = tuple(e if self.assumed(d) == self.assumed(e) else d for d, e in pairs)
        return replace(type_, shape=shape)

    def unsure_axes(self, out: Sequence[Dim], into: Sequence[Dim]) -> dict[int, Dim]:
        """The axes of `into` that may have length 1 where `out` is longer."""
        lead = len(out) - len(into)
        return {k: d for k, d in enumerate(into) if d != out[k + lead] and self.may_be_one(d)}

    def may_be_one(self, dim: Dim) -> bool:
        """Whether a length may be 1 in some call."""
        return not dim.is_const and dim.symbol not in self.rigid


def _like(type_: Type, amount: Atom) -> Type:
    """The type of an adjoint with the dtype of a contribution; the contribution is cast where it is added."""
    if isinstance(type_, Array) and isinstance(amount.type, Array | Scalar):
        return replace(type_, dtype=amount.type.dtype)
    return type_


def _with_lengths(type_: Type, lengths: Mapping[int, Dim]) -> Type:
    """An array type with other lengths along some axes."""
    assert isinstance(type_, Array)
    return replace(type_, shape=tuple(lengths.get(k, d) for k, d in enumerate(type_.shape)))


def fit(b: Builder, amount: Atom, full: Type, target: Type) -> Atom:
    """Sum a contribution of the shape of `full` over the axes along which a value of type `target` was broadcast.

    A contribution that stands for its broadcast is multiplied by the lengths of the axes that it does not have.
    """
    out, into, have = shape_of(full), shape_of(target), shape_of(amount.type)
    if len(have) > len(out):
        out = have
    into = (Dim(1),) * (len(out) - len(into)) + into
    missing = len(out) - len(have)
    have = (Dim(1),) * missing + have
    one = Dim(1)
    lost = [k for k in range(len(out)) if into[k] == one and out[k] != one]
    for k in lost:
        if have[k] == one:
            amount = b.op(arithmetic.multiply, amount, b.op(memory.length, dim=out[k]))
    axes = [k - missing for k in lost if have[k] != one]
    return _sum(b, amount, axes, len(out) - len(shape_of(target)) - missing)


def _sum(b: Builder, amount: Atom, axes: list[int], leading: int) -> Atom:
    """`amount` summed over `axes`. Axes among the first `leading` are dropped; the others stay with length 1."""
    ndim = len(shape_of(amount.type))
    dropped = [k for k in axes if k < leading]
    kept = [k for k in axes if k >= leading]
    if axes and len(axes) == ndim and leading >= ndim:
        return b.op(reductions.sum, amount)
    if kept:
        amount = b.op(reductions.sum, amount, axis=_axis(kept), keepdims=True)
    if dropped:
        amount = b.op(reductions.sum, amount, axis=_axis(dropped))
    rest = leading - len(dropped)
    for _ in range(max(rest, 0)):  # leading axes of length 1 that the value does not have
        amount = b.op(memory.index, amount, const(0), where="i")
    return amount


def _axis(axes: list[int]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else tuple(axes)
