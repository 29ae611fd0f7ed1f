"""Algebraic rules for matrices: sums of products, as derivatives have them, become one product.

    d_K @ A + d_K.T @ A      ->  (d_K + d_K.T) @ A            np.sum(d_K * np.eye(n))  ->  np.trace(d_K)

`reassociate` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.types import shape_of
from srcdiff.ir.values import Atom, known_dim
from srcdiff.transforms.rewrite.patterns import INNER, Rule, function

total, eye, trace = map(function, ("sum", "eye", "trace"))


def _are_no_matrices(binding: Mapping[str, Any], made: Mapping[Atom, Op]) -> bool:
    """Whether a factor is not a matrix, or the matrices that would be added differ in shape."""
    shapes = {k: shape_of(a.type) for k, a in binding.items() if k != INNER}
    return any(len(s) != 2 for s in shapes.values()) or shapes["X"] != shapes["Y"]


def _is_not_square(binding: Mapping[str, Any], made: Mapping[Atom, Op]) -> bool:
    """Whether `X` has another shape than the identity matrix that it is multiplied by."""
    return shape_of(binding["X"].type) != (known_dim(binding["n"]),) * 2


MATRIX_RULES = (
    Rule("sum of the diagonal", lambda X, n: total(X * eye(n)), lambda X, n: trace(X), unless=_is_not_square),
    Rule("one right side", lambda X, Y, Z: X @ Z + Y @ Z, lambda X, Y, Z: (X + Y) @ Z, unless=_are_no_matrices,
         once=True),
    Rule("one left side", lambda X, Y, Z: Z @ X + Z @ Y, lambda X, Y, Z: Z @ (X + Y), unless=_are_no_matrices,
         once=True),
    Rule("one right side of some", lambda X, Y, Z, W: W + X @ Z + Y @ Z, lambda X, Y, Z, W: W + (X + Y) @ Z,
         unless=_are_no_matrices, once=True),
    Rule("one left side of some", lambda X, Y, Z, W: W + Z @ X + Z @ Y, lambda X, Y, Z, W: W + Z @ (X + Y),
         unless=_are_no_matrices, once=True),
)  # fmt: skip
