"""Reads the text form of `ir.text` back. Locations are not in the text; classes are looked up by name in `classes`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args

import numpy as np

from srcdiff.ir.core import (
    Atom,
    Call,
    Const,
    For,
    Function,
    If,
    Node,
    Op,
    OpDecl,
    Origin,
    Region,
    Statement,
    Tree,
    Value,
    While,
    const,
)
from srcdiff.ir.types import Array, Clamp, Dim, List, Scalar, Static, Struct, Type

__all__ = ["ParseError", "parse", "parse_dim", "parse_type"]

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


def parse(
    text: str, operations: Mapping[str, OpDecl], classes: Mapping[str, type] | None = None
) -> Function:
    """The first function in `text`; the others are those it calls."""
    return _FunctionParser(text, operations, classes or {}).functions()


def parse_type(text: str, classes: Mapping[str, type] | None = None) -> Type:
    return _whole(_TypeParser(text, classes or {}), _TypeParser.type_)


def parse_dim(text: str) -> Dim:
    return _whole(_TypeParser(text, {}), _TypeParser.dim)


def _whole(parser: _TypeParser, rule: Callable[[_TypeParser], T]) -> T:
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


class _TypeParser(_Tokens):
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

    def pair_of(self, item: Callable[[], T]) -> tuple[Any, T]:
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

    def named_literal(self, word: str) -> Any:
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


class _FunctionParser(_TypeParser):
    """Statements. Called functions stand further down: they are read first, from behind."""

    def __init__(
        self, text: str, operations: Mapping[str, OpDecl], classes: Mapping[str, type]
    ) -> None:
        super().__init__(text, classes)
        self.operations = operations
        self.values: dict[str, Value] = {}
        self.starts: dict[str, int] = {}
        self.parsed: dict[str, Function] = {}

    def functions(self) -> Function:
        for at, (_, token, _) in enumerate(self.tokens):
            if token == "def" and (at == 0 or self.tokens[at - 1][1] == "\n"):
                self.at = at + 1
                self.starts[self.function_name()] = at
        if not self.starts:
            raise ParseError("there is no function in the text")
        return self.named(next(iter(self.starts)))

    def named(self, name: str) -> Function:
        """The function of that name, parsed when it is first called."""
        if name not in self.parsed:
            if name not in self.starts:
                raise self.fail(f"a function that is in the text; {name} is not")
            outer = self.at, self.values
            self.at, self.values = self.starts[name] + 1, {}
            self.parsed[name] = self.function()
            self.at, self.values = outer
        return self.parsed[name]

    def function_name(self) -> str:
        return (
            cast(str, ast.literal_eval(self.take()))
            if self.kind == "string"
            else self.of_kind("word", "a name")
        )

    def function(self) -> Function:
        name = re.sub(r"\.\d+$", "", self.function_name())
        self.expect("(")
        params = tuple(self.until(")", self.definition))
        self.expect("->")
        output = self.tree()
        self.expect("{")
        self.newlines()
        doc = cast(str, self.literal()) if self.accept("doc") else ""
        self.newlines()
        notes = self.attributes() if self.accept("notes") else {}
        body = self.region(params)
        return Function(name, body, output, doc=doc, notes=notes)

    def tree(self) -> Tree:
        if self.kind == "number":
            return int(self.take())
        kind = self.of_kind("word", "a container")
        cls, parts = self.parts(self.tree)
        return Node(kind, tuple(k for k, _ in parts), tuple(t for _, t in parts), cls)

    # ---- values ----

    def definition(self) -> Value:
        text = self.of_kind("value", "a value")
        user, text = text.endswith("'"), text.removesuffix("'")
        self.expect(":")
        hint = re.sub(r"\.\d+$", "", text[1:])
        value = Value(self.type_(), "" if hint.isdigit() else hint, user)
        self.values[text] = value
        return value

    def atom(self) -> Atom:
        if self.kind == "value":
            if self.token not in self.values:
                raise self.fail("a value that is defined above")
            return self.values[self.take()]
        if self.token == "(" and self.kind == "mark":
            return self.typed_constant()
        return const(self.literal())

    def typed_constant(self) -> Const:
        """`(1: float64)`, a constant of another type than its own, or a tuple."""
        start = self.at
        self.take()
        if not self.accept(")"):
            value = self.literal()
            if self.accept(":"):
                type_ = self.type_()
                self.expect(")")
                return Const(value, type_)
        self.at = start
        return const(self.literal())

    def atoms(self) -> tuple[Atom, ...]:
        """Atoms up to the end of the line, an origin, or a region."""
        out: list[Atom] = []
        while self.kind and self.token not in ("\n", ";", "{", "do"):
            out.append(self.atom())
            if not self.accept(","):
                break
        return tuple(out)

    # ---- statements ----

    def region(self, params: tuple[Value, ...] = ()) -> Region:
        """The lines up to `}`, after an optional line of parameters."""
        self.newlines()
        if self.accept("("):
            params = tuple(self.until(")", self.definition))
            self.expect("->")
            self.newlines()
        body: list[Statement] = []
        while not self.accept("yield"):
            body.append(self.statement())
            self.newlines()
        yields = self.atoms()
        self.newlines()
        self.expect("}")
        return Region(params, tuple(body), yields)

    def statement(self) -> Statement:
        """Results are read after the regions: a value is not defined inside what defines it."""
        start = self.at
        names_before = dict(self.values)
        results: list[Value] = []
        if self.kind == "value":
            results.append(self.definition())
            while self.accept(","):
                results.append(self.definition())
            self.expect("=")
        defined = {k: v for k, v in self.values.items() if v in results}
        self.values = names_before
        if self.kind != "word":
            self.at = max(self.at, start)
            raise self.fail("a statement")
        out = self.after_results(self.take(), tuple(results))
        self.values.update(defined)
        return out

    def after_results(self, word: str, results: tuple[Value, ...]) -> Statement:
        if word == "if":
            condition, pair = self.atom(), self.pair()
            origin = self.origin()
            then, orelse = self.braces(), self.braces("else")
            return If(condition, then, orelse, results, origin=origin, pair=pair)
        if word == "for":
            return self.for_(results)
        if word == "while":
            pair, carried = self.pair(), self.carried()
            origin = self.origin()
            test = None if self.token == "do" else self.braces()
            return While(carried, test, self.braces("do"), results, pair, origin=origin)
        if word == "call":
            function = self.named(self.function_name())
            operands = self.atoms()
            return Call(function, operands, results, origin=self.origin())
        return self.op(word, results)

    def for_(self, results: tuple[Value, ...]) -> For:
        start, stop, step = self.bounds()
        reverse, breaks = self.accept("reverse"), self.accept("breaks")
        pair, carried = self.pair(), self.carried()
        origin = self.origin()
        return For(
            start, stop, step, carried, self.braces(), results, reverse, breaks, pair, origin=origin
        )

    def bounds(self) -> tuple[Atom, Atom, Atom]:
        start = self.atom()
        self.expect(",")
        stop = self.atom()
        self.expect(",")
        return start, stop, self.atom()

    def carried(self) -> tuple[Atom, ...]:
        return self.atoms() if self.accept("with") else ()

    def op(self, name: str, results: tuple[Value, ...]) -> Op:
        if name not in self.operations:
            raise self.fail(f"an operation; {name} is not one")
        spelling = self.take()[1:] if self.kind == "spelling" else ""
        attrs = self.attributes() if self.token == "[" else {}
        operands = self.atoms()
        return Op(
            self.operations[name], operands, results, attrs, origin=self.origin(), spelling=spelling
        )

    def attributes(self) -> dict[str, Any]:
        self.expect("[")
        return dict(self.until("]", self.attribute))

    def attribute(self) -> tuple[str, Any]:
        name = self.of_kind("word", "an attribute")
        self.expect("=")
        return name, self.literal()

    def braces(self, word: str = "") -> Region:
        """A region, behind a word; what it defines is not visible after it."""
        if word:
            self.expect(word)
        self.expect("{")
        outer = dict(self.values)
        region = self.region()
        self.values = outer
        return region

    def pair(self) -> int:
        if not self.accept("pair"):
            return 0
        self.expect("=")
        return int(self.of_kind("number", "a number"))

    def origin(self) -> Origin:
        if not self.accept(";"):
            return "user"
        word = self.of_kind("word", "an origin")
        if word not in get_args(Origin):
            raise self.fail(f"an origin; {word} is not one")
        return cast(Origin, word)
