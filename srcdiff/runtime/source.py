"""Source of runtime functions for saved modules, which define all functions that they use and never import srcdiff.

    source_of(["exp"])

returns the imports, constants and functions that `exp` needs, in an order in which they can be executed. It imports
nothing: it reads the modules of this package as text.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

MODULES = (
    "math/llvm_primitives",
    "math/minmax",
    "math/exponential",
    "math/logarithm",
    "math/trig",
    "math/special",
    "math/normal_cdf",
    "math/ufunc_inner_loops",
    "scipy_special",
    "complex_special",
    "fourier",
    "lapack",
    "linear",
    "matrix_functions",
    "quantile_paths",
    "clocks",
)  # each imports only from modules before it
OF_DEVICES = (
    "srcdiff.runtime.device",
    "srcdiff.runtime.blocks",
)  # the functions that kernels call, in a module each


@dataclass(frozen=True)
class Definition:
    """A constant, a function or an import, and the names in its module that it reads."""

    name: str
    text: str
    reads: frozenset[str] = frozenset()
    kind: Literal["function", "constant", "import"] = "import"


def source_of(names: Iterable[str]) -> str:
    """The text that defines `names` and everything that they use, with imports of `math`, Numba and llvmlite only."""
    return _text_of(needed(names), _definitions())


def needed(names: Iterable[str]) -> frozenset[str]:
    """`names` and all names that their text defines, imported modules included."""
    return _needed(names, _definitions())


def standalone(source: str) -> str:
    """The text of a module, in which the definitions of imported srcdiff names replace the imports."""
    body = ast.parse(source).body
    imports = [
        node
        for node in body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("srcdiff.")
    ]
    if not imports:
        return source
    names: dict[str, list[str]] = {}
    for node in imports:
        module = str(node.module)
        of_runtime = module.startswith("srcdiff.runtime.") and module not in OF_DEVICES
        names.setdefault("" if of_runtime else module, []).extend(a.name for a in node.names)
    there = {
        _import(getattr(node, "module", None), alias)
        for node in body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    texts = [_from_module(module, wanted, there) for module, wanted in names.items()]
    lines = source.splitlines(keepends=True)
    for node in imports:
        lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    lines[imports[-1].lineno - 1] = "\n".join(
        text if text.startswith(("import ", "from ")) else f"\n{text}" for text in texts
    )
    return "".join(lines)


def _from_module(module: str, names: Iterable[str], there: Collection[str]) -> str:
    """The definitions of names of a module ("": the runtime), without the imports that are there already."""
    if not module:
        own = {n: d for n, d in _definitions().items() if d.text not in there}
        return _text_of(needed(names), own)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    found: dict[str, Definition] = {}
    for definition in _of_module(Path(spec.origin).read_text(encoding="utf-8")):
        found.setdefault(definition.name, definition)
    found = {n: replace(d, reads=d.reads & found.keys()) for n, d in found.items()}
    return _text_of(_needed(names, found), {n: d for n, d in found.items() if d.text not in there})


def _text_of(wanted: Collection[str], found: Mapping[str, Definition]) -> str:
    chosen = list({d.text: d for name, d in found.items() if name in wanted}.values())
    text = "\n".join(sorted({d.text for d in chosen if d.kind == "import"}))
    previous = "import"
    for d in chosen:
        if d.kind != "import":
            text += ("\n" if d.kind == previous == "constant" else "\n\n\n") + d.text
            previous = d.kind
    return text.lstrip("\n") + "\n"


def _needed(names: Iterable[str], found: Mapping[str, Definition]) -> frozenset[str]:
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            raise KeyError(f"the runtime has no function `{name}`")
        if name not in reached:
            reached.add(name)
            pending.extend(found[name].reads)
    return frozenset(reached)


@cache
def _definitions() -> dict[str, Definition]:
    """All definitions by name, in the order of the modules; a name has one meaning in all of them."""
    result: dict[str, Definition] = {}
    for module in MODULES:
        text = Path(__file__).parent.joinpath(f"{module}.py").read_text(encoding="utf-8")
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
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            yield Definition(node.name, _text(lines, first, node), _reads(node), "function")
        elif isinstance(node, ast.Assign):
            text_of_it = _text(lines, node.lineno, node)
            for name in sorted(_bound(node.targets[0])):
                yield Definition(name, text_of_it, _reads(node.value), "constant")


def _text(lines: list[str], first: int, node: ast.stmt) -> str:
    """The lines of a definition, with the comment above it."""
    while lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(lines[first - 1 : node.end_lineno])


def _reads(node: ast.AST) -> frozenset[str]:
    """The names that are read and not bound inside: a local variable is no definition of the module."""
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names if isinstance(n.ctx, ast.Load)) - _bound(node)


def _bound(node: ast.AST) -> frozenset[str]:
    """The names that are bound inside: variables, parameters and functions."""
    nodes = list(ast.walk(node))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    functions = {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    return frozenset(stored | functions | {n.arg for n in nodes if isinstance(n, ast.arg)})


def _import(module: str | None, alias: ast.alias) -> str:
    renamed = f" as {alias.asname}" if alias.asname else ""
    return f"{f'from {module} ' if module else ''}import {alias.name}{renamed}"
