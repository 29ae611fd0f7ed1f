"""Python's builtins and similar functions: `len`, `sum`, `min`, `isinstance`, `functools.reduce`, ..."""

from __future__ import annotations

import functools
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.apply_op import apply, spelled
from srcdiff.frontend.arrays.cmath import COMPLEX_CALLS
from srcdiff.frontend.arrays.index_functions import INDEX_CALLS
from srcdiff.frontend.arrays.stores import add_each, subtract_each
from srcdiff.frontend.arrays.tensor_products import PRODUCT_CALLS
from srcdiff.frontend.callees.container_builtins import CONTAINER_BUILTINS
from srcdiff.frontend.containers.dunder_methods import call_dunder, method_of
from srcdiff.frontend.control.conditions import truth_of
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.string_formatting import TEXTS
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Generated,
    Items,
    Known,
    Kwargs,
    Parts,
    ShapeOf,
    Slice,
    Text,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.iteration.comprehensions import folded
from srcdiff.frontend.iteration.iterables import (
    count_of,
    forward,
    iterable,
    left_early,
    minus,
    passed,
    peeked,
    plus,
    taken,
    unrolled,
)
from srcdiff.frontend.iteration.iterators import reads_in_order
from srcdiff.frontend.iteration.prelude_calls import PRELUDE, any_or_all, extreme_by
from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import list_length
from srcdiff.ops.arrays.memory import axis_length
from srcdiff.ops.control.control import and_, or_
from srcdiff.ops.core.registry import find
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.ops.elementwise.conversions import to_bool


def _len(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    found = call_dunder(fr, node, args[0], "__len__")
    if found is not None:
        return found
    match args[0]:
        case Parts() as parts:
            return const(len(parts.values))
        case ShapeOf(array=array):
            return const(len(shape_of(array.type)))
        case Value(type=Struct() as type_):
            return const(len(type_.keys))
        case Value(type=List()) as value:
            return fr.op(node, list_length, value)
        case Value(type=Array()) as value:
            return fr.op(node, axis_length, value, axis=0)
        case Items() as items if not isinstance(items.count, int) or items.count >= 0:
            return _count(fr, node, items)
        case Items(bounds=(_, _, _)) as items:
            return _not_negative(fr, node, count_of(fr, items, node))
        case Const() | Known() as known:
            return const(fr.evaluated(node, len, known.value))
        case Value(type=Static(value=known)):
            return const(fr.evaluated(node, len, known))
        case Text():
            fr.untyped(
                node,
                "the length of this string is known only when the program runs",
                "Use a number.",
            )
    fr.fail(node, f"{describe(args[0])} has no length", "Use len() of an array, a list or a tuple.")


def _count(fr: Frame, node: gast.AST, items: Items) -> Atom:
    """The number of items; the count of a loop is less than 0 where the loop has no iteration."""
    if isinstance(items.count, int):
        return const(items.count)
    is_slice = any(taken is not None for _, taken in items.lists)
    return _not_negative(fr, node, items.count) if is_slice or items.bounds else items.count


def _not_negative(fr: Frame, node: gast.AST, count: Atom) -> Atom:
    return fr.op(node, arithmetic.maximum, count, const(0), spelling="max")


# ---- many values into one ------------------------------------------------------------------------------------


def _sum(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    start: FrontValue | None = args[1] if len(args) > 1 else kwargs.get("start", const(0))
    items = passed(fr, args[0], node)
    if isinstance(items, Items) and start == const(0):
        first = peeked(fr, items)
        if isinstance(first, Value) and isinstance(first.type, Array):
            start = None  # a sum of arrays starts with the first
    return _fold(fr, node, Known(operator.add), args[0], start)


def _reduce(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return _fold(fr, node, args[0], args[1], args[2] if len(args) > 2 else None)


def _fold(
    fr: Frame, node: gast.AST, function: FrontValue, values: FrontValue, start: FrontValue | None
) -> FrontValue:
    """`function(function(start, v0), v1) ...`; from the first value where there is no start."""
    items = passed(fr, values, node)
    if isinstance(items, Parts):
        rest = list(items.values)
        if start is None and not rest:
            fr.fail(node, "there is nothing to take the first value from", "Give a start value.")
        total = (
            rest.pop(0)
            if start is None
            or (len(rest) > 1 and start == const(0) and function == Known(operator.add))
            else start
        )
        for value in rest:
            total = fr.call(node, function, [total, value])
        return total
    if start is None:
        if isinstance(items, Generated) and not items.at_once:
            fr.untyped(node, "a generator's first item is where this starts", "Give a start value.")
        items = iterable(fr, items, node)
        assert isinstance(items, Items)
        first = forward(fr, items, node)
        count, start = count_of(fr, first, node), first.element(const(0))
        fewer = minus(fr, node, count, const(1))
        items = Items(fewer, lambda k: first.element(plus(fr, node, k, const(1))))
    return folded(fr, node, function, items, start)


def _extreme(function: Any) -> Callable[..., FrontValue]:
    """`max` or `min` of several numbers, of a container's or of an array's."""

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if isinstance(args[0], Generated) and not kwargs:
            args = [taken(fr, args[0], node), *args[1:]]
        given = args[0].values if len(args) == 1 and isinstance(args[0], Parts) else args
        if any(isinstance(v, Parts) and v.kind in ("object", "dataclass") for v in given):
            if not all(map(_is_ordered, given)) and "key" not in kwargs:
                fr.untyped(
                    node,
                    "how these are compared is known only when the program runs",
                    "Pass `key=`.",
                )
            return extreme_by(function)(fr, node, args, kwargs)
        is_of_tuples = any(isinstance(v, Parts) for v in given)
        if kwargs or is_of_tuples or (isinstance(args[0], Parts) and not args[0].values):
            return extreme_by(function)(fr, node, args, kwargs)
        decl = find(function)
        assert decl is not None
        if len(args) > 1:
            return _pairwise(fr, node, decl, args)
        return _fold(fr, node, Known(_TWO[function]), args[0], None)

    return read


def _is_ordered(value: FrontValue) -> bool:
    """Whether the user has written how an object is compared."""
    return any(method_of(value, name) is not None for name in ("__lt__", "__gt__"))


def _pairwise(fr: Frame, node: gast.AST, decl: OpDecl, args: Args) -> FrontValue:
    if all(map(is_static, args)) and decl.callables:
        return const(decl.callables[1](*map(static, args)))
    total = fr.as_atom(args[0], node)
    for other in args[1:]:
        total = fr.op(
            node, decl, total, fr.as_atom(other, node), spelling=decl.callables[1].__name__
        )
    return total


_TWO = {max: lambda a, b: max(a, b), min: lambda a, b: min(a, b)}


def _any_all(is_any: bool) -> Callable[..., FrontValue]:
    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if isinstance(args[0], Generated) and reads_in_order(fr, args[0]):
            fr.untyped(
                node,
                "items whose computation changes something are taken until one decides",
                "Write a loop.",
            )
        source = taken(fr, args[0], node)
        if isinstance(args[0], Generated):
            left_early(fr, args[0])
        items = iterable(fr, source, node)
        known = items if isinstance(items, Parts) else unrolled(fr, items, node)
        if known is None:
            return any_or_all(fr, node, is_any, source)
        total: Atom = const(not is_any)
        for value in known.values:
            each = truth_of(fr, value, node)
            truth = fr.session.static_truth(each)
            if truth is is_any:
                return const(is_any)
            if truth is None:
                total = (
                    each
                    if isinstance(total, Const)
                    else fr.op(node, or_ if is_any else and_, total, each)
                )
        return total

    return read


# ---- what is decided when compiling ----------------------------------------------------------------------------------


def _isinstance(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    own = _python_type(args[0])
    if own is None or not is_static(args[1]):
        fr.untyped(
            node, "isinstance() takes a value of a known type and a type", "Pass a flag instead."
        )
    return const(issubclass(own, static(args[1])))


def _python_type(value: FrontValue) -> type | None:
    kinds: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict}
    match value:
        case Parts():
            return value.cls or kinds[value.kind]
        case Known():
            return type(value.value)
        case Value() | Const():
            match value.type:
                case Static():
                    return type(value.type.value)
                case Struct() as struct:
                    return struct.cls or kinds[struct.kind]
                case Array():
                    return np.ndarray
                case List() as several:
                    return tuple if several.is_tuple else list
                case Scalar() as scalar:
                    python: dict[str, type] = {
                        "bool": bool,
                        "int64": int,
                        "float64": float,
                        "complex128": complex,
                    }
                    return python[scalar.dtype] if scalar.weak else np.dtype(scalar.dtype).type
        case ShapeOf():
            return tuple
        case Text():
            return str
    return type(lambda: None)


def _type(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    found = _python_type(args[0])
    return Known(found)


def _callable(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    match args[0]:
        case Known(value=known):
            return const(callable(known))
        case Const(value=known, type=Static()):
            return const(callable(known))
        case Value() | Const() | Parts() | ShapeOf() | Text():
            return const(False)
    return const(True)


def _hasattr(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    own = _python_type(args[0])
    if not is_static(args[1]) or own is None:
        fr.untyped(
            node, "hasattr() takes a name that is known when compiling", "Pass a flag instead."
        )
    name = static(args[1])
    if isinstance(args[0], Known):
        return const(hasattr(args[0].value, name))
    has = isinstance(args[0], Parts) and args[0].cls is not None and name in args[0].keys
    return const(has or hasattr(own, name))


def _getattr(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    if not is_static(args[1]):
        fr.untyped(
            node, "getattr() takes a name that is known when compiling", "Use an `if` on the name."
        )
    return fr.attribute(args[0], static(args[1]), node)


def _nothing(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Functions that only change which warnings are shown."""
    return const(None)


def _slice(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    bounds = [None if a == const(None) else a for a in args]
    return (
        Slice(None, bounds[0], None)
        if len(bounds) == 1
        else Slice(bounds[0], bounds[1], bounds[2] if len(bounds) > 2 else None)
    )


def _number(function: Any) -> Callable[..., FrontValue]:
    """`float("inf")`, and numbers of numbers."""
    decl = find(function)
    assert decl is not None

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        text = args[0] if len(args) == 1 else None
        if isinstance(text, Const) and isinstance(text.value, str):
            return const(fr.evaluated(node, function, text.value))
        return apply(fr, node, decl, args, kwargs, spelled(function, decl))

    return read


def _numpy_number(cls: type) -> Callable[..., FrontValue]:
    """`np.float32(x)`."""

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if is_static(args[0]):
            return const(fr.evaluated(node, cls, static(args[0])))
        spelling = f"np.{cls.__name__}"
        number = fr.as_atom(args[0], node)
        return fr.op(node, conversions.astype, number, spelling=spelling, dtype=cls.__name__)

    return read


def _shape(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return ShapeOf(fr.as_atom(args[0], node))


def _divmod(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    a, b = (fr.as_atom(v, node) for v in args)
    return sequence([fr.op(node, arithmetic.floor_divide, a, b), fr.op(node, arithmetic.mod, a, b)])


def _log(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """The logarithm; to a base it is a quotient, as in Python's own."""
    decl = find(math.log)
    assert decl is not None
    name = spelled(math.log, decl)
    if len(args) != 2 or kwargs:
        return apply(fr, node, decl, args, kwargs, name)
    logs = [fr.as_atom(apply(fr, node, decl, [a], {}, name), node) for a in args]
    return fr.op(node, arithmetic.divide, *logs)


def _at(add: Callable[..., FrontValue]) -> Callable[..., FrontValue]:
    """`np.add.at`: a statement."""
    return lambda fr, node, args, kwargs: add(fr, node, [*args, *kwargs.values()])


def _bool(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`bool(x)`, of containers as well."""
    is_number = args and isinstance(args[0], Value) and isinstance(args[0].type, Scalar | Array)
    if is_number or len(args) != 1:
        return apply(fr, node, to_bool, args, kwargs, "bool")
    return truth_of(fr, args[0], node)


BUILTINS: dict[object, Callable[..., FrontValue | None]] = {
    len: _len, sum: _sum, max: _extreme(max), min: _extreme(min), any: _any_all(True), all: _any_all(False),
    functools.reduce: _reduce, isinstance: _isinstance, type: _type, callable: _callable, getattr: _getattr,
    hasattr: _hasattr, slice: _slice, bool: _bool, divmod: _divmod, math.log: _log, np.shape: _shape,
    float: _number(float), int: _number(int),
    **{cls: _numpy_number(cls) for cls in (np.float16, np.float32, np.int8, np.int16, np.int32, np.int64,
    np.complex64, np.complex128)},
    warnings.simplefilter: _nothing, warnings.filterwarnings: _nothing,
    **CONTAINER_BUILTINS, **PRELUDE, **INDEX_CALLS, **PRODUCT_CALLS, **COMPLEX_CALLS,
    np.add.at: _at(add_each), np.subtract.at: _at(subtract_each), **TEXTS,
}  # fmt: skip
