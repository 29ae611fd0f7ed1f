"""Calls: operations, the user's functions, builtins, methods, records."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, NoReturn

import gast
import numpy as np

from srcdiff.frontend import list_methods
from srcdiff.frontend.application import apply, spelled
from srcdiff.frontend.builtin_calls import ATTRIBUTE, BUILTINS, reducing
from srcdiff.frontend.constants import from_python, watch
from srcdiff.frontend.derived_calls import call_derived, is_derived
from srcdiff.frontend.draws import drawn, is_generator, is_random
from srcdiff.frontend.effects import EFFECTS, call_effect
from srcdiff.frontend.frame import HOOKS, Frame, describe, reads
from srcdiff.frontend.functions import call_closure, call_composite, call_function
from srcdiff.frontend.iteration import BUILTINS as ITERATION
from srcdiff.frontend.iteration import CALL, checkpointed, taken
from srcdiff.frontend.iterators import (
    ITERATORS,
    goes_through,
    gone_through_once,
    makes_iterator,
    passes,
)
from srcdiff.frontend.itertools_calls import ITERTOOLS
from srcdiff.frontend.joins import known_dict
from srcdiff.frontend.kernel_calls import kernel_call
from srcdiff.frontend.kernel_launches import Configured, launch
from srcdiff.frontend.methods import record_method
from srcdiff.frontend.objects import BUILTINS as OBJECTS
from srcdiff.frontend.objects import (
    Super,
    is_own_class,
    make_object,
    super_attribute,
    write_attribute,
)
from srcdiff.frontend.optional import sure
from srcdiff.frontend.out_arguments import WRITING, filled, into_out
from srcdiff.frontend.records import RECORDS, construct, is_record_class
from srcdiff.frontend.solver_calls import call_solver
from srcdiff.frontend.source import (
    LIBRARIES,
    function_of,
    is_library,
    is_own_method,
    is_read_in_place,
    unknown_decorator,
)
from srcdiff.frontend.sparse_calls import (
    format_of,
    is_matrix,
    made_matrix,
    product,
    solved,
    transpose,
)
from srcdiff.frontend.special_methods import called, refuse_own_items
from srcdiff.frontend.subscripts import need_static, shape_parts
from srcdiff.frontend.texts import formatted
from srcdiff.frontend.values import (
    Closure,
    FrontValue,
    Known,
    Method,
    Parts,
    Piece,
    ShapeOf,
    Stream,
    is_static,
    static,
)
from srcdiff.ir.core import Atom, Const, OpDecl, Value, const, known_dim
from srcdiff.ir.structs import is_generated
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, is_complex, is_float, ndim_of
from srcdiff.ops.composites.interpolation import interpolant
from srcdiff.ops.containers import get
from srcdiff.ops.control import stop_gradient
from srcdiff.ops.kernels import Named
from srcdiff.ops.memory import copy
from srcdiff.ops.registry import (
    COMPOSITE_METHODS,
    METHODS,
    Composite,
    find,
    find_composite,
    is_evaluated,
    own_rule,
    refuse,
    same_length,
)
from srcdiff.ops.solvers import solver_of

__all__ = ["SPECIAL", "attribute", "call_value"]

Args = Sequence[FrontValue]
Kwargs = Mapping[str, FrontValue]


@reads(gast.Call)
def _call(fr: Frame, node: Any) -> FrontValue:
    function = fr.expr(node.func)
    if (
        len(node.args) == 1
        and isinstance(node.args[0], gast.GeneratorExp)
        and isinstance(function, Known)
    ):
        reduced = reducing(fr, node, function.value, node.args[0])
        if reduced is not None:
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
            fr.fail(keyword.value, "`**` takes a dict of known keys", "Pass the arguments by name.")
    if not _is_read(function):
        args = [sure(fr, a, node) for a in args]
        kwargs = {k: sure(fr, v, node) for k, v in kwargs.items()}
    return call_value(fr, node, function, args, kwargs)


def _is_read(function: FrontValue) -> bool:
    """Whether this is a function of the user's, which may ask whether an argument is None."""
    if isinstance(function, Known):
        known = function_of(function.value)
        return type(known) is FunctionType and not is_library(known) and find(known) is None
    return isinstance(function, Closure | Piece) or (
        isinstance(function, Method) and function.function is not None
    )


def _rows_as_arrays(node: Any) -> Any:
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


def _pass_on(fr: Frame, node: Any, function: FrontValue) -> None:
    """Mark arguments of which no copy is needed: they are gone through here, or where the result is."""
    called = function.value if isinstance(function, Known) and _hashable(function.value) else None
    if called in _PASSING:
        for argument in node.args:
            argument.in_passing = True
    elif called in ITERATION and getattr(node, "in_passing", False):
        for argument in node.args:
            argument.in_passing = passes(fr, node, argument)
    if isinstance(function, Known) and _goes_through(function.value):
        for argument in node.args:
            is_late = isinstance(argument, gast.GeneratorExp) and makes_iterator(called)
            argument.at_once = not is_late or passes(fr, node, argument)
    elif called is next and node.args and _makes_list(node.args[0]):
        node.args[0].in_passing = True  # nobody asks for what comes behind


def _makes_list(node: Any) -> bool:
    """Whether this is an iterator that is a list where it is gone through at once."""
    is_filter = isinstance(node, gast.Call) and getattr(node.func, "id", "") == "filter"
    return is_filter or isinstance(node, gast.GeneratorExp)


def _spread(fr: Frame, value: FrontValue, node: Any) -> Sequence[FrontValue]:
    value = taken(fr, value, node)
    refuse_own_items(fr, node, value)
    if isinstance(value, ShapeOf):
        return shape_parts(fr, value, node).values
    if isinstance(value, Value) and isinstance(value.type, Struct):
        return [fr.op(node, get, value, key=k) for k in value.type.keys]
    if isinstance(value, Parts):
        return value.values
    fr.untyped(
        node,
        f"`*` spreads {describe(value)} over arguments, and only the run knows how many these are",
        "Pass the parts one by one.",
    )


def call_value(
    fr: Frame, node: Any, function: FrontValue, args: Args, kwargs: Kwargs
) -> FrontValue:
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
            return _call_method(fr, node, function.receiver, function.name, args, kwargs)
        case Method():
            return call_function(fr, node, function.function, [function.receiver, *args], kwargs)
        case Known():
            return _call_known(fr, node, function.value, args, kwargs)
        case Const(type=Static()) if callable(function.value):
            return _call_known(fr, node, function.value, args, kwargs)
    found = called(fr, node, function, "__call__", *args, **kwargs)
    if found is not None:
        return found
    fr.fail(node, f"{describe(function)} cannot be called")


CALL.append(call_value)
HOOKS["call"] = call_value
HOOKS["attribute"] = lambda *args: attribute(*args)


def _call_known(fr: Frame, node: Any, function: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """A call of a Python object."""
    declared = own_rule(function)
    if declared is not None:
        return apply(fr, node, declared, args, kwargs, "")
    own = _NUMBER_METHODS.get(function) if _hashable(function) and len(args) == 1 else None
    found = None if own is None else called(fr, node, args[0], own)
    if found is not None:
        return found
    if getattr(function, "srcdiff_effect", None) is not None:
        return call_effect(fr, node, function, args, kwargs)
    of_effects = EFFECTS.get(getattr(function, "srcdiff_reads", ""))
    if of_effects is not None:
        return of_effects(fr, node, args, kwargs)
    if isinstance(function, Configured):
        return launch(fr, node, function, args, kwargs)
    if isinstance(function, Named):
        return kernel_call(fr, node, function, args, kwargs)
    if getattr(function, "marks_checkpoints", False) is True:
        return checkpointed(fr, node, args, kwargs)
    if any(isinstance(a, Stream) for a in args) and _goes_through(function):
        args = [taken(fr, a, node) for a in args]
    special = SPECIAL.get(function) if _hashable(function) else None
    if special is not None:
        made = special(fr, node, args, kwargs)
        return gone_through_once(fr, node, made) if makes_iterator(function) else made
    written = into_out(fr, node, function, args, kwargs)
    if written is not None:
        return written
    if isinstance(function, OpDecl):  # rules may name operations
        return apply(fr, node, function, args, kwargs, "")
    if is_evaluated(function) or getattr(function, "srcdiff_evaluated", False) is True:
        known = [static(a) if is_static(a) else need_static(fr, a, node) for a in args]
        return from_python(fr, fr.evaluated(node, function, *known), "", node)
    if function is same_length:
        return const(_are_same(fr, *(known_dim(fr.as_atom(a, node)) for a in args)))
    if function is refuse:
        fr.fail(node, *map(static, args))
    solver = solver_of(function)
    if solver is not None:
        return call_solver(fr, node, function, solver, args, kwargs)
    if format_of(function):
        return made_matrix(fr, node, function, args, kwargs)
    if getattr(function, "__name__", "") == "spsolve" and len(args) == 2 and is_matrix(args[0]):
        return solved(fr, node, args)
    owner = getattr(function, "__self__", None)
    if getattr(function, "__name__", "") == "dot" and is_matrix(Known(owner)) and len(args) == 1:
        base = getattr(node.func, "value", node)
        return product(fr, node, Known(owner), args[0], (base, node))
    composite = find_composite(function)
    decl = find(function)
    if composite is not None and _takes(fr, node, composite, args, kwargs, decl):
        return call_composite(fr, node, composite, args, kwargs)
    if decl is stop_gradient and len(args) == 1 and not kwargs:
        return _stopped(fr, node, args[0])
    if decl is not None:
        return apply(fr, node, decl, args, kwargs, spelled(function, decl))
    outside = interpolant(function)
    if outside is not None:
        known, arrays, named = outside
        first = [from_python(fr, v, f"{_name_of(node)}_{k}", node) for k, v in arrays.items()]
        made = {**kwargs, **{k: const(v) for k, v in named.items()}}
        return call_composite(fr, node, Composite(known), [*first, *args], made)
    if is_derived(function):
        return call_derived(fr, node, function, args, kwargs)
    if _is_ours(function):
        name = getattr(function, "__name__", "this")
        fr.fail(
            node,
            f"`{name}` is srcdiff's, and cannot be called inside a function that is differentiated",
            "Make the derivative outside, as in g = srcdiff.grad(f), and call that: g(x).",
        )
    if function is functools.partial:
        return Piece(args[0], tuple(args[1:]), tuple(kwargs.items()))
    if isinstance(function, type) and is_own_class(function) and not is_record_class(function):
        return make_object(fr, node, function, args, kwargs)
    if isinstance(function, type):
        return construct(fr, node, function, args, kwargs)
    plain = function_of(function)
    inner = find(plain)
    if inner is not None:
        return apply(fr, node, inner, args, kwargs, spelled(plain, inner))
    if type(plain) is FunctionType and not is_library(plain):
        return call_function(fr, node, function, args, kwargs)
    if is_own_method(function):
        receiver = from_python(fr, function.__self__, "self", node)
        return call_function(fr, node, function.__func__, [receiver, *args], kwargs)
    call = vars(type(function)).get("__call__")
    if isinstance(call, FunctionType) and not is_library(call):
        return call_function(fr, node, call, [Known(function), *args], kwargs)
    if _hashable(function) and function in _OF_INTEGERS:
        for a in args:
            if not is_static(a):
                need_static(fr, a, node)
    if all(map(is_static, args)) and all(map(is_static, kwargs.values())) and _is_pure(function):
        value = function(*map(static, args), **{k: static(v) for k, v in kwargs.items()})
        return from_python(fr, value, gast.unparse(node).strip(), node)
    _refuse_unknown(fr, node, function, plain)


def _name_of(node: Any) -> str:
    """What is called, as a part of names."""
    text = gast.unparse(node.func).strip()
    return text if text.isidentifier() else "interpolant"


def _refuse_unknown(fr: Frame, node: Any, function: Any, plain: Any) -> NoReturn:
    """Say why a call cannot be read."""
    if type(plain) is FunctionType and hasattr(plain, "__wrapped__"):
        fr.fail(node, *unknown_decorator(plain))
    if type(function).__module__.partition(".")[0] == "numba":
        fr.fail(
            node,
            f"`{gast.unparse(node.func).strip()}` is Numba's {type(function).__name__}: there is no function to read",
            "Call an @njit function with the same loops.",
        )
    name = getattr(function, "__name__", repr(function))
    if isinstance(ufunc := getattr(function, "__self__", None), np.ufunc):
        name = f"np.{ufunc.__name__}.{name}"
    if is_random(function):
        fr.fail(
            node,
            f"`{gast.unparse(node.func).strip()}` is random, and the program has no generator that is an argument",
            "Draw from a np.random.Generator that is an argument, or pass the draws; in a model, declare the value: "
            "vi.sample(name, distribution).",
        )
    home = str(getattr(function, "__module__", "")).lstrip("_").partition(".")[0]
    (fr.untyped if home in _MOVING else fr.fail)(
        node,
        f"`{name}` is not known to srcdiff",
        "Write it with functions that docs/api.md lists, or as Python code.",
    )


# modules whose functions move values about without looking at them
_MOVING = (
    "builtins",
    "itertools",
    "copy",
    "collections",
    "dataclasses",
    "operator",
    "functools",
    "contextlib",
)


def _takes(
    fr: Frame, node: Any, composite: Composite, args: Args, kwargs: Kwargs, decl: OpDecl | None
) -> bool:
    """Whether a composite stands for a call; `decl` is what else may."""
    if not composite.takes(len(args), kwargs, _axes_of_first(args)):
        return False
    if composite.takes_complex or not any(map(_has_complex, (*args, *kwargs.values()))):
        return True
    if decl is None or composite.given:  # of arguments that no operation takes
        fr.refuse_complex(node, composite.spelling or composite.name)
    return False


def _has_complex(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return any(map(_has_complex, value.values))
    return isinstance(value, Value | Const) and is_complex(value.type)


def _axes_of_first(args: Args) -> int:
    first = args[0] if args else None
    return ndim_of(first.type) if isinstance(first, Value | Const) else 0


def _are_same(fr: Frame, a: Dim | None, b: Dim | None) -> bool:
    return a is not None and b is not None and fr.session.shapes.same(a, b)


SPECIAL = {**BUILTINS, **ITERTOOLS, **RECORDS, **WRITING, **OBJECTS, **ITERATION, **ITERATORS}
_NUMBER_METHODS = {
    abs: "__abs__", float: "__float__", int: "__int__", round: "__round__", reversed: "__reversed__",
    math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__",
}  # fmt: skip


def _goes_through(function: Any) -> bool:
    """Whether a call takes all that iterators among its arguments have to give."""
    if not _hashable(function) or not goes_through(function) or own_rule(function) is not None:
        return False
    if function in RECORDS or function in OBJECTS:
        return False
    return function in SPECIAL


def _is_ours(function: Any) -> bool:
    """Whether this is `grad` or the like, or a generated function."""
    maker = function if isinstance(function, FunctionType | type) else type(function)
    ours = maker.__module__ in ("srcdiff.api", "srcdiff.generated", "srcdiff.checks")
    return ours and not hasattr(function, "__wrapped__")


_OF_INTEGERS = (math.comb, math.perm, math.factorial, math.gcd, math.lcm, math.isqrt)


def _is_pure(function: Any) -> bool:
    return (
        function in (len, str, repr, np.dtype, np.finfo, np.iinfo, hash, ord, chr, *_OF_INTEGERS)
        if _hashable(function)
        else False
    )


def _hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


# ---- attributes and methods -----------------------------------------------------------------------------------


@reads(gast.Attribute)
def _attribute_node(fr: Frame, node: Any) -> FrontValue:
    return attribute(fr, fr.expr(node.value), node.attr, node)


def attribute(fr: Frame, base: FrontValue, name: str, node: Any) -> FrontValue:
    """`base.name`."""
    match base:
        case Super():
            return super_attribute(fr, base, name, node)
        case Known():
            return _attribute_of_object(fr, base.value, name, node)
        case Parts():
            return _attribute_of_record(fr, base, base.kind, base.keys, base.cls, name, node)
        case Value(type=Struct() as type_):
            return _attribute_of_record(fr, base, type_.kind, type_.keys, type_.cls, name, node)
        case Const(type=Static()) if not isinstance(base.value, str | type(None)):
            return _attribute_of_object(fr, base.value, name, node)
        case Value() | Const() if isinstance(base.type, Array | Scalar):
            return _attribute_of_array(fr, base, base.type, name, node)
    return Method(base, name)


ATTRIBUTE.append(attribute)


def _stopped(fr: Frame, node: Any, value: FrontValue) -> FrontValue:
    """`stop_gradient` of a number, an array, or each part of a container."""
    if isinstance(value, Value) and isinstance(value.type, Struct):
        parts = [_stopped(fr, node, fr.op(node, get, value, key=k)) for k in value.type.keys]
        return Parts(value.type.kind, value.type.keys, tuple(parts), value.type.cls)
    if isinstance(value, Parts):
        stopped = [_stopped(fr, node, v) for v in value.values]
        return Parts(value.kind, value.keys, tuple(stopped), value.cls)
    if isinstance(value, Value) and is_float(value.type):
        return fr.op(node, stop_gradient, value)
    return value


def _attribute_of_object(fr: Frame, value: Any, name: str, node: Any) -> FrontValue:
    owner = value if isinstance(value, type | ModuleType) else type(value)
    is_formula = is_read_in_place(getattr(owner, "__module__", None) or owner.__name__)
    if is_formula and owner is type(value):
        found = inspect.getattr_static(owner, name, None)
        if isinstance(found, property):  # it makes other objects each time
            return call_value(fr, node, Known(found.fget), [Known(value)], {})
    try:
        found = getattr(value, name)
    except AttributeError:
        fr.fail(node, f"`{gast.unparse(node.value).strip()}` has no attribute `{name}`")
    is_data = name in getattr(value, "__dict__", ()) and owner is type(value)
    is_library = isinstance(value, ModuleType) and value.__name__.partition(".")[0] in LIBRARIES
    if not is_library and (is_data or not is_formula):
        watch(fr, f"{id(value)} {name}", functools.partial(getattr, value, name), found)
    return from_python(fr, found, gast.unparse(node).strip(), node)


def _attribute_of_record(
    fr: Frame,
    base: Parts | Value,
    kind: str,
    keys: Sequence[Any],
    cls: type | None,
    name: str,
    node: Any,
) -> FrontValue:
    found = inspect.getattr_static(cls, name, None) if cls is not None else None
    is_own = kind == "object" and isinstance(found, property)  # comes before what the object has
    if kind in ("namedtuple", "dataclass", "object") and name in keys and not is_own:
        if isinstance(base, Parts):
            return base.values[base.keys.index(name)]
        return fr.op(node, get, base, key=name)
    if name == "__class__":
        return Known(cls)
    if name == "T" and isinstance(base, Parts) and is_matrix(base):
        return transpose(base)
    if kind == "object" and found is None:
        fr.fail(
            node,
            f"`{gast.unparse(node).strip()}`: this {cls.__name__ if cls else kind} has no attribute `{name}` here",
            "Set it in `__init__`.",
        )
    if isinstance(found, property) and isinstance(found.fget, FunctionType):
        return call_function(fr, node, found.fget, [base], {})
    if isinstance(found, functools.cached_property) and kind == "object":
        value = call_function(fr, node, found.func, [base], {})
        write_attribute(fr, base, name, value, node)
        return value
    if isinstance(found, staticmethod):
        return Known(found.__func__)
    if isinstance(found, classmethod) and isinstance(found.__func__, FunctionType):
        return Method(Known(cls), name, found.__func__)
    if isinstance(found, FunctionType) and not is_generated(found):
        return Method(base, name, found)
    if found is not None and not callable(found) and not isinstance(found, classmethod):
        return from_python(fr, found, gast.unparse(node).strip(), node)
    solver = getattr(cls, "srcdiff_solver", "")
    if solver:
        fr.fail(
            node,
            f"`{name}` of what `{solver}` found is not known to srcdiff, but {', '.join(f'`{k}`' for k in keys)} are",
            "Leave it out of the function that is differentiated.",
        )
    return Method(base, name)


def _attribute_of_array(
    fr: Frame, base: Atom, type_: Array | Scalar, name: str, node: Any
) -> FrontValue:
    if name == "shape":
        return ShapeOf(base)
    if name == "ndim":
        return const(type_.ndim if isinstance(type_, Array) else 0)
    if name == "dtype":
        return Known(np.dtype(type_.dtype))
    decl = METHODS.get(name)
    if name in _PROPERTIES and name in COMPOSITE_METHODS:
        composite = COMPOSITE_METHODS[name]
        if _takes(fr, node, composite, [base], {}, decl):
            return call_composite(fr, node, composite, [base], {})
    if decl is not None and name in _PROPERTIES:
        return fr.op(node, decl, base, spelling=f".{name}")
    return Method(base, name)


_PROPERTIES = ("T", "real", "imag", "size", "mT")


def _as_python_number(fr: Frame, number: Atom, name: str, args: Args) -> type | None:
    """In formulas of ours: `int` for `.astype(int)` of what is a number of Python's here."""
    kind = args[0].value if name == "astype" and args and isinstance(args[0], Known) else None
    is_python = isinstance(number.type, Scalar) and number.type.weak
    return kind if is_python and fr.b.origin == "compiler" and kind in (int, float) else None


def _call_method(
    fr: Frame, node: Any, receiver: FrontValue, name: str, args: Args, kwargs: Kwargs
) -> FrontValue:
    match receiver:
        case Value(type=List()):
            method = list_methods.METHODS.get(name)
            if method is not None:
                return method(fr, node, receiver, args)
        case Value() | Const() if isinstance(receiver.type, Array | Scalar):
            if name == "copy_to_host" and not args and not kwargs:  # of numba.cuda's arrays
                return fr.op(node, copy, receiver)
            if name == "fill" and len(args) == 1:
                return filled(fr, node, receiver, args)
            python = _as_python_number(fr, receiver, name, args)
            if python is not None:
                return _call_known(fr, node, python, [receiver], {})
            composite = COMPOSITE_METHODS.get(name)
            given = [receiver, *args]
            decl = METHODS.get(name)
            if composite is not None and _takes(fr, node, composite, given, kwargs, decl):
                return call_composite(fr, node, composite, given, kwargs)
            if decl is not None:
                return apply(fr, node, decl, [receiver, *args], kwargs, f".{name}")
        case Value() if is_generator(receiver):
            return drawn(fr, node, receiver, name, args, kwargs)
        case Parts() | Value():
            return record_method(fr, node, receiver, name, args, kwargs)
        case Const(value=str() as text) if all(map(is_static, args)) and not kwargs:
            return const(fr.evaluated(node, lambda: getattr(text, name)(*map(static, args))))
        case Const(value=str() as text) if name in ("format", "join"):
            return formatted(fr, node, text, name, args, kwargs)
    type_ = receiver.type if isinstance(receiver, Value | Const) else None
    (fr.fail if isinstance(type_, Array | Scalar) else fr.untyped)(
        node,
        f"the method `.{name}` of {describe(receiver)} is not known to srcdiff",
        "Use a NumPy function instead.",
    )
