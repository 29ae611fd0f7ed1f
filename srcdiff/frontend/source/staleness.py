"""Whether a function was compiled from a text. A file may have been edited since it was imported, and a cell run again
under the same name; the function is then still the old one, and its derivative would be that of another function.
"""

from __future__ import annotations
import __future__

import ast
import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any

_OUTER = "<outer>"
_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


def is_compiled_from(code: CodeType, node: ast.FunctionDef | ast.Lambda) -> bool:
    """Whether `node` compiles to `code`. What rewrites functions when they are imported (pytest's assertions, checks
    of types) adds names of its own, and is let pass.
    """
    if "__class__" in code.co_freevars:  # `super()`, which means something in a class only
        return True
    found = [c for c in _inside(_compiled(code, node)) if c.co_name == code.co_name]
    return any(_same(code, c) or _mentioned(c) < _mentioned(code) for c in found)


def _compiled(code: CodeType, node: ast.FunctionDef | ast.Lambda) -> CodeType:
    """The function alone, in something that has the names which it captures."""
    body: list[ast.stmt] = [ast.Expr(node)] if isinstance(node, ast.Lambda) else []
    if isinstance(node, ast.FunctionDef):
        body = [ast.FunctionDef(**{**vars(node), "decorator_list": []})]
        *_, around, _ = ("", *code.co_qualname.split("."))
        if around not in ("", "<locals>"):  # a class: `__x` is its own name in there
            body = [ast.ClassDef(around, [], [], body, [], **_no_parameters())]
        bound = around if around not in ("", "<locals>") else node.name
        if bound not in code.co_freevars:  # a method may make another object of its class
            body = [ast.Global([bound]), *body]
    captured = [ast.arg(name) for name in code.co_freevars]
    parameters = ast.arguments([], captured, None, [], [], None, [])
    outer = ast.FunctionDef(_OUTER, parameters, body, [], None, **_no_parameters())
    module = ast.fix_missing_locations(ast.Module([outer], []))
    flags = code.co_flags & _FUTURE
    whole: CodeType = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    return whole


def _no_parameters() -> dict[str, Any]:
    """The field for parameters of types, from Python 3.12 on."""
    return {"type_params": []} if "type_params" in ast.FunctionDef._fields else {}


def _inside(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _inside(part)


def _same(a: CodeType, b: CodeType) -> bool:
    """Whether two functions compute the same, instruction by instruction."""
    steps = [list(_steps(code)) for code in (a, b)]
    return len(steps[0]) == len(steps[1]) and all(
        one[0] == other[0] and _same_constant(one[1], other[1])
        for one, other in zip(*steps, strict=True)
    )


# how a method is called, and so how far jumps go, depends on whether its object was imported: elsewhere in the module
_HOW_CALLED = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "NOP", "RESUME", "EXTENDED_ARG"})
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def _steps(code: CodeType) -> Iterator[tuple[str, object]]:
    for step in dis.get_instructions(code):
        if step.opname not in _HOW_CALLED:
            is_jump = step.opcode in _JUMPS
            yield step.opname.replace("LOAD_METHOD", "LOAD_ATTR"), None if is_jump else step.argval


def _same_constant(a: object, b: object) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return _same(a, b)
    if isinstance(a, str) and isinstance(b, str):
        # names of classes say where they are, and lines of a string lose their indentation
        is_name = "<locals>" in a and a.endswith(b.removeprefix(f"{_OUTER}.<locals>."))
        return is_name or a.split() == b.split()
    return type(a) is type(b) and repr(a) == repr(b)


def _mentioned(code: CodeType) -> set[str]:
    """The names and constants of a function and of those in it."""
    codes = [code, *_inside(code)]
    names = {n for c in codes for n in (*c.co_names, *c.co_varnames, *c.co_freevars)}
    constants = {repr(v) for c in codes for v in c.co_consts if not isinstance(v, CodeType | str)}
    return names | constants
