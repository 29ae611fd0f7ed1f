"""Calls: the arguments, and whether the callee is a closure, a method or a Python object."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType

import gast
import numpy as np

from srcdiff.frontend.arrays.subscripts import shape_parts
from srcdiff.frontend.callees.dispatch import call_known, is_hashable, takes_all
from srcdiff.frontend.calls.inline import call_closure, call_function
from srcdiff.frontend.calls.lambda_lifting import found_around
from srcdiff.frontend.containers.container_views import let_go, mark_reread
from srcdiff.frontend.containers.dunder_methods import call_dunder, refuse_own_items
from srcdiff.frontend.containers.lists import is_list
from srcdiff.frontend.core.frame import Frame, describe, reads
from srcdiff.frontend.core.values import (
    Args,
    Closure,
    FrontValue,
    Known,
    Kwargs,
    Method,
    Parts,
    Piece,
    ShapeOf,
)
from srcdiff.frontend.iteration.comprehensions import reducing
from srcdiff.frontend.iteration.iterable_builtins import BUILTINS as ITERATION
from srcdiff.frontend.iteration.iterables import few, taken
from srcdiff.frontend.iteration.iterators import changes_around, makes_iterator, passes
from srcdiff.frontend.joins.phi import known_dict
from srcdiff.frontend.source.wrappers import function_of, is_library
from srcdiff.frontend.syntax.attributes import call_method
from srcdiff.ir.types import Array, Static, Struct
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.arrays.containers import get, unpack
from srcdiff.ops.arrays.memory import index
from srcdiff.ops.core.registry import find


@reads(gast.Call)
def _call(fr: Frame, node: gast.AST) -> FrontValue:
    function = fr.expr(node.func)
    if (
        len(node.args) == 1
        and isinstance(node.args[0], gast.GeneratorExp)
        and isinstance(function, Known)
    ):
        reduced = reducing(fr, node, function.value, node.args[0])
        if reduced is not None:
            let_go(fr, node)
            return reduced
    args: list[FrontValue] = []
    if isinstance(function, Known) and (function.value is np.array or function.value is np.asarray):
        node = _rows_as_arrays(node)
    _pass_on(fr, node, function)
    for argument in node.args:
        if isinstance(argument, gast.Starred):
            argument.value.at_once = True
            args += _spread(fr, fr.expr(argument.value), argument)
        else:
            args.append(fr.value_or_none(argument))
    kwargs: dict[str, FrontValue] = {}
    for keyword in node.keywords:
        value = fr.value_or_none(keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif (known := known_dict(fr, value, keyword.value)) is not None:
            kwargs.update(zip(known.keys, known.values, strict=True))
        else:
            fr.untyped(
                keyword.value, "`**` takes a dict of known keys", "Pass the arguments by name."
            )
    if not _is_read(function) and not _puts_on(function):
        args = [fr.unwrap(a, node) for a in args]
        kwargs = {k: fr.unwrap(v, node) for k, v in kwargs.items()}
    value = call_value(fr, node, function, args, kwargs)
    if fr.session.viewed and _uses_up(function):
        let_go(fr, node)
    return value


def _uses_up(function: FrontValue) -> bool:
    """Whether a call goes through all of its arguments."""
    known = function.value if isinstance(function, Known) else None
    return is_hashable(known) and (
        known in _PASSING or (takes_all(known) and not makes_iterator(known))
    )


def _is_read(function: FrontValue) -> bool:
    """Whether this is a function of the user's, which may ask whether an argument is None."""
    if isinstance(function, Known):
        known = function_of(function.value)
        return type(known) is FunctionType and not is_library(known) and find(known) is None
    return isinstance(function, Closure | Piece) or (
        isinstance(function, Method) and function.function is not None
    )


def _puts_on(function: FrontValue) -> bool:
    """Whether this is a method that puts its argument on a list, None as well."""
    if not isinstance(function, Method) or function.name not in ("append", "insert"):
        return False
    return is_list(function.receiver)


def _rows_as_arrays(node: gast.AST) -> gast.Call:
    """`np.array([np.array([... for j in m]) for i in n])` for an array of nested comprehensions."""
    known = getattr(
        node, "with_arrays", None
    )  # one tree for all readings: what is learned is noted on its nodes
    if known is not None:
        return known
    rows = node.args[0] if node.args else None
    if not isinstance(rows, gast.ListComp) or not isinstance(rows.elt, gast.ListComp | gast.List):
        return node
    row = gast.copy_location(gast.Call(node.func, [rows.elt], []), rows.elt)
    outer = gast.copy_location(gast.ListComp(_rows_as_arrays(row), rows.generators), rows)
    made = gast.Call(node.func, [outer, *node.args[1:]], node.keywords)
    node.with_arrays = gast.copy_location(made, node)
    return node.with_arrays


_PASSING = (sum, len, min, max, any, all)  # take the items one after another, at once


def _pass_on(fr: Frame, node: gast.AST, function: FrontValue) -> None:
    """Mark arguments that need no copy: they are iterated over here, or together with the result."""
    called = function.value if isinstance(function, Known) and is_hashable(function.value) else None
    mark_reread(node, called)
    if called in _PASSING:
        for argument in node.args:
            argument.in_passing = True
    elif called in ITERATION and getattr(node, "in_passing", False):
        for argument in node.args:
            argument.in_passing = passes(fr, node, argument)
    if isinstance(function, Known) and takes_all(function.value):
        for argument in node.args:
            is_late = isinstance(argument, gast.GeneratorExp | gast.Call) and makes_iterator(called)
            argument.at_once = not is_late or passes(fr, node, argument)
            _refuse_later_changes(fr, node, argument)
    elif called is next and node.args and _makes_list(node.args[0]):
        node.args[0].in_passing = True  # later items are not used


def _refuse_later_changes(fr: Frame, node: gast.AST, argument: gast.AST) -> None:
    """The items of a generator are computed after all arguments; here they are computed where the generator stands."""
    if not isinstance(argument, gast.GeneratorExp):
        return
    later = [*node.args[node.args.index(argument) + 1 :], *(k.value for k in node.keywords)]
    names = {n.func.id for a in later for n in gast.walk(a) if _calls_name(n)}
    for function in (found_around(fr, fr, name) for name in sorted(names)):
        if isinstance(function, Closure) and changes_around(fr, function):
            fr.untyped(
                node,
                "an argument after a generator changes something before the items of the generator are computed",
                "Compute that argument in a line before.",
            )


def _calls_name(node: gast.AST) -> bool:
    return isinstance(node, gast.Call) and isinstance(node.func, gast.Name)


def _makes_list(node: gast.AST) -> bool:
    """Whether this is an iterator that is a list where a loop iterates over it at once."""
    is_filter = isinstance(node, gast.Call) and getattr(node.func, "id", "") == "filter"
    return is_filter or isinstance(node, gast.GeneratorExp)


def _spread(fr: Frame, value: FrontValue, node: gast.AST) -> Sequence[FrontValue]:
    value = taken(fr, value, node)
    refuse_own_items(fr, node, value)
    if isinstance(value, ShapeOf):
        return shape_parts(fr, value, node).values
    if isinstance(value, Value) and isinstance(value.type, Struct):
        return [fr.op(node, get, value, key=k) for k in value.type.keys]
    if isinstance(value, Parts):
        return value.values
    if isinstance(value, Value) and isinstance(value.type, Array):  # `model(t, *weights)`
        count = few(fr, value.type.shape[0]) if value.type.ndim else None
        if count is not None and isinstance(node.value, gast.Name):
            return [fr.op(node, index, value, const(k), where="i") for k in range(count)]
        if count is not None:
            return fr.ops(node, unpack, value, names=("part",) * count, count=count)
    fr.untyped(
        node,
        f"`*` spreads {describe(value)} over arguments, and how many these are is known only when the program runs",
        "Pass the parts one by one.",
    )


def call_value(
    fr: Frame, node: gast.AST, function: FrontValue, args: Args, kwargs: Kwargs | None = None
) -> FrontValue:
    kwargs = kwargs or {}
    match function:
        case Closure():
            return call_closure(fr, node, function, args, kwargs)
        case Piece():
            return call_value(
                fr,
                node,
                function.function,
                [*function.args, *args],
                {**dict(function.kwargs), **kwargs},
            )
        case Method(function=None):
            return call_method(fr, node, function.receiver, function.name, args, kwargs)
        case Method():
            return call_function(fr, node, function.function, [function.receiver, *args], kwargs)
        case Known():
            return call_known(fr, node, function.value, args, kwargs)
        case Const(type=Static()) if callable(function.value):
            return call_known(fr, node, function.value, args, kwargs)
    found = call_dunder(fr, node, function, "__call__", *args, **kwargs)
    if found is not None:
        return found
    fr.fail(node, f"{describe(function)} cannot be called")
