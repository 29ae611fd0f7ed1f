"""Systems that several ask for, with one matrix that is not known to be symmetric: it is factorised once.

    x = np.linalg.solve(A, b)             lu, pivots, info = scipy.linalg.lapack.dgetrf(A)
    d = np.linalg.slogdet(A)[1]           if info == 0:
                                 ->           x = lu_solve((lu, pivots), b)
                                              d = np.sum(np.log(np.abs(np.diag(lu))))
                                          else:
                                              x = np.linalg.solve(A, b)
                                              d = np.linalg.slogdet(A)[1]

Derivatives share the factors, too. What only one line asks for stays as it is: its text is the shorter one. A matrix
without an inverse raises what NumPy raises, in the user's line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, For, Function, Op, Region, Value, While, regions_of
from srcdiff.ops import shared_lu, systems
from srcdiff.transforms.factored import ASKING, Systems, same_factors
from srcdiff.transforms.facts import count_uses, definitions
from srcdiff.transforms.symmetric import Symmetry

__all__ = ["NAME", "share_factors"]

NAME = "shared_lu"


def share_factors(fn: Function) -> Function:
    """`fn` with one factorisation of each matrix that several of its lines solve systems with."""
    if not any(op.decl in ASKING for op in definitions(fn).values()):
        return fn
    return same_factors(fn, _Shared(fn))


class _Shared(Systems):
    name, worked = NAME, "is_regular"

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.symmetry = Symmetry(fn, self.made)
        self.shared: Collection[Atom] | None = None  # while they are being found, all are
        self.inverses = self.only_multiplied(fn)
        self.uses = count_uses(fn)
        self.shared = self.asked_for(fn.body)
        self.inverses = {v for v in self.inverses if self.inverted(v)[0] in self.shared}

    def asked_for(self, body: Region) -> set[Atom]:
        """The matrices that are asked for twice in the same turns, or in each turn of a loop behind them."""
        found: set[Atom] = set()
        counts: dict[Atom, int] = defaultdict(int)
        for s in body.body:
            if isinstance(s, For | While):
                found.update(matrix for _, matrix in self.asked_in_turns(s))
            for region in regions_of(s):
                found |= self.asked_for(region)
            if isinstance(s, Op) and s.decl in ASKING and self.is_shared(s):
                many = self.uses[s.result] if s.decl is systems.inv else 1
                counts[self.matrix_of(s)[0]] += many
        return found | {matrix for matrix, n in counts.items() if n > 1}

    def fits(self, op: Op) -> bool:
        if not self.is_matrix(op) or self.symmetry.holds(op.operands[0]):
            return False
        return self.shared is None or self.matrix_of(op)[0] in self.shared

    def factorised(self, k: Atom, b: Builder) -> tuple[tuple[Value, ...], Value]:
        lu, pivots, info = b.ops(shared_lu.getrf, k, names=("lu", "pivots", "info"))
        return (lu, pivots), info

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        told = {"trans": 1} if across else {}
        return b.op(shared_lu.shared_solve, k, *found, x, **told)

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        sign = b.op(shared_lu.shared_sign, k, *found)
        return sign, b.op(shared_lu.shared_logdet, k, *found)
