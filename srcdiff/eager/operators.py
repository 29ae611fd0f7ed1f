"""Operators, subscripts, attributes and contexts of dynamic programs; methods of the user's classes are rewritten."""

from __future__ import annotations

import collections
import contextlib
import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.eager.calls import call
from srcdiff.eager.derivatives.op_derivatives import leaf_of_call, leaf_of_joined
from srcdiff.eager.own_classes import is_own, refuse_custom
from srcdiff.eager.stringified_values import note_written
from srcdiff.eager.structures import is_plain
from srcdiff.errors import UnsupportedError
from srcdiff.ir.structs import is_own_class

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape

METHODS = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "truediv", operator.pow: "pow",
    operator.floordiv: "floordiv", operator.mod: "mod", operator.matmul: "matmul", operator.and_: "and",
    operator.or_: "or", operator.xor: "xor", operator.lshift: "lshift", operator.rshift: "rshift",
}  # fmt: skip
SYMBOLS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "//": operator.floordiv, "%": operator.mod, "@": operator.matmul, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift, "neg": operator.neg, "pos": operator.pos,
    "~": operator.invert,
}  # fmt: skip
UNARY = {operator.neg: "__neg__", operator.pos: "__pos__", operator.invert: "__invert__"}


def operate(tape: Tape, symbol: Any, *args: Any, in_place: bool = False) -> Any:
    """An operator, by its symbol or as the function of `operator`."""
    symbol = SYMBOLS.get(symbol, symbol)
    if all(map(is_plain, args)):
        return tape.operation(_leaf_of(symbol, len(args)), args)
    if any(map(is_own, args)):
        return _operated(tape, symbol, args, in_place)
    is_with_array = any(isinstance(a, np.ndarray | np.generic) for a in args) and symbol in METHODS
    if is_with_array and any(isinstance(a, list | tuple) for a in args):
        return operate(
            tape,
            symbol,
            *(call(tape, np.array, a) if isinstance(a, list | tuple) else a for a in args),
        )
    if is_with_array and any(map(tape.tracked.has_part, args)):
        kinds = " and ".join(type(a).__name__ for a in args)
        raise UnsupportedError(
            f"an operator of {kinds} is not known to srcdiff, and a differentiated value reaches it",
            "Write it with arrays, or give it a rule: srcdiff.rule.",
        )
    if in_place:
        target, value = args
        return _IN_PLACE.get(symbol, symbol)(
            target, tape.each(value) if isinstance(value, np.ndarray) else value
        )
    if symbol is operator.mod and isinstance(args[0], str):
        note_written(tape, args[1])
    return symbol(*args)


_IN_PLACE = {function: getattr(operator, f"i{name}") for function, name in METHODS.items()}


@functools.cache
def _leaf_of(symbol: object, count: int) -> Callable[..., object]:
    return leaf_of_call(symbol, count)


def _operated(tape: Tape, symbol: Any, args: Any, in_place: bool) -> object:
    """An operator of the user's."""
    if symbol in UNARY:
        return call(tape, getattr(type(args[0]), UNARY[symbol]), *args)
    name = METHODS.get(symbol)
    if name is not None:
        left, right = args
        tries = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
        if in_place:
            tries.insert(0, (left, f"__i{name}__", right))
        for receiver, method, other in tries:
            found = getattr(type(receiver), method, None)
            if found is not None and is_own(receiver):
                value = call(tape, found, receiver, other)
                if value is not NotImplemented:
                    return value
    return symbol(*args)  # raises Python's error


def item_of(tape: Tape, base: Any, key: Any) -> object:
    """`base[key]` where `base` is not an array."""
    own = getattr(type(base), "__getitem__", None)
    if is_own(base) and isinstance(own, FunctionType):
        return call(tape, own, base, key)
    if base is np.r_ or base is np.c_:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(p, str) for p in parts):
            parts = tuple(np.r_[p] if isinstance(p, slice) else p for p in parts)
            return tape.operation(
                leaf_of_joined("r_" if base is np.r_ else "c_", len(parts)), parts
            )
    if not isinstance(base, _CONTAINERS):
        _refuse_foreign(tape, base, key)
    return base[key]


class Flat:
    """`array.flat`: the tape reads and writes its elements."""

    def __init__(self, tape: Tape, base: np.ndarray) -> None:
        self.tape, self.base, self.index = tape, base, 0

    @property
    def coords(self) -> object:
        return np.unravel_index(self.index, self.base.shape)

    def place(self, key: Any) -> Any:
        """The subscript of the array for a subscript of `flat`."""
        return np.unravel_index(np.arange(self.base.size)[key], self.base.shape)

    def __len__(self) -> int:
        return self.base.size

    def __getitem__(self, key: object) -> Any:
        return self.tape.item(self.base, self.place(key))

    def __setitem__(self, key: object, value: Any) -> None:
        flat = call(self.tape, np.ravel, value) if np.ndim(value) > 1 else value
        self.tape.store(self.base, self.place(key), flat)

    def __iter__(self) -> Flat:
        return self

    def __next__(self) -> object:
        if self.index == len(self):
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    def copy(self) -> Any:
        return self[:]


_CONTAINERS = (list, tuple, str, bytes, range, Mapping, collections.deque, Flat)


def _refuse_foreign(tape: Tape, base: object, given: object) -> None:
    """Refuse a subscript of a library's object if a differentiated value would pass through it."""
    parts = [given] if not isinstance(given, slice) else [given.start, given.stop, given.step]
    if tape.tracked.has_part(parts):
        raise UnsupportedError(
            f"a subscript of {type(base).__name__} is not known to srcdiff, and a differentiated value reaches it",
            "Write it with functions that docs/api.md lists.",
        )


def store_into(tape: Tape, base: Any, key: Any, value: Any) -> None:
    """`base[key] = value` where `base` is not an array."""
    own = getattr(type(base), "__setitem__", None)
    if is_own(base) and isinstance(own, FunctionType):
        call(tape, own, base, key, value)
    else:
        if not isinstance(base, _CONTAINERS):
            _refuse_foreign(tape, base, (key, value))
        is_list = isinstance(key, slice) and not isinstance(base, Flat)
        base[key] = tape.each(value) if is_list else value


def delete_from(tape: Tape, base: Any, key: Any) -> None:
    """`del base[key]`."""
    own = getattr(type(base), "__delitem__", None)
    if is_own(base) and isinstance(own, FunctionType):
        call(tape, own, base, key)
    else:
        del base[key]


def iterated(tape: Tape, values: object) -> object:
    """The items of a loop over an object that is not an array."""
    if not is_own(values):
        return values
    own = getattr(type(values), "__iter__", None)
    if isinstance(own, FunctionType):
        return _stepped(tape, call(tape, own, values))
    if hasattr(type(values), "__getitem__") and own is None:
        return _items(tape, values)
    return values


def _stepped(tape: Tape, iterator: Any) -> Iterator[object]:
    step = getattr(type(iterator), "__next__", None)
    if not is_own(iterator) or not isinstance(step, FunctionType):
        yield from iterator
        return
    while True:
        try:
            found = call(tape, step, iterator)
        except StopIteration:
            return
        yield found


def _items(tape: Tape, values: object) -> Iterator[object]:
    for k in itertools.count():
        try:
            found = item_of(tape, values, k)
        except IndexError:
            return
        yield found


def attribute_of(tape: Tape, base: object, name: str) -> object:
    """`base.name`, which may be a property."""
    if name == "data" and isinstance(base, np.ndarray) and tape.tracked.has(base):
        raise UnsupportedError(
            "`.data` is the memory of an array that is differentiated, and what is read there has no derivative",
            "Use the array.",
        )
    if name == "flat" and isinstance(base, np.ndarray):
        return Flat(tape, base)
    if is_own(base):
        refuse_custom(type(base))
    found = inspect.getattr_static(type(base), name, None)
    if isinstance(found, property) and is_own_class(type(base)):
        return call(tape, found.fget, base)
    if isinstance(found, functools.cached_property):
        if name not in vars(base):
            vars(base)[name] = call(tape, found.func, base)
        return vars(base)[name]
    getter = getattr(type(found), "__get__", None)
    if is_own(found) and isinstance(getter, FunctionType):  # a descriptor of the user's
        is_hidden = name in getattr(base, "__dict__", ()) and not hasattr(type(found), "__set__")
        return vars(base)[name] if is_hidden else call(tape, getter, found, base, type(base))
    return getattr(base, name)


def set_attribute(tape: Tape, base: object, name: str, value: object) -> None:
    """`base.name = value`, which may be a property."""
    if is_own(base):
        refuse_custom(type(base))
    found = inspect.getattr_static(type(base), name, None)
    if isinstance(found, property) and found.fset is not None:
        call(tape, found.fset, base, value)
    elif is_own(found) and isinstance(
        setter := getattr(type(found), "__set__", None), FunctionType
    ):
        call(tape, setter, found, base, value)
    elif name == "flat" and isinstance(base, np.ndarray):
        Flat(tape, base)[:] = value
    else:
        if isinstance(base, np.ndarray) and tape.tracked.has_part([base, value]):
            raise UnsupportedError(
                f"the attribute `{name}` of an array cannot be set here",
                "Write the elements: `x[...] = v`.",
            )
        setattr(base, name, value)


@contextlib.contextmanager
def _entered(tape: Tape, manager: Any) -> Iterator[object]:
    cls = type(manager)
    value = call(tape, cls.__enter__, manager)
    try:
        yield value
    except BaseException as error:
        if not call(tape, cls.__exit__, manager, type(error), error, error.__traceback__):
            raise
    else:
        call(tape, cls.__exit__, manager, None, None, None)


def context_of(tape: Tape, manager: object) -> object:
    """The context manager that `with` enters."""
    is_read = is_own(manager) and isinstance(
        getattr(type(manager), "__enter__", None), FunctionType
    )
    return _entered(tape, manager) if is_read else manager
