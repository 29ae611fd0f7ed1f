"""Values and constants: what statements take and give.

`Atom = Value | Const`. A value is defined once; a constant is a Python object with its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from srcdiff.ir.types import BOOL, FLOAT, Dim, Scalar, Static, Type


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """One SSA value. `name` is a hint for printing; `user`: the user's program gave it."""

    type: Type
    name: str = ""
    user: bool = False

    def __repr__(self) -> str:
        return f"%{self.name}:{self.type}"


@dataclass(frozen=True, slots=True)
class Const:
    """A Python constant as an operand: a number, a bool, None, a string or a dtype name."""

    value: Any
    type: Type

    def __repr__(self) -> str:
        return repr(self.value)

    def __eq__(
        self, other: object
    ) -> bool:  # 1, 1.0 and True differ; -0.0 and 0.0 differ; nan is itself
        return (
            isinstance(other, Const)
            and self.type == other.type
            and repr(self.value) == repr(other.value)
        )

    def __hash__(self) -> int:  # cheap: operands are looked up in maps of values
        return hash(repr(self.value))


Atom = Value | Const
Attrs = Mapping[
    str, Any
]  # the attributes of an operation: Python objects that are known while compiling


def const(value: object) -> Const:
    """A constant with its type: Python scalars are weak, NumPy scalars are not."""
    if isinstance(value, bool):
        return Const(value, BOOL)
    if isinstance(value, int):
        return Const(value, Scalar("int64", True, Dim(value)))
    if isinstance(value, float) and type(value) is float:
        return Const(value, FLOAT)
    if isinstance(value, complex) and type(value) is complex:
        return Const(value, Scalar("complex128"))
    dtype = getattr(value, "dtype", None)
    if dtype is not None and getattr(value, "ndim", 1) == 0 and dtype.kind in "biufc":
        return Const(value, Scalar(dtype.name, False))
    return Const(value, Static(value))


def is_zero(atom: Atom) -> bool:
    return isinstance(atom, Const) and bool(atom.value == 0)


def known_trip_count(*bounds: Atom) -> int | None:
    """The number of iterations of a loop whose `start, stop, step` are constants."""
    numbers = [a.value for a in bounds if isinstance(a, Const)]
    return len(range(*numbers)) if len(numbers) == 3 and numbers[2] != 0 else None


def known_dim(atom: Atom) -> Dim | None:
    """What is known of an integer scalar: an expression in lengths, or a symbol of its own."""
    if isinstance(atom, Const):
        return Dim(atom.value) if type(atom.value) is int else None
    return atom.type.expr if isinstance(atom.type, Scalar) else None


def is_python(atom: Atom) -> bool:
    """Whether a value is one of Python's numbers, which raise where NumPy's give infinity."""
    return isinstance(atom.type, Scalar) and atom.type.weak


def is_number_of(atom: Atom, dtype: str) -> bool:
    return isinstance(atom.type, Scalar) and atom.type.dtype == dtype


def symbol_of(index: Value) -> str | None:
    """The symbol that stands for a loop's index in what is known of integers."""
    known = known_dim(index)
    return None if known is None else known.symbol
