"""Finite choices that a loop carries, summed out: the forward recursion of hidden Markov models.

    z = sample("z0", d0)             log_alpha = choose("z0", d0)
    for t in turns:                  for z in range(len(log_alpha)):
        z = sample("z", d(z))            enter_choice(z, d0); log_alpha[z] = leave_choice()
        rest                  ->     for t in turns:
                                         for next_z in range(len(log_alpha)):
                                             for z in range(len(log_alpha)):
                                                 terms[z] = transition(log_alpha[z], next_z, d(z), terms)
                                             z = choose_next("z", next_z, terms)
                                             rest
                                             following[next_z] = leave_choice()
                                         log_alpha = following
                                     choose_all(log_alpha)

`log_alpha` has the logarithm of all that leads to each state. Of several choices, as in a factorial model, it has an
axis for each, and they are drawn again one after the other: each draw is a sum over one axis, whatever the others are.
A chain may begin with a state that is known.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Statements
from srcdiff.frontend.effects.enumeration_checks import (
    ADVICE,
    check,
    check_before,
    check_exits,
    counts_from_zero,
    draw_of,
    has_no_value,
    is_finite_choice,
    is_one,
)
from srcdiff.frontend.effects.enumeration_syntax import (
    assign,
    assigned,
    bind_steps,
    call_step,
    empty_like,
    leave,
    loop_of,
    name_of,
    part,
    range_of,
    reads_name,
    unused,
)
from srcdiff.frontend.source.function_source import placed


@dataclass(frozen=True)
class _Draw:
    """A draw, and what follows it up to the next one."""

    z: str
    s: gast.AST
    rest: list[gast.AST]

    @property
    def args(self) -> tuple[gast.AST, gast.AST]:
        name, distribution = self.s.value.args
        return name, distribution


def carried_states(fr: Frame, loop: gast.AST) -> list[str]:
    """The choices that a loop carries: each iteration reads the last one and draws a new one. In the order of the
    draws.
    """
    if not isinstance(loop, gast.For):
        return []
    found = []
    for k, s in enumerate(loop.body):
        z = _target(s)
        if z is not None and z not in found and reads_name(loop.body[: k + 1], z):
            draw = draw_of(fr, s)
            if draw is not None and _may_be_summed(fr, draw[1]):
                found.append(z)
    return found


def _target(s: gast.AST) -> str | None:
    """`z` of `z = f(a, b)`."""
    if not isinstance(s, gast.Assign) or len(s.targets) != 1:
        return None
    is_call = isinstance(s.value, gast.Call) and len(s.value.args) == 2
    return s.targets[0].id if is_call and isinstance(s.targets[0], gast.Name) else None


def _may_be_summed(fr: Frame, call: gast.AST) -> bool:
    """Whether the site has no given value; a name that the iteration assigns is not known yet."""
    return not isinstance(call.args[0], gast.Constant) or has_no_value(fr, call)


def _split(statements: Statements, names: Sequence[str]) -> tuple[list[gast.AST], list[_Draw]]:
    """The statements before the first draw of these names, and the draws."""
    places = [k for k, s in enumerate(statements) if _target(s) in names]
    ends = [*places[1:], len(statements)]
    draws = [
        _Draw(_target(statements[k]) or "", statements[k], list(statements[k + 1 : end]))
        for k, end in zip(places, ends, strict=True)
    ]
    return list(statements[: places[0]]), draws


def chained(
    fr: Frame, s: gast.AST, inside: Statements, at: int, live: frozenset[str]
) -> list[gast.AST]:
    """The recursion of the chains whose first states `s` draws, and which the loop `inside[at]` carries."""
    loop = inside[at]
    names = carried_states(fr, loop)
    constants = [r for r in inside[:at] if _is_constant(r)]  # z = 0
    begun = [r for r in inside[:at] if not _is_constant(r)]
    drawn = [_target(r) for r in begun if draw_of(fr, r) is not None]
    _, first = _split([s, *begun], [n for n in names if n == _target(s) or n in drawn])
    if len({draw.z for draw in first}) < len(first):
        fr.fail(loop, "a chain has one first draw before its loop", ADVICE)
    if first and not counts_from_zero(fr, first[0].s.value):
        fr.fail(
            first[0].s,
            "iterations pass on a choice whose values are not counted from 0",
            "Draw it from a Categorical or a Bernoulli distribution, and look its value up.",
        )
    for k, draw in enumerate(first):
        later = [r for d in first[k + 1 :] for r in (d.s, *d.rest)]
        check(fr, draw.s, draw.z, assigned(draw.rest), [*later, *inside[at:]], live)
        check_exits(fr, draw.z, draw.rest)
    known = [n for n in names if n not in {draw.z for draw in first}]
    _check_after(fr, loop, names, inside[at + 1 :], live)
    begin, log_alpha = _first_states(fr, first)
    more, log_alpha = _known_states(fr, loop, known, log_alpha, [draw.z for draw in first])
    order = [*[draw.z for draw in first], *known]
    iterations = _iterations(fr, s, loop, order, log_alpha)
    return [*constants, *begin, *more, *iterations, *inside[at + 1 :]]


def from_known_states(
    fr: Frame, loop: gast.AST, rest: Statements, live: frozenset[str]
) -> list[gast.AST] | None:
    """The recursion of a loop whose first iteration depends on given states, which are no choices."""
    targets = {_target(s) for s in loop.body} & fr.env.keys()
    names = [z for z in carried_states(fr, loop) if z in targets] if targets else []
    if not names:
        return None
    _, draws = _split(loop.body, names)
    if not all(_is_known(fr, loop, draw) for draw in draws):
        return None
    _check_after(fr, loop, names, rest, live)
    bind_steps(fr)
    made, log_alpha = _known_states(fr, loop, names, "", [])
    return [*made, *_iterations(fr, loop, loop, names, log_alpha), *rest]


def _is_constant(s: gast.AST) -> bool:
    return isinstance(s, gast.Assign) and isinstance(s.value, gast.Constant)


def _check_after(
    fr: Frame, loop: gast.AST, names: Sequence[str], rest: Statements, live: frozenset[str]
) -> None:
    for z in names:
        if reads_name(rest, z) or z in live:
            fr.fail(loop, f"the last `{z}` is used after the loop, and is summed out", ADVICE)


# ---- before the loop -------------------------------------------------------------------------------------


def _first_states(fr: Frame, first: Sequence[_Draw]) -> tuple[list[gast.AST], str]:
    """Storage for what leads to each state, with an axis for each draw."""
    made: list[gast.AST] = []
    log_alpha = ""
    for k, draw in enumerate(first):
        s, (name, distribution) = draw.s, draw.args
        outer = [d.z for d in first[:k]]
        before, log_alpha = log_alpha, unused(fr, "log_alpha")
        states = _states(fr, [*outer, draw.z])
        own = name_of(s, states[-1])
        if k == 0:
            made.append(assign(s, log_alpha, call_step(s, "choose", name, distribution)))
            enter = call_step(s, "enter_choice", own, distribution)
        else:
            like = [assign(s, z, placed(s, gast.Constant(0, None))) for z in outer]
            extended = call_step(s, "choose_also", name, distribution, name_of(s, before))
            made += [*like, assign(s, log_alpha, extended)]
            so_far = part(s, before, states[:-1])
            enter = call_step(s, "enter_next", so_far, own, distribution)
        body = [
            *_values(s, outer, states),
            assign(s, draw.z, enter),
            *draw.rest,
            leave(s, log_alpha, *states),
        ]
        made += _nest(s, states, log_alpha, log_alpha, body)
    return made, log_alpha


def _known_states(
    fr: Frame, loop: gast.AST, known: Sequence[str], log_alpha: str, names: Sequence[str]
) -> tuple[list[gast.AST], str]:
    """Axes for choices of which the first value is known: all else leads there never."""
    made: list[gast.AST] = []
    for k, z in enumerate(known):
        draw = next(d for d in _split(loop.body, [z])[1] if d.z == z)
        s, (name, distribution) = draw.s, draw.args
        first, distribution = _of_first_iteration(fr, loop, draw, distribution)
        made += [*(assign(s, n, placed(s, gast.Constant(0, None))) for n in names), *first]
        before, log_alpha = log_alpha, unused(fr, "log_alpha")
        outer = [*names, *known[:k]]
        if not outer:
            begun = call_step(loop, "choose_from", name, distribution, name_of(loop, z))
            made.append(assign(loop, log_alpha, begun))
            continue
        states = [f"%{n}" for n in (*outer, z)]
        extended = call_step(s, "extend", name, distribution, name_of(s, before))
        so_far = part(s, before, states[:-1])
        only = call_step(s, "only_from", so_far, name_of(s, states[-1]), name_of(s, z))
        store = placed(s, gast.Assign([part(s, log_alpha, states, gast.Store())], only, None))
        made += [assign(s, log_alpha, extended), *_nest(s, states, log_alpha, log_alpha, [store])]
    return made, log_alpha


def _is_known(fr: Frame, loop: gast.AST, draw: _Draw) -> bool:
    """Whether a draw is over few numbers, in the first iteration."""
    name, distribution = draw.args
    if not isinstance(name, gast.Constant):
        return False
    first, distribution = _of_first_iteration(fr, loop, draw, distribution)
    for s in first:
        fr.statement(s)
    return is_finite_choice(fr, placed(draw.s, gast.Call(name, [name, distribution], [])))


class _Renamed(gast.NodeTransformer):
    """The names that an iteration assigns, replaced by their values before the loop."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: gast.AST) -> gast.AST:
        if node.id in self.names:
            node.id = f"%first_{node.id}"
        return node


def _of_first_iteration(
    fr: Frame, loop: gast.AST, draw: _Draw, distribution: gast.AST
) -> tuple[list[gast.AST], gast.AST]:
    """A distribution in the first iteration, and the statements that it needs: only its length is used."""
    wanted = [distribution]
    needed: list[gast.AST] = []
    before = loop.body[: loop.body.index(draw.s)]
    for s in reversed(before):
        names = {n for n in assigned([s]) if reads_name(wanted, n)}
        if not names or _target(s) in carried_states(fr, loop):
            continue
        is_plain = isinstance(s, gast.Assign) and isinstance(s.targets[0], gast.Name)
        if not is_plain or len(s.targets) != 1:
            fr.fail(s, f"`{draw.z}` has a distribution that is not known before the loop", ADVICE)
        needed.insert(0, s)
        wanted.append(s.value)
    targets = assigned([loop.target])
    if any(reads_name(wanted, n) for n in targets):
        value = _first_item(loop, loop.iter)
        needed.insert(0, placed(loop, gast.Assign([loop.target], value, None)))
    renamed = _Renamed(assigned(needed))
    made = [renamed.visit(copy.deepcopy(s)) for s in needed]
    if not made:
        return made, distribution
    changed = renamed.visit(copy.deepcopy(distribution))
    changed.written = distribution
    return made, changed


def _first_item(loop: gast.AST, items: gast.AST) -> gast.AST:
    """The first of what a loop goes over; for a plate, of its rows."""

    def number(k: int) -> gast.AST:
        return placed(loop, gast.Constant(k, None))

    called = items.func if isinstance(items, gast.Call) else None
    function = getattr(called, "id", getattr(called, "attr", ""))
    if called is None:
        return placed(loop, gast.Subscript(items, number(0), gast.Load()))
    if function == "range":
        return items.args[0] if len(items.args) > 1 else number(0)
    if function in ("zip", "enumerate"):
        firsts = [_first_item(loop, a) for a in items.args]
        parts = [number(0), firsts[0]] if function == "enumerate" else firsts
        return placed(loop, gast.Tuple(parts, gast.Load()))
    return number(0)


# ---- the loop --------------------------------------------------------------------------------------------


def _iterations(
    fr: Frame, s: gast.AST, loop: gast.AST, names: Sequence[str], log_alpha: str
) -> list[gast.AST]:
    """The loop of the recursion, and the sum over the last states, placed at `s`."""
    before, draws = _split(loop.body, names)
    live = loop.live
    for k, draw in enumerate(draws):
        later = [r for d in draws[k + 1 :] for r in (d.s, *d.rest)]
        check_exits(fr, draw.z, draw.rest)
        check_before(fr, draw.z, before)
        check(fr, draw.s, draw.z, assigned(draw.rest), later, live - set(names))
    body = [*before]
    for draw in draws:
        body += _draw_again(fr, draw, names, log_alpha)
    new = placed(loop, gast.For(loop.target, loop.iter, body, [], None))
    inside = [*before, *(r for draw in draws for r in draw.rest)]
    new.carried = [*sorted((assigned(inside) & live) - set(names)), log_alpha]
    return [new, placed(s, gast.Expr(call_step(s, "choose_all", name_of(s, log_alpha))))]


def _draw_again(fr: Frame, draw: _Draw, names: Sequence[str], log_alpha: str) -> list[gast.AST]:
    """The sum over one axis: from the states of that choice before the draw to the states after it."""
    s, z, count = draw.s, draw.z, len(names)
    name, distribution = draw.args
    axis = names.index(z)
    following, terms = unused(fr, "following"), unused(fr, "terms")
    states = _states(fr, names)
    own, state = states[axis], unused(fr, f"next_{z}")
    after = [state if k == axis else other for k, other in enumerate(states)]
    others = [n for n in names if n != z]
    weight = call_step(
        s,
        "transition",
        part(s, log_alpha, states),
        name_of(s, state),
        distribution,
        name_of(s, terms),
    )
    store = placed(s, gast.Assign([part(s, terms, [own], gast.Store())], weight, None))
    inner = [*_values(s, [z], [own]), store]
    along = call_step(s, "terms_along", name_of(s, log_alpha), placed(s, gast.Constant(axis, None)))
    body = [
        *_values(s, others, [n for n in states if n != own]),
        assign(s, terms, empty_like(s, log_alpha) if count == 1 else along),
        loop_of(s, own, range_of(s, log_alpha, axis, count), terms, inner),
        assign(s, z, call_step(s, "choose_next", name, name_of(s, state), name_of(s, terms))),
        *draw.rest,
        leave(s, following, *after),
    ]
    return [
        assign(s, following, empty_like(s, log_alpha)),
        *_nest(s, after, log_alpha, following, body),
        assign(s, log_alpha, name_of(s, following)),
    ]


def _states(fr: Frame, names: Sequence[str]) -> list[str]:
    """The names that count the states: the values themselves; of plates, with a state for each item, a new name."""
    return [z if is_one(fr) else f"%{z}" for z in names]


def _values(s: gast.AST, names: Sequence[str], states: Sequence[str]) -> list[gast.AST]:
    """The values of states, if these are not the values themselves."""
    return [
        assign(s, z, call_step(s, "enter_state", name_of(s, state)))
        for z, state in zip(names, states, strict=False)
        if z != state
    ]


def _nest(
    s: gast.AST, states: Sequence[str], array: str, stores: str, body: list[gast.AST]
) -> list[gast.AST]:
    """Loops over all states, for each of which `array` and `stores` have a place."""
    for k in reversed(range(len(states))):
        body = [loop_of(s, states[k], range_of(s, array, k, len(states)), stores, body)]
    return body
