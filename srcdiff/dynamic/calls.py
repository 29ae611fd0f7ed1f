"""Calls of dynamic programs: what is called decides whether it is read, differentiated, or run as it stands.

Functions of the user's are read (`rewriting`), so that what happens in them is asked of the tape as well; what srcdiff
differentiates is one operation; what moves values about without looking at them runs as it is. All else is refused
where it is given what is differentiated.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import enum
import functools
import inspect
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.dynamic.derivatives import leaf_of_call, leaf_of_method, leaf_that_writes
from srcdiff.dynamic.expressions import is_known
from srcdiff.dynamic.rewriting import rewritten, rewritten_leaf
from srcdiff.dynamic.routes import CUSTOM
from srcdiff.dynamic.structures import duplicate, is_float, is_plain, leaves_of
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source import function_of, is_library
from srcdiff.ir.structs import is_own_class

if TYPE_CHECKING:
    from srcdiff.dynamic.tape import Tape

__all__ = [
    "attribute_of",
    "call",
    "context_of",
    "item_of",
    "iterated",
    "operate",
    "refuse_unread",
    "set_attribute",
    "store_into",
    "taken_apart",
]


def call(tape: Tape, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)`."""
    special = _SPECIAL.get(function) if _is_hashable(function) else None
    if special is not None:
        return special(tape, *args, **kwargs)
    if isinstance(function, operator.itemgetter):
        keys = function.__reduce__()[1]
        found = tuple(tape.item(args[0], key) for key in keys)
        return found[0] if len(keys) == 1 else found
    if isinstance(function, functools.partial) and function.func is call:
        return function(*args, **kwargs)
    if isinstance(function, functools.partial):
        return call(tape, function.func, *function.args, *args, **{**function.keywords, **kwargs})
    if isinstance(function, MethodType) and not _is_differentiated(function):
        return call(tape, function.__func__, function.__self__, *args, **kwargs)
    if _writes(function):
        return _written(tape, function, args, kwargs)
    if _is_method_of_array(function):
        return _method(tape, function, args, kwargs)
    if _is_differentiated(function):
        return _differentiated(tape, function, args, kwargs)
    if isinstance(function, type):
        return _made(tape, function, args, kwargs)
    plain = function_of(function)
    if isinstance(plain, FunctionType):
        if plain.__code__.co_filename == tape.file or is_rewritten(plain):
            return plain(*args, **kwargs)
        if getattr(plain, "marks_checkpoints", False):
            return plain(*args, **kwargs)
        is_ours = plain.__globals__.get("__name__", "").partition(".")[0] == "srcdiff"
        if not is_library(plain) and not is_ours:
            return rewritten(tape, plain)(tape, *args, **kwargs)
    own = getattr(type(function), "__call__", None)
    if _is_own(function) and isinstance(own, FunctionType):
        return call(tape, own, function, *args, **kwargs)
    return _as_it_is(tape, function, args, kwargs)


def is_rewritten(function: FunctionType) -> bool:
    return function.__code__.co_filename.startswith("<srcdiff dynamic")


def _is_own(value: Any) -> bool:
    """Whether it is an object whose operators may be the user's."""
    return not isinstance(value, type | enum.Enum) and is_own_class(type(value))


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


# ---- what srcdiff differentiates ------------------------------------------------------------------------------


def _is_differentiated(function: Any) -> bool:
    """Whether srcdiff has a derivative of a library's function, or the user has declared one."""
    if isinstance(function, type):
        return False
    return is_known(function) or type(function).__name__ == "Generated"


def _differentiated(tape: Tape, function: Any, args: Any, kwargs: Any) -> Any:
    out = kwargs.pop("out", None)
    given = [_listed(tape, a) for a in args]
    fixed = {k: v for k, v in kwargs.items() if _is_fixed(v)}
    named = {k: _listed(tape, v) for k, v in kwargs.items() if k not in fixed}
    parts = leaves_of([given, named])
    if any(_is_own(p) or (callable(p) and not isinstance(p, type)) for p in parts):
        return _as_it_is(tape, function, args, kwargs)
    leaf = leaf_of_call(function, len(given), tuple(named), tuple(fixed.items()))
    value = tape.operation(leaf, (*given, *named.values()))
    if out is None:
        return value
    (target,) = out if isinstance(out, tuple) else (out,)
    tape.store(target, ..., value)
    return target


def _is_fixed(value: Any) -> bool:
    """Whether an argument is written into the text of a call: an axis, a name."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(type(p) in (int, str, bool, type(None)) for p in parts)


def _listed(tape: Tape, value: Any) -> Any:
    """An iterator as a list."""
    return list(iterated(tape, value)) if isinstance(value, Iterator) else value


_WRITING = (np.put, np.copyto, np.fill_diagonal, np.place, np.putmask, np.put_along_axis)


def _written(tape: Tape, function: Any, args: Any, kwargs: Any) -> None:
    """A function that writes its first argument, as one that gives a new array."""
    target = args[0]
    if getattr(function, "__self__", None) in (np.add, np.subtract) and isinstance(
        target, np.ndarray
    ):
        value = args[2] if function.__self__ is np.add else operate(tape, "neg", args[2])
        tape.add_at(target, args[1], value)
        return
    if not isinstance(target, np.ndarray) or not tape.tracked.has_part([args, kwargs]):
        function(*args, **kwargs)
        return
    leaf = leaf_that_writes(function, len(args), tuple(kwargs))
    tape.store(target, ..., tape.operation(leaf, (*args, *kwargs.values())))


def _is_method_of_array(function: Any) -> bool:
    return isinstance(function, BuiltinFunctionType) and isinstance(
        function.__self__, np.ndarray | np.generic | float
    )


def _writes(function: Any) -> bool:
    """Whether a function of NumPy's changes its first argument: `np.put`, `np.add.at`."""
    is_at = getattr(function, "__name__", "") == "at"
    return (
        function in _WRITING
        if not is_at
        else isinstance(getattr(function, "__self__", None), np.ufunc)
    )


def _method(tape: Tape, method: Any, args: Any, kwargs: Any) -> Any:
    array, name = method.__self__, method.__name__
    if name == "fill":
        return tape.store(array, ..., *args)
    if name in (
        "sort",
        "partition",
        "put",
        "resize",
        "setfield",
        "byteswap",
        "setflags",
    ) and tape.tracked.has(array):
        raise UnsupportedError(
            f"the method `.{name}` changes an array that is differentiated, which a dynamic program does not read",
            f"Use the function that returns a new one, such as np.{name}(x).",
        )
    if name == "tolist" and is_float(array):
        return [tape.each(array)] if not array.ndim else _nested(tape, array)
    fixed = {k: v for k, v in kwargs.items() if _is_fixed(v)}
    named = {k: v for k, v in kwargs.items() if k not in fixed}
    leaf = leaf_of_method(name, len(args), tuple(named), tuple(fixed.items()))
    return tape.operation(leaf, (array, *args, *named.values()))


def _nested(tape: Tape, array: Any) -> list[Any]:
    return [_nested(tape, a) if np.ndim(a) else a for a in tape.each(array)]


# ---- what runs as it is --------------------------------------------------------------------------------------------


_MOVING = (
    "itertools",
    "collections",
    "contextlib",
    "functools",
    "types",
    "typing",
    "enum",
    "warnings",
    "time",
    "logging",
    "heapq",
)
_BUILTINS = (
    isinstance, issubclass, print, repr, str, type, id, hash, callable, hasattr, delattr, any, all, dict, range, slice,
    bool, int, bytes, format, ord, chr, object, property, staticmethod, classmethod, super, open, input, vars, dir, bin,
)  # fmt: skip
_COMPARING = (
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.not_, operator.truth,
    operator.is_, operator.is_not, operator.contains, operator.index, operator.length_hint, operator.countOf,
)  # fmt: skip
_ITERATING = (
    "extend",
    "extendleft",
    "union",
    "intersection",
    "difference",
    "deque",
    "Counter",
    "OrderedDict",
)


def _as_it_is(tape: Tape, function: Any, args: Any, kwargs: Any) -> Any:
    """A library's function that looks at no number, or is given none that is differentiated."""
    own = getattr(function, "__wrapped__", None)
    if (
        own is not None
        and isinstance(function, FunctionType)
        and function.__code__.co_filename == contextlib.__file__
    ):
        return contextlib.contextmanager(called(tape, own))(*args, **kwargs)
    if _is_moving(function):
        args = tuple(called(tape, a) for a in args)
        kwargs = {k: called(tape, v) for k, v in kwargs.items()}
        if _goes_through(function):
            args = tuple(tape.each(a) for a in args)
        return function(*args, **kwargs)
    args = tuple(_listed(tape, a) for a in args)
    given = leaves_of([args, kwargs])
    if tape.tracked.has_part(given) or any(callable(v) and not isinstance(v, type) for v in given):
        name = getattr(function, "__qualname__", repr(function))
        raise UnsupportedError(
            f"`{name}` is not known to srcdiff, and is given what is differentiated",
            "Write it with functions that docs/api.md lists, or as Python code.",
        )
    return function(*args, **kwargs)


def _is_moving(function: Any) -> bool:
    """Whether it only moves values about: of containers, and what makes iterators."""
    if function in _BUILTINS or function in _COMPARING:
        return True
    owner = getattr(function, "__objclass__", None)
    if owner is not None:  # a method of a class: `object.__setattr__`
        return owner in (object, list, dict, tuple, set, frozenset, str)
    receiver = getattr(function, "__self__", None)
    if receiver is not None and not isinstance(receiver, type | ModuleType):
        module = type(receiver).__module__.lstrip("_")
        is_container = isinstance(receiver, list | dict | set | frozenset | tuple | str | Iterator)
        return is_container or module.partition(".")[0] in _MOVING
    if isinstance(function, type) and issubclass(function, BaseException):
        return True
    module = getattr(function, "__module__", None) or type(function).__module__
    return str(module).lstrip("_").partition(".")[0] in _MOVING


def _goes_through(function: Any) -> bool:
    """Whether it goes through the items of its arguments."""
    module = getattr(function, "__module__", "")
    return module == "itertools" or getattr(function, "__name__", "") in _ITERATING


def called(tape: Tape, value: Any) -> Any:
    """A function for a library that calls it: what it does is asked of the tape."""
    is_function = callable(value) and not isinstance(value, type)
    if not is_function or (
        isinstance(value, FunctionType) and value.__code__.co_filename == tape.file
    ):
        return value
    return functools.partial(call, tape, value)


def _made(tape: Tape, cls: type, args: Any, kwargs: Any) -> Any:
    """`Class(...)`."""
    init = inspect.getattr_static(cls, "__init__", None)
    if not is_own_class(cls):
        return _as_it_is(tape, cls, args, kwargs)
    refuse_custom(cls)
    new = inspect.getattr_static(cls, "__new__", None)
    is_read = isinstance(getattr(new, "__func__", new), FunctionType) and not issubclass(cls, tuple)
    if type(cls).__call__ is not type.__call__ or is_read:
        name = "metaclass" if not is_read else "__new__"
        raise UnsupportedError(
            f"{cls.__name__} has a {name} of its own, which a dynamic program does not read",
            "Write an __init__, or a function that makes the object.",
        )
    if not isinstance(init, FunctionType):
        return cls(*args, **kwargs)
    made = cls.__new__(cls, *(args if issubclass(cls, BaseException) else ()))
    if init.__code__.co_filename == "<string>":  # a dataclass's, which assigns
        after = inspect.getattr_static(cls, "__post_init__", None)
        if isinstance(after, FunctionType):
            raise UnsupportedError(
                f"{cls.__name__} has a __post_init__, which a dynamic program does not read",
                "Write an __init__, or compute the field in front of the call.",
            )
        init(made, *args, **kwargs)
    else:
        call(tape, init, made, *args, **kwargs)
    return made


def refuse_custom(cls: type) -> None:
    """Refuse classes that get or set attributes in a way of their own."""
    for name in CUSTOM:
        found = inspect.getattr_static(cls, name, None)
        if isinstance(found, FunctionType) and found.__code__.co_filename != "<string>":
            raise UnsupportedError(
                f"{cls.__name__} has a {name} of its own, which a dynamic program does not read",
                "Use attributes that are set and read as such, or properties.",
            )


def refuse_unread(value: Any) -> None:
    """Refuse such objects among arguments."""
    for leaf in (value, *leaves_of(value)):
        if _is_own(leaf):
            refuse_custom(type(leaf))


def _deep(tape: Tape, value: Any, memo: Any = None) -> Any:
    """`copy.deepcopy(value)`."""
    return duplicate(
        value, lambda leaf: call(tape, np.copy, leaf) if isinstance(leaf, np.ndarray) else leaf
    )


def _shallow(tape: Tape, value: Any) -> Any:
    """`copy.copy(value)`."""
    return call(tape, np.copy, value) if isinstance(value, np.ndarray) else copy.copy(value)


def _as_dict(tape: Tape, value: Any) -> Any:
    """`dataclasses.asdict(value)`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _as_dict(tape, getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {k: _as_dict(tape, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_dict(tape, v) for v in value]
    return _deep(tape, value)


def _replaced(tape: Tape, value: Any, /, **changes: Any) -> Any:
    """`dataclasses.replace(value, **changes)`."""
    own = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    return call(tape, type(value), **{**own, **changes})


# ---- operators, items, attributes ----------------------------------------------------------------------------------


_METHODS = {
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
_UNARY = {operator.neg: "__neg__", operator.pos: "__pos__", operator.invert: "__invert__"}


def operate(tape: Tape, symbol: Any, *args: Any, in_place: bool = False) -> Any:
    """An operator, by its symbol or as the function of `operator`."""
    symbol = SYMBOLS.get(symbol, symbol)
    if all(map(is_plain, args)):
        return tape.operation(_leaf_of(symbol, len(args)), args)
    if any(map(_is_own, args)):
        return _operated(tape, symbol, args, in_place)
    if any(isinstance(a, np.ndarray | np.generic) for a in args) and symbol in _METHODS:
        return operate(
            tape,
            symbol,
            *(call(tape, np.array, a) if isinstance(a, list | tuple) else a for a in args),
        )
    if in_place:
        target, value = args
        return _IN_PLACE.get(symbol, symbol)(
            target, tape.each(value) if isinstance(value, np.ndarray) else value
        )
    return symbol(*args)


_IN_PLACE = {function: getattr(operator, f"i{name}") for function, name in _METHODS.items()}


@functools.cache
def _leaf_of(symbol: Any, count: int) -> Callable[..., Any]:
    return leaf_of_call(symbol, count)


def _operated(tape: Tape, symbol: Any, args: Any, in_place: bool) -> Any:
    """An operator of the user's."""
    if symbol in _UNARY:
        return call(tape, getattr(type(args[0]), _UNARY[symbol]), *args)
    name = _METHODS.get(symbol)
    if name is not None:
        left, right = args
        tries = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
        if in_place:
            tries.insert(0, (left, f"__i{name}__", right))
        for receiver, method, other in tries:
            found = getattr(type(receiver), method, None)
            if found is not None and _is_own(receiver):
                value = call(tape, found, receiver, other)
                if value is not NotImplemented:
                    return value
    return symbol(*args)  # which says what is wrong


def item_of(tape: Tape, base: Any, key: Any) -> Any:
    """`base[key]` of what is no array."""
    own = getattr(type(base), "__getitem__", None)
    if _is_own(base) and isinstance(own, FunctionType):
        return call(tape, own, base, key)
    return base[key]


def store_into(tape: Tape, base: Any, key: Any, value: Any) -> None:
    """`base[key] = value` of what is no array."""
    own = getattr(type(base), "__setitem__", None)
    if _is_own(base) and isinstance(own, FunctionType):
        call(tape, own, base, key, value)
    else:
        base[key] = value


def iterated(tape: Tape, values: Any) -> Any:
    """What a loop goes through, that is no array."""
    if isinstance(values, np.flatiter):
        return tape.each(tape.call(np.ravel, values.base))
    if not _is_own(values):
        return values
    own = getattr(type(values), "__iter__", None)
    if isinstance(own, FunctionType):
        return _stepped(tape, call(tape, own, values))
    if hasattr(type(values), "__getitem__") and own is None:
        return _items(tape, values)
    return values


def _stepped(tape: Tape, iterator: Any) -> Iterator[Any]:
    step = getattr(type(iterator), "__next__", None)
    if not _is_own(iterator) or not isinstance(step, FunctionType):
        yield from iterator
        return
    while True:
        try:
            found = call(tape, step, iterator)
        except StopIteration:
            return
        yield found


def _items(tape: Tape, values: Any) -> Iterator[Any]:
    for k in itertools.count():
        try:
            found = item_of(tape, values, k)
        except IndexError:
            return
        yield found


def attribute_of(tape: Tape, base: Any, name: str) -> Any:
    """`base.name`, which may be a property."""
    if _is_own(base):
        refuse_custom(type(base))
    found = inspect.getattr_static(type(base), name, None)
    if isinstance(found, property) and is_own_class(type(base)):
        return call(tape, found.fget, base)
    if isinstance(found, functools.cached_property):
        if name not in vars(base):
            vars(base)[name] = call(tape, found.func, base)
        return vars(base)[name]
    return getattr(base, name)


def set_attribute(tape: Tape, base: Any, name: str, value: Any) -> None:
    """`base.name = value`, which may be a property."""
    if _is_own(base):
        refuse_custom(type(base))
    found = inspect.getattr_static(type(base), name, None)
    if isinstance(found, property) and found.fset is not None:
        call(tape, found.fset, base, value)
    else:
        setattr(base, name, value)


@contextlib.contextmanager
def _entered(tape: Tape, manager: Any) -> Iterator[Any]:
    cls = type(manager)
    value = call(tape, cls.__enter__, manager)
    try:
        yield value
    except BaseException as error:
        if not call(tape, cls.__exit__, manager, type(error), error, error.__traceback__):
            raise
    else:
        call(tape, cls.__exit__, manager, None, None, None)


def context_of(tape: Tape, manager: Any) -> Any:
    """What `with` enters."""
    is_read = _is_own(manager) and isinstance(
        getattr(type(manager), "__enter__", None), FunctionType
    )
    return _entered(tape, manager) if is_read else manager


def taken_apart(tape: Tape, leaf: Callable[..., Any]) -> Callable[..., Any]:
    """An expression as calls of the tape, one for each of its operations."""
    return rewritten_leaf(tape, leaf)


# ---- builtins ------------------------------------------------------------------------------------------------------


def _sum(tape: Tape, values: Any, start: Any = 0) -> Any:
    total = start
    for value in tape.each(values):
        total = operate(tape, operator.add, total, value)
    return total


def _extreme(symbol: Any) -> Any:
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


def _map(tape: Tape, function: Any, *values: Any) -> Any:
    return (call(tape, function, *row) for row in zip(*map(tape.each, values), strict=False))


def _filter(tape: Tape, function: Any, values: Any) -> Any:
    return (v for v in tape.each(values) if (v if function is None else call(tape, function, v)))


def _reduce(tape: Tape, function: Any, values: Any, *start: Any) -> Any:
    return functools.reduce(called(tape, function), tape.each(values), *start)


def _accumulate(tape: Tape, values: Any, function: Any = operator.add, **kwargs: Any) -> Any:
    return itertools.accumulate(tape.each(values), called(tape, function), **kwargs)


def _sorted(tape: Tape, values: Any, key: Any = None, reverse: bool = False) -> Any:
    return sorted(
        tape.each(values), key=None if key is None else called(tape, key), reverse=reverse
    )


def _collected(cls: Any) -> Any:
    def collected(tape: Tape, *values: Any, **kwargs: Any) -> Any:
        if cls is reversed and isinstance(values[0], np.ndarray):
            return reversed(list(tape.each(values[0])))
        return cls(*(tape.each(v) for v in values), **kwargs)

    return collected


def _divmod(tape: Tape, x: Any, y: Any) -> Any:
    return operate(tape, "//", x, y), operate(tape, "%", x, y)


def _distance(tape: Tape, p: Any, q: Any) -> Any:
    squares = [
        operate(tape, "**", operate(tape, "-", a, b), 2)
        for a, b in zip(tape.each(p), tape.each(q), strict=True)
    ]
    return call(tape, math.sqrt, _sum(tape, squares))


def _from_iter(tape: Tape, values: Any, dtype: Any = float, count: int = -1) -> Any:
    return call(
        tape,
        np.array,
        list(itertools.islice(tape.each(values), None if count < 0 else count)),
        dtype=dtype,
    )


def _chained(tape: Tape, rows: Any) -> Any:
    return (v for row in tape.each(rows) for v in tape.each(row))


def _starmap(tape: Tape, function: Any, rows: Any) -> Any:
    return (call(tape, function, *tape.each(row)) for row in tape.each(rows))


def _next(tape: Tape, iterator: Any, *default: Any) -> Any:
    step = getattr(type(iterator), "__next__", None)
    if not _is_own(iterator) or not isinstance(step, FunctionType):
        return next(iterator, *default)
    try:
        return call(tape, step, iterator)
    except StopIteration:
        if default:
            return default[0]
        raise


def _getattr(tape: Tape, base: Any, name: str, *default: Any) -> Any:
    return attribute_of(tape, base, name) if hasattr(base, name) or not default else default[0]


def _set_attr(tape: Tape, base: Any, name: str, value: Any) -> None:
    set_attribute(tape, base, name, value)


def _product(tape: Tape, values: Any, start: Any = 1) -> Any:
    for value in tape.each(values):
        start = operate(tape, operator.mul, start, value)
    return start


def _fsum(tape: Tape, values: Any) -> Any:
    return _sum(tape, values, 0.0)


def _number(kind: Any, method: str) -> Any:
    def number(tape: Tape, value: Any, *args: Any) -> Any:
        own = getattr(type(value), method, None)
        if _is_own(value) and isinstance(own, FunctionType):
            return call(tape, own, value, *args)
        if is_plain(value):
            return tape.operation(leaf_of_call(kind, 1 + len(args)), (value, *args))
        return kind(value, *args)

    return number


def _length(tape: Tape, value: Any) -> Any:
    own = getattr(type(value), "__len__", None)
    return (
        call(tape, own, value) if _is_own(value) and isinstance(own, FunctionType) else len(value)
    )


_SPECIAL: dict[Any, Any] = {
    sum: _sum, min: _extreme(min), max: _extreme(max), map: _map, filter: _filter, sorted: _sorted,
    functools.reduce: _reduce, itertools.accumulate: _accumulate, math.prod: _product, math.fsum: _fsum,
    copy.copy: _shallow, copy.deepcopy: _deep, dataclasses.asdict: _as_dict, dataclasses.replace: _replaced,
    divmod: _divmod, math.dist: _distance, np.fromiter: _from_iter, itertools.chain.from_iterable: _chained,
    itertools.starmap: _starmap, operator.getitem: lambda tape, base, key: tape.item(base, key),
    operator.setitem: lambda tape, base, key, value: tape.store(base, key, value),
    next: _next, getattr: _getattr, setattr: _set_attr, len: _length,
    float: _number(float, "__float__"), abs: _number(abs, "__abs__"), round: _number(round, "__round__"),
    **{c: _collected(c) for c in (list, tuple, set, frozenset, zip, enumerate, reversed, iter)},
    **{symbol: functools.partial(lambda tape, *args, symbol: operate(tape, symbol, *args), symbol=symbol)
       for symbol in (*_METHODS, *_UNARY)},
}  # fmt: skip
