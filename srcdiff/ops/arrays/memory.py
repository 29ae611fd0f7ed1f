"""Loads and stores: reading and writing arrays, allocation, and the values that reverse mode saves.

An index is a *pattern*, the attribute `where` (see `ops/core/index_patterns.py`). With the empty pattern, `add_into`
prints `x += v`, and `store` prints `x[:] = v`. The attribute `distinct` states that index arrays contain no place
twice; `count` is the number of places that a mask selects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, List, Scalar, Type, dims_of, is_complex, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, known_dim
from srcdiff.ops.arrays.container_text import same_form_list
from srcdiff.ops.arrays.subscript_types import instantiate, subscript_shape, subscripted
from srcdiff.ops.core.bind import bind_allocation, bind_like, like_first, like_text
from srcdiff.ops.core.index_patterns import has_arrays, index_text, items
from srcdiff.ops.core.registry import OPERATIONS, operation
from srcdiff.ops.core.type_rules import TypeMistake, make, nothing, of_type, same_as_first
from srcdiff.ops.indices.masks import without_mask
from srcdiff.ops.loopforms import element_maps, storage, subscripts

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder


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


def _store_text(op: Op) -> str:
    return f"{subscripted(2)(op)} = {{1}}"


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


def subscript_key(where: str, operands: Sequence[object]) -> Any:
    """The index object for a pattern and the values of its operands."""
    return _key_maker(where, len(operands))(*operands)


@cache
def _key_maker(where: str, count: int) -> Callable[..., object]:
    names = [f"_{k}" for k in range(count)]
    text = index_text(where, 0).format(*names) or "..."
    make: Callable[..., Any] = eval(f"lambda {', '.join(names)}: _key[{text}]", {"_key": np.s_})
    return make


def _store_now(operands: Sequence[Any], attrs: Attrs) -> None:
    operands[0][subscript_key(attrs["where"], operands[2:])] = operands[1]


def _add_now(operands: Sequence[Any], attrs: Attrs) -> None:
    operands[0][subscript_key(attrs["where"], operands[2:])] += operands[1]


def _add_at_now(operands: Sequence[np.ndarray], attrs: Attrs) -> None:
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
    template=subscripted(1),
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
    template=subscripted(1),
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


def _allocation_text(name: str) -> Callable[[Op], str]:
    def text(op: Op) -> str:
        lengths = ", ".join(f"{{{i}}}" for i in range(len(op.operands)))
        shape = lengths if len(op.operands) == 1 else f"({lengths})"
        dtype = op.attrs.get("dtype") or "float64"
        return (
            f"np.{name}({shape})" if dtype == "float64" else f"np.{name}({shape}, dtype=np.{dtype})"
        )

    return text


_allocation: dict[str, Any] = {
    "infer": _allocated, "bind": bind_allocation, "differentiable": False, "signature": "*shape", "takes_complex": True,
}  # fmt: skip

# lengths are operands; `dtype` is an attribute
empty = operation("empty", np.empty, template=_allocation_text("empty"), **_allocation)
zeros = operation(
    "zeros", np.zeros, template=_allocation_text("zeros"), element=element_maps.filled(0), sign="zero", **_allocation,
)  # fmt: skip
ones = operation(
    "ones", np.ones, template=_allocation_text("ones"), element=element_maps.filled(1), sign="positive", **_allocation,
)  # fmt: skip

_like: dict[str, Any] = {
    "infer": like_first, "bind": bind_like("a"), "differentiable": False, "signature": "x", "shape_of": (0,),
    "boxes": True, "takes_complex": True,
}  # fmt: skip
empty_like = operation("empty_like", np.empty_like, template=like_text("empty_like"), **_like)
zeros_like = operation(
    "zeros_like", np.zeros_like, template=like_text("zeros_like"), element=element_maps.filled(0), sign="zero", **_like,
)  # fmt: skip
ones_like = operation(
    "ones_like", np.ones_like, template=like_text("ones_like"), element=element_maps.filled(1), **_like, sign="positive"
)  # fmt: skip


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
    return same_form_list(op.attrs["type"], "np.zeros_like({})", "0.0").replace("{0}", each)


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
