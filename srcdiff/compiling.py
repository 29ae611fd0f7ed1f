"""The loop form of a generated program, compiled: what it is called with, and how its results come back.

Compiled code takes tuples where the user has dicts, dataclasses and lists of unlike parts; here they are turned into
each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcdiff.codegen.load import load
from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import Tree
from srcdiff.ir.location import Location
from srcdiff.ir.structs import COMPILED_KINDS, build_struct
from srcdiff.ir.types import Static, Struct, Type
from srcdiff.runtime.source import source_of
from srcdiff.trees import children

__all__ = ["Compiled", "LoopProgram", "plain", "with_runtime"]


@dataclass(frozen=True)
class LoopProgram:
    """The loop form as text, or why there is none.

    Attributes
    ----------
    refused : str
        Why there is no loop form; empty where there is one.
    types : tuple of Type
        What the arguments are, as the user has them.
    output : Tree
        What the result is, as the user wants it.
    """

    name: str
    source: str = ""
    refused: str = ""
    bindings: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[Type, ...] = ()
    output: Tree = 0
    location: Location | None = None


class Compiled:
    """A loop program that is compiled when it is first called."""

    def __init__(self, program: LoopProgram) -> None:
        self.program = program
        self.function: Callable[..., Any] | None = None
        self.is_plain = not any(map(_is_changed, program.types))
        self.gives_plain = _is_plain_tree(program.output)

    def __call__(self, *values: Any) -> Any:
        assert self.function is not None
        if not self.is_plain:
            values = tuple(map(plain, values, self.program.types))
        found = self.function(*values)
        return found if self.gives_plain else _restored(found, self.program.output)

    def _loaded(self) -> Callable[..., Any]:
        p = self.program
        if p.refused:
            raise UnsupportedError(
                f"{p.name} cannot be compiled: {p.refused}",
                "Leave jit=True out: then it runs as NumPy.",
                p.location,
            )
        return load(p.source, p.name, p.bindings)

    def compile_for(self, values: Sequence[Any]) -> None:
        """Compile without running; from then on calls run what was compiled.

        Raises
        ------
        UnsupportedError
            For what Numba refuses; the text says what.
        """
        import numba  # takes half a second to import

        function: Any = self._loaded()
        given = values if self.is_plain else tuple(map(plain, values, self.program.types))
        try:
            function.compile(tuple(numba.typeof(v) for v in given))  # type: ignore[no-untyped-call]
        except (numba.core.errors.NumbaError, ValueError, NotImplementedError) as error:
            raise UnsupportedError(
                f"{self.program.name} cannot be compiled: {_first_lines(error)}",
                "Leave jit=True out: then it runs as NumPy.",
                self.program.location,
            ) from error
        self.function = function


def with_runtime(source: str) -> str:
    """A loop form for a file of its own: with the text of the runtime's functions that it calls."""
    line = re.search(r"^from srcdiff\.runtime\.vmath import (.*)\n", source, re.MULTILINE)
    if line is None:
        return source
    functions = source_of(line.group(1).split(", "))
    return source[: line.start()] + functions + source[line.end() :]


def _first_lines(error: Exception) -> str:
    """What Numba says, without its own places."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Failed in", "During", "-", "File"))]
    return " ".join(told[:2]) or type(error).__name__


def _is_changed(type_: Type) -> bool:
    """Whether compiled code has something else for values of a type."""
    if isinstance(type_, Struct):
        return type_.kind not in COMPILED_KINDS or any(map(_is_changed, type_.parts))
    return isinstance(type_, Static)


def plain(value: Any, type_: Type) -> Any:
    """A value as compiled code takes it: tuples, numbers and arrays."""
    if isinstance(type_, Static):
        return value if isinstance(value, bool | int | float | str) else None
    if not isinstance(type_, Struct) or not _is_changed(type_):
        return value
    parts = [plain(v, t) for v, t in zip(children(value) or (), type_.parts, strict=True)]
    return type(value)(*parts) if type_.kind == "namedtuple" else tuple(parts)


def _is_plain_tree(tree: Tree) -> bool:
    return isinstance(tree, int) or (
        tree.kind in COMPILED_KINDS and all(map(_is_plain_tree, tree.children))
    )


def _restored(value: Any, tree: Tree) -> Any:
    if isinstance(tree, int):
        return value
    parts = [_restored(v, t) for v, t in zip(value, tree.children, strict=True)]
    return build_struct(tree.kind, tree.keys, parts, tree.cls)
