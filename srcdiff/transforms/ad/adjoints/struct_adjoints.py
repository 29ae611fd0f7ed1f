"""Adjoints of containers: addition and zeros, part by part."""

from __future__ import annotations

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For
from srcdiff.ir.types import INT, Array, List, Scalar, Static, Struct, Type
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import adjoint_type


def add_to_element(b: Builder, d_list: Atom, at: Atom, amount: Atom, element: Type) -> None:
    """`d_xs[t] += amount`, part by part if the items are containers."""
    if isinstance(element, Struct):
        before = b.op(containers.list_item, d_list, at)
        b.ops(containers.list_set, d_list, at, _add_parts(b, before, amount, element))
    elif isinstance(element, Array):
        b.ops(memory.add_into, b.op(containers.list_item, d_list, at), amount, where="")
    elif isinstance(element, List):
        add_lists(b, b.op(containers.list_item, d_list, at), amount, element.element)
    else:
        b.ops(containers.list_add, d_list, at, amount)


def add_lists(b: Builder, d_list: Atom, amount: Atom, element: Type) -> None:
    """Add a list to an adjoint list of the same length, item by item."""
    stop = b.op(containers.list_length, amount)
    index, inner = Value(INT, "i"), b.inner()
    item = inner.op(containers.list_item, amount, index)
    add_to_element(inner, d_list, index, item, element)
    body = inner.region((index,), ())
    b.append(For(const(0), stop, const(1), (), body, (), location=b.location, origin="adjoint"))


def _add_parts(b: Builder, left: Atom, right: Atom, type_: Struct) -> Atom:
    sums: list[Atom] = []
    for key, part in zip(type_.keys, type_.parts, strict=True):
        p, q = (b.op(containers.get, a, key=key) for a in (left, right))
        if isinstance(part, Struct):
            sums.append(_add_parts(b, p, q, part))
        else:  # a string has no adjoint
            sums.append(p if isinstance(part, Static) else b.op(arithmetic.add, p, q))
    return b.op(containers.pack, *sums, kind=type_.kind, keys=type_.keys, cls=type_.cls)


def zeros_for(b: Builder, d: Atom, type_: Type) -> Atom:
    if isinstance(type_, Struct):
        parts = [
            zeros_for(b, b.op(containers.get, d, key=k), t)
            for k, t in zip(type_.keys, type_.parts, strict=True)
        ]
        return b.op(containers.pack, *parts, kind=type_.kind, keys=type_.keys, cls=type_.cls)
    if isinstance(type_, List):
        return b.op(memory.zeros_like_list, d, type=adjoint_type(type_))
    if isinstance(type_, Array):
        return b.op(memory.zeros_like, d)
    return const(0.0) if isinstance(type_, Scalar) else const(None)
