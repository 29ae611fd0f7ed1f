"""Lambda lifting: nested functions that call themselves, or are called in several places, become functions of their
own. The values that they use from enclosing functions become parameters.

    def refine(x, depth):  # uses k            def refine(x, depth, k):
        ... refine(x * k, depth - 1)               ... refine(x * k, depth - 1, k)
"""

from __future__ import annotations

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Closure,
    Conflict,
    FrontValue,
    Known,
    Lifted,
    Missing,
    Partial,
    Parts,
    is_same,
    is_static,
    parts_of,
)  # fmt: skip
from srcdiff.frontend.source.function_source import nested_source
from srcdiff.frontend.source.scopes import free_names, parameter_names
from srcdiff.ir.values import Const, Value


def lifted(fr: Frame, closure: Closure) -> tuple[Lifted, dict[str, FrontValue]] | None:
    """The function and the values that it finds around it; None where it is read in place."""
    found: dict[str, FrontValue] = {}
    seen: list[Closure] = []
    if not _collect(fr, closure, found, seen) or not _are_new(found, seen):
        return None
    calls_itself = any(isinstance(v, Closure) and _is_one(v, closure) for v in found.values())
    if not calls_itself and not _is_called_often(closure):
        return None
    values: dict[str, FrontValue] = {
        k: v for k, v in found.items() if not isinstance(v, Closure | Known)
    }
    known: dict[str, FrontValue] = {
        k: v for k, v in found.items() if isinstance(v, Closure | Known)
    }
    around = fr.session.functions.setdefault(("%lifted", closure.frame), {})
    made = around.get(closure.node)
    if made is None:
        source = nested_source(closure.frame.source, closure.node)
        made = Lifted(source, closure.node, closure.frame.look_up, known, around)
        around[closure.node] = made
    if made.known.keys() != known.keys() or any(
        not _is_same(v, made.known[k]) for k, v in known.items()
    ):
        return None
    return made, values


def _is_called_often(closure: Closure) -> bool:
    """Whether the function around it calls it by its name in several places: its adjoint is written once, then."""
    if not isinstance(closure.node, gast.FunctionDef) or closure.frame is None:
        return False
    name = closure.node.name
    calls = [
        n
        for n in gast.walk(closure.frame.source.node)
        if isinstance(n, gast.Call) and isinstance(n.func, gast.Name) and n.func.id == name
    ]
    return len(calls) > 1


def _is_one(a: FrontValue, b: FrontValue) -> bool:
    """Whether two values are one function, or one thing that is known."""
    if isinstance(a, Closure) and isinstance(b, Closure):
        return a.node is b.node and a.frame is b.frame
    return isinstance(a, Known) and isinstance(b, Known) and a.value is b.value


def _is_same(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return a.value is b.value
    if not isinstance(a, Closure) or not isinstance(b, Closure) or a.node is not b.node:
        return False
    pairs = zip(parts_of(a), parts_of(b), strict=True)
    return all(is_same(x, y) or not (is_static(x) or is_static(y)) for x, y in pairs)


def _collect(
    fr: Frame, closure: Closure, found: dict[str, FrontValue], seen: list[Closure]
) -> bool:
    """Find what a function uses of those around it, and what the functions do that it uses; False if that has no names
    of its own, as what two functions use that were made at one place.
    """
    if any(_is_one(closure, other) for other in seen):
        return True
    seen.append(closure)
    for name in free_names(closure.node):
        value = found_around(fr, closure.frame, name)
        if value is None:
            continue
        if not isinstance(value, Value | Const | Parts | Closure | Known):
            return False
        if isinstance(value, Parts) and not _is_plain(value):
            return False
        if found.setdefault(name, value) is not value and not _is_one(found[name], value):
            return False
        if isinstance(value, Closure):
            computed = _computed_defaults(name, value)
            found.update((n, value.defaults[k]) for n, k in computed.items())
            if not all(_is_plain(found[n]) for n in computed) or not _collect(
                fr, value, found, seen
            ):
                return False
    return True


def _computed_defaults(name: str, function: Closure) -> dict[str, str]:
    """Names for what parameters are by default, where only the run knows it, with those of the parameters."""
    return {f"{name}_{k}": k for k, v in function.defaults.items() if not is_static(v)}


def _are_new(found: dict[str, FrontValue], seen: list[Closure]) -> bool:
    """Whether no function uses a name that was made for a default."""
    used = {n.id for c in seen for n in gast.walk(c.node) if isinstance(n, gast.Name)}
    functions = [(name, v) for name, v in found.items() if isinstance(v, Closure)]
    return all(used.isdisjoint(_computed_defaults(name, v)) for name, v in functions)


def _is_plain(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return value.kind not in ("object", "maybe", "shared") and all(map(_is_plain, value.values))
    return isinstance(value, Value | Const)


def found_around(fr: Frame, frame: Frame | None, name: str) -> FrontValue | None:
    """The value of a name in the functions around a nested one; None where it is found outside of them."""
    while frame is not None:
        if name in frame.env:
            value = frame.env[name]
            while (
                isinstance(value, Partial) and fr.session.facts.get(value.condition) == value.when
            ):
                value = value.value
            if isinstance(value, Parts) and value.kind == "shared":
                return value
            return None if isinstance(value, Missing | Conflict) else fr.session.current(value)
        frame = frame.outer
    return None


def frame_of(fr: Frame, function: Lifted, given: dict[str, FrontValue]) -> Frame:
    """The frame around the body of such a function; takes what it found around it out of the arguments."""
    own = parameter_names(function.node)
    around = fr.new(function.source, function.look_up)
    around.local = around.nonlocals = frozenset()
    fr.session.functions["%lifted", around] = function.family
    for name in [k for k in given if k not in own]:
        around.env[name] = given.pop(name)
    for name, value in function.known.items():
        if isinstance(value, Closure):
            computed = {k: around.env[n] for n, k in _computed_defaults(name, value).items()}
            value = Closure(value.node, around, value.defaults | computed)
        around.env[name] = value
    return around
