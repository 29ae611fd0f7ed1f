"""Transfer functions of the dependence analysis: the effect of each operation on sets of columns.

An operation that only selects, joins or rearranges elements is applied to the set numbers themselves. Elementwise
operations form unions after broadcasting, reductions along their axes, products by the letters of their einsum. For all
others, each element of the result depends on each element of the operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.structs import take_part
from srcdiff.ir.types import Array, List, Scalar, Struct, Type, is_float, shape_of
from srcdiff.ops.arrays.memory import subscript_key
from srcdiff.ops.linalg.einsum import with_letters
from srcdiff.sparsity.index_sets import IndexSets

Numbers = Any  # in the structure of the values: arrays of numbers, a number, or containers of these
ALL = None

_LONGEST = 256  # the shorter vector of a convolution; for longer ones every element depends on all

# operations that only move elements, and the operands that have these
MOVES: Mapping[str, tuple[int, ...] | None] = {
    "index": (0,), "gather": (0,), "store": (0, 1), "diag": (0,), "diagonal": (0,), "triu": (0,),
    "tril": (0,), "concatenate": ALL, "hstack": ALL, "vstack": ALL, "column_stack": ALL, "stack": ALL,
    "reshape": (0,), "ravel": (0,), "flatten": (0,), "transpose": (0,), "swapaxes": (0,), "moveaxis": (0,),
    "expand_dims": (0,), "squeeze": (0,), "flip": (0,), "flipud": (0,), "fliplr": (0,), "roll": (0,),
    "tile": (0,), "repeat": (0,), "broadcast_to": (0,), "atleast_1d": (0,), "array_of": ALL, "asarray": ALL,
    "ascontiguousarray": ALL, "elements": (0,), "rows": (0,), "full": (0,), "full_like": (0, 1),
    "einsum_view": (0,), "list_new": ALL, "append": (0, 1), "list_pop": (0,), "list_item": (0,),
    "list_set": (0, 2), "list_reverse": (0,), "list_copy": (0,), "list_copy_items": (0,),
}  # fmt: skip


def blank(type_: Type, value: Any, number: int = 0) -> Numbers:
    """The numbers of a value that depends on nothing, or on the set `number` everywhere."""
    match type_:
        case Array():
            return np.full(np.shape(value), number, dtype=np.int64)
        case Scalar():
            return number
        case Struct():
            pairs = zip(type_.keys, type_.parts, strict=True)
            return {k: blank(t, take_part(value, type_.kind, k), number) for k, t in pairs}
        case List():
            return [blank(type_.element, item, number) for item in value]
    return None


def numbers_in(numbers: Numbers) -> Iterator[Any]:
    """The arrays of numbers in a structure."""
    if isinstance(numbers, dict | list):
        for part in numbers.values() if isinstance(numbers, dict) else numbers:
            yield from numbers_in(part)
    elif numbers is not None:
        yield np.ravel(np.asarray(numbers, dtype=np.int64))


def spread(sets: IndexSets, numbers: Numbers, more: int) -> Numbers:
    """Add a set to all elements; arrays and containers are changed in place."""
    if isinstance(numbers, dict | list):
        for key in numbers if isinstance(numbers, dict) else range(len(numbers)):
            numbers[key] = spread(sets, numbers[key], more)
        return numbers
    if isinstance(numbers, np.ndarray):
        numbers[...] = sets.unions(numbers, np.int64(more))
        return numbers
    return None if numbers is None else sets.union(numbers, more)


def hub(sets: IndexSets, given: Sequence[Numbers]) -> int:
    """The union of all sets in the operands."""
    found = 0
    for numbers in given:
        for flat in numbers_in(numbers):
            used = np.unique(flat)
            found = sets.union(found, int(sets.union_of(used)))
    return found


def dense(
    sets: IndexSets, op: Op, given: Sequence[Numbers], values: Sequence[np.ndarray]
) -> list[Numbers]:
    """Every element depends on all of the operands."""
    number = hub(sets, given)
    return [blank(r.type, v, number) for r, v in zip(op.results, values, strict=True)]


def elementwise(sets: IndexSets, given: Sequence[Numbers]) -> Numbers:
    """The union of the sets at each place."""
    parts = [g for g in given if g is not None]
    if all(isinstance(p, int) for p in parts):
        found = 0
        for p in parts:
            found = sets.union(found, p)
        return found
    whole: Any = np.int64(0)
    for p in parts:
        whole = sets.unions(whole, np.asarray(p, dtype=np.int64))
    return whole


def _axes(op: Op) -> tuple[int, ...]:
    axis, count = op.attrs.get("axis"), len(shape_of(op.operands[0].type))
    if axis is None:
        return tuple(range(count))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(sorted(int(k) % max(count, 1) for k in given))


def _reduced(sets: IndexSets, numbers: Numbers, axes: Sequence[int], keepdims: bool) -> Numbers:
    numbers = np.asarray(numbers, dtype=np.int64)
    if len(axes) == numbers.ndim:
        found = np.asarray(sets.union_of(numbers))
        return found.reshape((1,) * numbers.ndim) if keepdims else found
    for axis in reversed(axes):
        numbers = sets.along(numbers, axis)
    return np.expand_dims(numbers, tuple(axes)) if keepdims else numbers


def reduction(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """One union along some axes, together with the further operand, if there is one (the initial value
    of a maximum).
    """
    found = _reduced(sets, given[0], _axes(op), bool(op.attrs.get("keepdims")))
    return elementwise(sets, [found, hub(sets, given[1:])])


def normalised(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """Each element depends on all elements along its axes."""
    found = _reduced(sets, given[0], _axes(op), True)
    return np.broadcast_to(found, np.shape(given[0])).copy()


def accumulation(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """Each element depends on itself and those before it."""
    numbers = np.asarray(given[0], dtype=np.int64)
    axis = op.attrs.get("axis")
    numbers = numbers.ravel() if axis is None else numbers
    out = np.moveaxis(numbers.copy(), axis or 0, 0)
    for k in range(1, len(out)):
        out[k] = sets.unions(out[k - 1], out[k])
    return np.moveaxis(out, 0, axis or 0)


def _product_letters(op: Op) -> tuple[tuple[str, ...], str]:
    """A product of matrices as an einsum subscript."""
    a, b = (len(shape_of(x.type)) for x in op.operands)
    name = op.decl.name
    if name == "outer":
        return ("i", "k"), "ik"
    if not (a and b):
        return ("xyz"[:a], "xyz"[:b]), "xyz"[: max(a, b)]
    if name == "inner":
        return ("xy"[: a - 1] + "j", "kl"[: b - 1] + "j"), "xy"[: a - 1] + "kl"[: b - 1]
    first = "j" if a == 1 else "xyzw"[6 - a :] + "ij" if a > 2 else "ij"
    second = "j" if b == 1 else "xyzw"[6 - b :] + "jk" if b > 2 else "jk"
    batch = max(first[:-2], second[:-2], key=len)
    return (first, second), batch + first[-2:-1] * (a > 1) + second[-1:] * (b > 1)


def contraction(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """Sums of products: an element depends on all factors of its sum."""
    inputs, output = with_letters(op) if op.decl.name == "einsum" else _product_letters(op)
    whole: Any = np.int64(0)
    for letters, part in zip(inputs, given, strict=True):
        numbers = np.asarray(0 if part is None else part, dtype=np.int64)
        own = "".join(dict.fromkeys(letters))
        if own != letters:
            numbers = np.einsum(f"{letters}->{own}", numbers)
        for letter in [c for c in own if c not in output]:
            numbers = sets.along(numbers, own.index(letter))
            own = own.replace(letter, "")
        numbers = numbers.transpose([own.index(c) for c in output if c in own])
        missing = tuple(k for k, c in enumerate(output) if c not in own)
        whole = sets.unions(whole, np.expand_dims(numbers, missing))
    return whole


def convolution(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """`np.convolve`, and the part of `np.correlate` where the shorter vector lies within the longer: sums of shifted
    products.
    """
    if any(g is None for g in given) or min(map(len, given)) > _LONGEST:
        return hub(sets, given)
    a, b = sorted(given, key=len, reverse=True)
    whole = op.decl.name == "full_convolution"
    out = np.zeros(len(a) + len(b) - 1 if whole else len(a) - len(b) + 1, dtype=np.int64)
    for k, number in enumerate(b):
        each = sets.unions(a, number)
        part = out[k : k + len(a)] if whole else out
        part[...] = sets.unions(part, each if whole else each[k : k + len(out)])
    return out


def outer(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    return elementwise(sets, [np.reshape(given[0], (-1, 1)), np.reshape(given[1], (1, -1))])


def last_axis(sets: IndexSets, op: Op, given: Sequence[Numbers]) -> Numbers:
    """Functions of vectors along the last axis, each separately: cross products."""
    return elementwise(sets, [_reduced(sets, g, (np.ndim(g) - 1,), True) for g in given])


def matrices(
    sets: IndexSets, op: Op, given: Sequence[Numbers], values: Sequence[Any]
) -> list[Numbers]:
    """Functions of matrices; leading axes are a batch."""
    counts = {np.ndim(g) for g in given if g is not None}
    if len(counts) != 1 or max(counts) < 3:
        return dense(sets, op, given, values)
    parts = [g for g in given if g is not None]
    each = elementwise(sets, [_reduced(sets, g, (g.ndim - 2, g.ndim - 1), False) for g in parts])
    shapes = [(r.type, np.shape(v)) for r, v in zip(op.results, values, strict=True)]
    return [
        np.broadcast_to(each.reshape(each.shape + (1,) * (len(s) - each.ndim)), s).copy()
        if isinstance(t, Array)
        else blank(t, None)
        for t, s in shapes
    ]


# ---- writing -------------------------------------------------------------------------------------


def add_into(sets: IndexSets, op: Op, given: Sequence[Numbers], operands: Sequence[object]) -> None:
    key = subscript_key(op.attrs["where"], operands[2:])
    target, amount = given[0], given[1] or 0 if isinstance(given[1], int | None) else given[1]
    before = target[key]
    if isinstance(before, np.ndarray):
        target[key] = sets.unions(before, np.asarray(amount, dtype=np.int64))
    else:
        target[key] = sets.union(int(before), int(amount))


def add_at(
    sets: IndexSets, op: Op, given: Sequence[Numbers], operands: Sequence[np.ndarray]
) -> None:
    """Accumulation at places that may occur more than once."""
    target = given[0]
    key = subscript_key(op.attrs["where"], operands[2:])
    places = np.arange(target.size).reshape(target.shape)[key]
    added = np.broadcast_to(0 if given[1] is None else given[1], places.shape).ravel()
    order = np.argsort(places, axis=None, kind="stable")
    named, starts = np.unique(places.ravel()[order], return_index=True)
    if not len(named):
        return
    ends = np.append(starts, places.size)
    where = np.unravel_index(named, target.shape)
    target[where] = sets.unions(target[where], sets.grouped(added[order], ends))


def add_diagonal(
    sets: IndexSets, op: Op, given: Sequence[Numbers], operands: Sequence[object]
) -> None:
    k = op.attrs.get("k", op.attrs.get("offset", 0))
    places = np.diag(np.arange(given[0].size).reshape(given[0].shape), k)
    where = np.unravel_index(places, given[0].shape)
    amount = np.asarray(0 if given[1] is None else given[1], dtype=np.int64)
    given[0][where] = sets.unions(given[0][where], amount)


def list_add(sets: IndexSets, op: Op, given: Sequence[Numbers], operands: Sequence[object]) -> None:
    target, at = given[0], operands[1]
    if isinstance(target[at], np.ndarray):
        target[at][...] = elementwise(sets, [target[at], given[2]])
    else:
        target[at] = elementwise(sets, [target[at], given[2]])


WRITES: Mapping[str, Callable[..., None]] = {
    "add_into": add_into,
    "add_at": add_at,
    "add_diagonal": add_diagonal,
    "list_add": list_add,
}

_REDUCTIONS = ("sum", "mean", "max", "min", "ptp", "prod", "var", "std", "logsumexp", "norm")
RULES: Mapping[str, Callable[..., Numbers]] = {
    **dict.fromkeys(_REDUCTIONS, reduction),
    **dict.fromkeys(("softmax", "log_softmax"), normalised),
    **dict.fromkeys(("cumsum", "cumprod"), accumulation),
    **dict.fromkeys(("matmul", "dot", "inner", "einsum"), contraction),
    **dict.fromkeys(("full_convolution", "correlate_whole"), convolution),
    "outer": outer,
    "cross": last_axis,
    "pack": lambda sets, op, given: dict(zip(op.attrs["keys"], given, strict=True)),
    "get": lambda sets, op, given: given[0][op.attrs["key"]],
}
MATRICES = ("cholesky", "det", "slogdet", "eigh", "inv", "solve", "pinv")


def moved(op: Op, given: Sequence[Numbers], operands: Sequence[object]) -> tuple[Op, list[Any]]:
    data = MOVES[op.decl.name]
    chosen = [
        (blank(a.type, v) if g is None or not is_float(a.type) else g)
        if data is None or k in data
        else v
        for k, (a, g, v) in enumerate(zip(op.operands, given, operands, strict=True))
    ]
    attrs = {k: v for k, v in op.attrs.items() if k != "dtype"}  # set numbers have their own dtype
    return replace(op, attrs=attrs), chosen
