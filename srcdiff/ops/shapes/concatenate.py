"""Concatenation of arrays: `concatenate`, `stack` and their variants. The adjoint of each part is a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import INT, Array, Dim, List, Type, is_float, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.arrays.containers import append, list_item, list_length, list_new
from srcdiff.ops.arrays.creation import list_of
from srcdiff.ops.arrays.subscript_types import instantiate
from srcdiff.ops.core.adjoint_builders import length_of, stands_for_all, whole
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.bind import Bound, known, refuse
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, numeric, promote
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.loopforms import storage


def _bind_parts(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    """One tuple or list of arrays (possibly a list that a loop appended to), and a static axis."""
    refuse(kwargs, "axis")
    parts = args[0]
    operands = tuple(parts) if isinstance(parts, tuple | list) else (parts,)
    axis = args[1] if len(args) > 1 else kwargs.get("axis")
    if axis is None:
        return operands, {}
    number = known(axis, "the axis along which arrays are joined")
    if not isinstance(number, int):
        raise TypeMistake("the axis along which arrays are joined must be an integer")
    return operands, {"axis": number}


def _parts_text(op: Op) -> str:
    axis = f", axis={op.attrs['axis']}" if op.attrs.get("axis", 0) else ""
    spelling = op.spelling or op.decl.spelling
    if _is_list(op.operands):
        return f"{spelling}({{0}}{axis})"
    return f"{spelling}([{', '.join(f'{{{k}}}' for k in range(len(op.operands)))}]{axis})"


def _is_list(operands: Sequence[Atom]) -> bool:
    return len(operands) == 1 and isinstance(operands[0].type, List)


# ---- along an existing axis ------------------------------------------------------------------


def joined_axis(name: str, ndim: int, attrs: Attrs) -> int:
    """The axis of the result along which parts with `ndim` axes follow each other."""
    if name == "hstack":
        return 0 if ndim <= 1 else 1
    if name in ("vstack", "column_stack"):
        return 0 if name == "vstack" else 1
    return axes_of(max(ndim, 1), attrs.get("axis", 0))[0]


def part_shape(name: str, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape of a part: a row for `vstack`, a column for `column_stack`, at least one axis for `hstack`."""
    if name == "vstack" and len(shape) <= 1:
        return (Dim(1), *shape) if shape else (Dim(1), Dim(1))
    if name == "column_stack" and len(shape) <= 1:
        return (*shape, Dim(1)) if shape else (Dim(1), Dim(1))
    return shape if shape or name == "concatenate" else (Dim(1),)


def _joined(name: str) -> TypeRule:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        if _is_list(operands):
            return (_joined_list(shapes, operands[0], name, attrs),)
        parts = [part_shape(name, shape_of(numeric(a))) for a in operands]
        if not parts or not parts[0] or len({len(p) for p in parts}) > 1:
            raise TypeMistake(
                "arrays that are joined must have the same number of axes, one at least"
            )
        axis = joined_axis(name, len(parts[0]), attrs)
        shape = list(parts[0])
        for part in parts[1:]:
            for k, d in enumerate(part):
                shape[k] = (
                    shape[k] + d if k == axis else shapes.must_equal(shape[k], d, "axes of lengths")
                )
        return (Array(array_dtype(operands), tuple(shape)),)

    return infer


def array_dtype(operands: Sequence[Atom]) -> str:
    """The dtype of the result. Python scalars count as arrays: they are not weak."""
    return (
        np.result_type(*(np.dtype(numeric(a).dtype) for a in operands)).name
        if operands
        else promote(operands)[0]
    )


def _joined_list(shapes: Shapes, operand: Atom, name: str, attrs: Attrs) -> Type:
    assert isinstance(operand.type, List)
    element = instantiate(shapes, operand.type)
    if not isinstance(element, Array):
        raise TypeMistake("a list of numbers is made an array by np.array")
    shape = list(part_shape(name, element.shape))
    shape[joined_axis(name, len(shape), attrs)] = shapes.fresh()
    return Array(element.dtype, tuple(shape))


def _slices(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    """The slice of each part begins at the sum of the lengths before it."""
    if _is_list(op.operands):
        return [_list_of_parts(b, op, whole(b, op, d_outs[0]))]
    if stands_for_all(op, d_outs[0]):
        return [d_outs[0] if is_float(a.type) else None for a in op.operands]
    name, d = op.decl.name, whole(b, op, d_outs[0])
    parts = [part_shape(name, shape_of(a.type)) for a in op.operands]
    axis = joined_axis(name, len(parts[0]), op.attrs)
    ends = [
        reduce(lambda x, y: x + y, (p[axis] for p in parts[: k + 1])) for k in range(len(parts))
    ]
    starts = [Dim(0), *ends[:-1]]
    return [
        _part(b, d, a, start, end, axis, first=k == 0, last=k == len(parts) - 1)
        if is_float(a.type)
        else None
        for k, (a, start, end) in enumerate(zip(op.operands, starts, ends, strict=True))
    ]


def _list_of_parts(b: Builder, op: Op, d: Atom) -> Atom:
    """The parts of an array that joins the equally shaped arrays of a list: the array is split by a reshape."""
    # delayed, because `shapes` exports this module's operations
    from srcdiff.ops.shapes.permutations import moveaxis
    from srcdiff.ops.shapes.reshapes import reshape

    name, type_ = op.decl.name, op.operands[0].type
    assert isinstance(type_, List) and isinstance(type_.element, Array)
    shape = type_.element.shape
    if len(shape) == 1 and name in ("vstack", "column_stack"):
        return list_of(b, d if name == "vstack" else b.op(moveaxis, d, source=1, destination=0))
    axis = joined_axis(name, len(shape), op.attrs)
    if any(s.endswith("*") for dim in shape for s in dim.symbols()):
        return _cut(b, op.operands[0], d, axis)
    lengths = [length_of(b, dim) for dim in shape]
    count = b.op(list_length, op.operands[0])
    parts = b.op(reshape, d, *lengths[:axis], count, *lengths[axis:])
    return list_of(b, b.op(moveaxis, parts, source=axis, destination=0) if axis else parts)


def _cut(b: Builder, xs: Atom, d: Atom, axis: int) -> Atom:
    """The parts of an array that joins the arrays of a list, whose lengths differ.

        parts, start = [], 0
        for x in xs:
            end = start + len(x)
            parts.append(d[start:end].copy())
            start = end

    Lengths and slices are those along `axis`.
    """
    assert isinstance(xs.type, List) and isinstance(d.type, Array)
    element = xs.type.element
    assert isinstance(element, Array)
    parts = b.op(list_new, element=element)
    stop = b.op(list_length, xs)
    k, start, inner = Value(INT, "k"), Value(INT, "start"), b.inner()
    length = inner.op(memory.axis_length, inner.op(list_item, xs, k), axis=axis)
    end = inner.op(arithmetic.add, start, length, name="end")
    where = ", ".join([*([":"] * axis), "b:e"])
    part = inner.op(memory.index, d, start, end, where=where)
    inner.ops(append, parts, inner.op(memory.copy, part))
    body = inner.region((k, start), (end,))
    ends = (Value(INT),)
    b.append(
        For(const(0), stop, const(1), (const(0),), body, ends, location=b.location, origin=b.origin)
    )
    return parts


def _part(
    b: Builder, d: Atom, operand: Atom, start: Dim, end: Dim, axis: int, *, first: bool, last: bool
) -> Atom:
    ahead = ", ".join([":"] * axis + [""])
    if ndim_of(operand.type) < ndim_of(d.type):  # a row, a column or a number
        place = b.op(memory.index, d, length_of(b, start), where=f"{ahead}i")
        return (
            b.op(memory.index, place, const(0), where="i")
            if ndim_of(place.type) > ndim_of(operand.type)
            else place
        )
    if first and last:
        return d
    bounds = [
        length_of(b, end) if kind == "e" else length_of(b, start)
        for kind in ("e" if first else "b" if last else "be")
    ]
    item = ":e" if first else "b:" if last else "b:e"
    part = b.op(memory.index, d, *bounds, where=f"{ahead}{item}")
    made = b.body[-1]
    assert isinstance(made, Op) and isinstance(part.type, Array)
    part = replace(part, type=replace(part.type, shape=shape_of(operand.type)))
    b.body[-1] = replace(made, results=(part,))  # the slice has the length of the part
    return part


def _join(name: str, function: object, samples: object, *others: object) -> OpDecl:
    return operation(
        name, function, *others, template=_parts_text, infer=_joined(name), bind=_bind_parts, build=_slices,
        linear=True, raises=True, sign="of operands",
        signature="*arrays", samples=samples, defaults={"axis": 0}, takes_complex=True,
        loops=storage.joined(
            lambda op, ndim: joined_axis(name, ndim, op.attrs), lambda shape: part_shape(name, shape)
        ),
    )  # fmt: skip


concatenate = _join(
    "concatenate", np.concatenate,
    (draw((2,), (3,), (1,)), draw((2, 3), (1, 3)), draw((2, 3), (2, 1), axis=1), draw((2, 3), (2, 2), axis=-1),
    draw((3,)), draw((0,), (2,))),
)  # fmt: skip
hstack = _join("hstack", np.hstack, (draw((2,), (3,)), draw((2, 3), (2, 1)), draw((), (2,))))
_stacked_rows = (draw((3,), (3,)), draw((2, 3), (3,)), draw((2, 3), (1, 3)))
vstack = _join("vstack", np.vstack, _stacked_rows, getattr(np, "row_stack", None))
column_stack = _join("column_stack", np.column_stack, (draw((3,), (3,)), draw((3, 2), (3,))))


# ---- along a new axis ------------------------------------------------------------------------


def _stacked(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if _is_list(operands):
        assert isinstance(operands[0].type, List)
        element = instantiate(shapes, operands[0].type)
        count, parts, dtype = shapes.fresh("m"), [shape_of(element)], numeric_dtype(element)
    else:
        count, parts, dtype = (
            Dim(len(operands)),
            [shape_of(numeric(a)) for a in operands],
            array_dtype(operands),
        )
    shape = list(parts[0])
    for part in parts[1:]:
        if len(part) != len(shape):
            raise TypeMistake("arrays that are stacked must have the same shape")
        shape = [
            shapes.must_equal(x, y, "axes of lengths") for x, y in zip(shape, part, strict=True)
        ]
    shape.insert(axes_of(len(shape) + 1, attrs.get("axis", 0))[0], count)
    return (Array(dtype, tuple(shape)),)


def numeric_dtype(type_: Type) -> str:
    dtype = getattr(type_, "dtype", None)
    if not isinstance(dtype, str):
        raise TypeMistake("a list of containers cannot be stacked")
    return dtype


def _unstack(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    # delayed, because `shapes` exports this module's operations
    from srcdiff.ops.shapes.permutations import moveaxis

    (axis,) = axes_of(ndim_of(op.result.type), op.attrs.get("axis", 0))
    if stands_for_all(op, d_outs[0]) and not _is_list(op.operands):
        return [d_outs[0] if is_float(a.type) else None for a in op.operands]
    d = whole(b, op, d_outs[0])
    if _is_list(op.operands):
        d = d if axis == 0 else b.op(moveaxis, d, source=axis, destination=0)
        return [list_of(b, d)]
    ahead = ", ".join([":"] * axis + ["i"])
    return [
        b.op(memory.index, d, const(k), where=ahead) if is_float(a.type) else None
        for k, a in enumerate(op.operands)
    ]


def new_axis(op: Op) -> int:
    """The axis of the result along which parts are stacked."""
    return axes_of(ndim_of(op.result.type), op.attrs.get("axis", 0))[0]


stack = operation(
    "stack", np.stack, template=_parts_text, infer=_stacked, bind=_bind_parts, build=_unstack, linear=True, raises=True,
    sign="of operands",
    signature="*arrays", defaults={"axis": 0}, loops=storage.stacked(new_axis),
    samples=(draw((3,), (3,)), draw((2, 3), (2, 3), axis=1), draw((3,), (3,), axis=-1), draw((), ())),
    takes_complex=True,
)  # fmt: skip
