"""Program facts: the properties of a function that calls of its generated program check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import Any

from srcdiff.compile.arguments.signature import Arguments
from srcdiff.frontend.source.external_dependencies import Watched, snapshot
from srcdiff.frontend.source.wrappers import itself
from srcdiff.ir.build import ops_of
from srcdiff.ir.core import Function
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Scalar
from srcdiff.ops.control.control import constant_array
from srcdiff.transforms.analysis.struct_params import written_parts
from srcdiff.transforms.prepare.reshape_copies import needs_contiguous


def with_program_facts(fn: Function, arguments: Arguments, base: Any) -> Function:
    """A traced function with its program facts; `base` is the Python function, if it is watched."""
    written = (*written_parts(fn), *_changed_numbers(fn))
    source = replace(
        fn.source,
        watched={} if base is None else _watched(base, fn),
        written=written,
        contiguous=needs_contiguous(fn),
        outside_arrays=_arrays_outside(fn) if written else {},
        numbers=_numbers(fn),
    )
    lengths = replace(fn.lengths, nonnegative=_nonnegative(fn, arguments))
    return replace(fn, source=source, lengths=lengths)


def _changed_numbers(fn: Function) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Which parameters, and parts of them, are changed in place where they are arrays without axes."""
    return ((fn.params[root[0]].name, root[1:]) for root in fn.source.zero_dim.changed)


def _numbers(fn: Function) -> tuple[tuple[str, tuple[Any, ...], Location | None], ...]:
    """Which parameters, and parts of them, may not be arrays without axes, and where they would be changed."""
    refused = fn.source.zero_dim.refused
    return tuple((fn.params[root[0]].name, root[1:], where) for root, where in refused.items())


def _nonnegative(fn: Function, arguments: Arguments) -> tuple[str, ...]:
    """The integers among the parameters that are not negative, by their symbols: a call with a negative one needs
    another program.
    """
    symbols = [p.type.expr.symbol for p in fn.params if isinstance(p.type, Scalar) and p.type.expr]
    return tuple(s for s in symbols if s is not None and arguments.lengths.get(s, -1) >= 0)


def _watched(base: Any, fn: Function) -> dict[str, Watched]:
    """The values that a function and its callees found outside."""
    found: dict[str, Watched] = {}
    for f in callees_first(fn):
        found |= f.source.watched
    bound: dict[str, Any] = {}
    while isinstance(base, MethodType | partial):
        if isinstance(base, partial):
            bound |= {f"{len(bound)} {k}": value for k, value in enumerate(base.args)}
            base = base.func
        else:
            bound["self"], base = base.__self__, base.__func__
    return found | {k: Watched(partial(itself, v), snapshot(v)) for k, v in bound.items()}


def _arrays_outside(fn: Function) -> dict[str, Any]:
    """The arrays that a function, and what it calls, finds outside."""
    found: dict[str, Any] = {}
    for f in callees_first(fn):
        found |= {s.attrs["name"]: s.attrs["value"] for s in ops_of(f) if s.decl is constant_array}
        found |= f.source.zero_dim.outside
    return found
