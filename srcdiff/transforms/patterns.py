"""Rewriting rules as pairs of small functions, before and after, matched on the program's data flow.

    Rule("log(expit(x))", lambda x: log(expit(x)), lambda x: -logaddexp(0.0, -x))

The functions are called with patterns instead of numbers. A parameter stands for any value (the same one wherever
it is mentioned), a number for that constant. Matching follows values to the operations that made them, over
statements and names, and tries both orders of `+` and `*`; it never looks through storage that is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, Op, Value, const
from srcdiff.ops.registry import OPERATIONS

__all__ = ["Apply", "Pattern", "Rule", "build", "function", "match"]

Binding = dict[str, Atom]

_COMMUTATIVE = {"add", "multiply"}


class Pattern:
    """What may stand in a rule; numbers may, too."""

    def __add__(self, other: Any) -> Apply:
        return Apply("add", (self, _lift(other)))

    def __radd__(self, other: Any) -> Apply:
        return Apply("add", (_lift(other), self))

    def __sub__(self, other: Any) -> Apply:
        return Apply("subtract", (self, _lift(other)))

    def __rsub__(self, other: Any) -> Apply:
        return Apply("subtract", (_lift(other), self))

    def __mul__(self, other: Any) -> Apply:
        return Apply("multiply", (self, _lift(other)))

    def __rmul__(self, other: Any) -> Apply:
        return Apply("multiply", (_lift(other), self))

    def __truediv__(self, other: Any) -> Apply:
        return Apply("divide", (self, _lift(other)))

    def __rtruediv__(self, other: Any) -> Apply:
        return Apply("divide", (_lift(other), self))

    def __pow__(self, other: Any) -> Apply:
        return Apply("power", (self, _lift(other)))

    def __neg__(self) -> Apply:
        return Apply("negative", (self,))


@dataclass(frozen=True)
class Anything(Pattern):
    name: str


@dataclass(frozen=True)
class Number(Pattern):
    value: float


@dataclass(frozen=True)
class Apply(Pattern):
    operation: str
    operands: tuple[Pattern, ...]


@dataclass(frozen=True)
class Rule:
    """A named rewriting. The name is what switches it off; `before` and `after` take the same parameters."""

    name: str
    before: Callable[..., Pattern]
    after: Callable[..., Pattern]

    @property
    def pattern(self) -> Pattern:
        return self.before(*self._parameters())

    @property
    def replacement(self) -> Pattern:
        return self.after(*self._parameters())

    def _parameters(self) -> list[Pattern]:
        return [Anything(name) for name in inspect.signature(self.before).parameters]


def function(operation: str) -> Callable[..., Apply]:
    """A NumPy function in rules: `exp = function("exp")`."""
    return lambda *operands: Apply(operation, tuple(map(_lift, operands)))


def _lift(operand: Any) -> Pattern:
    return operand if isinstance(operand, Pattern) else Number(operand)


def match(
    pattern: Pattern, atom: Atom, made: Mapping[Value, Op], binding: Binding | None = None
) -> Binding | None:
    """What the parameters stand for if `atom` is of that form; `made`: the operations that may be looked into."""
    binding = {} if binding is None else binding
    match pattern:
        case Anything(name):
            return binding if binding.setdefault(name, atom) == atom else None
        case Number(value):
            return binding if isinstance(atom, Const) and atom.value == value else None
        case Apply(name, operands):
            op = made.get(atom) if isinstance(atom, Value) else None
            if op is None or op.decl.name != name or len(op.operands) != len(operands):
                return None
            orders = [op.operands, op.operands[::-1]] if name in _COMMUTATIVE else [op.operands]
            for order in orders:
                found: Binding | None = dict(binding)
                for part, operand in zip(operands, order, strict=True):
                    found = None if found is None else match(part, operand, made, found)
                if found is not None:
                    return found
    return None


def build(pattern: Pattern, binding: Binding, b: Builder) -> Atom:
    """Append the operations of a rule's right side."""
    match pattern:
        case Anything(name):
            return binding[name]
        case Number(value):
            return const(value)
        case Apply(name, operands):
            return b.op(OPERATIONS[name], *(build(p, binding, b) for p in operands))
    raise TypeError(pattern)
