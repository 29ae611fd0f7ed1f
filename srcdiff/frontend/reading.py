"""The body of one function -> an IR `Function`: it is read again until the types of its lists and variables settle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.arrays.stores import open_parameter
from srcdiff.frontend.calls.inline import bind, default_values, first_yield, read_body
from srcdiff.frontend.calls.lambda_lifting import frame_of
from srcdiff.frontend.calls.outlined import NoValue
from srcdiff.frontend.calls.recursion import check_returned_containers
from srcdiff.frontend.containers.closure_lists import without_packed
from srcdiff.frontend.containers.lists import guess_again
from srcdiff.frontend.containers.zero_dim_arrays import zero_dim_effects
from srcdiff.frontend.control.loops import unroll_again
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.operands import as_operand
from srcdiff.frontend.core.restarts import NeedStatic, Restart
from srcdiff.frontend.core.session import Session
from srcdiff.frontend.core.static_reads import taken_values
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import FrontValue, Lifted, Text, tree_of
from srcdiff.frontend.effects.effects import with_origins
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.frontend.source.function_source import source_of
from srcdiff.ir.build import Builder, change_dims
from srcdiff.ir.core import Function, Tree
from srcdiff.ir.facts import LengthFacts, SourceFacts
from srcdiff.ir.types import Dim, List, Scalar, Static, Struct, Type, all_dims, is_float
from srcdiff.ir.values import Atom, Value

_RESTARTS = 100


def read(
    tracer: type[Frame],
    plain: FunctionType | Lifted,
    types: Mapping[str, Type],
    rigid: frozenset[str],
    actual: Mapping[str, int],
    functions: dict[Any, Any],
    calls: tuple[object, ...],
    first: tuple[object, ...] = (),
    by_position: frozenset[str] | None = None,
    may_not_run: bool = False,
    is_callee: bool = False,
    any_lengths: bool = False,
    values: Mapping[str, object] | None = None,
) -> Function:
    """Read until nothing new is learned that the beginning depends on; `tracer` is the class of the frames."""
    hints: dict[object, Any] = {}
    statics: dict[str, Any] = {}
    refused: UnsupportedError | None = None
    for _ in range(_RESTARTS):
        try:
            return _Reading(
                tracer,
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
            value = (values or {}).get(need.parameter) if value is None else value
            # other calls pass a callee other values: its caller has to know the value, too
            if is_callee or value is None or need.parameter in statics:
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
    def __init__(
        self,
        tracer: type[Frame],
        plain: FunctionType | Lifted,
        types: Mapping[str, Type],
        rigid: frozenset[str],
        actual: Mapping[str, int],
        hints: dict[object, object],
        functions: dict[Any, Any],
        calls: tuple[object, ...],
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
        self.frame = tracer(self.session, self.source, find)

    def function(
        self,
        first: tuple[object, ...],
        statics: Mapping[str, object],
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
            fr.outer = frame_of(fr, self.plain, given)
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
        """The body's names when it begins. A call from outside binds the parameters that the function shows
        (`by_position`); a call from another function was bound already, its `*args` a tuple.
        """
        fr, arguments = self.frame, self.source.node.args
        bound: dict[str, FrontValue] = {}
        defaults: dict[str, FrontValue] = {}
        if not isinstance(self.plain, Lifted):  # all arguments of a nested function are given
            defaults = default_values(fr, self.plain, arguments, self.source.node)
        if by_position is None:
            stars = [s.id for s in (arguments.vararg, arguments.kwarg) if s is not None]
            bound = {s: given.pop(s) for s in stars if s in given}
        args = [*own, *(v for k, v in given.items() if k in (by_position or ()))]
        kwargs = {k: v for k, v in given.items() if k not in (by_position or ())}
        name = self.source.name
        return {**bind(fr, self.source.node, name, arguments, args, kwargs, defaults), **bound}

    def _start(self, param: Value) -> FrontValue:
        """The value of a parameter when the body begins."""
        type_ = param.type
        session = self.session
        if isinstance(type_, Static):
            return from_python(self.frame, type_.value, param.name, self.source.node)
        if isinstance(type_, Scalar):
            session.parameters[param] = param.name
            if type_.expr is not None and type_.expr.symbol is not None:
                session.owners[type_.expr.symbol] = param.name
        if isinstance(type_, List) and not is_float(type_):
            session.parameters[param] = param.name
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
        statics: Mapping[str, object],
    ) -> Function:
        session, shapes = self.session, self.session.shapes
        resolve: Callable[[Dim], Dim] = shapes.resolve
        region = session.b.region(params, yields)
        lengths = LengthFacts(
            assumed=self._own(shapes.assumptions),
            required=self._own(shapes.equal),
            bindings={s: resolve(Dim.of(s)) for s in shapes.bindings},
        )
        source = SourceFacts(
            argument_types=dict(self.types),
            static=dict(statics),
            specialised_on=taken_values(params, session.b.body, session.taken),
            globals=session.globals,
            captured=session.captured,
            watched=session.watched,
            writes_containers=session.writes_params,
            zero_dim=zero_dim_effects(region, session.updates, session.outside),
            remarks=session.remarks,
        )
        name = "function" if self.source.name == "<lambda>" else self.source.name
        where = self.source.location(self.source.node)
        function = Function(
            name, region, output, self.source.doc, where, lengths=lengths, source=source
        )
        if session.effect_notes:
            noted = with_origins(function, session.effect_notes)
            function = replace(function, source=replace(source, effect_notes=noted))
        function = change_dims(function, resolve)
        if not session.functions.keys().isdisjoint(("%or dynamic", "%tuples")):
            function = without_packed(function)
        check_returned_containers(function)
        return function

    def _own(self, pairs: Sequence[tuple[Dim, Dim]]) -> tuple[tuple[Dim, Dim], ...]:
        """The conclusions about the arguments' own lengths, each pair once."""
        known = {s for t in self.types.values() for d in all_dims(t) for s in d.symbols()}
        return tuple((a, b) for a, b in dict.fromkeys(pairs) if a.symbols() | b.symbols() <= known)
