"""Factorisations shared by all uses of one matrix: systems with it, and its determinant.

Cholesky for symmetric matrices that may be positive definite, LU for others. `a` is an operand beside its factors.
Derivatives of the solution and of the determinant are with respect to `a`, and use the same factors. The factors have
no derivative of their own, and the reference evaluator reads `a` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type, element_type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import Sample, fixed
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, promote
from srcdiff.ops.library.linalg import unpivoted_loops
from srcdiff.ops.library.linalg.matrix_checks import outer_product
from srcdiff.ops.linalg.matrix_types import SYSTEMS, as_float, called, square

linalg = LazyModule("scipy.linalg")

_FACTOR = np.array([[2.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, -1.0, 1.0]])
_DEFINITE = _FACTOR @ _FACTOR.T
_REGULAR = np.array([[2.0, 4.0, 0.0], [2.0, 1.0, -1.0], [0.0, -3.0, 1.0]])
_LU = np.array([[2.0, 1.0, -1.0], [1.0, 3.0, 1.0], [0.0, -1.0, 2.0]])
_PIVOTS = np.array([1, 1, 2], np.int32)


def _solution(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    b = shape_of(numeric(operands[-1]))
    if len(b) not in (1, 2):
        raise TypeMistake("the right-hand side must be a vector or a matrix")
    shapes.must_equal(shape_of(operands[1].type)[0], b[0], "the rows of a system of lengths")
    return (make(as_float(promote([operands[0], operands[-1]])[0]), b),)


def _number(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (make(as_float(promote(operands[:1])[0]), ()),)


# ---- Cholesky --------------------------------------------------------------------------------


def _factor_and_info(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "potrf", stacks=False)
    return Array(as_float(a.dtype), a.shape), Scalar("int64", True)


def _potrf_text(op: Op) -> str:
    letter = "s" if element_type(op.operands[0].type).dtype == "float32" else "d"
    return f"scipy.linalg.lapack.{letter}potrf({{0}}, lower=True)"


# the lower factor of a symmetric matrix, and an integer that is 0 if the matrix is positive definite
potrf = operation(
    "potrf", template=_potrf_text, infer=_factor_and_info, differentiable=False, cost="heavy",
    routine="cholesky_factor", device_form=unpivoted_loops.potrf_in_loops, signature="a",
    samples=(fixed(_DEFINITE, wrt=()),),
)  # fmt: skip


def _with_factor(*shape: int) -> Sample:
    return Sample(lambda rng: (_DEFINITE, _FACTOR, rng.normal(size=shape)), wrt=(0, 2))


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


def definite_logdet_forward(a, factor, *, a_dot, factor_dot, out):
    out_dot = np.trace(definite_solve(a, factor, a_dot))


@declare(
    template="2.0 * np.sum(np.log(np.diag({1})))",
    infer=_number,
    device_form=unpivoted_loops.definite_logdet_in_loops,
    forward=definite_logdet_forward,
    evaluate=lambda operands, attrs: np.linalg.slogdet(operands[0])[1],
    samples=(Sample(lambda rng: (_DEFINITE, _FACTOR), wrt=(0,)),),
    cost="heavy",
)
def definite_logdet(a, factor, *, out, d_out):
    d_a = d_out * definite_solve(a, factor, np.eye(len(a)))


# ---- LU --------------------------------------------------------------------------------------


def _factors_and_info(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "getrf", stacks=False)
    factors = Array(as_float(a.dtype), a.shape)
    return factors, Array("int32", a.shape[:1]), Scalar("int64", True)


def _getrf_text(op: Op) -> str:
    letter = "s" if element_type(op.operands[0].type).dtype == "float32" else "d"
    return f"scipy.linalg.lapack.{letter}getrf({{0}})"


def _getrf(operands: Sequence[np.ndarray], attrs: Attrs) -> Any:
    lapack = linalg.lapack
    return (lapack.sgetrf if operands[0].dtype == np.float32 else lapack.dgetrf)(operands[0])


# both factors in one matrix, the row exchanges, and an integer that is 0 if the matrix is regular
getrf = operation(
    "getrf", template=_getrf_text, infer=_factors_and_info, differentiable=False, cost="heavy", evaluate=_getrf,
    routine=called(SYSTEMS, "getrf_info", own_complex=False), signature="a", samples=(fixed(_REGULAR, wrt=()),),
)  # fmt: skip


def _solve_text(op: Op) -> str:
    option = ", trans=1" if op.attrs.get("trans") else ""
    return f"scipy.linalg.lu_solve(({{1}}, {{2}}), {{3}}{option}, check_finite=False)"


def _solve_routine(op: Op) -> str:
    dtype = numeric(op.result).dtype
    parts = [
        f"{{{k}}}" if numeric(op.operands[k]).dtype == dtype else f"{{{k}}}.astype(np.{dtype})"
        for k in (1, 3)
    ]
    trans = op.attrs.get("trans", 0)
    return f"{SYSTEMS}.lu_solve({parts[0]}, {{2}}, {parts[1]}, {trans})"


def _solve(operands: Sequence[np.ndarray], attrs: Attrs) -> np.ndarray:
    a, _, _, b = operands
    return np.linalg.solve(a.T if attrs.get("trans") else a, b)


def _with_factors(trans: int, *shape: int) -> Sample:
    return Sample(
        lambda rng: (_REGULAR, _LU, _PIVOTS, rng.normal(size=shape)), {"trans": trans}, wrt=(0, 3)
    )


def shared_solve_forward(a, lu, pivots, b, trans=0, *, a_dot, lu_dot, pivots_dot, b_dot, out):
    if a_dot is None:
        out_dot = shared_solve(a, lu, pivots, b_dot, trans=trans)
    else:
        moved = a_dot @ out if trans == 0 else a_dot.T @ out
        if b_dot is None:
            out_dot = shared_solve(a, lu, pivots, -moved, trans=trans)
        else:
            out_dot = shared_solve(a, lu, pivots, b_dot - moved, trans=trans)


@declare(
    template=_solve_text,
    infer=_solution,
    routine=_solve_routine,
    forward=shared_solve_forward,
    evaluate=_solve,
    samples=tuple(_with_factors(trans, *shape) for trans in (0, 1) for shape in ((3,), (3, 2))),
    cost="heavy",
)
def shared_solve(a, lu, pivots, b, trans=0, *, out, d_out):
    if trans == 0:
        d_b = shared_solve(a, lu, pivots, d_out, trans=1)
        d_a = -outer_product(d_b, out)
    else:
        d_b = shared_solve(a, lu, pivots, d_out)
        d_a = -outer_product(out, d_b)


def shared_logdet_forward(a, lu, pivots, *, a_dot, lu_dot, pivots_dot, out):
    out_dot = np.trace(shared_solve(a, lu, pivots, a_dot))


@declare(
    template="np.sum(np.log(np.abs(np.diag({1}))))",
    infer=_number,
    forward=shared_logdet_forward,
    evaluate=lambda operands, attrs: np.linalg.slogdet(operands[0])[1],
    samples=(Sample(lambda rng: (_REGULAR, _LU, _PIVOTS), wrt=(0,)),),
    cost="heavy",
)
def shared_logdet(a, lu, pivots, *, out, d_out):
    d_a = d_out * shared_solve(a, lu, pivots, np.eye(len(a)), trans=1)


shared_sign = operation(
    "shared_sign",
    template="np.prod(np.sign(np.diag({1}))) * (-1.0) ** int(np.sum({2} != np.arange(len({2}))))",
    infer=_number, differentiable=False, cost="heavy", signature="a, lu, pivots",
    evaluate=lambda operands, attrs: np.linalg.slogdet(operands[0])[0],
    samples=(fixed(_REGULAR, _LU, _PIVOTS, wrt=()),),
)  # fmt: skip
