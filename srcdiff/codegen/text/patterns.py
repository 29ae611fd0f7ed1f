"""Comprehensions and patterns of `match` to text."""

from __future__ import annotations

import ast

import astunparse
import gast

from srcdiff.codegen.text.precedence import AND, ATOM, CONDITION, FOR, OPERATORS, OR
from srcdiff.codegen.text.syntax import Expr, constant


class PatternPrinter(astunparse.Unparser):
    """Prints comprehensions and patterns; `ExpressionPrinter` prints the expressions in them."""

    def _ListComp(self, t: Expr) -> None:
        self._between("list", self._comprehension_parts, t)

    def _SetComp(self, t: Expr) -> None:
        self._between("dict", self._comprehension_parts, t)

    def _DictComp(self, t: Expr) -> None:
        self._between("dict", self._comprehension_parts, t)

    def _GeneratorExp(self, t: Expr) -> None:
        self._between("call", self._comprehension_parts, t)

    def _comprehension_parts(self, t: Expr) -> None:
        if isinstance(t, gast.DictComp):
            self._dict_item(t.key, t.value)
        else:
            self.expr(t.elt)
        for generator in t.generators:
            self._comprehension(generator)

    def _comprehension(self, t: Expr) -> None:
        self.write(FOR)
        self._target(t.target)
        self.write(" in ")
        self.expr(t.iter, OR)
        for condition in t.ifs:
            self.write(CONDITION)
            self.expr(condition, OR)

    def _MatchValue(self, t: Expr) -> None:
        self._pattern_value(t.value)

    def _pattern_value(self, node: Expr) -> None:
        """A pattern can hold numbers and strings, but not the expression that stands for inf."""
        for part in ast.walk(node):
            if isinstance(part, gast.Constant) and not _is_pattern(constant(part.value)):
                raise TypeError(f"cannot print {part.value!r} in a pattern")
        self.expr(node)

    def _MatchSingleton(self, t: Expr) -> None:
        self.write(repr(t.value))

    def _MatchSequence(self, t: Expr) -> None:
        self._listed("list", t.patterns, self.expr)

    def _MatchStar(self, t: Expr) -> None:
        self.write(f"*{t.name or '_'}")

    def _MatchMapping(self, t: Expr) -> None:
        def entry(pair: tuple[Expr, Expr]) -> None:
            if pair[0] is None:
                self.write(f"**{pair[1]}")
            else:
                self._pattern_value(pair[0])
                self.write(": ")
                self.expr(pair[1])

        rest = [] if t.rest is None else [(None, t.rest)]
        self._listed("dict", [*zip(t.keys, t.patterns, strict=True), *rest], entry)

    def _MatchClass(self, t: Expr) -> None:
        def entry(pair: tuple[str, Expr]) -> None:
            self.write(pair[0])
            self.expr(pair[1])

        positional = [("", pattern) for pattern in t.patterns]
        named = [
            (f"{key}=", pattern) for key, pattern in zip(t.kwd_attrs, t.kwd_patterns, strict=True)
        ]
        self.expr(t.cls, ATOM)
        self._listed("call", positional + named, entry)

    def _MatchAs(self, t: Expr) -> None:
        if t.pattern is not None:
            self.expr(t.pattern, OR)
            self.write(" as ")
        self.write(t.name or "_")

    def _MatchOr(self, t: Expr) -> None:
        self._separated(t.patterns, lambda each: self.expr(each, AND), OPERATORS["BitOr"])


def _is_pattern(value: gast.Constant) -> bool:
    return not any(isinstance(n, (gast.Attribute, gast.Call, gast.Tuple)) for n in ast.walk(value))
