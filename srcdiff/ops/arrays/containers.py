"""Containers: structs, whose parts are known, and lists, whose elements have one type and whose length grows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.structs import build_struct
from srcdiff.ir.types import Array, Dim, List, Scalar, Struct, Type, is_float, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, Value, const
from srcdiff.ops.arrays.container_text import same_form_list, struct_text
from srcdiff.ops.arrays.memory import index
from srcdiff.ops.arrays.subscript_types import instantiate
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import TypeMistake, make, nothing, same_as_first

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder


# ---- structs ---------------------------------------------------------------------------------


def _packed(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    parts = tuple(a.type for a in operands)
    return (Struct(attrs["kind"], attrs["keys"], parts, attrs.get("cls")),)


def _pack_text(op: Op) -> str:
    texts = [f"{{{i}}}" for i in range(len(op.operands))]
    return struct_text(op.attrs["kind"], op.attrs["keys"], texts, op.attrs.get("cls"))


def _part(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = operands[0].type
    if not isinstance(base, Struct) or attrs["key"] not in base.keys:
        raise TypeMistake(f"no part {attrs['key']!r} in {base}")
    return (base.parts[base.keys.index(attrs["key"])],)


def _get_text(op: Op) -> str:
    base = op.operands[0].type
    assert isinstance(base, Struct)
    return (
        f"{{0}}.{op.attrs['key']}"
        if base.kind in ("namedtuple", "dataclass")
        else f"{{0}}[{op.attrs['key']!r}]"
    )


def _get_now(operands: Sequence[Any], attrs: Attrs) -> object:
    key = attrs["key"]
    is_field = isinstance(key, str) and not isinstance(operands[0], dict)
    return getattr(operands[0], key) if is_field else operands[0][key]


pack = operation(
    "pack",
    sign="of operands",
    template=_pack_text,
    infer=_packed,
    linear=True,
    cost="free",
    holds=True,
    evaluate=lambda operands, attrs: build_struct(
        attrs["kind"], attrs["keys"], operands, attrs.get("cls")
    ),
    takes_complex=True,
)
# a part may share storage with the container
get = operation(
    "get",
    sign="of operands",
    template=_get_text,
    infer=_part,
    view_of=0,
    linear=True,
    cost="free",
    evaluate=_get_now,
    takes_complex=True,
)


def _unpacked(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The types of all parts of a struct, or of the `count` items of an array or list."""
    base = operands[0].type
    if isinstance(base, Struct):
        return base.parts
    if isinstance(base, Array):
        item = make(base.dtype, base.shape[1:])
        return (item,) * int(attrs["count"])
    if isinstance(base, List):
        return tuple(instantiate(shapes, base) for _ in range(attrs["count"]))
    raise TypeMistake(f"{base} cannot be unpacked")


def _numbers(b: Builder, op: Op) -> list[Value] | None:
    """The elements of a vector of known length, one by one."""
    base = op.operands[0]
    if not is_float(base.type) or shape_of(base.type) != (Dim(op.attrs["count"]),):
        return None
    return [
        b.op(index, base, const(k), where="i", name=r.name, user=r.user)
        for k, r in enumerate(op.results)
    ]


# `a, b = x`
unpack = operation(
    "unpack",
    simpler=_numbers,
    template="{0}",
    infer=_unpacked,
    view_of=0,
    linear=True,
    cost="free",
    raises=True,
    takes_complex=True,
)


# ---- lists -------------------------------------------------------------------------------------


def _new_list(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (List(attrs["element"]),)


def _item(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = operands[0].type
    assert isinstance(base, List)
    return (instantiate(shapes, base),)


def _empty_text(element: Type) -> str:
    """An empty list of which Numba infers the type."""
    return f"[{_example_text(element)} for _ in range(0)]"


def _example_text(type_: Type) -> str:
    """A value of a type."""
    match type_:
        case Scalar():
            zero = repr(np.zeros((), type_.dtype).item())
            return f"np.{type_.dtype}({zero})" if type_.dtype == "float32" else zero
        case Array():
            shape = "0" if type_.ndim == 1 else f"({', '.join('0' * type_.ndim)})"
            dtype = "" if type_.dtype == "float64" else f", dtype=np.{np.dtype(type_.dtype).name}"
            return f"np.empty({shape}{dtype})"
        case Struct():
            return f"({''.join(f'{_example_text(part)}, ' for part in type_.parts)})"
        case List():
            return _empty_text(type_.element)
    raise AssertionError(f"{type_} is on no list")


def _list_text(op: Op) -> str:
    element = op.attrs["element"]
    if op.attrs.get("typed"):
        return _empty_text(element)
    numbers = set(op.operands)
    if len(op.operands) > 4 and len(numbers) == 1 and isinstance(op.operands[0], Const):
        return f"[{{0}}] * {len(op.operands)}"
    return f"[{', '.join(f'{{{i}}}' for i in range(len(op.operands)))}]"


def _copied_items(op: Op) -> str:
    assert isinstance(op.result.type, List)
    return same_form_list(op.result.type, "{}.copy()", "{}")


def _copy_items(operands: Sequence[object], attrs: Attrs) -> object:
    return copy.deepcopy(operands[0])


# `element` is the element type; operands are the first elements
list_new = operation(
    "list_new",
    sign="of operands",
    template=_list_text,
    infer=_new_list,
    linear=True,
    holds=True,
    evaluate=lambda operands, attrs: list(operands),
    takes_complex=True,
)
_written: dict[str, Any] = {"writes": (0,), "cost": "free", "takes_complex": True}
append = operation("append", template="{0}.append({1})", infer=nothing, holds=True, **_written)
list_pop = operation(
    "list_pop", template="{0}.pop()", infer=_item, raises=True, sign="of operands", **_written
)
list_item = operation(
    "list_item",
    sign="of operands",
    template="{0}[{1}]",
    infer=_item,
    view_of=0,
    linear=True,
    cost="free",
    raises=True,
    takes_complex=True,
)
list_set = operation(
    "list_set", template="{0}[{1}] = {2}", infer=nothing, raises=True, holds=True, **_written
)
list_add = operation("list_add", template="{0}[{1}] += {2}", infer=nothing, raises=True, **_written)
list_reverse = operation("list_reverse", template="{0}.reverse()", infer=nothing, **_written)
list_copy = operation(
    "list_copy",
    template="list({0})",
    infer=same_as_first,
    linear=True,
    sign="of operands",
    takes_complex=True,
)
# a list of copies: no other variable refers to its elements
list_copy_items = operation(
    "list_copy_items",
    template=_copied_items,
    infer=same_as_first,
    linear=True,
    evaluate=_copy_items,
    takes_complex=True,
)
list_length = operation(
    "list_length",
    sign="at least 0",
    template="len({0})",
    infer=lambda shapes, operands, attrs: (Scalar("int64", True, shapes.fresh("m")),),
    differentiable=False,
    cost="free",
    shape_of=(0,),
    takes_complex=True,
)
