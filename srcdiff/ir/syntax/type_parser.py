"""Reads lengths, types and literals: the part of `ir.parse` below statements."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from srcdiff.ir.types import (
    Array,
    Clamp,
    Dim,
    List,
    Scalar,
    Static,
    Struct,
    Type,
    product_of,
    quotient_of,
)

T = TypeVar("T")

_TOKEN = re.compile(
    r"""
    (?P<string>b?'(?:[^'\\\n]|\\.)*'|b?"(?:[^"\\\n]|\\.)*")
  | (?P<value>%(?:[^\W\d]\w*(?:\.\d+)?|\d+)'?)
  | (?P<spelling>@[\w.]+)
  | (?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?)
  | (?P<opaque><[^>\n]*>)
  | (?P<arrow>->)
  | (?P<word>[^\W\d][\w.]*)
  | (?P<newline>\n)
  | (?P<mark>[][(){}:,=;+*!-])
  | (?P<space>[ ]+)
    """,
    re.VERBOSE,
)

_NUMBERS = {"nan": float("nan"), "inf": float("inf"), "None": None, "True": True, "False": False}


class ParseError(Exception):
    """Text that is not IR; with the line."""


def parse_type(text: str, classes: Mapping[str, type] | None = None) -> Type:
    return _whole(TypeParser(text, classes or {}), TypeParser.type_)


def parse_dim(text: str) -> Dim:
    return _whole(TypeParser(text, {}), TypeParser.dim)


def _whole(parser: TypeParser, rule: Callable[[TypeParser], T]) -> T:
    out = rule(parser)
    parser.expect("")
    return out


class _Tokens:
    """A cursor over tokens; the kind and text of the next one are `kind` and `token`, both empty at the end."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise ParseError(
                    f"line {1 + text.count(chr(10), 0, position)}: unexpected {text[position]!r}"
                )
            if match.lastgroup != "space":
                self.tokens.append(
                    (match.lastgroup, match.group(), text.count("\n", 0, position) + 1)
                )
            position = match.end()
        self.at = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    @property
    def token(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def fail(self, expected: str) -> ParseError:
        line = self.tokens[min(self.at, len(self.tokens) - 1)][2] if self.tokens else 1
        return ParseError(f"line {line}: expected {expected}, got {self.token!r}")

    def take(self) -> str:
        token = self.token
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.kind != "string" and self.token == token:
            self.at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token) and not (token == "" and self.kind == ""):
            raise self.fail(repr(token) if token else "the end")

    def of_kind(self, kind: str, what: str) -> str:
        if self.kind != kind:
            raise self.fail(what)
        return self.take()

    def until(self, close: str, item: Callable[[], T]) -> list[T]:
        """Items separated by commas, up to a closing bracket (a last comma is allowed)."""
        out: list[T] = []
        while not self.accept(close):
            out.append(item())
            if not self.accept(","):
                self.expect(close)
                break
        return out

    def newlines(self) -> None:
        while self.accept("\n"):
            pass


class TypeParser(_Tokens):
    """Lengths, types and literals."""

    def __init__(self, text: str, classes: Mapping[str, type]) -> None:
        super().__init__(text)
        self.classes = classes

    # ---- lengths ----

    def dim(self) -> Dim:
        out = self.term(-1 if self.accept("-") else 1)
        while self.token in ("+", "-"):
            out = out + self.term(-1 if self.take() == "-" else 1)
        return out

    def term(self, sign: int) -> Dim:
        if self.kind == "number":
            number = sign * int(self.take())
            return self.symbol().scaled(number) if self.accept("*") else Dim(number)
        return self.symbol().scaled(sign)

    def symbol(self) -> Dim:
        name = self.of_kind("word", "a symbol")
        if name == "max" and self.accept("("):
            inner = self.dim()
            self.expect(",")
            self.expect("0")
            self.expect(")")
            return Dim.of(Clamp(inner))
        if name == "div" and self.accept("("):
            inner = self.dim()
            self.expect(",")
            by = int(self.take())
            self.expect(")")
            return quotient_of(inner, by)
        if name == "prod" and self.accept("("):
            factors = [self.dim()]
            while self.accept(","):
                factors.append(self.dim())
            self.expect(")")
            return product_of(factors)
        return Dim.of(name + "*" if self.accept("*") else name)

    # ---- types ----

    def type_(self) -> Type:
        word = self.of_kind("word", "a type")
        if word == "list" and self.accept("of"):
            return List(self.type_())
        if word == "static":
            self.expect("(")
            value = self.literal()
            self.expect(")")
            return Static(value)
        if self.token == "(" or self.kind == "word":
            cls, parts = self.parts(self.type_)
            return Struct(word, tuple(k for k, _ in parts), tuple(t for _, t in parts), cls)
        if self.accept("["):
            return Array(word, tuple(self.until("]", self.dim)))
        weak = not self.accept("!")
        if not self.accept("{"):
            return Scalar(word, weak)
        expr = self.dim()
        self.expect("}")
        return Scalar(word, weak, expr)

    def parts(self, item: Callable[[], T]) -> tuple[type | None, list[tuple[Any, T]]]:
        """`(key: item, ...)`, with a class's name in front where the container has one."""
        cls = self.class_() if self.kind == "word" else None
        self.expect("(")
        return cls, self.until(")", lambda: self.pair_of(item))

    def pair_of(self, item: Callable[[], T]) -> tuple[object, T]:
        key = self.literal()
        self.expect(":")
        return key, item()

    def class_(self) -> type:
        name = self.of_kind("word", "a class")
        if name not in self.classes:
            raise ParseError(f"class {name} is not in the text: pass it in `classes`")
        return self.classes[name]

    # ---- literals ----

    def literal(self) -> Any:
        if self.kind == "opaque":
            raise ParseError(f"{self.token} has no literal, so this text cannot be read back")
        if self.kind == "string":
            return ast.literal_eval(self.take())
        if self.kind == "number":
            return ast.literal_eval(self.take())
        if self.accept("-"):
            return -self.literal()
        if self.accept("("):
            return tuple(self.until(")", self.literal))
        if self.accept("["):
            return self.until("]", self.literal)
        if self.accept("{"):
            return dict(self.until("}", lambda: self.pair_of(self.literal)))
        return self.named_literal(self.of_kind("word", "a literal"))

    def named_literal(self, word: str) -> object:
        if word in _NUMBERS:
            return _NUMBERS[word]
        if word == "class":
            return self.class_()
        self.expect("(")
        value: Any
        if word == "dim":
            value = self.dim()
        elif word == "type":
            value = self.type_()
        elif word.startswith("np."):
            value = np.dtype(word[3:]).type(self.literal())
        elif word == "complex":
            return complex(*self.until(")", self.literal))
        else:
            raise self.fail("a literal")
        self.expect(")")
        return value
