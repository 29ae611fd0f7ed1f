"""Systems that share a factorisation: what symmetric matrices and others have in common (`definite`, `shared_lu`).

The run says whether a factorisation has worked. What asks for it is an `If` on that, and the user's
line is its other branch (of symmetric matrices, which may have no Cholesky factor).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import (
    Atom,
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    Value,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, ndim_of
from srcdiff.ops import factors, linalg, shapes, systems
from srcdiff.transforms.facts import (
    all_regions,
    definitions,
    is_pure,
    same_kind,
    with_rewrites,
    written_values,
)

__all__ = ["ASKING", "Factored", "Make", "Systems", "here", "same_factors"]

PRODUCTS = (linalg.matmul, linalg.dot)
ASKING = (systems.solve, systems.inv, factors.slogdet)
_FLOATS = ("float64", "float32")

Make = Callable[[Builder], Sequence[Atom]]
Factored = tuple[tuple[Value, ...], Value]  # the factors of a matrix, and whether they are some


def same_factors(fn: Function, pass_: Systems) -> Function:
    """`fn` with what a pass has made of it, and a note of where."""
    new = pass_(fn)
    if not pass_.fired:
        return fn
    return with_rewrites(new, fn, dict.fromkeys(pass_.fired))


class Systems(Rewriter):
    """One factorisation of each matrix that `fits`, in each region that asks."""

    name: str
    inverses: Collection[Value]  # those that are not computed

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.made = {v: op for v, op in definitions(fn).items() if is_pure(op, self.written)}
        self.factors: dict[Atom, Factored] = {}
        self.solutions: dict[tuple[Atom, Atom, bool, bool], Value] = {}  # see `solved`
        self.fired: list[tuple[str, Location | None]] = []

    # ---- what a kind of factorisation says ----------------------------------------------------------------

    def fits(self, op: Op) -> bool:
        """Whether the matrix of a system, an inverse or a determinant is factorised."""
        raise NotImplementedError

    def factorised(self, k: Atom, b: Builder) -> Factored:
        """The factors of a matrix of the new function, and what LAPACK says of them."""
        raise NotImplementedError

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        """Of a system with the matrix, or with its transpose."""
        raise NotImplementedError

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        """Its sign, and the logarithm of its size."""
        raise NotImplementedError

    # ---- what asks ------------------------------------------------------------------------------------------

    def only_multiplied(self, fn: Function) -> set[Value]:
        """The inverses that are only multiplied with, of matrices that fit."""
        found = {op.result for op in self.made.values() if op.decl is systems.inv and self.fits(op)}
        for s in walk(fn.body):
            if not (isinstance(s, Op) and self.is_product(s)):
                found.difference_update(a for a in s.operands if isinstance(a, Value))
            elif s.operands[0] == s.operands[1]:
                found.discard(s.operands[0])
        for region in all_regions(fn.body):
            found.difference_update(y for y in region.yields if isinstance(y, Value))
        return found

    def is_matrix(self, op: Op) -> bool:
        """Whether an operation is on one matrix of floats, which nothing writes."""
        matrix = op.operands[0]
        return (
            isinstance(matrix.type, Array)
            and matrix.type.dtype in _FLOATS
            and matrix.type.ndim == 2
            and matrix not in self.written
        )

    def is_product(self, op: Op) -> bool:
        return (
            op.decl in PRODUCTS
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
        if isinstance(old, For | While):
            for op, matrix in self.asked_in_turns(old):
                self.factor(matrix, op, env, b)  # which never raises: the loop may have no turn
        if not isinstance(old, Op) or not self.rewritten(old, env, b):
            b.append(self.keep(old, env, b))

    def rewritten(self, op: Op, env: Env, b: Builder) -> bool:
        """Append what stands for an operation; False if it stays."""
        if op.decl in ASKING:
            if not self.is_shared(op):
                return False
            if op.decl is systems.solve:
                return self.solved(op, *self.matrix_of(op), op.operands[1], False, env, b)
            if op.decl is factors.slogdet:
                return self.determined(op, env, b)
            self.factor(self.matrix_of(op)[0], op, env, b)
            return True
        if self.is_product(op):
            left, right = op.operands
            if left in self.inverses:
                return self.solved(op, *self.inverted(left), right, False, env, b)
            if right in self.inverses:
                matrix, across = self.inverted(right)
                return self.solved(op, matrix, not across, left, True, env, b)
        return False

    def asked_in_turns(self, loop: For | While) -> list[tuple[Op, Atom]]:
        """What each turn asks of matrices that are there before the loop."""
        own = {r for s in walk(Region((), (loop,), ())) for r in s.results}
        own |= {p for region in all_regions(Region((), (loop,), ())) for p in region.params}
        found, pending = [], [*regions_of(loop)]
        while pending:
            for s in pending.pop().body:
                if isinstance(s, For | While):
                    pending += regions_of(s)
                if not isinstance(s, Op) or s.decl not in ASKING or not self.is_shared(s):
                    continue
                matrix, _ = self.matrix_of(s)
                if matrix not in own:
                    found.append((s, matrix))
        return found

    def is_shared(self, op: Op) -> bool:
        """Whether the factors are used for an operation."""
        if not all(r in self.made for r in op.results) or not self.fits(op):
            return False
        if op.decl is systems.inv:
            return op.result in self.inverses
        return op.decl is not systems.solve or ndim_of(op.operands[1].type) < 3

    def inverted(self, inverse: Atom) -> tuple[Atom, bool]:
        assert isinstance(inverse, Value)
        return self.matrix_of(self.made[inverse])

    def matrix_of(self, op: Op) -> tuple[Atom, bool]:
        """The matrix that an operation is on, and whether on its transpose."""
        matrix, across = op.operands[0], False
        while isinstance(matrix, Value) and (made := self.made.get(matrix)) is not None:
            if made.decl is not shapes.transpose:
                break
            matrix, across = made.operands[0], not across
        return matrix, across

    # ---- what stands there --------------------------------------------------------------------------------

    def factor(self, matrix: Atom, op: Op, env: Env, b: Builder) -> Factored:
        """The factors of a matrix, and whether there are any; computed here unless they are there."""
        if matrix not in self.factors:
            inner = here(b, op)
            self.factors[matrix] = self.factorised(lookup(env, matrix), inner)
            b.body += inner.body
        return self.factors[matrix]

    def solved(
        self, op: Op, matrix: Atom, across: bool, right: Atom, flip: bool, env: Env, b: Builder
    ) -> bool:
        """A solution, `across`: with the transpose, `flip`: of `right @ inverse(matrix)`, whose rows it takes."""
        k, x = lookup(env, matrix), lookup(env, right)
        flip = flip and ndim_of(x.type) == 2
        known = self.solutions.setdefault((matrix, right, across, flip), op.result)
        if known is not op.result and same_kind(known.type, op.result.type):
            env[op.result] = known
            self.fired.append((self.name, op.location))
            return True
        found, worked = self.factor(matrix, op, env, b)

        def turned(x: Atom, b: Builder) -> Atom:
            return b.op(shapes.transpose, x) if flip else x

        def fast(b: Builder) -> Sequence[Atom]:
            return (turned(self.solution(k, found, turned(x, b), across, b), b),)

        def slow(b: Builder) -> Sequence[Atom]:
            a = b.op(shapes.transpose, k) if across else k
            return (turned(b.op(systems.solve, a, turned(x, b)), b),)

        return self.chosen(op, worked, fast, slow, b)

    def determined(self, op: Op, env: Env, b: Builder) -> bool:
        matrix, _ = self.matrix_of(op)
        k = lookup(env, matrix)
        found, worked = self.factor(matrix, op, env, b)

        def fast(b: Builder) -> Sequence[Atom]:
            return self.determinant(k, found, op, b)

        def slow(b: Builder) -> Sequence[Atom]:
            return b.ops(factors.slogdet, k)

        return self.chosen(op, worked, fast, slow, b)

    def chosen(self, op: Op, condition: Value, fast: Make, slow: Make, b: Builder) -> bool:
        """One of two ways to an operation's results."""
        branches = []
        for make in (fast, slow):
            inner = here(b, op)
            found = tuple(make(inner))
            if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
                return False
            branches.append(inner.region((), found))
        then, orelse = branches
        b.append(If(condition, then, orelse, op.results, op.location, "compiler"))
        self.fired.append((self.name, op.location))
        return True


def here(b: Builder, op: Op) -> Builder:
    inner = b.inner()
    inner.location, inner.origin = op.location, "compiler"
    return inner
