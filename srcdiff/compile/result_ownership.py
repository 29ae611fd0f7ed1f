"""Ownership of results: a result that is a global array is copied, and writes into global arrays are refused."""

from __future__ import annotations

from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import Roots, storage_roots, written_roots
from srcdiff.ir.build import Builder, map_statements, ops_of
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.memory import copy
from srcdiff.ops.control.control import constant_array, stop_gradient
from srcdiff.transforms.analysis.defuse import forward_operands
from srcdiff.transforms.passes import each_function


def without_stops(fn: Function) -> Function:
    """`stop_gradient(x)` as plain `x`, where neither is written or a result, so that values do not change."""
    stops = [s for s in ops_of(fn) if s.decl is stop_gradient]
    if not stops:
        return fn
    roots, written = storage_roots(fn), written_roots(fn)
    results = {v for y in fn.body.yields if isinstance(y, Value) for v in roots.get(y, frozenset())}
    shared = written | results
    kept = {s.results[0] for s in stops if not shared.isdisjoint(_roots(s, roots))}
    return forward_operands(fn, lambda op: op.decl is stop_gradient and op.results[0] not in kept)


def _roots(op: Op, roots: Roots) -> frozenset[Value]:
    """The storage of an operation's operands and results."""
    values = [v for v in (*op.operands, *op.results) if isinstance(v, Value)]
    return frozenset().union(*(roots.get(v, frozenset()) for v in values))


def own_outside(fn: Function) -> Function:
    """Copy results that are global arrays: results belong to the caller."""
    arrays = {s.results[0] for s in ops_of(fn) if s.decl is constant_array}
    if not arrays:
        return fn
    roots = storage_roots(fn)
    b = Builder(origin="adjoint", location=fn.location)
    yields = [_own(y, roots, arrays, b) for y in fn.body.yields]
    return fn.with_body(Region(fn.params, (*fn.body.body, *b.body), tuple(yields)))


def _own(y: Atom, roots: Roots, arrays: set[Value], b: Builder) -> Atom:
    if isinstance(y, Value) and isinstance(y.type, Array) and arrays & roots.get(y, frozenset()):
        return b.op(copy, y, name=y.name)
    return y


def refuse_writes_outside(fn: Function) -> None:
    written = written_roots(fn)
    for s in ops_of(fn):
        if s.decl is constant_array and s.results[0] in written:
            raise UnsupportedError(
                f"{fn.label} writes into `{s.attrs['name']}`, an array from outside",
                "Pass the array as an argument, or write into a copy of it.",
                s.location or fn.location,
            )


def as_user(fn: Function) -> Function:
    """A generated function with the origin `user` for all statements, as if it had been written."""
    return each_function(fn, lambda f: map_statements(f, _as_user))


def _as_user(s: Statement) -> Statement:
    new = replace(s, origin="user")
    if isinstance(new, Op) and new.decl is copy and not new.spelling:
        new = replace(new, spelling=".copy")  # as it is printed: `np.copy` has another order
    return new
