"""Refusals: the one place where the frontend makes its errors, each with the cause and the cure."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NoReturn

import gast

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.source.adjoint_hook_nodes import check_block, is_block
from srcdiff.ir.location import Location


def fail(message: str, advice: str = "", location: Location | None = None) -> NoReturn:
    """Raise the error for a construct or a use that is not supported."""
    raise UnsupportedError(message, advice=advice, location=location)


def untyped(message: str, advice: str = "", location: Location | None = None) -> NoReturn:
    """Raise the error for what has no types that are known beforehand: `srcdiff.dynamic` runs it."""
    raise UntypedError(message, advice=advice, location=location)


_DYNAMIC = (ast.ClassDef, ast.Global, ast.Set, ast.SetComp)
_REFUSED: dict[type, tuple[str, str]] = {
    ast.AsyncFunctionDef: ("async functions are not supported", "Make it a plain `def`."),
    ast.AsyncFor: ("`async for` is not supported", "Use a plain `for`."),
    ast.AsyncWith: (
        "`async with` is not supported",
        "Do the asynchronous work before the function is called.",
    ),
    ast.Await: ("`await` is not supported", "Await the value first and pass it as an argument."),
    ast.ClassDef: (
        "class definitions inside a function are not supported",
        "Define the class at module level.",
    ),
    ast.Global: (
        "`global` is not supported",
        "Pass the value as an argument and return the new one.",
    ),
    ast.Set: ("sets are not supported", "Use a tuple or a list."),
    ast.SetComp: ("sets are not supported", "Use a list comprehension."),
}
if hasattr(ast, "TryStar"):
    _REFUSED[ast.TryStar] = ("`except*` is not supported", "Use `except`.")


def check_tree(tree: ast.AST, locate: Callable[[gast.AST], Location]) -> None:
    """Refuse what no type could make acceptable. Runs on Python's own tree: gast drops nodes that it does not know."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and is_block(node):
            check_block(node, locate)
            continue
        refused = _REFUSED.get(type(node))
        if refused is not None:
            (untyped if isinstance(node, _DYNAMIC) else fail)(*refused, locate(node))
        if isinstance(node, ast.expr | ast.stmt) and not hasattr(gast, type(node).__name__):
            fail(
                f"`{type(node).__name__}` is not supported",
                "Write it with plainer Python.",
                locate(node),
            )
