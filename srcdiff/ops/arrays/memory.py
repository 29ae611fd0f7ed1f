"""Loads and stores: reading and writing arrays, allocation, and the values that reverse mode saves in the forward part.

An index is a *pattern*, the attribute `where` (see `ops/core/index_patterns.py`). With the empty pattern, `add_into`
prints `x += v`, and `store` prints `x[:] = v`. The attribute `distinct` states that index arrays contain no place
twice; `count` is the number of places that a mask selects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import (
    Array,
    Dim,
    List,
    Scalar,
    Type,
    dims_of,
    is_complex,
    map_dims,
    ndim_of,
    shape_of,
)
from srcdiff.ir.values import Atom, known_dim
from srcdiff.ops.arrays.container_text import alike_list
from srcdiff.ops.core.bind import bind_allocation, bind_like, like_first, like_text
from srcdiff.ops.core.index_patterns import (
    arrays_in_front,
    axes_taken,
    has_arrays,
    index_text,
    is_mask,
    items,
    operands_in,
    with_rest,
)
from srcdiff.ops.core.registry import OPERATIONS, operation
from srcdiff.ops.core.type_rules import TypeMistake, make, nothing, of_type, same_as_first
from srcdiff.ops.indices.masks import without_mask
from srcdiff.ops.loopforms import element_maps, storage, subscripts

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder

Attrs = Mapping[str, Any]


def slice_length(shapes: Shapes, n: Dim, item: str, bounds: Sequence[Atom]) -> Dim:
    """The length of `x[b:e:s]` along an axis of length n, if it is an affine expression; otherwise a fresh symbol."""
    names = item.split(":")
    given = dict(zip([k for k in names if k], bounds, strict=True))
    step = known_dim(given["s"]) if "s" in given else Dim(1)
    start = known_dim(given["b"]) if "b" in given else Dim(0)
    stop = known_dim(given["e"]) if "e" in given else n
    if step == Dim(-1) and not {"b", "e"} & set(given):
        return n
    if start is None or stop is None:
        return shapes.fresh()
    if step != Dim(1):
        b, e = (d if name in given else None for name, d in (("b", start), ("e", stop)))
        return _constant_slice(n, b, e, step) or shapes.fresh()
    if n.is_const and start.is_const and stop.is_const:
        return Dim(len(range(*slice(start.const, stop.const).indices(n.const))))
    inside = [d for d in (start, stop - start, n - stop) if not shapes.is_at_least_zero(d)]
    if not inside:
        return stop - start
    if start.is_const and start.const < 0:
        return shapes.fresh()  # x[-k:] has the length of x if x is shorter than k
    if start.is_const and "e" not in given:
        return (n - start).clamped()
    if start.is_const and stop.is_const and stop.const < 0:
        return (n + stop - start).clamped()
    return stop - start if shapes.take_as_inside(inside, stop - start) else shapes.fresh()


def _constant_slice(n: Dim, start: Dim | None, stop: Dim | None, step: Dim | None) -> Dim | None:
    if (
        not n.is_const
        or step is None
        or any(d is not None and not d.is_const for d in (start, stop, step))
    ):
        return None
    b, e = (None if d is None else d.const for d in (start, stop))
    return Dim(len(range(*slice(b, e, step.const).indices(n.const))))


def subscript_shape(
    shapes: Shapes, shape: Sequence[Dim], attrs: Attrs, operands: Sequence[Atom]
) -> tuple[Dim, ...]:
    """The shape of `x[...]`."""
    pattern = with_rest(attrs["where"])
    used = sum(map(axes_taken, pattern))
    if used > len(shape):
        raise TypeMistake(f"too many indices: the array has {len(shape)} axes, {used} were indexed")
    out: list[Dim] = []
    axis, k, arrays_at = 0, 0, None
    arrays: list[tuple[Dim, ...]] = []
    with_arrays = has_arrays(pattern)
    picked = (attrs.get("count") or shapes.fresh(),) if any(map(is_mask, pattern)) else ()
    for item in pattern:
        count = operands_in(item)
        given = operands[k : k + count]
        if item == "...":
            out += shape[axis : axis + len(shape) - used]
            axis += len(shape) - used
        elif item == "None":
            out.append(Dim(1))
        elif item in ("i", "g") or is_mask(item):
            if with_arrays:
                arrays_at = len(out) if arrays_at is None else arrays_at
                arrays.append(picked if is_mask(item) else shape_of(given[0].type))
        elif item == ":":
            out.append(shape[axis])
        else:
            out.append(slice_length(shapes, shape[axis], item, given))
        k, axis = k + count, axis + axes_taken(item)
    if arrays_at is not None:
        at = 0 if arrays_in_front(pattern) else arrays_at
        out[at:at] = shapes.broadcast(arrays)
    return tuple(out)


def _subscript(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = operands[0].type
    if isinstance(base, List):
        return (instantiate(shapes, base),)
    if not isinstance(base, Array):
        raise TypeMistake(f"{base} cannot be subscripted")
    shape = subscript_shape(shapes, base.shape, attrs, operands[1:])
    result = make(base.dtype, shape)
    if isinstance(result, Scalar) and result.dtype == "int64":
        result = Scalar("int64", False, shapes.fresh("i"))
    return (result,)


def instantiate(shapes: Shapes, base: List) -> Type:
    """The type of one element of a list. Lengths that differ between elements (`n*`) get symbols of their own."""
    own: dict[str, Dim] = {}
    for dim in dims_of(base.element):
        for symbol in sorted(dim.symbols()):
            if symbol.endswith("*") and symbol not in own:
                own[symbol] = shapes.fresh(symbol.rstrip("0123456789*") or "k")
    return map_dims(base.element, lambda d: d.substitute(own))


def _subscripted(first: int) -> Any:
    def text(op: Op) -> str:
        whole = ":" if ndim_of(op.operands[0].type) else "..."
        return f"{{0}}[{index_text(op.attrs['where'], first) or whole}]"

    return text


def _store_text(op: Op) -> str:
    return f"{_subscripted(2)(op)} = {{1}}"


def _add_text(op: Op) -> str:
    where = op.attrs["where"]
    target = f"{{0}}[{index_text(where, 2)}]" if where else "{0}"
    return f"{target} += {{1}}"


def _add_at_text(op: Op) -> str:
    subscript = index_text(op.attrs["where"], 2)
    key = f"np.s_[{subscript}]" if ":" in subscript else f"({subscript})"
    target, amount, *places = (ndim_of(a.type) for a in op.operands)
    # NumPy reads beyond the end of a vector if it broadcasts the vector to a table of places
    is_misread = target == amount == 1 and any(axes > 1 for axes in places)
    return f"np.add.at({{0}}, {key}, {'np.atleast_2d({1})' if is_misread else '{1}'})"


def subscript_key(where: str, operands: Sequence[Any]) -> Any:
    """The index object for a pattern and the values of its operands."""
    text, rest = index_text(where, 0), list(operands)
    names = {f"_{k}": v for k, v in enumerate(rest)}
    return eval(f"_key[{text.format(*names)}]", {"_key": np.s_, **names}) if text else ...


def _store_now(operands: Sequence[Any], attrs: Attrs) -> None:
    operands[0][subscript_key(attrs["where"], operands[2:])] = operands[1]


def _add_now(operands: Sequence[Any], attrs: Attrs) -> None:
    operands[0][subscript_key(attrs["where"], operands[2:])] += operands[1]


def _add_at_now(operands: Sequence[Any], attrs: Attrs) -> None:
    key = subscript_key(attrs["where"], operands[2:])
    np.add.at(operands[0], key, np.broadcast_to(operands[1], operands[0][key].shape))


# ---- loads ------------------------------------------------------------------------------

# the contents of storage at this point of the program, as a value
read = operation(
    "read",
    template="{0}",
    infer=same_as_first,
    linear=True,
    evaluate=lambda operands, attrs: operands[0].copy(),
    place=element_maps.same_place,
    takes_complex=True,
)


def _copied(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    type_ = operands[0].type
    return (Scalar(type_.dtype, False) if isinstance(type_, Scalar) else type_,)


def _copy_text(op: Op) -> str:
    type_ = op.operands[0].type
    return "np.copy({0})" if isinstance(type_, Scalar) and type_.weak else "{0}.copy()"


copy = operation(
    "copy",
    np.copy,
    method="copy",
    template=_copy_text,
    infer=_copied,
    linear=True,
    boxes=True,
    signature="x",
    place=element_maps.same_place,
    takes_complex=True,
)


def _without_repeats(b: Builder, op: Op) -> tuple[Atom, ...] | None:
    """`x[rows] += v` as in NumPy: if a place occurs twice, the last of its sums stays."""
    if not has_arrays(items(op.attrs["where"])) or op.attrs.get("distinct"):
        return without_mask(b, op)
    target, amount, *places = op.operands
    total = b.op(OPERATIONS["add"], b.op(gather, target, *places, **op.attrs), amount)
    b.ops(store, target, total, *places, **op.attrs)
    return ()


def _written(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """NumPy refuses to write complex numbers into real arrays, or drops their imaginary parts."""
    target, amount, *_ = operands
    if is_complex(amount.type) and isinstance(target.type, Array) and not is_complex(target.type):
        raise TypeMistake(
            "complex numbers are written into an array of real ones; make it with dtype=complex, or write np.real"
        )
    return ()


add_into = operation(
    "add_into",
    template=_add_text,
    simpler=_without_repeats,
    infer=_written,
    writes=(0,),
    evaluate=_add_now,
    differentiable=True,
    takes_complex=True,
)
add_at = operation(
    "add_at",
    template=_add_at_text,
    simpler=without_mask,
    infer=_written,
    writes=(0,),
    evaluate=_add_at_now,
    takes_complex=True,
)
store = operation(
    "store",
    template=_store_text,
    simpler=without_mask,
    infer=_written,
    writes=(0,),
    evaluate=_store_now,
    takes_complex=True,
)

# an element or a view
index = operation(
    "index",
    template=_subscripted(1),
    infer=_subscript,
    view_of=0,
    linear=True,
    cost="free",
    raises=True,
    scatter=add_into,
    place=subscripts.indexed,
    takes_complex=True,
)
# a copy, by index arrays or masks
gather = operation(
    "gather",
    simpler=without_mask,
    template=_subscripted(1),
    infer=_subscript,
    linear=True,
    raises=True,
    scatter=add_at,
    place=subscripts.indexed,
    takes_complex=True,
)


# ---- allocation ----------------------------------------------------------------------------


def _allocated(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    lengths = tuple(known_dim(a) or shapes.fresh() for a in operands)
    return (Array(attrs.get("dtype") or "float64", lengths),)


def _allocation_text(name: str) -> Any:
    def text(op: Op) -> str:
        lengths = ", ".join(f"{{{i}}}" for i in range(len(op.operands)))
        shape = lengths if len(op.operands) == 1 else f"({lengths})"
        dtype = op.attrs.get("dtype") or "float64"
        return (
            f"np.{name}({shape})" if dtype == "float64" else f"np.{name}({shape}, dtype=np.{dtype})"
        )

    return text


_allocation: dict[str, Any] = {
    "infer": _allocated,
    "bind": bind_allocation,
    "differentiable": False,
    "signature": "*shape",
}

# lengths are operands; `dtype` is an attribute
empty = operation(
    "empty", np.empty, template=_allocation_text("empty"), **_allocation, takes_complex=True
)
zeros = operation(
    "zeros",
    np.zeros,
    template=_allocation_text("zeros"),
    element=element_maps.filled(0),
    **_allocation,
    takes_complex=True,
)
ones = operation(
    "ones",
    np.ones,
    template=_allocation_text("ones"),
    element=element_maps.filled(1),
    **_allocation,
    takes_complex=True,
)

_like: dict[str, Any] = {
    "infer": like_first,
    "bind": bind_like("a"),
    "differentiable": False,
    "signature": "x",
    "shape_of": (0,),
    "boxes": True,
}
empty_like = operation(
    "empty_like", np.empty_like, template=like_text("empty_like"), **_like, takes_complex=True
)
zeros_like = operation(
    "zeros_like",
    np.zeros_like,
    template=like_text("zeros_like"),
    element=element_maps.filled(0),
    **_like,
    takes_complex=True,
)
ones_like = operation(
    "ones_like",
    np.ones_like,
    template=like_text("ones_like"),
    element=element_maps.filled(1),
    **_like,
    takes_complex=True,
)


# ---- lengths -------------------------------------------------------------------------------


def _length_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = operands[0].type
    known = shape_of(base)[attrs["axis"]] if isinstance(base, Array) else shapes.fresh()
    return (Scalar("int64", True, known),)


def _length_text(op: Op) -> str:
    return (
        f"{{0}}.shape[{op.attrs['axis']}]"
        if op.attrs["axis"] or op.spelling == ".shape"
        else "len({0})"
    )


# `len(x)`, `x.shape[k]` as the user wrote them
axis_length = operation(
    "axis_length",
    template=_length_text,
    infer=_length_type,
    differentiable=False,
    cost="free",
    shape_of=(0,),
    evaluate=lambda operands, attrs: (
        len(operands[0]) if attrs["axis"] == 0 else operands[0].shape[attrs["axis"]]
    ),
    takes_complex=True,
)

# a length that a pass needs, as an expression in dimension symbols; it prints as the length of an array in scope
length = operation(
    "length",
    infer=lambda shapes, operands, attrs: (Scalar("int64", True, attrs["dim"]),),
    lengths_from=0,
    differentiable=False,
    cost="free",
    takes_complex=True,
)


def _number_of(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The number of elements; its expression is known if at most one length is not constant."""
    lengths = dims_of(attrs["type"])
    open_ones = [d for d in lengths if not d.is_const]
    if len(open_ones) > 1:
        return (Scalar("int64", True, shapes.fresh("i")),)
    times = math.prod(d.const for d in lengths if d.is_const)
    return (Scalar("int64", True, open_ones[0].scaled(times) if open_ones else Dim(times)),)


# the number of elements of arrays of a type; it prints as `x.size` of an array in scope, or as a product of lengths
element_count = operation(
    "element_count",
    infer=_number_of,
    lengths_from=0,
    differentiable=False,
    cost="free",
    takes_complex=True,
)


# ---- storage by type, for passes; `dimension materialisation` finds operands with its lengths ------------


def _zeros_like_text(op: Op) -> str:
    assert isinstance(op.attrs["type"], List)
    each = "{0} or ()" if op.attrs.get("unbound") else "{0}"
    return alike_list(op.attrs["type"], "np.zeros_like({})", "0.0").replace("{0}", each)


# zeros of an array type; zeros shaped like the elements of a list, which is the operand (`unbound`: its name may be
# unbound); storage without set elements; a value broadcast to a type, as a new array; in the loop form, a value that
# has the type or must be broadcast to it
zeros_of = operation(
    "zeros_of",
    infer=of_type,
    lengths_from=0,
    differentiable=False,
    element=element_maps.filled(0),
    takes_complex=True,
)
zeros_like_list = operation(
    "zeros_like_list",
    template=_zeros_like_text,
    infer=of_type,
    differentiable=False,
    shape_of=(0,),
    takes_complex=True,
)
empty_of = operation(
    "empty_of", infer=of_type, lengths_from=0, differentiable=False, takes_complex=True
)
expand = operation(
    "expand",
    infer=of_type,
    lengths_from=1,
    linear=True,
    place=element_maps.broadcasted,
    takes_complex=True,
)
stretch = operation(
    "stretch", infer=of_type, linear=True, place=element_maps.stretched, takes_complex=True
)


def _sum_if_one_text(op: Op) -> str:
    return f"np.sum({{0}}, axis={op.attrs['axis']}, keepdims=True) if {{1}} == 1 else {{0}}"


def _sum_if_one(operands: Sequence[Any], attrs: Attrs) -> Any:
    return (
        np.sum(operands[0], axis=attrs["axis"], keepdims=True) if operands[1] == 1 else operands[0]
    )


# sums along an axis if its length, operand 1, is 1: only at run time is it known whether the axis was broadcast
sum_if_one = operation(
    "sum_if_one",
    template=_sum_if_one_text,
    infer=of_type,
    linear=True,
    view_of=0,
    evaluate=_sum_if_one,
    loops=storage.summed_if_one,
    takes_complex=True,
)


# ---- forward values in the backward part, before their storage is decided ------------------------

# `save` pushes a value on the stack of `slot`, `restore` pops it; the pass `residuals` removes all of them
save = operation(
    "save",
    template="save({0})",
    infer=nothing,
    effect=True,
    differentiable=False,
    takes_complex=True,
)
restore = operation(
    "restore",
    infer=lambda shapes, operands, attrs: (attrs["type"],),
    effect=True,
    differentiable=False,
    cost="free",
    takes_complex=True,
)
