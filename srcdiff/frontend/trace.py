"""A Python function and the types of its arguments -> an IR `Function`; the tracer's operations are assembled here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import gast

import srcdiff.frontend.control.comparisons
import srcdiff.frontend.control.while_loops
import srcdiff.frontend.derivatives.adjoint_hooks
import srcdiff.frontend.syntax.augmented_assignment
import srcdiff.frontend.syntax.expressions
import srcdiff.frontend.syntax.statements  # noqa: F401  (these register how nodes are read)
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.arrays.subscripts import shape_parts
from srcdiff.frontend.callees.list_methods import slice_of_list, store_slice
from srcdiff.frontend.callees.object_items import item_of_object
from srcdiff.frontend.calls.inline import refuse_result
from srcdiff.frontend.calls.outlined import NoValue
from srcdiff.frontend.containers.optional import narrow, unwrap
from srcdiff.frontend.control.blocks import block
from srcdiff.frontend.control.conditions import truth
from srcdiff.frontend.control.loops import for_loop
from srcdiff.frontend.control.with_statements import enter_contexts
from srcdiff.frontend.core.conditional_shape_checks import check_lengths
from srcdiff.frontend.core.constants import from_python, read_constant
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import NeedStatic
from srcdiff.frontend.core.values import Lifted
from srcdiff.frontend.effects.enumerate import enumerate_choice
from srcdiff.frontend.effects.enumeration_checks import check_sum
from srcdiff.frontend.iteration.comprehensions import append_each, collect
from srcdiff.frontend.iteration.generators import generator_loop
from srcdiff.frontend.iteration.iterables import iterable
from srcdiff.frontend.reading import read
from srcdiff.frontend.source.function_source import Source, source_of
from srcdiff.frontend.source.refusals import fail, untyped
from srcdiff.frontend.source.wrappers import function_of, is_library, unknown_decorator
from srcdiff.frontend.syntax.assignment_targets import assign
from srcdiff.frontend.syntax.attributes import attribute
from srcdiff.frontend.syntax.calls import call_value
from srcdiff.ir.core import Function
from srcdiff.ir.types import Dynamic, List, Scalar, Struct, Type, dims_of


def trace(
    function: object,
    arg_types: Sequence[Type],
    *,
    shapes_actual: Mapping[str, int] | None = None,
    names: Sequence[str] | None = None,
    any_lengths: bool = False,
    values: Mapping[str, object] | None = None,
) -> Function:
    """Read a function for arguments of these types.

    Parameters
    ----------
    function
        A Python function, possibly decorated, or a bound method.
    arg_types
        One for each argument, as `arguments.type_of_argument` makes them; `Static` for one known when compiling.
    shapes_actual
        The lengths and integers of the given arguments, by symbol. They decide what the types leave open
        (whether two lengths are equal, what an integer is that has to be known when compiling); the facts of the
        result say what was concluded.
    names
        The parameters that the types are for; by default, by position.
    any_lengths
        What `shapes_actual` leaves out is not known: lengths that meet are taken to be equal, as `lengths.assumed`.
    values
        The arguments that the program may be specialised on, by parameter; integers are in `shapes_actual`.

    Returns
    -------
    Function
        With `lengths` and `source`: what was concluded of lengths, and what was found in the source.
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
        for cls in dynamic_classes(type_):
            untyped(
                f"the argument `{name}` is an object of {cls.__name__}, whose attributes have no types",
                "Pass numbers, arrays, and tuples, lists, dicts, named tuples or dataclasses of them.",
                source.location(source.node),
            )
    rigid = frozenset(s for t in arg_types for s in _axis_symbols(t))
    try:
        return read(
            Tracer,
            plain,
            pairs,
            rigid,
            dict(shapes_actual or {}),
            {},
            (plain.__code__,),
            first,
            None if names is None else _by_position(function, arguments),
            any_lengths=any_lengths,
            values=values,
        )
    except UnsupportedError as error:
        raise _with_way_out(error, plain, source) from None
    except NoValue as found:
        refuse_result(source, found.args[0])
        untyped(
            f"`{source.name}` returns something that is not a number, an array or a container",
            "Return numbers, arrays, or containers of them.",
            source.location(source.node),
        )
    except NeedStatic as need:
        fail(
            f"the value of the argument `{need.parameter}` must be known when compiling",
            "Use a constant, or leave it out of argnums.",
            source.location(source.node),
        )


def dynamic_classes(type_: Type) -> Iterator[type]:
    """The classes of objects in an argument that have no type."""
    if isinstance(type_, Dynamic):
        yield type_.value
    elif isinstance(type_, Struct):
        for part in type_.parts:
            yield from dynamic_classes(part)
    elif isinstance(type_, List):
        yield from dynamic_classes(type_.element)


def _with_way_out(error: UnsupportedError, plain: FunctionType, source: Source) -> UnsupportedError:
    """An error in a decorator's own lines also says how to do without the decorator."""
    if not hasattr(plain, "__wrapped__") or error.chain or error.file != source.file:
        return error
    under = f"{source.name}.__wrapped__ is the function without its decorator."
    advice = f"{error.advice} {under}".strip()
    return type(error)(error.message, advice, error.location)


def _plain_function(function: object) -> tuple[FunctionType, tuple[object, ...]]:
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


def _by_position(function: Any, arguments: gast.arguments) -> frozenset[str]:
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


class Tracer(Frame):
    """The frame with the operations that the packages implement (`core/operations.py` says what each does)."""

    from_python = from_python
    constant = read_constant
    attribute = attribute
    unwrap = unwrap
    narrow = narrow
    call = call_value
    truth = truth
    assign = assign
    block = block
    enter_contexts = enter_contexts
    enumerate_choice = enumerate_choice
    check_sum = check_sum
    iterable = iterable
    for_loop = for_loop
    generator_loop = generator_loop
    collect = collect
    append_each = append_each
    item_of_object = item_of_object
    shape_parts = shape_parts
    slice_of_list = slice_of_list
    store_slice = store_slice
    check_lengths = check_lengths

    def read_callee(
        self,
        plain: FunctionType | Lifted,
        types: Mapping[str, Type],
        rigid: frozenset[str],
        actual: Mapping[str, int],
        functions: dict[Any, Any],
        calls: tuple[object, ...],
        may_not_run: bool,
        any_lengths: bool,
    ) -> Function:
        return read(
            Tracer,
            plain,
            types,
            rigid,
            actual,
            functions,
            calls,
            may_not_run=may_not_run,
            is_callee=True,
            any_lengths=any_lengths,
        )

    def read_kernel(
        self, kernel: FunctionType, names: Sequence[str], types: Sequence[Type]
    ) -> Function:
        return trace(kernel, types, shapes_actual={}, names=names, any_lengths=True)
