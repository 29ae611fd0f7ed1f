"""Operand roles: the operands of an operation that carry derivatives."""

from __future__ import annotations

import inspect
from functools import cache

from srcdiff.ir.core import OpDecl


def carries_derivative(decl: OpDecl, position: int) -> bool:
    """Whether a derivative can pass from this operand to the result: not from `roll`'s shift or `reshape`'s lengths.

    Forward mode replaces operands that carry derivatives by their tangents (zero if they have none), and keeps the
    others.
    """
    name, is_star = _parameter(decl, position)
    if decl.rule is not None:
        return f"d_{name}" in decl.rule.__code__.co_varnames
    return position == 0 or (is_star and decl.signature.startswith("*"))


@cache
def _parameters(signature: str) -> tuple[inspect.Parameter, ...]:
    probe = eval(f"lambda {signature}: 0", {})
    shown = inspect.signature(probe).parameters.values()
    return tuple(p for p in shown if p.default is p.empty)


def _parameter(decl: OpDecl, position: int) -> tuple[str, bool]:
    """The name of an operand, and whether it is one of `*many`."""
    parameters = _parameters(decl.signature)
    if not parameters:
        return "", False
    found = parameters[min(position, len(parameters) - 1)]
    return found.name, found.kind is found.VAR_POSITIONAL
