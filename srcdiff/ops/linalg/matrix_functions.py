"""Matrix functions of `scipy.linalg`: solutions from factors, matrix equations, exponentials, roots and logarithms.

Eigenvectors from SciPy's driver may have other signs than NumPy's. Square roots and logarithms are real: a matrix
without a real one raises an error at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type, shape_of
from srcdiff.ir.values import Atom
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, promote
from srcdiff.ops.library.linalg.banded import (
    banded_outer,
    banded_product,
    corner_block,
    lagged_products,
    turned_bands,
    upper_blocks,
    upper_right,
)
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    conjugated,
    eigen_adjoint,
    inverse_gaps,
    lower_part,
    outer_product,
    real_part,
    symmetric_of_upper,
    symmetric_part,
    turned,
    upper_part,
)
from srcdiff.ops.linalg.factorisations import symmetric, values_and_vectors
from srcdiff.ops.linalg.matrix_types import (
    EQUATIONS,
    HEAVY,
    IN_STACKS,
    SYSTEMS,
    as_float,
    called,
    like_matrix,
    regular,
    square,
)  # fmt: skip

linalg: Any = LazyModule("scipy.linalg")

Attrs = Mapping[str, Any]


def _wide(dtype: str) -> str:
    return "complex128" if dtype[0] == "c" else "float64"


def _solution(position: int, is_wide: bool = False) -> Any:
    """The type rule of a solution, with the shape of operand `position`; `is_wide`: in double precision."""

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        b = shape_of(numeric(operands[position]))
        if len(b) not in (1, 2):
            raise TypeMistake("the right-hand side must be a vector or a matrix")
        floats = [a for k, a in enumerate(operands) if k in (0, position)]
        found = as_float(promote(floats)[0])
        return (make(_wide(found) if is_wide else found, b),)

    return infer


def _in_double(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """A square matrix in double precision, with the shape of the first operand."""
    dtype, _ = promote(operands)
    return (Array(_wide(dtype), square(shapes, operands[0], "this", stacks=False).shape),)


# ---- Cholesky factors ------------------------------------------------------------------------


def cho_solve_forward(c, b, lower=False, *, c_dot, b_dot, out):
    if lower:
        part = np.tril(c_dot)
        turn = part @ (adjoined(c) @ out) + c @ (adjoined(part) @ out)
    else:
        part = np.triu(c_dot)
        turn = adjoined(part) @ (c @ out) + adjoined(c) @ (part @ out)
    out_dot = linalg.cho_solve((c, lower), b_dot - turn)


def cho_solve_expanded(c, b, lower=False):
    if lower:
        half = linalg.solve_triangular(c, b, lower=True)
        result = linalg.solve_triangular(conjugated(c), half, trans="T", lower=True)
    else:
        half = linalg.solve_triangular(conjugated(c), b, trans="T")
        result = linalg.solve_triangular(c, half)


def _with_factor(lower: bool, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[Any, ...]:
        full = rng.normal(size=(3, 3)) + 4 * np.eye(3)
        return (np.tril(full) if lower else np.triu(full), rng.normal(size=shape))

    return Sample(args, {"lower": lower}, wrt=(0, 1))


@declare(
    template=lambda op: f"scipy.linalg.cho_solve(({{0}}, {op.attrs['lower']}), {{1}})",
    infer=_solution(1),
    forward=cho_solve_forward,
    expansion=cho_solve_expanded,
    samples=tuple(
        _with_factor(lower, shape) for lower in (True, False) for shape in ((3,), (3, 2))
    ),
    **HEAVY,
    takes_complex=True,
)
def cho_solve(c, b, lower=False, *, out, d_out):
    across = conjugated(c)
    d_b = linalg.cho_solve((across, lower), d_out)
    product = outer_product(d_b, out)
    if lower:
        d_c = -np.tril((product + adjoined(product)) @ across)
    else:
        d_c = -np.triu(across @ (product + adjoined(product)))


# ---- LU factors ------------------------------------------------------------------------------


def _lu_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "lu_factor", stacks=False)
    return Array(as_float(a.dtype), a.shape), Array("int32", a.shape[:1])


def lu_factor_forward(a, *, a_dot, out):
    lu, pivots = out
    change = linalg.lu_solve((lu, pivots), a_dot)
    inner = linalg.solve_triangular(lu, (np.triu(lu) @ change).T, trans="T").T
    lower = np.tril(lu, -1) + np.eye(len(lu))
    lu_dot = np.tril(lower @ np.tril(inner, -1), -1) + np.triu(inner) @ np.triu(lu)
    out_dot = (lu_dot, np.zeros_like(pivots))


@declare(
    spelling="scipy.linalg.lu_factor",
    infer=_lu_type,
    routine=called(SYSTEMS, "lu_factor", own_complex=False),
    forward=lu_factor_forward,
    optional=True,
    samples=(Sample(lambda rng: (regular(rng)[::-1].copy(),)),),
    **HEAVY,
    takes_complex=True,
)
def lu_factor(a, *, out, d_out):
    lu, pivots = out
    d_lu, _ = d_out
    lower, upper = np.tril(lu, -1) + np.eye(len(lu)), np.triu(lu)
    middle = np.tril(lower.T @ np.tril(d_lu, -1), -1) + np.triu(np.triu(d_lu) @ upper.T)
    scaled = upper.T @ linalg.solve_triangular(lu, middle.T).T
    d_a = linalg.lu_solve((lu, pivots), scaled, trans=1)


def lu_solve_forward(lu, pivots, b, trans=0, *, lu_dot, pivots_dot, b_dot, out):
    lower, upper = np.tril(lu, -1) + np.eye(len(lu)), np.triu(lu)
    lower_dot, upper_dot = np.tril(lu_dot, -1), np.triu(lu_dot)
    if trans == 0:
        change = lower_dot @ (upper @ out) + lower @ (upper_dot @ out)
        half = linalg.solve_triangular(lu, change, lower=True, unit_diagonal=True)
        out_dot = linalg.lu_solve((lu, pivots), b_dot) - linalg.solve_triangular(lu, half)
    else:
        half = linalg.solve_triangular(lu, b, trans="T")
        inner = linalg.solve_triangular(lu, half, trans="T", lower=True, unit_diagonal=True)
        change = upper_dot.T @ (lower.T @ inner) + upper.T @ (lower_dot.T @ inner)
        out_dot = linalg.lu_solve((lu, pivots), b_dot - change, trans=trans)


def _with_lu(trans: int, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[Any, ...]:
        lu, pivots = linalg.lu_factor(regular(rng)[::-1])
        return lu, pivots, rng.normal(size=shape)

    return Sample(args, {"trans": trans}, wrt=(0, 2))


def _lu_text(op: Op) -> str:
    trans = op.attrs.get("trans", 0)
    return f"scipy.linalg.lu_solve(({{0}}, {{1}}), {{2}}{f', trans={trans}' if trans else ''})"


def _trans_behind(op: Op) -> str:
    return f", {op.attrs.get('trans', 0)}"


# with A = P L U, neither derivative needs P: the rows of solutions with L and U are in order
@declare(
    template=_lu_text,
    infer=_solution(2),
    routine=called(SYSTEMS, "lu_solve", rest=_trans_behind, own_complex=False, given=(0, 2)),
    forward=lu_solve_forward,
    samples=tuple(_with_lu(trans, shape) for trans in (0, 1) for shape in ((3,), (3, 2))),
    **HEAVY,
    takes_complex=True,
)
def lu_solve(lu, pivots, b, trans=0, *, out, d_out):
    if trans == 0:
        d_b = linalg.lu_solve((lu, pivots), d_out, trans=1)
        d_half = linalg.solve_triangular(lu, d_out, trans="T")
        d_inner = linalg.solve_triangular(lu, d_half, trans="T", lower=True, unit_diagonal=True)
        lower = outer_product(d_inner, np.triu(lu) @ out)
        d_lu = -np.triu(outer_product(d_half, out)) - np.tril(lower, -1)
    else:
        d_b = linalg.lu_solve((lu, pivots), d_out)
        half = linalg.solve_triangular(lu, b, trans="T")
        inner = linalg.solve_triangular(lu, half, trans="T", lower=True, unit_diagonal=True)
        d_lower = outer_product(inner, np.triu(lu) @ d_b)
        d_lu = -np.triu(outer_product(half, d_b)) - np.tril(d_lower, -1)


# ---- eigenvalues -----------------------------------------------------------------------------


def symmetric_eigh_forward(a, lower=True, *, a_dot, out):
    values, vectors = out
    if lower:
        change = symmetric_part(a_dot)
    else:
        change = symmetric_of_upper(a_dot)
    middle = adjoined(vectors) @ change @ vectors
    out_dot = (real_part(np.diag(middle)), vectors @ (inverse_gaps(values) * middle))


def _lower_behind(op: Op) -> str:
    return f", {op.attrs.get('lower', True)}"


@declare(
    spelling="scipy.linalg.eigh",
    infer=values_and_vectors("eigh", stacks=False),
    routine=called(SYSTEMS, "eigh", rest=_lower_behind),
    forward=symmetric_eigh_forward,
    optional=True,
    samples=(symmetric(), Sample(symmetric().args, {"lower": False})),
    **HEAVY,
    takes_complex=True,
)
def symmetric_eigh(a, lower=True, *, out, d_out):
    values, vectors = out
    d_values, d_vectors = d_out
    d_whole = eigen_adjoint(values, vectors, d_values, d_vectors)
    if lower:
        d_a = lower_part(d_whole)
    else:
        d_a = upper_part(d_whole)


# ---- matrix equations ------------------------------------------------------------------------


def _sylvester_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "solve_sylvester", stacks=False)
    b = square(shapes, operands[1], "solve_sylvester", stacks=False)
    return (Array(as_float(promote(operands)[0]), (a.shape[0], b.shape[0])),)


def solve_sylvester_forward(a, b, q, *, a_dot, b_dot, q_dot, out):
    out_dot = linalg.solve_sylvester(a, b, q_dot - a_dot @ out - out @ b_dot)


@declare(
    "scipy.linalg.solve_sylvester",
    infer=_sylvester_type,
    routine=called(EQUATIONS, "solve_sylvester"),
    forward=solve_sylvester_forward,
    samples=(
        Sample(lambda rng: (regular(rng), regular(rng, 2), rng.normal(size=(3, 2))), wrt=(0, 1, 2)),
    ),
    **HEAVY,
    takes_complex=True,
)
def solve_sylvester(a, b, q, *, out, d_out):
    d_q = linalg.solve_sylvester(a.T, b.T, d_out)
    d_a = -d_q @ out.T
    d_b = -out.T @ d_q


def _lyapunov_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "solve_continuous_lyapunov", stacks=False)
    return (Array(as_float(promote(operands)[0]), a.shape),)


def _lyapunov(scale: float) -> Sample:
    return Sample(lambda rng: (scale * regular(rng), rng.normal(size=(3, 3))), wrt=(0, 1))


def continuous_forward(a, q, *, a_dot, q_dot, out):
    out_dot = linalg.solve_continuous_lyapunov(a, q_dot - a_dot @ out - out @ adjoined(a_dot))


@declare(
    "scipy.linalg.solve_continuous_lyapunov",
    "scipy.linalg.solve_lyapunov",
    infer=_lyapunov_type,
    routine=called(EQUATIONS, "solve_continuous_lyapunov"),
    forward=continuous_forward,
    samples=(_lyapunov(1.0),),
    **HEAVY,
    takes_complex=True,
)
def solve_continuous_lyapunov(a, q, *, out, d_out):
    d_q = linalg.solve_continuous_lyapunov(a.T, d_out)
    d_a = -d_q @ out.T - conjugated(d_q.T @ out)


def discrete_forward(a, q, method=None, *, a_dot, q_dot, out):
    product = a_dot @ out @ adjoined(a)
    change = q_dot + product + a @ out @ adjoined(a_dot)
    out_dot = linalg.solve_discrete_lyapunov(a, change)


def _method_behind(op: Op) -> str:
    """SciPy's choice: one system for all elements if there are fewer than ten rows."""
    method = op.attrs.get("method")
    return ", len({0}) >= 10" if method is None else f", {method == 'bilinear'}"


@declare(
    "scipy.linalg.solve_discrete_lyapunov",
    infer=_in_double,
    forward=discrete_forward,
    routine=called(EQUATIONS, "solve_discrete_lyapunov", rest=_method_behind),
    samples=(_lyapunov(0.1),),
    **HEAVY,
    takes_complex=True,
)
def solve_discrete_lyapunov(a, q, method=None, *, out, d_out):
    d_q = linalg.solve_discrete_lyapunov(a.T, d_out)
    d_a = d_q @ conjugated(a) @ out.T + conjugated(d_q.T @ a @ out)


# ---- functions of matrices -------------------------------------------------------------------


def expm_forward(a, *, a_dot, out):
    if a.ndim == 2:
        out_dot = linalg.expm_frechet(a, a_dot, compute_expm=False)
    else:
        out_dot = upper_right(linalg.expm(upper_blocks(a, a_dot)))


@declare(
    "scipy.linalg.expm",
    infer=like_matrix("expm"),
    routine=called(EQUATIONS, "expm", own_complex=False),
    forward=expm_forward,
    samples=(
        Sample(lambda rng: (rng.normal(size=(3, 3)),)),
        Sample(lambda rng: (rng.normal(size=(2, 3, 3)),)),
        Sample(lambda rng: (np.zeros((2, 2)),)),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def expm(a, *, out, d_out):
    if a.ndim == 2:
        d_a = linalg.expm_frechet(a.T, d_out, compute_expm=False)
    else:
        d_a = upper_right(linalg.expm(upper_blocks(turned(a), d_out)))


def expm_frechet_forward(a, e, *, a_dot, e_dot, out):
    blocks, change = upper_blocks(a, e), upper_blocks(a_dot, e_dot)
    out_dot = upper_right(linalg.expm_frechet(blocks, change, compute_expm=False))


# the derivative of exp along e is the upper right block of exp([[a, e], [0, a]])
@declare(
    spelling="scipy.linalg.expm_frechet",
    template="scipy.linalg.expm_frechet({0}, {1}, compute_expm=False)",
    infer=_in_double,
    forward=expm_frechet_forward,
    routine=called(EQUATIONS, "expm_frechet", own_complex=False),
    samples=(Sample(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))), wrt=(0, 1)),),
    **HEAVY,
    takes_complex=True,
)
def expm_along(a, e, *, out, d_out):
    d_corner = corner_block(d_out)
    d_blocks = linalg.expm_frechet(upper_blocks(a, e).T, d_corner, compute_expm=False)
    count = len(a)
    d_a = d_blocks[:count, :count] + d_blocks[count:, count:]
    d_e = d_blocks[:count, count:]


def _positive(rng: np.random.Generator) -> Any:
    return rng.normal(size=(3, 3)) * 0.3 + np.diag([1.0, 2.0, 4.0])


def sqrtm_forward(a, *, a_dot, out):
    out_dot = linalg.solve_sylvester(out, out, a_dot)


@declare(
    spelling="scipy.linalg.sqrtm",
    infer=like_matrix("sqrtm", stacks=False),
    routine=called(EQUATIONS, "sqrtm"),
    forward=sqrtm_forward,
    samples=(Sample(lambda rng: (_positive(rng),)),),
    **HEAVY,
    takes_complex=True,
)
def real_sqrtm(a, *, out, d_out):
    d_a = linalg.solve_sylvester(out.T, out.T, d_out)


def logm_forward(a, *, a_dot, out):
    out_dot = upper_right(linalg.logm(upper_blocks(a, a_dot)))


@declare(
    spelling="scipy.linalg.logm",
    infer=_in_double,
    forward=logm_forward,
    routine=called(EQUATIONS, "logm"),
    samples=(Sample(lambda rng: (_positive(rng),)),),
    **HEAVY,
    takes_complex=True,
)
def real_logm(a, *, out, d_out):
    d_a = upper_right(linalg.logm(upper_blocks(a.T, d_out)))


# ---- banded and Toeplitz systems -------------------------------------------------------------


def _banded_text(op: Op) -> str:
    return f"scipy.linalg.solve_banded(({op.attrs['below']}, {op.attrs['above']}), {{0}}, {{1}})"


def _bands_behind(op: Op) -> str:
    return f", {op.attrs['below']}, {op.attrs['above']}"


def solve_banded_forward(bands, b, below=0, above=0, *, bands_dot, b_dot, out):
    change = b_dot - banded_product(bands_dot, out, below, above)
    out_dot = linalg.solve_banded((below, above), bands, change)


def _banded(below: int, above: int, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[Any, ...]:
        bands = rng.normal(size=(below + above + 1, 5))
        bands[above] += 6.0
        return bands, rng.normal(size=shape)

    return Sample(args, {"below": below, "above": above}, wrt=(0, 1))


@declare(
    template=_banded_text,
    signature="bands, b, below=0, above=0",
    infer=_solution(1),
    routine=called(SYSTEMS, "solve_banded", rest=_bands_behind, own_complex=False),
    forward=solve_banded_forward,
    samples=(_banded(1, 1, (5,)), _banded(2, 1, (5, 2)), _banded(0, 1, (5,))),
    **HEAVY,
    takes_complex=True,
)
def solve_banded(bands, b, below=0, above=0, *, out, d_out):
    d_b = linalg.solve_banded((above, below), turned_bands(bands, below, above), d_out)
    d_bands = -banded_outer(d_b, out, below, above)


def _toeplitz_text(op: Op) -> str:
    if op.operands[0] is op.operands[1]:
        return "scipy.linalg.solve_toeplitz({0}, {2})"
    return "scipy.linalg.solve_toeplitz(({0}, {1}), {2})"


def levinson_forward(c, r, b, *, c_dot, r_dot, b_dot, out):
    out_dot = linalg.solve_toeplitz((c, r), b_dot - linalg.toeplitz(c_dot, r_dot) @ out)


@declare(
    template=_toeplitz_text,
    infer=_solution(2, is_wide=True),
    routine=called(SYSTEMS, "solve_toeplitz", own_complex=False),
    forward=levinson_forward,
    samples=(
        Sample(
            lambda rng: (np.array([4.0, 1.0, 0.3]), np.array([0.0, -1.0, 0.5]), rng.normal(size=3)),
            wrt=(0, 1, 2),
        ),
        Sample(
            lambda rng: (np.array([4.0, 1.0]), np.array([9.0, -1.0]), rng.normal(size=(2, 3))),
            wrt=(0, 1, 2),
        ),
    ),
    **HEAVY,
    takes_complex=True,
)
def levinson(c, r, b, *, out, d_out):
    d_b = linalg.solve_toeplitz((np.concatenate((c[:1], r[1:])), c), d_out)
    d_c = -lagged_products(d_b, out)
    d_r = -lagged_products(out, d_b) * (np.arange(len(r)) > 0)
