"""Types of subscripts: the shape of `x[...]`, the length of a slice, and the type of an element of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Dim, List, Type, dims_of, map_dims, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, known_dim
from srcdiff.ops.core.index_patterns import (
    arrays_in_front,
    axes_taken,
    has_arrays,
    index_text,
    is_mask,
    operands_in,
    with_rest,
)
from srcdiff.ops.core.type_rules import TypeMistake


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


def instantiate(shapes: Shapes, base: List) -> Type:
    """The type of one element of a list. Lengths that differ between elements (`n*`) get symbols of their own."""
    own: dict[str, Dim] = {}
    for dim in dims_of(base.element):
        for symbol in sorted(dim.symbols()):
            if symbol.endswith("*") and symbol not in own:
                own[symbol] = shapes.fresh(symbol.rstrip("0123456789*") or "k")
    return map_dims(base.element, lambda d: d.substitute(own))


def subscripted(first: int) -> Callable[[Op], str]:
    def text(op: Op) -> str:
        whole = ":" if ndim_of(op.operands[0].type) else "..."
        return f"{{0}}[{index_text(op.attrs['where'], first) or whole}]"

    return text
