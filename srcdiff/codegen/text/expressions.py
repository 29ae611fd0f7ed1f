"""Expressions, parameters and patterns to text: the lower half of the printer.

`printer` prints the statements on top of it. How tightly an expression binds is its *level*;
it is put in brackets where its place needs a higher one. `expr` alone decides that; the methods
for the nodes write pieces of the line, and mark those where the line may be broken for `line_breaks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TextIO

import gast

from srcdiff.codegen.text.line_breaks import LineWriter, Open
from srcdiff.codegen.text.literals import FStringPart, fstring, quoted
from srcdiff.codegen.text.patterns import PatternPrinter
from srcdiff.codegen.text.precedence import (
    ATOM,
    BIT_OR,
    BRACKETED,
    BRACKETS,
    COMMA,
    ELSE,
    FACTOR,
    IF,
    MAYBE_CLOSE,
    MAYBE_OPEN,
    NUMBER,
    OPERATORS,
    OR,
    TARGET_OPEN,
    TEST,
    TUPLE,
    UNARY,
    level_of,
)
from srcdiff.codegen.text.syntax import Expr, constant, is_literal


class ExpressionPrinter(PatternPrinter):
    """Owns every expression of its base class, which would bracket all of them."""

    def __init__(self, tree: Expr, file: TextIO, width: int) -> None:
        self._fstrings = 0  # that the expression printed stands in
        super().__init__(tree, LineWriter(file, width))

    def write(self, text: str) -> None:
        self.f.write(text)

    def expr(self, node: Expr, level: int = TEST) -> None:
        """Prints an expression, in brackets if it binds less tightly than `level`."""
        node = _literal(node)
        show = self._method(node)
        if level_of(node) < level:
            self._between("tuple" if isinstance(node, gast.Tuple) else "call", show, node)
        else:
            show(node)

    def _method(self, node: Expr) -> Callable[[Expr], None]:
        method: Callable[[Expr], None] | None = getattr(self, "_" + type(node).__name__, None)
        if method is None:
            raise TypeError(f"cannot print {type(node).__name__}")
        return method

    # What the base class prints for Python 2, for older trees, and for asynchronous code, which is refused.
    _Repr = _Print = _Exec = _TryExcept = _TryFinally = _Num = _Str = _Bytes = None
    _NameConstant = _Ellipsis = _Index = _ExtSlice = _FormattedValue = _arg = None
    _Await = _AsyncFor = _AsyncWith = _AsyncFunctionDef = None

    # ---- pieces of lines ----

    def _value(self, node: Expr, level: int = TEST) -> None:
        """An expression that brackets may be put round where its line is too long."""
        self._maybe_bracketed(lambda: self.expr(node, level))

    def _maybe_bracketed(self, show: Callable[[], None], opening: Open = MAYBE_OPEN) -> None:
        self.write(opening)
        show()
        self.write(MAYBE_CLOSE)

    def _test(self, node: Expr) -> None:
        """An expression where `:=` needs no brackets."""
        self.expr(node, BRACKETED if isinstance(node, gast.NamedExpr) else TEST)

    def _target(self, node: Expr) -> None:
        """Something assigned to, which is broken only if breaking what follows is not enough."""
        level = TUPLE if isinstance(node, gast.Tuple) else TEST
        self._maybe_bracketed(lambda: self.expr(node, level), TARGET_OPEN)

    def _between(self, bracket: str, show: Callable[[Expr], None], node: Expr) -> None:
        opening, closing = BRACKETS[bracket]
        self.write(opening)
        show(node)
        self.write(closing)

    def _separated(
        self, items: Iterable[Expr], show: Callable[[Expr], None], comma: str = COMMA
    ) -> None:
        for position, item in enumerate(items):
            if position:
                self.write(comma)
            show(item)

    def _listed(self, bracket: str, items: Iterable[Expr], show: Callable[[Expr], None]) -> None:
        # Calls nest deeply, so this does without further calls on the stack.
        opening, closing = BRACKETS[bracket]
        self.write(opening)
        for position, item in enumerate(items):
            if position:
                self.write(COMMA)
            show(item)
        self.write(closing)

    # ---- parameters and arguments ----

    def _arguments(self, t: Expr, comma: str = COMMA) -> None:
        """Parameters, which are names in gast; `*` and `**` belong to their places in the list."""
        positional = [*t.posonlyargs, *t.args]
        defaults = [None] * (len(positional) - len(t.defaults)) + t.defaults
        entries = [
            ("", param, default) for param, default in zip(positional, defaults, strict=True)
        ]
        if t.posonlyargs:
            entries.insert(len(t.posonlyargs), ("/", None, None))
        if t.vararg is not None or t.kwonlyargs:
            entries.append(("*", t.vararg, None))
        entries += [
            ("", param, default) for param, default in zip(t.kwonlyargs, t.kw_defaults, strict=True)
        ]
        if t.kwarg is not None:
            entries.append(("**", t.kwarg, None))
        self._separated(entries, lambda entry: self._parameter(*entry), comma)

    def _parameter(self, prefix: str, param: Expr, default: Expr) -> None:
        self.write(prefix)
        if param is None:
            return
        if param.type_comment:
            raise TypeError(f"cannot print the type comment of {type(param).__name__} {param.id}")
        self.write(param.id)
        if param.annotation is not None:
            self.write(": ")
            self.expr(param.annotation)
        if default is not None:
            self.write("=" if param.annotation is None else " = ")
            self.expr(default)

    def _argument(self, node: Expr) -> None:
        if isinstance(node, gast.keyword):
            self._keyword(node)
        else:
            self._test(node)

    def _keyword(self, t: Expr) -> None:
        self.write("**" if t.arg is None else f"{t.arg}=")
        self.expr(t.value, BIT_OR if t.arg is None else TEST)

    # ---- operators ----

    def _BinOp(self, t: Expr) -> None:
        if isinstance(t.op, gast.Pow):
            self._power(t)
            return
        level = level_of(t)
        terms = []
        while (
            isinstance(t, gast.BinOp) and level_of(t) == level
        ):  # sums may be longer than the stack
            terms.append(t)
            t = t.left
        self.expr(t, level)
        for term in reversed(terms):
            self.write(OPERATORS[type(term.op).__name__])
            self.expr(term.right, level + 1)

    def _power(self, t: Expr) -> None:
        base, exponent = _literal(t.left), _literal(t.right)
        simple = level_of(base) >= NUMBER and _is_simple(base) and _is_simple(exponent)
        self.expr(base, NUMBER)
        self.write("**" if simple else OPERATORS["Pow"])
        self.expr(exponent, FACTOR)

    def _UnaryOp(self, t: Expr) -> None:
        text, level = UNARY[type(t.op).__name__]
        self.write(text)
        self.expr(t.operand, level)

    def _BoolOp(self, t: Expr) -> None:
        level = level_of(t)
        operator = OPERATORS[type(t.op).__name__]
        self._separated(t.values, lambda value: self.expr(value, level + 1), operator)

    def _Compare(self, t: Expr) -> None:
        self.expr(t.left, BIT_OR)
        for op, comparator in zip(t.ops, t.comparators, strict=True):
            self.write(OPERATORS[type(op).__name__])
            self.expr(comparator, BIT_OR)

    def _IfExp(self, t: Expr) -> None:
        self.expr(t.body, OR)
        self.write(IF)
        self.expr(t.test, OR)
        self.write(ELSE)
        self.expr(t.orelse, TEST)

    def _NamedExpr(self, t: Expr) -> None:
        self.expr(t.target)
        self.write(" := ")
        self.expr(t.value)

    def _Lambda(self, t: Expr) -> None:
        arguments = t.args
        spaced = arguments.args or arguments.posonlyargs or arguments.kwonlyargs
        self.write("lambda " if spaced or arguments.vararg or arguments.kwarg else "lambda")
        self._arguments(arguments, comma=", ")
        self.write(": ")
        self._value(t.body)

    def _Yield(self, t: Expr) -> None:
        self.write("yield")
        if t.value is not None:
            self.write(" ")
            self.expr(t.value, TUPLE)

    def _YieldFrom(self, t: Expr) -> None:
        self.write("yield from ")
        self.expr(t.value)

    def _Starred(self, t: Expr) -> None:
        self.write("*")
        self.expr(t.value, BIT_OR)

    # ---- atoms and what follows them ----

    def _Name(self, t: Expr) -> None:
        self.write(t.id)

    def _Constant(self, t: Expr) -> None:
        value = t.value
        if isinstance(value, (str, bytes)):
            prefix = t.kind or ""
            self.write(prefix + (repr(value) if self._fstrings else quoted(value)))
        elif value is Ellipsis:
            self.write("...")
        else:
            self.write(re.sub(r"e(\+|(-))0*", r"e\2", repr(value)))  # 1e-5, 1e16

    def _JoinedStr(self, t: Expr) -> None:
        parts: list[FStringPart] = []
        self._fstring_parts(t, parts, in_spec=False)
        self.write(fstring(parts, self._fstrings))

    def _fstring_parts(self, t: Expr, parts: list[FStringPart], in_spec: bool) -> None:
        for value in t.values:
            if isinstance(value, gast.Constant):
                parts.append(("spec" if in_spec else "text", value.value))
                continue
            if not isinstance(value, gast.FormattedValue):
                raise TypeError(f"cannot print {type(value).__name__} in an f-string")
            # A conditional or lambda in brackets: the colon of a lambda would end the expression.
            code = self._text_of(value.value, OR)
            space = " " if code.startswith("{") else ""
            conversion = "" if value.conversion == -1 else "!" + chr(value.conversion)
            parts.append(("code", "{" + space + code + conversion))
            if value.format_spec is not None:
                parts.append(("code", ":"))
                self._fstring_parts(value.format_spec, parts, in_spec=True)
            parts.append(("code", "}"))

    def _text_of(self, node: Expr, level: int) -> str:
        """The text of an expression that stands inside an f-string."""
        line, self.f.pieces = self.f.pieces, []
        self._fstrings += 1
        self.expr(node, level)
        self._fstrings -= 1
        code, self.f.pieces = "".join(self.f.pieces), line
        return code

    def _Attribute(self, t: Expr) -> None:
        self.expr(t.value, ATOM)
        self.write(f".{t.attr}")

    def _Call(self, t: Expr) -> None:
        self.expr(t.func, ATOM)
        if len(t.args) == 1 and not t.keywords and isinstance(t.args[0], gast.GeneratorExp):
            self._GeneratorExp(t.args[0])
        else:
            self._listed("call", [*t.args, *t.keywords], self._argument)

    def _Subscript(self, t: Expr) -> None:
        self.expr(t.value, ATOM)
        bare = isinstance(t.slice, gast.Tuple) and t.slice.elts
        self._between("index", self._Tuple if bare else self.expr, t.slice)

    def _Slice(self, t: Expr) -> None:
        """`a:b`, with spaces round the colons (where something stands) unless all is simple."""
        parts = [part for part in (t.lower, t.upper, t.step) if part is not None]
        space = "" if all(map(_is_simple_bound, parts)) else " "
        if t.lower is not None:
            self.expr(t.lower)
            self.write(space)
        self.write(":")
        if t.upper is not None:
            self.write(space)
            self.expr(t.upper)
        if t.step is not None:
            self.write((space if t.upper is not None else "") + ":" + space)
            self.expr(t.step)

    # ---- displays and comprehensions ----

    def _Tuple(self, t: Expr) -> None:
        if not t.elts:
            self.write("()")
        self._separated(t.elts, self.expr)
        if len(t.elts) == 1:
            self.write(",")

    def _List(self, t: Expr) -> None:
        self._listed("list", t.elts, self.expr)

    def _Set(self, t: Expr) -> None:
        if not t.elts:
            raise TypeError("cannot print Set without elements")
        self._listed("dict", t.elts, self.expr)

    def _Dict(self, t: Expr) -> None:
        self._listed(
            "dict", zip(t.keys, t.values, strict=True), lambda pair: self._dict_item(*pair)
        )

    def _dict_item(self, key: Expr, value: Expr) -> None:
        if key is None:
            self.write("**")
            self.expr(value, BIT_OR)
        else:
            self.expr(key)
            self.write(": ")
            self.expr(value)

    # ---- patterns ----


def _literal(node: Expr) -> gast.AST:
    """The node, or what is written for a constant that no literal stands for."""
    if isinstance(node, gast.Constant) and not is_literal(node.value):
        return constant(node.value)
    return node


def _is_simple(node: Expr) -> bool:
    """True for operands that `**` stands next to without spaces."""
    if isinstance(node, gast.UnaryOp):
        return not isinstance(node.op, gast.Not) and _is_simple(node.operand)
    if isinstance(node, gast.BinOp):
        return isinstance(node.op, gast.Pow) and _is_simple(node.left) and _is_simple(node.right)
    while isinstance(node, gast.Attribute):
        node = node.value
    return isinstance(node, (gast.Name, gast.Constant))


def _is_simple_bound(node: Expr) -> bool:
    if isinstance(node, gast.UnaryOp):
        return not isinstance(node.op, gast.Not) and _is_simple_bound(node.operand)
    return isinstance(node, (gast.Name, gast.Constant))
