"""Order of evaluation: which calls may write values that the enclosing expression has read before.

    np.sum(y) * step(y)        the sum comes first, whatever `step` writes into `y`

Operands that such a call may write are computed in front of it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from srcdiff.errors import DifferentiationError
from srcdiff.frontend.arrays.out_arguments import out_by_place
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.frontend.source.function_source import plain_tree
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.ops.core.registry import COMPOSITE_METHODS, METHODS

CHANGING = ("fill", "sort", "partition", "put", "resize", "item")  # methods of arrays
_EFFECTS = ("next", "setattr", "delattr", "exec", "eval")
_SCOPES = ast.FunctionDef | ast.Lambda | ast.Nonlocal | ast.Global | ast.Yield | ast.YieldFrom


def may_be_part(function: object, call: ast.Call) -> bool:
    """Whether a call writes into none of its arguments: a positional argument may be the array for the result."""
    return out_by_place(function, len(call.args)) is None and not writes_first(function)


_WRITING = (np.put, np.copyto, np.fill_diagonal, np.place, np.putmask, np.put_along_axis)


def writes_first(function: object) -> bool:
    """Whether a function of NumPy's changes its first argument: `np.put`, `np.add.at`."""
    if getattr(function, "__name__", "") == "at":
        return isinstance(getattr(function, "__self__", None), np.ufunc)
    return any(function is f for f in _WRITING)


def may_write(node: ast.AST, meaning: Callable[[Any], Any]) -> bool:
    """Whether a call in an expression may write into arrays or containers. `meaning` gives the objects of names."""
    return any(
        isinstance(part, ast.Call) and not _is_quiet(part, meaning) for part in ast.walk(node)
    )


def _is_quiet(call: ast.Call, meaning: Callable[[object], object]) -> bool:
    if any(keyword.arg in (None, "out") for keyword in call.keywords):
        return False
    function = meaning(call.func)
    if function is not None and not may_be_part(function, call):
        return False
    if function is None:
        name = getattr(call.func, "attr", "")
        return name not in CHANGING and (name in METHODS or name in COMPOSITE_METHODS)
    plain = function_of(function)
    if isinstance(plain, FunctionType) and not _is_library(plain):
        return _writes_nothing(plain)
    return _is_library(plain) and getattr(plain, "__name__", "") not in _EFFECTS


def _is_library(function: object) -> bool:
    if isinstance(function, np.ufunc | BuiltinFunctionType):
        return True
    home = str(getattr(function, "__module__", "")).partition(".")[0]
    return home in ("numpy", "scipy", "math", "cmath", "builtins")


_OPEN: set[object] = set()  # functions that are being analysed, which may call each other


def _writes_nothing(function: FunctionType) -> bool:
    if function in _OPEN:
        return True
    _OPEN.add(function)
    try:
        return _found_to_write_nothing(function)
    finally:
        _OPEN.discard(function)


def _found_to_write_nothing(function: FunctionType) -> bool:
    try:
        tree = plain_tree(function)
    except DifferentiationError:
        return False
    numbers = _numbers(tree)
    for part in ast.walk(tree):
        if part is not tree and isinstance(part, _SCOPES):
            return False
        if isinstance(part, ast.Subscript | ast.Attribute) and not isinstance(part.ctx, ast.Load):
            return False
        if isinstance(part, ast.AugAssign) and getattr(part.target, "id", "") not in numbers:
            return False
        if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            return False
    return not may_write(tree, functools.partial(_meaning, function))


def _numbers(tree: ast.AST) -> set[str]:
    """Names that are assigned constants only, except for additions to them."""
    found: dict[str, bool] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.arg):
            found[part.arg] = False
        elif isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant):
            for target in part.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, True)
        elif isinstance(part, ast.Assign | ast.For | ast.NamedExpr | ast.With):
            for each in ast.walk(part):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    is_constant = isinstance(part, ast.For | ast.With) and found.get(each.id, False)
                    found[each.id] = is_constant
    return {name for name, is_number in found.items() if is_number}


def _meaning(function: FunctionType, node: ast.expr) -> int | None:
    if isinstance(node, ast.Name):
        local = function.__code__.co_varnames
        found = None if node.id in local else look_up(function, node.id)
        return None if found is None else found[1]
    if isinstance(node, ast.Attribute):
        base = _meaning(function, node.value)
        return getattr(base, node.attr, None) if isinstance(base, ModuleType | np.ufunc) else None
    return None
