"""Shared LU factorisation of matrices that are not known to be symmetric.

    x = np.linalg.solve(A, b)            lu, pivots, info = scipy.linalg.lapack.dgetrf(A)
    d = np.linalg.slogdet(A)[1]          if info > 0:
                                 ->          raise np.linalg.LinAlgError("Singular matrix")
                                         x = lu_solve((lu, pivots), b)
                                         d = np.sum(np.log(np.abs(np.diag(lu))))

One system is enough for a factorisation, because its derivative solves with the same factors. A determinant without a
system stays as it is: a singular matrix has a determinant, but raises here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder, Env
from srcdiff.ir.core import For, Function, Op, Region, While, walk
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.control.control import raise_if
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import factorisations, shared_factors
from srcdiff.transforms.analysis.defuse import definitions, same_kind
from srcdiff.transforms.linalg.shared_factorisation import (
    SHARING,
    Factored,
    Make,
    Systems,
    here,
    same_factors,
)
from srcdiff.transforms.linalg.symmetry import Symmetry

NAME = "shared_lu"


def share_factors(fn: Function) -> Function:
    """`fn` with one LU factorisation of each matrix of a system."""
    if not any(op.decl in SHARING for op in definitions(fn).values()):
        return fn
    return same_factors(fn, _Shared(fn))


class _Shared(Systems):
    name = NAME

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.symmetry = Symmetry(fn, self.made)
        self.definite = {
            op.operands[0] for op in self.made.values() if op.decl is shared_factors.potrf
        }
        self.checked: set[Value] = set()  # conditions of singularity that are checked already
        # None, for all, until `shared_matrices` has found them
        self.shared: Collection[Atom] | None = None
        self.inverses = self.only_multiplied(fn)
        self.shared = self.shared_matrices(fn.body)
        self.inverses = {
            v: form for v, form in self.inverses.items() if self.inverted(v)[0] in self.shared
        }

    def shared_matrices(self, body: Region) -> set[Atom]:
        """The matrices of systems and of eliminated inverses, also of those in loops."""
        found: set[Atom] = set()
        for s in walk(body):
            systems = self.systems_in_iterations(s) if isinstance(s, For | While) else []
            if isinstance(s, Op) and s.decl in SHARING and self.is_shared(s):
                systems = [(s, self.matrix_of(s)[0])]
            found |= {matrix for op, matrix in systems if op.decl is not factorisations.slogdet}
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
        lu, pivots, info = b.ops(shared_factors.getrf, k, names=("lu", "pivots", "info"))
        return (lu, pivots), b.op(arithmetic.greater, info, const(0), name="is_singular")

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        attrs: dict[str, Any] = {"trans": 1} if across else {}
        return b.op(shared_factors.shared_solve, k, *found, x, **attrs)

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        sign = b.op(shared_factors.shared_sign, k, *found)
        return sign, b.op(shared_factors.shared_logdet, k, *found)

    def chosen(self, op: Op, condition: Value, fast: Make, slow: Make, b: Builder) -> bool:
        """The fast way without an alternative; a system with a singular matrix raises NumPy's error."""
        inner = here(b, op)
        found = fast(inner)
        if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
            return False
        if op.decl is not factorisations.slogdet and condition not in self.checked:
            self.checked.add(condition)
            raise_if(b, condition, np.linalg.LinAlgError, "Singular matrix", op.location)
        return self.plainly(op, inner, found, b)
