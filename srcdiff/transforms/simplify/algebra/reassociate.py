"""Reassociation: generated arithmetic is brought into a normal form and written again with fewer operations.

    a - (-b)                 ->  a + b            2.0 * (0.5 * x)                         ->  x
    -a * -b                  ->  a * b            0.01 * (w * 2.0)                        ->  0.02 * w
    d * y + d * z            ->  d * (y + z)      x * (1.0 / n)                           ->  x / n
    d * y / n - d * z / n    ->  d * (y - z) / n  (1 - y) * expit(z) - y * expit(-z)      ->  expit(z) - y

The normal form is a sum of products. It is written with common factors taken out, and the result is taken if it has
fewer operations (or as many, and fewer on arrays). The user's lines stay as written, but their expressions are known.
A factor is cancelled completely only if it cannot be zero, or if its logarithm is taken, so that the domain stays:
`a / a**2` is `1 / a`. `RULES` are for expressions that are not polynomials.

Algebraic rules for matrices: sums of products, as derivatives have them, become one product.

    d_K @ A + d_K.T @ A      ->  (d_K + d_K.T) @ A            np.sum(d_K * np.eye(n))  ->  np.trace(d_K)

`reassociate` applies them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from fractions import Fraction

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, is_python, known_dim
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.analysis.defuse import is_generated, pure_definitions
from srcdiff.transforms.rewrite.patterns import INNER, Apply, Binding, Rule, build, function, match
from srcdiff.transforms.simplify.algebra import polynomials
from srcdiff.transforms.simplify.algebra.normal_forms import Forms, repeats, without
from srcdiff.transforms.simplify.algebra.polynomials import Polynomial, Tree
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.identities import may_stand

total, eye, trace = map(function, ("sum", "eye", "trace"))


def _are_no_matrices(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether a factor is not a matrix, or the matrices that would be added differ in shape."""
    shapes = {k: shape_of(a.type) for k, a in binding.items() if k != INNER}
    return any(len(s) != 2 for s in shapes.values()) or shapes["X"] != shapes["Y"]


def _is_not_square(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `X` has another shape than the identity matrix that it is multiplied by."""
    return shape_of(binding["X"].type) != (known_dim(binding["n"]),) * 2


MATRIX_RULES = (
    Rule("sum of the diagonal", lambda X, n: total(X * eye(n)), lambda X, n: trace(X), unless=_is_not_square),
    Rule("one right side", lambda X, Y, Z: X @ Z + Y @ Z, lambda X, Y, Z: (X + Y) @ Z, unless=_are_no_matrices,
         once=True),
    Rule("one left side", lambda X, Y, Z: Z @ X + Z @ Y, lambda X, Y, Z: Z @ (X + Y), unless=_are_no_matrices,
         once=True),
    Rule("one right side of some", lambda X, Y, Z, W: W + X @ Z + Y @ Z, lambda X, Y, Z, W: W + (X + Y) @ Z,
         unless=_are_no_matrices, once=True),
    Rule("one left side of some", lambda X, Y, Z, W: W + Z @ X + Z @ Y, lambda X, Y, Z, W: W + Z @ (X + Y),
         unless=_are_no_matrices, once=True),
)  # fmt: skip


exp, expit, logaddexp, transpose, outer = map(
    function, ("exp", "expit", "logaddexp", "transpose", "outer")
)

RULES = (
    Rule("derivative of log(1 + exp(x))", lambda x: exp(x - logaddexp(0.0, x)), lambda x: expit(x)),
    Rule(
        "derivative of log(1 + exp(x)), turned",
        lambda x: exp(x - logaddexp(x, 0.0)),
        lambda x: expit(x),
    ),
    Rule(
        "derivative of logaddexp in its first",
        lambda x: exp(0.0 - logaddexp(0.0, x)),
        lambda x: expit(-x),
    ),
    Rule("transposed outer product", lambda X, Y: transpose(outer(X, Y)), lambda X, Y: outer(Y, X)),
    Rule(
        "transposed outer product, negative",
        lambda X, Y: transpose(-outer(X, Y)),
        lambda X, Y: -outer(Y, X),
    ),
)


@functools.cache
def _rules_of(operation: str) -> list[tuple[Rule, Apply]]:
    pairs = [(rule, rule.pattern) for rule in (*RULES, *MATRIX_RULES)]
    return [(r, p) for r, p in pairs if isinstance(p, Apply) and p.operation == operation]


_ROUNDS = 4  # an expression that one round shortened may be part of a larger one in the next round


def algebra(fn: Function) -> Function:
    """`fn` with generated arithmetic simplified."""
    for _ in range(_ROUNDS):
        simplify = _Algebra(fn)
        fn = dce(simplify(fn))
        if not simplify.count:
            break
    return fn


class _Algebra(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.forms = Forms(fn)
        self.count = 0
        self.made = pure_definitions(fn, self.forms.written)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and is_generated(old) and len(old.results) == 1:
            b.location, b.origin = old.location, old.origin
            if self.by_rule(old, env, b) or self.by_normal_form(old, env, b):
                return
        b.append(self.keep(old, env, b))

    def by_rule(self, op: Op, env: Env, b: Builder) -> bool:
        for rule, pattern in _rules_of(op.decl.name):
            binding = match(pattern, op.result, self.made) if op.result in self.made else None
            if binding is not None and not rule.unless(binding, self.made):
                if rule.once and not all(map(self.is_own, binding[INNER][:-1])):
                    continue
                inner = b.inner()
                atom = build(
                    rule.replacement, {k: lookup(env, v) for k, v in binding.items()}, inner
                )
                return self.take(op, atom, inner, env, b)
        return False

    def is_own(self, value: Value) -> bool:
        """Whether a pass has made a value, for one use."""
        return self.forms.uses[value] == 1 and is_generated(self.made[value])

    def by_normal_form(self, op: Op, env: Env, b: Builder) -> bool:
        forms = self.forms
        if op.result not in forms.plain:
            return False
        best, tree = forms.costs[op.result], None
        is_part = op.result in forms.absorbed
        if is_part:  # of an expression that did not become shorter, and may take its sign
            best = without(best, forms.signs[op.result])
        layout = polynomials.Layout(forms.sizes, self.ranks(op), self.dividing(op))
        for candidate in self.candidates(op.result):
            if len(candidate) - 1 > best[0] or (
                best[0] == 1 and not best[2] and len(candidate) > 1
            ):
                continue  # a sum has one operation less than terms: this sum is not shorter
            if forms.least_cost(candidate) >= best:
                continue
            written = polynomials.express(candidate, layout)
            if not self.is_exact(written) or layout.divides_python(written):
                continue
            leaves = polynomials.leaves(written)
            if is_part and any(forms.atoms[a] in forms.absorbed for a in leaves):
                continue  # a value that has to be computed first is not a leaf
            price = (*polynomials.cost(written, layout), repeats(leaves), 0, len(leaves))
            if is_part:
                price = without(price, polynomials.signs(written, layout))
            if price < best:
                best, tree = price, written
        if tree is None or self.is_written(tree, op.result):
            return False
        if isinstance(tree, tuple) and tree[0] == "divide":
            b.location = self.first_division(op).location
        inner = b.inner()
        return self.take(op, self.build(tree, env, inner), inner, env, b)

    def first_division(self, root: Op) -> Op:
        """The division that an expression begins with: its user's line is where the quotient becomes NaN."""
        *_, first = (o for o in self.parts(root) if o is root or o.decl.name == "divide")
        return first  # the innermost one is found last

    def parts(self, root: Op) -> Iterable[Op]:
        """The operations of an expression, from the outermost one."""
        yield root
        pending = list(root.operands)
        while pending:
            atom = pending.pop()
            if isinstance(atom, Value) and atom in self.forms.absorbed:
                yield self.made[atom]
                pending += self.made[atom].operands

    def is_written(self, tree: Tree, atom: Atom) -> bool:
        """Whether a value is computed in this way already."""
        if isinstance(tree, int):
            return self.forms.atoms[tree] == atom
        if isinstance(tree, Fraction):
            return isinstance(atom, Const) and atom.value == float(tree)
        op = self.made.get(atom) if isinstance(atom, Value) else None
        if op is None or op.decl.name != tree[0] or not is_generated(op):
            return False
        return all(map(self.is_written, tree[1], op.operands))

    def ranks(self, root: Op) -> dict[int, int]:
        """The first position of each atom in the tree of an operation, from left to right."""
        ranks: dict[int, int] = {}
        pending: list[Atom] = list(reversed(root.operands))
        while pending:
            atom = pending.pop()
            if isinstance(atom, Value) and atom in self.forms.absorbed:
                pending += reversed(self.made[atom].operands)
            elif atom in self.forms.numbers:
                ranks.setdefault(self.forms.numbers[atom], len(ranks))
        return ranks

    def candidates(self, value: Value) -> Iterable[Polynomial]:
        by_depth = [self.forms.plain, self.forms.near, self.forms.open, self.forms.full]
        depth = 1 if value in self.forms.absorbed else len(by_depth)
        forms = [form[value] for form in by_depth[:depth]]
        for form in (f for k, f in enumerate(forms) if f not in forms[:k]):
            yield form
            used = {a for above, below in form for a, _ in (*above, *below)}
            powers = {a for _, below in form for a, k in below if k > 1}
            for atom in sorted(used):
                if atom in powers:
                    split = polynomials.divided_once(form, atom, self.forms.product(atom))
                    if split is not None:
                        yield split
                other = self.forms.complements.get(atom)
                if other in used and other is not None:
                    one_minus = polynomials.plus(
                        polynomials.constant(Fraction(1)),
                        polynomials.scaled(polynomials.variable(other), Fraction(-1)),
                    )
                    complemented = polynomials.replaced(form, atom, one_minus)
                    if complemented is not None and len(complemented) < len(
                        form
                    ):  # else digits of the small
                        yield complemented

    def kind(self, tree: Tree) -> str:
        """The kind of a tree's value: "f", "i" or "b". Python's integers have no width, and count as floats.

        Raises
        ------
        _Meeting
            Where integers or truth values of arrays meet each other: NumPy's integers wrap around, and its sum of truth
            values is `or`.
        """
        if isinstance(tree, int):
            return _kind(self.forms.atoms[tree].type)
        if isinstance(tree, Fraction):
            return "f"
        name, parts = tree
        kinds = {self.kind(p) for p in (parts[:1] if name == "power" else parts)}
        if "f" in kinds or name == "divide":
            return "f"
        if kinds == {"b"} and name == "multiply":
            return "b"
        raise _Meeting

    def is_exact(self, tree: Tree) -> bool:
        """Whether NumPy evaluates a tree as exact arithmetic would, up to rounding."""
        try:
            return bool(self.kind(tree))
        except _Meeting:
            return False

    def dividing(self, root: Op) -> Set[int]:
        """Python's numbers, if an expression divides none of them: a new quotient of them would raise at zero."""
        divisions = (o for o in self.parts(root) if o.decl.name == "divide")
        is_divided = any(is_python(o.result) for o in divisions)
        return frozenset() if is_divided else self.forms.python

    def build(self, tree: Tree, env: Env, b: Builder) -> Atom:
        if isinstance(tree, int):
            return lookup(env, self.forms.atoms[tree])
        if isinstance(tree, Fraction):
            return const(float(tree))
        name, parts = tree
        if name == "power":
            base, exponent = parts
            assert isinstance(exponent, Fraction)
            return b.op(OPERATIONS[name], self.build(base, env, b), const(int(exponent)))
        return b.op(OPERATIONS[name], *(self.build(p, env, b) for p in parts))

    def take(self, op: Op, atom: Atom, made: Builder, env: Env, b: Builder) -> bool:
        """Replace an operation by new ones, if their result has the same type."""
        if not may_stand(atom.type, op.result.type):
            return False
        last = made.body[-1] if made.body else None
        if isinstance(last, Op) and last.results == (atom,):
            made.body[-1] = replace(last, results=op.results)
        elif op.result in self.forms.written:
            return False
        else:
            env[op.result] = atom
        b.body += made.body
        self.count += 1
        return True


class _Meeting(Exception):
    """Raised where integers or truth values of arrays are operands of one operation."""


def _kind(type_: Type) -> str:
    if isinstance(type_, Scalar) and type_.weak and type_.dtype != "bool":
        return "f"
    dtype = type_.dtype if isinstance(type_, Scalar | Array) else "float64"
    return "i" if dtype[0] in "iu" else "b" if dtype == "bool" else "f"
