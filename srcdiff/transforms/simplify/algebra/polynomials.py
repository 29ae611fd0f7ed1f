"""Polynomials: sums of products in a normal form, and the shortest expression found for one.

A *monomial* is a pair of a numerator and a denominator: `a**2 * b / c` is `((a, 2), (b, 1)), ((c, 1),)`. A factor that
may be zero is never cancelled completely, so `x * y / y` keeps its domain, and `x * y / y**2` is `x / y`. A polynomial
maps monomials to exact coefficients; `0.1` is one tenth. Atoms are integers here; `reassociate` knows their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction

Factors = tuple[tuple[int, int], ...]  # (atom, power), by atom
Monomial = tuple[Factors, Factors]
Polynomial = Mapping[Monomial, Fraction]
Tree = int | Fraction | tuple[str, tuple["Tree", ...]]  # an atom, a constant, an operation
Cost = tuple[int, int]

LIMIT = 16  # terms; a larger polynomial is an atom in the expression around it
_FACTORS = 32  # of a term; longer products are atoms, too: each step of a long chain would copy all before it

_ONE: Monomial = ((), ())


# ---- arithmetic -------------------------------------------------------------------------------


def constant(value: Fraction) -> Polynomial:
    return {_ONE: value} if value else {}


def variable(atom: int) -> Polynomial:
    return {(((atom, 1),), ()): Fraction(1)}


def scaled(p: Polynomial, factor: Fraction) -> Polynomial:
    return {m: c * factor for m, c in p.items()} if factor else {}


def negated(p: Polynomial) -> Polynomial:
    return {m: -c for m, c in p.items()}


def plus(p: Polynomial, q: Polynomial) -> Polynomial:
    out = dict(p)
    for monomial, c in q.items():
        _add_term(out, monomial, c)
    return out


def _add_term(out: dict[Monomial, Fraction], monomial: Monomial, c: Fraction) -> None:
    before = out.get(monomial)
    total = c if before is None else before + c
    if total:
        out[monomial] = total
    else:
        out.pop(monomial, None)


def times(p: Polynomial, q: Polynomial) -> Polynomial | None:
    """The product; None where it has too many terms, or too long ones."""
    if len(p) * len(q) > LIMIT:
        return None
    out: dict[Monomial, Fraction] = {}
    for (above, below), c in p.items():
        for (other_above, other_below), k in q.items():
            if len(above) + len(other_above) > _FACTORS:
                return None
            monomial = _joined(above, other_above), _joined(below, other_below)
            _add_term(out, monomial, c * k)
    return out


def divided(p: Polynomial, q: Polynomial) -> Polynomial | None:
    """The quotient by a product; None where `q` is a sum, zero, or itself a quotient."""
    if len(q) != 1:
        return None
    (((above, below), c),) = q.items()
    return None if below else times(p, {((), above): 1 / c})


def shortened(p: Polynomial, nonzero: Set[int]) -> Polynomial:
    """Without common factors of numerators and denominators: an atom that may be zero keeps one power below the line.

    `a / a**2` is `1 / a`, which has no value where `a` is zero either; `a / a` stays.
    """
    if not any(below for _, below in p):
        return p
    out: dict[Monomial, Fraction] = {}
    for (above, below), c in p.items():
        powers = dict(below)
        both = {a: min(k, powers[a] - (a not in nonzero)) for a, k in above if powers.get(a, 0) > 0}
        monomial = (_without(above, both), _without(below, both)) if both else (above, below)
        _add_term(out, monomial, c)
    return out


def divided_once(p: Polynomial, atom: int, by: Polynomial) -> Polynomial | None:
    """With one power of an atom in a denominator expanded to its product: `b / (a b)**2` is `1 / (a (a b))`.

    None where nothing becomes shorter, or where the atom would not stay in the denominator: its factors may be zero.
    """
    if len(by) != 1:
        return None
    (((factors, divisors), k),) = by.items()
    own, fired = dict(factors), False
    out: dict[Monomial, Fraction] = {}
    for (above, below), c in p.items():
        both = {a: min(n, own[a]) for a, n in above if a in own}
        if both and dict(below).get(atom, 0) > 1:
            above = _joined(_without(above, both), divisors)
            below = _joined(_without(below, {atom: 1}), _without(factors, both))
            c, fired = c / k, True
        _add_term(out, (above, below), c)
    return out if fired else None


def powered(p: Polynomial, exponent: int) -> Polynomial | None:
    """A product to a small power; None for sums."""
    if len(p) != 1 or not 1 <= exponent <= 4:
        return None
    (((above, below), c),) = p.items()
    return {(_raised(above, exponent), _raised(below, exponent)): c**exponent}


def replaced(p: Polynomial, atom: int, by: Polynomial) -> Polynomial | None:
    """The polynomial with another one in an atom's place; None where the atom is squared or in a denominator."""
    out: Polynomial = {}
    for (above, below), c in p.items():
        powers = dict(above)
        if atom in dict(below) or powers.get(atom, 1) != 1:
            return None
        rest = tuple((a, k) for a, k in above if a != atom)
        term = times({(rest, below): c}, by) if atom in powers else {(above, below): c}
        if term is None:
            return None
        out = plus(out, term)
    return out


def _joined(left: Factors, right: Factors) -> Factors:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, k in right:
        powers[atom] = powers.get(atom, 0) + k
    return tuple(sorted(powers.items()))


def _raised(factors: Factors, exponent: int) -> Factors:
    return tuple((a, k * exponent) for a, k in factors)


def _without(factors: Factors, common: Mapping[int, int]) -> Factors:
    return tuple((a, k - common.get(a, 0)) for a, k in factors if k > common.get(a, 0))


# ---- writing down -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """The order in which atoms are written: smaller ones first, then in the order of the original.

    `sizes` are numbers of axes longer than 1: a row that is broadcast along a matrix is smaller than the matrix. Of the
    atoms in `python` no quotient is made: Python's numbers raise at zero.
    """

    sizes: Sequence[int]
    rank: Mapping[int, int]
    python: Set[int] = frozenset()

    def is_python(self, tree: Tree) -> bool:
        if isinstance(tree, int):
            return tree in self.python
        return bool(self.python) and (
            isinstance(tree, Fraction) or all(map(self.is_python, tree[1]))
        )

    def divides_python(self, tree: Tree) -> bool:
        """Whether Python's numbers are divided by each other."""
        if isinstance(tree, int | Fraction):
            return False
        name, parts = tree
        is_division = name == "divide" and not isinstance(parts[1], Fraction)
        return (is_division and self.is_python(tree)) or any(map(self.divides_python, parts))

    def order(self, atom: int) -> tuple[int, int]:
        return self.sizes[atom], self.rank.get(atom, len(self.sizes) + atom)

    def size(self, tree: Tree) -> int:
        if isinstance(tree, int):
            return self.sizes[tree]
        return 0 if isinstance(tree, Fraction) else max(map(self.size, tree[1]))


def cost(tree: Tree, layout: Layout) -> Cost:
    """The number of operations, and the sizes of their results."""
    return _cost_and_size(tree, layout)[:2]


def _cost_and_size(tree: Tree, layout: Layout) -> tuple[int, int, int]:
    if isinstance(tree, int | Fraction):
        return 0, 0, layout.size(tree)
    count, sizes, size = 1, 0, 0
    for part in tree[1]:
        more, inner, own = _cost_and_size(part, layout)
        count, sizes, size = count + more, sizes + inner, max(size, own)
    return count, sizes + size, size


def signs(tree: Tree, layout: Layout) -> Cost:
    """The cost of the negations in a tree."""
    if isinstance(tree, int | Fraction):
        return 0, 0
    parts = [signs(t, layout) for t in tree[1]]
    if tree[0] == "negative":
        parts.append((1, layout.size(tree)))
    return sum(p[0] for p in parts), sum(p[1] for p in parts)


def leaves(tree: Tree) -> list[int]:
    if isinstance(tree, int):
        return [tree]
    return [] if isinstance(tree, Fraction) else [a for part in tree[1] for a in leaves(part)]


def express(p: Polynomial, layout: Layout) -> Tree:
    """A tree for a polynomial, common factors taken out; see `Layout`."""
    if not p:
        return Fraction(0)
    if len(p) == 1:
        (((above, below), c),) = p.items()
        return _product(c, above, below, None, layout)
    over = _common([dict(m[0]) for m in p])
    under = _common([dict(m[1]) for m in p])
    c = _common_coefficient(list(p.values()))
    inner = {(_without(m[0], over), _without(m[1], under)): k / c for m, k in p.items()}
    return _product(c, tuple(over.items()), tuple(under.items()), _sum(inner, layout), layout)


def _common(powers: Sequence[Mapping[int, int]]) -> dict[int, int]:
    first, *rest = powers
    return {
        a: least for a, k in first.items() if (least := min([k, *(p.get(a, 0) for p in rest)])) > 0
    }


def _common_coefficient(coefficients: Sequence[Fraction]) -> Fraction:
    sign = -1 if all(c < 0 for c in coefficients) else 1
    sizes = {abs(c) for c in coefficients}
    return sign * (sizes.pop() if len(sizes) == 1 else Fraction(1))


def _sum(p: Polynomial, layout: Layout) -> Tree:
    """A sum without a common factor: terms that share a factor are grouped, and a positive term comes first."""
    terms: list[tuple[bool, Tree]] = []
    for part in _groups(p):
        negative = all(c < 0 for c in part.values())
        terms.append((negative, express(scaled(part, Fraction(-1)) if negative else part, layout)))
    terms.sort(key=lambda t: t[0])
    (negative, total), *rest = terms
    if negative:
        total = ("negative", (total,))
    for negative, tree in rest:
        total = ("subtract" if negative else "add", (total, tree))
    return total


def _groups(p: Polynomial) -> list[Polynomial]:
    """The terms in groups: those with the most frequent factor are one group, and so on with the rest."""
    groups: list[Polynomial] = []
    rest = dict(p)
    while rest:
        counts: dict[tuple[int, int], int] = {}
        for monomial in rest:
            for side in (0, 1):
                for atom, _ in monomial[side]:
                    counts[side, atom] = counts.get((side, atom), 0) + 1
        best = max(counts, key=lambda k: counts[k], default=None)
        if best is None or counts[best] < 2 or counts[best] == len(p):
            return groups + [{m: c} for m, c in rest.items()]
        side, atom = best
        chosen = {m: c for m, c in rest.items() if atom in dict(m[side])}
        groups.append(chosen)
        rest = {m: c for m, c in rest.items() if m not in chosen}
    return groups


def _product(
    c: Fraction, above: Factors, below: Factors, inner: Tree | None, layout: Layout
) -> Tree:
    over, under = _as_decimals(abs(c))
    parts = _factors(above, layout) + ([] if inner is None else [inner])
    divisors = ([under] if under != 1 else []) + _factors(below, layout)
    parts.sort(key=layout.size)
    if over != 1 or not parts:
        parts.insert(0, over)
    if c < 0:
        first = parts[0]
        parts[0] = -first if isinstance(first, Fraction) else ("negative", (first,))
    return _quotient(parts, divisors, layout)


def _quotient(parts: list[Tree], divisors: list[Tree], layout: Layout) -> Tree:
    """A quotient that divides small factors before it multiplies by large ones: `row / norm * matrix`."""
    done: list[Tree] = []
    for part in parts:
        larger = layout.size(part) > max(map(layout.size, done), default=0)
        ready = [d for d in divisors if layout.size(d) < layout.size(part)]
        is_number = all(isinstance(p, Fraction) for p in done)
        if larger and ready and not is_number and not all(map(layout.is_python, (*done, *ready))):
            done = [("divide", (_chain(done), _chain(ready)))]
            divisors = [d for d in divisors if layout.size(d) >= layout.size(part)]
        done.append(part)
    return ("divide", (_chain(done), _chain(divisors))) if divisors else _chain(done)


def _factors(factors: Factors, layout: Layout) -> list[Tree]:
    """The factors of a product, small ones first; the square of a scalar is two factors."""
    out: list[Tree] = []
    for atom, k in sorted(factors, key=lambda f: layout.order(f[0])):
        if k == 2 and layout.sizes[atom] == 0:
            out += [atom, atom]
        else:
            out.append(atom if k == 1 else ("power", (atom, Fraction(k))))
    return out


def _chain(parts: Iterable[Tree]) -> Tree:
    first, *rest = parts
    for part in rest:
        first = ("multiply", (first, part))
    return first


def _as_decimals(c: Fraction) -> tuple[Fraction, Fraction]:
    """A coefficient as one number, or as a quotient of two numbers where that text is shorter: 1/3."""
    if len(repr(float(c))) <= 10 or max(c.numerator, c.denominator) > 9999:
        return c, Fraction(1)
    return Fraction(c.numerator), Fraction(c.denominator)
