"""Cholesky factorisation of symmetric matrices, shared by all linear systems and determinants of the matrix.

    K = A @ A.T + c * np.eye(n)                          K = A @ A.T + c * np.eye(n)
    K_inv = np.linalg.inv(K)                             factor, info = scipy.linalg.lapack.dpotrf(K, lower=True)
    x = K_inv @ b                               ->       if info == 0:
    d = np.linalg.slogdet(K)[1]                              x = cho_solve((factor, True), b)
                                                             d = 2.0 * np.sum(np.log(np.diag(factor)))
                                                         else:
                                                             x = np.linalg.solve(K, b)
                                                             d = np.linalg.slogdet(K)[1]

Symmetry is proved from the expression of the matrix (`symmetry`). Positive definiteness is tested at run time, by the
factorisation itself. An inverse that is only multiplied is not computed (`inverse_elimination`).
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, If, Op, walk
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.ops.linalg import shared_factors
from srcdiff.transforms.analysis.defuse import definitions
from srcdiff.transforms.linalg.shared_factorisation import SHARING, Factored, Systems, same_factors
from srcdiff.transforms.linalg.symmetry import Symmetry

NAME = "cholesky"


def definite_systems(fn: Function) -> Function:
    """`fn` with one Cholesky factorisation of each symmetric matrix of a system, inverse or determinant."""
    if not any(op.decl in SHARING for op in definitions(fn).values()):
        return fn
    return same_factors(fn, _Definite(fn))


class _Definite(Systems):
    name = NAME
    is_symmetric = True

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.symmetry = Symmetry(fn, self.made)
        self.settled = self.where_indefinite(fn)
        self.inverses = self.only_multiplied(fn)

    def fits(self, op: Op) -> bool:
        """Whether the matrix of an operation is known to be symmetric and is not known to have no factor here."""
        if op.results[0] in self.settled or not self.is_matrix(op):
            return False
        return self.symmetry.holds(op.operands[0])

    def where_indefinite(self, fn: Function) -> set[Value]:
        """Results computed in the branch for a matrix without a factor; such branches exist when a derivative is
        differentiated again.
        """
        found: set[Value] = set()
        for s in walk(fn.body):
            if isinstance(s, If) and (k := self.factored_by(s.condition)) is not None:
                systems = (self.made.get(r) for e in walk(s.orelse) for r in e.results)
                found |= {
                    op.results[0]
                    for op in systems
                    if op is not None and op.decl in SHARING and self.matrix_of(op)[0] is k
                }
        return found

    def factored_by(self, condition: Atom) -> Atom | None:
        """The matrix whose factorisation a condition tests for success."""
        test = self.made.get(condition)
        info = test.operands[0] if test is not None and test.decl is arithmetic.equal else None
        made = self.made.get(info) if isinstance(info, Value) else None
        return made.operands[0] if made is not None and made.decl is shared_factors.potrf else None

    def matrix_of(self, op: Op) -> tuple[Atom, bool]:
        """The matrix; the transpose makes no difference."""
        return super().matrix_of(op)[0], False

    def factorised(self, k: Atom, b: Builder) -> Factored:
        factor, info = b.ops(shared_factors.potrf, k, names=("factor", "info"))
        return (factor,), b.op(arithmetic.equal, info, const(0), name="is_definite")

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        return b.op(shared_factors.definite_solve, k, *found, x)

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        return b.op(conversions.float64, const(1.0)), b.op(
            shared_factors.definite_logdet, k, *found
        )
