"""Jacobians, Hessians and batches of dynamic programs: matrices row by row, batches item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf
from srcdiff.eager.shadow_values import Shadows
from srcdiff.eager.structures import duplicate, leaves_of
from srcdiff.eager.tape_entries import copied
from srcdiff.errors import DifferentiationError

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape


def jacobian_of(tape: Tape, value: object, is_alone: bool) -> Any:
    """The rows of the Jacobian, for each part of a result: one backward sweep for each of its elements.

    Parameters
    ----------
    is_alone
        Whether the derivative is with respect to one argument, so that its Jacobian is not in a tuple.
    """

    def of_part(part: Any) -> Any:
        if not is_float_leaf(part):
            return None
        rows = [_row(tape, part, at) for at in np.ndindex(np.shape(part))]
        found = tuple(
            _stacked([row[k] for row in rows], np.shape(part), given)
            for k, given in enumerate(tape.inputs)
        )
        return found[0] if is_alone else found

    return duplicate(value, of_part)


def _row(tape: Tape, part: object, at: tuple[int, ...]) -> tuple[object, ...]:
    shadows = Shadows()
    if tape.tracked.has(part):
        unit = np.zeros_like(part)
        unit[at] = 1.0
        shadows.add(part, unit if at else 1.0)
    tape.take_back(shadows)
    return tuple(tape.beside(shadows, given) for given in tape.inputs)


def hessian_of(
    product: Callable[..., tuple[object, ...]], given: Sequence[object], is_alone: bool
) -> Any:
    """The Hessian from `product(*v)`, its products with directions: one for each element of the arguments `given`."""
    directions = [duplicate(g, _zero) for g in given]

    def rows_of(k: int, number: int, part: Any) -> Any:
        if not is_float_leaf(part):
            return None
        rows = []
        for at in np.ndindex(np.shape(part)):
            along = duplicate(directions[k], _in_place(number, at))
            v = (*directions[:k], along, *directions[k + 1 :])
            rows.append(tuple(duplicate(t, copied) for t in product(*v)))
        found = tuple(
            _stacked([row[j] for row in rows], np.shape(part), other)
            for j, other in enumerate(given)
        )
        return found[0] if is_alone else found

    def rows_of_all(k: int) -> Any:
        numbers = iter(range(len(leaves_of(given[k]))))
        return duplicate(given[k], lambda part: rows_of(k, next(numbers), part))

    parts = tuple(map(rows_of_all, range(len(given))))
    return parts[0] if is_alone else parts


def over_items(
    f: Callable[..., object],
    given: Sequence[np.ndarray],
    axes: Sequence[Sequence[int | None]],
    out_axis: int,
) -> Any:
    """`f` for each of many items; `axes` is the batch axis of each number and array."""
    own = [leaves_of(g) for g in given]
    counts = {
        leaf.shape[axis]
        for leaves, along in zip(own, axes, strict=True)
        for leaf, axis in zip(leaves, along, strict=True)
        if axis is not None
    }
    if len(counts) != 1:
        raise ValueError(f"the arguments have different numbers of items: {sorted(counts)}")

    def item(k: int, i: int) -> Any:
        left = iter(axes[k])

        def cut(leaf: np.ndarray) -> Any:
            axis = next(left)
            return leaf if axis is None else np.take(leaf, i, axis=axis)

        return duplicate(given[k], cut)

    results = [f(*(item(k, i) for k in range(len(given)))) for i in range(counts.pop())]
    if not results:
        raise DifferentiationError(
            "a dynamic program of no items has no result", "Pass one item or more."
        )
    rows = [leaves_of(r) for r in results]
    columns = iter(zip(*rows, strict=True))
    return duplicate(results[0], lambda _: _put_together(next(columns), out_axis))


def _put_together(items: Sequence[Any], axis: int) -> np.ndarray | None:
    return None if items[0] is None else np.stack(items, axis=axis)


def _stacked(rows: Sequence[object], shape: tuple[int, ...], given: object) -> Any:
    """Derivatives of the elements of an array of some shape, as one array in front of each part's own axes."""
    listed = [leaves_of(row) for row in rows]
    numbers = iter(range(len(leaves_of(given))))

    def of_part(part: Any) -> np.ndarray | None:
        k = next(numbers)
        if not is_float_leaf(part):
            return None
        return np.array([row[k] for row in listed]).reshape(shape + np.shape(part))[()]

    return duplicate(given, of_part)


def _zero(leaf: object) -> np.ndarray | None:
    return np.zeros_like(leaf)[()] if is_float_leaf(leaf) else None


def _in_place(number: int, at: tuple[int, ...]) -> Callable[[object], object]:
    """A function of leaves that sets an element of one leaf to 1."""
    seen = iter(range(number + 1))

    def change(leaf: Any) -> Any:
        if next(seen, None) != number:
            return leaf
        if not at:
            return 1.0
        made = leaf.copy()
        made[at] = 1.0
        return made

    return change
