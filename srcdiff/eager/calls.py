"""Call dispatch of dynamic programs: the callee is rewritten, differentiated as one operation, or called as it is.

Functions of the user's are rewritten (`eager/rewrite/rewrite_statements.py`), so that their operations run on the tape,
too. A library function with a derivative is one operation. A function that only moves values is called as it is. Any
other function is refused where an argument is differentiated.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import operator
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf
from srcdiff.compile.derivations.kinds import Grad, ValueAndGrad
from srcdiff.eager.derivatives.nested_gradients import InnerGradient, is_gradient
from srcdiff.eager.derivatives.op_derivatives import (
    leaf_into,
    leaf_of_call,
    leaf_of_method,
    leaf_that_writes,
)
from srcdiff.eager.library_functions import (
    is_differentiated,
    is_moving,
    is_ours,
    iterates_argument,
    only_holds,
)
from srcdiff.eager.own_classes import is_own, refuse_custom, set_fields
from srcdiff.eager.rewrite.evaluation_order import writes_first
from srcdiff.eager.rewrite.rewrite_cache import is_rewritten, rewritten
from srcdiff.eager.stringified_values import note_written, refuse_read
from srcdiff.eager.structures import leaves_of
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.arrays.out_arguments import out_by_place
from srcdiff.frontend.callees.dispatch import is_hashable
from srcdiff.frontend.derivatives.derivative_calls import for_call
from srcdiff.frontend.source.wrappers import function_of, is_library
from srcdiff.handles.differentiable import generated
from srcdiff.ir.structs import is_own_class

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape

SPECIAL: dict[object, Any] = {}  # replacements of callables: see `builtins`


def call(tape: Tape, function: object, /, *args: object, **kwargs: object) -> Any:
    """`function(*args, **kwargs)`."""
    special = SPECIAL.get(function) if is_hashable(function) else None
    if special is not None:
        return special(tape, *args, **kwargs)
    getter = _GETTERS.get(type(function))
    if getter is not None:
        return getter(tape, function, *args, **kwargs)
    if isinstance(function, functools.partial) and function.func is call:
        return function(*args, **kwargs)
    if isinstance(function, functools.partial):
        return call(tape, function.func, *function.args, *args, **{**function.keywords, **kwargs})
    function = for_call(function, len(args), tuple(kwargs))
    if isinstance(function, MethodType) and not is_differentiated(function):
        return call(tape, function.__func__, function.__self__, *args, **kwargs)
    if writes_first(function):
        return _written(tape, function, args, kwargs)
    if _is_method_of_array(function):
        return _method(tape, function, args, kwargs)
    if is_differentiated(function):
        return _differentiated(tape, function, args, kwargs)
    if isinstance(function, type):
        return _made(tape, function, args, kwargs)
    plain = function_of(function)
    if isinstance(plain, FunctionType):
        if hasattr(plain, "dispatch") and args:  # of functools.singledispatch
            return call(tape, plain.dispatch(type(args[0])), *args, **kwargs)
        if plain.__code__.co_filename == tape.file or is_rewritten(plain):
            return plain(*args, **kwargs)
        if getattr(plain, "marks_checkpoints", False):
            return plain(*args, **kwargs)
        is_ours = plain.__globals__.get("__name__", "").partition(".")[0] == "srcdiff"
        if not is_library(plain) and not is_ours:
            return rewritten(plain)(tape, *args, **kwargs)
    own = inspect.getattr_static(type(function), "__call__", None)
    if is_own(function) and isinstance(own, FunctionType):
        return call(tape, own, function, *args, **kwargs)
    return _as_it_is(tape, function, args, kwargs)


def _items_of(tape: Tape, getter: object, base: object) -> object:
    keys = getter.__reduce__()[1]
    found = tuple(tape.item(base, key) for key in keys)
    return found[0] if len(keys) == 1 else found


def _attributes_of(tape: Tape, getter: object, base: object) -> object:
    paths = getter.__reduce__()[1]
    found = tuple(functools.reduce(tape.attribute, path.split("."), base) for path in paths)
    return found[0] if len(paths) == 1 else found


def _method_of(tape: Tape, caller: Any, base: Any) -> object:
    made, given = caller.__reduce__()
    named = made.keywords if isinstance(made, functools.partial) else {}
    given = made.args + given if isinstance(made, functools.partial) else given
    name, *args = given
    return call(tape, tape.attribute(base, name), *args, **named)


def _vectorized(tape: Tape, function: Any, *args: Any, **kwargs: Any) -> Any:
    """A call of an `np.vectorize` object: one call for each row of elements, one after another."""
    if function.signature is not None or function.excluded or kwargs:
        raise UnsupportedError(
            "np.vectorize with a signature, excluded arguments or arguments by name is not differentiated",
            "Write a loop, or take srcdiff.batch of the function.",
        )
    arrays = [a if isinstance(a, np.ndarray) else call(tape, np.array, a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    if 0 in shape:
        return function(*args)
    places = [np.broadcast_to(np.arange(a.size).reshape(a.shape), shape).ravel() for a in arrays]
    flat = [call(tape, np.ravel, a) for a in arrays]
    rows = zip(*places, strict=True)
    found = [
        call(tape, function.pyfunc, *(tape.item(a, k) for a, k in zip(flat, row, strict=True)))
        for row in rows
    ]
    if not isinstance(found[0], tuple):
        return _column(tape, found, shape, function.otypes, 0)
    columns = [list(column) for column in zip(*found, strict=True)]
    return tuple(_column(tape, c, shape, function.otypes, k) for k, c in enumerate(columns))


def _column(
    tape: Tape, values: Sequence[object], shape: object, types: str | None, k: int
) -> object:
    dtype = np.dtype(types[k]) if types else np.asarray(values[0]).dtype  # as the first one is
    made = call(tape, np.array, values)
    if made.dtype != dtype:
        made = call(tape, made.astype, dtype)
    return call(tape, np.reshape, made, shape) if shape else tape.item(made, 0)


_GETTERS: dict[object, Any] = {
    operator.itemgetter: _items_of, operator.attrgetter: _attributes_of, operator.methodcaller: _method_of,
    np.vectorize: _vectorized,
}  # fmt: skip


# ---- functions with derivatives -------------------------------------------------------------------------------


def _differentiated(
    tape: Tape, function: Any, args: tuple[object, ...], kwargs: dict[str, object]
) -> object:
    is_derivative = type(function).__name__ == "Generated"
    if is_derivative and tape.tracked.has_part([args, kwargs]):
        is_dynamic = bool(function.specialise(*args, **kwargs).program.dynamic)
        if is_gradient(function) and not kwargs:
            return _gradient(tape, function, args, is_dynamic)
        if is_dynamic:
            raise UnsupportedError(
                f"{function.__name__} is the derivative of a dynamic program, and is differentiated again",
                "Differentiate srcdiff.grad of the function, called with its arguments by place.",
            )
    out = kwargs.pop("out", None)
    place = out_by_place(function, len(args))
    if getattr(function, "nout", 1) > 1 and (out is not None or place is not None):
        raise UnsupportedError(
            f"np.{function.__name__} with out= is called where there are no types",
            "Assign what it returns.",
        )
    if place is not None:
        at, later = place
        kwargs |= zip(later, args[at + 1 :], strict=True)
        args, out = args[:at], args[at]
    given = [_listed(tape, a) for a in args]
    fixed = {k: v for k, v in kwargs.items() if _is_fixed(v)}
    named = {k: _listed(tape, v) for k, v in kwargs.items() if k not in fixed}
    parts = leaves_of([given, named])
    refuse_read(tape, function, parts)
    if any(is_own(p) or (callable(p) and not isinstance(p, type)) for p in parts):
        return _as_it_is(tape, function, args, kwargs)
    (target,) = out if isinstance(out, tuple) else (out,)
    around = [target] if out is not None and "where" in named else []  # its unwritten elements
    make = leaf_into if around else leaf_of_call
    leaf = make(function, len(given), tuple(named), tuple(fixed.items()))
    value = tape.operation(leaf, (*around, *given, *named.values()))
    if out is None:
        return value
    tape.store(target, ..., value)
    return target


def _gradient(tape: Tape, function: Any, args: Any, is_dynamic: bool) -> object:
    """A gradient as an operation; with its value, for `value_and_grad`."""
    derived = function.derived
    if isinstance(derived.derivation, ValueAndGrad):
        wrt = derived.wrt if derived.as_tuple else derived.wrt[0]
        made = generated(Grad(), derived.base, derived.options, wrt)
        return call(tape, derived.base, *args), _gradient(tape, made, args, is_dynamic)
    return tape.operation(InnerGradient(function, is_dynamic), tuple(args))


def _is_fixed(value: object) -> bool:
    """Whether an argument is written into the text of a call: an axis, a name."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(type(p) in (int, str, bool, type(None)) for p in parts)


def _listed(tape: Tape, value: Any) -> object:
    """An iterator as a list; arrays and rows one by one, which may have different lengths."""
    if isinstance(value, Iterator):  # that of `x.flat` is subscripted, and stays where it is
        value = value[:] if hasattr(value, "__getitem__") else list(tape.each(value))
    is_short = type(value) in (list, tuple) and 0 < len(value) <= 32
    if is_short and all(isinstance(v, np.ndarray | list | tuple) for v in value):
        if _is_matrix(value) and tape.tracked.has_part(value):
            return tape.operation(leaf_of_call(np.array, 1), (tuple(value),))
        return tuple(_listed(tape, v) for v in value)
    return value


def _is_matrix(value: Sequence[Any]) -> bool:
    """Whether a sequence has rows of numbers, of one length."""
    numbers = (int, float, complex, np.number)
    is_row = all(isinstance(v, list) and all(isinstance(n, numbers) for n in v) for v in value)
    return is_row and len({len(v) for v in value}) == 1


def _written(
    tape: Tape, function: Any, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    """A function that writes its first argument, as a function that returns a new array."""
    if not args:  # np.copyto(dst=y, src=x)
        listed = inspect.signature(function).parameters.values()
        args = tuple(kwargs.pop(p.name) for p in listed if p.default is p.empty)
    target = args[0]
    if getattr(function, "__self__", None) in (np.add, np.subtract) and isinstance(
        target, np.ndarray
    ):
        value = args[2] if function.__self__ is np.add else tape.operate("neg", args[2])
        tape.add_at(target, args[1], value)
        return
    if not isinstance(target, np.ndarray) or not tape.tracked.has_part([args, kwargs]):
        function(*args, **kwargs)
        return
    leaf = leaf_that_writes(function, len(args), tuple(kwargs))
    tape.store(target, ..., tape.operation(leaf, (*args, *kwargs.values())))


def _is_method_of_array(function: object) -> bool:
    return isinstance(function, BuiltinFunctionType | MethodWrapperType) and isinstance(
        function.__self__, np.ndarray | np.generic | float
    )


def _method(tape: Tape, method: Any, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
    array, name = method.__self__, method.__name__
    same = vars(operator).get(name) if isinstance(method, MethodWrapperType) else None
    if same is not None:  # `x.__add__(y)`
        return call(tape, same, array, *args)
    if name == "fill":
        return tape.store(array, ..., *args)
    if name == "put":
        return _written(tape, np.put, (array, *args), kwargs)
    if name in ("sort", "partition"):
        return tape.store(array, ..., call(tape, getattr(np, name), array, *args, **kwargs))
    if name in ("resize", "setfield", "byteswap", "setflags") and tape.tracked.has(array):
        raise UnsupportedError(
            f"the method `.{name}` changes an array that is differentiated, which a dynamic program does not support",
            "Use a function that returns a new one.",
        )
    if (out := kwargs.get("out")) is not None:
        value = _method(tape, method, args, {k: v for k, v in kwargs.items() if k != "out"})
        tape.store(out, ..., value)
        return out
    if name == "item" and args and isinstance(array, np.ndarray):
        key = args if len(args) > 1 else args[0]
        flat = array if isinstance(key, tuple) else call(tape, np.ravel, array)
        return call(tape, float, tape.item(flat, key))
    if name == "tolist" and is_float_leaf(array):
        return [tape.each(array)] if not array.ndim else _nested(tape, array)
    fixed = {k: v for k, v in kwargs.items() if _is_fixed(v)}
    named = {k: v for k, v in kwargs.items() if k not in fixed}
    leaf = leaf_of_method(name, len(args), tuple(named), tuple(fixed.items()))
    return tape.operation(leaf, (array, *args, *named.values()))


def _nested(tape: Tape, array: object) -> list[Any]:
    return [_nested(tape, a) if np.ndim(a) else a for a in tape.each(array)]


# ---- functions that are called as they are ---------------------------------------------------------------------------


def _as_it_is(
    tape: Tape, function: Any, args: tuple[object, ...], kwargs: dict[str, object]
) -> Any:
    """A library function that reads no numbers, or gets none that is differentiated."""
    own = getattr(function, "__wrapped__", None)
    if (
        own is not None
        and isinstance(function, FunctionType)
        and function.__code__.co_filename == contextlib.__file__
    ):
        return contextlib.contextmanager(called(tape, own))(*args, **kwargs)
    if is_moving(function):
        if not only_holds(function):
            args = tuple(called(tape, a) for a in args)
            kwargs = {k: called(tape, v) for k, v in kwargs.items()}
        if iterates_argument(function):
            args = tuple(tape.each(a) for a in args)
        if getattr(function, "__name__", "") in ("format", "format_map") and isinstance(
            function.__self__, str
        ):
            note_written(tape, [args, kwargs])
        return function(*args, **kwargs)
    args = tuple(_listed(tape, a) for a in args)
    given = leaves_of([args, kwargs])
    refuse_read(tape, function, given)
    functions = [v for v in given if callable(v) and not isinstance(v, type)]
    if is_ours(function):
        if tape.tracked.has_part(given) or not all(_is_closed(tape, f) for f in functions):
            raise UnsupportedError(
                f"`srcdiff.{function.__name__}` is called in a dynamic program, of what is made there",
                "Take `srcdiff.grad` of a function of the module, and pass what that gives all that it depends on.",
            )
        return function(*args, **kwargs)
    if tape.tracked.has_part(given) or functions:
        name = getattr(function, "__qualname__", repr(function))
        raise UnsupportedError(
            f"`{name}` is not known to srcdiff, and a differentiated value reaches it",
            "Write it with functions that docs/api.md lists, or as Python code.",
        )
    return function(*args, **kwargs)


def _is_closed(tape: Tape, function: object) -> bool:
    """Whether a function captures no value of the program."""
    plain = function_of(function)
    is_made_here = isinstance(plain, FunctionType) and (
        plain.__closure__ or plain.__code__.co_filename == tape.file or is_rewritten(plain)
    )
    return isinstance(plain, FunctionType) and not is_made_here


def called(tape: Tape, value: object) -> Any:
    """A function for a library that calls it: its operations run on the tape."""
    is_function = callable(value) and not isinstance(value, type | AbstractContextManager)
    if not is_function or (
        isinstance(value, FunctionType) and value.__code__.co_filename == tape.file
    ):
        return value
    return functools.partial(call, tape, value)


def _made(tape: Tape, cls: type, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    """`Class(...)`."""
    init = inspect.getattr_static(cls, "__init__", None)
    if not is_own_class(cls) or issubclass(cls, enum.Enum):
        return _as_it_is(tape, cls, args, kwargs)
    refuse_custom(cls)
    if issubclass(cls, float | int | complex | np.ndarray):
        raise UnsupportedError(
            f"{cls.__name__} is a class of numbers of its own, which a dynamic program does not support",
            "Keep the number in an attribute of an object.",
        )
    new = inspect.getattr_static(cls, "__new__", None)
    is_read = isinstance(getattr(new, "__func__", new), FunctionType) and not issubclass(cls, tuple)
    if type(cls).__call__ is not type.__call__ or is_read:
        name = "metaclass" if not is_read else "__new__"
        raise UnsupportedError(
            f"{cls.__name__} has a {name} of its own, which a dynamic program does not support",
            "Write an __init__, or a function that makes the object.",
        )
    if not isinstance(init, FunctionType):
        return cls(*args, **kwargs)
    made = cls.__new__(cls, *(args if issubclass(cls, BaseException) else ()))
    if init.__code__.co_filename == "<string>":  # a dataclass's, which assigns
        after = inspect.getattr_static(cls, "__post_init__", None)
        if isinstance(after, FunctionType):
            call(tape, after, made, *set_fields(made, init, args, kwargs))
        else:
            init(made, *args, **kwargs)
    else:
        call(tape, init, made, *args, **kwargs)
    return made
