"""Index patterns: how operands form a subscript. The attribute `where` holds items, separated by commas.

    i          an integer operand            x[i]         b:e:s   a slice, each letter an operand     x[1:n]
    g          an integer-array operand      x[rows]      :       a full slice                        x[:, 0]
    m, mm      a boolean mask over one or    x[x > 0]     None, ...   as in NumPy
               two axes (and so on)

The empty pattern is the whole array. Next to index arrays, integers count as index arrays without axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from srcdiff.ir.core import Op


def items(where: str) -> list[str]:
    return where.split(", ") if where else []


def elements_of(at: Sequence[object]) -> str:
    """The pattern of a subscript by integers only."""
    return ", ".join("i" for _ in at)


def is_mask(item: str) -> bool:
    return item.startswith("m")


def axes_taken(item: str) -> int:
    """How many axes of the array an item indexes; an ellipsis takes the remaining axes."""
    if item in ("None", "..."):
        return 0
    return len(item) if is_mask(item) else 1


def operands_in(item: str) -> int:
    """How many operands an item has."""
    if item in ("None", "..."):
        return 0
    return 1 if is_mask(item) else sum(bool(part) for part in item.split(":"))


def with_rest(where: str) -> list[str]:
    """The items, with an ellipsis for the axes that the pattern does not mention."""
    pattern = items(where)
    return pattern if "..." in pattern else [*pattern, "..."]


def has_arrays(pattern: Sequence[str]) -> bool:
    return any(item == "g" or is_mask(item) for item in pattern)


def is_view(where: str) -> bool:
    """Whether NumPy's subscript with this pattern returns a view (or an element) and not a copy."""
    return not has_arrays(items(where))


def arrays_in_front(pattern: Sequence[str]) -> bool:
    """Whether the axes of index arrays come first in the result: true if another item stands between the index arrays.

    Otherwise the axes stand where the index arrays stand. There is at least one index array or mask.
    """
    at = [k for k, item in enumerate(pattern) if item in ("i", "g") or is_mask(item)]
    return at != list(range(at[0], at[-1] + 1))


@cache
def index_text(where: str, first: int) -> str:
    """The subscript's text, with `{k}` for operands from number `first` on."""
    out, k = [], first
    for item in items(where):
        if item in ("None", "..."):
            out.append(item)
        elif is_mask(item):
            out.append(f"{{{k}}}")
            k += 1
        else:
            parts = []
            for part in item.split(":"):
                parts.append(f"{{{k}}}" if part else "")
                k += bool(part)
            out.append(":".join(parts))
    return ", ".join(out)


def boxes(op: Op) -> bool:
    """Whether the result of an operation without axes is an array: `np.asarray(number)`, `x[k, ...]`."""
    return op.decl.boxes or (op.decl.name == "index" and "..." in op.attrs["where"])
