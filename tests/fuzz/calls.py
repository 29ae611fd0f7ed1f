"""Calls of every operation and composite that is declared, as their samples say: how they are written, and with
operands of which shapes, between which bounds.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ops.sample_programs import Case, Declared, cases, composites, operations

from srcdiff.ir.core import OpDecl

DRAWS = 4  # of a sample's operands, to see what they have in common


@dataclass(frozen=True)
class Operand:
    """What a call may be given in one place."""

    value: Any
    low: float = 0.0
    high: float = 0.0
    is_free: bool = False  # any floats between the bounds will do
    may_scale: bool = False  # may be multiplied by a positive number

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)


@dataclass(frozen=True)
class Call:
    """One way to call an operation, of `x`, `y`, `z`, `w`."""

    name: str
    text: str
    operands: tuple[Operand, ...]
    is_elementwise: bool

    def written(self, operands: list[str]) -> str:
        """The call with these operands."""
        tree = ast.parse(self.text, mode="eval")
        given = {n: ast.parse(t, mode="eval").body for n, t in zip("xyzw", operands, strict=False)}
        own = [
            n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        ]
        given |= {n.id: ast.Name(f"{n.id}_own") for n in own}  # what the call itself binds
        return ast.unparse(_Replaced(given).visit(tree))


class _Replaced(ast.NodeTransformer):
    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node)


@cache
def calls() -> tuple[Call, ...]:
    """All of them; those with operands that a program cannot hold (generators) are left out."""
    found = (_call(case) for case in cases([*operations(), *composites()]) if not case.sample.avoid)
    return tuple(c for c in found if c is not None)


@cache
def by_name() -> dict[str, list[Call]]:
    names: dict[str, list[Call]] = {}
    for call in calls():
        names.setdefault(call.name, []).append(call)
    return names


def _call(case: Case) -> Call | None:
    rows = [case.sample.args(np.random.default_rng(k)) for k in range(DRAWS)]
    if any(_literal(v) is None for v in rows[0]):
        return None
    decl: Declared = case.decl
    operands = tuple(_operand([row[k] for row in rows]) for k in range(len(rows[0])))
    is_elementwise = isinstance(decl, OpDecl) and decl.elementwise
    return Call(decl.name, case.text, operands, is_elementwise)


def _operand(drawn: list[Any]) -> Operand:
    first = np.asarray(drawn[0])
    if first.dtype.kind != "f" or not first.size:
        return Operand(drawn[0])
    values = (
        np.stack([np.asarray(d) for d in drawn]) if len({np.shape(d) for d in drawn}) == 1 else None
    )
    if values is None or (values == values[0]).all():
        return Operand(drawn[0])
    sums_to_one = any(np.allclose(values.sum(axis=-k), 1.0) for k in range(1, first.ndim + 1))
    is_symmetric = first.ndim > 1 and all(_is_symmetric(v) for v in values)
    is_sorted = first.ndim == 1 and first.size > 2 and bool((np.diff(values) >= 0).all())
    is_free = not (sums_to_one or is_symmetric or is_sorted)
    return Operand(drawn[0], float(values.min()), float(values.max()), is_free, not sums_to_one)


def _is_symmetric(v: np.ndarray) -> bool:
    return v.shape[-1] == v.shape[-2] > 1 and np.allclose(v, np.swapaxes(v, -1, -2))


def _literal(value: Any) -> str | None:
    """How a value is written; None where it cannot be."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiubc" or (value.size == 0 and value.ndim != 1):
            return None
        numbers = np.round(value, 4) if value.dtype.kind in "fc" else value
        dtype = (
            ""
            if value.dtype.name in ("float64", "int64", "bool", "complex128") and value.size
            else f", dtype=np.{value.dtype.name}"
        )
        return f"np.array({numbers.tolist()}{dtype})"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, bool | int | float | complex | str | None):
        return repr(round(value, 4)) if isinstance(value, float) else repr(value)
    if isinstance(value, tuple | list):
        parts = [_literal(v) for v in value]
        if any(p is None for p in parts):
            return None
        inner = ", ".join(p for p in parts if p)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(parts) == 1)})"
    return None


def literal(value: Any) -> str:
    text = _literal(value)
    assert text is not None
    return text
