"""The IR as text, for tests and for people; `ir.parse` reads it back.

    def rnn(%W': float64[n, n], %xs': float64[T, n], %h0': float64[n]) -> 0 {
      %H: float64[T, n] = zeros_like %xs
      %T: int64{T} = length[dim=dim(T)]
      %h': float64[n] = for 0, %T, 1 with %h0 {
        (%t': int64, %h.1': float64[n]) ->
        %0: float64[n] = index[where='i'] %xs, %t
        %g': float64[n] = add %h.1, %0
        store[where='i'] %H, %g, %t ;compiler
        yield %g
      }
      yield %h
    }

A value is called by its hint, numbered where that clashes or is empty; a prime at its definition marks the user's own
names. An operation is `name@spelling[attributes] operands ;origin`. The other statements:

    %r: float64 = if %c { ... } else { ... }
    %n: int64, %r: float64 = for 0, %n, 1 reverse breaks pair=2 with %a { (%i: int64, %x: float64) -> ... }
    %r: float64 = while with %a { (%x: float64) -> ... yield %go } do { (%y: float64) -> ... }
    %r: float64 = while with %a do { (%y: float64) -> ... yield %go, %z }
    %r: float64 = call g %a, %b

The numbers behind `->` are the positions of what is returned in the last `yield`. Functions that are called stand below
their caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Call, For, Function, If, Node, Op, Region, Statement, Tree, While
from srcdiff.ir.facts import listed
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, Type
from srcdiff.ir.values import Atom, Value, const


def to_text(fn: Function) -> str:
    """The function, and those that it calls."""
    return _Printer(fn).text()


def annotated(fn: Function, notes: Iterable[tuple[Statement | None, str]]) -> str:
    """The text with remarks below the lines of their statements (None: below all)."""
    return _Printer(fn).text(list(notes))


def statement_text(statement: Statement) -> str:
    """The first line of a statement, its values named as if it stood alone."""
    printer = _Printer(None)
    printer.statement(statement, 0)
    return printer.lines[0]


class _Printer:
    def __init__(self, fn: Function | None) -> None:
        self.lines: list[str] = []
        self.line_of: dict[Statement, int] = {}
        self.functions: dict[Function, str] = {}
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.unnamed = 0
        if fn is not None:
            self.called(fn)
        printed = 0
        while printed < len(self.functions):
            self.function(list(self.functions)[printed])
            printed += 1

    def text(self, notes: Sequence[tuple[Statement | None, str]] = ()) -> str:
        below: dict[int, list[str]] = {}
        for statement, message in notes:
            line = (
                len(self.lines) - 1
                if statement is None
                else self.line_of.get(statement, len(self.lines) - 1)
            )
            below.setdefault(line, []).append(message)
        out: list[str] = []
        for number, shown in enumerate(self.lines):
            out.append(shown)
            indent = " " * (len(shown) - len(shown.lstrip()))
            out += [f"{indent}^ {message}" for message in below.get(number, ())]
        return "\n".join(out) + "\n"

    # ---- names ----

    def called(self, fn: Function) -> str:
        if fn not in self.functions:
            name, count = fn.name, 1
            while name in self.functions.values():
                name, count = f"{fn.name}.{count}", count + 1
            self.functions[fn] = name
        name = self.functions[fn]
        return name if re.fullmatch(r"[^\W\d][\w.]*", name) else repr(name)

    def name(self, value: Value) -> str:
        if value not in self.names:
            self.names[value] = self.new_name(value)
        return self.names[value]

    def new_name(self, value: Value) -> str:
        if not value.name.isidentifier():
            self.unnamed += 1
            return f"%{self.unnamed - 1}"
        name, count = value.name, 0
        while name in self.taken:
            count += 1
            name = f"{value.name}.{count}"
        self.taken.add(name)
        return f"%{name}"

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Value):
            return self.name(atom)
        text = literal_text(atom.value)
        return text if const(atom.value) == atom else f"({text}: {type_text(atom.type)})"

    def atoms(self, atoms: Iterable[Atom]) -> str:
        return ", ".join(map(self.atom, atoms))

    def definition(self, value: Value) -> str:
        prime = "'" if value.user and value.name.isidentifier() else ""
        return f"{self.name(value)}{prime}: {type_text(value.type)}"

    def definitions(self, values: Iterable[Value]) -> str:
        return ", ".join(map(self.definition, values))

    # ---- lines ----

    def line(self, depth: int, text: str) -> None:
        self.lines.append("  " * depth + text)

    def function(self, fn: Function) -> None:
        self.names, self.taken, self.unnamed = {}, set(), 0
        if self.lines:
            self.lines.append("")
        params = self.definitions(fn.params)
        self.line(0, f"def {self.called(fn)}({params}) -> {tree_text(fn.output)} {{")
        if fn.doc:
            self.line(1, f"doc {fn.doc!r}")
        facts = listed(fn)
        if facts:
            self.line(1, f"facts {attributes(facts)}")
        self.body(fn.body, 1)
        self.line(0, "}")

    def body(self, region: Region, depth: int) -> None:
        for statement in region.body:
            self.statement(statement, depth)
        self.line(depth, f"yield {self.atoms(region.yields)}".rstrip())

    def inner(self, region: Region, depth: int) -> None:
        if region.params:
            self.line(depth, f"({self.definitions(region.params)}) ->")
        self.body(region, depth)

    def statement(self, statement: Statement, depth: int) -> None:
        self.line_of.setdefault(statement, len(self.lines))
        results = self.definitions(statement.results)
        prefix = f"{results} = " if results else ""
        match statement:
            case Op():
                self.line(depth, prefix + self.op(statement))
            case Call():
                function = statement.function
                called = "itself" if is_itself(function) else self.called(function)
                head = f"call {called} {self.atoms(statement.operands)}"
                self.line(depth, prefix + head.rstrip() + origin(statement))
            case If():
                head = f"{prefix}if {self.atom(statement.condition)}{pair(statement)}{origin(statement)}"
                self.regions(depth, head, [statement.then, statement.orelse], "else")
            case For():
                bounds = self.atoms((statement.start, statement.stop, statement.step))
                flags = " reverse" * statement.reverse + " breaks" * statement.breaks
                flags += " parallel" * statement.is_parallel
                flags += f" slots={statement.slots}" if statement.slots else ""
                head = f"{prefix}for {bounds}{flags}{self.loop_end(statement)}"
                self.regions(depth, head, [statement.body], "")
            case While():
                head = f"{prefix}while{self.loop_end(statement)}"
                if statement.test is None:
                    self.regions(depth, f"{head} do", [statement.body], "")
                else:
                    self.regions(depth, head, [statement.test, statement.body], "do")

    def loop_end(self, loop: For | While) -> str:
        carried = f" with {self.atoms(loop.carried)}" if loop.carried else ""
        return pair(loop) + carried + origin(loop)

    def regions(self, depth: int, head: str, regions: Sequence[Region], between: str) -> None:
        self.line(depth, f"{head} {{")
        for region in regions:
            if region is not regions[0]:
                self.line(depth, f"}} {between} {{")
            self.inner(region, depth + 1)
        self.line(depth, "}")

    def op(self, op: Op) -> str:
        spelling = f"@{op.spelling}" if op.spelling else ""
        attrs = attributes(op.attrs) if op.attrs else ""
        return f"{op.decl.name}{spelling}{attrs} {self.atoms(op.operands)}".rstrip() + origin(op)


def pair(statement: If | For | While) -> str:
    return f" pair={statement.pair}" if statement.pair else ""


def origin(statement: Statement) -> str:
    return "" if statement.origin == "user" else f" ;{statement.origin}"


def attributes(attrs: Any) -> str:
    return f"[{', '.join(f'{k}={literal_text(v)}' for k, v in sorted(attrs.items()))}]"


def tree_text(tree: Tree) -> str:
    if isinstance(tree, int):
        return str(tree)
    children = map(tree_text, tree.children)
    return f"{_head(tree)}({', '.join(f'{literal_text(k)}: {c}' for k, c in zip(tree.keys, children, strict=False))})"


def _head(container: Node | Struct) -> str:
    return container.kind if container.cls is None else f"{container.kind} {container.cls.__name__}"


def type_text(type_: Type) -> str:
    """As `str`, but different for all types that differ."""
    match type_:
        case Struct():
            parts = map(type_text, type_.parts)
            inner = (f"{literal_text(k)}: {t}" for k, t in zip(type_.keys, parts, strict=True))
            return f"{_head(type_)}({', '.join(inner)})"
        case List(element):
            return f"list of {type_text(element)}"
        case Static(value):
            return f"static({literal_text(value)})"
    return str(type_)


def literal_text(value: object) -> str:
    """A constant or an attribute. What has no literal is shown as `<...>` and cannot be read back."""
    match value:
        case None | bool() | str() | bytes():
            return repr(value)
        case Dim():
            return f"dim({value})"
        case Scalar() | Array() | Struct() | List() | Static():
            return f"type({type_text(value)})"
        case tuple() if type(value) is tuple:
            return f"({', '.join(map(literal_text, value))}{',' * (len(value) == 1)})"
        case list():
            return f"[{', '.join(map(literal_text, value))}]"
        case dict():
            return f"{{{', '.join(f'{literal_text(k)}: {literal_text(v)}' for k, v in value.items())}}}"
        case np.bool() | np.number():
            return f"np.{value.dtype.name}({literal_text(value.item())})"
        case int() | float():
            return repr(value)
        case complex():
            return f"complex({value.real!r}, {value.imag!r})"
        case type():
            return f"class {value.__name__}"
    return opaque(value)


def opaque(value: object) -> str:
    """Something without a literal, by its name or type (never its address: the text is the same in every process)."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return f"<{name if isinstance(name, str) else type(value).__name__}>"
