"""Calls of derivatives inside a function that is read: `loss.grad(w)`, `hessian(w)`, a batch.

The derivative is generated for the types of the arguments, as IR, and called like a helper function of the user.
The later stages generate it (`services().derive`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gast

from srcdiff.errors import DifferentiationError
from srcdiff.frontend.calls.outlined import (
    Renaming,
    append_call,
    argument_type,
    new_renaming,
    why_not_alone,
)
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import FrontValue, Parts
from srcdiff.frontend.derivatives.services import Handle, services
from srcdiff.ir.core import Function
from srcdiff.ir.types import Array, Dim, Struct, Type, is_float
from srcdiff.ir.values import Const, Value, const


def is_derived(function: object) -> bool:
    return type(function).__module__ == "srcdiff.handles.generated" and hasattr(function, "derived")


def for_call(function: object, count: int, keywords: tuple[str, ...]) -> object:
    """The derivative of a function of `*args` for a number of arguments; any other object as it is."""
    is_one_of_many = type(function).__module__ == "srcdiff.handles.differentiable"
    return (
        function.for_call(count, keywords)
        if is_one_of_many and hasattr(function, "for_call")
        else function
    )


def call_derived(
    fr: Frame,
    node: gast.AST,
    handle: Handle,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """A `Call` of a generated function for the types of its arguments."""
    env = _bound(fr, node, handle, args, kwargs)
    function, renaming = derived_for(fr, node, handle, env)
    given = dict(zip((p.name for p in function.params), env.values(), strict=True))
    return append_call(fr, node, function, given, renaming)


def derived_for(
    fr: Frame,
    node: gast.AST,
    handle: Handle,
    env: Mapping[str, FrontValue],
    long: Sequence[str] = (),
) -> tuple[Function, Renaming]:
    """A generated function for the types of its arguments, and what it calls their lengths; axes of those in `long`
    are known to be longer than 1.
    """
    shapes = fr.session.shapes
    renaming = new_renaming(shapes)
    names = handle.signature.names
    types: dict[str, Type] = {}
    for name, value in env.items():
        is_static = isinstance(value, Const) and not is_float(value.type)
        types[name] = argument_type(renaming, name, value, is_static)
    for name, type_ in types.items():
        for dim in _axes(type_):
            if (
                name not in long
                and not dim.is_const
                and not shapes.take_as_long(dim.substitute(renaming.back))
            ):
                fr.fail(
                    node,
                    f"an axis of `{name}` in this call of {handle.__name__} may have length 1, where a derivative is "
                    "another one",
                    "Pass an argument of the function itself, or one whose length is known not to be 1.",
                )
    actual = _actual(types, renaming.back, shapes)
    compared = any(d.symbols() <= shapes.compared for d in renaming.back.values() if d.symbols())
    try:
        function = services().derive(handle, {n: types[n] for n in names}, actual, compared)
    except DifferentiationError as error:
        chain = (fr.source.location(node), *error.chain)
        raise type(error)(error.message, error.advice, error.location, chain) from None
    function = _with_own_results(function)
    why_not = why_not_alone(function, may_raise=True)
    if why_not:
        fr.fail(node, f"{handle.__name__} {why_not}", "Write out what it does.")
    return function, renaming


def _with_own_results(function: Function) -> Function:
    """What is known of a function's results is no longer that of those of the function that it is the derivative of:
    they are numbers and arrays of its own.
    """
    own = (frozenset[Any](),) * len(function.body.yields)
    source = function.source
    zero_dim = replace(source.zero_dim, results=own, held=own, unshared=frozenset())
    return replace(function, source=replace(source, zero_dim=zero_dim))


def _bound(
    fr: Frame,
    node: gast.AST,
    handle: Handle,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> dict[str, FrontValue]:
    """The arguments by name: the function's own, then tangents."""
    s = handle.signature
    last = args[-1] if args else None
    if s.spread and isinstance(last, Parts):
        args = [*args[:-1], *last.values]
    further = [f"{n}_{k}" for n in s.further for k in range(len(s.wrt))] if s.spread else s.further
    further = [n if n not in s.names else f"{n} behind" for n in further]
    names = [*s.names, *further]
    env = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in env:
            fr.fail(node, f"{handle.__name__}() got an unexpected argument `{name}`")
        env[name] = value
    missing = [n for n in names if n not in env and n not in s.defaults]
    if missing or len(args) > len(names):
        listed = ", ".join(names)
        fr.fail(node, f"{handle.__name__}() takes the arguments {listed}; {len(args)} were given")
    for name in names:
        if name not in env:
            env[name] = fr.from_python(s.defaults[name], name, node)
    for name in [s.names[k] for k in s.wrt] + [*further]:
        value = env[name]
        if isinstance(value, Const) and type(value.value) is int:
            env[name] = const(float(value.value))
    for name, value in env.items():
        if not isinstance(value, Value | Const | Parts):
            env[name] = fr.as_atom(value, node)
    return {n: env[n] for n in names}


def _axes(type_: Type) -> tuple[Dim, ...]:
    match type_:
        case Array():
            return type_.shape
        case Struct():
            return tuple(d for part in type_.parts for d in _axes(part))
    return ()


def _actual(types: Mapping[str, Type], back: Mapping[str, Dim], shapes: Symbols) -> dict[str, int]:
    """The lengths of axes for the given arguments; whole numbers are left out."""
    found: dict[str, int] = {}
    for symbol in {s for t in types.values() for d in _axes(t) for s in d.symbols()}:
        length = shapes.actually(shapes.resolve(back[symbol]))
        if length is not None:
            found[symbol] = length
    return found
