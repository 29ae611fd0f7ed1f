"""Loop forms by element: an element of the result is an element of an operand, or is computed from such elements.

    place(n, op, at)     the indices into operand 0 of the result's element at the indices `at`
    element(n, op, at)   the element itself, built with `n.b` from `n.element(operand, indices)`
    loops(n, op)         statements that fill storage or find a number, and the value of the result; None if the
                         operation is better called as it is (see `ops/loopforms/storage.py`)

`n` is a `LoopContext`. An elementwise operation declares none of these: its loop form is the operation on elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Const, const
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.loopforms.context import At, LoopContext

ONE = Dim(1)


# ---- arithmetic of indices -------------------------------------------------------------------


def _is(atom: Atom, number: int) -> bool:
    return isinstance(atom, Const) and type(atom.value) is int and atom.value == number


def plus(n: LoopContext, a: Atom, c: Atom) -> Atom:
    if isinstance(a, Const) and isinstance(c, Const):
        return const(a.value + c.value)
    if _is(a, 0) or _is(c, 0):
        return c if _is(a, 0) else a
    if isinstance(c, Const) and c.value < 0:
        return n.compute("subtract", a, const(-c.value))
    if isinstance(a, Const):
        a, c = c, a
    return n.compute("add", a, c)


def minus(n: LoopContext, a: Atom, c: Atom) -> Atom:
    if isinstance(c, Const):
        return plus(n, a, const(-c.value))
    return n.compute("subtract", a, c)


def times(n: LoopContext, a: Atom, c: Atom) -> Atom:
    if isinstance(a, Const) and isinstance(c, Const):
        return const(a.value * c.value)
    if _is(a, 0) or _is(c, 0):
        return const(0)
    if _is(a, 1) or _is(c, 1):
        return c if _is(a, 1) else a
    return n.compute("multiply", a, c)


def align(shape: Sequence[Dim], at: At) -> tuple[Atom, ...]:
    """The indices of an operand with this shape, from the indices `at` of the broadcast shape."""
    own = at[len(at) - len(shape) :]
    return tuple(const(0) if d == ONE else i for d, i in zip(shape, own, strict=True))


# ---- places: the order of axes, lengths of 1 -------------------------------------------------


def permuted(axes: Any) -> Callable[..., object]:
    """The place of an element after a permutation: `axes(op)` gives the operand's axis for each axis of the result."""

    def place(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
        out: list[Atom] = [const(0)] * len(at)
        for k, axis in enumerate(axes(op)):
            out[axis] = at[k]
        return tuple(out)

    return place


def without_new(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`expand_dims`."""
    new = axes_of(len(at), op.attrs["axis"])
    return tuple(i for k, i in enumerate(at) if k not in new)


def with_dropped(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`squeeze`."""
    shape = shape_of(op.operands[0].type)
    axis = op.attrs.get("axis")
    removed = (
        [k for k, d in enumerate(shape) if d == ONE] if axis is None else axes_of(len(shape), axis)
    )
    rest = iter(at)
    return tuple(const(0) if k in removed else next(rest) for k in range(len(shape)))


def reversed_along(axes: Any) -> Callable[..., object]:
    """The place of an element after a reversal: `axes(op)` gives the reversed axes."""

    def place(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
        shape, reversed_axes = shape_of(op.operands[0].type), axes(op)
        last = {k: minus(n, n.length(shape[k]), const(1)) for k in reversed_axes}
        return tuple(minus(n, last[k], i) if k in reversed_axes else i for k, i in enumerate(at))

    return place


def broadcasted(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`broadcast_to`, and expansion to a type."""
    return align(shape_of(op.operands[0].type), at)


def stretched(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """An array whose axis has the full length, or has length 1 and is broadcast: this is known at run time only."""
    shape, whole = shape_of(op.operands[0].type), shape_of(op.result.type)
    out = []
    for d, length, i in zip(shape, whole[len(whole) - len(shape) :], align(shape, at), strict=True):
        if d not in (ONE, length):
            is_one = n.compute("equal", n.length(d), const(1))
            i = n.compute("choose", is_one, const(0), i)
        out.append(i)
    return tuple(out)


def same_place(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    return tuple(at)


def on_diagonal(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    k = op.attrs.get("k", op.attrs.get("offset", 0)) or 0
    (i,) = at
    return (plus(n, i, const(max(-k, 0))), plus(n, i, const(max(k, 0))))


def reshaped(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """Elements in C order: axes of length 1 are added and dropped, other axes by the element's linear index."""
    old, new = shape_of(op.operands[0].type), shape_of(op.result.type)
    kept = [i for i, d in zip(at, new, strict=True) if d != ONE]
    if [d for d in old if d != ONE] == [d for d in new if d != ONE]:
        rest = iter(kept)
        return tuple(const(0) if d == ONE else next(rest) for d in old)
    return place_of(n, old, count_of(n, new, at))


def count_of(n: LoopContext, shape: Sequence[Dim], at: At) -> Atom:
    """The linear index of an element in C order."""
    count: Atom = const(0)
    for i, d in zip(at, shape, strict=True):
        count = plus(n, times(n, count, n.length(d)), i)
    return count


def place_of(n: LoopContext, shape: Sequence[Dim], count: Atom) -> tuple[Atom, ...]:
    """The indices of the element with the linear index `count`."""
    out: list[Atom] = []
    for d in reversed(shape[1:]):
        out.append(n.compute("mod", count, n.length(d)) if d != ONE else const(0))
        count = n.compute("floor_divide", count, n.length(d)) if d != ONE else count
    return tuple(reversed([*out, count])) if shape else ()


def rolled(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`roll`: along axes, or over all elements in C order."""
    shape, axis = shape_of(op.operands[0].type), op.attrs.get("axis")
    shifts = _shifts(n, op, len(shape))
    if axis is None:
        count = minus(n, count_of(n, shape, at), shifts[0])
        total = n.length(shape[0])
        for d in shape[1:]:
            total = times(n, total, n.length(d))
        return place_of(n, shape, n.compute("mod", count, total))
    return tuple(
        n.compute("mod", minus(n, i, shifts[k]), n.length(shape[k])) if k in shifts else i
        for k, i in enumerate(at)
    )


def _shifts(n: LoopContext, op: Op, ndim: int) -> dict[int, Atom]:
    """The shift of `roll` along each axis, which may occur several times; without axes, 0 stands for all elements."""
    shift, axis = op.operands[1], op.attrs.get("axis")
    named = axis if isinstance(axis, tuple) else (0 if axis is None else axis,)
    given = [axes_of(ndim, k)[0] for k in named]
    own: list[Atom] = []
    if shape_of(shift.type):
        (d,) = shape_of(shift.type)
        own = [n.element(shift, (const(k),)) for k in range(d.const if d.is_const else len(given))]
    else:
        own = [n.number(shift)]
    found: dict[int, Atom] = {}
    for k in range(max(len(own), len(given))):
        along, step = given[k % len(given)], own[k % len(own)]
        found[along] = plus(n, found[along], step) if along in found else step
    return found


def tiled(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`tile`."""
    shape = shape_of(op.operands[0].type)
    new = shape_of(op.result.type)
    own = zip(at[len(at) - len(shape) :], shape, new[len(at) - len(shape) :], strict=True)
    return tuple(
        const(0) if d == ONE else i if d == long else n.compute("mod", i, n.length(d))
        for i, d, long in own
    )


def repeated(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`repeat`."""
    shape, axis = shape_of(op.operands[0].type), op.attrs.get("axis")
    times_ = n.number(op.operands[1])
    if axis is None:
        return place_of(n, shape, n.compute("floor_divide", at[0], times_))
    (along,) = axes_of(len(shape), axis)
    return tuple(
        n.compute("floor_divide", i, times_) if k == along else i for k, i in enumerate(at)
    )


# ---- elements --------------------------------------------------------------------------------


def filled(number: float) -> Callable[..., object]:
    """`zeros` and `ones`."""

    def element(n: LoopContext, op: Op, at: At) -> Atom:
        type_ = op.result.type
        assert isinstance(type_, Array)
        kind = {"f": float, "i": int, "u": int, "b": bool, "c": complex}
        return const(kind["f" if type_.dtype[0] == "f" else type_.dtype[0]](number))

    return element


def filled_with(position: int) -> Callable[..., object]:
    """`full`: the operand is a number, or an array that is broadcast."""

    def element(n: LoopContext, op: Op, at: At) -> Atom:
        value = op.operands[position]
        return n.element(value, align(shape_of(value.type), at))

    return element


def products(n: LoopContext, op: Op, at: At) -> Atom:
    """`outer`."""
    x, y = op.operands
    return n.compute("multiply", n.element(x, at[:1]), n.element(y, at[1:]))


def counted(n: LoopContext, op: Op, at: At) -> Atom:
    """`arange`."""
    numbers = [n.number(a) for a in op.operands]
    start: Atom = const(0) if len(numbers) == 1 else numbers[0]
    step: Atom = const(1)
    if len(numbers) == 3:
        step = numbers[2]
    (i,) = at
    type_ = op.result.type
    assert isinstance(type_, Array)
    if type_.dtype[0] == "f":
        i = n.compute("to_float", i)
        if isinstance(start, Const) and start.value == 0:
            return (
                i if isinstance(step, Const) and step.value == 1 else n.compute("multiply", i, step)
            )
        return n.compute("add", start, n.compute("multiply", i, step))
    return plus(n, start, times(n, step, i))


def spaced(n: LoopContext, op: Op, at: At) -> Atom:
    """`linspace`: the last element is the end itself."""
    start, stop, count = (n.number(a) for a in op.operands)
    (i,) = at
    last = minus(n, count, const(1))
    if _is(last, 0):
        return n.compute("to_float", start)
    parts = n.compute("maximum", last, const(1)) if not isinstance(last, Const) else last
    step = n.compute("divide", n.compute("subtract", stop, start), parts)
    inside = n.compute("add", start, n.compute("multiply", i, step))
    is_end = n.compute("and", n.compute("equal", i, last), n.compute("greater", last, const(0)))
    return n.compute("choose", is_end, stop, inside)


def on_diagonal_only(n: LoopContext, op: Op, at: At) -> Atom:
    """`eye`: 1 where column - row is `k`."""
    k = op.attrs.get("k", 0)
    type_ = op.result.type
    assert isinstance(type_, Array)
    one, zero = (const(True), const(False)) if type_.dtype == "bool" else (const(1.0), const(0.0))
    hit = n.compute("equal", plus(n, at[0], const(k)), at[1])
    return hit if type_.dtype == "bool" else n.compute("choose", hit, one, zero)


def triangle(comparison: str) -> Callable[..., object]:
    """`tril` and `triu`."""

    def element(n: LoopContext, op: Op, at: At) -> Atom:
        x = op.operands[0]
        place = at if len(shape_of(x.type)) == len(at) else at[1:]
        hit = n.compute(comparison, at[-1], plus(n, at[-2], const(op.attrs.get("k", 0))))
        return n.compute("choose", hit, n.element(x, place), const(0.0))

    return element


def diagonal_of(n: LoopContext, op: Op, at: At) -> Atom:
    """`diag` of a vector or a matrix."""
    x = op.operands[0]
    if len(at) == 1:
        return n.element(x, on_diagonal(n, op, at))
    k = op.attrs.get("k", 0)
    hit = n.compute("equal", plus(n, at[0], const(k)), at[1])
    inside = n.compute("choose", hit, minus(n, at[0], const(max(-k, 0))), const(0))
    return n.compute("choose", hit, n.element(x, (inside,)), const(0.0))
