"""What an operation computes, counted: floating-point operations, and elementary functions.

Sums, products, quotients, roots, extremes and signs count one each; `exp`, `log` and all that is made of such count as
functions. Products of matrices are counted by their multiplications and sums, factorisations by the leading term of
what LAPACK does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ops import einsum

__all__ = ["work_of"]

Work = tuple[float, float]  # floating-point operations, elementary functions

_ONE_EACH = {
    "add", "subtract", "multiply", "divide", "negative", "absolute", "fabs", "maximum", "minimum", "fmax", "fmin",
    "sqrt", "square", "reciprocal", "mod", "fmod", "floor_divide", "deg2rad", "rad2deg",
}  # fmt: skip
_NONE = {
    "positive", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or",
    "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "invert",
    "where", "choose", "copysign", "nan_to_num", "sign", "floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite",
    "signbit", "round", "clip", "heaviside",
}  # fmt: skip
_SUMMED = ("sum", "prod", "max", "min", "highest")
_BY_CUBES: dict[str, float] = {  # of the order of the matrix, beside what right-hand sides take
    "solve": 2 / 3, "inv": 2.0, "det": 2 / 3, "slogdet": 2 / 3, "cholesky": 1 / 3, "potrf": 1 / 3, "lu_factor": 2 / 3,
    "eigh": 9.0, "symmetric_eigh": 9.0,
}  # fmt: skip
_BY_SQUARES: dict[str, tuple[int, float]] = {  # of each right-hand side: which operand they are
    "solve": (1, 2.0), "cho_solve": (1, 2.0), "definite_solve": (2, 2.0), "lu_solve": (2, 2.0),
    "solve_triangular": (1, 1.0),
}  # fmt: skip
_COUNTED_AS_NONE = {"argmax", "argmin", "any", "all", "count_nonzero", "searchsorted", "argsort"}


def work_of(op: Op, operands: Sequence[Any], results: Sequence[Any]) -> Work | None:
    """What an operation took for these operands; None where that is not known."""
    name = op.decl.name
    if name == "add_into":
        return float(np.size(operands[1])), 0.0
    if not any(_is_float(v) for v in (*operands, *results)):
        return 0.0, 0.0
    count = float(np.size(results[0])) if results else 0.0
    if op.decl.elementwise:
        return _of_elements(op, count)
    if name in _REDUCED:
        return _REDUCED[name](float(np.size(operands[0])), count)
    if name in ("matmul", "dot", "inner"):
        inner = np.shape(operands[0])[-1] if np.ndim(operands[0]) and np.ndim(operands[1]) else 0.5
        return 2.0 * count * inner, 0.0
    if name == "outer":
        return count, 0.0
    if name == "einsum":
        return _of_letters(op, operands), 0.0
    if name in _BY_CUBES or name in _BY_SQUARES:
        return _of_systems(name, operands), 0.0
    if name == "definite_logdet":
        return 1.0 + len(operands[0]), float(len(operands[0]))
    if name == "cross":
        return 3 * count, 0.0
    moves = op.decl.linear or op.decl.cost in ("free", "cheap") or not op.decl.raises
    return (0.0, 0.0) if moves or name in _COUNTED_AS_NONE else None


def _is_float(value: Any) -> bool:
    return (
        isinstance(value, float | complex) or getattr(value, "dtype", np.dtype(bool)).kind in "fc"
    )


def _of_elements(op: Op, count: float) -> Work:
    name = op.decl.name
    if name in _NONE:
        return 0.0, 0.0
    if name in _ONE_EACH:
        return count, 0.0
    if name == "power":
        exponent = getattr(op.operands[1], "value", None)
        if isinstance(exponent, int | float) and exponent == int(exponent) and 1 < exponent < 5:
            return count * {2: 1, 3: 2, 4: 2}[int(exponent)], 0.0
    return 0.0, count


def _summed(n: float, m: float) -> Work:
    return n - m, 0.0


_REDUCED: dict[str, Callable[[float, float], Work]] = {
    **dict.fromkeys(_SUMMED, _summed),
    "trace": lambda n, m: (math.sqrt(n) - m, 0.0),
    "cumsum": lambda n, m: (n, 0.0),
    "cumprod": lambda n, m: (n, 0.0),
    "mean": lambda n, m: (n, 0.0),
    "var": lambda n, m: (4 * n, 0.0),
    "std": lambda n, m: (4 * n + m, 0.0),
    "logsumexp": lambda n, m: (
        3 * n - m,
        n + m,
    ),  # an extreme, differences, a sum, and the extreme again
    "softmax": lambda n, m: (4 * n, n),
    "log_softmax": lambda n, m: (4 * n, n),
}


def _of_letters(op: Op, operands: Sequence[Any]) -> float:
    inputs, output = einsum.with_letters(op)
    pairs = [
        (c, n)
        for text, a in zip(inputs, operands, strict=True)
        for c, n in zip(text, np.shape(a), strict=True)
    ]
    lengths = {c: max(n for d, n in pairs if d == c) for c, _ in pairs}
    turns = math.prod(lengths.values())
    return float(turns * (len(inputs) - 1 + (len(lengths) > len(output))))


def _of_systems(name: str, operands: Sequence[Any]) -> float:
    n = np.shape(operands[0])[-1]
    stacks = math.prod(np.shape(operands[0])[:-2])
    total: float = _BY_CUBES.get(name, 0.0) * n**3 * stacks
    if name in _BY_SQUARES:
        at, each = _BY_SQUARES[name]
        total += each * n * np.size(operands[at])
    return total
