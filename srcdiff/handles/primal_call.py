"""Primal calls: a plain call of a differentiable function runs it without its `srcdiff.adjoint` blocks.

The function without blocks is compiled from the source, with the same globals, captured variables, defaults and lines.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any


def without_blocks(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without `srcdiff.adjoint` blocks; the same object if it has none."""
    if isinstance(function, functools.partial):
        inner = without_blocks(function.func)
        if inner is function.func:
            return function
        return functools.partial(inner, *function.args, **function.keywords)
    if isinstance(function, MethodType):
        inner = without_blocks(function.__func__)
        return function if inner is function.__func__ else MethodType(inner, function.__self__)
    if type(function) is not FunctionType or not _mentions(function.__code__):
        return function
    return _stripped(function)


def _mentions(code: CodeType) -> bool:
    if "adjoint" in code.co_names or "adjoint" in code.co_freevars:
        return True
    return any(_mentions(c) for c in code.co_consts if isinstance(c, CodeType))


def _stripped(function: FunctionType) -> FunctionType:
    from srcdiff.frontend.source.function_source import source_of  # the stages take long to import

    source_of(function)  # raises where the source is missing or has changed
    lines, first = inspect.getsourcelines(function.__code__)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, first - 1)
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return function
    definition.decorator_list = []
    strip = _Strip(function)
    tree.body = [_nested(strip.visit(definition), function.__code__.co_freevars)]
    if not strip.found:
        return function
    module = compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec")
    (around,) = (c for c in module.co_consts if isinstance(c, CodeType))
    code = next(
        c for c in around.co_consts if isinstance(c, CodeType) and c.co_name == definition.name
    )
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    made = FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells[name] for name in code.co_freevars),
    )
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, function)
    return made


def _nested(definition: ast.FunctionDef, captured: tuple[str, ...]) -> ast.FunctionDef:
    """The definition inside a function whose parameters are the captured variables."""
    around = ast.parse("def around(): pass").body[0]
    assert isinstance(around, ast.FunctionDef)
    around.args.args = [ast.arg(name) for name in captured]
    around.body = [definition]
    return around


class _Strip(ast.NodeTransformer):
    def __init__(self, function: FunctionType) -> None:
        self.function = function
        self.found = False

    def visit_With(self, node: ast.With) -> ast.AST:
        if not self.is_ours(node):
            return self.generic_visit(node)
        self.found = True
        return ast.copy_location(ast.Pass(), node)

    def is_ours(self, node: ast.With) -> bool:
        # the stages take long to import
        from srcdiff.frontend.source.adjoint_hook_nodes import is_block
        from srcdiff.frontend.source.external_dependencies import look_up

        if not is_block(node):
            return False
        call = node.items[0].context_expr
        assert isinstance(call, ast.Call)
        names = ast.unparse(call.func).split(".")
        found = look_up(self.function, names[0])
        if found is None:  # imported in the function
            return True
        value = functools.reduce(lambda v, name: getattr(v, name, None), names[1:], found[1])
        return bool(getattr(value, "marks_adjoint", False))
