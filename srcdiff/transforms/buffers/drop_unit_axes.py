"""Unit-axis elimination: a private array that is accessed by element only loses its axes of length 1.

    %t: float64[1, n] = empty %one, %n                 %t: float64[n] = empty %n
    store[where='i, i'] %t, %a, 0, %i     becomes      store[where='i'] %t, %a, %i

`keepdims=True` leaves such axes for broadcasting. Loops over scalars do not need them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Dim
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import definitions
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.buffers.array_layout import own_arrays

T = TypeVar("T")


def single_axes(fn: Function) -> Function:
    """`fn` without the axes of length 1 of its private arrays; each array keeps at least one axis."""
    maker = definitions(fn)
    kept = {v: _longer(v) for v in own_arrays(fn, maker)}
    dropped: dict[Atom, tuple[int, ...]] = {
        v: axes for v, axes in kept.items() if len(axes) < _type(v).ndim
    }
    return _Without(dropped)(fn) if dropped else fn


def _type(array: Atom) -> Array:
    assert isinstance(array.type, Array)
    return array.type


def _longer(array: Value) -> tuple[int, ...]:
    shape = _type(array).shape
    return tuple(k for k, n in enumerate(shape) if n != Dim(1)) or (len(shape) - 1,)


class _Without(Rewriter):
    def __init__(self, kept: Mapping[Atom, tuple[int, ...]]) -> None:
        self.kept = kept

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        if not isinstance(old, Op) or not isinstance(new, Op):
            return new
        at = subscripts(old)
        if not at or old.operands[0] not in self.kept:
            return new
        left = _at(new.operands[-len(at) :], self.kept[old.operands[0]])
        where = ", ".join("i" for _ in left)
        operands = (*new.operands[: -len(at)], *left)
        return replace(new, operands=operands, attrs={**new.attrs, "where": where})

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and len(old.results) == 1 and old.result in self.kept):
            super().statement(old, env, b)
            return
        array, axes = old.result, self.kept[old.result]
        type_ = Array(_type(array).dtype, _at(_type(array).shape, axes))
        env[array] = made = replace(array, type=type_)
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        if "type" in new.attrs:
            b.append(replace(new, results=(made,), attrs={**new.attrs, "type": type_}))
        else:
            b.append(replace(new, results=(made,), operands=_at(new.operands, axes)))


def _at(items: Sequence[T], axes: Sequence[int]) -> tuple[T, ...]:
    return tuple(items[k] for k in axes)
