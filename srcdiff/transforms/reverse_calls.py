"""Reverse mode through calls of the user's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from srcdiff.ir.core import (
    Call,
    Function,
    Value,
)
from srcdiff.ir.types import NONE, Struct, Type, is_float
from srcdiff.transforms.adjoints import Scope, adjoint_type, is_zero
from srcdiff.transforms.reverse_state import Reversal

__all__ = ["reverse_call"]


def reverse_call(
    r: Reversal, call: Call, scope: Scope, make_adjoint: Callable[..., Function]
) -> None:
    """A call backwards is a call of the helper's own adjoint: adjoints of results, arguments and results in,
    adjoints out.
    """
    seeded = [k for k, v in enumerate(call.results) if r.is_active(v)]
    if not seeded:
        return
    d_outs = [r.take_whole(call.results[k], scope) for k in seeded]
    wrt = [k for k, a in enumerate(call.operands) if r.is_active(a)]
    if not wrt or all(map(is_zero, d_outs)):
        return
    helper = make_adjoint(call.function, tuple(wrt), tuple(seeded))
    operands = (*d_outs, *(r.forward.primal(a, scope) for a in (*call.operands, *call.results)))
    types = [
        t for k in wrt for t in _leaf_types(call.operands[k].type)
    ]  # in this function's own lengths
    names = helper.notes["gradients"]
    kinds = [adjoint_type(t) if is_float(t) else NONE for t in types]
    results = tuple(Value(t, f"d_{n}") for t, n in zip(kinds, names, strict=True))
    scope.b.append(Call(helper, operands, results, call.location, "adjoint"))
    left = iter(results)
    for k in wrt:
        operand = call.operands[k]
        assert isinstance(operand, Value)
        _spread(r, operand, operand, left, scope)


def _leaf_types(type_: Type) -> list[Type]:
    return (
        [leaf for part in type_.parts for leaf in _leaf_types(part)]
        if isinstance(type_, Struct)
        else [type_]
    )


def _spread(r: Reversal, operand: Value, at: Value, results: Iterator[Value], scope: Scope) -> None:
    """Contribute the results of a helper's adjoint to an argument, leaf by leaf."""
    if isinstance(at.type, Struct):
        for part in r.parts(at):
            _spread(r, operand, part, results, scope)
        return
    d = next(results)
    if at in r.active:
        r.contribute(at, d, scope)
