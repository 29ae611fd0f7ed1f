"""Reverse mode through calls of the user's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from srcdiff.errors import called_at
from srcdiff.ir.core import (
    Atom,
    Call,
    Function,
    Value,
)
from srcdiff.ir.recursion import calls_of_itself
from srcdiff.ir.types import NONE, Struct, is_float
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope, adjoint_type, is_zero
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.reverse.recursive_value_and_grad import leaf_types, of_value
from srcdiff.transforms.analysis.activity import active_values

__all__ = ["Positions", "reverse_call", "wanted_of"]

Positions = tuple[int, ...]


def wanted_of(fn: Function, wrt: Positions, seeded: Positions) -> tuple[Positions, Positions]:
    """The arguments and results that the adjoint of a function is about, where a call needs these.

    A function that calls itself may ask for more: it has one adjoint, for all that any of these calls need.
    """
    inner = calls_of_itself(fn)
    while inner:
        targets = [fn.params[k] for k in wrt]
        active = active_values(fn, targets, [fn.body.yields[k] for k in seeded])
        more = set(wrt), set(seeded)
        for call in inner:
            results = {k for k, v in enumerate(call.results) if v in active}
            if results:
                more[1].update(results)
                more[0].update(k for k, a in enumerate(call.operands) if a in active)
        found = tuple(sorted(more[0])), tuple(sorted(more[1]))
        if found == (wrt, seeded):
            break
        wrt, seeded = found
    return wrt, seeded


def reverse_call(
    r: Reversal,
    call: Call,
    scope: Scope,
    make_adjoint: Callable[..., Function],
    make_slopes: Callable[..., Function | None],
) -> None:
    """A call backwards is a call of the helper's own adjoint: adjoints of results, arguments and results in,
    adjoints out. That of a helper whose derivative comes with its value is multiplied.
    """
    seeded = [k for k, v in enumerate(call.results) if r.is_active(v)]
    if not seeded:
        return
    found = {k: r.take_whole(call.results[k], scope) for k in seeded}
    asked = [k for k, a in enumerate(call.operands) if r.is_active(a)]
    if not asked or all(map(is_zero, found.values())):
        return
    if _slopes_are_enough(call, seeded, asked):
        _reverse_by_slopes(r, call, found[seeded[0]], asked, scope)
        return
    wrt, all_seeded = wanted_of(call.function, tuple(asked), tuple(seeded))
    with called_at(call.location):
        slopes = make_slopes(call.function, wrt, all_seeded)
    if slopes is not None:
        again = replace(call, results=tuple(replace(v) for v in call.results))
        given = of_value(again, slopes, wrt)
        operands = tuple(r.forward.primal(a, scope) for a in call.operands)
        scope.b.append(replace(given, operands=operands, origin="adjoint"))
        shares = given.results[len(call.results) :]
        d = found[seeded[0]]
        _contribute_all(r, call, [_times(d, u, scope) for u in shares], wrt, asked, scope)
        return
    d_outs = [found[k] if k in found else r.zeros(call.results[k], scope) for k in all_seeded]
    with called_at(call.location):
        helper = make_adjoint(call.function, wrt, all_seeded)
    operands = (*d_outs, *(r.forward.primal(a, scope) for a in (*call.operands, *call.results)))
    types = [
        t for k in wrt for t in leaf_types(call.operands[k].type)
    ]  # in this function's own lengths
    names = helper.interface.gradient_names
    kinds = [adjoint_type(t) if is_float(t) else NONE for t in types]
    results = tuple(Value(t, f"d_{n}") for t, n in zip(kinds, names, strict=True))
    scope.b.append(Call(helper, operands, results, call.location, "adjoint"))
    _contribute_all(r, call, results, wrt, asked, scope)


def _slopes_are_enough(call: Call, seeded: Sequence[int], asked: Sequence[int]) -> bool:
    """Whether all that is needed came with the value: not derivatives of derivatives, nor those by others."""
    partials = call.function.interface.partials
    if partials is None:
        return False
    return set(asked) <= set(partials.wrt) and [*seeded] == [partials.of]


def _reverse_by_slopes(r: Reversal, call: Call, d: Atom, asked: list[int], scope: Scope) -> None:
    """A call that gave its derivatives, too: they are multiplied by the adjoint of its value."""
    partials = call.function.interface.partials
    assert partials is not None
    slopes = [r.forward.primal(u, scope) for u in call.results[partials.results :]]
    _contribute_all(r, call, [_times(d, u, scope) for u in slopes], partials.wrt, asked, scope)


def _times(d: Atom, slope: Atom, scope: Scope) -> Atom:
    return scope.b.op(arithmetic.multiply, d, slope) if is_float(slope.type) else slope


def _contribute_all(
    r: Reversal, call: Call, amounts: Sequence[Atom], wrt: Positions, asked: list[int], scope: Scope
) -> None:
    """Contribute what is given for the leaves of the arguments at `wrt` to those that have adjoints."""
    left = iter(amounts)
    for k in wrt:
        operand = call.operands[k]
        own = [next(left) for _ in leaf_types(operand.type)]
        if isinstance(operand, Value) and k in asked:
            _spread(r, operand, operand, iter(own), scope)


def _spread(r: Reversal, operand: Value, at: Value, results: Iterator[Atom], scope: Scope) -> None:
    """Contribute the results of a helper's adjoint to an argument, leaf by leaf."""
    if isinstance(at.type, Struct):
        for part in r.parts(at):
            _spread(r, operand, part, results, scope)
        return
    d = next(results)
    if at in r.active:
        r.contribute(at, d, scope)
