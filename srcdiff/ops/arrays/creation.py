"""Creation of arrays: from numbers, from lists, filled arrays, ranges, identity matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import literal
from srcdiff.ir.types import Array, Dim, List, Scalar, Type, is_float, is_numeric, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.arrays.subscript_types import instantiate
from srcdiff.ops.core.adjoint_builders import stands_for_all, whole
from srcdiff.ops.core.bind import (
    Bound,
    bind_like,
    known,
    length_operands,
    like_first,
    like_text,
    refuse,
    static_dtype,
)
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import TypeMistake, UntypedMistake, make, numeric, promote
from srcdiff.ops.elementwise.conversions import astype
from srcdiff.ops.loopforms import element_maps, storage

# ---- from numbers and lists ------------------------------------------------------------------


def nested(value: Any) -> tuple[tuple[int, ...], list[Atom]]:
    """The lengths of nested tuples and lists, and their leaves in order."""
    if not isinstance(value, tuple | list):
        return (), [value]
    inner = [nested(part) for part in value]
    layouts = {layout for layout, _ in inner}
    if len(layouts) > 1:
        raise TypeMistake("the rows of an array must have the same length")
    layout = layouts.pop() if layouts else ()
    return (len(value), *layout), [a for _, atoms in inner for a in atoms]


def _bind_array(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    refuse(kwargs, "dtype", "object", "a", "copy")
    if getattr(kwargs.get("copy"), "value", True) is not True:
        raise TypeMistake("np.array makes a copy here; write np.asarray(x) for the array itself")
    layout, operands = nested(args[0] if args else kwargs.get("object", kwargs.get("a")))
    dtype = static_dtype(args[1] if len(args) > 1 else kwargs.get("dtype"))
    return operands, {"layout": layout} | ({} if dtype is None else {"dtype": dtype})


def _layout(op_attrs: Attrs, operands: tuple[Atom, ...] | Sequence[Atom]) -> tuple[int, ...]:
    """The lengths of the nested lists around the operands; the default is one row."""
    given = op_attrs.get("layout")
    return (len(operands),) if given is None else tuple(given)


def _made(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    layout = tuple(Dim(n) for n in _layout(attrs, operands))
    if len(operands) == 1 and isinstance(operands[0].type, List):
        element = instantiate(shapes, operands[0].type)
        if not is_numeric(element):
            raise UntypedMistake(
                "whether lists on a list are rows of one length, only the run knows",
                "Fill an array of zeros.",
            )
        assert isinstance(element, Scalar | Array)
        return (
            Array(
                attrs.get("dtype") or element.dtype,
                (*layout, shapes.fresh("m"), *shape_of(element)),
            ),
        )
    dtype = attrs.get("dtype") or _common_dtype(operands)
    inner = shape_of(operands[0].type) if operands else ()
    for a in operands[1:]:
        if len(shape_of(a.type)) != len(inner):
            raise TypeMistake("the rows of an array must have the same length")
        inner = tuple(
            shapes.must_equal(x, y, "rows of lengths")
            for x, y in zip(inner, shape_of(a.type), strict=True)
        )
    return (make(dtype, (*layout, *inner)),)


def _common_dtype(operands: Sequence[Atom]) -> str:
    """The common dtype of numbers inside brackets, where a Python number counts like a NumPy number."""
    if not operands:
        return "float64"
    return np.result_type(*(np.dtype(numeric(a).dtype) for a in operands)).name


def _array_text(op: Op) -> str:
    texts = iter([f"{{{k}}}" for k in range(len(op.operands))])

    def write(layout: tuple[int, ...]) -> str:
        if not layout:
            return next(texts)
        return f"[{', '.join(write(layout[1:]) for _ in range(layout[0]))}]"

    dtype = f", dtype={_dtype_text(op.attrs['dtype'])}" if op.attrs.get("dtype") else ""
    return f"{op.spelling or op.decl.spelling}({write(_layout(op.attrs, op.operands))}{dtype})"


def _dtype_text(dtype: str) -> str:
    return {"float64": "float", "int64": "int", "bool": "bool"}.get(dtype, f"np.{dtype}")


def _split(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    """The adjoint of each operand is its element of `d_out`."""
    layout = _layout(op.attrs, op.operands)
    if len(op.operands) == 1 and isinstance(op.operands[0].type, List):
        row = whole(b, op, d_outs[0])
        if layout:
            row = b.op(memory.index, row, *(const(0) for _ in layout), where=elements_of(layout))
        return [list_of(b, row)]
    if not layout or stands_for_all(op, d_outs[0]):
        return [d_outs[0] if is_float(a.type) else None for a in op.operands]
    d, where = whole(b, op, d_outs[0]), elements_of(layout)
    places = itertools.product(*map(range, layout))
    return [
        b.op(memory.index, d, *map(const, place), where=where) if is_float(a.type) else None
        for a, place in zip(op.operands, places, strict=True)
    ]


def _itself(b: Builder, op: Op) -> tuple[Atom] | None:
    """The array itself, or a cast to another dtype."""
    if len(op.operands) != 1 or op.attrs.get("layout") != ():
        return None
    x, type_ = op.operands[0], op.result.type
    if not isinstance(x.type, Array):
        return None
    assert isinstance(type_, Array)
    return (x if x.type.dtype == type_.dtype else b.op(astype, x, dtype=type_.dtype),)


def _copied(b: Builder, op: Op) -> tuple[Atom] | None:
    found = _itself(b, op)
    is_copy = found is not None and found[0] is op.operands[0]
    return (b.op(memory.copy, op.operands[0]),) if is_copy else found


_array: dict[str, Any] = {
    "loops": storage.made,
    "template": _array_text, "infer": _made, "bind": _bind_array, "build": _split, "linear": True,
    "sign": "of operands",
    "signature": "*parts", "defaults": {"layout": None, "dtype": None},
    "samples": (
        draw((), (), ()),
        draw((), ()),
        draw((), (), (), (), layout=(2, 2)),
        draw((3,), (3,), layout=(2,)),
        draw((2, 3), layout=()),
        fixed(1.5, 2, layout=(2,)),
    ),
}  # fmt: skip

# `layout`: the lengths of the nested lists around the operands; () for one array or list
array_of = operation(
    "array_of", np.array, boxes=True, simpler=_copied, **_array, takes_complex=True
)
asarray = operation(
    "asarray", np.asarray, np.asanyarray, view_of=0, boxes=True, simpler=_itself, **_array, takes_complex=True,
)  # fmt: skip
# a contiguous array is not copied
ascontiguousarray = operation(
    "ascontiguousarray", np.ascontiguousarray, view_of=0, read_only=True, boxes=True, simpler=_itself, **_array,
    takes_complex=True,
)  # fmt: skip


def _parts_of_array(is_numbers: bool) -> Any:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        base = operands[0].type
        if not isinstance(base, Array) or (base.ndim == 1) is not is_numbers:
            raise TypeMistake(f"{base} is no list of {'numbers' if is_numbers else 'rows'}")
        return (List(make(base.dtype, base.shape[1:])),)

    return infer


def _stack_back(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    return [b.op(array_of, d_outs[0], layout=())]


_listed: dict[str, Any] = {
    "template": "list({0})",
    "build": _stack_back,
    "linear": True,
    "signature": "x",
}

# a new list of the numbers in a vector, or of views of an array's rows
elements = operation(
    "elements", infer=_parts_of_array(True), samples=(draw((3,)),), **_listed, takes_complex=True
)
rows = operation(
    "rows",
    infer=_parts_of_array(False),
    holds=True,
    # Numba does not know that the rows which `list` takes from an array are contiguous
    routine=lambda op: "[{0}[item] for item in range(len({0}))]",
    samples=(draw((3, 2)),),
    **_listed,
    takes_complex=True,
)


def list_of(b: Builder, array: Atom) -> Value:
    """`list(array)`."""
    return b.op(elements if ndim_of(array.type) == 1 else rows, array)


# ---- filled ----------------------------------------------------------------------------------


def _bind_full(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    refuse(kwargs, "shape", "fill_value", "dtype")
    given = dict(zip(("shape", "fill_value", "dtype"), args, strict=False)) | dict(kwargs)
    dtype = static_dtype(given.get("dtype"))
    return (given["fill_value"], *length_operands(given["shape"])), (
        {} if dtype is None else {"dtype": dtype}
    )


def _filled(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    value = numeric(operands[0])
    assert not shape_of(value)  # np.full with arrays is np.broadcast_to
    return (
        make(
            attrs.get("dtype") or value.dtype,
            [known_dim(a) or shapes.fresh() for a in operands[1:]],
        ),
    )


def _full_text(op: Op) -> str:
    lengths = ", ".join(f"{{{k}}}" for k in range(1, len(op.operands)))
    dtype = f", dtype={_dtype_text(op.attrs['dtype'])}" if op.attrs.get("dtype") else ""
    return f"np.full({lengths if len(op.operands) == 2 else f'({lengths})'}, {{0}}{dtype})"


@declare(
    np.full, element=element_maps.filled_with(0), template=_full_text,
    infer=_filled, bind=_bind_full, linear=True, boxes=True, signature="value, *shape",
    samples=(fixed(1.5, 3), fixed(1.5, 2, 3), fixed(2.5, 0)), takes_complex=True,
)  # fmt: skip
def full(value, *shape, out, d_out):
    d_value = np.sum(d_out)


def _filled_like(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if ndim_of(operands[1].type):
        raise TypeMistake("np.full_like takes one number; use np.broadcast_to")
    return like_first(shapes, operands, attrs)


@declare(
    np.full_like,
    element=element_maps.filled_with(1),
    boxes=True,
    template=like_text("full_like", "{1}"),
    infer=_filled_like,
    bind=bind_like("a", "fill_value"),
    linear=True,
    shape_of=(0,),
    samples=(draw((3,), ()), draw((2, 3), ())),
    takes_complex=True,
)
def full_like(x, value, *, out, d_out):
    d_x = 0.0
    d_value = np.sum(d_out)


# ---- ranges and identities -------------------------------------------------------------------


def _ranged(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    exprs = [known_dim(a) for a in operands]
    if any(e is None for e in exprs):
        length = _count_of_floats(operands) or shapes.fresh()
        return (Array(attrs.get("dtype") or promote(operands)[0], (length,)),)
    start, stop, step = {1: (Dim(0), *exprs, Dim(1)), 2: (*exprs, Dim(1)), 3: tuple(exprs)}[
        len(exprs)
    ]
    assert start is not None
    assert stop is not None
    assert step is not None
    if step == Dim(1):
        length = (stop - start).clamped()
    elif start.is_const and stop.is_const and step.is_const and step.const:
        length = Dim(len(range(start.const, stop.const, step.const)))
    else:
        length = shapes.fresh()
    return (Array(attrs.get("dtype") or "int64", (length,)),)


def _count_of_floats(operands: Sequence[Atom]) -> Dim | None:
    """The length of a range whose bounds are constants in the program."""
    values: list[Any] = [getattr(a, "value", None) for a in operands]
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    start, stop, step = {1: (0.0, *values, 1.0), 2: (*values, 1.0), 3: tuple(values)}[len(values)]
    return Dim(max(0, math.ceil((stop - start) / step))) if step else None


def _arguments_text(op: Op) -> str:
    texts = [f"{{{k}}}" for k in range(len(op.operands))]
    given = [
        f"{k}={literal(v)}"
        for k, v in op.attrs.items()
        if k != "dtype" and v != op.decl.defaults.get(k)
    ]
    dtype = [f"dtype={_dtype_text(op.attrs['dtype'])}"] if op.attrs.get("dtype") else []
    return f"np.{op.decl.name}({', '.join(texts + given + dtype)})"


def _bind_arange(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    refuse(kwargs, "dtype")
    dtype = static_dtype(kwargs.get("dtype"))
    return tuple(args), ({} if dtype is None else {"dtype": dtype})


arange = operation(
    "arange",
    np.arange,
    element=element_maps.counted,
    template=_arguments_text,
    infer=_ranged,
    bind=_bind_arange,
    signature="*bounds",
)


def _spaced(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if any(ndim_of(a.type) for a in operands[:2]):
        raise TypeMistake(
            "np.linspace between arrays is not supported; write a + (b - a) * np.linspace(0.0, 1.0, n)"
        )
    dtype, _ = promote(operands[:2])
    return (
        Array(
            "float64" if dtype[0] in "biu" else dtype, (known_dim(operands[2]) or shapes.fresh(),)
        ),
    )


def _bind_linspace(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    refuse(kwargs, "start", "stop", "num")
    given = (
        {"num": const(50)} | dict(zip(("start", "stop", "num"), args, strict=False)) | dict(kwargs)
    )
    return (given["start"], given["stop"], given["num"]), {}


@declare(
    np.linspace, element=element_maps.spaced, template=_arguments_text, infer=_spaced, bind=_bind_linspace, linear=True,
    samples=(fixed(0.5, 2.5, 4, wrt=(0, 1)), fixed(0.5, -1.5, 2, wrt=(0, 1))), takes_complex=True,
)  # fmt: skip
def linspace(start, stop, num, *, out, d_out):
    d_start = np.sum(d_out * np.linspace(1.0, 0.0, num))
    d_stop = np.sum(d_out * np.linspace(0.0, 1.0, num))


def _identity(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    n = known_dim(operands[0]) or shapes.fresh()
    m = (known_dim(operands[1]) or shapes.fresh()) if len(operands) > 1 else n
    return (Array(attrs.get("dtype") or "float64", (n, m)),)


def _bind_eye(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    refuse(kwargs, "N", "M", "k", "dtype")
    given = dict(zip(("N", "M", "k", "dtype"), args, strict=False)) | dict(kwargs)
    if isinstance(getattr(given.get("M"), "value", None), type | str | np.dtype):
        given["dtype"] = given.pop("M")  # `np.identity(3, float)`
    sizes = [
        given[k] for k in ("N", "M") if k in given and getattr(given[k], "value", 0) is not None
    ]
    k = known(given.get("k"), "the offset k")
    dtype = static_dtype(given.get("dtype"))
    return tuple(sizes), ({"k": k} if k else {}) | ({} if dtype is None else {"dtype": dtype})


eye = operation(
    "eye", np.eye, np.identity, element=element_maps.on_diagonal_only,
    template=_arguments_text, infer=_identity, bind=_bind_eye, differentiable=False,
    signature="*lengths", defaults={"k": 0}, takes_complex=True,
)  # fmt: skip
