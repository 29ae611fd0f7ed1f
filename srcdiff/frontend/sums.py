"""Finite choices that are summed out: a `sample` whose handler says so becomes a loop over its values.

    z = sample("z", d)            terms = choose("z", d)           an array with a place for each value
    rest                    ->    for z in range(len(terms)):
                                      enter_choice(z, d)
                                      rest
                                      terms[z] = leave_choice()
                                  choose_all(terms)

where `choose`, `enter_choice`, ... are methods of the handler. A choice that the turns of a loop hand on, as the state
of a hidden Markov model, becomes a loop over the states of the turn before within one over those of this turn. What is
behind the choice in its block may not be used behind the block, since it is another for each value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.control import may_exit
from srcdiff.frontend.effects import handler_method
from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.joins import Done
from srcdiff.frontend.source import placed
from srcdiff.frontend.values import FrontValue, Known, Parts, is_static, static

__all__ = ["summed"]

Statements = Sequence[Any]
_ADVICE = "Give the site a value, or draw it where nothing behind the block depends on it."


class _Step:
    """What stands in generated trees for a method of the handler."""

    def __init__(self, name: str) -> None:
        self.srcdiff_effect = name
        self.parameters = ("name", "distribution")


_STEPS = {
    name: Known(_Step(name))
    for name in (
        "choose",
        "choose_from",
        "enter_choice",
        "leave_choice",
        "choose_all",
        "choose_next",
        "hand_on",
    )
}


def summed(fr: Frame, s: Any, rest: Statements, live: frozenset[str]) -> Done | None:
    """Read a statement and what follows it as a sum; None where the statement is no choice to be summed out."""
    if isinstance(s, gast.For):
        return _from_a_known_state(fr, s, rest, live)
    site = _site(fr, s)
    if site is None:
        return None
    z, call = site
    inside, behind = _split(fr, rest)
    _bind_steps(fr)
    k = next((k for k, r in enumerate(inside) if _hands_on(fr, r, z)), None)
    if k is None:
        _check(fr, s, z, {z} | _assigned(inside), behind, live)
        _check_exits(fr, z, _without_return(inside))
        _check_returned(fr, z, inside)
        made = _sum(s, z, call, inside, _unused(fr, "terms"), _is_one(fr))
    else:
        _check(fr, s, z, _assigned(inside[:k]), inside[k:], live)
        made = [*_chain(fr, s, z, call, inside, k), *inside[k + 1 :]]
        if _reads(inside[k + 1 :], z) or z in live:
            fr.fail(
                inside[k], f"the last `{z}` is used behind the loop, and is summed out", _ADVICE
            )
    return HOOKS["block"](fr, [*made, *behind], live)  # type: ignore[no-any-return]


def _bind_steps(fr: Frame) -> None:
    fr.env.update((f"%{name}", step) for name, step in _STEPS.items())
    fr.env.update({"%len": Known(len), "%range": Known(range), "%empty_like": Known(np.empty_like)})


def _draw(fr: Frame, s: Any) -> tuple[str, Any] | None:
    """The name and the call of `z = sample("z", d)`."""
    if not fr.session.handlers or not isinstance(s, gast.Assign) or len(s.targets) != 1:
        return None
    target, call = s.targets[0], s.value
    if not isinstance(target, gast.Name) or not isinstance(call, gast.Call) or len(call.args) < 2:
        return None
    function = fr.expr(call.func)
    effect = function.value if isinstance(function, Known) else None
    if getattr(effect, "srcdiff_effect", "") != "sample" or call.keywords or len(call.args) != 2:
        return None
    return target.id, call


def _site(fr: Frame, s: Any) -> tuple[str, Any] | None:
    """The name and the call of `z = sample("z", d)`, if that is to be summed out."""
    found = _draw(fr, s)
    method = None if found is None else handler_method(fr, "sums_out")
    if found is None or method is None:
        return None
    name = fr.expr(found[1].args[0])
    return found if is_static(name) and _asked(fr, found[1], method, name) else None


def _is_one(fr: Frame) -> bool:
    """Whether one item chooses, and not those of plates at once."""
    handler = fr.session.current(fr.session.handlers[-1])
    found = (
        dict(zip(handler.keys, handler.values, strict=True)) if isinstance(handler, Parts) else {}
    )
    sizes = found.get("sizes")
    return sizes is None or (isinstance(sizes, Parts) and not sizes.values)


def _asked(fr: Frame, call: Any, method: FrontValue, name: FrontValue) -> bool:
    """Whether the handler sums the site out: it has no value, and the distribution is over few numbers."""
    if not static(HOOKS["call"](fr, call, method, [name], {})):
        return False
    distribution = fr.expr(call.args[1])
    is_discrete = HOOKS["attribute"](fr, distribution, "is_discrete", call)
    is_finite = isinstance(distribution, Parts) and hasattr(distribution.cls, "enumerate_support")
    return is_finite and is_static(is_discrete) and bool(static(is_discrete))


def _split(fr: Frame, rest: Statements) -> tuple[list[Any], list[Any]]:
    """What belongs to the block of the choice, and what stands behind a `with` that it ends with."""
    at = next((k for k, r in enumerate(rest) if getattr(r, "leaves", False)), len(rest))
    return list(rest[:at]), list(rest[at:])


HOOKS["summed"] = summed


# ---- one choice ------------------------------------------------------------------------------------------


def _sum(s: Any, z: str, call: Any, inside: Statements, terms: str, is_plain: bool) -> list[Any]:
    """`is_plain`: the value is its own number."""
    name, distribution = call.args
    state = z if is_plain and z not in _assigned(inside) else f"%{z}"
    body = [
        _assign(s, z, _call(s, "enter_choice", _name(s, state), distribution)),
        *_without_return(inside),
        _leave(s, terms, state),
    ]
    return [
        _assign(s, terms, _call(s, "choose", name, distribution)),
        _loop(s, state, _range(s, terms), body),
        placed(s, gast.Expr(_call(s, "choose_all", _name(s, terms)))),
    ]


# ---- choices that turns hand on --------------------------------------------------------------------------


def _hands_on(fr: Frame, loop: Any, z: str) -> bool:
    """Whether a loop draws `z` again from a distribution that may depend on the last one."""
    if not isinstance(loop, gast.For):
        return False
    k = _drawn_at(loop, z)  # summed out as the one before the loop is
    return k is not None and _draw(fr, loop.body[k]) is not None


def _drawn_at(loop: Any, z: str) -> int | None:
    for k, s in enumerate(loop.body):
        if isinstance(s, gast.Assign) and isinstance(s.value, gast.Call) and len(s.value.args) == 2:
            (target,) = s.targets[:1]
            if isinstance(target, gast.Name) and target.id == z and _reads([s.value], z):
                return k
    return None


def _chain(fr: Frame, s: Any, z: str, call: Any, inside: Statements, at: int) -> list[Any]:
    """The forward recursion: `log_alpha` has the logarithm of all that leads to each state."""
    log_alpha = _unused(fr, "log_alpha")
    first = _sum(s, z, call, inside[:at], log_alpha, True)
    return [*first[:-1], *_turns(fr, s, inside[at], z, log_alpha)]


def _from_a_known_state(
    fr: Frame, loop: Any, rest: Statements, live: frozenset[str]
) -> Done | None:
    """Read a loop whose first turn draws in view of a state that is no choice, but given."""
    names = [s.targets[0].id for s in loop.body if _is_assigned_name(s)]
    z = next((n for n in names if n in fr.env and _hands_on(fr, loop, n)), None)
    if z is None:
        return None
    draw = loop.body[_drawn_at(loop, z)]
    name, distribution = draw.value.args
    own = _assigned([loop]) - {z}
    method = handler_method(fr, "sums_out")
    is_known = isinstance(name, gast.Constant) and not any(_reads([distribution], n) for n in own)
    if method is None or not is_known or not _asked(fr, draw.value, method, fr.expr(name)):
        return None
    if _reads(rest, z) or z in live:
        fr.fail(loop, f"the last `{z}` is used behind the loop, and is summed out", _ADVICE)
    _bind_steps(fr)
    log_alpha = _unused(fr, "log_alpha")
    first = _call(loop, "choose_from", name, distribution, _name(loop, z))
    made = [_assign(loop, log_alpha, first), *_turns(fr, loop, loop, z, log_alpha), *rest]
    return HOOKS["block"](fr, made, live)  # type: ignore[no-any-return]


def _is_assigned_name(s: Any) -> bool:
    return (
        isinstance(s, gast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], gast.Name)
    )


def _turns(fr: Frame, s: Any, loop: Any, z: str, log_alpha: str) -> list[Any]:
    """The loop of the recursion, and the sum of what it has found in the end, which is said of `s`."""
    k = _drawn_at(loop, z)
    assert k is not None
    draw, before, after = loop.body[k], loop.body[:k], loop.body[k + 1 :]
    _check_exits(fr, z, after)
    _check_before(fr, draw, z, before)
    _check(fr, draw, z, _assigned(after), [], fr.source.flow.turn.get(id(loop), frozenset()) - {z})
    following = _unused(fr, "following")
    terms, state = _unused(fr, "terms"), _unused(fr, f"next_{z}")
    name, distribution = draw.value.args
    places = placed(draw, gast.Subscript(_name(draw, terms), _name(draw, z), gast.Store()))
    handed = _call(draw, "hand_on", _item(draw, log_alpha, z), _name(draw, state), distribution)
    inner = _loop(
        draw, z, _range(draw, log_alpha), [placed(draw, gast.Assign([places], handed, None))]
    )
    turn = [
        _assign(draw, terms, _empty(draw, log_alpha)),
        inner,
        _assign(draw, z, _call(draw, "choose_next", name, _name(draw, state), _name(draw, terms))),
        *after,
        _leave(draw, following, state),
    ]
    body = [
        *before,
        _assign(draw, following, _empty(draw, log_alpha)),
        _loop(draw, state, _range(draw, log_alpha), turn),
        _assign(draw, log_alpha, _name(draw, following)),
    ]
    new = placed(loop, gast.For(loop.target, loop.iter, body, [], None))
    live = fr.source.flow.turn.get(id(loop), frozenset())
    new.carried = [*sorted((_assigned([*before, *after]) & live) - {z}), log_alpha]
    return [new, placed(s, gast.Expr(_call(s, "choose_all", _name(s, log_alpha))))]


# ---- what would be lost ----------------------------------------------------------------------------------


def _check(
    fr: Frame, s: Any, z: str, names: set[str], behind: Statements, live: frozenset[str]
) -> None:
    """Nothing that depends on the choice may be used outside of the sum."""
    for name in sorted(names):
        if name in live or _reads(behind, name):
            what = "is" if name == z else f"may depend on `{z}`, which is"
            fr.fail(s, f"`{name}` is used behind the block, and {what} summed out", _ADVICE)


def _check_before(fr: Frame, draw: Any, z: str, before: Statements) -> None:
    """What a turn computes before the draw is the same for all states: it neither reads the last one nor draws."""
    for s in before:
        if _reads([s], z) or may_exit(s) or not all(_is_of_numpy(fr, c) for c in _calls(s)):
            fr.fail(
                s,
                f"this stands before `{z}` is drawn again, and may draw or depend on the last `{z}`",
                "Write it behind the draw, or with NumPy's functions alone.",
            )


def _calls(s: Any) -> list[Any]:
    return [n for n in gast.walk(s) if isinstance(n, gast.Call)]


def _is_of_numpy(fr: Frame, call: Any) -> bool:
    """Whether a function of NumPy's, SciPy's or Python's is called."""
    root = call.func
    while isinstance(root, gast.Attribute):
        root = root.value
    if not isinstance(root, gast.Name) or root.id in fr.local:
        return False
    function = fr.expr(call.func)
    module = getattr(getattr(function, "value", None), "__module__", None) or ""
    is_ufunc = isinstance(getattr(function, "value", None), np.ufunc)
    return is_ufunc or module.partition(".")[0] in ("numpy", "scipy", "math", "builtins")


def _check_exits(fr: Frame, z: str, inside: Statements) -> None:
    for r in inside:
        if may_exit(r):
            fr.fail(
                r,
                f"this may leave the block, where `{z}` is summed out",
                "Write what is skipped under an `if`.",
            )


def _check_returned(fr: Frame, z: str, inside: Statements) -> None:
    """What a model returns is not asked for; what a block of it returns is."""
    is_return = bool(inside) and isinstance(inside[-1], gast.Return)
    if is_return and inside[-1].value is not None and _is_block(fr):
        fr.fail(inside[-1], f"this may depend on `{z}`, which is summed out", _ADVICE)


def _is_block(fr: Frame) -> bool:
    """Whether the function was called by another one of the user's."""
    return fr.caller is not None and not fr.caller.source.file.startswith("<srcdiff ")


def _assigned(statements: Iterable[Any]) -> set[str]:
    """The names that are assigned, or written into."""
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


def _reads(trees: Iterable[Any], name: str) -> bool:
    return any(
        isinstance(n, gast.Name) and n.id == name and isinstance(n.ctx, gast.Load)
        for t in trees
        for n in gast.walk(t)
    )


# ---- trees -----------------------------------------------------------------------------------------------


def _unused(fr: Frame, name: str) -> str:
    taken = {*fr.local, *fr.env}
    names = (name if k == 1 else f"{name}_{k}" for k in count(1))
    name = next(n for n in names if n not in taken)
    fr.env[name] = Known(None)
    return name


def _name(s: Any, name: str, context: Any = None) -> Any:
    return placed(s, gast.Name(name, context or gast.Load(), None, None))


def _assign(s: Any, name: str, value: Any) -> Any:
    return placed(s, gast.Assign([_name(s, name, gast.Store())], value, None))


def _call(s: Any, step: str, *args: Any) -> Any:
    return placed(s, gast.Call(_name(s, f"%{step}"), list(args), []))


def _item(s: Any, array: str, index: str) -> Any:
    return placed(s, gast.Subscript(_name(s, array), _name(s, index), gast.Load()))


def _python(s: Any, function: str, name: str) -> Any:
    return placed(s, gast.Call(_name(s, f"%{function}"), [_name(s, name)], []))


def _leave(s: Any, terms: str, state: str) -> Any:
    """`terms[state] = leave_choice()`, the end of what depends on a choice."""
    place = placed(s, gast.Subscript(_name(s, terms), _name(s, state), gast.Store()))
    made = placed(s, gast.Assign([place], _call(s, "leave_choice"), None))
    made.leaves = True
    return made


def _range(s: Any, array: str) -> Any:
    return placed(s, gast.Call(_name(s, "%range"), [_python(s, "len", array)], []))


def _empty(s: Any, array: str) -> Any:
    return _python(s, "empty_like", array)


def _loop(s: Any, target: str, items: Any, body: list[Any]) -> Any:
    made = placed(s, gast.For(_name(s, target, gast.Store()), items, body, [], None))
    made.carried = ()
    made.is_sum = True
    return made


def _without_return(statements: Statements) -> list[Any]:
    """A model's own value is not asked for."""
    is_last = bool(statements) and isinstance(statements[-1], gast.Return)
    return list(statements[:-1] if is_last else statements)
