"""The cost model of operations: one table, which `srcdiff.cost`, the rewritings and the minimum cut read.

* **Counts** of floating-point operations and of elementary functions. A sum, product, quotient, root, extreme or
  sign counts one. `exp`, `log` and the functions that are computed from them count as functions. A matrix product
  counts its multiplications and sums, a factorisation the leading term of LAPACK's count, and a Fourier transform of
  n numbers 5 n log2(n).
* **Times** for one element, in units of storing a double and loading it again (`transforms/analysis/cost_model.py`).
  `benchmarks/storage_prices.py` measures them, with vectorised functions on data that is larger than the first caches:
  a store and a load take about as long as one `exp`, and as ten simple operations.
* **Steps** for one element in compiled loops, in simple operations (`transforms/analysis/cost_model.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.values import Atom, Const
from srcdiff.ops.linalg import einsum

SIMPLE = 0.1  # the time of a sum or a product
FUNCTION = 0.8  # exp, log, tanh, ...
_C_FUNCTION = 40.0  # SciPy's functions; those with several arguments take much longer
_TIMES = {
    "divide": 0.3,
    "unit_part": 0.3,
    "sqrt": 0.4,
    "power": 40.0,
    "sin": 5.0,
    "cos": 5.0,
    "tan": 5.0,
    "tanh": 1.3,
    "digamma": 20.0,
    "polygamma": 40.0,
    "gammaln": 30.0,
    "arctan2": 5.0,
    "mod": 1.0,
    "floor_divide": 1.0,
}
REDUCED_TIMES = {"logsumexp": FUNCTION + 2 * SIMPLE, "softmax": FUNCTION, "log_softmax": FUNCTION}
_STEPS = {
    **dict.fromkeys(
        (
            "add", "subtract", "multiply", "negative", "maximum", "minimum", "absolute", "where", "equal", "not_equal",
            "less", "less_equal", "greater", "greater_equal", "square", "and", "or", "not", "logical_and", "logical_or",
            "logical_not",
        ),
        1,
    ),
    **dict.fromkeys(("divide", "unit_part"), 3),
}  # fmt: skip
_STEPS_OF_OTHERS = 10

Length = TypeVar("Length")
Work = tuple[float, float]  # floating-point operations, elementary functions

_ONE_EACH = {
    "add", "subtract", "multiply", "divide", "negative", "absolute", "fabs", "maximum", "minimum", "fmax", "fmin",
    "sqrt", "square", "unit_part", "reciprocal", "mod", "fmod", "floor_divide", "deg2rad", "rad2deg",
}  # fmt: skip
_NONE = {
    "positive", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or",
    "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "invert",
    "where", "choose", "copysign", "nan_to_num", "sign", "floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite",
    "signbit", "round", "clip", "heaviside",
}  # fmt: skip
_SUMMED = ("sum", "prod", "max", "min", "highest")
_BY_CUBES: dict[str, float] = {  # multiplied by the cube of the matrix's order, without the work for right-hand sides
    "solve": 2 / 3, "inv": 2.0, "det": 2 / 3, "slogdet": 2 / 3, "cholesky": 1 / 3, "potrf": 1 / 3, "lu_factor": 2 / 3,
    "getrf": 2 / 3, "eigh": 9.0, "symmetric_eigh": 9.0,
}  # fmt: skip
_BY_SQUARES: dict[str, tuple[int, float]] = {  # the operand with the right-hand sides, and the factor for each of them
    "solve": (1, 2.0), "cho_solve": (1, 2.0), "definite_solve": (2, 2.0), "lu_solve": (2, 2.0),
    "shared_solve": (3, 2.0), "solve_triangular": (1, 1.0),
}  # fmt: skip
_TRANSFORMS: dict[str, int] = {  # the number of transformed axes; 0: all
    "fft": 1, "ifft": 1, "rfft": 1, "irfft": 1, "fft2": 2, "ifft2": 2, "fftn": 0, "ifftn": 0,
}  # fmt: skip
_COUNTED_AS_NONE = {"argmax", "argmin", "any", "all", "count_nonzero", "searchsorted", "argsort"}


def work_of(op: Op, operands: Sequence[Any], results: Sequence[Any]) -> Work | None:
    """The floating-point operations and functions for these operands; None if they are not known."""
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
        if not (np.ndim(operands[0]) and np.ndim(operands[1])):
            return count, 0.0
        lengths = lengths_of_product(np.shape(operands[0]), np.shape(results[0]))
        return 2.0 * math.prod(lengths), 0.0
    if name == "outer":
        return count, 0.0
    if name == "einsum":
        return _of_letters(op, operands), 0.0
    if name in _BY_CUBES or name in _BY_SQUARES:
        return _of_systems(name, operands), 0.0
    if name in ("definite_logdet", "shared_logdet"):
        return 1.0 + len(operands[0]), float(len(operands[0]))
    if name == "cross":
        return 3 * count, 0.0
    if name in ("trace", "add_diagonal"):
        return float(min(np.shape(operands[0])) - len(results)), 0.0
    if name in ("convolved", "correlated", "full_convolution", "correlate_whole"):
        return 2.0 * np.size(operands[0]) * np.size(operands[1]), 0.0
    if name in _TRANSFORMS:
        return _of_transform(op, operands[0], results[0]), 0.0
    is_light = op.decl.linear or op.decl.cost in ("free", "cheap") or not op.decl.raises
    moves = is_light and op.decl.cost != "heavy"
    return (0.0, 0.0) if moves or name in _COUNTED_AS_NONE else None


def _is_float(value: object) -> bool:
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


def lengths_of_product(left: Sequence[Length], result: Sequence[Length]) -> tuple[Length, ...]:
    """The loop lengths of a product: the lengths of its result, and the length that it sums over."""
    return (*result, left[-1])


def lengths_of_letters(op: Op, shapes: Sequence[Sequence[float]]) -> dict[str, float]:
    """The loop lengths of an `einsum`, by letter."""
    inputs, _ = einsum.with_letters(op)
    lengths: dict[str, float] = {}
    for text, shape in zip(inputs, shapes, strict=True):
        for letter, n in zip(text, shape, strict=True):
            lengths[letter] = max(lengths.get(letter, 1), n)
    return lengths


def time_of_element(op: Op) -> float:
    """The time for one element of a vectorised operation."""
    name = op.decl.name
    if name == "power" and _is_small_integer(op.operands[1]):
        return 2 * SIMPLE
    if name in _TIMES:
        return _TIMES[name]
    if op.decl.c_function:
        return _C_FUNCTION
    is_function = op.decl.compiled or name.startswith(("arc", "log", "exp", "erf"))
    return FUNCTION if is_function else SIMPLE


def _is_small_integer(exponent: Atom) -> bool:
    """Whether a power with this exponent is a few products."""
    value = exponent.value if isinstance(exponent, Const) else None
    return isinstance(value, int | float) and value in range(9)


def steps_of_element(op: Op) -> int:
    """The time for one element in a compiled loop, in simple operations."""
    if op.decl.element is not None and op.decl.cost != "heavy":
        return 1
    return _STEPS.get(op.decl.name, _STEPS_OF_OTHERS)


def _summed(n: float, m: float) -> Work:
    return n - m, 0.0


_REDUCED: dict[str, Callable[[float, float], Work]] = {
    **dict.fromkeys(_SUMMED, _summed),
    **dict.fromkeys(("running_maximum", "running_minimum"), lambda n, m: (n, 0.0)),
    **dict.fromkeys(("norm", "euclidean_norm", "root_of_squares"), lambda n, m: (2 * n, 0.0)),
    "cumsum": lambda n, m: (n, 0.0),
    "cumprod": lambda n, m: (n, 0.0),
    "mean": lambda n, m: (n, 0.0),
    "var": lambda n, m: (4 * n, 0.0),
    "std": lambda n, m: (4 * n + m, 0.0),
    "logsumexp": lambda n, m: (
        3 * n - m,
        n + m,
    ),  # the maximum, differences, a sum, and the maximum again
    "softmax": lambda n, m: (4 * n, n),
    "log_softmax": lambda n, m: (4 * n, n),
}


def _of_letters(op: Op, operands: Sequence[np.ndarray]) -> float:
    inputs, output = einsum.with_letters(op)
    lengths = lengths_of_letters(op, [np.shape(a) for a in operands])
    iterations = math.prod(lengths.values())
    return float(iterations * (len(inputs) - 1 + (len(lengths) > len(output))))


def _of_transform(op: Op, x: Any, out: Any) -> float:
    """5 n log2(n) for n complex numbers, half of it for real numbers."""
    larger, name = (x if np.size(x) > np.size(out) else out), op.decl.name
    axes = op.attrs.get("axes", tuple(range(-_TRANSFORMS[name], 0)) or None)
    if _TRANSFORMS[name] == 1:
        axes = (op.attrs.get("axis", -1),)
    shape = np.shape(larger)
    n = math.prod(shape[a] for a in (range(len(shape)) if axes is None else axes))
    each = 2.5 if name in ("rfft", "irfft") else 5.0
    return each * np.size(larger) * math.log2(max(n, 1))


def _of_systems(name: str, operands: Sequence[np.ndarray]) -> float:
    n = np.shape(operands[0])[-1]
    stacks = math.prod(np.shape(operands[0])[:-2])
    total: float = _BY_CUBES.get(name, 0.0) * n**3 * stacks
    if name in _BY_SQUARES:
        at, each = _BY_SQUARES[name]
        total += each * n * np.size(operands[at])
    return total
