"""Statement trees to Python text: the last step before code is shown, saved or compiled.

Trees are gast's, built by `syntax` or parsed; the text has the look of a formatter's output, and
reads back as the same tree. Expressions are printed by `expressions`, long lines broken by
`line_breaks`. The simplest statements are the base class's, `astunparse.Unparser`:

    for_("i", call("range", name("n")), [Comment("one iteration"), augassign("s", "+", name("t"))])

    for i in range(n):
        # one iteration
        s += t
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from io import StringIO
from typing import TextIO

import gast

from srcdiff.codegen.text.expressions import ExpressionPrinter
from srcdiff.codegen.text.literals import docstring
from srcdiff.codegen.text.precedence import BINARY, TEST, TUPLE, YIELD
from srcdiff.codegen.text.syntax import Blank, Comment, Expr, Stmt

_DEFINITIONS = (gast.FunctionDef, gast.ClassDef)
_IMPORTS = (gast.Import, gast.ImportFrom)


def to_text(tree: Stmt, width: int = 100) -> str:
    """The text of a module, which ends in a newline, or of a statement or expression.

    Lines are `width` wide where they can be broken. What cannot be printed is a TypeError.
    """
    out = StringIO()
    Printer(tree, out, width)
    text = out.getvalue()
    return text if isinstance(tree, gast.Module) else text.rstrip("\n")


class Printer(ExpressionPrinter):
    """Prints `tree` to `file` when it is made, as its base classes do."""

    def __init__(self, tree: Stmt, file: TextIO, width: int = 100) -> None:
        self._blank_lines = 0
        self._at_top = True  # of the text or of a block, where no blank lines stand
        super().__init__(tree, file, width)

    def fill(self, text: str = "") -> None:
        """Starts a new line, below the blank lines that are due."""
        self.f.begin_line(self._indent, 0 if self._at_top else self._blank_lines)
        self._at_top, self._blank_lines = False, 0
        self.write(text)

    def enter(self) -> None:
        super().enter()
        self._at_top = True

    def dispatch(self, tree: Stmt) -> None:
        """Prints a block, a statement, or an expression that a statement holds."""
        if isinstance(tree, list):
            self._statements(tree)
        elif isinstance(tree, ast.expr):
            self._value(tree)
        else:
            if getattr(tree, "type_comment", None) or getattr(tree, "type_ignores", None):
                raise TypeError(f"cannot print the type comment of {type(tree).__name__}")
            self._method(tree)(tree)

    # ---- blocks ----

    def _Module(self, t: Stmt) -> None:
        self._body(t)

    def _statements(self, body: Sequence[Stmt], first: int = 0) -> None:
        """Statements, with blank lines round definitions and below imports."""
        previous = body[first - 1] if first else None
        for position, statement in enumerate(body[first:], first):
            if not isinstance(previous, Comment) and (
                isinstance(previous, _DEFINITIONS) or _starts_definition(body, position)
            ):
                self._leave_blank(2)
            elif isinstance(previous, _IMPORTS) and not isinstance(statement, _IMPORTS):
                self._leave_blank(1)
            self.dispatch(statement)
            if hasattr(statement, "remark"):
                self.f.remark = statement.remark
            previous = statement
        if self._indent and all(isinstance(each, (Comment, Blank)) for each in body):
            self.fill("pass")

    def _leave_blank(self, lines: int) -> None:
        """Leaves blank lines before what comes next; one is the most inside a block."""
        self._blank_lines = max(self._blank_lines, min(lines, 1) if self._indent else lines)

    def _body(self, t: Stmt) -> None:
        """The statements of a module, class or function, the first of which may document it."""
        text = _docstring(t.body)
        if text is not None:
            self.fill()
            self.write(docstring(text))
            if not isinstance(t, gast.FunctionDef):
                self._leave_blank(1)
        self._statements(t.body, first=0 if text is None else 1)

    def _clause(self, header: str, body: Sequence[Stmt]) -> None:
        self.fill(header)
        self._block(body)

    def _block(self, body: Sequence[Stmt]) -> None:
        self.enter()
        self.dispatch(body)
        self.leave()

    def _Comment(self, t: Stmt) -> None:
        for line in t.text.split("\n"):
            self.fill(f"# {line}".rstrip())

    def _Blank(self, t: Stmt) -> None:
        self._blank_lines = min(self._blank_lines + 1, 1 if self._indent else 2)

    # ---- simple statements ----

    def _Expr(self, t: Stmt) -> None:
        self.fill()
        self._value(t.value, YIELD)

    def _Assign(self, t: Stmt) -> None:
        self.fill()
        for target in t.targets:
            self._target(target)
            self.write(" = ")
        self._assigned(t.value, unpacked=isinstance(t.targets[-1], gast.Tuple))

    def _assigned(self, value: Expr, unpacked: bool = False) -> None:
        """What is assigned: `a, b = b, a` if it is unpacked at once, but `pair = (a, b)`."""
        bracketed = isinstance(value, gast.Tuple) and not unpacked
        self._value(value, TEST if bracketed else YIELD)

    def _AugAssign(self, t: Stmt) -> None:
        self.fill()
        self._target(t.target)
        self.write(f" {BINARY[type(t.op).__name__][0]}= ")
        self._assigned(t.value)

    def _AnnAssign(self, t: Stmt) -> None:
        self.fill()
        bare = t.simple or not isinstance(t.target, gast.Name)
        self._target(t.target) if bare else self._between("call", self.expr, t.target)
        self.write(": ")
        self._value(t.annotation)
        if t.value is not None:
            self.write(" = ")
            self._assigned(t.value)

    def _Return(self, t: Stmt) -> None:
        self.fill("return")
        if t.value is not None:
            self.write(" ")
            self._value(t.value, TUPLE)

    def _ImportFrom(self, t: Stmt) -> None:
        self.fill(f"from {'.' * (t.level or 0)}{t.module or ''} import ")
        if t.names[0].name == "*":
            self.write("*")  # which no brackets may surround
        else:
            self._maybe_bracketed(lambda: self._separated(t.names, self.dispatch))

    def _TypeAlias(self, t: Stmt) -> None:
        self.fill("type ")
        self.expr(t.name)
        self._type_params(t.type_params)
        self.write(" = ")
        self._value(t.value)

    # ---- compound statements ----

    def _If(self, t: Stmt) -> None:
        keyword = "if "
        while True:
            self.fill(keyword)
            self._condition(t.test)
            self._block(t.body)
            if len(t.orelse) != 1 or not isinstance(t.orelse[0], gast.If):
                break
            t, keyword = t.orelse[0], "elif "
        self._orelse(t)

    def _While(self, t: Stmt) -> None:
        self.fill("while ")
        self._condition(t.test)
        self._block(t.body)
        self._orelse(t)

    def _For(self, t: Stmt) -> None:
        self.fill("for ")
        self._target(t.target)
        self.write(" in ")
        self._value(t.iter, TUPLE)
        self._block(t.body)
        self._orelse(t)

    def _condition(self, node: Expr) -> None:
        self._maybe_bracketed(lambda: self._test(node))

    def _orelse(self, t: Stmt) -> None:
        if t.orelse:
            self._clause("else", t.orelse)

    def _With(self, t: Stmt) -> None:
        self.fill("with ")
        self._maybe_bracketed(lambda: self._separated(t.items, self.dispatch))
        self._block(t.body)

    def _withitem(self, t: Stmt) -> None:
        if isinstance(t.context_expr, gast.Tuple) and t.optional_vars is None:
            # In `with (a, b):` there are two managers, not a tuple.
            self._between("call", self.expr, t.context_expr)
        else:
            self.expr(t.context_expr)
        if t.optional_vars is not None:
            self.write(" as ")
            self.expr(t.optional_vars)

    def _Try(self, t: Stmt) -> None:
        self._clause("try", t.body)
        for handler in t.handlers:
            self._ExceptHandler(handler)
        self._orelse(t)
        if t.finalbody:
            self._clause("finally", t.finalbody)

    def _ExceptHandler(self, t: Stmt) -> None:
        self.fill("except")
        if t.type is not None:
            self.write(" ")
            self._value(t.type)
        if t.name is not None:
            self.write(f" as {t.name.id}")
        self._block(t.body)

    def _ClassDef(self, t: Stmt) -> None:
        self._decorators(t)
        self.fill(f"class {t.name}")
        self._type_params(t.type_params)
        if t.bases or t.keywords:
            self._listed("call", [*t.bases, *t.keywords], self.expr)
        self._definition_body(t)

    def _FunctionDef(self, t: Stmt) -> None:
        self._decorators(t)
        self.fill(f"def {t.name}")
        self._type_params(t.type_params)
        self._between("call", self._arguments, t.args)
        if t.returns is not None:
            self.write(" -> ")
            self._value(t.returns)
        self._definition_body(t)

    def _decorators(self, t: Stmt) -> None:
        for decorator in t.decorator_list:
            self.fill("@")
            self._test(decorator)

    def _definition_body(self, t: Stmt) -> None:
        self.enter()
        self._body(t)
        self.leave()

    def _Match(self, t: Stmt) -> None:
        self.fill("match ")
        self._condition(t.subject)
        self._block(t.cases)

    def _match_case(self, t: Stmt) -> None:
        self.fill("case ")
        self._value(t.pattern)
        if t.guard is not None:
            self.write(" if ")
            self._condition(t.guard)
        self._block(t.body)

    def _type_params(self, params: Sequence[Stmt]) -> None:
        if params:
            self._listed("index", params, self.dispatch)

    def _TypeVar(self, t: Stmt, prefix: str = "") -> None:
        self.write(prefix + t.name)
        if getattr(t, "bound", None) is not None:
            self.write(": ")
            self.expr(t.bound)
        if t.default_value is not None:
            self.write(" = ")
            self.expr(t.default_value)

    def _ParamSpec(self, t: Stmt) -> None:
        self._TypeVar(t, "**")

    def _TypeVarTuple(self, t: Stmt) -> None:
        self._TypeVar(t, "*")


def _docstring(body: Sequence[Stmt]) -> str | None:
    """The text of the string that a body starts with."""
    if not body or not isinstance(body[0], gast.Expr):
        return None
    value = body[0].value
    if not isinstance(value, gast.Constant) or type(value.value) is not str or value.kind:
        return None
    return value.value


def _starts_definition(body: Sequence[Stmt], position: int) -> bool:
    """True for a definition, and for the first of the comments directly above one."""
    while position < len(body) and isinstance(body[position], Comment):
        position += 1
    return position < len(body) and isinstance(body[position], _DEFINITIONS)
