"""Systems with symmetric matrices: Cholesky's factorisation where there is one, shared by all that ask for it.

    K = A @ A.T + c * np.eye(n)                          K = A @ A.T + c * np.eye(n)
    K_inv = np.linalg.inv(K)                             factor, info = scipy.linalg.lapack.dpotrf(K, lower=True)
    x = K_inv @ b                               ->       if info == 0:
    d = np.linalg.slogdet(K)[1]                              x = cho_solve((factor, True), b)
                                                             d = 2.0 * np.sum(np.log(np.diag(factor)))
                                                         else:
                                                             x = np.linalg.solve(K, b)
                                                             d = np.linalg.slogdet(K)[1]

Which matrices are symmetric is known from what they are made of (`symmetric`); whether one is positive definite, the
run says. An inverse of which only products are asked for is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Atom, Function, If, Op, Region, Statement, Value, const, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, ndim_of
from srcdiff.ops import arithmetic, definite, factors, linalg, shapes, systems
from srcdiff.transforms.facts import all_regions, definitions, is_pure, same_kind, written_values
from srcdiff.transforms.symmetric import Symmetry

__all__ = ["NAME", "definite_systems"]

NAME = "cholesky"
_PRODUCTS = (linalg.matmul, linalg.dot)
_ASKING = (systems.solve, systems.inv, factors.slogdet)
_FLOATS = ("float64", "float32")

Make = Callable[[Builder], Sequence[Atom]]


def definite_systems(fn: Function) -> Function:
    """`fn` with one factorisation of each symmetric matrix that it solves systems with."""
    if not any(op.decl in _ASKING for op in definitions(fn).values()):
        return fn
    pass_ = _Definite(fn)
    new = pass_(fn)
    if not pass_.fired:
        return fn
    rewrites = (*fn.notes.get("rewrites", ()), *dict.fromkeys(pass_.fired))
    return replace(new, notes={**fn.notes, "rewrites": rewrites})


class _Definite(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.made = {v: op for v, op in definitions(fn).items() if is_pure(op, self.written)}
        self.symmetry = Symmetry(fn, self.made)
        self.inverses = self.only_multiplied(fn)
        self.factors: dict[
            Atom, tuple[Value, Value]
        ] = {}  # of each matrix: the factor, and if it is one
        self.solutions: dict[
            tuple[Atom, Atom, bool], Value
        ] = {}  # of a matrix and a right-hand side
        self.fired: list[tuple[str, Location | None]] = []

    def only_multiplied(self, fn: Function) -> set[Value]:
        """The inverses of symmetric matrices that are only multiplied with."""
        found = {op.result for op in self.made.values() if op.decl is systems.inv and self.fits(op)}
        for s in walk(fn.body):
            if not (isinstance(s, Op) and self.is_product(s)):
                found.difference_update(a for a in s.operands if isinstance(a, Value))
            elif s.operands[0] == s.operands[1]:
                found.discard(s.operands[0])
        for region in all_regions(fn.body):
            found.difference_update(y for y in region.yields if isinstance(y, Value))
        return found

    def fits(self, op: Op) -> bool:
        """Whether an operation is on a matrix that is known to be symmetric."""
        matrix = op.operands[0]
        is_float = isinstance(matrix.type, Array) and matrix.type.dtype in _FLOATS
        return is_float and matrix not in self.written and self.symmetry.holds(matrix)

    def is_product(self, op: Op) -> bool:
        return (
            op.decl in _PRODUCTS
            and op.result in self.made
            and all(0 < ndim_of(a.type) < 3 for a in op.operands)
        )

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        factors, self.factors = self.factors, dict(self.factors)
        solutions, self.solutions = self.solutions, dict(self.solutions)
        new = super().region(old, env, b)
        self.factors, self.solutions = factors, solutions
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or not self.rewritten(old, env, b):
            b.append(self.keep(old, env, b))

    def rewritten(self, op: Op, env: Env, b: Builder) -> bool:
        """Append what stands for an operation; False if it stays."""
        if not all(r in self.made for r in op.results):
            return False
        if op.decl is systems.solve:
            right = op.operands[1]
            if ndim_of(right.type) > 2 or not self.fits(op):
                return False
            return self.solved(op, self.matrix_of(op), right, False, env, b)
        if op.decl is factors.slogdet and self.fits(op):
            return self.determined(op, env, b)
        if op.decl is systems.inv and op.result in self.inverses:
            self.factor(self.matrix_of(op), op, env, b)
            return True
        if self.is_product(op):
            left, right = op.operands
            if left in self.inverses:
                return self.solved(op, self.inverted(left), right, False, env, b)
            if right in self.inverses:
                return self.solved(op, self.inverted(right), left, True, env, b)
        return False

    def inverted(self, inverse: Atom) -> Atom:
        assert isinstance(inverse, Value)
        return self.matrix_of(self.made[inverse])

    def matrix_of(self, op: Op) -> Atom:
        """The symmetric matrix that an operation is on, which is its own transpose."""
        matrix = op.operands[0]
        while isinstance(matrix, Value) and (made := self.made.get(matrix)) is not None:
            if made.decl is not shapes.transpose:
                break
            matrix = made.operands[0]
        return matrix

    def factor(self, matrix: Atom, op: Op, env: Env, b: Builder) -> tuple[Value, Value]:
        """The factor of a matrix, and whether it is one; computed here unless it is there."""
        if matrix not in self.factors:
            here = _here(b, op)
            factor, info = here.ops(definite.potrf, lookup(env, matrix), names=("factor", "info"))
            is_definite = here.op(arithmetic.equal, info, const(0), name="is_definite")
            b.body += here.body
            self.factors[matrix] = factor, is_definite
        return self.factors[matrix]

    def solved(self, op: Op, matrix: Atom, right: Atom, flip: bool, env: Env, b: Builder) -> bool:
        """A solution; `flip`: of `right @ inverse(matrix)`."""
        k, x = lookup(env, matrix), lookup(env, right)
        flip = flip and ndim_of(x.type) == 2
        known = self.solutions.setdefault((matrix, right, flip), op.result)
        if known is not op.result and same_kind(known.type, op.result.type):
            env[op.result] = known
            self.fired.append((NAME, op.location))
            return True
        factor, is_definite = self.factor(matrix, op, env, b)

        def turned(x: Atom, b: Builder) -> Atom:
            return b.op(shapes.transpose, x) if flip else x

        def fast(b: Builder) -> Sequence[Atom]:
            return (turned(b.op(definite.definite_solve, k, factor, turned(x, b)), b),)

        def slow(b: Builder) -> Sequence[Atom]:
            return (turned(b.op(systems.solve, k, turned(x, b)), b),)

        return self.chosen(op, is_definite, fast, slow, b)

    def determined(self, op: Op, env: Env, b: Builder) -> bool:
        matrix = self.matrix_of(op)
        k = lookup(env, matrix)
        factor, is_definite = self.factor(matrix, op, env, b)

        def fast(b: Builder) -> Sequence[Atom]:
            logdet = b.op(definite.definite_logdet, k, factor)
            return b.op(arithmetic.float64, const(1.0)), logdet

        def slow(b: Builder) -> Sequence[Atom]:
            return b.ops(factors.slogdet, k)

        return self.chosen(op, is_definite, fast, slow, b)

    def chosen(self, op: Op, condition: Atom, fast: Make, slow: Make, b: Builder) -> bool:
        """One of two ways to an operation's results."""
        branches = []
        for make in (fast, slow):
            inner = _here(b, op)
            found = tuple(make(inner))
            if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
                return False
            branches.append(inner.region((), found))
        then, orelse = branches
        b.append(If(condition, then, orelse, op.results, op.location, "compiler"))
        self.fired.append((NAME, op.location))
        return True


def _here(b: Builder, op: Op) -> Builder:
    inner = b.inner()
    inner.location, inner.origin = op.location, "compiler"
    return inner
