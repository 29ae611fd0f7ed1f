"""Layout of private arrays: the axis along which innermost loops run becomes the last axis.

    %t = empty %n, %m                                  %t = empty %m, %n
    for 0, %m { (%j) ->                                for 0, %m { (%j) ->
        for 0, %n { (%i) ->                becomes         for 0, %n { (%i) ->
            store[i, i] %t, %a, %i, %j } }                     store[i, i] %t, %a, %j, %i } }

Loops then read memory in order, which vector instructions need.

Unit-axis elimination: a private array that is accessed by element only loses its axes of length 1.

    %t: float64[1, n] = empty %one, %n                 %t: float64[n] = empty %n
    store[where='i, i'] %t, %a, 0, %i     becomes      store[where='i'] %t, %a, %i

`keepdims=True` leaves such axes for broadcasting. Loops over scalars do not need them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.types import Array, Dim, ndim_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import all_regions, definitions
from srcdiff.transforms.analysis.dependence.affine import affine, subscripts

_MADE = (memory.empty, memory.empty_of, memory.zeros, memory.zeros_of)
T = TypeVar("T")


def axis_order(fn: Function) -> Function:
    """`fn` with the axes of its private arrays in the order of its loops."""
    axes: dict[Atom, tuple[int, ...]] = {
        v: _with_last(array_type(v).ndim, axis) for v, axis in _axes(fn).items()
    }
    return WithAxes(axes)(fn) if axes else fn


def _with_last(ndim: int, axis: int) -> tuple[int, ...]:
    return (*range(axis), *range(axis + 1, ndim), axis)


def own_arrays(fn: Function, maker: Mapping[Atom, Op]) -> frozenset[Value]:
    """The arrays whose order of axes is not observable: the function makes them and accesses only their elements."""
    own = {op.result for op in maker.values() if op.decl in _MADE and _has_lengths(op)}
    for region in all_regions(fn.body):
        own -= {*region.yields}
        for s in region.body:
            own -= {*s.operands[1:]} if subscripts(s) else {*s.operands}
    return frozenset(own)


def _has_lengths(op: Op) -> bool:
    """Whether an allocation names its lengths one by one."""
    axes = ndim_of(op.result.type)
    return axes > 1 and ("type" in op.attrs or len(op.operands) == axes)


def _axes(fn: Function) -> dict[Value, int]:
    """The arrays whose last axis should be another axis, with that axis."""
    maker = definitions(fn)
    own = own_arrays(fn, maker)
    found: dict[Value, set[int]] = {v: set() for v in own}
    for loop in (s for s in walk(fn.body) if isinstance(s, For)):
        if not any(isinstance(s, For) for s in walk(loop.body)):
            for s in walk(loop.body):
                if s.operands and s.operands[0] in own:
                    found[s.operands[0]] |= _along(s, loop.index, maker)  # type: ignore[index]
    return {
        v: axes.pop()
        for v, axes in found.items()
        if len(axes) == 1 and array_type(v).ndim - 1 not in axes
    }


def _along(s: Statement, index: Value, maker: Mapping[Atom, Op]) -> set[int]:
    """The axes along which an access moves with a loop's index."""
    return {k for k, a in enumerate(subscripts(s)) if index in affine(a, maker).terms}


class WithAxes(Rewriter):
    """Gives arrays some of their axes, in another order: `axes` holds the numbers of the old axes."""

    def __init__(self, axes: Mapping[Atom, tuple[int, ...]]) -> None:
        self.axes = axes

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        if not isinstance(old, Op) or not isinstance(new, Op):
            return new
        at = subscripts(old)
        if not at or old.operands[0] not in self.axes:
            return new
        left = _at(new.operands[-len(at) :], self.axes[old.operands[0]])
        operands = (*new.operands[: -len(at)], *left)
        return replace(
            new, operands=operands, attrs={**new.attrs, "where": ", ".join("i" for _ in left)}
        )

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and len(old.results) == 1 and old.result in self.axes):
            super().statement(old, env, b)
            return
        array, axes = old.result, self.axes[old.result]
        old_type = array_type(array)
        env[array] = made = replace(array, type=Array(old_type.dtype, _at(old_type.shape, axes)))
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        if "type" in new.attrs:
            b.append(replace(new, results=(made,), attrs={**new.attrs, "type": made.type}))
        else:
            b.append(replace(new, results=(made,), operands=_at(new.operands, axes)))


def array_type(array: Value) -> Array:
    assert isinstance(array.type, Array)
    return array.type


def _at(items: Sequence[T], axes: Sequence[int]) -> tuple[T, ...]:
    return tuple(items[k] for k in axes)


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
