"""Iterators that have a name are gone through once: where the name may be read again, only the run knows what is left.

z = zip(a, b)
s = sum(u * v for u, v in z)
t = sum(u for u, v in z)        is 0
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Iterator
from typing import Any

import gast

from srcdiff.frontend.frame import Frame
from srcdiff.frontend.values import Known

__all__ = ["check_gone_through_once"]

_BUILTINS = ("zip", "map", "filter", "enumerate", "reversed", "iter")
_MAKERS = {name: getattr(builtins, name) for name in _BUILTINS} | {
    name: value for name, value in vars(itertools).items() if isinstance(value, type)
}
_COMPREHENSIONS = gast.ListComp | gast.SetComp | gast.DictComp | gast.GeneratorExp


def check_gone_through_once(fr: Frame, name: str, value: Any) -> None:
    """Leave a function to the run in which an iterator that gets this name may be asked for items twice."""
    if not _is_iterator(fr, value):
        return
    made = next((inside for node, inside in _walk(fr.source.node) if node is value), ())
    reads = [
        inside
        for node, inside in _walk(fr.source.node)
        if isinstance(node, gast.Name) and node.id == name and isinstance(node.ctx, gast.Load)
    ]
    if len(reads) > 1 or any(set(inside) - set(made) for inside in reads):
        fr.untyped(
            value,
            f"`{name}` is an iterator, and may be gone through more than once",
            "Make it a list, `list(...)`, if all of its items are meant each time.",
        )


def _is_iterator(fr: Frame, value: Any) -> bool:
    if isinstance(value, gast.GeneratorExp):
        return True
    if not isinstance(value, gast.Call):
        return False
    function = value.func
    name = function.id if isinstance(function, gast.Name) else getattr(function, "attr", "")
    if name not in _MAKERS:
        return False
    found = fr.expr(function)
    return isinstance(found, Known) and found.value is _MAKERS[name]


def _walk(node: Any, inside: tuple[int, ...] = ()) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Each node of a tree, with what may run it more often than what stands around it."""
    yield node, inside
    once: list[Any] = []
    if isinstance(node, gast.For):
        once = [node.iter]
    elif isinstance(node, _COMPREHENSIONS):
        once = [node.generators[0].iter]
    repeats = isinstance(
        node, gast.For | gast.While | gast.FunctionDef | gast.Lambda | _COMPREHENSIONS
    )
    for child in gast.iter_child_nodes(node):
        if isinstance(child, gast.comprehension):  # its first iterable is computed in front
            for part in gast.iter_child_nodes(child):
                yield from _walk(part, inside if part in once else (*inside, id(node)))
            continue
        yield from _walk(child, (*inside, id(node)) if repeats and child not in once else inside)
