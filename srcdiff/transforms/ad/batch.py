"""Batching: a function of one item becomes a function of many items, with a loop over the items.

    f(%x: float64[n], %w)                     f(%xs: float64[N, n], %w)
      %0 = exp %w                               %0 = exp %w
      %1 = multiply %x, %0                      %out = empty_of[type=float64[N]]
      %2 = sum %1                         ->    for 0, %N, 1 { (%i) ->
      yield %2                                    %x = index[where=i] %xs, %i
                                                  %1 = multiply %x, %0
                                                  %2 = sum %1
                                                  store[where=i] %out, %2, %i }
                                                yield %out

Statements that do not depend on the item stay in front of the loop. The items of an argument may lie along any axis,
and the items of a result, too. If the length of a result is known only inside the loop, the results are collected on a
list, and stacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, clone_statement, lookup, shapes_for
from srcdiff.ir.core import For, Function, Region
from srcdiff.ir.types import (
    Array,
    Dim,
    List,
    Scalar,
    Struct,
    Type,
    all_dims,
    dims_of,
    map_dims,
    shape_of,
)
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.shapes import concatenate
from srcdiff.transforms.ad.jacobian_loops import flat_uncopied, split_by
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking


@dataclass(frozen=True)
class Batch:
    """The arguments of a function of many items.

    Attributes
    ----------
    params : tuple of Value
        The parameters of the function of many items.
    axes : tuple of tuple of (int or None)
        For each parameter, the axes along which the items of its numbers and arrays lie; None for no batch.
    count : Dim
        The number of items.
    """

    params: tuple[Value, ...]
    axes: tuple[tuple[int | None, ...], ...]
    count: Dim


def batched(fn: Function, batch: Batch, out_axes: Sequence[int]) -> Function:
    """The function of many items; `out_axes` has an axis for each result of `flat_uncopied(fn)`.

    Raises
    ------
    UnsupportedError
        If the results of the items do not form an array.
    """
    fn = flat_uncopied(fn)
    made = _Items(fn, batch)
    result = bind_lengths(made.function(out_axes))
    if lacking(result):
        raise UnsupportedError(
            f"results of {fn.label} may have different lengths for different items, so they do not form one array",
            "Return arrays whose lengths do not depend on what is in an item.",
            fn.location,
        )
    return result


class _Items:
    def __init__(self, fn: Function, batch: Batch) -> None:
        self.fn = fn
        self.batch = batch
        self.cut = [any(a is not None for a in axes) for axes in batch.axes]
        items = frozenset(p for p, is_cut in zip(fn.params, self.cut, strict=True) if is_cut)
        front, self.along = split_by(fn, items)
        self.b = Builder(shapes_for(fn), "compiler", fn.location)
        self.env: Env = {
            old: new
            for old, new, is_cut in zip(fn.params, batch.params, self.cut, strict=True)
            if not is_cut
        }
        self.b.body.extend(clone_statement(s, self.env) for s in front)
        seen = (*batch.params, *(v for s in front for v in s.results))
        self.shown = {s for v in seen for d in dims_of(v.type) for s in d.symbols()}

    def function(self, out_axes: Sequence[int]) -> Function:
        index = Value(Scalar("int64", True, self.symbol()), "i")
        storage = [
            self.storage(y, axis) for y, axis in zip(self.fn.body.yields, out_axes, strict=True)
        ]
        stop = self.b.op(memory.length, dim=self.batch.count)
        inner = self.b.inner()
        for old, new, axes in zip(self.fn.params, self.batch.params, self.batch.axes, strict=True):
            if old not in self.env:
                self.env[old] = self.item(new, old.type, list(axes), index, inner)
        inner.body.extend(clone_statement(s, self.env) for s in self.along)
        for y, axis, target in zip(self.fn.body.yields, out_axes, storage, strict=True):
            if target is not None:
                self.keep(lookup(self.env, y), axis, target, index, inner)
        body = inner.region((index,), ())
        loop = For(const(0), stop, const(1), (), body, (), location=self.fn.location)
        self.b.append(replace(loop, origin="compiler"))
        yields = [
            lookup(self.env, y) if target is None else self.together(target, axis)
            for y, axis, target in zip(self.fn.body.yields, out_axes, storage, strict=True)
        ]
        region = Region(self.batch.params, tuple(self.b.body), tuple(yields))
        return replace(self.fn, body=region)

    def keep(self, result: Atom, axis: int, target: Value, index: Value, b: Builder) -> None:
        """Append the store of one item's result."""
        if isinstance(target.type, List):
            b.ops(containers.append, target, result)
            return
        where = [":"] * len(shape_of(result.type))
        where.insert(axis % (len(where) + 1), "i")
        b.ops(memory.store, target, result, index, where=_plain(where))

    def together(self, target: Value, axis: int) -> Value:
        """The results of all items."""
        if isinstance(target.type, List):
            return self.b.op(concatenate.stack, target, axis=axis)
        return self.b.op(memory.read, target)

    def symbol(self) -> Dim:
        """A symbol for the index that no parameter uses."""
        taken = {s for p in self.batch.params for d in all_dims(p.type) for s in d.symbols()}
        while True:
            found = self.b.shapes.fresh("i")
            if not found.symbols() & taken:
                return found

    def item(
        self, param: Atom, type_: Type, axes: list[int | None], index: Value, b: Builder
    ) -> Atom:
        """One item of an argument, part by part; removes the axis of each part from `axes`."""
        if isinstance(type_, Struct):
            keys = type_.keys
            parts = [
                self.item(b.op(containers.get, param, key=k), t, axes, index, b)
                for k, t in zip(keys, type_.parts, strict=True)
            ]
            return b.op(containers.pack, *parts, kind=type_.kind, keys=keys, cls=type_.cls)
        axis = axes.pop(0)
        if axis is None:
            return param
        where = [":"] * len(shape_of(type_))
        where.insert(axis, "i")
        (found,) = b.ops(memory.index, param, index, where=_plain(where))
        return self.of_type(found, type_, b)

    def of_type(self, item: Value, type_: Type, b: Builder) -> Value:
        """The item with the type of the function's parameter: an integer has the parameter's dimension symbol."""
        if item.type != type_ and isinstance(type_, Scalar):
            op = b.body.pop()
            item = Value(type_, item.name)
            b.append(replace(op, results=(item,)))
        return item

    def storage(self, result: Atom, axis: int) -> Value | None:
        """Storage for the results of all items: an array or a list; None for a constant without items."""
        type_ = result.type
        if isinstance(type_, Scalar | Array):
            shape = list(shape_of(type_))
            name = result.name if isinstance(result, Value) else ""
            unknown = {s for d in shape for s in d.symbols()} - self.shown
            if unknown:
                own = {s: Dim.of(f"{s}*") for s in unknown}
                element = map_dims(type_, lambda d: d.substitute(own))
                return self.b.op(containers.list_new, name=name and f"{name}s", element=element)
            shape.insert(axis % (len(shape) + 1), self.batch.count)
            return self.b.op(
                memory.empty_of, name=name and f"{name}s", type=Array(type_.dtype, tuple(shape))
            )
        if isinstance(result, Const):
            return None
        raise UnsupportedError(
            f"{self.fn.label} returns a list, and a batch of lists is no array",
            "Return an array (np.array, np.stack) or a tuple.",
            self.fn.location,
        )


def _plain(where: list[str]) -> str:
    """A pattern without full slices at its end."""
    while where and where[-1] == ":":
        where.pop()
    return ", ".join(where)
