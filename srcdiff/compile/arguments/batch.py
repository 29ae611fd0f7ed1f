"""Batch arguments: the types of one item, and the axis of each argument along which the items lie."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.compile.arguments.signature import Arguments
from srcdiff.ir.core import Function, Tree
from srcdiff.ir.types import (
    Array,
    Dim,
    List,
    Scalar,
    Static,
    Struct,
    Type,
    all_dims,
    ndim_of,
    shape_of,
)
from srcdiff.ir.values import Value
from srcdiff.transforms.ad.batch import Batch, batched
from srcdiff.transforms.ad.jacobian_loops import flat_uncopied


def items_of(arguments: Arguments, axes: object) -> tuple[Arguments, list[list[int | None]]]:
    """The arguments of one item, and the batch axis of each number and array in an argument.

    Raises
    ------
    ValueError
        For axes that do not exist or have unequal lengths, and where no argument has a batch axis.
    """
    along: list[list[int | None]] = []
    items: list[Type] = []
    counts: dict[str, Dim] = {}
    pairs = zip(arguments.names, arguments.types, _by_argument(axes, arguments), strict=True)
    for name, type_, given in pairs:
        leaves = [*_spread(type_, given, name)]
        along.append([axis for *_, axis in leaves])
        counts |= {called: t.shape[axis] for called, t, axis in leaves if axis is not None}
        items.append(_item(type_, iter(along[-1]), name))
    _compare(counts, arguments.lengths)
    known = {s for t in items for d in all_dims(t) for s in d.symbols()} | {*arguments.names}
    lengths = {s: n for s, n in arguments.lengths.items() if s in known}
    return replace(arguments, types=tuple(items), lengths=lengths), along


def batch_of(
    fn: Function, arguments: Arguments, along: Sequence[Sequence[int | None]], out_axes: object
) -> Function:
    """The function of many items, from the function of one item, for the arguments of a call."""
    dims: list[Dim] = []
    for type_, axes in zip(arguments.types, along, strict=True):
        leaves = zip(_parts(type_), axes, strict=True)
        dims += [shape_of(t)[axis] for t, axis in leaves if axis is not None]
    count = dims[0]
    params = tuple(
        Value(_with_axis(p.type, iter(axes), count), p.name, True)
        for p, axes in zip(fn.params, along, strict=True)
    )
    batch = Batch(params, tuple(map(tuple, along)), count)
    fn = flat_uncopied(fn)
    made = batched(fn, batch, _of_results(fn.output, out_axes))
    equal = dict.fromkeys((d, count) for d in dims[1:] if d != count)
    shown = dict(zip(arguments.names, arguments.types, strict=True))
    return replace(
        made,
        lengths=replace(made.lengths, required=(*made.lengths.required, *equal)),
        source=replace(made.source, argument_types=shown),
    )


# ---- axes for each number and array ----------------------------------------------------------------


def _by_argument(axes: object, arguments: Arguments) -> list[object]:
    """The axes of each argument; an argument that `in_axes` leaves out needs a default."""
    names = arguments.names
    if not isinstance(axes, tuple):
        return [axes if _is_cut(n, t, arguments) else None for n, t in _typed(arguments)]
    if axes[0] == "dict":
        given = dict(axes[1:])
        for name in given:
            if name not in names:
                raise ValueError(
                    f"in_axes: there is no argument {name!r}; they are {', '.join(names)}"
                )
        return [given.get(n) for n in names]
    given_axes = list(axes[1:])
    rest = names[len(given_axes) :]
    if len(given_axes) > len(names) or any(n not in arguments.defaults for n in rest):
        raise ValueError(
            f"in_axes is for {len(given_axes)} arguments, there are {len(names)}: {', '.join(names)}"
        )
    return [*given_axes, *(None for _ in rest)]


def _typed(arguments: Arguments) -> Iterator[tuple[str, Type]]:
    return zip(arguments.names, arguments.types, strict=True)


def _is_cut(name: str, type_: Type, arguments: Arguments) -> bool:
    """Whether an axis that is given for all arguments applies to this one: not to static values, and not to numbers
    that are defaults.
    """
    if isinstance(type_, Static):
        return False
    return not (name in arguments.defaults and isinstance(type_, Scalar))


def _spread(type_: Type, axes: Any, called: str) -> Iterator[tuple[str, Array, int | None]]:
    """Each number and array in an argument, its name, and its axis."""
    if isinstance(type_, Struct):
        texts = [
            f"{called}.{k}" if type_.kind in ("namedtuple", "dataclass") else f"{called}[{k!r}]"
            for k in type_.keys
        ]
        parts = zip(texts, type_.parts, _by_part(type_, axes, called), strict=True)
        for text, part, axis in parts:
            yield from _spread(part, axis, text)
        return
    if isinstance(axes, tuple):
        raise ValueError(f"in_axes has a container for {called}, which is not a container")
    if axes is None or isinstance(type_, Static):
        yield called, type_, None  # type: ignore[misc]
        return
    ndim = ndim_of(type_)
    if not isinstance(type_, Array) or not -ndim <= axes < ndim:
        what = "a list" if isinstance(type_, List) else f"{ndim} axes"
        raise ValueError(
            f"in_axes: {called} has {what}, so its items cannot be along axis {axes}; "
            "pass None for an argument that all items share"
            if not isinstance(type_, List)
            else f"in_axes: {called} is a list; pass an array, or None for an argument that all items share"
        )
    yield called, type_, axes % ndim


def _by_part(type_: Struct, axes: object, called: str) -> list[object]:
    """The axes of the parts of a container."""
    if not isinstance(axes, tuple):
        return [axes] * len(type_.parts)
    if axes[0] == "dict":
        given = dict(axes[1:])
        if set(given) != set(type_.keys):
            raise ValueError(
                f"in_axes has the keys {', '.join(map(repr, given))} for {called}, which has "
                f"{', '.join(map(repr, type_.keys))}"
            )
        return [given[k] for k in type_.keys]
    if len(axes) - 1 != len(type_.parts) or type_.kind == "dict":
        raise ValueError(
            f"in_axes has {len(axes) - 1} parts for {called}, which is a {type_.kind} of {len(type_.parts)}"
        )
    return list(axes[1:])


def _of_results(output: Tree, axes: Any) -> list[int]:
    if isinstance(output, int):
        if isinstance(axes, tuple):
            raise ValueError("out_axes has a container, but the result is not a container")
        return [axes]
    if not isinstance(axes, tuple):
        inner = [axes] * len(output.children)
    elif axes[0] == "dict" and set(output.keys) == {k for k, _ in axes[1:]}:
        given = dict(axes[1:])
        inner = [given[k] for k in output.keys]
    elif axes[0] == "tuple" and len(axes) - 1 == len(output.children) and output.kind != "dict":
        inner = list(axes[1:])
    else:
        raise ValueError("out_axes does not have the structure of the result")
    return [
        a
        for child, axis in zip(output.children, inner, strict=True)
        for a in _of_results(child, axis)
    ]


def _compare(counts: Mapping[str, Dim], lengths: Mapping[str, int]) -> None:
    """Raise where there are no items, or where arguments have different numbers of items."""
    if not counts:
        raise ValueError("in_axes is None for all arguments: there are no items")
    known: dict[str, int] = {}
    for called, dim in counts.items():
        with contextlib.suppress(KeyError):  # lengths that are not known when compiling
            known[called] = dim.evaluate(lengths)
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{called} has {n}" for called, n in known.items())
        raise ValueError(f"arguments have different numbers of items: {listed}")


# ---- types ------------------------------------------------------------------------------------------


def _parts(type_: Type) -> list[Type]:
    if isinstance(type_, Struct):
        return [t for part in type_.parts for t in _parts(part)]
    return [type_]


def _item(type_: Type, axes: Iterator[int | None], path: str) -> Type:
    """The type of an item; an integer gets a symbol that no argument has."""
    if isinstance(type_, Struct):
        named = zip(type_.keys, type_.parts, strict=True)
        parts = tuple(_item(t, axes, f"{path}_{k}") for k, t in named)
        return replace(type_, parts=parts)
    axis = next(axes)
    if axis is None:
        return type_
    assert isinstance(type_, Array)
    rest = (*type_.shape[:axis], *type_.shape[axis + 1 :])
    if rest:
        return Array(type_.dtype, rest)
    is_whole = type_.dtype == "int64"
    return Scalar(type_.dtype, type_.dtype == "bool", Dim.of(f"{path}_item") if is_whole else None)


def _with_axis(type_: Type, axes: Iterator[int | None], count: Dim) -> Type:
    if isinstance(type_, Struct):
        return replace(type_, parts=tuple(_with_axis(t, axes, count) for t in type_.parts))
    axis = next(axes)
    if axis is None:
        return type_
    assert isinstance(type_, Scalar | Array)
    shape = list(shape_of(type_))
    shape.insert(axis, count)
    return Array(type_.dtype, tuple(shape))
