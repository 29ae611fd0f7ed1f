"""Triangular systems: systems and determinants of matrices that are provably triangular need no factorisation.

    L = np.linalg.cholesky(K)                        L = np.linalg.cholesky(K)
    x = np.linalg.solve(L.T, np.linalg.solve(L, y))  ->  half = solve_triangular(L, y, lower=True)
    d = np.linalg.slogdet(L)[1]                          x = solve_triangular(L, half, trans="T", lower=True)
                                                         d = np.sum(np.log(np.abs(np.diag(L))))

Cholesky factors, results of `tril` and `triu`, and diagonal matrices are triangular. So are their sums, products,
multiples, inverses and transposes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import Function, Op
from srcdiff.ir.types import ndim_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import reductions
from srcdiff.ops.elementwise import arithmetic, elementary, rounding
from srcdiff.ops.linalg import solve
from srcdiff.ops.shapes import diagonals
from srcdiff.transforms.analysis.defuse import definitions, same_kind
from srcdiff.transforms.linalg.shared_factorisation import (
    PRODUCTS,
    SHARING,
    Factored,
    Make,
    Systems,
    here,
    same_factors,
)

NAME = "triangular"
_DEPTH = 6  # nested operations that the proof follows
_NEITHER, _BOTH = frozenset[str](), frozenset({"lower", "upper"})
_LOWER, _UPPER = frozenset({"lower"}), frozenset({"upper"})


def triangular_systems(fn: Function) -> Function:
    """`fn` with its triangular systems solved by substitution."""
    if not any(op.decl in SHARING for op in definitions(fn).values()):
        return fn
    return same_factors(fn, _Triangular(fn))


class _Triangular(Systems):
    name = NAME

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.sides: dict[Atom, frozenset[str]] = {}  # the triangles of matrices of the new function
        self.inverses = self.only_multiplied(fn)

    def fits(self, op: Op) -> bool:
        return self.is_matrix(op) and bool(triangles(op.operands[0], self.made))

    def factor(self, matrix: Atom, op: Op, env: Env, b: Builder) -> Factored:
        """No factors: the matrix is its own factor."""
        k = lookup(env, matrix)
        assert isinstance(k, Value)
        self.sides[k] = triangles(matrix, self.made)
        return (), k

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        attrs: dict[str, Any] = {"trans": "T"} if across else {}
        attrs |= {"lower": True} if "lower" in self.sides[k] else {}
        return b.op(solve.solve_triangular, k, x, **attrs, check_finite=False)

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        on_diagonal = b.op(diagonals.diag, k)
        sign = b.op(reductions.prod, b.op(rounding.sign, on_diagonal))
        size = b.op(elementary.log, b.op(arithmetic.absolute, on_diagonal))
        return sign, b.op(reductions.sum, size)

    def chosen(self, op: Op, condition: Value, fast: Make, slow: Make, b: Builder) -> bool:
        """The fast way without an alternative."""
        inner = here(b, op)
        found = fast(inner)
        if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
            return False
        return self.plainly(op, inner, found, b)


def triangles(matrix: Atom, made: Mapping[Atom, Op], depth: int = 0) -> frozenset[str]:
    """The triangles outside of which a matrix is known to be zero; both for a diagonal matrix."""
    op = made.get(matrix)
    if op is None or depth > _DEPTH or ndim_of(matrix.type) != 2:
        return _NEITHER

    def of(k: int) -> frozenset[str]:
        return triangles(op.operands[k], made, depth + 1)

    match op.decl.name:
        case "cholesky":
            return _LOWER
        case "tril" if _side(op) <= 0:
            return _LOWER
        case "triu" if _side(op) >= 0:
            return _UPPER
        case "eye" | "diag" if _side(op) == 0:
            return _BOTH
        case "transpose":
            return frozenset(_OTHER[side] for side in of(0))
        case "negative":
            return of(0)
        case "inv":
            return of(0)
        case "divide" if not ndim_of(op.operands[1].type):
            return of(0)
        case "multiply":
            sides = [k for k in range(2) if ndim_of(op.operands[k].type)]
            return of(sides[0]) if len(sides) == 1 else _NEITHER
        case "add" | "subtract":
            return of(0) & of(1)
    return of(0) & of(1) if op.decl in PRODUCTS else _NEITHER


_OTHER = {"lower": "upper", "upper": "lower"}


def _side(op: Op) -> float:
    """The diagonal `k` of an operation; NaN if it is not known, which compares false with every side."""
    k = op.attrs.get("k", 0)
    return k if isinstance(k, int) else float("nan")
