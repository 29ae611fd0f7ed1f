"""The operations of the tracer that call each other: a call reads a body, whose statements make calls.

Modules use them as methods of the frame (`fr.call(node, function, args)`), so that no module imports the module that
implements one. `frontend/trace.py` assembles the implementations in the class `Tracer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

import gast

from srcdiff.frontend.core.values import (
    Args,
    Done,
    FrontValue,
    Generated,
    Items,
    Known,
    Kwargs,
    Lifted,
    Parts,
    ShapeOf,
    Slice,
    Statements,
)
from srcdiff.ir.core import Function, Region
from srcdiff.ir.types import Type
from srcdiff.ir.values import Atom, Value


class Operations(ABC):
    """What a frame can do beyond looking up names and appending operations."""

    # ---- names and attributes ----

    @abstractmethod
    def from_python(self, value: object, name: str, node: gast.AST) -> FrontValue:
        """A Python object as a value; `name` is how the user's code would spell it."""

    @abstractmethod
    def constant(self, kind: str, name: str, value: object, node: gast.AST) -> FrontValue:
        """A name that is no local: a Python object found in a cell, in the globals or among the builtins (`kind`)."""

    @abstractmethod
    def attribute(self, base: FrontValue, name: str, node: gast.AST) -> FrontValue:
        """`base.name`."""

    # ---- values that may be None ----

    @abstractmethod
    def unwrap(self, value: FrontValue, node: gast.AST) -> FrontValue:
        """The value of an optional; where it is None, the program raises."""

    @abstractmethod
    def narrow(self, value: FrontValue) -> FrontValue:
        """The value of an optional, or None, where the branch that is read decides which."""

    # ---- calls ----

    @abstractmethod
    def call(
        self, node: gast.AST, function: FrontValue, args: Args, kwargs: Kwargs | None = None
    ) -> FrontValue:
        """`function(*args, **kwargs)`."""

    @abstractmethod
    def read_callee(
        self,
        plain: FunctionType | Lifted,
        types: Mapping[str, Type],
        rigid: frozenset[str],
        actual: Mapping[str, int],
        functions: dict[Any, Any],
        calls: tuple[object, ...],
        may_not_run: bool,
        any_lengths: bool,
    ) -> Function:
        """A function that is called, as a function of its own for arguments of these types."""

    @abstractmethod
    def read_kernel(
        self, kernel: FunctionType, names: Sequence[str], types: Sequence[Type]
    ) -> Function:
        """The kernel that a program launches, for arguments of these types."""

    # ---- statements ----

    @abstractmethod
    def truth(self, node: gast.AST) -> Atom:
        """An expression as a condition: a truth value, or a constant where it is known when compiling."""

    @abstractmethod
    def assign(
        self, target: gast.AST, value: FrontValue, node: gast.AST, since: int | None = None
    ) -> None:
        """Bind a target. `since`: the length of the builder's body before the value was computed."""

    @abstractmethod
    def block(self, statements: Statements, live: frozenset[str]) -> Done:
        """Read statements. The names in `live` are used after them."""

    @abstractmethod
    def enter_contexts(self, node: gast.AST, rest: Statements) -> Statements:
        """A `with` as statements: its body, the calls that leave its contexts, and `rest`."""

    @abstractmethod
    def enumerate_choice(self, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done | None:
        """Read a discrete draw and what follows it as a sum over its values; None for other statements."""

    @abstractmethod
    def check_sum(self, node: gast.AST, body: Region, carried: Sequence[str]) -> None:
        """Refuse a sum over values whose body changes what was made before it."""

    # ---- iteration ----

    @abstractmethod
    def iterable(self, value: FrontValue, node: gast.AST) -> Items | Parts:
        """What a loop over the value goes through: known parts, or items by position."""

    @abstractmethod
    def for_loop(
        self, node: gast.AST, items: Items | Parts | Generated, source: FrontValue | None = None
    ) -> None:
        """`for node.target in items: node.body`; `source` is the value that the items are of."""

    @abstractmethod
    def generator_loop(self, node: gast.AST, generator: Generated) -> None:
        """`for target in generator: body`."""

    @abstractmethod
    def collect(self, node: gast.AST, generator: Generated) -> FrontValue:
        """`list(generator)`."""

    @abstractmethod
    def append_each(
        self, node: gast.AST, target: FrontValue, items: Items | Parts | Generated
    ) -> None:
        """`for item in items: target.append(item)`."""

    # ---- subscripts ----

    @abstractmethod
    def item_of_object(self, base: Known, key: FrontValue, node: gast.AST) -> FrontValue | None:
        """`base[key]` of a Python object; None for objects that Python itself takes the item of."""

    @abstractmethod
    def shape_parts(self, shape: ShapeOf, node: gast.AST) -> Parts:
        """`x.shape` as a tuple."""

    @abstractmethod
    def slice_of_list(self, node: gast.AST, xs: Value, items: Items, is_reversed: bool) -> Value:
        """`xs[a:b]` of a list or a tuple: a new one with these items."""

    @abstractmethod
    def store_slice(self, node: gast.AST, target: Value, key: Slice, value: FrontValue) -> None:
        """`xs[a:b] = value` of a list."""

    @abstractmethod
    def check_lengths(self, node: gast.AST, operands: Sequence[Atom]) -> None:
        """Write checks of the lengths that the last operation left open (`Symbols.doubts`)."""
