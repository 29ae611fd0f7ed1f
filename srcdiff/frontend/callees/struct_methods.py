"""Methods of dicts, named tuples and lists whose parts are known."""

from __future__ import annotations

from dataclasses import replace

import gast

from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.arrays.stores import writable, write_item
from srcdiff.frontend.containers.container_views import show
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Generated,
    Kwargs,
    Parts,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.iteration.iterables import iterable
from srcdiff.frontend.joins.phi import known_dict
from srcdiff.ir.types import Struct
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays.containers import get


def record_method(
    fr: Frame, node: gast.AST, receiver: Parts | Value, name: str, args: Args, kwargs: Kwargs
) -> FrontValue:
    """Methods of dicts and named tuples."""
    parts = receiver if isinstance(receiver, Parts) else _opened(fr, receiver, node)
    if parts.kind == "dict":
        if name in ("items", "keys", "values"):
            show(fr, node, [receiver], lambda: _view(fr.session.current(parts), name))
            return _view(parts, name)
        if name == "get" and is_static(args[0]):
            key = static(args[0])
            missing = args[1] if len(args) > 1 else const(None)
            return parts.values[parts.keys.index(key)] if key in parts.keys else missing
        if name == "get":
            need_static(fr, args[0], node)
        if name == "copy":
            return fr.session.new_cell(parts)
        if name == "setdefault" and args and is_static(args[0]):
            key = static(args[0])
            if key not in parts.keys:
                write_item(fr, receiver, args[0], args[1] if len(args) > 1 else const(None), node)
                return fr.session.current(args[1]) if len(args) > 1 else const(None)
            return parts.values[parts.keys.index(key)]
        if name == "update":
            return _update_dict(fr, node, receiver, args, kwargs)
        if name == "pop" and args and is_static(args[0]):
            return _taken_out(fr, node, receiver, static(args[0]), args[1:])
    if name == "_asdict" and parts.kind == "namedtuple":
        return fr.session.new_cell(Parts("dict", parts.keys, parts.values))
    if name == "_replace" or (name == "copy" and parts.kind == "list"):
        values = tuple(kwargs.get(k, v) for k, v in zip(parts.keys, parts.values, strict=True))
        return Parts(parts.kind, parts.keys, values, parts.cls)
    if parts.kind == "list" and name in ("append", "pop", "extend", "reverse", "insert"):
        return _change_list(fr, node, receiver, name, args)
    fr.untyped(
        node,
        f"the method `.{name}` of {describe(receiver)} is not known to srcdiff",
        "Write it as a function.",
    )


def _view(parts: FrontValue, name: str) -> FrontValue:
    assert isinstance(parts, Parts)
    if name == "values":
        return sequence(parts.values)
    keys = [const(k) for k in parts.keys]
    if name == "keys":
        return sequence(keys)
    return sequence([sequence(pair) for pair in zip(keys, parts.values, strict=True)])


def _update_dict(
    fr: Frame, node: gast.AST, receiver: Parts | Value, args: Args, kwargs: Kwargs
) -> FrontValue:
    pairs = dict(kwargs)
    if args:
        other = known_dict(fr, args[0], node)
        if other is None:
            fr.fail(node, "update() takes a dict of known keys", "Assign the keys one by one.")
        pairs = {**dict(zip(other.keys, other.values, strict=True)), **kwargs}
    for key, value in pairs.items():
        write_item(fr, receiver, const(key), value, node)
    return const(None)


def _taken_out(
    fr: Frame, node: gast.AST, receiver: Parts | Value, key: object, default: Args
) -> FrontValue:
    """`d.pop(key)`, `d.pop(key, default)`."""
    container = writable(fr, receiver, node)
    assert container is not None
    if key not in container.keys:
        if not default:
            fr.fail(node, f"the dict has no key {key!r}", "Use one of its keys, or pass a default.")
        return default[0]
    rest = {k: v for k, v in zip(container.keys, container.values, strict=True) if k != key}
    taken = container.values[container.keys.index(key)]
    fr.session.cells[container.cell] = replace(
        container, keys=tuple(rest), values=tuple(rest.values())
    )
    return taken


def _change_list(
    fr: Frame, node: gast.AST, receiver: Parts | Value, name: str, args: Args
) -> FrontValue:
    """Methods that change a list of known length."""
    container = writable(fr, receiver, node)
    assert container is not None
    if name != "reverse" and fr.session.is_from_before(container.cell):
        fr.session.grow_cell(container.cell)
    values = list(container.values)
    result: FrontValue = const(None)
    if name == "extend" and isinstance(args[0], Generated):  # which may read the list
        fr.append_each(node, receiver, args[0])
        return const(None)
    if name == "extend":
        more = iterable(fr, args[0], node)
        if not isinstance(more, Parts):
            fr.session.grow_cell(container.cell)
            fr.untyped(
                node,
                "extend() takes a container of known length here",
                "Append the items in a loop.",
            )
        values += more.values
    elif name == "reverse":
        values.reverse()
    elif name == "append":
        values.append(args[0])
    elif name == "pop":
        result = values.pop(int(static(args[0])) if args else -1)
    else:
        values.insert(int(static(args[0])), args[1])
    fr.session.cells[container.cell] = replace(
        container, keys=tuple(range(len(values))), values=tuple(values)
    )
    return result


def _opened(fr: Frame, receiver: Value, node: gast.AST) -> Parts:
    assert isinstance(receiver.type, Struct)
    type_ = receiver.type
    return Parts(
        type_.kind,
        type_.keys,
        tuple(fr.op(node, get, receiver, key=k) for k in type_.keys),
        type_.cls,
    )
