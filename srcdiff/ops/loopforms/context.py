"""The interface by which loop forms build statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from srcdiff.ir.build import Builder
from srcdiff.ir.types import Dim, Type
from srcdiff.ir.values import Atom, Value

At = Sequence[Atom]
Step = Callable[["LoopContext", At, At], At]


class LoopContext(Protocol):
    """The interface by which loop forms build statements."""

    @property
    def b(self) -> Builder: ...

    @property
    def calls(self) -> bool:
        """Whether the loop form may call NumPy."""
        ...

    def element(self, atom: Atom, at: At) -> Atom:
        """The element of an operand, as a scalar."""
        ...

    def number(self, atom: Atom) -> Atom:
        """A scalar operand."""
        ...

    def stored(self, atom: Atom) -> Atom | None:
        """The value that holds an array in storage, or None if the array has no storage yet."""
        ...

    def length(self, dim: Dim) -> Atom: ...

    def is_stored(self, atom: Atom) -> bool:
        """Whether elements of an operand are loaded from it: a negative index then counts from its end."""
        ...

    def compute(self, name: str, *operands: Atom) -> Atom:
        """The result of a scalar operation, by its name."""
        ...

    def cast(self, number: Atom, dtype: object) -> Atom:
        """The number in another dtype."""
        ...

    def each(self, shape: Sequence[Dim], carried: At, body: Step, name: str = "") -> At:
        """Loops over all indices of a shape: `body(n, at, carried)` returns the loop-carried values, named `name`."""
        ...

    def iterations(self, count: Atom, carried: At, body: Step) -> At:
        """One loop of `count` iterations."""
        ...

    def when(self, condition: Atom, body: Callable[[LoopContext], At], otherwise: At) -> At:
        """The values of `body` if the condition holds, else `otherwise`."""
        ...

    def new(self, type_: Type, lengths: Sequence[Atom] | None = None, name: str = "") -> Value:
        """Storage without set elements; `lengths` is needed if no operand determines the lengths of the type."""
        ...

    def load(self, stored: Atom, at: At) -> Atom: ...

    def store(self, stored: Value, value: Atom, at: At) -> None: ...

    def add(self, stored: Value, value: Atom, at: At) -> None: ...

    def front(self, stored: Value, count: Atom, result: Value) -> Value:
        """The first entries of a vector, as `result`."""
        ...

    def count(self, items: Atom) -> Atom:
        """The length of a list."""
        ...

    def item(self, items: Atom, k: Atom) -> Value: ...

    def axis_length(self, array: Atom, axis: int) -> Atom:
        """The length of an axis that only the array itself determines."""
        ...

    def refuse(
        self, test: str, operands: Sequence[Atom], error: type[Exception], text: str
    ) -> None:
        """Raise `error` if the condition `test` holds; `{0}`, `{1}` stand for its operands."""
        ...

    def refuse_empty(self, lengths: Sequence[Dim], text: str) -> None:
        """Raise ValueError if one of the lengths is 0."""
        ...
