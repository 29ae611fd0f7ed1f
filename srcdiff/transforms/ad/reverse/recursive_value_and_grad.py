"""Derivatives of recursive functions: one recursion computes the value and the gradient.

    power_backward(d_out, x, n):                  power_value_and_grad(x, n):
        value = power(x, n - 1)                       value, d_x = power_value_and_grad(x, n - 1)
        d_x = power_backward(d_out * x, x, n - 1)     return x * value, value + x * d_x
        return d_out * value + d_x

An adjoint that needs the values of its function's calls computes them again at each level: it makes n^2 calls where the
function makes n. The adjoint is linear in the adjoint of the result. If the result is one number, its derivatives for
an adjoint of 1 (its *slopes*) are computed together with the value. The backward part multiplies them by the adjoint of
the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.ir.build import with_parts
from srcdiff.ir.core import Call, Function, If, Node, Region, Statement, regions_of, walk
from srcdiff.ir.facts import Partials
from srcdiff.ir.recursion import is_itself, is_recursive, stand_in
from srcdiff.ir.types import NONE, List, Scalar, Struct, Type, is_float
from srcdiff.ir.values import Value
from srcdiff.transforms.ad.adjoints.accumulate import adjoint_type
from srcdiff.transforms.analysis.activity import active_values
from srcdiff.transforms.analysis.defuse import count_uses
from srcdiff.transforms.simplify.calls.dead_arguments import used_params

Positions = tuple[int, ...]
Make = Callable[[Function, Positions, Positions], Function | None]


def has_slopes(fn: Function, wrt: Positions, seeded: Positions) -> bool:
    """Whether the adjoint of a function is a product with one number: one scalar result, and no lists at `wrt`."""
    if len(seeded) != 1 or not isinstance(fn.body.yields[seeded[0]].type, Scalar):
        return False
    return not any(isinstance(t, List) for k in wrt for t in leaf_types(fn.params[k].type))


def uses_values(adjoint: Function, fn: Function) -> bool:
    """Whether an adjoint calls the function of which it is the adjoint, and uses the results."""
    needed, _ = used_params(adjoint)
    uses = count_uses(needed)
    calls = (s for s in walk(needed.body) if isinstance(s, Call) and s.function.name == fn.name)
    return any(is_recursive(s.function) and any(map(uses.get, s.results)) for s in calls)


def giving_slopes(fn: Function, wrt: Positions, seeded: Positions) -> Function:
    """A recursive function whose calls of itself also return the derivatives with respect to the arguments at `wrt`,
    where these derivatives are needed. The function itself does not return them yet.
    """
    targets = [fn.params[k] for k in wrt]
    active = active_values(fn, targets, [fn.body.yields[k] for k in seeded])
    count = len(fn.body.yields)
    slopes = [Value(t) for p in targets for t in _slope_types(p.type)]
    names = tuple(name for p in targets for name in _leaf_names(p.name, p.type))
    partials = Partials(wrt, count, seeded[0])
    interface = replace(fn.interface, gradient_names=names, partials=partials)
    name = f"{fn.name}_value_and_grad"
    header = Region(fn.params, (), (*fn.body.yields, *slopes))
    me = stand_in(Function(name, header, Node("tuple", (), ()), interface=interface))

    def changed(call: Call) -> Call:
        if not is_itself(call.function):
            return call
        used, given = _active_positions(call, active)
        return of_value(call, me, wrt) if used and given else replace(call, function=fn)

    return replace(
        fn, name=name, body=_with_calls(fn.body, changed, in_loops=True), interface=interface
    )


def with_slopes(fn: Function, wrt: Positions, results: Positions, make: Make) -> Function:
    """The function with calls that return slopes, where the backward part will need them. `make` gives the function
    to call. Calls inside of loops stay: their slopes would be stored for each iteration.
    """
    if not any(isinstance(s, Call) and is_recursive(s.function) for s in walk(fn.body)):
        return fn
    active = active_values(fn, [fn.params[k] for k in wrt], [fn.body.yields[k] for k in results])

    def changed(call: Call) -> Call:
        used, given = _active_positions(call, active)
        found = make(call.function, used, given) if used and given else None
        if found is None or found.interface.partials is None:
            return call
        return of_value(call, found, found.interface.partials.wrt)

    return fn.with_body(_with_calls(fn.body, changed, in_loops=False))


def of_value(call: Call, fn: Function, wrt: Positions) -> Call:
    """The call as a call of `fn`, which returns the same results, and the derivatives with respect to `wrt`."""
    types = [t for k in wrt for t in _slope_types(call.operands[k].type)]
    names = fn.interface.gradient_names
    slopes = tuple(Value(t, f"d_{n}") for t, n in zip(types, names, strict=True))
    return replace(call, function=fn, results=(*call.results, *slopes), origin="compiler")


def leaf_types(type_: Type) -> Sequence[Type]:
    """The types of the leaves of a value: of its parts where it is a structure, of itself otherwise."""
    if isinstance(type_, Struct):
        return [leaf for part in type_.parts for leaf in leaf_types(part)]
    return [type_]


def _slope_types(type_: Type) -> list[Type]:
    return [adjoint_type(t) if is_float(t) else NONE for t in leaf_types(type_)]


def _leaf_names(name: str, type_: Type) -> list[str]:
    if not isinstance(type_, Struct):
        return [name]
    named = (f"{name}_{k}" if name else str(k) for k in type_.keys)
    return [n for k, t in zip(named, type_.parts, strict=True) for n in _leaf_names(k, t)]


def _active_positions(call: Call, active: frozenset[Value]) -> tuple[Positions, Positions]:
    """The positions of the arguments and results of a call that have adjoints."""
    used = tuple(k for k, a in enumerate(call.operands) if a in active)
    return used, tuple(k for k, v in enumerate(call.results) if v in active)


def _with_calls(region: Region, change: Callable[[Call], Call], in_loops: bool) -> Region:
    """The region with each call changed, also inside of branches (and of loops, with `in_loops`)."""

    def statement(s: Statement) -> Statement:
        if isinstance(s, Call):
            return change(s)
        inside = regions_of(s)
        if not inside or not (in_loops or isinstance(s, If)):
            return s
        return with_parts(s, s.operands, [_with_calls(r, change, in_loops) for r in inside])

    return replace(region, body=tuple(map(statement, region.body)))
