"""Shared factorisation: all systems, determinants and eliminated inverses of a matrix use one factorisation.

The kinds of factorisation are subclasses of `Systems` (`cholesky_systems`, `lu_systems`, `triangular_systems`). A
factorisation reports at run time whether it has succeeded. For a symmetric matrix, which may have no Cholesky factor,
each use is an `If` on that report, and its other branch is the user's line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.adjoint_builders import lengths_of_axes
from srcdiff.ops.core.type_rules import make, promote
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import einsum, products, solve
from srcdiff.ops.linalg import factorisations as factors
from srcdiff.ops.linalg.matrix_types import as_float
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import (
    all_regions,
    pure_definitions,
    same_kind,
    with_rewrites,
    written_values,
)
from srcdiff.transforms.analysis.reachability import shown_lengths
from srcdiff.transforms.linalg.inverse_elimination import Inverted, contraction, only_multiplied
from srcdiff.transforms.logspace.factored_form import is_positive_number
from srcdiff.transforms.simplify.constants import constant_value

PRODUCTS = (products.matmul, products.dot)
SHARING = (solve.solve, solve.inv, factors.slogdet)
_FLOATS = ("float64", "float32")

Make = Callable[[Builder], Sequence[Atom]]
# the factors of a matrix, and the condition that LAPACK reports
Factored = tuple[tuple[Value, ...], Value]


def same_factors(fn: Function, pass_: Systems) -> Function:
    """`fn` after a pass, with a record of the rewritten lines."""
    new = pass_(fn)
    if not pass_.fired:
        return fn
    return with_rewrites(new, fn, dict.fromkeys(pass_.fired))


class Systems(Rewriter):
    """Shares one factorisation of each matrix that `fits`, within each region."""

    name: str
    is_symmetric = False  # whether a system with the transposed matrix is the same system
    inverses: Mapping[Value, Inverted]  # inverses that are not computed, and their multiples

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.shown = shown_lengths(fn)
        self.made = pure_definitions(fn, self.written)
        self.factors: dict[Atom, Factored] = {}
        self.solutions: dict[tuple[Atom, Atom, bool, bool], Value] = {}  # see `solved`
        self.determinants: dict[Atom, tuple[Value, ...]] = {}
        self.fired: list[tuple[str, Location | None]] = []

    # ---- declared by each kind of factorisation -----------------------------------------------------------

    def fits(self, op: Op) -> bool:
        """Whether the matrix of a system, an inverse or a determinant is factorised."""
        raise NotImplementedError

    def factorised(self, k: Atom, b: Builder) -> Factored:
        """The factors of a matrix of the new function, and the condition that LAPACK reports."""
        raise NotImplementedError

    def solution(
        self, k: Atom, found: tuple[Value, ...], x: Atom, across: bool, b: Builder
    ) -> Atom:
        """The solution of a system with the matrix, or (`across`) with its transpose."""
        raise NotImplementedError

    def determinant(self, k: Atom, found: tuple[Value, ...], op: Op, b: Builder) -> Sequence[Atom]:
        """The sign of the determinant, and the logarithm of its absolute value."""
        raise NotImplementedError

    # ---- uses of a factorisation ----------------------------------------------------------------------------

    def only_multiplied(self, fn: Function) -> dict[Value, Inverted]:
        """The inverses of fitting matrices whose only uses are products, and their multiples."""
        return only_multiplied(fn, self.made, self.fits, self.is_product)

    def is_matrix(self, op: Op) -> bool:
        """Whether the first operand is one matrix of floats that nothing writes."""
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
        determinants, self.determinants = self.determinants, dict(self.determinants)
        new = super().region(old, env, b)
        self.factors, self.solutions, self.determinants = factors, solutions, determinants
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, For | While):
            for op, matrix in self.systems_in_iterations(old):
                # in front of the loop, without a check: the loop may have no iteration
                self.factor(matrix, op, env, b)
                if op.decl is factors.slogdet:
                    before = replace(op, results=tuple(replace(r) for r in op.results))
                    self.determined(before, env, b)
        if not isinstance(old, Op) or not self.rewritten(old, env, b):
            b.append(self.keep(old, env, b))

    def rewritten(self, op: Op, env: Env, b: Builder) -> bool:
        """Append the replacement of an operation; False if the operation stays."""
        if op.decl in SHARING:
            if not self.is_shared(op):
                return False
            if op.decl is solve.solve:
                return self.solved(op, *self.matrix_of(op), op.operands[1], False, env, b)
            if op.decl is factors.slogdet:
                return self.determined(op, env, b)
            self.factor(self.matrix_of(op)[0], op, env, b)
            return True
        if op.results[:1] and op.results[0] in self.inverses:
            return True  # each product applies the scale itself
        if self.is_product(op):
            left, right = op.operands
            if left in self.inverses:
                return self.multiplied(op, left, right, False, False, env, b)
            if right in self.inverses:
                return self.multiplied(op, right, left, True, True, env, b)
        if op.decl is einsum.einsum and any(a in self.inverses for a in op.operands):
            return self.contracted(op, env, b)
        return False

    def multiplied(
        self, op: Op, inverse: Atom, x: Atom, across: bool, flip: bool, env: Env, b: Builder
    ) -> bool:
        """Replace a product with (a multiple of) an inverse by a solution.

        across : the inverse is transposed.
        flip : the inverse multiplies from the right.
        """
        assert isinstance(inverse, Value)
        form = self.inverses[inverse]
        matrix, is_transposed = self.inverted(inverse)
        across = across != is_transposed
        if not form.scales:
            return self.solved(op, matrix, across, x, flip, env, b)
        plain = replace(op, results=(Value(op.result.type),))
        if not self.solved(plain, matrix, across, x, flip, env, b):
            return False
        inner, found = here(b, op), lookup(env, plain.result)
        for scale in form.scales:
            parts = (lookup(env, a) if ndim_of(a.type) == 0 else found for a in scale.operands)
            found = inner.op(scale.decl, *parts)
        return self.plainly(op, inner, (found,), b)

    def contracted(self, op: Op, env: Env, b: Builder) -> bool:
        """Replace an `einsum` with an inverse by an `einsum` with a solution."""
        how = contraction(op, self.inverses)
        assert how is not None
        inverse, x = op.operands[how.at], op.operands[how.by]
        assert isinstance(inverse, Value)
        if how.is_transposed:
            turning = here(b, op)
            x = turning.op(permutations.transpose, lookup(env, x))
            b.body += turning.body
        shape = (shape_of(inverse.type)[0], *shape_of(x.type)[1:])
        found = Value(make(as_float(promote([inverse, x])[0]), shape))
        product = replace(
            op, decl=products.matmul, operands=(inverse, x), results=(found,), attrs={}
        )
        self.multiplied(product, inverse, x, how.across, False, env, b)
        solution = lookup(env, found)
        rest = [a for k, a in enumerate(op.operands) if k not in (how.at, how.by)]
        if not rest and how.subscripts == f"{how.letters}->{how.letters}":
            env[op.result] = solution
            return True
        inner = here(b, op)
        attrs = {**op.attrs, "subscripts": how.subscripts}
        out = inner.op(op.decl, *(lookup(env, a) for a in rest), solution, **attrs)
        return self.plainly(op, inner, (out,), b)

    def systems_in_iterations(self, loop: For | While) -> list[tuple[Op, Atom]]:
        """The uses of loop-invariant matrices inside a loop, each with its matrix."""
        own = {r for s in walk(Region((), (loop,), ())) for r in s.results}
        own |= {p for region in all_regions(Region((), (loop,), ())) for p in region.params}
        found, pending = [], [*regions_of(loop)]
        while pending:
            for s in pending.pop().body:
                if isinstance(s, For | While):
                    pending += regions_of(s)
                if not isinstance(s, Op) or s.decl not in SHARING or not self.is_shared(s):
                    continue
                matrix, _ = self.matrix_of(s)
                if matrix not in own:
                    found.append((s, matrix))
        return found

    def is_shared(self, op: Op) -> bool:
        """Whether an operation will use the factors."""
        if not all(r in self.made for r in op.results) or not self.fits(op):
            return False
        if op.decl is solve.inv:
            return op.result in self.inverses
        return op.decl is not solve.solve or ndim_of(op.operands[1].type) < 3

    def inverted(self, inverse: Value) -> tuple[Atom, bool]:
        """The matrix of an inverse or of its multiple, and whether the matrix is transposed."""
        form = self.inverses[inverse]
        matrix, across = self.matrix_of(form.inverse)
        return matrix, across != form.across

    def matrix_of(self, op: Op) -> tuple[Atom, bool]:
        """The matrix of an operation, and whether it is transposed; for a determinant, without a constant factor."""
        matrix, across = op.operands[0], False
        if op.decl is factors.slogdet:
            matrix = self.unscaled(matrix)[0]
        while isinstance(matrix, Value) and (made := self.made.get(matrix)) is not None:
            if made.decl is not permutations.transpose:
                break
            matrix, across = made.operands[0], not across
        return matrix, across

    def unscaled(self, matrix: Atom) -> tuple[Atom, float]:
        """A matrix without its positive constant factor, and the factor: `K` and `2 * np.pi` for `2 * np.pi * K`."""
        made = self.made.get(matrix)
        if made is not None and made.decl is arithmetic.multiply:
            for scale, inner in (made.operands, made.operands[::-1]):
                number = known_number(scale, self.made)
                if ndim_of(inner.type) == 2 and is_positive_number(const(number)):
                    return inner, float(number)  # type: ignore[arg-type]
        return matrix, 1.0

    # ---- replacement --------------------------------------------------------------------------------------

    def factor(self, matrix: Atom, op: Op, env: Env, b: Builder) -> Factored:
        """The factors of a matrix and their condition; computed at `b` if the region does not have them."""
        if matrix not in self.factors:
            inner = here(b, op)
            self.factors[matrix] = self.factorised(lookup(env, matrix), inner)
            b.body += inner.body
        return self.factors[matrix]

    def solved(
        self, op: Op, matrix: Atom, across: bool, right: Atom, flip: bool, env: Env, b: Builder
    ) -> bool:
        """Append a solution.

        across : with the transposed matrix.
        flip : for `right @ inverse(matrix)`; the rows of `right` are the right-hand sides.
        """
        k, x = lookup(env, matrix), lookup(env, right)
        across = across and not self.is_symmetric
        flip = flip and ndim_of(x.type) == 2
        known = self.solutions.setdefault((matrix, right, across, flip), op.result)
        if known is not op.result and same_kind(known.type, op.result.type):
            env[op.result] = known
            self.fired.append((self.name, op.location))
            return True
        found, worked = self.factor(matrix, op, env, b)

        def transposed(x: Atom, b: Builder) -> Atom:
            return b.op(permutations.transpose, x) if flip else x

        def fast(b: Builder) -> Sequence[Atom]:
            return (transposed(self.solution(k, found, transposed(x, b), across, b), b),)

        def slow(b: Builder) -> Sequence[Atom]:
            a = b.op(permutations.transpose, k) if across else k
            return (transposed(b.op(solve.solve, a, transposed(x, b)), b),)

        return self.chosen(op, worked, fast, slow, b)

    def determined(self, op: Op, env: Env, b: Builder) -> bool:
        matrix, _ = self.matrix_of(op)
        _, scale = self.unscaled(op.operands[0])
        if scale != 1.0:
            return self.of_multiple(op, matrix, scale, env, b)
        known = self.determinants.setdefault(matrix, op.results)
        if known is not op.results and all(map(_same_type, known, op.results)):
            env.update(zip(op.results, known, strict=True))
            self.fired.append((self.name, op.location))
            return True
        k = lookup(env, matrix)
        found, worked = self.factor(matrix, op, env, b)

        def fast(b: Builder) -> Sequence[Atom]:
            return self.determinant(k, found, op, b)

        def slow(b: Builder) -> Sequence[Atom]:
            return b.ops(factors.slogdet, k)

        return self.chosen(op, worked, fast, slow, b)

    def of_multiple(self, op: Op, matrix: Atom, scale: float, env: Env, b: Builder) -> bool:
        """Append the determinant of a multiple, as of `np.linalg.slogdet(2 * np.pi * K)`."""
        plain = replace(op, operands=(matrix,), results=tuple(replace(r) for r in op.results))
        if not self.determined(plain, env, b):
            return False
        sign, size = (lookup(env, r) for r in plain.results)
        inner = here(b, op)
        n, _ = lengths_of_axes(inner, lookup(env, matrix), self.shown)
        more = inner.op(arithmetic.multiply, n, const(math.log(scale)))
        size = inner.op(arithmetic.add, size, more)
        env[op.results[0]] = sign
        b.body += inner.body
        env[op.results[1]] = size
        return True

    def chosen(self, op: Op, condition: Value, fast: Make, slow: Make, b: Builder) -> bool:
        """Append a branch between two ways to compute an operation's results."""
        branches = []
        for way in (fast, slow):
            inner = here(b, op)
            found = tuple(way(inner))
            if not all(same_kind(f.type, r.type) for f, r in zip(found, op.results, strict=True)):
                return False
            branches.append(inner.region((), found))
        then, orelse = branches
        b.append(If(condition, then, orelse, op.results, op.location, "compiler"))
        self.fired.append((self.name, op.location))
        return True

    def plainly(self, op: Op, made: Builder, found: Sequence[Atom], b: Builder) -> bool:
        """Append the statements of `made`; `found` become the operation's results."""
        given = dict(zip(found, op.results, strict=True))
        b.body += [replace(s, results=tuple(given.get(r, r) for r in s.results)) for s in made.body]
        self.fired.append((self.name, op.location))
        return True


def known_number(atom: Atom, made: Mapping[Atom, Op], depth: int = 3) -> object:
    """The number that an atom folds to; None if it is not constant."""
    if isinstance(atom, Const):
        return atom.value
    op = made.get(atom) if depth else None
    if op is None or not op.operands:
        return None
    found = tuple(known_number(a, made, depth - 1) for a in op.operands)
    value = (
        None if None in found else constant_value(replace(op, operands=tuple(map(const, found))))
    )
    return None if value is None else value.value


def _same_type(x: Value, y: Value) -> bool:
    return same_kind(x.type, y.type)


def here(b: Builder, op: Op) -> Builder:
    inner = b.inner()
    inner.location, inner.origin = op.location, "compiler"
    return inner
