"""Reverse mode of calls: a call of a user's function becomes a call of that function's adjoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from srcdiff.errors import called_at
from srcdiff.ir.core import Call, Function
from srcdiff.ir.recursion import calls_of_itself
from srcdiff.ir.types import NONE, Struct, is_float
from srcdiff.ir.values import Atom, Value, is_zero
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope, adjoint_type
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.reverse.recursive_value_and_grad import leaf_types, of_value
from srcdiff.transforms.analysis.activity import active_values

Positions = tuple[int, ...]


def wanted_of(fn: Function, wrt: Positions, seeded: Positions) -> tuple[Positions, Positions]:
    """The arguments and results for which the adjoint of a function is made, if a call needs `wrt` and `seeded`.

    A recursive function may need more: it has one adjoint, which serves all of its calls.
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
    """Append a call of the helper's adjoint, which takes the adjoints of the results, the arguments and the results,
    and returns the adjoints of the arguments. If the call returns slopes beside its value, these are multiplied by
    the adjoint of the value instead.
    """
    seeded = [k for k, v in enumerate(call.results) if r.is_active(v)]
    if not seeded:
        return
    found = {k: r.take_whole(call.results[k], scope) for k in seeded}
    active = [k for k, a in enumerate(call.operands) if r.is_active(a)]
    if not active or all(map(is_zero, found.values())):
        return
    if _slopes_are_enough(call, seeded, active):
        _reverse_by_slopes(r, call, found[seeded[0]], active, scope)
        return
    wrt, all_seeded = wanted_of(call.function, tuple(active), tuple(seeded))
    with called_at(call.location):
        slopes = make_slopes(call.function, wrt, all_seeded)
    if slopes is not None:
        again = replace(call, results=tuple(replace(v) for v in call.results))
        given = of_value(again, slopes, wrt)
        operands = tuple(r.forward.primal(a, scope) for a in call.operands)
        scope.b.append(replace(given, operands=operands, origin="adjoint"))
        shares = given.results[len(call.results) :]
        d = found[seeded[0]]
        _contribute_all(r, call, [_times(d, u, scope) for u in shares], wrt, active, scope)
        return
    d_outs = [found[k] if k in found else r.zeros(call.results[k], scope) for k in all_seeded]
    guarded = tuple(k for k, v in enumerate(call.results) if v in r.guarded)
    with called_at(call.location):
        helper = make_adjoint(call.function, wrt, all_seeded, guarded)
    operands = (*d_outs, *(r.forward.primal(a, scope) for a in (*call.operands, *call.results)))
    # with dimensions of this function
    types = [t for k in wrt for t in leaf_types(call.operands[k].type)]
    names = helper.interface.gradient_names
    kinds = [adjoint_type(t) if is_float(t) else NONE for t in types]
    results = tuple(Value(t, f"d_{n}") for t, n in zip(kinds, names, strict=True))
    scope.b.append(Call(helper, operands, results, call.location, "adjoint"))
    _contribute_all(r, call, results, wrt, active, scope)


def _slopes_are_enough(call: Call, seeded: Sequence[int], active: Sequence[int]) -> bool:
    """Whether the slopes that came with the value suffice: no other argument and no other result is involved."""
    partials = call.function.interface.partials
    if partials is None:
        return False
    return set(active) <= set(partials.wrt) and [*seeded] == [partials.of]


def _reverse_by_slopes(r: Reversal, call: Call, d: Atom, active: list[int], scope: Scope) -> None:
    """Multiply the slopes that a call returned by the adjoint of its value."""
    partials = call.function.interface.partials
    assert partials is not None
    slopes = [r.forward.primal(u, scope) for u in call.results[partials.results :]]
    _contribute_all(r, call, [_times(d, u, scope) for u in slopes], partials.wrt, active, scope)


def _times(d: Atom, slope: Atom, scope: Scope) -> Atom:
    return scope.b.op(arithmetic.multiply, d, slope) if is_float(slope.type) else slope


def _contribute_all(
    r: Reversal,
    call: Call,
    amounts: Sequence[Atom],
    wrt: Positions,
    active: list[int],
    scope: Scope,
) -> None:
    """Contribute `amounts`, one for each leaf of the arguments at `wrt`, to the arguments that have adjoints."""
    left = iter(amounts)
    for k in wrt:
        operand = call.operands[k]
        own = [next(left) for _ in leaf_types(operand.type)]
        if isinstance(operand, Value) and k in active:
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
