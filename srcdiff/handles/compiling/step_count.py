"""How many statements a call of a generated function in NumPy interprets, as its text and the arguments show it.

The lengths of arguments, and numbers that the text computes from them, give the iterations of loops. Where the text
does not show them, the count is infinite.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

UNKNOWN: Any = object()

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FILLED = ("zeros", "empty", "ones", "full")
_LIKE = ("zeros_like", "empty_like", "ones_like", "full_like")


def interpreted_steps(text: str, name: str, values: Sequence[object]) -> float:
    """The number of statements and items of comprehensions that the function `name` of a module interprets."""
    return _Counter(_functions(text), ()).of_call(name, values)


@functools.lru_cache(maxsize=32)
def _functions(text: str) -> Mapping[str, ast.FunctionDef]:
    """The functions of a module; a program is counted again for arguments of other lengths."""
    return {s.name: s for s in ast.parse(text).body if isinstance(s, ast.FunctionDef)}


class _Grown:
    """A list to which the text appends: only its length is known."""

    def __init__(self, count: float) -> None:
        self.count = count

    def __len__(self) -> int:
        return int(self.count)

    def __getitem__(self, key: object) -> Any:
        return UNKNOWN


class _Counter:
    """Counts the statements of one function; `known` are the values of names that the text shows."""

    def __init__(self, functions: Mapping[str, ast.FunctionDef], calls: tuple[str, ...]) -> None:
        self.functions = functions
        self.calls = calls
        self.known: dict[str, Any] = {}
        self.times = 1.0  # how often a statement runs, by the loops around it

    def of_call(self, name: str, values: Sequence[object]) -> float:
        if name in self.calls:  # it calls itself
            return math.inf
        function = self.functions[name]
        inner = _Counter(self.functions, (*self.calls, name))
        parameters = [a.arg for a in function.args.args]
        inner.known = dict(zip(parameters, values, strict=False))
        return inner.block(function.body)

    def block(self, statements: Iterable[ast.stmt]) -> float:
        return sum(map(self.statement, statements))

    def statement(self, s: ast.stmt) -> float:
        match s:
            case ast.FunctionDef():
                self.functions = {**self.functions, s.name: s}
                return 0.0
            case ast.While():
                return math.inf
            case ast.For():
                trips = self.iterations(s.target, s.iter)
                around, self.times = self.times, self.times * (trips or 1.0)
                steps = self.inside(s.iter) + (trips and trips * self.block(s.body))
                self.times = around
                return steps
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"))
            ):
                self.known[name] = _Grown(self.length(name) + self.times)
            case ast.If():
                before = dict(self.known)
                sides = [self.inside(s.test) + 1.0 + self.block(s.body)]
                after, self.known = self.known, before
                sides.append(self.block(s.orelse))
                self.known = {k: v for k, v in after.items() if before.get(k, UNKNOWN) is v}
                return max(sides)
            case ast.Assign():
                steps = 1.0 + self.inside(s.value)
                self.bind(s.targets[0], self.value(s.value))
                return steps
            case ast.AugAssign():
                self.bind(s.target, self.value(ast.BinOp(s.target, s.op, s.value)))
        inner = [part for part in ast.iter_child_nodes(s) if isinstance(part, ast.stmt)]
        return 1.0 + self.block(inner) + sum(map(self.inside, _expressions(s)))

    def inside(self, expression: ast.expr) -> float:
        """The statements of functions that an expression calls, and the items of its comprehensions."""
        steps = 0.0
        for node in ast.walk(expression):
            if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
                trips = [self.iterations(part.target, part.iter) for part in node.generators]
                steps += math.prod(trips)
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                if name in self.functions:
                    steps += self.of_call(name, [self.value(a) for a in node.args])
        return steps

    def iterations(self, target: ast.expr, over: ast.expr) -> float:
        """The number of iterations of a loop; its target is bound to the item in the middle."""
        match over:
            case ast.Call(func=ast.Name(id="reversed" | "list" | "tuple"), args=[inner]):
                return self.iterations(target, inner)
            case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
                parts = target.elts if isinstance(target, ast.Tuple) else [target, target]
                trips = self.iterations(parts[1], inner)
                self.bind(parts[0], int(trips) // 2 if trips < math.inf else UNKNOWN)
                return trips
            case ast.Call(func=ast.Name(id="zip")):
                items = target.elts if isinstance(target, ast.Tuple) else [target] * len(over.args)
                pairs = zip(items, over.args, strict=False)
                return min((self.iterations(t, a) for t, a in pairs), default=0.0)
        items = self.value(over)
        try:
            count = len(items)
        except (TypeError, OverflowError):
            self.bind(target, UNKNOWN)
            return math.inf
        self.bind(target, items[count // 2] if count and not isinstance(items, dict) else UNKNOWN)
        return float(count)

    def length(self, name: str) -> float:
        try:
            return len(self.known[name])
        except (LookupError, TypeError, OverflowError):
            return math.inf

    def bind(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.known[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                is_split = isinstance(value, tuple | list) and len(value) == len(parts)
                for k, part in enumerate(parts):
                    self.bind(part, value[k] if is_split else UNKNOWN)

    # ---- values -----------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        try:
            return self.found(node)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return UNKNOWN

    def found(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.known.get(name, UNKNOWN)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(map(self.value, parts))
            case ast.Attribute(value=base, attr="shape" | "size" | "ndim" | "T"):
                return getattr(self.value(base), node.attr)
            case ast.Attribute(value=base, attr=name) if not isinstance(base, ast.Name):
                return getattr(self.value(base), name)
            case ast.Subscript(value=base, slice=key):
                return self.value(base)[self.key(key)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand)
            case ast.BinOp(left=left, op=op, right=right):
                sides = [v for v in map(self.value, (left, right)) if isinstance(v, np.ndarray)]
                if sides and not isinstance(
                    op, ast.MatMult
                ):  # a side that is not known is taken for a number
                    return np.broadcast_to(0.0, np.broadcast_shapes(*(v.shape for v in sides)))
                return _BINARY[type(op)](self.number(left), self.number(right))
            case ast.Call(func=ast.Name(id="len"), args=[base]):
                return len(self.value(base))
            case ast.Call(func=ast.Name(id="range"), args=bounds):
                return range(*map(self.number, bounds))
            case ast.Call(func=ast.Name(id="max" | "min" as name), args=[_, _, *_] as args):
                return {"max": max, "min": min}[name](map(self.number, args))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name), args=[first, *_]):
                if name in _FILLED:
                    return np.broadcast_to(0.0, self.value(first))
                if name == "eye":
                    return np.broadcast_to(0.0, 2 * (self.number(first),))
                if name in _LIKE or isinstance(getattr(np, name), np.ufunc):
                    return np.broadcast_to(0.0, self.value(first).shape)
            case ast.Call(func=ast.Attribute(value=base, attr="copy"), args=[]):
                return self.value(base)
        return UNKNOWN

    def key(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return slice(*(None if part is None else self.number(part) for part in parts))
        if isinstance(node, ast.Tuple):
            return tuple(map(self.key, node.elts))
        key = self.value(node)
        if not isinstance(key, int | str):
            raise LookupError
        return key

    def number(self, node: ast.expr) -> int:
        return operator.index(self.value(node))


def _expressions(s: ast.stmt) -> list[ast.expr]:
    return [part for part in ast.iter_child_nodes(s) if isinstance(part, ast.expr)]
