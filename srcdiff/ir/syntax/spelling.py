"""The Python text of operations, with `{i}` for operands; the reference evaluator runs it, codegen prints it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.types import Scalar, Type

LAPACK = "srcdiff.runtime.lapack"


def call_text(op: Op) -> str:
    """The default template: a call of the spelling with operands, and attributes that are not at their defaults."""
    spelling = op.spelling or op.decl.spelling
    given = [f"{k}={literal(v)}" for k, v in op.attrs.items() if op.decl.defaults.get(k, ...) != v]
    texts = [f"{{{i}}}" for i in range(len(op.operands))]
    if spelling.startswith("."):
        return f"{texts[0]}{spelling}({', '.join(texts[1:] + given)})"
    return f"{spelling}({', '.join(texts + given)})"


def literal(value: object) -> str:
    """A value as an expression: numbers without a literal are constants of NumPy."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"np.{value}" if value > 0 or value != value else "-np.inf"
    if type(value) is tuple:
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def template_of(op: Op) -> str:
    """The Python text of an operation, with `{i}` for its operands."""
    template = op.decl.template
    if callable(template):
        return template(op)
    return call_text(op) if template is None or op.spelling else template


def routine_of(op: Op) -> str:
    """The text that compiled code has for an operation on arrays; empty: NumPy's."""
    routine = op.decl.routine
    if callable(routine):
        return routine(op)
    places = ", ".join(f"{{{k}}}" for k in range(len(op.operands)))
    return f"{LAPACK}.{routine}({places})" if routine else ""


def as_spelled(decl: OpDecl, types: Sequence[Type], spelling: str) -> tuple[Type, ...]:
    """The result types of an elementwise operation: `math.exp` gives a Python float, `np.exp` a NumPy scalar."""
    name = spelling or (decl.spelling if decl.template is None else "")
    weak = name.startswith(("math.", "cmath."))
    if not decl.elementwise or not (weak or name.startswith("np.")):
        return tuple(types)
    return tuple(
        _number(t, name, weak) if isinstance(t, Scalar) and t.dtype != "bool" else t for t in types
    )


def _number(type_: Scalar, name: str, weak: bool) -> Scalar:
    """The number that a module's function gives; Python knows one precision only."""
    if name == "math.pow" and not type_.dtype.startswith(
        "float"
    ):  # of integers as well; ** of integers is an integer
        return Scalar("float64", weak=True)
    is_narrow = weak and type_.dtype.startswith("float")
    return replace(type_, weak=weak, dtype="float64" if is_narrow else type_.dtype)


def plural(name: str) -> str:
    """A name for many of what a name stands for: `log_alphas`, `boxes`, `entries`, `all_means`."""
    if len(name) <= 2 or re.search(r"_\w$", name):
        return f"{name}s" if name else ""
    if name.endswith(("s", "d")):
        return f"all_{name}"
    if name.endswith(("x", "ch", "sh")):
        return f"{name}es"
    return f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"
