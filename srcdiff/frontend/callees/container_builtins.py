"""Builtins that make and sort containers: `list`, `tuple`, `dict`, `sorted`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gast

from srcdiff.frontend.containers.lists import copied, known_list, marked, new_list
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Generated,
    Items,
    Kwargs,
    Parts,
    is_none,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.iteration.comprehensions import append_each
from srcdiff.frontend.iteration.iterables import iterable, passed, taken, unrolled
from srcdiff.frontend.iteration.prelude_calls import sorted_items
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.types import Array, List, Struct
from srcdiff.ir.values import Value, const
from srcdiff.ops.core.registry import OPERATIONS


def _container(kind: str) -> Callable[..., FrontValue]:
    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if not args:
            return known_list(fr, [], node) if kind == "list" else sequence([])
        items = passed(fr, args[0], node)
        known = items if isinstance(items, Parts) else None
        if known is None and isinstance(items, Items):
            if isinstance(args[0], Value):
                type_ = args[0].type
                if isinstance(type_, List):
                    return copied(fr, node, args[0], kind == "tuple")
                if kind == "list" and isinstance(type_, Array):
                    decl = OPERATIONS["elements" if type_.ndim == 1 else "rows"]
                    return fr.op(node, decl, args[0])
            known = unrolled(fr, items, node)
        if known is None and (kind == "list" or isinstance(items, Generated)):
            assert not isinstance(items, Parts)
            made = marked(fr, new_list(fr, [], node), kind == "tuple")
            append_each(fr, node, made, items)
            return made
        if known is None:
            fr.untyped(
                node,
                f"{kind}() of an unknown number of items is not supported",
                "Append the items to a list.",
            )
        return known_list(fr, known.values, node) if kind == "list" else sequence(known.values)

    return read


def _dict(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    pairs: dict[object, FrontValue] = {}
    if args and isinstance(args[0], Value) and isinstance(args[0].type, Struct):
        args = [unpack_struct(fr, args[0], node), *args[1:]]
    if args and isinstance(args[0], Parts) and args[0].kind == "dict":
        pairs.update(zip(args[0].keys, args[0].values, strict=True))
    elif args:
        items = iterable(fr, args[0], node)
        if not isinstance(items, Parts):
            fr.untyped(node, "dict() of an unknown number of items is not supported", "Use a list.")
        for pair in items.values:
            if not isinstance(pair, Parts) or not is_static(pair.values[0]):
                fr.untyped(
                    node, "dict() takes pairs whose keys are known when compiling", "Use a list."
                )
            pairs[static(pair.values[0])] = pair.values[1]
    pairs.update(kwargs)
    return fr.session.new_cell(Parts("dict", tuple(pairs), tuple(pairs.values())))


def _from_keys(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`dict.fromkeys(names, 0.0)`: one value for all of them."""
    keys = iterable(fr, args[0], node)
    if not isinstance(keys, Parts) or not all(map(is_static, keys.values)):
        fr.untyped(node, "dict.fromkeys() takes keys that are known when compiling", "Use a list.")
    named = dict.fromkeys(map(static, keys.values), args[1] if len(args) > 1 else const(None))
    return fr.session.new_cell(Parts("dict", tuple(named), tuple(named.values())))


def _by_first(items: Parts) -> list[FrontValue] | None:
    """Tuples in order, where their first parts are known when compiling, and all different."""
    rows = items.values
    firsts = [r.values[0] for r in rows if isinstance(r, Parts) and r.values]
    if not rows or len(firsts) < len(rows):
        return None
    if not _are_of_one_kind(firsts) or len(set(map(static, firsts))) < len(firsts):
        return None
    return _in_order(firsts, rows)


def _by_key(fr: Frame, node: gast.AST, items: Parts, kwargs: Kwargs) -> list[FrontValue] | None:
    """Tuples in the order of keys that are known when compiling, such as the names of a dict."""
    rows, falls = items.values, kwargs.get("reverse", const(False))
    if not rows or not all(isinstance(r, Parts) for r in rows) or not is_static(falls):
        return None
    keys = [fr.call(node, kwargs["key"], [r]) for r in rows]
    return _in_order(keys, rows, bool(static(falls))) if _are_of_one_kind(keys) else None


def _are_of_one_kind(keys: Sequence[FrontValue]) -> bool:
    kinds = {type(static(k)) if is_static(k) else None for k in keys}
    return kinds in ({str}, {int})


def _in_order(
    keys: Sequence[FrontValue], rows: Sequence[FrontValue], falls: bool = False
) -> list[FrontValue]:
    pairs = zip(map(static, keys), rows, strict=True)
    return [r for _, r in sorted(pairs, key=lambda pair: pair[0], reverse=falls)]


def _sorted(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`sorted` of what is known when compiling, such as the keys of a dict."""
    if isinstance(args[0], Generated):
        args = [taken(fr, args[0], node), *args[1:]]
    items = iterable(fr, args[0], node)
    if (
        not isinstance(items, Parts)
        or not is_static(items)
        or not all(map(is_static, kwargs.values()))
    ):
        by_name = None
        if isinstance(items, Parts) and {*kwargs} <= {"key", "reverse"}:
            has_key = "key" in kwargs and not is_none(kwargs["key"])
            by_name = _by_key(fr, node, items, kwargs) if has_key else None
            by_name = _by_first(items) if not kwargs else by_name
        if by_name is not None:
            return known_list(fr, by_name, node)
        return sorted_items(fr, node, args, kwargs)
    known = {k: static(v) for k, v in kwargs.items()}
    values = fr.evaluated(node, lambda: sorted(map(static, items.values), **known))
    return known_list(fr, [const(v) for v in values], node)


CONTAINER_BUILTINS: dict[object, Callable[..., FrontValue | None]] = {
    tuple: _container("tuple"),
    list: _container("list"),
    dict: _dict,
    dict.fromkeys: _from_keys,
    sorted: _sorted,
}
