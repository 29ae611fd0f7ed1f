"""Memory order: elements in the order of C or Fortran: `x.ravel("F")`, `x.item(k)`, `np.reshape(x, s, order="F")`."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array


def _in_order(a, order):
    if order in ("C", None):
        return np.ravel(a)
    if order == "F":
        return np.ravel(np.transpose(a))
    return refuse(
        f"elements are taken in the order 'C' or 'F' here, not {order!r}", "Leave it out."
    )


@composite(
    np.ravel,
    method="ravel",
    given=("order",),
    samples=(call("np.ravel(x, 'F') * np.arange(6.0)", (2, 3)), call("x.ravel('C')", (2, 3))),
    takes_complex=True,
)
def ravel_in_order(a, order="C"):
    return _in_order(array(a), order)


@composite(method="view", samples=(call("x.view() * 2.0", (2, 3)),), takes_complex=True)
def view_of(a, dtype=None):
    if dtype is not None and a.dtype != dtype:
        refuse(
            "x.view(dtype) reinterprets the memory of numbers", "Convert them with x.astype(dtype)."
        )
    return a[...]


@composite(
    method="flatten",
    given=("order",),
    samples=(call("x.flatten(order='F') * np.arange(6.0)", (2, 3)),),
    takes_complex=True,
)
def flatten_in_order(a, order="C"):
    return _in_order(a, order).copy()


@composite(
    method="item",
    given=("index",),
    samples=(
        call("x.item(4)", (2, 3)),
        call("x.item(1, -1) * 2.0", (2, 3)),
        call("x.item((1, 0))", (2, 3)),
    ),
    takes_complex=True,
)
def item_at(a, index, *others):
    if isinstance(index, tuple):
        return a[index].item()
    if len(others) > 0:
        return a[(index, *others)].item()
    return np.ravel(a)[index].item()


@composite(
    method="reshape",
    given=("order", "copy"),
    samples=(
        call("x.reshape(3, 2, order='F') * np.arange(2.0)", (2, 3)),
        call("x.reshape((-1,), order='C')", (2, 3)),
    ),
    takes_complex=True,
)
def reshaped_in_order(a, *shape, order="C", copy=None):
    return reshape_in_order(a, shape[0] if len(shape) == 1 else shape, order, copy)


@composite(
    np.reshape,
    given=("order", "copy"),
    samples=(call("np.reshape(x, (3, -1), order='F') * np.arange(2.0)", (2, 3)),),
    takes_complex=True,
)
def reshape_in_order(a, shape, order="C", copy=None):
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    if order == "C":
        made = np.reshape(a, tuple(lengths))
        return made.copy() if copy else made
    if order != "F":
        refuse(f"elements are taken in the order 'C' or 'F' here, not {order!r}", "Leave it out.")
    return np.transpose(np.reshape(np.transpose(a), tuple(lengths[::-1])))
