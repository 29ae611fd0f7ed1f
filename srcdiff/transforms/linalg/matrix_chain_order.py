"""Matrix chain ordering: a product of three matrices is evaluated in the cheaper order, chosen at run time if needed.

    D = A @ B @ C      ->      D = A @ B @ C if len(A) * len(C) * ... <= ... else A @ (B @ C)

With lengths p, q, r, s, one order takes p r (q + s) multiplications, the other q s (p + r). Common summands cancel. If
the static lengths decide, no condition is generated. Products in loops are left alone, since each iteration would make
the choice. A product with a name of the user's is left alone, too, unless the static lengths decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.costs import lengths_of_product
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.defuse import (
    count_uses,
    definitions,
    pure_definitions,
    same_kind,
    with_rewrites,
)
from srcdiff.transforms.linalg.shared_factorisation import here

NAME = "product_order"
_PRODUCTS = (products.matmul, products.dot)

Monomial = tuple[Dim, ...]  # lengths, sorted


def order_products(fn: Function) -> Function:
    """`fn` with its products of three matrices in the cheaper order."""
    if sum(op.decl in _PRODUCTS for op in definitions(fn).values()) < 2:
        return fn
    pass_ = _Order(fn)
    new = pass_(fn)
    if not pass_.fired:
        return fn
    return with_rewrites(new, fn, pass_.fired)


class _Order(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = pure_definitions(fn)
        self.uses = count_uses(fn)
        self.inside = 0  # number of enclosing loops
        self.here: Collection[Value] = ()
        self.fired: list[tuple[str, Location | None]] = []

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        around, self.here = self.here, {r for s in old.body for r in s.results}
        new = super().region(old, env, b)
        self.here = around
        return new

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        is_loop = isinstance(old, For | While)
        self.inside += is_loop
        new = super().keep(old, env, b)
        self.inside -= is_loop
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or self.inside or not self.ordered(old, env, b):
            b.append(self.keep(old, env, b))

    def is_product(self, op: Op | None) -> bool:
        """Whether an operation is a product of two matrices whose result nothing writes."""
        return (
            op is not None
            and op.decl in _PRODUCTS
            and op.result in self.made
            and all(isinstance(a.type, Array) and a.type.ndim == 2 for a in op.operands)
        )

    def inner(self, atom: Atom) -> Op | None:
        """The product that computes an operand, if the operand has no other use."""
        op = self.made.get(atom)
        if op is None or not self.is_product(op):  # `op.result` needs exactly one result
            return None
        return op if self.uses[op.result] == 1 and op.result in self.here else None

    def ordered(self, op: Op, env: Env, b: Builder) -> bool:
        if not self.is_product(op):
            return False
        left, right = map(self.inner, op.operands)
        if (left is None) == (right is None):  # products of two and of four matrices stay
            return False
        if left is not None:
            a, m, c = (*left.operands, op.operands[1])
        else:
            assert right is not None
            a, m, c = (op.operands[0], *right.operands)
        p, q, r, s = (*shape_of(a.type), *shape_of(c.type))
        gain = _multiplications((p, q), (p, r)) + _multiplications((p, r), (p, s))
        less = _multiplications((q, r), (q, s)) + _multiplications((p, q), (p, s))
        first, last = gain - less, less - gain  # the costs that only one of the two orders has
        if not first or not last:
            is_left_better = not first if first or last else left is not None
            return is_left_better != (left is not None) and self.replaced(op, (a, m, c), env, b)
        inner = left or right
        if inner is None or inner.result.user:  # `v = x @ W` stays what it is
            return False
        return self.chosen(op, (a, m, c), _reduced(first, last), left is not None, env, b)

    def product(self, parts: tuple[Atom, ...], is_left: bool, env: Env, b: Builder) -> Value:
        a, m, c = (lookup(env, x) for x in parts)
        if is_left:
            return b.op(products.matmul, b.op(products.matmul, a, m), c)
        return b.op(products.matmul, a, b.op(products.matmul, m, c))

    def replaced(self, op: Op, parts: tuple[Atom, ...], env: Env, b: Builder) -> bool:
        inner = here(b, op)
        out = self.product(parts, self.inner(op.operands[0]) is None, env, inner)
        if not same_kind(out.type, op.result.type):
            return False
        last = inner.body[-1]
        assert isinstance(last, Op)
        inner.body[-1] = replace(last, results=op.results)
        b.body += inner.body
        self.fired.append((NAME, op.location))
        return True

    def chosen(
        self, op: Op, parts: tuple[Atom, ...], sides: tuple[Counter[Monomial], ...], is_left: bool,
        env: Env, b: Builder,
    ) -> bool:  # fmt: skip
        """Append a branch: the user's order if it costs no more, otherwise the other."""
        own = here(b, op)
        first, last = sides if is_left else sides[::-1]
        condition = own.op(arithmetic.less_equal, _sum(first, own), _sum(last, own))
        branches = []
        for order in (is_left, not is_left):
            inner = here(own, op)
            out = self.product(parts, order, env, inner)
            if not same_kind(out.type, op.result.type):
                return False
            branches.append(inner.region((), (out,)))
        b.body += own.body
        then, orelse = branches
        b.append(If(condition, then, orelse, op.results, op.location, "compiler"))
        self.fired.append((NAME, op.location))
        return True


def _monomials(*lengths: Dim) -> dict[Monomial, int]:
    """A product of lengths as a monomial; a length that is not a number counts as one symbol."""
    number, symbols = 1, []
    for d in lengths:
        if d.is_const:
            number *= d.const
        else:
            symbols.append(d)
    return {tuple(sorted(symbols, key=repr)): number}


def _multiplications(left: tuple[Dim, Dim], result: tuple[Dim, Dim]) -> Counter[Monomial]:
    return Counter(_monomials(*lengths_of_product(left, result)))


def _reduced(*sides: Counter[Monomial]) -> tuple[Counter[Monomial], ...]:
    """The sides divided by the factors that all their monomials have."""
    common = None
    for monomial in (m for side in sides for m in side):
        own = Counter(monomial)
        common = own if common is None else common & own
    return tuple(
        Counter(
            {tuple((Counter(m) - (common or Counter())).elements()): k for m, k in side.items()}
        )
        for side in sides
    )


def _sum(side: Counter[Monomial], b: Builder) -> Atom:
    total: Atom | None = None
    for monomial, k in side.items():
        factors = [length_of(b, d) for d in monomial]
        term: Atom = const(k)
        if factors:
            first, *rest = factors
            term = first if k == 1 else b.op(arithmetic.multiply, term, first)
            for x in rest:
                term = b.op(arithmetic.multiply, term, x)
        total = term if total is None else b.op(arithmetic.add, total, term)
    assert total is not None
    return total
