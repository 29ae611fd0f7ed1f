"""Displays of containers: tuples, lists, dicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gast

from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.callees.list_methods import METHODS
from srcdiff.frontend.containers.lists import known_list, marked, new_list
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.values import FrontValue, Items, Parts, is_static, sequence, static
from srcdiff.frontend.iteration.iterables import iterable, taken, unrolled
from srcdiff.frontend.joins.phi import known_dict
from srcdiff.ir.types import List
from srcdiff.ir.values import Value


def _elements(fr: Frame, node: gast.AST) -> list[FrontValue] | Value:
    """The items of a tuple or list, or a list of unknown length (a tuple of such is one that nobody changes)."""
    out: list[FrontValue] = []
    for k, item in enumerate(node.elts):
        if not isinstance(item, gast.Starred):
            out.append(fr.value_or_none(item))
            continue
        item.value.at_once = True
        value = taken(fr, fr.expr(item.value), item)
        parts = iterable(fr, value, item)
        if isinstance(value, Value) and isinstance(value.type, List):
            return _grown(fr, node, out, parts, node.elts[k + 1 :])
        known = unrolled(fr, parts, item) if isinstance(parts, Items) else parts
        if known is None:
            fr.untyped(
                item,
                "`*` in a tuple or list takes a container of known length",
                "Use np.concatenate.",
            )
        out += known.values
    return out


def _grown(
    fr: Frame, node: gast.AST, first: list[FrontValue], items: Items | Parts, rest: Sequence[object]
) -> Value:
    """A list of what comes first, of items whose number only the run knows, and of the rest."""
    made = marked(fr, new_list(fr, first, node), isinstance(node, gast.Tuple))
    fr.append_each(node, made, items)
    for item in rest:
        if isinstance(item, gast.Starred):
            value = taken(fr, fr.expr(item.value), item)
            fr.append_each(node, made, iterable(fr, value, item))
        else:
            METHODS["append"](fr, node, made, [fr.expr(item)])
    return made


@reads(gast.Tuple)
def _tuple(fr: Frame, node: gast.AST) -> FrontValue:
    items = _elements(fr, node)
    return items if isinstance(items, Value) else sequence(items)


@reads(gast.List)
def _list(fr: Frame, node: gast.AST) -> FrontValue:
    items = _elements(fr, node)
    return items if isinstance(items, Value) else known_list(fr, items, node)


@reads(gast.Dict)
def _dict(fr: Frame, node: gast.AST) -> FrontValue:
    found: dict[Any, FrontValue] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner = known_dict(fr, fr.expr(value), value)
            if inner is None:
                fr.fail(value, "`**` takes a dict of known keys", "List the keys one by one.")
            found.update(zip(inner.keys, inner.values, strict=True))
            continue
        name = fr.expr(key)
        if not is_static(name):
            need_static(fr, name, key)
        found[static(name)] = fr.value_or_none(value)
    return fr.session.new_cell(Parts("dict", tuple(found), tuple(found.values())))


def growing(fr: Frame, name: str, value: FrontValue, node: gast.AST) -> FrontValue:
    """A list that its function grows or writes becomes a list of the IR when it gets its name; one that has another
    name already stays what that name stands for.
    """
    if not isinstance(value, Parts) or value.kind != "list" or name not in fr.source.flow.mutated:
        return value
    if (
        "unroll" in fr.session.hints
    ):  # in loops that are unrolled: `grow` reports where it grows all the same
        return value
    if not isinstance(node, gast.List | gast.ListComp | gast.BinOp | gast.Call) or (
        isinstance(node, gast.Call)
        and value.cell
        and fr.session.origins[value.cell] != ((fr.session.path, id(node)),)
    ):
        return value
    return new_list(fr, value.values, node)
