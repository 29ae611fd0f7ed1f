"""Einsum simplification: a sum of products over letters becomes a product, a transpose, a sum or a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import reductions
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products
from srcdiff.ops.shapes import permutations

General = Callable[[Sequence[str], str], OpDecl]
Part = tuple[str, Atom]  # the letters of an array's axes


class Appends(Protocol):
    """The interface that appends operations."""

    def op(self, decl: OpDecl, *operands: Atom, **attrs: Any) -> Value: ...


def contraction(b: Appends, general: General, parts: Sequence[Part], target: str) -> Atom:
    """The product of arrays, summed over the letters that `target` does not contain.

    `general` gives the operation for products that no simpler operation computes, by the letters of its operands and of
    its result.
    """
    numbers = [a for letters, a in parts if not letters]
    arrays = _summed_first(b, [(letters, a) for letters, a in parts if letters], target)
    found = None
    if len(arrays) == 1:
        found = _of_one(b, *arrays[0], target)
    elif len(arrays) == 2:
        found = _of_two(b, arrays[0], arrays[1], target)
    if found is None and not arrays:
        found, numbers = numbers[0], numbers[1:]
    if found is None:
        text = f"{','.join(letters for letters, _ in arrays)}->{target}"
        decl = general([letters for letters, _ in arrays], target)
        found = b.op(decl, *(a for _, a in arrays), subscripts=text)
    for number in numbers:
        found = b.op(arithmetic.multiply, number, found)
    return found


def _summed_first(b: Appends, arrays: list[Part], target: str) -> list[Part]:
    """Sum over letters that only one array has, before arrays are multiplied: the products are smaller."""
    out: list[Part] = []
    for k, (letters, a) in enumerate(arrays):
        elsewhere = set(target).union(*(other for n, (other, _) in enumerate(arrays) if n != k))
        left = "".join(c for c in letters if c in elsewhere)
        found = (
            None
            if len(arrays) == 1 or left == letters or not left
            else _of_one(b, letters, a, left)
        )
        out.append((letters, a) if found is None else (left, found))
    return out


def _of_one(b: Appends, letters: str, a: Atom, target: str) -> Atom | None:
    """One array as a sum, then a transpose."""
    if len(set(letters)) < len(letters):
        return None
    reduced = tuple(k for k, c in enumerate(letters) if c not in target)
    if reduced:
        axis = (
            None if len(reduced) == len(letters) else reduced[0] if len(reduced) == 1 else reduced
        )
        a = b.op(reductions.sum, a) if axis is None else b.op(reductions.sum, a, axis=axis)
    left = "".join(c for c in letters if c in target)
    return _in_order(b, left, a, target)


def _in_order(b: Appends, letters: str, a: Atom, target: str) -> Atom:
    if letters == target:
        return a
    if len(letters) == 2:
        return b.op(permutations.transpose, a)
    return b.op(permutations.transpose, a, axes=tuple(letters.index(c) for c in target))


def _of_two(b: Appends, left: Part, right: Part, target: str) -> Atom | None:
    """Two arrays as a product of elements, an outer product, or a matrix product; None if there is none."""
    (one, x), (two, y) = left, right
    if one == two == target and all(map(_equal, shape_of(x.type), shape_of(y.type))):
        return b.op(arithmetic.multiply, x, y)
    shared = set(one) & set(two)
    if any(len(t) > 2 or len(set(t)) < len(t) for t in (one, two)):
        return None
    if not shared and len(one) == len(two) == 1 and len(target) == 2:
        pair = (x, y) if target == one + two else (y, x)
        return b.op(products.outer, *pair)
    if len(shared) != 1 or shared & set(target):
        return None
    (c,) = shared
    rest = one.replace(c, ""), two.replace(c, "")
    along = shape_of(x.type)[one.index(c)], shape_of(y.type)[two.index(c)]
    if set(target) != set("".join(rest)) or not _equal(*along):
        return None
    if target != "".join(rest):
        (one, x), (two, y), rest = (two, y), (one, x), (rest[1], rest[0])
    x = _in_order(b, one, x, rest[0] + c)
    y = _in_order(b, two, y, c + rest[1])
    return b.op(products.matmul, x, y)


def _equal(a: Dim, b: Dim) -> bool:
    """Whether neither length is broadcast to the other: lengths of one letter are equal, or 1."""
    return (a == Dim(1)) is (b == Dim(1))
