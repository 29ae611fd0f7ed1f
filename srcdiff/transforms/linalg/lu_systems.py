"""Systems with a matrix that is not known to be symmetric: it is factorised once.

    x = np.linalg.solve(A, b)            lu, pivots, info = scipy.linalg.lapack.dgetrf(A)
    d = np.linalg.slogdet(A)[1]          if info > 0:
                                 ->          raise np.linalg.LinAlgError("Singular matrix")
                                         x = lu_solve((lu, pivots), b)
                                         d = np.sum(np.log(np.abs(np.diag(lu))))

Derivatives share the factors, which is why one system is reason enough. Determinants without a system stay as they are,
as a matrix without an inverse has one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder, Env
from srcdiff.ir.core import Atom, For, Function, Op, Region, Value, While, const, regions_of
from srcdiff.ops.control.control import raise_if
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import cholesky_reuse, factorisations, lu_reuse
from srcdiff.transforms.analysis.defuse import definitions, same_kind
from srcdiff.transforms.linalg.shared_factorisation import (
    ASKING,
    Factored,
    Make,
    Systems,
    here,
    same_factors,
)
from srcdiff.transforms.linalg.symmetry import Symmetry

__all__ = ["NAME", "share_factors"]

NAME = "shared_lu"


def share_factors(fn: Function) -> Function:
    """`fn` with one factorisation of each matrix that it solves systems with."""
    if not any(op.decl in ASKING for op in definitions(fn).values()):
        return fn
    return same_factors(fn, _Shared(fn))


class _Shared(Systems):
    name = NAME

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.symmetry = Symmetry(fn, self.made)
        self.definite = {
            op.operands[0] for op in self.made.values() if op.decl is cholesky_reuse.potrf
        }
        self.checked: set[Value] = set()  # which factors have been seen to be some
        self.shared: Collection[Atom] | None = None  # while they are being found, all are
        self.inverses = self.only_multiplied(fn)
        self.shared = self.asked_for(fn.body)
        self.inverses = {
            v: form for v, form in self.inverses.items() if self.inverted(v)[0] in self.shared
        }

    def asked_for(self, body: Region) -> set[Atom]:
        """The matrices of systems, which derivatives solve again, and in front of loops those that iterations ask
        for.
        """
        found: set[Atom] = set()
        for s in body.body:
            asked = self.asked_in_iterations(s) if isinstance(s, For | While) else []
            if isinstance(s, Op) and s.decl in ASKING and self.is_shared(s):
                asked = [(s, self.matrix_of(s)[0])]
            found |= {matrix for op, matrix in asked if op.decl is not factorisations.slogdet}
            for region in regions_of(s):
                found |= self.asked_for(region)
        return found

    def fits(self, op: Op) -> bool:
        matrix = op.operands[0]
        if not self.is_matrix(op) or matrix in self.definite or self.symmetry.holds(matrix):
            return False
        return self.shared is None or self.matrix_of(op)[0] in self.shared

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        checked, self.checked = self.checked, set(self.checked)
        new = super().region(old, env, b)
        self.checked = checked
        return new

    def factorised(self, k: Atom, b: Builder) -> Factored:
        lu, pivots, info = b.ops(lu_reuse.getrf, k, names=("lu", "pivots", "info"))
        return (lu, pivots), b.op(arithmetic.greater, info, const(0), name="is_singular")

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        told: dict[str, Any] = {"trans": 1} if across else {}
        return b.op(lu_reuse.shared_solve, k, *found, x, **told)

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        sign = b.op(lu_reuse.shared_sign, k, *found)
        return sign, b.op(lu_reuse.shared_logdet, k, *found)

    def chosen(self, op: Op, condition: Value, fast: Make, slow: Make, b: Builder) -> bool:
        """The one way; a system with a matrix that has no inverse raises what NumPy raises."""
        inner = here(b, op)
        found = fast(inner)
        if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
            return False
        if op.decl is not factorisations.slogdet and condition not in self.checked:
            self.checked.add(condition)
            raise_if(b, condition, np.linalg.LinAlgError, "Singular matrix", op.location)
        return self.plainly(op, inner, found, b)
