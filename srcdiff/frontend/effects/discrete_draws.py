"""Choices that are drawn from a generator, as sites that are summed out.

`k = rng.choice(3, p=p)` is `k = sample("k", rng.of_choice(3, p=p))` where a handler sums `k` out. `finite_choices` of
the generator's class has the methods that are choices, and for each the method that returns its distribution.

An array that stores draws, `x[i] = rng.normal(mu[k], 1.0)`, only to be returned in the end, is not used: in a sum over
`k` the line is `rng.normal(mu[k], 1.0)`, a draw that is called `x`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Parts
from srcdiff.frontend.effects.enumeration_checks import has_no_value, is_block
from srcdiff.frontend.effects.enumeration_syntax import bind_steps, call_step
from srcdiff.frontend.source.function_source import placed


def as_sites(fr: Frame, statements: Sequence[gast.AST]) -> list[gast.AST]:
    """The statements, with choices that have no value as calls of `sample`."""
    owners = {name for name, value in fr.env.items() if _choices(value)}
    return [_as_site(fr, s, owners) for s in statements] if owners else [*statements]


def with_sites(fr: Frame, loop: gast.AST) -> gast.AST:
    """A loop with such statements, which may carry a choice; it notes the names that are live at the end of an
    iteration.
    """
    made = copy.copy(loop)
    made.body, unasked = not_stored(fr, as_sites(fr, loop.body))
    made.live = fr.source.flow.iteration.get(id(loop), frozenset()) - unasked
    return made


def _choices(value: gast.AST) -> dict[str, str]:
    return getattr(value.cls, "finite_choices", {}) if isinstance(value, Parts) else {}


def _as_site(fr: Frame, s: gast.AST, owners: set[str]) -> gast.AST:
    match s:
        case gast.Assign(
            targets=[gast.Name(id=name)],
            value=gast.Call(func=gast.Attribute(value=gast.Name(id=owner), attr=method)) as call,
        ) if owner in owners:
            stated = _choices(fr.env[owner]).get(method)
        case _:
            return s
    if stated is None:
        return s
    function = placed(s, gast.Attribute(call.func.value, stated, gast.Load()))
    distribution = placed(s, gast.Call(function, call.args, call.keywords))
    distribution.written = call
    bind_steps(fr)
    site = call_step(s, "sample", placed(s, gast.Constant(name, None)), distribution)
    return placed(s, gast.Assign(s.targets, site, None)) if has_no_value(fr, site) else s


def not_stored(fr: Frame, statements: Sequence[gast.AST]) -> tuple[list[gast.AST], set[str]]:
    """The statements without stores into what is only returned, and the names of that."""
    names = _only_returned(fr)
    return [_not_stored(s, names) for s in statements] if names else [*statements], names


def _not_stored(s: gast.AST, names: set[str]) -> gast.AST:
    match s:
        case gast.Assign(targets=[gast.Subscript(value=gast.Name(id=name))]) if name in names:
            for call in gast.walk(s.value):
                if isinstance(call, gast.Call):
                    call.assigned = name, s.value  # as a statement that assigns says
            return placed(s, gast.Expr(s.value))
    return s


def _only_returned(fr: Frame) -> set[str]:
    """The names that a model reads in its last line alone, where its value is not used."""
    body = getattr(fr.source.node, "body", None)
    if is_block(fr) or not isinstance(body, list) or not isinstance(body[-1], gast.Return):
        return set()
    stores = [
        n.targets[0].value
        for s in body
        for n in gast.walk(s)
        if isinstance(n, gast.Assign) and isinstance(n.targets[0], gast.Subscript)
    ]
    elsewhere = {
        n.id
        for s in body[:-1]
        for n in gast.walk(s)
        if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Load) and n not in stores
    }
    returned = {n.id for n in gast.walk(body[-1]) if isinstance(n, gast.Name)}
    return returned - elsewhere
