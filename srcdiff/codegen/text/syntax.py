"""Builders for the statement trees that generated code is made of.

gast nodes have no defaults for optional fields: one that is built without them fails only when it
is printed. All trees are therefore built by these functions, and printed by `printer`.

    for_("i", call("range", name("n")), [
        augassign(name("s"), "+", binop(subscript(name("x"), name("i")), "**", constant(2))),
    ])                                    # for i in range(n):
                                          #     s += x[i] ** 2

Functions and operators are given as text (`"np.exp"`, `"+"`), targets as text or as nodes; targets
are copied into their `Store` form, so that callers write `name("x")` on either side.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from types import EllipsisType, NoneType
from typing import Any, TypeAlias

import gast
import numpy as np

# gast has no type information: these names only say what is meant.
Expr: TypeAlias = Any
Stmt: TypeAlias = Any
Target: TypeAlias = object  # an expression that can be assigned to, or the name of a variable


class Comment(ast.stmt):
    """A line of its own, or several, that starts with `#`."""

    _fields = ("text",)

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text


class Blank(ast.stmt):
    """An empty line before the next statement."""

    _fields = ()


BINARY = {
    "+": gast.Add, "-": gast.Sub, "*": gast.Mult, "@": gast.MatMult, "/": gast.Div,
    "//": gast.FloorDiv, "%": gast.Mod, "**": gast.Pow, "<<": gast.LShift, ">>": gast.RShift,
    "&": gast.BitAnd, "^": gast.BitXor, "|": gast.BitOr,
}  # fmt: skip
UNARY = {"-": gast.USub, "+": gast.UAdd, "~": gast.Invert, "not": gast.Not}
COMPARISON = {
    "==": gast.Eq, "!=": gast.NotEq, "<": gast.Lt, "<=": gast.LtE, ">": gast.Gt, ">=": gast.GtE,
    "is": gast.Is, "is not": gast.IsNot, "in": gast.In, "not in": gast.NotIn,
}  # fmt: skip
BOOLEAN = {"and": gast.And, "or": gast.Or}


# ---- names and constants --------------------------------------------------------------------


def name(id: str) -> Expr:
    return gast.Name(id, gast.Load(), None, None)


def param(id: str, annotation: Expr | None = None) -> Expr:
    return gast.Name(id, gast.Param(), annotation, None)


def constant(value: object) -> Expr:
    """The expression for a Python or NumPy scalar, a string, or a tuple of them.

    Built from literals that read back as themselves: `-2.0` is a negation, infinity is `np.inf`.
    NumPy scalars of the default types become Python's; others keep theirs, `np.float32(0.1)`.
    """
    if is_literal(value):
        return gast.Constant(value, None)
    if isinstance(value, np.generic):
        return _numpy_scalar(value)
    if type(value) is int or type(value) is float:
        return _number(value)
    if type(value) is complex:
        return _complex(value)
    if type(value) is tuple:
        return tuple_(*map(constant, value))
    raise TypeError(f"cannot print a constant of type {type(value).__name__}: {value!r}")


def is_literal(value: Any) -> bool:
    """True if Python reads one token as just this value."""
    kind = type(value)
    if kind is int:
        return bool(value >= 0)
    if kind is float:
        return 0.0 <= value < math.inf and math.copysign(1.0, value) > 0.0
    if kind is complex:
        return is_literal(value.imag) and value.real == 0.0 and math.copysign(1.0, value.real) > 0.0
    return kind in (bool, str, bytes, NoneType, EllipsisType)


def _number(value: float) -> Expr:
    if math.isnan(value):
        return attribute("np.nan")
    if value < 0 or math.copysign(1.0, value) < 0:
        return unary("-", constant(-value))
    return attribute("np.inf")


def _complex(value: complex) -> Expr:
    """Python has no complex literals but imaginary ones; sums lose nothing only without zeros."""
    real, imag = value.real, value.imag
    if is_literal(-value):
        return unary("-", constant(-value))
    if real and imag and math.isfinite(real) and math.isfinite(imag):
        return binop(constant(real), "+" if imag > 0 else "-", constant(complex(0.0, abs(imag))))
    return call("complex", constant(real), constant(imag))


def _numpy_scalar(value: np.generic) -> Expr:
    kind, type_name = value.dtype.kind, value.dtype.name
    if kind in "bUS" or type_name in ("int64", "float64", "complex128"):
        return constant(value.item())
    if kind in "iu":
        return call(f"np.{type_name}", constant(int(value)))
    if type_name in ("float16", "float32"):
        return call(f"np.{type_name}", constant(_shortest(value)))
    if type_name == "complex64":
        parts = complex(_shortest(value.real), _shortest(value.imag))
        return call("np.complex64", constant(parts))
    raise TypeError(f"cannot print a constant of type {type(value).__name__}: {value!r}")


def _shortest(value: Any) -> float:
    """The float with the fewest digits that rounds to `value` (0.1, not 0.10000000149)."""
    short = float(str(value))
    return short if type(value)(short) == value else float(value)


# ---- expressions ----------------------------------------------------------------------------


def attribute(value: str | Expr, *names: str) -> Expr:
    """`attribute("np.linalg.solve")`, or `attribute(x, "T")`."""
    if isinstance(value, str):
        first, *rest = value.split(".")
        value, names = name(first), (*rest, *names)
    for attr in names:
        value = gast.Attribute(value, attr, gast.Load())
    return value


def call(func: str | Expr, /, *args: Expr, **keywords: Expr) -> Expr:
    """A call; `func` may be text. Positional `starred` and `double_starred` arguments unpack."""
    named = [gast.keyword(key, value) for key, value in keywords.items()]
    unpacked = [arg for arg in args if isinstance(arg, gast.keyword)]
    plain = [arg for arg in args if not isinstance(arg, gast.keyword)]
    return gast.Call(attribute(func) if isinstance(func, str) else func, plain, named + unpacked)


def subscript(value: Expr, *index: Expr) -> Expr:
    """`x[i]`, or `x[i, j]` of several indices; a tuple as the only index is the same."""
    return gast.Subscript(value, index[0] if len(index) == 1 else tuple_(*index), gast.Load())


def binop(left: Expr, op: str, right: Expr) -> Expr:
    return gast.BinOp(left, BINARY[op](), right)


def unary(op: str, operand: Expr) -> Expr:
    return gast.UnaryOp(UNARY[op](), operand)


def compare(left: Expr, *rest: str | Expr) -> Expr:
    """`compare(a, "<", b)`; a chain goes on with further operators and operands."""
    return gast.Compare(left, [COMPARISON[op]() for op in rest[::2]], list(rest[1::2]))


def boolop(op: str, *values: Expr) -> Expr:
    return gast.BoolOp(BOOLEAN[op](), list(values))


def tuple_(*elements: Expr) -> Expr:
    return gast.Tuple(list(elements), gast.Load())


def set_(*elements: Expr) -> Expr:
    return gast.Set(list(elements))


def starred(value: Expr) -> Expr:
    return gast.Starred(value, gast.Load())


def double_starred(value: Expr) -> Expr:
    return gast.keyword(None, value)


def lambda_(params: Sequence[str | Expr] | Expr, body: Expr) -> Expr:
    return gast.Lambda(_arguments(params), body)


def list_comp(element: Expr, *generators: Expr) -> Expr:
    return gast.ListComp(element, list(generators))


def generator(element: Expr, *generators: Expr) -> Expr:
    return gast.GeneratorExp(element, list(generators))


def comprehension(target: Target, iterable: Expr, *conditions: Expr) -> Expr:
    """The `for ... in ... if ...` of `list_comp` and `generator`."""
    return gast.comprehension(stored(target), iterable, list(conditions), 0)


def fstring(*parts: str | Expr) -> Expr:
    """An f-string of literal text and of expressions, each printed as `{expression}`."""
    values = [
        gast.Constant(part, None) if isinstance(part, str) else gast.FormattedValue(part, -1, None)
        for part in parts
    ]
    return gast.JoinedStr(values)


# ---- statements -----------------------------------------------------------------------------


def stored(target: Target) -> Expr:
    """A copy of `target` as something that is assigned to."""
    return _in_context(target, gast.Store)


def assign(target: Target | list[Target], value: Expr) -> Stmt:
    """`target = value`; a list of targets is a chain, `a = b = value`."""
    targets = target if isinstance(target, list) else [target]
    return gast.Assign([stored(each) for each in targets], value, None)


def augassign(target: Target, op: str, value: Expr) -> Stmt:
    return gast.AugAssign(stored(target), BINARY[op](), value)


def delete(*targets: Target) -> Stmt:
    return gast.Delete([_in_context(target, gast.Del) for target in targets])


def expr_stmt(value: Expr) -> Stmt:
    return gast.Expr(value)


def if_(test: Expr, body: Sequence[Stmt], orelse: Sequence[Stmt] = ()) -> Stmt:
    return gast.If(test, list(body), list(orelse))


def for_(target: Target, iterable: Expr, body: Sequence[Stmt], orelse: Sequence[Stmt] = ()) -> Stmt:
    return gast.For(stored(target), iterable, list(body), list(orelse), None)


def while_(test: Expr, body: Sequence[Stmt], orelse: Sequence[Stmt] = ()) -> Stmt:
    return gast.While(test, list(body), list(orelse))


def return_(value: Expr | None = None) -> Stmt:
    return gast.Return(value)


def raise_(exception: Expr | None = None, cause: Expr | None = None) -> Stmt:
    return gast.Raise(exception, cause)


def assert_(test: Expr, message: Expr | None = None) -> Stmt:
    return gast.Assert(test, message)


def pass_() -> Stmt:
    return gast.Pass()


def break_() -> Stmt:
    return gast.Break()


def continue_() -> Stmt:
    return gast.Continue()


def import_(module: str, alias: str | None = None) -> Stmt:
    return gast.Import([gast.alias(module, alias)])


def import_from(module: str, *names: str) -> Stmt:
    """`import_from("math", "exp", "log as ln")`."""
    pairs = [each.partition(" as ") for each in names]
    return gast.ImportFrom(module, [gast.alias(old, new or None) for old, _, new in pairs], 0)


def arguments(
    params: Sequence[str | Expr],
    *,
    defaults: Sequence[Expr] = (),
    vararg: str | Expr | None = None,
    keyword_only: Sequence[tuple[str | Expr, Expr | None]] = (),
    kwarg: str | Expr | None = None,
) -> Expr:
    """The parameters of a function: `defaults` belong to the last of `params`."""
    return gast.arguments(
        args=[_param(each) for each in params],
        posonlyargs=[],
        vararg=None if vararg is None else _param(vararg),
        kwonlyargs=[_param(each) for each, _ in keyword_only],
        kw_defaults=[default for _, default in keyword_only],
        kwarg=None if kwarg is None else _param(kwarg),
        defaults=list(defaults),
    )


def function_def(
    id: str, params: Sequence[str | Expr] | Expr, body: Sequence[Stmt], docstring: str | None = None
) -> Stmt:
    """A function; `params` are names, `param` nodes, or the result of `arguments`."""
    head = [] if docstring is None else [expr_stmt(constant(docstring))]
    return gast.FunctionDef(id, _arguments(params), [*head, *body], [], None, None, [])


def module(body: Sequence[Stmt], docstring: str | None = None) -> gast.Module:
    head = [] if docstring is None else [expr_stmt(constant(docstring))]
    return gast.Module([*head, *body], [])


def _param(each: str | Expr) -> Expr:
    return param(each) if isinstance(each, str) else each


def _arguments(params: Sequence[str | Expr] | Expr) -> Expr:
    return params if isinstance(params, gast.arguments) else arguments(params)


def _in_context(target: Target, context: Callable[[], object]) -> Expr:
    """`target` with Store or Del where Load stood; only the spine is copied."""
    if isinstance(target, str):
        return gast.Name(target, context(), None, None)
    if isinstance(target, gast.Name):
        return gast.Name(target.id, context(), target.annotation, target.type_comment)
    if isinstance(target, (gast.Tuple, gast.List)):
        elements = [_in_context(each, context) for each in target.elts]
        return type(target)(elements, context())
    if isinstance(target, gast.Starred):
        return gast.Starred(_in_context(target.value, context), context())
    if isinstance(target, gast.Attribute):
        return gast.Attribute(target.value, target.attr, context())
    if isinstance(target, gast.Subscript):
        return gast.Subscript(target.value, target.slice, context())
    raise TypeError(f"cannot assign to {type(target).__name__}")
