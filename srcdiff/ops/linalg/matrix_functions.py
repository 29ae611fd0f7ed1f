"""Matrix functions of `scipy.linalg`: exponentials, roots, logarithms, and systems with bands.

Eigenvectors from SciPy's driver may have other signs than NumPy's. Square roots and logarithms are real: a matrix
without a real one raises an error at run time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, promote
from srcdiff.ops.library.linalg.banded import (
    banded_outer,
    banded_product,
    corner_block,
    lagged_products,
    transposed_bands,
    upper_blocks,
    upper_right,
)
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    eigen_adjoint,
    inverse_gaps,
    lower_part,
    real_part,
    symmetric_of_upper,
    symmetric_part,
    transpose_of,
    upper_part,
)
from srcdiff.ops.linalg.eigenvalues import symmetric, values_and_vectors
from srcdiff.ops.linalg.matrix_types import (
    EQUATIONS,
    HEAVY,
    IN_STACKS,
    SYSTEMS,
    as_float,
    called,
    like_matrix,
    square,
)  # fmt: skip

linalg = LazyModule("scipy.linalg")


def _wide(dtype: str) -> str:
    return "complex128" if dtype[0] == "c" else "float64"


def solution_type(position: int, is_wide: bool = False) -> object:
    """The type rule of a solution, with the shape of operand `position`; `is_wide`: in double precision."""

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        b = shape_of(numeric(operands[position]))
        if len(b) not in (1, 2):
            raise TypeMistake("the right-hand side must be a vector or a matrix")
        floats = [a for k, a in enumerate(operands) if k in (0, position)]
        found = as_float(promote(floats)[0])
        return (make(_wide(found) if is_wide else found, b),)

    return infer


def in_double(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """A square matrix in double precision, with the shape of the first operand."""
    dtype, _ = promote(operands)
    return (Array(_wide(dtype), square(shapes, operands[0], "this", stacks=False).shape),)


# ---- eigenvalues -----------------------------------------------------------------------------


def symmetric_eigh_forward(a, lower=True, *, a_dot, out):
    values, vectors = out
    if lower:
        change = symmetric_part(a_dot)
    else:
        change = symmetric_of_upper(a_dot)
    middle = adjoined(vectors) @ change @ vectors
    out_dot = (real_part(np.diag(middle)), vectors @ (inverse_gaps(values) * middle))


def _lower_argument(op: Op) -> str:
    return f", {op.attrs.get('lower', True)}"


@declare(
    spelling="scipy.linalg.eigh",
    infer=values_and_vectors("eigh", stacks=False),
    routine=called(SYSTEMS, "eigh", rest=_lower_argument),
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
        d_a = upper_right(linalg.expm(upper_blocks(transpose_of(a), d_out)))


def expm_frechet_forward(a, e, *, a_dot, e_dot, out):
    blocks, change = upper_blocks(a, e), upper_blocks(a_dot, e_dot)
    out_dot = upper_right(linalg.expm_frechet(blocks, change, compute_expm=False))


# the derivative of exp along e is the upper right block of exp([[a, e], [0, a]])
@declare(
    spelling="scipy.linalg.expm_frechet",
    template="scipy.linalg.expm_frechet({0}, {1}, compute_expm=False)",
    infer=in_double,
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


def _positive(rng: np.random.Generator) -> np.ndarray:
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
    infer=in_double,
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


def _bands_argument(op: Op) -> str:
    return f", {op.attrs['below']}, {op.attrs['above']}"


def solve_banded_forward(bands, b, below=0, above=0, *, bands_dot, b_dot, out):
    change = b_dot - banded_product(bands_dot, out, below, above)
    out_dot = linalg.solve_banded((below, above), bands, change)


def _banded(below: int, above: int, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        bands = rng.normal(size=(below + above + 1, 5))
        bands[above] += 6.0
        return bands, rng.normal(size=shape)

    return Sample(args, {"below": below, "above": above}, wrt=(0, 1))


@declare(
    template=_banded_text,
    signature="bands, b, below=0, above=0",
    infer=solution_type(1),
    routine=called(SYSTEMS, "solve_banded", rest=_bands_argument, own_complex=False),
    forward=solve_banded_forward,
    samples=(_banded(1, 1, (5,)), _banded(2, 1, (5, 2)), _banded(0, 1, (5,))),
    **HEAVY,
    takes_complex=True,
)
def solve_banded(bands, b, below=0, above=0, *, out, d_out):
    d_b = linalg.solve_banded((above, below), transposed_bands(bands, below, above), d_out)
    d_bands = -banded_outer(d_b, out, below, above)


def _toeplitz_text(op: Op) -> str:
    if op.operands[0] is op.operands[1]:
        return "scipy.linalg.solve_toeplitz({0}, {2})"
    return "scipy.linalg.solve_toeplitz(({0}, {1}), {2})"


def levinson_forward(c, r, b, *, c_dot, r_dot, b_dot, out):
    out_dot = linalg.solve_toeplitz((c, r), b_dot - linalg.toeplitz(c_dot, r_dot) @ out)


@declare(
    template=_toeplitz_text,
    infer=solution_type(2, is_wide=True),
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
