"""Normal forms: each value of a function as a sum of products, unless the sum is too long."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite

from srcdiff.ir.core import Function, Op, Region, regions_of
from srcdiff.ir.types import Array, Dim, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, is_python
from srcdiff.transforms.analysis.defuse import (
    count_uses,
    is_generated,
    is_pure,
    same_kind,
    written_values,
)
from srcdiff.transforms.simplify.algebra import polynomials
from srcdiff.transforms.simplify.algebra.polynomials import Polynomial

# operations, the sizes of their results, repeated mentions, products that need brackets, mentions
Cost = tuple[int, int, int, int, int]


_ARITHMETIC = {"add", "subtract", "multiply", "divide", "negative", "power"}


class Forms:
    """The normal forms of a function's values.

    The four forms differ in which values are multiplied out. `plain[v]`: generated values that are used once, in the
    same region. `near[v]`: parts of the user's expressions, too. `open[v]`: all values without a name of the user's.
    `full[v]`: all values. `absorbed`: values that are part of the plain form of the value that uses them.
    """

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.uses = count_uses(fn)
        self.atoms: list[Atom] = []
        self.numbers: dict[Atom, int] = {}
        self.sizes: list[int] = []
        self.python: set[int] = set()  # the atoms that are Python's numbers
        self.variables: dict[int, Polynomial] = {}
        self.plain: dict[Value, Polynomial] = {}
        self.near: dict[Value, Polynomial] = {}
        self.open: dict[Value, Polynomial] = {}
        self.full: dict[Value, Polynomial] = {}
        self.leaves: dict[Value, list[Value]] = {}  # the values in the plain form, with repetitions
        self.products: set[Atom] = set()
        self.costs: dict[Value, Cost] = {}
        self.signs: dict[Value, polynomials.Cost] = {}  # the cost of negations as written
        self.absorbed: set[Value] = set()
        self.parts: set[Value] = set()  # parts of the user's expressions, or named there
        self.complements: dict[int, int] = {}  # expit(-z) of expit(z), and back
        self.nonzero: set[int] = set()  # exponentials, and arguments of logarithms
        self._expits: dict[frozenset[object], int] = {}
        self.region(fn.body)

    def region(self, region: Region) -> None:
        here: set[Value] = set()
        for statement in region.body:
            for inner in regions_of(statement):
                around = set(self.nonzero)
                self.region(inner)
                self.nonzero = around  # a branch may not have been taken
            if not isinstance(statement, Op) or len(statement.results) != 1:
                continue
            if is_pure(statement, self.written):
                self.op(statement, here)
                if is_generated(statement):
                    here.add(statement.result)
            elif is_pure(statement, self.written - {statement.result}):
                self.op(
                    statement, here
                )  # its result is written later: a sum, but no part of another

    def op(self, op: Op, here: set[Value]) -> None:
        if op.decl.name == "expit":
            self.note_expit(op)
        if op.decl.name == "exp":
            self.nonzero.add(self.number(op.result))
        if op.decl.name == "log":
            self.nonzero.add(self.number(op.operands[0]))
        if op.decl.name not in _ARITHMETIC or not _is_real(op.result.type):
            return
        inner = [a for a in op.operands if isinstance(a, Value) and self.is_inner(a, here)]
        parts = [
            self.plain[a] if a in inner and isinstance(a, Value) else self.atom(a)
            for a in op.operands
        ]
        plain = combine(op, parts, self)
        if plain is None:
            return
        known = [(parts, plain)]  # forms differ in few places
        self.plain[op.result] = plain
        if not is_generated(op):
            self.parts.add(op.result)
        for forms, form_of in (
            (self.near, lambda a: self.near_form(a, inner)),
            (self.open, self.open_form),
            (self.full, self.full_form),
        ):
            parts = [form_of(a) for a in op.operands]
            form = next((f for of, f in known if all(map(operator.is_, of, parts))), None)
            if form is None:
                form = combine(op, parts, self)
                form = plain if form is None else form
                known.append((parts, form))
            forms[op.result] = form
        self.absorbed.update(inner)
        self.note_cost(op, inner)

    def note_cost(self, op: Op, inner: list[Value]) -> None:
        """Note the cost of an operation's tree as it stands; `inner` are the operands that are part of the tree."""
        leaves = [a for a in op.operands if isinstance(a, Value) and a not in inner]
        self.leaves[op.result] = [*leaves, *(leaf for v in inner for leaf in self.leaves[v])]
        last = op.operands[-1]
        signs = [self.signs[v] for v in inner]
        if op.decl.name == "negative":
            signs.append((1, size_of(op.result.type)))
        self.signs[op.result] = sum(s[0] for s in signs), sum(s[1] for s in signs)
        product = op.decl.name == "multiply"
        bracket = product and last in self.products and same_kind(last.type, op.result.type)
        if product:
            self.products.add(op.result)
        self.costs[op.result] = (
            1 + sum(self.costs[v][0] for v in inner),
            size_of(op.result.type) + sum(self.costs[v][1] for v in inner),
            repeats(self.leaves[op.result]),
            int(bracket and last in inner) + sum(self.costs[v][3] for v in inner),
            len(self.leaves[op.result]),
        )

    def least_cost(self, form: Polynomial) -> Cost:
        """A lower bound on the cost of a tree: each atom stands there once, and the last operation is of full size."""
        atoms = {a for above, below in form for a, _ in (*above, *below)}
        size = max((self.sizes[a] for a in atoms), default=0) if len(atoms) > 1 else 0
        return max(len(atoms) - 1, 0), size, 0, 0, len(atoms)

    def is_inner(self, value: Value, here: set[Value]) -> bool:
        return value in here and value in self.plain and self.uses[value] == 1 and not value.user

    def note_expit(self, op: Op) -> None:
        form = self.full_form(op.operands[0])
        mine = self.number(op.result)
        other = self._expits.get(frozenset(polynomials.scaled(form, Fraction(-1)).items()))
        if other is not None:
            self.complements[mine], self.complements[other] = other, mine
        self._expits[frozenset(form.items())] = mine

    def full_form(self, atom: Atom) -> Polynomial:
        form = self.full.get(atom) if isinstance(atom, Value) else None
        return self.atom(atom) if form is None else form

    def product(self, number: int) -> Polynomial:
        """The product that defines an atom, one step deep; the atom itself where it is not a product."""
        atom = self.atoms[number]
        form = self.plain.get(atom) if isinstance(atom, Value) else None
        return polynomials.variable(number) if form is None else form

    def near_form(self, atom: Atom, inner: Sequence[Atom]) -> Polynomial:
        form = None
        if isinstance(atom, Value):
            is_part = atom in self.parts and not (atom.user and atom.name)
            form = self.near.get(atom) if is_part or atom in inner else None
        return self.atom(atom) if form is None else form

    def open_form(self, atom: Atom) -> Polynomial:
        named = isinstance(atom, Value) and atom.user and atom.name
        form = self.open.get(atom) if isinstance(atom, Value) and not named else None
        return self.atom(atom) if form is None else form

    def atom(self, atom: Atom) -> Polynomial:
        if isinstance(atom, Const) and _is_plain_number(atom.value):
            return _constant(repr(atom.value))
        number = self.number(atom)
        if number not in self.variables:
            self.variables[number] = polynomials.variable(number)
        return self.variables[number]

    def number(self, atom: Atom) -> int:
        if atom not in self.numbers:
            self.numbers[atom] = len(self.atoms)
            self.atoms.append(atom)
            if is_python(atom):
                self.python.add(len(self.sizes))
            self.sizes.append(size_of(atom.type))
        return self.numbers[atom]


@functools.lru_cache(maxsize=1024)
def _constant(text: str) -> Polynomial:
    return polynomials.constant(Fraction(text))


def size_of(type_: Type) -> int:
    """The number of axes that are longer than one, as far as is known."""
    return sum(d != Dim(1) for d in shape_of(type_))


def repeats(leaves: Sequence[object]) -> int:
    return len(leaves) - len(set(leaves))


def without(cost: Cost, signs: polynomials.Cost) -> Cost:
    return (cost[0] - signs[0], cost[1] - signs[1], *cost[2:])


def combine(op: Op, parts: list[Polynomial], forms: Forms) -> Polynomial | None:
    """The form of an operation on these forms; None where it has no form, or one that is too large."""
    out = _combined(op, parts)
    if out is None and op.decl.name in ("multiply", "divide", "power"):  # sums stay whole
        whole = [
            p if len(p) == 1 else forms.atom(a) for p, a in zip(parts, op.operands, strict=True)
        ]
        out = _combined(op, [parts[0], whole[1]]) or _combined(op, whole)
    if out is None or len(out) > polynomials.LIMIT:
        return None
    return polynomials.shortened(out, forms.nonzero)


def _combined(op: Op, parts: list[Polynomial]) -> Polynomial | None:
    match op.decl.name:
        case "add":
            return polynomials.plus(*parts)
        case "subtract":
            return polynomials.plus(parts[0], polynomials.negated(parts[1]))
        case "negative":
            return polynomials.negated(parts[0])
        case "multiply":
            return polynomials.times(*parts)
        case "divide":
            return polynomials.divided(*parts)
        case "power" if isinstance(exponent := op.operands[1], Const) and _is_plain_number(
            exponent.value
        ):
            return (
                polynomials.powered(parts[0], int(exponent.value))
                if exponent.value == int(exponent.value)
                else None
            )
    return None


def _is_real(type_: Type) -> bool:
    return isinstance(type_, Scalar | Array) and type_.dtype.startswith("float")


def _is_plain_number(value: object) -> bool:
    return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]
