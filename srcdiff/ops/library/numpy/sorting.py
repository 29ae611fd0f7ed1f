"""Sorting, and functions that sort: `np.sort`, `np.lexsort`, `np.digitize`, `np.unique`, ...

Sorted elements are gathered by `np.argsort`, so that a derivative goes to the element at its original place. Equal
elements keep their order (a stable sort).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, numbers, row_of
from srcdiff.ops.library.numpy.select import places_along

# ---- sorting -----------------------------------------------------------------------------------


@composite(
    np.sort,
    samples=(
        call("np.sort(x)", (5,)),
        call("np.sort(x, axis=0)", (3, 4)),
        call("np.sort(x, -1)", (2, 1, 3)),
        call("np.sort(x, axis=None)", (2, 3)),
        call("np.sort(x)", [1.0, np.nan, 0.5, 1.0], avoid="NaN"),
        call("np.sort(x)", (0,)),
    ),
    takes_complex=True,
)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = row_of(a), 0
    return a[places_along(a, np.argsort(a, axis=axis, kind="stable"), axis)]


@composite(
    method="sort",
    samples=(
        call("(z := x.copy(), z.sort(), z)[2]", (5,)),
        call("(z := x.copy(), z.sort(axis=0), z)[2]", (3, 2)),
    ),
    takes_complex=True,
)
def sort_in_place(a, axis=-1, kind=None, order=None, *, stable=None):
    a[...] = sort(a, axis)


# the order inside the parts is undefined: here the parts are sorted
@composite(
    np.partition,
    samples=(
        call("np.partition(x, 2)[2]", (5,)),
        call("np.sort(np.partition(x, 1, axis=0)[:2], axis=0)", (4, 2)),
    ),
    ignores=("kth",),
    takes_complex=True,
)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    return sort(a, axis)


@composite(
    method="partition",
    samples=(call("(z := x.copy(), z.partition(2), z)[2][2]", (5,)),),
    ignores=("kth",),
    takes_complex=True,
)
def partition_in_place(a, kth, axis=-1, kind="introselect", order=None):
    a[...] = sort(a, axis)


@composite(
    np.argpartition,
    method="argpartition",
    samples=(call("x[np.argpartition(x, 2)][2]", (5,)),),
    ignores=("kth",),
    takes_complex=True,
)
def argpartition(a, kth, axis=-1, kind=None, order=None):
    return np.argsort(a, axis=axis, kind="stable")


@composite(
    np.lexsort,
    samples=(
        call("np.lexsort((x, y))", [2, 1, 2, 0, 1], [1, 1, 0, 1, 1]),
        call("x[np.lexsort((x, y))]", [0.5, 0.1, 0.3], [1, 2, 1]),
    ),
)
def lexsort(keys, axis=-1):
    order = np.argsort(keys[0], axis=axis, kind="stable")
    for k in numbers(1, len(keys)):
        key = keys[k][places_along(keys[k], order, axis)]
        order = order[places_along(order, np.argsort(key, axis=axis, kind="stable"), axis)]
    return order


@composite(
    np.searchsorted,
    method="searchsorted",
    given=("sorter",),
    samples=(call("np.searchsorted(x, 1.5, sorter=np.argsort(x))", [2.0, 0.5, 1.0]),),
)
def searchsorted(a, v, side="left", sorter=None):
    return np.searchsorted(a[sorter], v, side=side)


@composite(
    np.digitize,
    samples=(
        call("np.digitize(x, np.array([-1.0, 0.0, 1.0]))", (5,)),
        call("np.digitize(x, [1.0, 0.0, -1.0], right=True)", (2, 3)),
    ),
)
def digitize(x, bins, right=False):
    """Decreasing bins are counted from the other end."""
    bins = array(bins)
    if bins.shape[0] > 1 and bins[0] > bins[-1]:
        return bins.shape[0] - np.searchsorted(bins[::-1], x, side="right" if right else "left")
    return np.searchsorted(bins, x, side="left" if right else "right")


@composite(
    np.unique,
    samples=(
        call("np.unique(x)", [2.0, 0.5, 2.0, 1.0, 0.5], avoid="ties", gradients=([1, 1, 0, 1, 0],)),
        call("np.unique(x)", [3, 1, 3]),
        call("np.unique(x)", (2, 3)),
        call(
            "np.unique(x, return_index=True, return_inverse=True, return_counts=True)", [2, 0, 2, 1]
        ),
        call("np.unique(x)", [np.nan, 1.0, np.nan], avoid="NaN"),
        call("np.unique(x)", (0,)),
    ),
    ignores=("sorted",),
    takes_complex=True,
)
def unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
    sorted=True,
):
    if axis is not None:
        refuse("np.unique takes no axis= here", "Find equal rows by comparing them.")
    row = row_of(array(ar))
    order = np.argsort(row, kind="stable")
    ordered = row[order]
    differ = ordered[1:] != ordered[:-1]
    if equal_nan and row.dtype.kind in ("f", "c"):
        differ = differ & ~(np.isnan(ordered[1:]) & np.isnan(ordered[:-1]))
    is_first = np.ones(ordered.shape, dtype=bool)
    is_first[1:] = differ
    firsts = np.flatnonzero(is_first)
    found: Any = (ordered[firsts],)
    if return_index:
        found = (*found, order[firsts])
    if return_inverse:
        inverse = np.empty(row.shape, dtype=np.int64)
        inverse[order] = np.cumsum(is_first) - 1
        found = (*found, np.reshape(inverse, np.shape(ar)))
    if return_counts:
        found = (*found, np.diff(np.append(firsts, len(row))))
    return found[0] if len(found) == 1 else found
