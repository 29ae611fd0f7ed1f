"""Symmetry analysis: proves matrices symmetric from their expressions (`A.T @ A`, `K + c * np.eye(n)`, kernels).

The element of a matrix at (i, j) is expressed by the elements of its operands, in a normal form that does not depend on
the order of terms and factors:

    d = x[:, None] - x                     d[i, j] = x[i] - x[j]
    K = np.exp(-(d**2)) + c * np.eye(n)    K[i, j] = exp(-even(x[i] - x[j])) + c * eye{i, j}

A matrix is symmetric if the normal form at (j, i) is the same. The analysis follows calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from srcdiff.ir.core import Call, Function, Op, walk
from srcdiff.ir.types import Array, Dim, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.index_patterns import items
from srcdiff.transforms.analysis.defuse import pure_definitions, written_values

Letters = tuple[str, ...]
# a normal form: a sign, and the number of the expression in a hash-consing table
Form = tuple[int, int]

_ONE = Dim(1)
_NONE = "1"  # the letter of an axis of length 1
_DEPTH = 5  # nested sums, products and calls that are flattened
_SIGNS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}
_PRODUCTS = ("matmul", "dot")
_EVEN = {"square", "absolute", "cos", "cosh"}
_SYMMETRIC = {"maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot"}


class Symmetry:
    """The normal forms of a function's values; `made`: the pure operation that defines a value."""

    def __init__(self, fn: Function, made: Mapping[Atom, Op] | None = None) -> None:
        written = written_values(fn)
        self.made = made or pure_definitions(fn, written)
        calls = [s for s in walk(fn.body) if isinstance(s, Call) and len(s.results) == 1]
        self.calls = {s.results[0]: s for s in calls if s.results[0] not in written}
        self.where: tuple[Value, ...] = ()  # the chain of calls that leads to this function
        self.numbers: dict[object, int] = {}
        self.forms: dict[tuple[Atom, Letters], Form] = {}
        self.inside: dict[Value, _Called] = {}

    def holds(self, matrix: Atom) -> bool:
        if not isinstance(matrix.type, Array) or matrix.type.ndim != 2:
            return False
        return self.form(matrix, ("i", "j")) == self.form(matrix, ("j", "i"))

    def number(self, *key: object) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def form(self, atom: Atom, letters: Letters) -> Form:
        """The normal form of the element of an array at the indices `letters`."""
        letters = tuple(
            _NONE if d == _ONE else c for c, d in zip(letters, shape_of(atom.type), strict=True)
        )
        found = self.forms.get((atom, letters))
        if found is None:
            found = self.forms[atom, letters] = self.expression(atom, letters)
        return found

    def expression(self, atom: Atom, letters: Letters) -> Form:
        if isinstance(atom, Const):
            is_negative = isinstance(atom.value, int | float) and atom.value < 0
            value = -atom.value if is_negative else atom.value
            return (-1 if is_negative else 1), self.number("constant", repr(value))
        op = self.made.get(atom)
        found = self.made_of(op, letters) if op is not None and len(op.results) == 1 else None
        if atom in self.calls and len(self.where) < _DEPTH:
            found = self.called(self.calls[atom], letters)
        return found or (1, self.number("value", *self.where, atom, letters))

    def called(self, call: Call, letters: Letters) -> Form:
        """The normal form of an element of a call's result."""
        (result,) = call.results
        if result not in self.inside:
            self.inside[result] = _Called(self, call)
        (returned,) = call.function.body.yields
        return self.inside[result].form(returned, letters)

    def made_of(self, op: Op, letters: Letters) -> Form | None:
        """An element of an operation's result in terms of its operands; None if the operation is opaque."""
        name = op.decl.name
        if name in _SIGNS:
            return self.sum(self.terms(op, letters))
        if name in _PRODUCTS and len(letters) == 2 and self.is_symmetric_chain(op):
            return 1, self.number("symmetric chain", *self.where, op.result, *sorted(letters))
        if name in ("multiply", "divide", "outer", *_PRODUCTS):
            return self.product(self.factors(op, letters))
        if op.decl.elementwise:
            return self.function(op, letters)
        x = op.operands[0] if op.operands else None
        if name == "sum" and x is not None and not op.attrs.keys() - {"axis", "keepdims"}:
            return self.summed(op, letters)
        if name == "eye" and not op.attrs.get("k") and len(op.operands) == 1:
            return 1, self.number("eye", *sorted(letters))
        if name == "diag" and not op.attrs.get("k") and x is not None and ndim_of(x.type) == 1:
            return 1, self.number("diag", self.form(x, ("_",)), *sorted(letters))
        if name == "inv" and len(letters) == 2 and x is not None:
            return 1, self.number("inverse", self.form(x, letters))
        moved = self.moved(op, letters)
        return None if moved is None or x is None else self.form(x, moved)

    def moved(self, op: Op, letters: Letters) -> Letters | None:
        """The letters of the operand of a view, for the letters of the view."""
        name, attrs = op.decl.name, op.attrs
        if name == "transpose":
            axes = attrs.get("axes") or tuple(reversed(range(len(letters))))
            return tuple(letters[axes.index(k)] for k in range(len(letters)))
        if name == "index" and set(where := items(attrs["where"])) <= {":", "None"}:
            where += [":"] * (len(letters) - len(where))
            return tuple(c for c, item in zip(letters, where, strict=True) if item == ":")
        if name in ("reshape", "expand_dims", "squeeze"):
            before, after = shape_of(op.operands[0].type), shape_of(op.result.type)
            if [d for d in before if d != _ONE] != [d for d in after if d != _ONE]:
                return None
            rest = iter([c for c, d in zip(letters, after, strict=True) if d != _ONE])
            return tuple(_NONE if d == _ONE else next(rest) for d in before)
        return None

    # ---- sums and products ------------------------------------------------------------------------------

    def operand(self, op: Op, k: int, letters: Letters) -> tuple[Atom, Letters]:
        """An operand of an elementwise operation, which may be broadcast."""
        atom = op.operands[k]
        return atom, letters[len(letters) - ndim_of(atom.type) :]

    def terms(self, op: Op, letters: Letters, depth: int = 0) -> list[Form]:
        found: list[Form] = []
        for k, sign in enumerate(_SIGNS[op.decl.name]):
            atom, own = self.operand(op, k, letters)
            inner = self.made.get(atom)
            if inner is not None and inner.decl.name in _SIGNS and depth < _DEPTH:
                parts = self.terms(inner, self.whole(atom, own), depth + 1)
                found += [(sign * s, n) for s, n in parts]
            else:
                s, n = self.form(atom, own)
                found.append((sign * s, n))
        return found

    def whole(self, atom: Atom, letters: Letters) -> Letters:
        shape = shape_of(atom.type)
        return tuple(_NONE if d == _ONE else c for c, d in zip(letters, shape, strict=True))

    def sum(self, terms: Sequence[Form]) -> Form:
        plus, minus = sorted(terms), sorted((-s, n) for s, n in terms)
        if minus > plus:
            return -1, self.number("sum", *minus)
        return 1, self.number("sum", *plus)

    def factors(self, op: Op, letters: Letters, depth: int = 0) -> list[Form]:
        """The factors of a product; a matrix product has a factor for its summed letter, too."""
        if op.decl.name == "multiply":
            parts = [self.operand(op, k, letters) for k in range(2)]
        elif op.decl.name == "divide":
            above, below = (self.operand(op, k, letters) for k in range(2))
            sign, number = self.form(*below)
            return [*self.factor(*above, depth), (sign, self.number("reciprocal", number))]
        elif op.decl.name == "outer":
            parts = [(a, (c,)) for a, c in zip(op.operands, letters, strict=True)]
        else:
            x, y = op.operands
            if not 0 < ndim_of(x.type) < 3 or not 0 < ndim_of(y.type) < 3:
                return [(1, self.number("value", *self.where, op.result, letters))]
            k = _fresh(letters)
            left, right = letters[: ndim_of(x.type) - 1], letters[ndim_of(x.type) - 1 :]
            parts = [(x, (*left, k)), (y, (k, *right))]
            over = [(1, self.number("over", k))]
            return [f for a, own in parts for f in self.factor(a, own, depth)] + over
        return [f for a, own in parts for f in self.factor(a, own, depth)]

    def is_symmetric_chain(self, op: Op) -> bool:
        """Whether a chain of matrix products equals its transpose: `P @ S @ P.T`, `solve(S, P).T @ P`."""
        if any(ndim_of(a.type) != 2 for a in op.operands):
            return False
        chain = [link for a in op.operands for link in self.links(a)]
        ends = zip(chain, reversed(chain), strict=True)
        return len(chain) > 2 and all(a == transposed for (a, _), (_, transposed) in ends)

    def links(self, a: Atom, depth: int = 0) -> list[tuple[Form, Form]]:
        """The factors of a chain of matrix products, each as it stands and transposed."""
        inner = self.made.get(a) if isinstance(a, Value) and depth < _DEPTH else None
        if inner is not None and all(ndim_of(x.type) == 2 for x in inner.operands):
            name, parts = inner.decl.name, inner.operands
            if name == "transpose":
                return [link[::-1] for link in reversed(self.links(parts[0], depth + 1))]
            if name in _PRODUCTS:
                return [link for x in parts for link in self.links(x, depth + 1)]
            if name == "solve":
                ways = (self.form(parts[0], at) for at in (("i", "j"), ("j", "i")))
                one, other = ((1, self.number("inverse", way)) for way in ways)
                return [(one, other), *self.links(parts[1], depth + 1)]
        return [(self.form(a, ("i", "j")), self.form(a, ("j", "i")))]

    def factor(self, atom: Atom, letters: Letters, depth: int) -> list[Form]:
        inner = self.made.get(atom)
        is_product = inner is not None and inner.decl.name in ("multiply", "divide")
        if inner is not None and is_product and depth < _DEPTH:
            return self.factors(inner, self.whole(atom, letters), depth + 1)
        return [self.form(atom, letters)]

    def product(self, factors: Iterable[Form]) -> Form:
        sign, numbers = 1, []
        for s, n in factors:
            sign *= s
            numbers.append(n)
        return sign, self.number("product", *sorted(numbers))

    def summed(self, op: Op, letters: Letters) -> Form:
        """The normal form of a sum over axes."""
        x, axis = op.operands[0], op.attrs.get("axis")
        count = ndim_of(x.type)
        axes = range(count) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        reduced = {k % count for k in axes}
        rest = iter(letters)
        whole: list[str] = []
        for k in range(count):
            if k in reduced:
                whole.append(_fresh((*letters, *whole)))
                if op.attrs.get("keepdims"):
                    next(rest)
            else:
                whole.append(next(rest))
        sign, number = self.form(x, tuple(whole))
        return sign, self.number("total", number, *(whole[k] for k in sorted(reduced)))

    def function(self, op: Op, letters: Letters) -> Form:
        name = op.decl.name
        forms = [self.form(*self.operand(op, k, letters)) for k in range(len(op.operands))]
        exponent = op.operands[1] if name == "power" else None
        is_even_power = isinstance(exponent, Const) and exponent.value in (2, 4, 2.0, 4.0)
        if name in _EVEN or is_even_power:
            forms[0] = (1, forms[0][1])
        if name in _SYMMETRIC:
            forms.sort()
        attrs = sorted((k, repr(v)) for k, v in op.attrs.items())
        return 1, self.number("function", name, *attrs, *forms)


class _Called(Symmetry):
    """The normal forms of a helper's values, for one call."""

    def __init__(self, caller: Symmetry, call: Call) -> None:
        super().__init__(call.function)
        self.caller = caller
        self.where = (*caller.where, call.results[0])
        self.numbers = caller.numbers
        self.given: dict[Atom, Atom] = dict(zip(call.function.params, call.operands, strict=True))

    def expression(self, atom: Atom, letters: Letters) -> Form:
        if atom in self.given:
            return self.caller.form(self.given[atom], letters)
        return super().expression(atom, letters)


def _fresh(letters: Sequence[str]) -> str:
    """A letter for a summed axis; it does not depend on the names of the free letters."""
    return next(c for k in range(len(letters) + 1) if (c := f"_{k}") not in letters)
