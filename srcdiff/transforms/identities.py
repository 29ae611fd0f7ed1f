"""What trivial operations are: `x + 0`, `x * 1`, `x * 0`, `-(-x)`, the transpose of a transpose. Used by `fold`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, Op, Statement, Value, const
from srcdiff.ir.types import Array, Scalar, Type
from srcdiff.ops import arithmetic
from srcdiff.transforms.constants import is_one, is_zero_constant
from srcdiff.transforms.facts import same_kind

__all__ = ["IDENTITIES", "Known", "may_stand"]


class Known(Protocol):
    """What identities ask of the function that is folded."""

    uses: dict[Value, int]
    written: frozenset[Value]

    def is_zero(self, atom: Atom) -> bool: ...

    def zero(self, op: Op, b: Builder) -> Atom: ...

    def operand_of(self, atom: Atom, name: str) -> Op | None: ...

    def emit(self, statement: Statement, b: Builder) -> None: ...


Identity = Callable[[Known, Op, Builder], Atom | None]


def may_stand(new: Type, old: Type) -> bool:
    """Whether a value may take another's place: the same shape and dtype."""
    if isinstance(new, Scalar) and isinstance(old, Scalar):
        return new.dtype == old.dtype
    return same_kind(new, old)


# ---- what an operation of this name is, or None ------------------------------------------


def _add(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(y) and may_stand(x.type, op.result.type):
        return x
    return y if f.is_zero(x) else None


def _subtract(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(y):
        return x
    if f.is_zero(x) and may_stand(y.type, op.result.type):
        negative = Op(arithmetic.negative, (y,), (replace(op.result),), {}, op.location, op.origin)
        f.emit(negative, b)
        return negative.result
    return None


def _multiply(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(x) or f.is_zero(y):
        return f.zero(op, b)
    if is_one(y) and may_stand(x.type, op.result.type):
        return x
    return y if is_one(x) else None


def _divide(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(x):
        return f.zero(op, b)
    return x if is_one(y) else None


def _power(f: Known, op: Op, b: Builder) -> Atom | None:
    base, exponent = op.operands
    if is_one(exponent):
        return base
    return const(1.0) if is_zero_constant(exponent) and isinstance(op.result.type, Scalar) else None


def _negative(f: Known, op: Op, b: Builder) -> Atom | None:
    inner = f.operand_of(op.operands[0], "negative")
    if inner is not None:
        return inner.operands[0]
    return (
        f.zero(op, b) if f.is_zero(op.operands[0]) and isinstance(op.result.type, Array) else None
    )


def _where(f: Known, op: Op, b: Builder) -> Atom | None:
    test, x, y = op.operands
    if isinstance(test, Const):
        return x if test.value else y
    if f.is_zero(x) and f.is_zero(y):
        return f.zero(op, b)
    return x if x == y else None


def _transpose(f: Known, op: Op, b: Builder) -> Atom | None:
    inner = f.operand_of(op.operands[0], op.decl.name)
    if inner is None or any(v is not None for v in (*op.attrs.values(), *inner.attrs.values())):
        return None
    return inner.operands[0]


def _squeeze(f: Known, op: Op, b: Builder) -> Atom | None:
    inner = f.operand_of(op.operands[0], "expand_dims")
    return (
        inner.operands[0]
        if inner is not None and inner.attrs["axis"] == op.attrs.get("axis")
        else None
    )


def _reshape(f: Known, op: Op, b: Builder) -> Atom | None:
    source = op.operands[0]
    if source.type == op.result.type:
        return source
    inner = f.operand_of(source, op.decl.name)
    if inner is None or f.uses.get(inner.result) != 1 or op.result in f.written:
        return None
    whole = replace(
        op, operands=(inner.operands[0], *op.operands[1:]), results=(replace(op.result),)
    )
    f.emit(whole, b)
    return whole.result


IDENTITIES: dict[str, Identity] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "where": _where,
    "transpose": _transpose,
    "reshape": _reshape,
    "squeeze": _squeeze,
}
