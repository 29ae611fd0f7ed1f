"""Batching of arguments: cuts the arguments of a call into items along their batch axes, and names the
items' results.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import children, leaves, map_leaves, named_leaves
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.derivations.kinds import Grad, Gradient, Sample
from srcdiff.cuda.kernels import leaf_types
from srcdiff.handles.generated import Generated
from srcdiff.ir.types import Dim, Scalar
from srcdiff.runtime.cuda import device_arrays as device
from srcdiff.runtime.philox import Uniforms

Axes = object  # an int, None, or a container of these for an argument that is a container


class Items:
    """The arguments of one call.

    Attributes
    ----------
    leaves : list
        The numbers and arrays in the arguments.
    called : list of str
        How the user writes each leaf.
    axes : list of (int or None)
        The axis of each leaf that has the items; None where all items share the leaf.
    library : array or None
        One of the arrays that lie on a device: results are arrays of its library.
    count : int
        The number of items; 1 if `is_single`: one item without a batch axis.

    Raises
    ------
    ValueError
        Axes that do not exist or have unequal lengths; arrays on several devices, or on a device other than the one
        that kernels run on.
    """

    def __init__(
        self, handle: Generated, args: Sequence[object], in_axes: Axes, is_single: bool = False
    ) -> None:
        self.handle = handle
        s = handle.signature
        self.names = [*s.names, *s.further]
        missing = self.names[len(args) :]
        if missing and not s.further and all(n in s.defaults for n in missing):
            axes = children(in_axes) or [in_axes] * len(args)
            in_axes = (*axes, *(None for _ in missing))
            args = (*args, *(s.defaults[n] for n in missing))
        if len(args) != len(self.names):
            raise TypeError(
                f"{handle.__name__} takes {len(self.names)} arguments ({', '.join(self.names)}), "
                f"{len(args)} were given"
            )
        self.library = self._library(args)
        self.given = [map_leaves(_by_numba, a) for a in args]
        pairs = [*zip(self.names, self.given, strict=True)]
        self.leaves = [leaf for _, a in pairs for leaf in leaves(a)]
        self.called = [text for n, a in pairs for text, _ in named_leaves(a, n)]
        given = [*_spread(in_axes, [*args], "the arguments")]
        self.axes = [self._axis(k, axis) for k, axis in enumerate(given)]
        self._refuse_dtypes()
        self.count = 1 if is_single else self._count()

    def _library(self, args: Sequence[object]) -> Any:
        """An array on a device, if there is one: results are arrays of its library. All must be on the device that
        kernels run on.
        """
        pairs = zip(self.names, args, strict=True)
        named = [(text, leaf) for n, a in pairs for text, leaf in named_leaves(a, n)]
        places = {n: device.device_of(a) for n, a in named if device.is_device_array(a)}
        if len(set(places.values())) > 1:
            listed = ", ".join(f"{name} on device {k}" for name, k in places.items())
            raise ValueError(f"arguments lie on several devices ({listed}): copy them to one")
        for place in set(places.values()):  # without arrays on a device, no device is needed
            current = device.current_device()
            if place != current:
                raise ValueError(
                    f"arguments lie on device {place}, and kernels are launched on device {current}: "
                    f"call numba.cuda.select_device({place}) first, or copy them"
                )
        return next((a for _, a in named if device.is_device_array(a)), None)

    def _refuse_dtypes(self) -> None:
        for leaf, called in zip(self.leaves, self.called, strict=True):
            if isinstance(leaf, np.random.Generator | np.random.RandomState):
                raise TypeError(
                    f"{called} is a generator of random numbers, which devices have not: pass a whole number for each "
                    "item, the key of its numbers (srcdiff.runtime.philox)"
                )
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind not in "biufc":
                raise TypeError(f"{called} is an array of {leaf.dtype}: pass numbers")

    def _axis(self, k: int, axis: object) -> int | None:
        """The axis of a leaf's items, counted from the front."""
        if axis is None:
            return None
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"in_axes has {axis!r} for {self.called[k]}: expected an int or None")
        ndim = getattr(self.leaves[k], "ndim", 0)
        if not -ndim <= axis < ndim:
            raise ValueError(
                f"in_axes: {self.called[k]} has {ndim} axes, so its items cannot be along axis {axis}"
            )
        return axis % ndim

    def _count(self) -> int:
        lengths = {
            self.called[k]: int(self.leaves[k].shape[axis])
            for k, axis in enumerate(self.axes)
            if axis is not None
        }
        if not lengths:
            raise ValueError("in_axes is None for all arguments: there are no items")
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise ValueError(f"arguments have different numbers of items: {listed}")
        return next(iter(lengths.values()))

    @functools.cached_property
    def arguments(self) -> Arguments:
        """One item, by types and lengths; its numbers are the smallest of all items."""
        handle = self.handle
        items = self._with([_like(a, k) for a, k in zip(self.leaves, self.axes, strict=True)])
        return handle.signature.bind(items, {}, handle.static, handle.place)

    def item(self, i: int) -> list[Any]:
        pairs = zip(self.leaves, self.axes, strict=True)
        found = self._with([a if axis is None else _taken(a, i, axis) for a, axis in pairs])
        if isinstance(self.handle.derived.derivation, Sample):
            found[-1] = Uniforms(found[-1])
        return found

    def _with(self, parts: Sequence[object]) -> list[Any]:
        """The arguments with other leaves."""
        rest = iter(parts)
        return [map_leaves(lambda _: next(rest), a) for a in self.given]

    @property
    def args(self) -> list[Any]:
        """The arguments as the generated function takes them; a tuple of tangents counts as several arguments."""
        if not self.handle.signature.spread:
            return [*self.given]
        return [*self.given[:-1], *(children(self.given[-1]) or ())]

    def kernel_axes(self, is_block: bool) -> tuple[int | None, ...]:
        """The axis of the items in each argument of the kernel. In arrays that the host copies it is the last axis, or
        the first for blocks: so neighbouring threads read neighbouring elements.
        """
        pairs = zip(self.leaves, self.axes, strict=True)
        return tuple(
            axis if axis is None or device.is_device_array(a) else 0 if is_block else a.ndim - 1
            for a, axis in pairs
        )

    def largest(self) -> dict[str, int]:
        """The values of lengths, and the largest values of integers, which may differ from item to item."""
        found = dict(self.arguments.lengths)
        parts = leaf_types(self.arguments.types)
        for leaf, axis, type_ in zip(self.leaves, self.axes, parts, strict=False):
            expr = type_.expr if isinstance(type_, Scalar) else None
            if axis is not None and isinstance(expr, Dim) and expr.symbol and self.count:
                found[expr.symbol] = int(_on_host(leaf).max())
        return found

    def results(self, count: int) -> list[str]:
        """The names of the leaves of a result: "d_x" is the derivative with respect to x, other leaves are "result"."""
        how, named = self.handle.derived.derivation, []
        if isinstance(how, Gradient):
            wrt = ((self.names[k], self.given[k]) for k in self.handle.derived.wrt)
            named = [_flat(text) for n, a in wrt for text, _ in named_leaves(a, f"d_{n}")]
        others = ["result"] * (count - len(named))
        return [*named, *others] if isinstance(how, Grad) else [*others, *named]

    def is_shared(self, name: str) -> bool:
        """Whether a result is the derivative with respect to an argument that all items share."""
        pairs = zip(self.called, self.axes, strict=True)
        return any(axis is None and name == f"d_{_flat(text)}" for text, axis in pairs)


def _spread(axes: Axes, tree: object, what: str) -> Iterator[object]:
    """The axis of each leaf. A container of axes has one entry for each part of its argument; anything else applies to
    the whole argument.
    """
    parts = children(tree)
    given = children(axes)
    if parts is None or given is None:
        yield from (axes for _ in leaves(tree))
        return
    if len(given) != len(parts):
        raise ValueError(
            f"in_axes has {len(given)} parts for {what}, of which there are {len(parts)}"
        )
    for a, part in zip(given, parts, strict=True):
        yield from _spread(a, part, "a container")


def _like(leaf: Any, axis: int | None) -> Any:
    """Something with the type and shape of an item's part."""
    if axis is None and not device.is_device_array(leaf):
        return leaf
    dtype = device.dtype_of(leaf)
    shape = tuple(n for k, n in enumerate(leaf.shape) if k != axis)
    if shape or axis is None:
        return np.zeros(shape, dtype)
    if dtype.kind in "iu" and leaf.shape[0]:
        return dtype.type(_on_host(leaf).min())
    return dtype.type(0)


def _by_numba(leaf: object) -> object:
    return device.as_device_array(leaf) if device.is_device_array(leaf) else leaf


def _taken(leaf: np.ndarray, i: int, axis: int) -> Any:
    found = np.take(leaf, i, axis)
    return found.copy() if isinstance(found, np.ndarray) else found


def _on_host(leaf: np.ndarray) -> np.ndarray:
    for method in ("copy_to_host", "get", "cpu"):
        if hasattr(leaf, method):
            return np.asarray(getattr(leaf, method)())
    return np.asarray(leaf)


def _flat(text: str) -> str:
    """`p[0].w` as generated code calls it: `p_0_w`."""
    return re.sub(r"\W+", "_", text.replace("'", "")).rstrip("_")
