"""Attributes, and calls of methods: of arrays, records, objects and modules."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import replace
from types import FunctionType, ModuleType

import gast
import numpy as np

from srcdiff.frontend.arrays.apply_op import apply
from srcdiff.frontend.arrays.out_arguments import filled, method_into_out
from srcdiff.frontend.arrays.sparse import is_matrix, transpose
from srcdiff.frontend.arrays.subscripts import read_item
from srcdiff.frontend.callees import list_methods
from srcdiff.frontend.callees.composites import takes
from srcdiff.frontend.callees.dispatch import call_known
from srcdiff.frontend.callees.objects import Super, super_attribute, write_attribute
from srcdiff.frontend.callees.struct_methods import record_method
from srcdiff.frontend.calls.inline import call_composite, call_function
from srcdiff.frontend.containers.dunder_methods import refuse_descriptor
from srcdiff.frontend.core.constants import from_python, watch
from srcdiff.frontend.core.frame import Frame, describe, reads
from srcdiff.frontend.core.string_formatting import formatted
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
    is_static,
    static,
)
from srcdiff.frontend.effects.random_draws import drawn, is_generator
from srcdiff.frontend.iteration.prelude import number_list
from srcdiff.frontend.source.function_source import is_read_in_place
from srcdiff.frontend.source.wrappers import LIBRARIES, distribution_name
from srcdiff.ir.structs import is_generated
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, is_float
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import get
from srcdiff.ops.arrays.memory import copy
from srcdiff.ops.core.registry import COMPOSITE_METHODS, METHODS


@reads(gast.Attribute)
def _attribute_node(fr: Frame, node: gast.AST) -> FrontValue:
    return attribute(fr, fr.expr(node.value), node.attr, node)


def attribute(fr: Frame, base: FrontValue, name: str, node: gast.AST) -> FrontValue:
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
        case Piece(function=Known(value=owner)) if distribution_name(owner):
            return replace(base, function=attribute(fr, base.function, name, node))
        case Closure() if name == "__name__":
            return const(getattr(base.node, "name", "<lambda>"))
    return Method(base, name)


def _attribute_of_object(fr: Frame, value: object, name: str, node: gast.AST) -> FrontValue:
    owner = value if isinstance(value, type | ModuleType) else type(value)
    is_formula = is_read_in_place(getattr(owner, "__module__", None) or owner.__name__)
    if is_formula and owner is type(value):
        found = inspect.getattr_static(owner, name, None)
        if isinstance(found, property):  # it makes other objects each time
            return call_known(fr, node, found.fget, [Known(value)], {})
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
    keys: Sequence[object],
    cls: type | None,
    name: str,
    node: gast.AST,
) -> FrontValue:
    found = inspect.getattr_static(cls, name, None) if cls is not None else None
    refuse_descriptor(fr, cls, name, node)
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
    fr: Frame, base: Atom, type_: Array | Scalar, name: str, node: gast.AST
) -> FrontValue:
    if name == "shape":
        return ShapeOf(base)
    if name == "ndim":
        return const(type_.ndim if isinstance(type_, Array) else 0)
    if name == "dtype":
        return Known(np.dtype(type_.dtype))
    if name == "flat":
        fr.untyped(
            node,
            "`.flat` can only be subscripted here, as in `x.flat[k]`",
            "Use np.ravel(x), which is of the elements in the same order.",
        )
    decl = METHODS.get(name)
    if name in _PROPERTIES and name in COMPOSITE_METHODS:
        composite = COMPOSITE_METHODS[name]
        if takes(fr, node, composite, [base], {}, decl):
            return call_composite(fr, node, composite, [base], {})
    if decl is not None and name in _PROPERTIES:
        return fr.op(node, decl, base, spelling=f".{name}")
    return Method(base, name)


_PROPERTIES = ("T", "real", "imag", "size", "mT")


def _as_python_number(fr: Frame, number: Atom, name: str, args: Args) -> type | None:
    """In formulas of ours: `int` for `.astype(int)` of what is a number of Python's here."""
    kind = args[0].value if name == "astype" and args and isinstance(args[0], Known) else None
    kind = kind.type if isinstance(kind, np.dtype) else kind
    kind = float if kind is np.float64 else int if kind is np.int64 else kind
    is_python = isinstance(number.type, Scalar) and number.type.weak
    return kind if is_python and fr.b.origin == "compiler" and kind in (int, float) else None


def _as_list(fr: Frame, node: gast.AST, array: Atom, ndim: int) -> FrontValue:
    """`x.tolist()`."""
    if ndim != 1:
        fr.untyped(node, "a list of lists of numbers is made of an array", "Loop over its rows.")
    return fr.call_prelude(node, number_list, array)


def call_method(
    fr: Frame, node: gast.AST, receiver: FrontValue, name: str, args: Args, kwargs: Kwargs
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
            if name == "view" and not args and not kwargs:
                return read_item(fr, receiver, const(...), node)
            if name == "tolist" and isinstance(receiver.type, Array) and is_float(receiver.type):
                return _as_list(fr, node, receiver, receiver.type.ndim)
            python = _as_python_number(fr, receiver, name, args)
            if python is not None:
                return call_known(fr, node, python, [receiver], {})
            written = method_into_out(fr, node, receiver, name, args, kwargs)
            if written is not None:
                return written
            composite = COMPOSITE_METHODS.get(name)
            given = [receiver, *args]
            decl = METHODS.get(name)
            if composite is not None and takes(fr, node, composite, given, kwargs, decl):
                return call_composite(fr, node, composite, given, kwargs)
            if decl is not None:
                return apply(fr, node, decl, [receiver, *args], kwargs, f".{name}")
        case Value() if is_generator(receiver):
            return drawn(fr, node, receiver, name, args, kwargs)
        case Parts() | Value(type=Struct()):
            return record_method(fr, node, receiver, name, args, kwargs)
        case Const(value=str() as text) if all(map(is_static, args)) and not kwargs:
            return const(fr.evaluated(node, lambda: getattr(text, name)(*map(static, args))))
        case Const(value=str() as text) if name in ("format", "join"):
            return formatted(fr, node, text, name, args, kwargs)
    type_ = receiver.type if isinstance(receiver, Value | Const) else None
    (fr.fail if isinstance(type_, Array | Scalar) else fr.untyped)(
        node,
        f"the method `.{name}` of {describe(receiver)} is not known to srcdiff",
        _INSTEAD.get(name, "Use a NumPy function instead."),
    )


_INSTEAD = {
    "resize": "Bind a new array: np.resize repeats elements, np.concatenate adds zeros.",
    "partition": "Write `x[...] = np.partition(x, k)`.",
}
