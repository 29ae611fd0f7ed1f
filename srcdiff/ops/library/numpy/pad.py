"""`np.pad` in all modes except those that call a user's function."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import along, array, broadcast_place, numbers


@composite(
    np.pad,
    samples=(
        call("np.pad(x, 2)", (3,)),
        call("np.pad(x, ((1, 0), (2, 1)))", (2, 3)),
        call("np.pad(x, (1, 2), constant_values=y)", (3,), ()),
        call("np.pad(x, 1, 'edge')", (2, 3)),
        call("np.pad(x, 2, mode='reflect')", (4,)),
        call("np.pad(x, (0, 2), mode='symmetric')", (3,)),
        call("np.pad(x, ((1, 2), (0, 3)), mode='wrap')", (2, 3)),
        call("np.pad(x, 2, constant_values=((y, 2.0), (-1.0, 0.5)))", (2, 3), ()),
        call("np.pad(x, (2, 3), mode='linear_ramp', end_values=(1.0, y))", (3,), ()),
        call("np.pad(x, 1, mode='mean')", (2, 3)),
        call("np.pad(x, (1, 2), mode='maximum', stat_length=2)", (3,)),
        call("np.pad(x, ((1, 2), (0, 1)), mode='minimum')", (2, 3)),
        call("np.pad(x, 1, mode='median', stat_length=(3, 1))", (2, 4)),
        call("np.pad(x, 2, mode='reflect', reflect_type='odd')", (2, 4)),
        call("np.pad(x, (5, 7), mode='symmetric', reflect_type='odd')", (3,)),
    ),
    takes_complex=True,
)
def pad(
    array,
    pad_width,
    mode="constant",
    constant_values=0,
    end_values=0,
    stat_length=None,
    reflect_type="even",
):
    widths = _widths(pad_width, array.ndim)
    for axis in numbers(array.ndim):
        before, after = widths[axis]
        if before == 0 and after == 0:
            continue
        if mode == "constant" and not isinstance(constant_values, tuple | list):
            array = _with_borders(array, axis, before, after, constant_values)
        elif mode == "constant":
            first, last = _pair_for(constant_values, axis, array.ndim)
            array = _between(
                array, axis, _lines(array, axis, before, first), _lines(array, axis, after, last)
            )
        elif mode == "linear_ramp":
            first, last = _pair_for(end_values, axis, array.ndim)
            front = _ramp(first, array[along(array.ndim, axis, slice(None, 1))], before, axis)
            back = _ramp(last, array[along(array.ndim, axis, slice(-1, None))], after, axis)
            array = _between(array, axis, front, np.flip(back, axis))
        elif mode in ("maximum", "minimum", "mean", "median"):
            ends = (None, None)
            if stat_length is not None:
                ends = _pair_for(stat_length, axis, array.ndim)
            front = _summary(array, axis, ends[0], True, mode)
            back = _summary(array, axis, ends[1], False, mode)
            array = _between(
                array, axis, np.repeat(front, before, axis), np.repeat(back, after, axis)
            )
        elif mode in ("reflect", "symmetric") and reflect_type == "odd":
            array = _odd_reflection(array, axis, before, after, mode)
        elif mode in ("edge", "reflect", "symmetric", "wrap"):
            place = _mirrored(
                np.arange(-before, array.shape[axis] + after), array.shape[axis], mode
            )
            array = array[along(array.ndim, axis, place)]
        else:
            refuse(f"np.pad takes no mode {mode!r} here", "Use np.concatenate.")
    return array


def _pair_for(values, axis, ndim):
    """The values before and after the array along an axis: one for all, a pair, or a pair for each axis."""
    if not isinstance(values, tuple | list):
        return values, values
    if not isinstance(values[0], tuple | list):
        return values[0], values[len(values) - 1]
    own = values[axis] if len(values) == ndim else values[0]
    return own[0], own[len(own) - 1]


def _lines(array, axis, count, value):
    shape = tuple(count if k == axis else array.shape[k] for k in numbers(array.ndim))
    return np.full(shape, value, dtype=array.dtype)


def _between(array, axis, front, back):
    return np.concatenate((front.astype(array.dtype), array, back.astype(array.dtype)), axis=axis)


def _ramp(end, edge, count, axis):
    """A linear ramp from `end` to the edge, without the edge itself."""
    share = np.arange(count)[broadcast_place(edge.ndim, axis)] / max(count, 1)
    found = end + (edge - end) * share
    return np.floor(found) if edge.dtype.kind in "iu" else found


def _summary(array, axis, count, is_front, mode):
    """The mean, median, maximum or minimum of the elements next to an end."""
    part = array
    if count is not None:
        own = slice(None, count) if is_front else slice(-count, None)
        part = array[along(array.ndim, axis, own)]
    if mode == "maximum":
        return np.max(part, axis=axis, keepdims=True)
    if mode == "minimum":
        return np.min(part, axis=axis, keepdims=True)
    if mode == "mean":
        found = np.mean(part, axis=axis, keepdims=True)
    else:
        found = np.median(part, axis=axis, keepdims=True)
    return np.rint(found) if array.dtype.kind in "iu" else found


def _with_borders(array, axis, before, after, value):
    shape = tuple(
        array.shape[k] + (before + after) if k == axis else array.shape[k]
        for k in numbers(array.ndim)
    )
    is_zero = isinstance(value, int) and value == 0
    padded = np.zeros(shape, array.dtype) if is_zero else np.full(shape, value, dtype=array.dtype)
    padded[along(array.ndim, axis, slice(before, before + array.shape[axis]))] = array
    return padded


def _odd_reflection(array, axis, before, after, mode):
    """Odd reflection at both ends: beyond the last element stands twice the last less the mirrored element."""
    n = array.shape[axis]
    place = np.arange(-before, n + after)
    period = max(n - 1, 1) if mode == "reflect" else n
    reflection = place // period
    back = reflection % 2 == 1
    rest = place - period * reflection
    inner = array[along(array.ndim, axis, np.where(back, n - 1 - rest, rest))]
    first = array[along(array.ndim, axis, slice(None, 1))]
    last = array[along(array.ndim, axis, slice(-1, None))]
    column = broadcast_place(array.ndim, axis)
    shift = (reflection - reflection % 2).astype(array.dtype)[column] * (last - first)
    return np.where(back[column], 2 * last - inner, inner) + shift


def _mirrored(place, n, mode):
    """The place of the element that stands at `place`, before or after an array of `n` elements."""
    if mode == "edge":
        return np.clip(place, 0, n - 1)
    if mode == "wrap":
        return place % n
    if mode == "reflect":
        period = max(2 * n - 2, 1)
        place = place % period
        return np.minimum(place, period - place)
    place = place % (2 * n)
    return np.minimum(place, 2 * n - 1 - place)


@evaluated
def _widths(pad_width: object, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        found = [pad_width.get(k, pad_width.get(k - ndim, 0)) for k in range(ndim)]
        pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in found]  # type: ignore[arg-type]
    else:
        pairs = np.broadcast_to(array(pad_width), (ndim, 2)).tolist()
    return tuple((int(a), int(b)) for a, b in pairs)
