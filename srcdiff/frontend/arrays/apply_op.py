"""Calls of operations: arguments are bound by the declaration's `bind` or by its signature, and the user's spelling
is kept.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.static_keys import need_static, specialise_on, specialise_on_lists
from srcdiff.frontend.arrays.subscripts import no_array, shape_parts
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    ShapeOf,
    Text,
    is_static,
    sequence,
    static,
)
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import ShapeMismatch, Shapes
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, ndim_of
from srcdiff.ir.values import Atom, Attrs, Const, Value, const
from srcdiff.ops.arrays.containers import get
from srcdiff.ops.core.registry import dotted, find
from srcdiff.ops.core.scalar_spellings import choose, of_numbers
from srcdiff.ops.core.type_rules import TypeMistake, UnknownMistake, promote
from srcdiff.ops.elementwise.conversions import astype, to_float
from srcdiff.ops.elementwise.exact_constants import exact_value


def spelled(function: object, decl: OpDecl) -> str:
    """How the user's function is written, where the operation would be written otherwise."""
    names = [c for c in decl.callables if isinstance(c, str)]
    if decl.callables and (function is decl.callables[0] or names):
        short = getattr(function, "__name__", "")
        is_other = function is not decl.callables[0]
        match = next((n for n in names if is_other and n.rpartition(".")[2] == short), "")
        return "" if match == decl.spelling or not match else match
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", "")
    if module == "builtins":
        return name
    if module == "_operator":
        return ""
    return dotted(module, name)


@functools.cache
def _parameters(signature: str) -> tuple[inspect.Parameter, ...]:
    probe = eval(f"lambda {signature}: 0", {})
    return tuple(inspect.signature(probe).parameters.values())


def apply(
    fr: Frame, node: gast.AST, decl: OpDecl, args: Args, kwargs: Kwargs, spelling: str
) -> FrontValue:
    """Append an operation for a call."""
    given = [_plain(fr, a, node) for a in args]
    named = {k: _plain(fr, v, node) for k, v in kwargs.items() if k not in decl.ignored}
    try:
        operands, attrs = (
            decl.bind(given, named) if decl.bind else _bind(fr, node, decl, given, named, spelling)
        )
    except UnknownMistake as mistake:
        for value in (*given, *named.values()):
            specialise_on(fr, value)
        fr.untyped(node, str(mistake), "Pass constants, or arguments that are not computed with.")
    except (TypeMistake, KeyError, IndexError) as mistake:
        specialise_on_lists(fr, (*given, *named.values()))
        text = (
            str(mistake)
            if isinstance(mistake, TypeMistake)
            else f"the arguments do not fit `{spelling or decl.spelling}`"
        )
        fr.fail(node, text, "See NumPy's documentation of the function for its arguments.")
    atoms = [a if isinstance(a, Value | Const) else _operand(fr, a, node) for a in operands]
    if any(isinstance(a.type, List) for a in atoms) and not _takes_lists(decl, atoms, attrs):
        atoms = [_as_array(fr, a, node) for a in atoms]
    _refuse_arrays_in_math(fr, node, decl, atoms, spelling or decl.spelling)
    if not fr.session.user_names:
        decl, spelling = of_numbers(decl, atoms, spelling, fr.session.of_python)
        atoms = [atoms[0], *_of_one_dtype(fr, node, atoms[1:])] if decl is choose else atoms
    if fr.b.origin == "compiler" and len(atoms) == 1:
        exact = exact_value(decl, atoms[0])
        if exact is not None:
            return exact
    named_tuple = None if decl.named is None else decl.named()
    names = getattr(named_tuple, "_fields", ())
    results = fr.ops(node, decl, *atoms, names=names, spelling=spelling, **attrs)
    if named_tuple is not None:
        return Parts("namedtuple", names, tuple(results), named_tuple)
    is_single = len(results) == 1 and not decl.as_tuple
    return results[0] if is_single else sequence(results)


def _refuse_arrays_in_math(
    fr: Frame, node: gast.AST, decl: OpDecl, atoms: Sequence[Atom], spelling: str
) -> None:
    """`math.sin` takes a number, where `np.sin` takes arrays, too."""
    module, _, name = spelling.rpartition(".")
    if module in ("math", "cmath") and decl.elementwise and any(ndim_of(a.type) for a in atoms):
        fr.fail(node, f"`{spelling}` takes numbers, not arrays", f"Use `np.{name}`.")


def _of_one_dtype(fr: Frame, node: gast.AST, numbers: Sequence[Atom]) -> list[Atom]:
    """The operands of a choice have one dtype: `0.5 if c else float(x > y)`, and float32 if one of them is."""
    dtype, weak = promote(numbers)

    def cast(a: Atom) -> Atom:
        assert isinstance(a.type, Scalar)
        if a.type.dtype == "bool" and dtype != "bool":
            return fr.op(node, to_float, a)
        is_narrow = not weak and dtype in ("float16", "float32")
        return (
            fr.op(node, astype, a, spelling=f"np.{dtype}", dtype=dtype)
            if is_narrow and a.type.weak
            else a
        )

    return [cast(a) for a in numbers]


def _plain(fr: Frame, value: FrontValue, node: gast.AST) -> Any:
    """An argument as `bind` functions take it: values, constants, and nested tuples of them."""
    value = fr.unwrap(value, node)
    if isinstance(value, Parts):
        no_array(fr, value, node)
        return tuple(_plain(fr, v, node) for v in value.values)
    if isinstance(value, ShapeOf):
        return _plain(fr, shape_parts(fr, value, node), node)
    if (
        isinstance(value, Value)
        and isinstance(value.type, Struct)
        and value.type.kind in ("tuple", "list", "namedtuple")
    ):
        return tuple(_plain(fr, fr.op(node, get, value, key=k), node) for k in value.type.keys)
    if isinstance(value, Known):
        return Const(value.value, Static(value.value))
    if isinstance(value, Value | Const):
        return value
    if isinstance(value, Text) and not value.operands:
        return const(value.template)
    fr.fail(node, f"{describe(value)} cannot be an argument here", "Pass numbers and arrays.")


def _operand(fr: Frame, value: object, node: gast.AST) -> Atom:
    if isinstance(value, tuple | list):
        decl = find(np.array)
        assert decl is not None and decl.bind is not None
        operands, attrs = decl.bind((value,), {})
        return fr.op(node, decl, *operands, **attrs)
    return const(value)


def _takes_lists(decl: OpDecl, atoms: Sequence[Atom], attrs: Attrs) -> bool:
    """Whether an operation is one of lists; NumPy makes arrays of them for others."""
    try:
        decl.infer(Shapes(), atoms, attrs)
    except TypeMistake:
        return False
    except ShapeMismatch:
        pass
    return True


def _as_array(fr: Frame, atom: Atom, node: gast.AST) -> Atom:
    if not isinstance(atom.type, List) or not isinstance(atom.type.element, Scalar | Array):
        return atom
    decl = find(np.array)
    assert decl is not None
    return fr.op(node, decl, atom, layout=())


_FIRST = ("a", "x", "v", "m", "arr")  # NumPy has several names for its first parameter


def _bind(
    fr: Frame,
    node: gast.AST,
    decl: OpDecl,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    spelling: str,
) -> tuple[list[Any], dict[str, Any]]:
    """By the declared signature: parameters without a default are operands, the others static attributes."""
    name = spelling or decl.spelling or decl.name
    operands: list[Any] = []
    attrs: dict[str, Any] = {}
    rest, named = list(args), dict(kwargs)
    for parameter in _parameters(decl.signature):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            operands += rest
            rest = []
            continue
        is_operand = parameter.default is inspect.Parameter.empty
        if rest and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            value = rest.pop(0)
        elif parameter.name in named:
            value = named.pop(parameter.name)
        elif is_operand and not operands and (other := next((k for k in _FIRST if k in named), "")):
            value = named.pop(other)
        elif is_operand:
            fr.fail(node, f"`{name}` misses the argument `{parameter.name}`")
        else:
            continue
        if is_operand:
            operands.append(value)
        else:
            attrs[parameter.name] = _attribute(fr, value, node)
    if rest:
        fr.fail(node, f"`{name}` takes fewer arguments here", "Leave the last one out.")
    if named:
        fr.fail(
            node,
            f"`{name}` does not take the argument `{next(iter(named))}` here",
            f"Write into the array: `x[...] = {name}(x)`."
            if name.startswith("np.") and "copy" in named
            else "Leave it out.",
        )
    return operands, attrs


def _attribute(fr: Frame, value: Any, node: gast.AST) -> Any:
    """A static attribute as a Python value."""
    if isinstance(value, tuple):
        return tuple(_attribute(fr, v, node) for v in value)
    if not is_static(value):
        need_static(fr, value, node)
    return static(value)
