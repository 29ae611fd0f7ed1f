"""Cache of rewritten functions: a function that a dynamic program calls is rewritten once, and takes the tape first."""

from __future__ import annotations

import ast
import hashlib
import linecache
from types import FunctionType
from typing import Any

from srcdiff.eager.derivatives.adjoint_hooks import function_def
from srcdiff.eager.rewrite.line_map import Origin, note_origin
from srcdiff.eager.rewrite.rewrite_statements import dynamic_function, rewriter_of
from srcdiff.frontend.source.function_source import plain_tree

PREFIX = "<srcdiff dynamic"


def is_rewritten(function: FunctionType) -> bool:
    """Whether a function was rewritten, or was made by a rewritten function."""
    return function.__code__.co_filename.startswith(PREFIX)


_REWRITTEN: dict[object, Any] = {}


def rewritten(function: Any, is_leaf: bool = False) -> FunctionType:
    """`function` as a dynamic program, a function of the tape and its own arguments."""
    key = id(function.__code__), is_leaf  # functions with equal code may differ
    if key not in _REWRITTEN:
        _REWRITTEN[key] = (*_compiled(function, is_leaf), function.__code__)
    code, free, _ = _REWRITTEN[key]
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in free)
    made = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _compiled(function: FunctionType, is_leaf: bool) -> tuple[object, tuple[str, ...]]:
    node = plain_tree(function)
    rewriter = rewriter_of(function, node, is_leaf)
    name = "function" if isinstance(node, ast.Lambda) else f"{node.name}_dynamic"
    made = dynamic_function(node, rewriter, name)
    none = ast.Constant(None)
    made.args.defaults = [none for _ in made.args.defaults]
    made.args.kw_defaults = [d and none for d in made.args.kw_defaults]
    free = function.__code__.co_freevars
    parameters = ast.arguments([], [ast.arg(n) for n in free], None, [], [], None, [])
    maker = function_def("made", parameters, [made, ast.Return(ast.Name(name, ast.Load()))])
    text = ast.unparse(ast.fix_missing_locations(ast.Module([maker], [])))
    digest = hashlib.sha256(f"{text}{function.__module__}".encode()).hexdigest()[:16]
    file = f"{PREFIX} {name} {digest}>"
    note_origin(file, Origin(made, function))
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    outer = next(
        c for c in compile(text, file, "exec", dont_inherit=True).co_consts if hasattr(c, "co_code")
    )
    code = next(c for c in outer.co_consts if hasattr(c, "co_code") and c.co_name == name)
    return code, code.co_freevars
