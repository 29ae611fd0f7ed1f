"""Parts of structured parameters: which value is which part, and which parts a function writes.

After `%u, %v = unpack %p`, the value `%u` is the part `(p, (0,))`, and `%v` is `(p, (1,))`.
"""

from __future__ import annotations

from collections.abc import Iterator

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.types import Array, Struct, Type, holds_arrays
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers

Keys = tuple[object, ...]  # the keys from the parameter to the part; none for the whole parameter
Part = tuple[Value, Keys]


def parts_taken(fn: Function) -> dict[Value, Part]:
    """The values that are taken out of parameters, each with its part."""
    out: dict[Value, Part] = {p: (p, ()) for p in fn.params if isinstance(p.type, Struct)}
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl in (containers.get, containers.unpack):
            base = s.operands[0]
            if isinstance(base, Value) and base in out and isinstance(base.type, Struct):
                root, path = out[base]
                keys = base.type.keys if s.decl is containers.unpack else (s.attrs["key"],)
                out.update((v, (root, (*path, k))) for v, k in zip(s.results, keys, strict=True))
    return {v: part for v, part in out.items() if part[1]}


def written_parts(fn: Function) -> tuple[tuple[str, Keys], ...]:
    """The arrays among the parameters, and their parts, that a function writes, in order: (parameter name, keys)."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    values: dict[Value, Part] = {p: (p, ()) for p in fn.params} | parts_taken(fn)
    found = {values[v] for v in values if isinstance(v.type, Array) and roots[v] & written}
    return tuple((p.name, keys) for p, keys in storage_parts(fn.params) if (p, keys) in found)


def storage_parts(params: tuple[Value, ...]) -> Iterator[Part]:
    """All arrays in the parameters, and the lists that hold arrays."""
    for p in params:
        yield from ((p, keys) for keys in _with_arrays(p.type, ()))


def _with_arrays(type_: Type, keys: Keys) -> Iterator[Keys]:
    if isinstance(type_, Struct):
        for key, part in zip(type_.keys, type_.parts, strict=True):
            yield from _with_arrays(part, (*keys, key))
    elif holds_arrays(type_):
        yield keys


def take(b: Builder, part: Part) -> Atom:
    """The value of a part; the operations that take it out of its parameter are appended."""
    value, keys = part
    out: Atom = value
    for key in keys:
        out = b.op(containers.get, out, key=key)
    return out
