"""Extended precision: passes that change values for stability are compared with arithmetic of 80 bits.

A number of 80 bits has a larger range and a smaller rounding error. It gives the right value where double precision
gives infinity or NaN. No value may be farther from it after the pass than before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Function, Op
from srcdiff.ir.reference.interpreter import compiled
from srcdiff.ir.reference.value_conformance import Mismatch, Scope, conform
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import Array, Scalar, Type
from srcdiff.ir.values import Value
from srcdiff.transforms.validation.outcomes import Rounded, outcome

RUNS = 3  # with different rounding errors of the arguments and operations: their spread is the uncertainty
TOLERANCE = 1e-6


class Wide(Rounded):
    """An evaluator of numbers of 80 bits, with a random rounding error in each operation."""

    def bind(
        self,
        values: Sequence[Value],
        objects: Sequence[object],
        scope: Scope,
        where: Callable[[], str],
        soft: bool = False,
    ) -> None:
        for value, obj in zip(values, objects, strict=True):
            with contextlib.suppress(Mismatch):  # only to bind its lengths
                conform(_narrow(obj, value.type), value.type, scope, soft)
            self.values[value] = obj

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        """As in double precision; functions of `math`, which take doubles only, are those of NumPy."""
        text = "" if op.decl.evaluate else template_of(op)
        if text.startswith("math.") and hasattr(np, text[5:].partition("(")[0]):
            out = compiled(f"np.{text[5:]}", len(operands), is_statement=False)(*operands)
            return self.rounded(op, out)
        return super().compute(op, operands, scope)


def _narrow(obj: object, type_: Type) -> object:
    if isinstance(obj, np.ndarray) and obj.dtype == np.longdouble and isinstance(type_, Array):
        return obj.astype(type_.dtype)
    if isinstance(obj, np.longdouble) and isinstance(type_, Scalar):
        return float(obj) if type_.weak else np.dtype(type_.dtype).type(obj)
    return obj


def _wide(tree: Any, rng: np.random.Generator) -> Any:
    """The numbers of 80 bits that an argument in double precision may be the rounded values of."""
    if isinstance(tree, float) or getattr(tree, "dtype", None) == np.float64:
        error = np.finfo(float).eps * rng.uniform(-0.5, 0.5, np.shape(tree))
        return np.asarray(np.asarray(tree, np.longdouble) * (1 + error.astype(np.longdouble)))[()]
    if isinstance(tree, dict):
        return {k: _wide(v, rng) for k, v in tree.items()}
    if isinstance(tree, tuple | list):
        parts = [_wide(v, rng) for v in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def worse_than_before(before: Function, after: Function, args: Sequence[object]) -> str:
    """Which value of `after` is farther from the value in 80 bits than before, in words; empty if no value is.

    A value that was infinite or NaN may stay so, or become the right value.
    """
    old, new = outcome(before, args).leaves, outcome(after, args).leaves
    if old is None or new is None or not _floats(old):
        return ""
    rng = np.random.default_rng(0)
    runs = [outcome(before, [_wide(a, rng) for a in args], Wide).leaves for _ in range(RUNS)]
    for a, b, *many in zip(old, new, *(r or () for r in runs), strict=False):
        if not all(getattr(x, "dtype", None) == np.longdouble for x in many) or not _floats([a, b]):
            continue
        wide = np.asarray(many)
        with np.errstate(all="ignore"):
            spread = np.max(wide, axis=0) - np.min(wide, axis=0)
            scale = np.abs(wide[0])
            largest = np.max(scale, where=np.isfinite(scale), initial=0.0)
            worst = np.where(
                np.isfinite(a), 4 * np.abs(a - wide[0]) + 1e-9 * largest, TOLERANCE * scale
            )
            is_known = np.isfinite(b) & np.isfinite(wide[0]) & np.isfinite(spread)
            allowed = worst + 30 * spread + np.finfo(float).tiny
            if np.any(is_known & ~(np.abs(b - wide[0]) <= allowed)):
                return f"{a!r} became {b!r}, and is {wide[0]!r} with 80 bits"
    return ""


def _floats(leaves: Sequence[object]) -> list[object]:
    return [x for x in leaves if isinstance(x, float) or getattr(x, "dtype", None) == np.float64]
