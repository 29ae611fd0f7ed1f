"""Checks on entry of a function as text, in front of a text that is made already.

A saved module checks more than one whose calls come through srcdiff; the rest of the two is the same.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from srcdiff.codegen.module.module import to_source
from srcdiff.ir.core import Function, Node


def with_checks(source: str, checked: Function, bare: Function) -> str:
    """`source`, which is that of `bare`, with the statements that `checked` has in front of those of `bare`."""
    count = len(checked.body.body) - len(bare.body.body)
    if not count:
        return source
    body = replace(checked.body, body=checked.body.body[:count], yields=())
    alone = to_source(replace(checked, body=body, output=Node("tuple", (), ())))
    if not _imports(alone) <= _imports(source):
        return to_source(checked)
    _, *checks, _ = _entry(alone, checked.name).body  # a docstring; the empty result
    start, end = checks[0].lineno - 1, checks[-1].end_lineno
    doc = _entry(source, bare.name).body[0].end_lineno
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:doc], *alone.splitlines(keepends=True)[start:end], *lines[doc:]])


def _imports(source: str) -> set[str]:
    return {
        ast.unparse(s) for s in ast.parse(source).body if isinstance(s, ast.Import | ast.ImportFrom)
    }


def _entry(source: str, name: str) -> ast.FunctionDef:
    functions = (s for s in ast.parse(source).body if isinstance(s, ast.FunctionDef))
    return next(f for f in functions if f.name == name)
