"""What a program was specialised on: the values that reading it took from its parameters.

    def price(x, kind, opts):               kind          "call"
        if kind == "call": ...              opts['mode']  None
        if opts["mode"] is None: ...

A parameter that nothing reads is not among them: the program is right for any value of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from srcdiff.ir.core import Call, Op, Statement, regions_of
from srcdiff.ir.types import Static, Struct, Type
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.containers import get

Taken = tuple[str, str, object]  # parameter, the rest of how the value is written, value


def taken_values(
    params: Sequence[Value], body: Sequence[Statement], read: Collection[str]
) -> tuple[Taken, ...]:
    """The values that were taken, each once, in the order of the parameters."""
    found: dict[tuple[str, str], Any] = {
        (p.name, ""): p.type.value for p in params if isinstance(p.type, Static) and p.name in read
    }
    paths: dict[Atom, tuple[str, str]] = {
        p: (p.name, "") for p in params if isinstance(p.type, Struct)
    }
    if paths:
        _visit(body, paths, found)
    order = {p.name: k for k, p in enumerate(params)}
    items = sorted(found.items(), key=lambda item: order[item[0][0]])
    return tuple((name, rest, value) for (name, rest), value in items)


def _visit(
    body: Sequence[Statement],
    paths: dict[Atom, tuple[str, str]],
    found: dict[tuple[str, str], object],
) -> None:
    """Follow containers to their parts; a function that one is handed to may read all of it."""
    for s in body:
        if isinstance(s, Op) and s.decl is get and s.operands[0] in paths:
            (result,) = s.results
            name, rest = paths[s.operands[0]]
            path = name, rest + _part(s.operands[0].type, s.attrs["key"])
            if isinstance(result.type, Static):
                found[path] = result.type.value
            elif isinstance(result.type, Struct):
                paths[result] = path
        elif isinstance(s, Call):
            for operand in s.operands:
                if operand in paths:
                    name, rest = paths[operand]
                    found |= {(name, rest + more): v for more, v in _leaves(operand.type)}
        for region in regions_of(s):
            _visit(region.body, paths, found)


def _leaves(type_: Type | None) -> Iterator[tuple[str, object]]:
    """The values in a container's type, with how they are written."""
    if isinstance(type_, Static):
        yield "", type_.value
    elif isinstance(type_, Struct):
        for key, part in zip(type_.keys, type_.parts, strict=True):
            for rest, value in _leaves(part):
                yield _part(type_, key) + rest, value


def _part(type_: Type, key: object) -> str:
    named = isinstance(type_, Struct) and type_.kind in ("namedtuple", "dataclass")
    return f".{key}" if named else f"[{key!r}]"
