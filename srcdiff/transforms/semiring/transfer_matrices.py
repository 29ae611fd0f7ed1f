"""Transfer matrices: the matrix by which an iteration multiplies the carried vector in a semiring, for
`associative_scan`.

    x = logsumexp(x[:, None] + A, axis=0) + b        has the matrix        A + b

Each value of the iteration is the vector broadcast along other axes plus potentials (`Spread`), or a product of the
vector with a matrix (`Product`). Numbers that are subtracted and added again may be anything. Any other value is an
error at its line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, clone_statement, lookup
from srcdiff.ir.core import For, If, Op, Region, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import creation, memory, reductions
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic, elementary, special
from srcdiff.ops.shapes import permutations, repeat
from srcdiff.transforms.analysis.defuse import used_atoms

SUMS = {"logsumexp": special.logsumexp, "max": reductions.max}
_TWO = {"logaddexp": "logsumexp", "maximum": "max"}
_SAME = {"read", "copy"}


@dataclass(frozen=True)
class Spread:
    """The vector along `axis` of a value with `ndim` axes, plus `potentials` if there are any."""

    axis: int
    ndim: int
    potentials: Atom | None = None
    less: frozenset[Atom] = frozenset()  # numbers that were subtracted and have to be added again


@dataclass(frozen=True)
class Product:
    """A value that is linear in the vector: the semiring's sum over k of `vector[k] + matrix[k]`."""

    matrix: Atom
    less: frozenset[Atom] = frozenset()


Linear = Spread | Product


@dataclass
class Lengths:
    """Which lengths are equal; `needed` collects equalities of argument lengths that a call has to satisfy."""

    shown: frozenset[str]
    equal: list[tuple[Dim, Dim]]
    needed: list[tuple[Dim, Dim]] = field(default_factory=list)

    def are_same(self, x: Dim, y: Dim) -> bool:
        found, size = {x}, 0
        while size != len(found):
            size = len(found)
            found.update(*(p for p in (*self.equal, *self.needed) if not found.isdisjoint(p)))
        if y in found:
            return True
        if not {*x.symbols(), *y.symbols()} <= self.shown:
            return False
        self.needed.append((x, y))
        return True


class TransferMatrix:
    """One iteration of a loop: statements that do not depend on the vector stay, all other values are `Linear`."""

    def __init__(self, loop: For, lengths: Lengths, env: Env, b: Builder) -> None:
        self.loop = loop
        self.lengths = lengths
        self.index = index = replace(loop.index)
        self.env: Env = dict(env) | {loop.index: index}
        self.vector = loop.body.params[1]
        assert isinstance(self.vector.type, Array)
        self.dtype = self.vector.type.dtype
        self.linear: dict[Atom, Linear] = {self.vector: Spread(0, 1)}
        # numbers that depend on the vector; they may be subtracted and added again
        self.numbers: dict[Atom, UnsupportedError] = {}
        self.plus = ""
        self.b = b
        made = (s for s in walk(loop.body) if isinstance(s, Op) and s.decl.view_of is None)
        self.own = {r for s in made for r in s.results}  # arrays that are private to the iteration

    def matrix(self) -> Value:
        self.region(self.loop.body, self.b)
        (after,) = self.loop.carried_yields
        if after not in self.linear:
            raise not_shown(
                self.loop.location, "the new carried value does not depend on the old one"
            )
        if not self.plus:
            raise not_shown(self.loop.location, "an iteration adds nothing up")
        if self.linear[after].less:
            raise self.numbers[next(iter(self.linear[after].less))]
        (given,), (carried,) = shape_of(after.type), shape_of(self.vector.type)
        if not self.lengths.are_same(given, carried):
            raise not_shown(
                self.loop.location, "the vector may have another length in each iteration"
            )
        return self.whole(after, self.b)

    def region(self, region: Region, b: Builder) -> None:
        for statement in region.body:
            b.location = statement.location
            if not any(v in self.linear or v in self.numbers for v in {*used_atoms(statement)}):
                self.plain(statement, b)
            elif isinstance(statement, Op) and len(statement.results) < 2:
                self.line(statement, b)
            elif isinstance(statement, If) and statement.condition not in self.numbers:
                self.branches(statement, b)
            else:
                what = "decides on a branch" if isinstance(statement, If) else "goes into a loop"
                raise not_shown(statement.location, f"what the loop carries {what}")

    def plain(self, statement: Statement, b: Builder) -> None:
        for s in walk(Region((), (statement,), ())):
            if isinstance(s, Op) and s.decl.writes and s.operands[0] not in self.own:
                raise not_shown(
                    s.location, "an iteration writes into an array from outside the loop"
                )
        b.append(clone_statement(statement, self.env))

    def branches(self, old: If, b: Builder) -> None:
        """Each branch has a matrix, if the vector does not decide which is taken."""
        inner = b.inner(), b.inner()
        for region, within in zip((old.then, old.orelse), inner, strict=True):
            self.region(region, within)
        for y in (*old.then.yields, *old.orelse.yields):
            if y in self.numbers:
                raise self.numbers[y]
        yields = list(zip(old.then.yields, old.orelse.yields, strict=True))
        linear = [any(y in self.linear for y in both) for both in yields]
        regions = []
        for region, within in zip((old.then, old.orelse), inner, strict=True):
            made = [
                self.whole(y, within) if is_linear else lookup(self.env, y)
                for y, is_linear in zip(region.yields, linear, strict=True)
            ]
            regions.append(within.region((), made))
        results = []
        for result, is_linear, made_here in zip(
            old.results, linear, regions[0].yields, strict=True
        ):
            results.append(Value(made_here.type, result.name) if is_linear else replace(result))
            if is_linear:
                followed = [y for y in yields[len(results) - 1] if y in self.linear]
                self.linear[result] = Product(results[-1], self.shared(followed, old))
            else:
                self.env[result] = results[-1]
        condition, (then, orelse) = lookup(self.env, old.condition), regions
        b.append(If(condition, then, orelse, tuple(results), old.location, old.origin))

    # ---- operations ----------------------------------------------------------------------------------

    def line(self, old: Op, b: Builder) -> None:
        try:
            self.linear[old.result] = self.op(old, b)
        except UnsupportedError as reason:
            if not old.results or ndim_of(old.result.type):
                raise
            self.numbers[old.result] = reason

    def op(self, old: Op, b: Builder) -> Linear:
        name = old.decl.name
        if any(a in self.numbers for a in old.operands):
            return self.shifted(old)
        given = [self.linear.get(a) for a in old.operands]
        if name in _SAME:
            assert given[0] is not None
            return given[0]
        if name == "index":
            return self.moved(old, given[0], b)
        if name in ("add", "subtract"):
            return self.added(old, b)
        if name in SUMS:
            return self.summed(old, given[0], b)
        if name in _TWO and None not in given:
            self.adds(_TWO[name], old)
            parts = (self.whole(a, b) for a in old.operands)
            return Product(b.op(old.decl, *parts), self.shared(old.operands, old))
        if name == "where" and old.operands[0] not in self.linear:
            return self.chosen(old, b)
        raise self.refused(old)

    def shifted(self, old: Op) -> Linear:
        """The parts of a value from which a number is subtracted, or to which it is added again."""
        x, y = old.operands if len(old.operands) == 2 else (None, None)
        if x in self.numbers and old.decl is arithmetic.add:
            x, y = y, x
        if x not in self.linear or y not in self.numbers:
            raise next(self.numbers[a] for a in old.operands if a in self.numbers)
        given = self.linear[x]
        if old.decl is arithmetic.subtract and y not in given.less:
            return replace(given, less=given.less | {y})
        if old.decl is arithmetic.add and y in given.less:
            return replace(given, less=given.less - {y})
        raise self.numbers[y]

    def adds(self, plus: str, old: Op) -> None:
        if self.plus not in ("", plus):
            raise not_shown(old.location, "an iteration has sums of exponentials and maxima")
        self.plus = plus

    def moved(self, old: Op, given: Linear | None, b: Builder) -> Linear:
        """The parts of a view that only adds axes."""
        pattern = items(str(old.attrs["where"]))
        if len(old.operands) != 1 or not set(pattern) <= {":", "None"} or given is None:
            raise self.refused(old)
        if isinstance(given, Product):
            matrix = b.op(memory.index, given.matrix, where=", ".join((":", *pattern)))
            return Product(matrix, given.less)
        full = [k for k, item in enumerate(pattern) if item == ":"]
        full += range(len(pattern), len(pattern) + given.ndim - len(full))
        ndim = ndim_of(old.result.type)
        potentials = given.potentials
        if potentials is not None:
            potentials = self.full(potentials, old.operands[0].type, b)
            potentials = b.op(memory.index, potentials, where=", ".join(pattern))
        return Spread(full[given.axis], ndim, potentials, given.less)

    def added(self, old: Op, b: Builder) -> Linear:
        """The parts of a value plus or minus potentials."""
        x, y = old.operands
        is_first = x in self.linear
        if (is_first and y in self.linear) or (old.decl.name == "subtract" and not is_first):
            raise self.refused(old)
        given = self.linear[x if is_first else y]
        potential = lookup(self.env, y if is_first else x)
        ndim = ndim_of(old.result.type)
        if isinstance(given, Product):
            matrix = given.matrix
            new = ndim + 1 - ndim_of(matrix.type)
            if new:
                matrix = b.op(memory.index, matrix, where=", ".join((":", *["None"] * new)))
            return Product(b.op(old.decl, matrix, potential), given.less)
        axis = given.axis + ndim - given.ndim
        if given.potentials is not None:
            potential = b.op(old.decl, given.potentials, potential)
            return Spread(axis, ndim, potential, given.less)
        if old.decl is arithmetic.subtract:
            potential = b.op(arithmetic.negative, potential)
        return Spread(axis, ndim, potential, given.less)

    def summed(self, old: Op, given: Linear | None, b: Builder) -> Linear:
        axis = old.attrs.get("axis")
        if given is None or not isinstance(axis, int) or not ndim_of(old.result.type):
            raise self.refused(old)
        self.adds(old.decl.name, old)
        x = old.operands[0]
        ndim = ndim_of(x.type)
        axis %= ndim
        if isinstance(given, Product):
            attrs = {**old.attrs, "axis": axis + 1}
            matrix = self.full(given.matrix, self.lifted(x.type), b)
            return Product(b.op(old.decl, matrix, **attrs), given.less)
        if given.potentials is None or old.attrs.get("keepdims"):
            raise self.refused(old)
        potentials = self.full(given.potentials, x.type, b)
        if axis != given.axis:
            rest = b.op(old.decl, potentials, **{**old.attrs, "axis": axis})
            return Spread(given.axis - (axis < given.axis), ndim - 1, rest, given.less)
        if axis:
            potentials = b.op(permutations.moveaxis, potentials, source=axis, destination=0)
        return Product(potentials, given.less)

    def chosen(self, old: Op, b: Builder) -> Linear:
        """The parts of `where` between two linear values, or between one and -inf (the zero of the semiring)."""
        condition, *values = old.operands
        parts: list[Atom] = []
        for value in values:
            if value in self.linear:
                parts.append(self.whole(value, b))
            elif isinstance(value, Const) and value.value == -math.inf:
                parts.append(value)
            else:
                raise self.refused(old)
        less = self.shared([v for v in values if v in self.linear], old)
        return Product(b.op(old.decl, lookup(self.env, condition), *parts), less)

    def shared(self, operands: Sequence[Atom], old: Statement) -> frozenset[Atom]:
        """The numbers that were subtracted from all operands; an error if they differ."""
        found = {self.linear[a].less for a in operands}
        if len(found) != 1:
            raise not_shown(old.location, "the two sides were reduced by different numbers")
        return found.pop()

    # ---- matrices ------------------------------------------------------------------------------------

    def whole(self, atom: Atom, b: Builder) -> Value:
        """A value of one axis as a matrix."""
        given = self.linear.get(atom)
        if given is None:
            what = "the new carried value does not depend on the old one in each case"
            raise not_shown(b.location, what)
        if ndim_of(atom.type) != 1:
            raise not_shown(b.location, "the carried value is not a vector")
        if isinstance(given, Product):
            return self.full(given.matrix, self.lifted(atom.type), b)
        length = b.op(memory.axis_length, lookup(self.env, self.loop.carried[0]), axis=0)
        own = b.op(arithmetic.greater, b.op(creation.eye, length), const(0))
        return b.op(elementary.where, own, given.potentials or const(0.0), const(-math.inf))

    def lifted(self, type_: Type) -> Array:
        """The type of a matrix whose rows have type `type_`."""
        return Array(self.dtype, (*shape_of(self.vector.type), *shape_of(type_)))

    def full(self, atom: Atom, type_: Type, b: Builder) -> Value:
        """Potentials, broadcast to the shape of the sum."""
        wanted = shape_of(type_)
        if isinstance(atom, Value) and shape_of(atom.type) == wanted:
            return atom
        (size,) = shape_of(self.vector.type)
        if not all(self.lengths.are_same(d, size) for d in wanted):
            raise not_shown(b.location, "potentials are added in a shape of their own")
        length = b.op(memory.axis_length, lookup(self.env, self.loop.carried[0]), axis=0)
        return b.op(repeat.broadcast_to, atom, *[length] * len(wanted))

    def refused(self, old: Op) -> UnsupportedError:
        return not_shown(old.location, f"`{old.decl.name}` is applied to what the loop carries")


def not_shown(location: Location | None, what: str, advice: str = "") -> UnsupportedError:
    return UnsupportedError(
        f"scan: it is not shown that iterations can be combined: {what}",
        advice
        or "An iteration may add potentials to a vector, and sum with logsumexp (or take maxima) over its elements.",
        location,
    )
