"""Helpers for matrix operations: matrix axes, dtypes, lengths, samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Clamp, Dim, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, Value
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, numeric
from srcdiff.ops.loopforms.stacks import in_stacks

HEAVY: dict[str, Any] = {"cost": "heavy", "raises": True}
IN_STACKS: dict[str, Any] = {**HEAVY, "loops": in_stacks}


SYSTEMS, EQUATIONS = "srcdiff.runtime.linear", "srcdiff.runtime.matrix_functions"


def called(
    module: str, name: str, rest: Callable[[Op], str] | None = None,
    own_complex: bool = True, given: Sequence[int] | None = None,
) -> Callable[[Op], str]:  # fmt: skip
    """The text of compiled code: a call of a function of the runtime, whose matrices all have the result's dtype.

    For complex numbers it calls `complex_<name>`, unless one function serves all dtypes (`own_complex=False`). `rest`
    is the text after the operands. `given` lists the operands that are matrices; the default is all of them.
    """

    def text(op: Op) -> str:
        results = [r.type for r in op.results if isinstance(r.type, Array)]
        dtype = next((r.dtype for r in results if r.dtype[0] == "c"), results[0].dtype)
        prefix = "complex_" if own_complex and dtype[0] == "c" else ""
        parts = []
        for k, a in enumerate(op.operands):
            is_other = (given is None or k in given) and numeric(a).dtype != dtype
            parts.append(f"{{{k}}}.astype(np.{dtype})" if is_other else f"{{{k}}}")
        after = rest(op) if rest is not None else ""
        return f"{module}.{prefix}{name}({', '.join(parts)}{after})"

    return text


def as_float(dtype: str) -> str:
    return "float64" if dtype[0] in "biu" else dtype


def matrix(atom: Atom, name: str) -> Array:
    """The type of an operand, which must be a matrix or a stack of matrices."""
    type_ = numeric(atom)
    if not isinstance(type_, Array) or type_.ndim < 2:
        raise TypeMistake(f"{name} takes matrices, not {len(shape_of(type_))} axes")
    return type_


def square(shapes: Shapes, atom: Atom, name: str, stacks: bool = True) -> Array:
    """The type of an operand, which must be a square matrix or a stack of square matrices."""
    type_ = matrix(atom, name)
    if not stacks and type_.ndim > 2:
        raise TypeMistake(f"{name} is differentiated for one matrix, not for {type_.ndim} axes")
    *_, rows, columns = type_.shape
    shapes.must_equal(rows, columns, f"{name} takes a square matrix; its axes of lengths")
    return type_


def like_matrix(name: str, stacks: bool = True) -> TypeRule:
    """The type rule of an operation from square matrices to square matrices."""

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a = square(shapes, operands[0], name, stacks)
        return (Array(as_float(a.dtype), a.shape),)

    return infer


def smaller(shapes: Shapes, a: Dim, b: Dim) -> Dim:
    """The smaller of two lengths; if only the given arguments decide it, the result becomes an assumption."""
    a, b = shapes.resolve(a), shapes.resolve(b)
    if a == b or (a.is_const and b.is_const):
        return a if a.const <= b.const else b
    for less, more in ((a, b), (b, a)):
        if shapes.is_at_least_zero(more - less):
            return less
    try:
        less, more = sorted((a, b), key=lambda d: d.evaluate(shapes.actual))
    except KeyError:
        return a - (a - b).clamped()
    shapes.assumptions.append((Dim.of(Clamp(more - less)), more - less))
    return less


def is_square_now(shapes: Shapes, a: Dim, b: Dim) -> bool:
    """Whether two lengths are equal; if only the given arguments decide it, the equality becomes an assumption."""
    a, b = shapes.resolve(a), shapes.resolve(b)
    try:
        if a != b and a.evaluate(shapes.actual) == b.evaluate(shapes.actual):
            shapes.assumptions.append((a, b))
            return True
    except KeyError:
        return False
    return a == b


def regular(rng: np.random.Generator, n: int = 3, *batch: int) -> np.ndarray:
    """Well-conditioned matrices."""
    return rng.normal(size=(*batch, n, n)) + 2 * n * np.eye(n)


def again(b: Builder, op: Op, *operands: Atom, **attrs: object) -> tuple[Atom, ...]:
    """The same operation with other operands and attributes; the results keep their names, types and lengths."""
    results = tuple(Value(r.type, r.name, r.user) for r in op.results)
    b.append(Op(op.decl, operands, results, attrs, b.location, b.origin))
    return results


matrices = (
    Sample(lambda rng: (regular(rng),)),
    Sample(lambda rng: (regular(rng, 1),)),
    Sample(lambda rng: (regular(rng, 3, 2),)),
)
