"""Finite choices that are summed out: a `sample` becomes a loop over its values, if its handler sums the choice out.

    z = sample("z", d)            terms = choose("z", d)           an array with a place for each value
    rest                    ->    for z in range(len(terms)):
                                      enter_choice(z, d)
                                      rest
                                      terms[z] = leave_choice()
                                  choose_all(terms)

where `choose`, `enter_choice`, ... are methods of the handler. A choice that a loop carries, such as the state of a
hidden Markov model, becomes a loop over the previous states within a loop over the new states. Values that are computed
after the choice in its block may not be used after the block, since they differ for each value of the choice.
"""

from __future__ import annotations

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Done, Statements
from srcdiff.frontend.effects.discrete_draws import as_sites, not_stored, with_sites
from srcdiff.frontend.effects.enumeration_checks import (
    ADVICE,
    check,
    check_exits,
    counts_from_zero,
    is_block,
    is_one,
    site_of,
)
from srcdiff.frontend.effects.enumeration_syntax import (
    assign,
    assigned,
    bind_steps,
    call_step,
    leave,
    loop_of,
    name_of,
    range_of,
    unused,
)
from srcdiff.frontend.effects.forward_recursion import carried_states, chained, from_known_states
from srcdiff.frontend.source.function_source import placed


def enumerate_choice(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done | None:
    """Read a statement and what follows it as a sum; None where the statement is no choice to be summed out."""
    if isinstance(s, gast.For):
        rest, unasked = not_stored(fr, rest)
        made = from_known_states(fr, with_sites(fr, s), rest, live - unasked)
        return None if made is None else fr.block(made, live)
    (s,) = as_sites(fr, [s])
    site = site_of(fr, s)
    if site is None:
        return None
    z, call = site
    inside, after = _split(rest)
    inside, unasked = not_stored(fr, as_sites(fr, inside))
    live = live - unasked
    bind_steps(fr)
    loops = [with_sites(fr, r) if isinstance(r, gast.For) else r for r in inside]
    k = next((k for k, r in enumerate(loops) if z in carried_states(fr, r)), None)
    if k is not None:
        follows = inside[k + 1 :] if is_block(fr) else _without_return(inside[k + 1 :])
        made = chained(fr, s, [*inside[:k], loops[k], *follows], k, live)
    else:
        check(fr, s, z, {z} | assigned(inside), after, live)
        check_exits(fr, z, _without_return(inside))
        _check_returned(fr, z, inside)
        is_plain = is_one(fr) and counts_from_zero(fr, call)
        made = _sum(s, z, call, inside, unused(fr, "terms"), is_plain)
    return fr.block([*made, *after], live)


def _split(rest: Statements) -> tuple[list[gast.AST], list[gast.AST]]:
    """The statements in the block of the choice, and the statements after a `with` that ends the block."""
    at = next((k for k, r in enumerate(rest) if getattr(r, "leaves", False)), len(rest))
    return list(rest[:at]), list(rest[at:])


def _sum(
    s: gast.AST, z: str, call: gast.AST, inside: Statements, terms: str, is_plain: bool
) -> list[gast.AST]:
    """`is_plain`: the value is its own place among all that there are."""
    name, distribution = call.args
    state = z if is_plain and z not in assigned(inside) else f"%{z}"
    body = [
        assign(s, z, call_step(s, "enter_choice", name_of(s, state), distribution)),
        *_without_return(inside),
        leave(s, terms, state),
    ]
    return [
        assign(s, terms, call_step(s, "choose", name, distribution)),
        loop_of(s, state, range_of(s, terms), terms, body),
        placed(s, gast.Expr(call_step(s, "choose_all", name_of(s, terms)))),
    ]


def _check_returned(fr: Frame, z: str, inside: Statements) -> None:
    """The value of a model is not used; the value of a block of it is."""
    is_return = bool(inside) and isinstance(inside[-1], gast.Return)
    if is_return and inside[-1].value is not None and is_block(fr):
        fr.fail(inside[-1], f"this may depend on `{z}`, which is summed out", ADVICE)


def _without_return(statements: Statements) -> list[gast.AST]:
    """The value of a model is not used."""
    is_last = bool(statements) and isinstance(statements[-1], gast.Return)
    return list(statements[:-1] if is_last else statements)
