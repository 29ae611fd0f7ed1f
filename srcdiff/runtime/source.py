"""The runtime's functions as text, for saved modules: they define what they use and never import srcdiff.

    source_of(["exp"])

gives the imports, constants and functions that `exp` needs, in an order in which they can be run. Nothing is imported
for it: the modules beside this one are read.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

MODULES = (
    "parts",
    "extremes",
    "exponential",
    "logarithm",
    "trig",
    "special",
    "normal",
    "scipy_special",
    "lapack",
)  # each imports from those before it only


@dataclass(frozen=True)
class Definition:
    """A constant, a function or an import, and the names of its module that it reads."""

    name: str
    text: str
    reads: frozenset[str] = frozenset()
    kind: Literal["function", "constant", "import"] = "import"


def source_of(names: Iterable[str]) -> str:
    """The text that defines `names` and all that they use, with imports of `math`, Numba and llvmlite only."""
    found = _definitions()
    wanted = needed(names)
    chosen = [d for name, d in found.items() if name in wanted]
    text = "\n".join(sorted({d.text for d in chosen if d.kind == "import"}))
    previous = "import"
    for d in chosen:
        if d.kind != "import":
            text += ("\n" if d.kind == previous == "constant" else "\n\n\n") + d.text
            previous = d.kind
    return text + "\n"


def needed(names: Iterable[str]) -> frozenset[str]:
    """`names` and every name that their text defines besides, imported modules included."""
    found = _definitions()
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            raise KeyError(f"the runtime has no function `{name}`")
        if name not in reached:
            reached.add(name)
            waiting.extend(found[name].reads)
    return frozenset(reached)


@cache
def _definitions() -> dict[str, Definition]:
    """By name, in the order of the modules: a name means the same thing in all of them."""
    result: dict[str, Definition] = {}
    for module in MODULES:
        text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        for definition in _of_module(text):
            known = result.setdefault(definition.name, definition)
            assert known.text == definition.text, f"two meanings of {definition.name}"
    known_names = result.keys()
    return {n: replace(d, reads=d.reads & known_names) for n, d in result.items()}


def _of_module(text: str) -> Iterator[Definition]:
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            if not str(module).startswith("srcdiff"):
                for alias in node.names:
                    yield Definition(alias.asname or alias.name, _import(module, alias))
        elif isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            yield Definition(node.name, _text(lines, first, node), _reads(node), "function")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text_of_it = _text(lines, node.lineno, node)
            yield Definition(node.targets[0].id, text_of_it, _reads(node.value), "constant")


def _text(lines: list[str], first: int, node: ast.stmt) -> str:
    """The lines of a definition and of the comment above it."""
    while lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(lines[first - 1 : node.end_lineno])


def _reads(node: ast.AST) -> frozenset[str]:
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _import(module: str | None, alias: ast.alias) -> str:
    renamed = f" as {alias.asname}" if alias.asname else ""
    return f"{f'from {module} ' if module else ''}import {alias.name}{renamed}"
