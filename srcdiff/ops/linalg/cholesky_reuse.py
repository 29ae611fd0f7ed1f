"""Cholesky factorisation of symmetric matrices that may be positive definite, and solutions and determinants from it.

`a` is an operand beside its factor. Derivatives of the solution and of the determinant are with respect to `a`, and use
the same factor. The factor has no derivative of its own, and the reference evaluator reads `a` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import Sample, fixed
from srcdiff.ops.core.type_rules import Attrs, TypeMistake, make, numeric, promote
from srcdiff.ops.library.linalg import unpivoted_loops
from srcdiff.ops.library.linalg.matrix_checks import outer_product
from srcdiff.ops.linalg.matrix_types import as_float, square

linalg: Any = LazyModule("scipy.linalg")


_FACTOR = np.array([[2.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, -1.0, 1.0]])
_A = _FACTOR @ _FACTOR.T


def _factor_and_info(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "potrf", stacks=False)
    return Array(as_float(a.dtype), a.shape), Scalar("int64", True)


def _potrf_text(op: Op) -> str:
    letter = "s" if op.operands[0].type.dtype == "float32" else "d"  # type: ignore[union-attr]
    return f"scipy.linalg.lapack.{letter}potrf({{0}}, lower=True)"


# the lower factor of a symmetric matrix, and an integer that is 0 if the matrix is positive definite
potrf = operation(
    "potrf", template=_potrf_text, infer=_factor_and_info, differentiable=False, cost="heavy",
    routine="cholesky_factor", device_form=unpivoted_loops.potrf_in_loops, signature="a", samples=(fixed(_A, wrt=()),),
)  # fmt: skip


def _solution(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    b = shape_of(numeric(operands[2]))
    if len(b) not in (1, 2):
        raise TypeMistake("the right-hand side must be a vector or a matrix")
    shapes.must_equal(shape_of(operands[1].type)[0], b[0], "the rows of a system of lengths")
    return (make(as_float(promote([operands[0], operands[2]])[0]), b),)


def _with_factor(*shape: int) -> Sample:
    return Sample(lambda rng: (_A, _FACTOR, rng.normal(size=shape)), wrt=(0, 2))


def definite_solve_forward(a, factor, b, *, a_dot, factor_dot, b_dot, out):
    if a_dot is None:
        out_dot = definite_solve(a, factor, b_dot)
    elif b_dot is None:
        out_dot = definite_solve(a, factor, -a_dot @ out)
    else:
        out_dot = definite_solve(a, factor, b_dot - a_dot @ out)


@declare(
    template="scipy.linalg.cho_solve(({1}, True), {2}, check_finite=False)",
    infer=_solution,
    device_form=unpivoted_loops.definite_solve_in_loops,
    forward=definite_solve_forward,
    routine="cholesky_solve",
    evaluate=lambda operands, attrs: np.linalg.solve(operands[0], operands[2]),
    samples=(_with_factor(3), _with_factor(3, 2)),
    cost="heavy",
)
def definite_solve(a, factor, b, *, out, d_out):
    d_b = definite_solve(a, factor, d_out)
    d_a = -outer_product(d_b, out)


def _number(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (make(as_float(promote(operands[:1])[0]), ()),)


def definite_logdet_forward(a, factor, *, a_dot, factor_dot, out):
    out_dot = np.trace(definite_solve(a, factor, a_dot))


@declare(
    template="2.0 * np.sum(np.log(np.diag({1})))",
    infer=_number,
    device_form=unpivoted_loops.definite_logdet_in_loops,
    forward=definite_logdet_forward,
    evaluate=lambda operands, attrs: np.linalg.slogdet(operands[0])[1],
    samples=(Sample(lambda rng: (_A, _FACTOR), wrt=(0,)),),
    cost="heavy",
)
def definite_logdet(a, factor, *, out, d_out):
    d_a = d_out * definite_solve(a, factor, np.eye(len(a)))
