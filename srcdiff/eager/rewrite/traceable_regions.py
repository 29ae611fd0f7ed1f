"""Traceable expressions: the largest expression that srcdiff can differentiate becomes one lambda.

    np.sin(x) * a[0] + f(y)
    tape.of(lambda x, a_0, f: np.sin(x) * a_0 + f, x, tape.item(a, 0), tape.call(f, y))

Its arguments are numbers and arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.eager.rewrite.evaluation_order import CHANGING, may_be_part, may_write
from srcdiff.eager.rewrite.line_map import with_place
from srcdiff.frontend.callees.dispatch import SPECIAL
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.ops.core.registry import COMPOSITE_METHODS, METHODS, find, find_composite, own_rule

if TYPE_CHECKING:
    from srcdiff.eager.rewrite.rewrite_expressions import ExpressionRewriter

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//", ast.Mod: "%",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "~",
}  # fmt: skip
_MAKING = (
    np.zeros,
    np.ones,
    np.empty,
    np.zeros_like,
    np.ones_like,
    np.empty_like,
    np.eye,
    np.arange,
    np.identity,
)


def outside_names(function: FunctionType, local: set[str]) -> Callable[[str], object]:
    """Gives the objects of names from outside of a function; KeyError for its own names."""

    def look(name: str) -> Any:
        if name in local:
            raise KeyError(name)
        found = look_up(function, name)
        if found is None:
            raise KeyError(name)
        return found[1]

    return look


class Expression:
    """One expression, split into a lambda and its arguments."""

    def __init__(self, rewriter: ExpressionRewriter, node: ast.expr) -> None:
        self.rewriter = rewriter
        self.node = node
        self.arguments: dict[str, Any] = {}
        self.count = 0  # operations

    def written(self) -> Any:
        r, node = self.rewriter, self.node
        if isinstance(node, ast.Call) and not self.is_inside(node):
            return r.plain_call(node)
        if isinstance(node, ast.Call) and self.meaning(node.func) in _MAKING:
            keywords = [ast.keyword(k.arg, r.visit(k.value)) for k in node.keywords]
            return ast.Call(node.func, [r.visit(a) for a in node.args], keywords)
        if r.is_leaf:
            if isinstance(node, ast.BinOp):
                return r.tape_call(
                    "operate",
                    ast.Constant(OPERATORS[type(node.op)]),
                    r.visit(node.left),
                    r.visit(node.right),
                )
            if isinstance(node, ast.UnaryOp):
                return r.tape_call(
                    "operate", ast.Constant(OPERATORS[type(node.op)]), r.visit(node.operand)
                )
            if isinstance(node, ast.Attribute):
                return ast.Attribute(r.visit(node.value), node.attr, ast.Load())
            return r.plain_call(node)
        body = self.inside(node)
        if not self.arguments:
            return node
        parameters = ast.arguments([], [ast.arg(n) for n in self.arguments], None, [], [], None, [])
        return r.tape_call("of", ast.Lambda(parameters, body), *self.arguments.values())

    # ---- nodes of the lambda ----

    def meaning(self, node: ast.expr) -> Any:
        """The object of a name, or of an attribute of a module; None where only the run knows it."""
        if isinstance(node, ast.Name):
            try:
                return self.rewriter.look(node.id)
            except KeyError:
                return self.rewriter.imports.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.meaning(node.value)
            return (
                getattr(base, node.attr, None)
                if isinstance(base, ModuleType | type | np.ufunc)
                else None
            )
        return None

    def is_inside(self, node: Any) -> bool:
        """Whether a call is part of an expression: of a function with a derivative, without starred arguments."""
        if any(isinstance(a, ast.Starred) for a in node.args) or any(
            k.arg in (None, "out") for k in node.keywords
        ):
            return False
        function = self.meaning(node.func)
        if function is not None:
            return is_known(function) and may_be_part(function, node)
        is_method = isinstance(node.func, ast.Attribute) and self.meaning(node.func.value) is None
        if (
            not is_method
            or node.func.attr in CHANGING
            or node.func.attr in self.rewriter.routes.methods
        ):
            return False
        return node.func.attr in METHODS or node.func.attr in COMPOSITE_METHODS

    def inside(self, node: ast.expr) -> Any:
        """The node as it stands in the lambda."""
        return with_place(self.made_inside(node), node)

    def made_inside(self, node: ast.expr) -> Any:
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("T", "real", "imag", "mT")
            and self.meaning(node) is None
        ):
            self.count += 1
            return ast.Attribute(self.inside(node.value), node.attr, ast.Load())
        match node:
            case ast.Constant():
                return node
            case ast.Name() if self.is_fixed(node):
                return node
            case ast.Name():
                return self.argument(node.id, node)
            case ast.BinOp():
                self.count += 1
                left, right = self.in_order([node.left, node.right])
                return ast.BinOp(left, node.op, right)
            case ast.UnaryOp() if not isinstance(node.op, ast.Not):
                self.count += 1
                return ast.UnaryOp(node.op, self.inside(node.operand))
            case ast.Compare() if self.node is not node and not (
                any(isinstance(op, ast.In | ast.NotIn) for op in node.ops) or _may_skip(node)
            ):
                left, *others = self.in_order([node.left, *node.comparators])
                return ast.Compare(left, node.ops, others)
            case ast.Call() if self.is_inside(node):
                self.count += 1
                function: Any = node.func
                bases = [function.value] if self.meaning(function) is None else []
                operands = [*bases, *node.args, *(k.value for k in node.keywords)]
                given = self.in_order(operands)
                if bases:
                    function = ast.Attribute(given.pop(0), function.attr, ast.Load())
                args, values = given[: len(node.args)], given[len(node.args) :]
                named = zip(node.keywords, values, strict=True)
                return ast.Call(function, args, [ast.keyword(k.arg, v) for k, v in named])
            case ast.Attribute() if self.meaning(node) is not None:
                return node
            case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=axis)):
                return self.argument(f"length_{axis!r}".replace("-", "m"), node, as_it_is=True)
        return self.argument(_hint(node), node)

    def in_order(self, nodes: list[Any]) -> list[Any]:
        """Operands as they stand in the lambda; an operand that a later call may write is computed in front of it."""
        writes = [may_write(node, self.meaning) for node in nodes]
        return [
            self.argument(_hint(node), node)
            if _is_operation(node) and any(writes[k + 1 :])
            else self.inside_of_call(node)
            for k, node in enumerate(nodes)
        ]

    def inside_of_call(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple | ast.List) and not any(
            isinstance(e, ast.Starred) for e in node.elts
        ):
            return type(node)(self.in_order(node.elts), ast.Load())
        return self.inside(node)

    def is_fixed(self, node: ast.Name) -> bool:
        """Whether a name is a module, a library's function or type, or a number from outside."""
        value = self.meaning(node)
        is_local = node.id in self.rewriter.local
        if value is None or is_local:
            return isinstance(value, ModuleType)
        return isinstance(value, ModuleType | type | int | float | str) or is_known(value)

    def argument(self, hint: str, node: ast.expr, as_it_is: bool = False) -> Any:
        """A parameter of the lambda, for a value that is computed in front of it."""
        value = node if isinstance(node, ast.Name) or as_it_is else self.rewriter.visit(node)
        if isinstance(value, ast.Constant):
            return value
        shown = ast.dump(value)
        is_call = any(isinstance(n, ast.Call) for n in ast.walk(value))
        name, count = hint, 1
        while name in self.arguments and (is_call or ast.dump(self.arguments[name]) != shown):
            count += 1
            name = f"{hint}_{count}"
        while (
            not isinstance(node, ast.Name) and self.meaning(ast.Name(name, ast.Load())) is not None
        ):
            name = f"{name}_"
        self.arguments[name] = value
        return ast.Name(name, ast.Load())


def _may_skip(node: ast.Compare) -> bool:
    """Whether a chain of comparisons leaves out calls where an earlier comparison is False."""
    rest = (n for part in node.comparators[1:] for n in ast.walk(part))
    return any(isinstance(n, ast.Call | ast.NamedExpr) for n in rest)


def _is_operation(node: ast.expr) -> bool:
    """Whether the lambda itself would compute anything."""
    if isinstance(node, ast.Tuple | ast.List):
        return any(map(_is_operation, node.elts))
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call | ast.Compare)


def _hint(node: ast.expr) -> str:
    """The name of an argument of a lambda."""
    match node:
        case ast.Attribute():
            return str(node.attr)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(k))) if k >= 0:
            return f"{name}_{k}"
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=k)):
            return f"{name}_{k}"
        case ast.Subscript(value=ast.Name(id=name)):
            return f"{name}_part"
        case ast.Subscript(value=ast.Attribute(attr=name)):
            return f"{name}_part"
        case ast.Call(func=ast.Name(id=name)):
            return f"{name}_value"
        case ast.Call(func=ast.Attribute(attr=name)):
            return f"{name}_value"
    return "value"


def is_known(function: object) -> bool:
    """Whether srcdiff has a derivative of a function, for this call."""
    if isinstance(function, type) and function is not float:
        return issubclass(function, np.generic)
    try:
        hash(function)
    except TypeError:
        return False
    if any(function is f for f in (sum, min, max, len, round, map, filter, sorted, divmod)):
        return False
    found = own_rule(function) or find(function) or find_composite(function)
    if found is None:
        home = str(getattr(function, "__module__", "")).partition(".")[0]
        return function in SPECIAL and home in ("numpy", "scipy", "math")
    return not getattr(found, "effect", False)
