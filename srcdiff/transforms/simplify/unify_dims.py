"""Unification of dimension symbols: two lengths that are equal by a check on entry get one name.

    if main.shape[1] != 4 * state.shape[1]: raise ValueError
    change = np.empty(main.shape[1] - 3 * state.shape[1])        becomes        change = np.empty(state.shape[1])

Loops over arrays of that length then have the same range.
"""

from __future__ import annotations

from collections.abc import Iterable

from srcdiff.ir.build import change_dims
from srcdiff.ir.core import Function
from srcdiff.ir.types import Dim, Product


def unify_dims(fn: Function) -> Function:
    """`fn` with one name for each length; its arguments have passed its checks."""
    bound = _solved(fn.lengths.assumed)
    return change_dims(fn, lambda d: d.substitute(bound)) if bound else fn


def _solved(pairs: Iterable[tuple[Dim, Dim]]) -> dict[str, Dim]:
    """The symbols that are expressions of others, whose symbols are not among them."""
    bound: dict[str, Dim] = {}
    for pair in pairs:
        left, right = (d.substitute(bound) for d in pair)
        for symbol, k in (left - right).terms:
            rest = Dim.of(symbol) - (left - right).scaled(k)  # k * k is 1
            if abs(k) != 1 or not isinstance(symbol, str) or not _is_length(rest):
                continue
            if symbol in rest.symbols():
                continue  # within a product
            bound = {s: d.substitute({symbol: rest}) for s, d in bound.items()}
            bound[symbol] = rest
            break
    return bound


def _is_length(dim: Dim) -> bool:
    """Whether a dimension is known not to be negative."""
    return dim.const >= 0 and all(isinstance(s, str | Product) and k > 0 for s, k in dim.terms)
