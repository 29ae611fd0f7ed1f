"""Inverses of which only products are asked for: as they are, transposed, scaled, or in sums over letters.

    K_inv = np.linalg.inv(K)
    m = beta * K_inv @ b                       beta * solve(K, b)
    q = np.einsum("ni,ij,nj->n", d, K_inv, d)  np.einsum("ni,in->n", d, solve(K, d.T))

Such an inverse is not computed; what stands on the right is for who factorises the matrix (`shared_factorisation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from srcdiff.ir.core import Function, Op, Statement, Value, walk
from srcdiff.ir.types import element_type, ndim_of
from srcdiff.ops.linalg import einsum, solve
from srcdiff.transforms.analysis.defuse import all_regions

__all__ = ["Contraction", "Inverted", "contraction", "only_multiplied"]

Made = Mapping[Value, Op]


@dataclass(frozen=True)
class Inverted:
    """A multiple of an inverse, or of its transpose; `scales`: the operations that multiply, the first one first."""

    inverse: Op
    across: bool = False
    scales: tuple[Op, ...] = ()


@dataclass(frozen=True)
class Contraction:
    """A product with an inverse in a sum over letters.

    at, by : the operands that are the inverse, and what it is multiplied with.
    across : whether with its transpose.
    is_turned : whether the columns of the other operand are its rows.
    letters : of the product.
    subscripts : of the sum with the product in the place of the two, the last operand.
    """

    at: int
    by: int
    across: bool
    is_turned: bool
    letters: str
    subscripts: str


def only_multiplied(
    fn: Function, made: Made, fits: Callable[[Op], bool], is_product: Callable[[Op], bool]
) -> dict[Value, Inverted]:
    """The inverses that only products are asked of, and multiples of them."""
    forms: dict[Value, Inverted] = {}
    for op in made.values():
        if op.decl is solve.inv and fits(op):
            forms[op.result] = Inverted(op)
        elif len(op.results) == 1 and (form := _multiple(op, forms)) is not None:
            forms[op.result] = form
    while lost := {forms[v].inverse.result for v in _asked_whole(fn, forms, is_product)}:
        forms = {v: form for v, form in forms.items() if form.inverse.result not in lost}
    return forms


def _multiple(op: Op, forms: Mapping[Value, Inverted]) -> Inverted | None:
    """What a multiple or a transpose of one of `forms` is."""
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


def _asked_whole(
    fn: Function, forms: Mapping[Value, Inverted], is_product: Callable[[Op], bool]
) -> Iterator[Value]:
    """Those of `forms` that are asked for otherwise; of two that are multiplied, the second."""
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
    """How a sum over letters multiplies one of `forms` with another operand; None if it does not."""
    if not isinstance(s, Op) or s.decl.name != "einsum" or "." in s.attrs["subscripts"]:
        return None
    inputs, output = einsum.with_letters(s)
    at = next((k for k, a in enumerate(s.operands) if isinstance(a, Value) and a in forms), None)
    if at is None or len(set(inputs[at])) != 2:
        return None
    row, column = inputs[at][0], inputs[at][1]
    found = []
    for over, left, across in ((column, row, False), (row, column, True)):
        others = [c for k, c in enumerate(inputs) if k != at and over in c]
        if over in output or len(others) != 1 or not len(others[0]) == len(set(others[0])) < 3:
            continue
        by, letters = inputs.index(others[0]), left + others[0].replace(over, "")
        rest = [c for k, c in enumerate(inputs) if k not in (at, by)]
        subscripts = f"{','.join([*rest, letters])}->{output}"
        is_turned = others[0][0] != over
        found.append((len(letters), Contraction(at, by, across, is_turned, letters, subscripts)))
    return min(found, key=lambda pair: pair[0])[1] if found else None
