"""Matrix equations of `scipy.linalg`: of Sylvester and of Lyapunov."""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import promote
from srcdiff.ops.library.linalg.matrix_checks import adjoined, conjugated
from srcdiff.ops.linalg.matrix_functions import in_double, linalg
from srcdiff.ops.linalg.matrix_types import (
    EQUATIONS,
    HEAVY,
    as_float,
    called,
    regular,
    square,
)  # fmt: skip


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


def _method_argument(op: Op) -> str:
    """SciPy's choice: one system for all elements if there are fewer than ten rows."""
    method = op.attrs.get("method")
    return ", len({0}) >= 10" if method is None else f", {method == 'bilinear'}"


@declare(
    "scipy.linalg.solve_discrete_lyapunov",
    infer=in_double,
    forward=discrete_forward,
    routine=called(EQUATIONS, "solve_discrete_lyapunov", rest=_method_argument),
    samples=(_lyapunov(0.1),),
    **HEAVY,
    takes_complex=True,
)
def solve_discrete_lyapunov(a, q, method=None, *, out, d_out):
    d_q = linalg.solve_discrete_lyapunov(a.T, d_out)
    d_a = d_q @ conjugated(a) @ out.T + conjugated(d_q.T @ a @ out)
