"""Builtins of dynamic programs: Python's builtins, written so that the tape runs their operations and calls."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.eager.calls import call, called
from srcdiff.eager.derivatives.op_derivatives import leaf_of_call
from srcdiff.eager.operators import METHODS, UNARY, attribute_of, operate, set_attribute
from srcdiff.eager.own_classes import is_own
from srcdiff.eager.stringified_values import refuse_read, writing
from srcdiff.eager.structures import duplicate, is_plain, leaves_of

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape


def _sum(tape: Tape, values: object, start: float = 0) -> float:
    total = start
    for value in tape.each(values):
        total = operate(tape, operator.add, total, value)
    return total


def _extreme(symbol: Any) -> object:
    decl = symbol

    def extreme(tape: Tape, *args: Any, key: Any = None, **kwargs: Any) -> Any:
        values = list(tape.each(args[0])) if len(args) == 1 else list(args)
        if key is not None or not values or not all(is_plain(v) for v in values):
            return decl(values, **kwargs, **({} if key is None else {"key": called(tape, key)}))
        best = values[0]
        for value in values[1:]:
            best = tape.operation(leaf_of_call(decl, 2), (best, value))
        return best

    return extreme


def _map(tape: Tape, function: object, *values: object) -> object:
    return (call(tape, function, *row) for row in zip(*map(tape.each, values), strict=False))


def _filter(tape: Tape, function: object, values: object) -> object:
    return (v for v in tape.each(values) if (v if function is None else call(tape, function, v)))


def _reduce(tape: Tape, function: object, values: object, *start: object) -> object:
    return functools.reduce(called(tape, function), tape.each(values), *start)


def _accumulate(
    tape: Tape, values: np.ndarray, function: object = operator.add, **kwargs: object
) -> object:
    return itertools.accumulate(tape.each(values), called(tape, function), **kwargs)


def _sorted(tape: Tape, values: object, key: object = None, reverse: bool = False) -> object:
    return sorted(
        tape.each(values), key=None if key is None else called(tape, key), reverse=reverse
    )


def _collected(cls: Any) -> object:
    def collected(tape: Tape, *values: Any, **kwargs: Any) -> object:
        if cls is reversed:
            return _reversed(tape, values[0])
        return cls(*(tape.each(v) for v in values), **kwargs)

    return collected


def _reversed(tape: Tape, values: Any) -> object:
    own = getattr(type(values), "__reversed__", None)
    if is_own(values) and isinstance(own, FunctionType):
        return call(tape, own, values)
    is_indexed = is_own(values) and hasattr(type(values), "__getitem__")
    if is_indexed or isinstance(values, np.ndarray):  # by number, when each item is wanted
        return (tape.item(values, k) for k in reversed(range(_length(tape, values))))
    return reversed(values)


def _divmod(tape: Tape, x: object, y: object) -> object:
    return operate(tape, "//", x, y), operate(tape, "%", x, y)


def _distance(tape: Tape, p: object, q: object) -> object:
    squares = [
        operate(tape, "**", operate(tape, "-", a, b), 2)
        for a, b in zip(tape.each(p), tape.each(q), strict=True)
    ]
    return call(tape, math.sqrt, _sum(tape, squares))


def _numbered(tape: Tape, array: object) -> Iterator[tuple[tuple[int, ...], object]]:
    """`np.ndenumerate(array)`: each element has its value at the time of its iteration."""
    array = array if isinstance(array, np.ndarray) else call(tape, np.asarray, array)
    for place in np.ndindex(array.shape):
        yield place, tape.item(array, place)


def _from_iter(tape: Tape, values: object, dtype: object = float, count: int = -1) -> object:
    return call(
        tape,
        np.array,
        list(itertools.islice(tape.each(values), None if count < 0 else count)),
        dtype=dtype,
    )


def _chained(tape: Tape, rows: object) -> object:
    return (v for row in tape.each(rows) for v in tape.each(row))


def _starmap(tape: Tape, function: object, rows: object) -> object:
    return (call(tape, function, *tape.each(row)) for row in tape.each(rows))


def _next(tape: Tape, iterator: Any, *default: Any) -> Any:
    step = getattr(type(iterator), "__next__", None)
    if not is_own(iterator) or not isinstance(step, FunctionType):
        return next(iterator, *default)
    try:
        return call(tape, step, iterator)
    except StopIteration:
        if default:
            return default[0]
        raise


def _getattr(tape: Tape, base: object, name: str, *default: object) -> object:
    return attribute_of(tape, base, name) if hasattr(base, name) or not default else default[0]


def _set_attr(tape: Tape, base: object, name: str, value: object) -> None:
    set_attribute(tape, base, name, value)


def _product(tape: Tape, values: object, start: object = 1) -> object:
    for value in tape.each(values):
        start = operate(tape, operator.mul, start, value)
    return start


def _fsum(tape: Tape, values: object) -> object:
    return _sum(tape, values, 0.0)


def _number(kind: Any, method: str) -> Any:
    def number(tape: Tape, value: str, *args: Any) -> Any:
        own = getattr(type(value), method, None)
        if is_own(value) and isinstance(own, FunctionType):
            return call(tape, own, value, *args)
        refuse_read(tape, kind, value)
        if is_plain(value):
            return tape.operation(leaf_of_call(kind, 1 + len(args)), (value, *args))
        return kind(value, *args)

    return number


def _round(tape: Tape, number: object, ndigits: object = None) -> object:
    digits = () if ndigits is None else (ndigits,)
    return _number(round, "__round__")(tape, number, *digits)


def _length(tape: Tape, value: Any) -> Any:
    own = getattr(type(value), "__len__", None)
    return call(tape, own, value) if is_own(value) and isinstance(own, FunctionType) else len(value)


def _deep(tape: Tape, value: object, memo: object = None) -> object:
    """`copy.deepcopy(value)`."""
    return duplicate(
        value, lambda leaf: call(tape, np.copy, leaf) if isinstance(leaf, np.ndarray) else leaf
    )


def _shallow(tape: Tape, value: object) -> object:
    """`copy.copy(value)`."""
    return call(tape, np.copy, value) if isinstance(value, np.ndarray) else copy.copy(value)


def _block(tape: Tape, arrays: object) -> object:
    """`np.block(arrays)`: where each element comes from is the block of the places."""
    leaves = [np.asarray(v) for v in leaves_of(arrays)]
    ends = np.cumsum([v.size for v in leaves])
    places = iter(
        [np.arange(n - v.size, n).reshape(v.shape) for n, v in zip(ends, leaves, strict=True)]
    )
    flat = call(tape, np.concatenate, [call(tape, np.ravel, v) for v in leaves_of(arrays)])
    return tape.item(flat, np.block(duplicate(arrays, lambda _: next(places))))


def _as_dict(tape: Tape, value: object) -> object:
    """`dataclasses.asdict(value)`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _as_dict(tape, getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {k: _as_dict(tape, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_dict(tape, v) for v in value]
    return _deep(tape, value)


def _replaced(tape: Tape, value: Any, /, **changes: object) -> object:
    """`dataclasses.replace(value, **changes)`."""
    own = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    return call(tape, type(value), **{**own, **changes})


def _augmented(symbol: str) -> object:
    """`operator.iadd(target, value)`: the value that `target += value` binds."""
    return lambda tape, target, value: tape.augmented(symbol, target, value)


_IN_PLACE = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "**": "pow", "//": "floordiv", "%": "mod", "@": "matmul",
}  # fmt: skip
BUILTINS: dict[object, object] = {
    sum: _sum, min: _extreme(min), max: _extreme(max), map: _map, filter: _filter, sorted: _sorted,
    functools.reduce: _reduce, itertools.accumulate: _accumulate, math.prod: _product, math.fsum: _fsum,
    copy.copy: _shallow, copy.deepcopy: _deep, dataclasses.asdict: _as_dict, dataclasses.replace: _replaced,
    divmod: _divmod, math.dist: _distance, np.fromiter: _from_iter, itertools.chain.from_iterable: _chained,
    itertools.starmap: _starmap, operator.getitem: lambda tape, base, key: tape.item(base, key),
    operator.setitem: lambda tape, base, key, value: tape.store(base, key, value),
    np.ndenumerate: _numbered, np.block: _block,
    np.vectorize: lambda tape, *args, **kwargs: np.vectorize(*args, **kwargs),
    **{getattr(operator, f"i{name}"): _augmented(symbol) for symbol, name in _IN_PLACE.items()},
    **{f: writing(f) for f in (str, repr, format, print)},
    next: _next, getattr: _getattr, setattr: _set_attr, len: _length,
    float: _number(float, "__float__"), complex: _number(complex, "__complex__"),
    abs: _number(abs, "__abs__"), round: _round,
    **{c: _collected(c) for c in (list, tuple, set, frozenset, zip, enumerate, reversed, iter)},
    **{symbol: functools.partial(lambda tape, *args, symbol: operate(tape, symbol, *args), symbol=symbol)
       for symbol in (*METHODS, *UNARY)},
}  # fmt: skip
