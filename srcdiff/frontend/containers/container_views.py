"""Views of containers, and iterators over them: `d.values()`, `zip(xs, ys)`.

A view shows what its container holds when a loop reads the view, in each iteration anew. Other uses take the values
from when the view was made; so where the container is written in between, the function has no types:

    values = d.values()
    e["a"] = 2 * x          where `e` is `d`
    total = sum(values)     has the new value
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import MustInline
from srcdiff.frontend.core.values import FrontValue, Parts
from srcdiff.ir.types import List, Struct
from srcdiff.ir.values import Value

ROW_MAKERS = (zip, enumerate, reversed)  # they only make rows of the items of their arguments


def hold(fr: Frame, node: gast.AST, *values: FrontValue) -> None:
    """Note that what a node makes shows containers as they are later."""
    session = fr.session
    for value in values:
        if isinstance(value, Parts) and value.cell:
            is_changed = session.is_from_before(value.cell) and value.cell in session.changed
            if is_changed and not _passes(node):
                _leave(fr, node)  # an iteration may hold what the previous one made
            session.viewed.setdefault(value.cell, []).append(node)
        elif isinstance(value, Value) and isinstance(value.type, List):
            session.viewed.setdefault(value, []).append(node)
        elif isinstance(value, Value) and isinstance(value.type, Struct):
            if session.is_callee and not _passes(node):
                raise MustInline  # the caller may change it
            while value in session.part_of:
                value = session.part_of[value]
            session.viewed_params.add(value)


def show(
    fr: Frame,
    node: gast.AST,
    containers: Sequence[FrontValue],
    view: Callable[[], FrontValue] | None,
) -> None:
    """Note a view of containers, or an iterator over them; a loop over it calls `view` at each iteration."""
    fr.session.shown.pop(id(node), None)
    if view is not None and _is_reread(node):
        fr.session.shown[id(node)] = view
    else:
        hold(fr, node, *containers)


def args_again(fr: Frame, node: gast.AST, args: Sequence[FrontValue]) -> list[FrontValue]:
    """The arguments of a call as they would be now."""
    nodes = node.args if len(node.args) == len(args) else [None] * len(args)
    return [_again(fr, n, a) for n, a in zip(nodes, args, strict=True)]


def _again(fr: Frame, node: gast.AST, made: FrontValue) -> FrontValue:
    view = fr.session.shown.get(id(node)) if getattr(node, "is_reread", False) else None
    return fr.session.current(made) if view is None else view()


def mark_reread(node: gast.AST, called: object) -> None:
    """Note that a loop reads the value of a node anew in each iteration, and so the arguments of the node."""
    if called in ROW_MAKERS and _is_reread(node):
        for argument in node.args:
            argument.is_reread = True


def _is_reread(node: gast.AST) -> bool:
    loop = getattr(node, "loop", None)
    return getattr(node, "is_reread", False) or (loop is not None and loop.iter is node)


@dataclass
class _Loop:
    """A loop over known parts: each part is read when its iteration begins."""

    frame: Frame
    node: gast.AST
    items: Parts
    changes: int

    def item(self, k: int) -> FrontValue:
        session = self.frame.session
        if session.changes != self.changes:
            self.changes = session.changes
            found = _again(self.frame, self.node.iter, self.items)
            if not isinstance(found, Parts) or len(found.values) != len(self.items.values):
                self.frame.untyped(
                    self.node,
                    "this loop changes the length of what it goes over",
                    "Loop over a copy: `for item in list(items)`.",
                )
            self.items = found
        return self.items.values[k]


def items_now(fr: Frame, node: gast.AST, items: Parts) -> list[Callable[[], FrontValue]]:
    node.iter.is_reread = True
    loop = _Loop(fr, node, items, fr.session.changes)
    return [partial(loop.item, k) for k in range(len(items.values))]


def let_go(fr: Frame, tree: gast.AST, only_passing: bool = False) -> None:
    """Note that what the nodes of a tree have made is gone."""
    viewed = fr.session.viewed
    if not viewed:
        return
    passing = {id(n) for n in gast.walk(tree) if not only_passing or _passes(n)}
    for shown, nodes in list(viewed.items()):
        nodes[:] = [n for n in nodes if id(n) not in passing]
        if not nodes:
            del viewed[shown]


def let_pass(fr: Frame, statement: gast.AST) -> None:
    """Note that what was made in passing is gone when the statement has ended."""
    if fr.session.viewed:
        let_go(fr, statement, only_passing=True)


def _passes(node: gast.AST) -> bool:
    return getattr(node, "in_passing", False) or getattr(node, "at_once", False)


def refuse_viewed(fr: Frame, shown: str | Value, node: gast.AST) -> None:
    """Leave to the run what changes a container that a view or an iterator shows."""
    if shown in fr.session.viewed:
        _leave(fr, node)
    if isinstance(shown, str):
        fr.session.changed.add(shown)
        fr.session.changes += 1


def _leave(fr: Frame, node: gast.AST) -> None:
    fr.untyped(
        node,
        "a container is changed while a view of it, or an iterator over it, is held",
        "Make a list of the view: list(d.values()).",
    )
