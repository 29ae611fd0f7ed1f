"""Reduces a program that fails to a few lines that fail the same way: statements, then expressions, then arguments."""

from __future__ import annotations

import ast
import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from fuzz.program import Program, runs

from srcdiff.compile.arguments.pytree import map_leaves

Fails = Callable[[Program], str]  # what is wrong; empty, if all is well


def signature(message: str) -> str:
    """What is common to one failure of programs of different sizes."""
    first = message.split("\n")[0]
    first = re.sub(r"<program \d+>\S* in \w+: ", "", first)
    return re.sub(r"[\d.e+-]*\d[\d.e+-]*|`[^`]*`|nan|inf|\b\w*\d\w*\b", "#", first)[:80]


def shrunk(p: Program, fails: Fails, seconds: float = 60.0) -> Program:
    """The smallest program found within the time that fails as `p` does."""
    wanted, end = signature(fails(p)), time.monotonic() + seconds

    def still(candidate: Program) -> bool:
        return runs(candidate) and signature(fails(candidate)) == wanted

    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for step in (without_statements, without_parts, with_fewer_arguments, with_less_data):
            k = 0
            while time.monotonic() < end:  # the k-th candidate, of a program that changes
                candidate = next((c for n, c in enumerate(step(p)) if n == k), None)
                if candidate is None:
                    break
                if still(candidate):
                    p, progress = candidate, True
                else:
                    k += 1
    return p


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            found = getattr(node, name, None)
            if isinstance(found, list) and found and isinstance(found[0], ast.stmt):
                yield found


def _text(p: Program, tree: ast.AST) -> Program:
    return replace(p, text=ast.unparse(ast.fix_missing_locations(tree)) + "\n")


def without_statements(p: Program) -> Iterator[Program]:
    """One statement less, or only what a block holds in its place; the largest first."""
    tree = ast.parse(p.text)
    places = [(b, k) for b, body in enumerate(_bodies(tree)) for k in range(len(body))]
    for b, k in places:
        for keep_body in (False, True):
            new = copy.deepcopy(tree)
            body = list(_bodies(new))[b]
            inner = getattr(body[k], "body", None)
            if keep_body and not isinstance(inner, list):
                continue
            if keep_body and isinstance(body[k], ast.FunctionDef | ast.ClassDef):
                continue
            body[k : k + 1] = inner if keep_body and inner else []
            if not body:
                continue
            yield _text(p, new)


def without_parts(p: Program) -> Iterator[Program]:
    """An expression replaced by one of its parts, or by a number."""
    tree = ast.parse(p.text)
    nodes = [
        n for n in ast.walk(tree) if isinstance(n, ast.expr) and not isinstance(n, ast.Constant)
    ]
    for k, node in enumerate(nodes):
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        parts = [
            c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr) and _is_float_like(c)
        ]
        for part in (
            [*range(len(parts)), None] if not isinstance(node, ast.Name | ast.Attribute) else []
        ):
            new = copy.deepcopy(tree)
            old = [
                n
                for n in ast.walk(new)
                if isinstance(n, ast.expr) and not isinstance(n, ast.Constant)
            ][k]
            inner = [
                c
                for c in ast.iter_child_nodes(old)
                if isinstance(c, ast.expr) and _is_float_like(c)
            ]
            by = ast.Constant(0.5) if part is None else inner[part]
            yield _text(p, _Put(old, by).visit(new))


def _is_float_like(node: ast.expr) -> bool:
    return isinstance(
        node, ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.UnaryOp | ast.IfExp
    ) or (isinstance(node, ast.Constant) and isinstance(node.value, float))


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def with_fewer_arguments(p: Program) -> Iterator[Program]:
    for k in range(len(p.args)):
        tree = ast.parse(p.text)
        parameters = function(tree, p.name).args.args
        name = parameters.pop(k).arg
        if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)):
            yield replace(_text(p, tree), args=p.args[:k] + p.args[k + 1 :])


def with_less_data(p: Program) -> Iterator[Program]:
    """Arrays of one length shortened together; numbers with fewer digits."""
    lengths = sorted({n for v in _arrays(p.args) for n in v.shape if n > 1}, reverse=True)
    for n in lengths:
        for fewer in (1, n - 1):
            yield replace(p, args=map_leaves(lambda v, n=n, fewer=fewer: _cut(v, n, fewer), p.args))
    rounded = map_leaves(
        lambda v: np.round(v, 1) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v, p.args
    )
    if any((a != b).any() for a, b in zip(_arrays(rounded), _arrays(p.args), strict=True)):
        yield replace(p, args=rounded)


def _arrays(args: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    map_leaves(lambda v: found.append(v) if isinstance(v, np.ndarray) else None, args)
    return found


def _cut(v: Any, n: int, fewer: int) -> Any:
    if not isinstance(v, np.ndarray):
        return v
    return v[tuple(slice(fewer) if m == n else slice(None) for m in v.shape)].copy()
