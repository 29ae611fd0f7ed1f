"""Inverse elimination: finds the inverses that are only multiplied (also transposed, scaled, or within `einsum`).

    K_inv = np.linalg.inv(K)
    m = beta * K_inv @ b                             ->   m = beta * solve(K, b)
    q = np.einsum("ni,ij,nj->n", d, K_inv, d)        ->   q = np.einsum("ni,in->n", d, solve(K, d.T))

These inverses are not computed. `shared_factorisation` makes the systems on the right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import element_type, ndim_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.linalg import einsum, solve
from srcdiff.transforms.analysis.defuse import all_regions

Made = Mapping[Atom, Op]


@dataclass(frozen=True)
class Inverted:
    """A multiple of an inverse, or of its transpose (`across`); `scales`: the scaling operations, in their order."""

    inverse: Op
    across: bool = False
    scales: tuple[Op, ...] = ()


@dataclass(frozen=True)
class Contraction:
    """A product with an inverse inside an `einsum`.

    at, by : the positions of the inverse and of the operand that it multiplies.
    across : whether the transpose of the inverse multiplies.
    is_transposed : whether the other operand is transposed first.
    letters : the letters of the product.
    subscripts : the subscripts of the remaining `einsum`; the product is its last operand.
    """

    at: int
    by: int
    across: bool
    is_transposed: bool
    letters: str
    subscripts: str


def only_multiplied(
    fn: Function, made: Made, fits: Callable[[Op], bool], is_product: Callable[[Op], bool]
) -> dict[Value, Inverted]:
    """The inverses whose only uses are products, and their multiples and transposes."""
    forms: dict[Value, Inverted] = {}
    for op in made.values():
        if op.decl is solve.inv and fits(op):
            forms[op.result] = Inverted(op)
        elif len(op.results) == 1 and (form := _multiple(op, forms)) is not None:
            forms[op.result] = form
    while lost := {forms[v].inverse.result for v in _used_whole(fn, forms, is_product)}:
        forms = {v: form for v, form in forms.items() if form.inverse.result not in lost}
    return forms


def _multiple(op: Op, forms: Mapping[Value, Inverted]) -> Inverted | None:
    """The form of an operation's result, if it is a multiple or the transpose of one of `forms`."""
    name, matrices = op.decl.name, [a for a in op.operands if ndim_of(a.type)]
    form = forms.get(matrices[0]) if len(matrices) == 1 else None  # type: ignore[arg-type]
    if form is None or ndim_of(op.result.type) != 2:
        return None
    if name == "transpose":
        return Inverted(form.inverse, not form.across, form.scales)
    is_scaled = name in ("multiply", "negative") or (
        name == "divide" and op.operands[0] is matrices[0]
    )
    same = element_type(op.result.type).dtype == element_type(matrices[0].type).dtype
    return Inverted(form.inverse, form.across, (*form.scales, op)) if is_scaled and same else None


def _used_whole(
    fn: Function, forms: Mapping[Value, Inverted], is_product: Callable[[Op], bool]
) -> Iterator[Value]:
    """The values in `forms` with a use other than a product; of two factors in `forms`, the second."""
    for s in walk(fn.body):
        found = [a for a in s.operands if isinstance(a, Value) and a in forms]
        if not found or (len(s.results) == 1 and s.results[0] in forms):
            continue
        if isinstance(s, Op) and (is_product(s) or contraction(s, forms) is not None):
            found = found[1:]
        yield from found
    for region in all_regions(fn.body):
        yield from (y for y in region.yields if isinstance(y, Value) and y in forms)


def contraction(s: Statement, forms: Mapping[Value, Inverted]) -> Contraction | None:
    """The product of one of `forms` with another operand inside an `einsum`; None if there is none."""
    if not isinstance(s, Op) or s.decl.name != "einsum" or "." in s.attrs["subscripts"]:
        return None
    inputs, output = einsum.with_letters(s)
    at = next((k for k, a in enumerate(s.operands) if isinstance(a, Value) and a in forms), None)
    if at is None or len(set(inputs[at])) != 2:
        return None
    row, column = inputs[at][0], inputs[at][1]
    found = []
    for over, left, across in ((column, row, False), (row, column, True)):
        others = [(k, c) for k, c in enumerate(inputs) if k != at and over in c]
        if over in output or len(others) != 1:
            continue
        ((by, other),) = others
        if not len(other) == len(set(other)) < 3:
            continue
        letters = left + other.replace(over, "")
        rest = [c for k, c in enumerate(inputs) if k not in (at, by)]
        subscripts = f"{','.join([*rest, letters])}->{output}"
        is_transposed = other[0] != over
        found.append(
            (len(letters), Contraction(at, by, across, is_transposed, letters, subscripts))
        )
    return min(found, key=lambda pair: pair[0])[1] if found else None
