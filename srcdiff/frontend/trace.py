"""A Python function and the types of its arguments -> an IR `Function`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import srcdiff.frontend.arrays.concatenators
import srcdiff.frontend.calls.calls
import srcdiff.frontend.control.exceptions
import srcdiff.frontend.control.with_statements
import srcdiff.frontend.core.augmented_assignment
import srcdiff.frontend.core.conditional_shape_checks
import srcdiff.frontend.core.expressions
import srcdiff.frontend.core.statements
import srcdiff.frontend.derivatives.adjoint_hooks
import srcdiff.frontend.effects.enumerate
import srcdiff.frontend.iteration.generators  # noqa: F401  (these register how nodes are read)
from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.arrays.stores import open_parameter
from srcdiff.frontend.calls.inline import (
    bind,
    default_values,
    first_yield,
    read_body,
    refuse_result,
)
from srcdiff.frontend.calls.lambda_lifting import Lifted, frame_of
from srcdiff.frontend.calls.outlined import NoValue, as_operand
from srcdiff.frontend.calls.recursion import check_handed_back
from srcdiff.frontend.containers.closure_lists import without_packed
from srcdiff.frontend.containers.lists import guess_again
from srcdiff.frontend.containers.zero_dim_arrays import boxes_of
from srcdiff.frontend.control.loops import unroll_again
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import HOOKS, Frame
from srcdiff.frontend.core.refusals import fail, untyped
from srcdiff.frontend.core.session import NeedStatic, Restart, Session, Symbols
from srcdiff.frontend.core.static_reads import taken_values
from srcdiff.frontend.core.values import FrontValue, Text, tree_of
from srcdiff.frontend.effects.effects import with_origins
from srcdiff.frontend.source.function_source import (
    Source,
    function_of,
    is_library,
    look_up,
    source_of,
    unknown_decorator,
)
from srcdiff.ir.build import Builder, change_dims
from srcdiff.ir.core import Atom, Function, Tree, Value
from srcdiff.ir.types import Dim, Dynamic, List, Scalar, Static, Struct, Type, all_dims, dims_of

__all__ = ["trace"]

_RESTARTS = 100


def trace(
    function: Any,
    arg_types: Sequence[Type],
    *,
    shapes_actual: Mapping[str, int] | None = None,
    names: Sequence[str] | None = None,
    any_lengths: bool = False,
) -> Function:
    """Read a function for arguments of these types.

    Parameters
    ----------
    function
        A Python function, possibly decorated, or a bound method.
    arg_types
        One for each argument, as `arguments.type_of_argument` makes them; `Static` for one known when compiling.
    shapes_actual
        The lengths and integers of the arguments at hand, by symbol. They decide what the types leave open
        (whether two lengths are equal, what an integer is that has to be known when compiling); `notes` says
        what was concluded.
    names
        The parameters that the types are for; by default, by position.
    any_lengths
        What `shapes_actual` leaves out is not known: lengths that meet are taken to be equal, and `notes` says so.

    Returns
    -------
    Function
        Its `notes`: "assumptions" (pairs of lengths taken to be equal), "bindings" (what symbols turned out to
        be), "equal" (pairs of lengths that the function needs to be equal), "shown" (the arguments' own types, by
        name), "static" (parameters that had to be known, with their values), "taken" (the values it was specialised
        on), "globals" and "captured" (what was found outside, by name).
    """
    plain, first = _plain_function(function)
    source = source_of(plain)
    arguments = source.node.args
    given = [a.id for a in (*arguments.posonlyargs, *arguments.args)][len(first) :]
    if names is None and len(arg_types) > len(given):
        fail(
            f"{source.name}() takes {len(given)} arguments, {len(arg_types)} were given",
            location=source.location(source.node),
        )
    pairs = dict(zip(given if names is None else names, arg_types, strict=False))
    for name, type_ in pairs.items():
        for cls in _dynamic_classes(type_):
            untyped(
                f"the argument `{name}` is an object of {cls.__name__}, whose attributes have no types",
                "Pass numbers, arrays, and tuples, lists, dicts, named tuples or dataclasses of them.",
                source.location(source.node),
            )
    rigid = frozenset(s for t in arg_types for s in _axis_symbols(t))
    try:
        return _read(
            plain,
            pairs,
            rigid,
            dict(shapes_actual or {}),
            {},
            (plain.__code__,),
            first,
            None if names is None else _by_position(function, arguments),
            any_lengths=any_lengths,
        )
    except UnsupportedError as error:
        raise _with_way_out(error, plain, source) from None
    except NoValue as found:
        refuse_result(source, found.args[0])
        untyped(
            f"`{source.name}` returns something that is no number, array or container",
            "Return numbers, arrays, or containers of them.",
            source.location(source.node),
        )
    except NeedStatic as need:
        fail(
            f"the value of the argument `{need.parameter}` must be known when compiling",
            "Pass a plain integer or truth value for it.",
            source.location(source.node),
        )


def _dynamic_classes(type_: Type) -> Iterator[type]:
    """The classes of objects in an argument that have no type."""
    if isinstance(type_, Dynamic):
        yield type_.value
    elif isinstance(type_, Struct):
        for part in type_.parts:
            yield from _dynamic_classes(part)
    elif isinstance(type_, List):
        yield from _dynamic_classes(type_.element)


def _with_way_out(error: UnsupportedError, plain: FunctionType, source: Source) -> UnsupportedError:
    """An error in a decorator's own lines also says how to do without the decorator."""
    if not hasattr(plain, "__wrapped__") or error.chain or error.file != source.file:
        return error
    under = f"{source.name}.__wrapped__ is the function without its decorator."
    advice = f"{error.advice} {under}".strip()
    return type(error)(error.message, advice, error.location)


def _plain_function(function: Any) -> tuple[FunctionType, tuple[Any, ...]]:
    """The function under decorators, and what it is bound to."""
    first: tuple[Any, ...] = ()
    while True:
        if isinstance(function, MethodType):
            first, function = (function.__self__, *first), function.__func__
            continue
        if isinstance(function, partial):  # what it binds by name are defaults of its signature
            first, function = (*function.args, *first), function.func
            continue
        plain = function_of(function)
        if plain is function:
            break
        function = plain
    if type(function) is not FunctionType:  # a proxy says that it is one, and calls something else
        call = vars(type(function)).get("__call__")
        if isinstance(call, FunctionType):
            return call, (function, *first)
        fail(f"{function!r} is not a Python function", "Give a function that is written in Python.")
    if is_library(function):
        fail(*unknown_decorator(function))
    return function, first


def _by_position(function: Any, arguments: Any) -> frozenset[str]:
    """Where a function takes `*args` or `**kwargs` for those that it shows (a wrapper does): the ones that it gets by
    position.
    """
    if arguments.vararg is None and arguments.kwarg is None:
        return frozenset()
    shown = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    own = len(arguments.posonlyargs) + len(arguments.args)
    return frozenset(shown if arguments.vararg is not None else shown[:own])


def _axis_symbols(type_: Type) -> set[str]:
    """Symbols that are lengths of axes of arguments (those of list elements are the elements' own)."""
    if isinstance(type_, Scalar):
        return set()
    if isinstance(type_, Struct):
        return {s for part in type_.parts for s in _axis_symbols(part)}
    inner = (
        dims_of(type_.element)
        if isinstance(type_, List) and not isinstance(type_.element, Scalar)
        else dims_of(type_)
    )
    return {d.symbol for d in inner if d.symbol is not None and not d.symbol.endswith("*")}


def _read(
    plain: FunctionType,
    types: Mapping[str, Type],
    rigid: frozenset[str],
    actual: Mapping[str, int],
    functions: dict[Any, Any],
    calls: tuple[Any, ...],
    first: tuple[Any, ...] = (),
    by_position: frozenset[str] | None = None,
    may_not_run: bool = False,
    is_callee: bool = False,
    any_lengths: bool = False,
) -> Function:
    """Read until nothing new is learned that the beginning depends on."""
    hints: dict[Any, Any] = {}
    statics: dict[str, Any] = {}
    refused: UnsupportedError | None = None
    for _ in range(_RESTARTS):
        try:
            return _Reading(
                plain,
                {**types, **{k: Static(v) for k, v in statics.items()}},
                rigid,
                actual,
                hints,
                functions,
                calls,
                may_not_run,
                is_callee,
                any_lengths,
            ).function(first, statics, by_position)
        except Restart:
            continue
        except UnsupportedError as error:  # the first guess gives the message
            refused = refused or error
            if "%or dynamic" in functions:  # those that are no loops run in the interpreter
                error = UntypedError(error.message, error.advice, error.location, error.chain)
                refused = error if type(refused) is UnsupportedError else refused
            is_untyped = isinstance(error, UntypedError)
            if not guess_again(hints) and not (is_untyped and unroll_again(hints)):
                raise refused from None
        except NeedStatic as need:
            value = _actual_value(need.parameter, types, actual)
            if value is None or need.parameter in statics:
                raise
            statics[need.parameter] = value
    if isinstance(refused, UntypedError):
        raise refused
    source = plain.source if isinstance(plain, Lifted) else source_of(plain)
    raise UntypedError(
        "the types in this function do not settle",
        "Start lists and variables with values of the type that they have later.",
        source.location(source.node),
    )


def _actual_value(name: str, types: Mapping[str, Type], actual: Mapping[str, int]) -> Any:
    """The value of a scalar parameter that is specialised on."""
    type_ = types.get(name)
    if isinstance(type_, Struct) and _integers(type_):
        return tuple(actual.get(s) for s in _integers(type_))
    if not isinstance(type_, Scalar):
        return None
    symbol = name if type_.expr is None else type_.expr.symbol
    value = actual.get(symbol) if symbol is not None else None
    return bool(value) if value is not None and type_.dtype == "bool" else value


def _integers(type_: Struct) -> list[str]:
    """The symbols of the integers of a tuple; none if it holds anything else."""
    exprs = [t.expr if isinstance(t, Scalar) else None for t in type_.parts]
    symbols = [e.symbol for e in exprs if e is not None and e.symbol is not None]
    return symbols if type_.kind == "tuple" and len(symbols) == len(exprs) else []


class _Reading:
    """One reading of a function."""

    def __init__(
        self,
        plain: FunctionType,
        types: Mapping[str, Type],
        rigid: frozenset[str],
        actual: Mapping[str, int],
        hints: dict[Any, Any],
        functions: dict[Any, Any],
        calls: tuple[Any, ...],
        may_not_run: bool,
        is_callee: bool,
        any_lengths: bool,
    ) -> None:
        self.plain = plain
        self.types = types
        self.source = plain.source if isinstance(plain, Lifted) else source_of(plain)
        compared = rigid - actual.keys() if any_lengths else frozenset()
        shapes = Symbols(
            rigid=set(rigid), actual=actual, conditional=may_not_run, compared=compared
        )
        for type_ in types.values():
            for dim in all_dims(type_):
                for symbol in dim.symbols():
                    shapes.order.setdefault(symbol, len(shapes.order))
        self.session = Session(
            shapes,
            Builder(shapes),
            hints=hints,
            functions=functions,
            open_calls=calls,
            is_callee=is_callee,
        )
        find = plain.look_up if isinstance(plain, Lifted) else partial(look_up, plain)
        self.frame = Frame(self.session, self.source, find)

    def function(
        self,
        first: tuple[Any, ...],
        statics: Mapping[str, Any],
        by_position: frozenset[str] | None,
    ) -> Function:
        fr, node = self.frame, self.source.node
        params = {name: Value(t, name, True) for name, t in self.types.items()}
        self.session.params = tuple(params.values())
        for param in self.session.params:
            if ("opened", param.name) in self.session.hints:
                open_parameter(fr, param, node)
        given = {name: self._start(p) for name, p in params.items()}
        if isinstance(self.plain, Lifted):
            fr.outer = frame_of(self.session, self.plain, given)
        names = [a.id for a in (*node.args.posonlyargs, *node.args.args)]
        names += ["argument"] * len(first)  # what `*args` takes
        own = [from_python(fr, v, name, node) for v, name in zip(first, names, strict=False)]
        fr.env = self._bound(own, given, by_position)
        fr.watched = frozenset(k for k, t in self.types.items() if isinstance(t, Static))
        if by_position:  # it reads them under other names
            self.session.taken |= fr.watched
        yielded = first_yield(node)
        if yielded is not None:
            fr.untyped(yielded, "generators are not supported here", "Return a list of the values.")
        value = self._storable(read_body(fr, node))
        yields: list[Atom] = []
        output = tree_of(value, yields)
        if output is None:
            raise NoValue(value)
        return self._finished(tuple(params.values()), yields, output, statics)

    def _bound(
        self,
        own: list[FrontValue],
        given: dict[str, FrontValue],
        by_position: frozenset[str] | None,
    ) -> dict[str, FrontValue]:
        """The body's names when it begins. A call from outside goes by the parameters that the function shows
        (`by_position`); one from another function was bound already, its `*args` a tuple.
        """
        fr, arguments = self.frame, self.source.node.args
        is_nested = isinstance(self.plain, Lifted)  # all of its arguments are given
        defaults = {} if is_nested else default_values(fr, self.plain, arguments, self.source.node)
        bound: dict[str, FrontValue] = {}
        if by_position is None:
            stars = [s.id for s in (arguments.vararg, arguments.kwarg) if s is not None]
            bound = {s: given.pop(s) for s in stars if s in given}
        args = [*own, *(v for k, v in given.items() if k in (by_position or ()))]
        kwargs = {k: v for k, v in given.items() if k not in (by_position or ())}
        name = self.source.name
        return {**bind(fr, self.source.node, name, arguments, args, kwargs, defaults), **bound}

    def _start(self, param: Value) -> FrontValue:
        """What a parameter stands for when the body begins."""
        type_ = param.type
        session = self.session
        if isinstance(type_, Static):
            return from_python(self.frame, type_.value, param.name, self.source.node)
        if isinstance(type_, Scalar):
            session.parameters[param] = param.name
            if type_.expr is not None and type_.expr.symbol is not None:
                session.owners[type_.expr.symbol] = param.name
        if isinstance(type_, Struct):
            session.owners |= dict.fromkeys(_integers(type_), param.name)
        return param

    def _storable(self, value: FrontValue) -> FrontValue:
        return as_operand(self.frame, self.source.node, value) if isinstance(value, Text) else value

    def _finished(
        self,
        params: tuple[Value, ...],
        yields: list[Atom],
        output: Tree,
        statics: Mapping[str, Any],
    ) -> Function:
        session, shapes = self.session, self.session.shapes
        resolve: Callable[[Dim], Dim] = shapes.resolve
        region = session.b.region(params, yields)
        notes = {
            "boxes": boxes_of(region, session.updates, session.outside),
            "assumptions": self._own(shapes.assumptions),
            "equal": self._own(shapes.equal),
            "shown": dict(self.types),
            "bindings": {s: resolve(Dim.of(s)) for s in shapes.bindings},
            "static": dict(statics),
            "taken": taken_values(params, session.b.body, session.taken),
            "writes_structs": session.writes_params,
            **session.notes,
        }
        name = "function" if self.source.name == "<lambda>" else self.source.name
        function = Function(
            name, region, output, self.source.doc, self.source.location(self.source.node), notes
        )
        if "noted" in notes:
            notes["noted"] = with_origins(function, notes["noted"])
        function = change_dims(function, resolve)
        if not session.functions.keys().isdisjoint(("%or dynamic", "%tuples")):
            function = without_packed(function)
        check_handed_back(function)
        return function

    def _own(self, pairs: Sequence[tuple[Dim, Dim]]) -> tuple[tuple[Dim, Dim], ...]:
        """What was concluded about the arguments' own lengths, each pair once."""
        known = {s for t in self.types.values() for d in all_dims(t) for s in d.symbols()}
        return tuple((a, b) for a, b in dict.fromkeys(pairs) if a.symbols() | b.symbols() <= known)


def _read_callee(
    plain: FunctionType,
    types: Mapping[str, Type],
    rigid: frozenset[str],
    actual: Mapping[str, int],
    functions: dict[Any, Any],
    calls: tuple[Any, ...],
    may_not_run: bool,
    any_lengths: bool,
) -> Function:
    return _read(
        plain,
        types,
        rigid,
        actual,
        functions,
        calls,
        by_position=None,
        may_not_run=may_not_run,
        is_callee=True,
        any_lengths=any_lengths,
    )


HOOKS["read_function"] = _read_callee
