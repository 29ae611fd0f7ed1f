"""Reads the text that `printer` writes. Locations are not in the text; classes are looked up by name in `classes`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from srcdiff.ir.core import (
    Call,
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
    While,
)
from srcdiff.ir.facts import grouped
from srcdiff.ir.recursion import stand_in, tied
from srcdiff.ir.syntax.type_parser import ParseError, TypeParser
from srcdiff.ir.values import Atom, Const, Value, const


def parse(
    text: str, operations: Mapping[str, OpDecl], classes: Mapping[str, type] | None = None
) -> Function:
    """The first function in `text`; the others are those it calls."""
    return _FunctionParser(text, operations, classes or {}).functions()


class _FunctionParser(TypeParser):
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
        facts = self.attributes() if self.accept("facts") else {}
        body = self.region(params)
        return tied(Function(name, body, output, doc=doc, **grouped(facts)))

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
            if self.accept("itself"):
                return self.call_of_itself(results)
            function = self.named(self.function_name())
            operands = self.atoms()
            return Call(function, operands, results, origin=self.origin())
        return self.op(word, results)

    def call_of_itself(self, results: tuple[Value, ...]) -> Call:
        operands = self.atoms()
        like = tuple(Value(a.type) for a in operands)
        around = Function("itself", Region(like, (), results), Node("tuple", (), ()))
        return Call(stand_in(around), operands, results, origin=self.origin())

    def for_(self, results: tuple[Value, ...]) -> For:
        start, stop, step = self.bounds()
        reverse, breaks = self.accept("reverse"), self.accept("breaks")
        is_parallel = self.accept("parallel")
        slots = self.slots()
        pair, carried = self.pair(), self.carried()
        origin = self.origin()
        return For(
            start, stop, step, carried, self.braces(), results, reverse, breaks, pair, origin=origin,
            is_parallel=is_parallel, slots=slots,
        )  # fmt: skip

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

    def attributes(self) -> dict[str, object]:
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
        return self.numbered("pair")

    def slots(self) -> int:
        return self.numbered("slots")

    def numbered(self, word: str) -> int:
        if not self.accept(word):
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
