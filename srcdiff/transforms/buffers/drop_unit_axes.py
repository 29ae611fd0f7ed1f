"""Unit-axis elimination: a private array that is accessed by element only loses its axes of length 1.

    %t: float64[1, n] = empty %one, %n                 %t: float64[n] = empty %n
    store[where='i, i'] %t, %a, 0, %i     becomes      store[where='i'] %t, %a, %i

`keepdims=True` leaves such axes for broadcasting. Loops over scalars do not need them.
"""

from __future__ import annotations

from srcdiff.ir.core import Function
from srcdiff.ir.types import Dim
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import definitions
from srcdiff.transforms.buffers.array_layout import WithAxes, array_type, own_arrays


def single_axes(fn: Function) -> Function:
    """`fn` without the axes of length 1 of its private arrays; each array keeps at least one axis."""
    maker = definitions(fn)
    kept = {v: _longer(v) for v in own_arrays(fn, maker)}
    dropped: dict[Atom, tuple[int, ...]] = {
        v: axes for v, axes in kept.items() if len(axes) < array_type(v).ndim
    }
    return WithAxes(dropped)(fn) if dropped else fn


def _longer(array: Value) -> tuple[int, ...]:
    shape = array_type(array).shape
    return tuple(k for k, n in enumerate(shape) if n != Dim(1)) or (len(shape) - 1,)
