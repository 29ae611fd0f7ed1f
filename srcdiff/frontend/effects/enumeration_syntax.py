"""Syntax trees of the statements of a sum over finite choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Known
from srcdiff.frontend.source.function_source import placed


class _Step:
    """The name of a method of the handler in generated trees."""

    def __init__(self, name: str) -> None:
        self.srcdiff_effect = name
        self.parameters = ("name", "distribution")


_STEPS = {
    name: Known(_Step(name))
    for name in (
        "choose",
        "choose_also",
        "choose_from",
        "extend",
        "enter_choice",
        "enter_next",
        "enter_state",
        "leave_choice",
        "choose_all",
        "choose_next",
        "transition",
        "only_from",
        "sample",
        "terms_along",
    )
}


def bind_steps(fr: Frame) -> None:
    fr.env.update((f"%{name}", step) for name, step in _STEPS.items())
    fr.env.update({"%len": Known(len), "%range": Known(range), "%empty_like": Known(np.empty_like)})


def assigned(statements: Iterable[gast.AST]) -> set[str]:
    found = set()
    for s in statements:
        for n in gast.walk(s):
            if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Store):
                found.add(n.id)
            if isinstance(n, gast.Subscript | gast.Attribute) and isinstance(n.ctx, gast.Store):
                base = n
                while isinstance(base, gast.Subscript | gast.Attribute):
                    base = base.value
                if isinstance(base, gast.Name):
                    found.add(base.id)
    return found


def reads_name(trees: Iterable[gast.AST], name: str) -> bool:
    return any(
        isinstance(n, gast.Name) and n.id == name and isinstance(n.ctx, gast.Load)
        for t in trees
        for n in gast.walk(t)
    )


def unused(fr: Frame, name: str) -> str:
    taken = {*fr.local, *fr.env}
    names = (name if k == 1 else f"{name}_{k}" for k in count(1))
    name = next(n for n in names if n not in taken)
    fr.env[name] = Known(None)
    return name


def name_of(s: gast.AST, name: str, context: gast.AST | None = None) -> gast.AST:
    return placed(s, gast.Name(name, context or gast.Load(), None, None))


def assign(s: gast.AST, name: str, value: gast.AST) -> gast.AST:
    return placed(s, gast.Assign([name_of(s, name, gast.Store())], value, None))


def call_step(s: gast.AST, step: str, *args: gast.AST) -> gast.AST:
    return placed(s, gast.Call(name_of(s, f"%{step}"), list(args), []))


def part(
    s: gast.AST, array: str, indices: Sequence[str], context: gast.AST | None = None
) -> gast.AST:
    """`array[i, j]`."""
    names = [name_of(s, i) for i in indices]
    at = names[0] if len(names) == 1 else placed(s, gast.Tuple(names, gast.Load()))
    return placed(s, gast.Subscript(name_of(s, array), at, context or gast.Load()))


def _python(s: gast.AST, function: str, name: str) -> gast.AST:
    return placed(s, gast.Call(name_of(s, f"%{function}"), [name_of(s, name)], []))


def leave(s: gast.AST, terms: str, *state: str) -> gast.AST:
    """`terms[state] = leave_choice()`, the end of what depends on a choice."""
    place = part(s, terms, state, gast.Store())
    made = placed(s, gast.Assign([place], call_step(s, "leave_choice"), None))
    made.leaves = True
    return made


def length(s: gast.AST, array: str, axis: int, axes: int) -> gast.AST:
    """How long an axis is, of an array that has one for each of so many choices."""
    if axes == 1:
        return _python(s, "len", array)
    shape = placed(s, gast.Attribute(name_of(s, array), "shape", gast.Load()))
    return placed(s, gast.Subscript(shape, placed(s, gast.Constant(axis, None)), gast.Load()))


def range_of(s: gast.AST, array: str, axis: int = 0, axes: int = 1) -> gast.AST:
    return placed(s, gast.Call(name_of(s, "%range"), [length(s, array, axis, axes)], []))


def empty_like(s: gast.AST, array: str) -> gast.AST:
    return _python(s, "empty_like", array)


def loop_of(
    s: gast.AST, target: str, items: gast.AST, stores: str, body: list[gast.AST]
) -> gast.AST:
    """A loop over values, each of which has its place in the array `stores`."""
    made = placed(s, gast.For(name_of(s, target, gast.Store()), items, body, [], None))
    made.carried = ()
    made.is_sum = True
    made.stores = stores
    return made
