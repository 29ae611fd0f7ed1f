"""Functions made by `numba.vectorize`, called with arrays: the function of numbers is called for each element.

    y = soft(x)         becomes         out = np.empty(x.shape)
                                        for i in range(x.shape[0]):
                                            out[i] = soft(x[i])
                                        y = out

A function that computes one expression of all its arguments, by assignments to names alone, is read with the arrays
themselves: the result is the same, and the text is shorter.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from types import FunctionType
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.calls.inline import call_function
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Args, FrontValue, Kwargs
from srcdiff.frontend.source.wrappers import function_of, made_function
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Value

_INDICES = "ijklmnop"

_PLAIN = (
    gast.Name, gast.Constant, gast.BinOp, gast.UnaryOp, gast.Call, gast.Attribute, gast.Load, gast.Store,
    gast.operator, gast.unaryop, gast.keyword,
)  # fmt: skip


def is_by_element(function: object, args: Args, kwargs: Kwargs) -> bool:
    """Whether it is a function of numbers that is called with arrays, and has to see each element."""
    if type(function).__name__ != "DUFunc" or kwargs:
        return False
    plain = function_of(function)
    arrays = [isinstance(a, Value) and isinstance(a.type, Array) for a in args]
    return isinstance(plain, FunctionType) and any(arrays) and not _is_one_expression(plain)


@functools.lru_cache(maxsize=256)
def _is_one_expression(function: FunctionType) -> bool:
    """Whether it assigns to names, and returns what all of its parameters are in."""
    try:
        (tree,) = gast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    if not isinstance(tree, gast.FunctionDef):
        return False
    used: dict[str, set[str]] = {p.id: {p.id} for p in tree.args.args}
    parameters = set(used)
    for statement in tree.body:
        if isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Constant):
            continue
        if not isinstance(statement, gast.Assign | gast.Return) or statement.value is None:
            return False
        nodes = list(gast.walk(statement.value))
        if not all(isinstance(n, _PLAIN) for n in nodes):
            return False
        names = [used.get(n.id, set()) for n in nodes if isinstance(n, gast.Name)]
        found = set().union(*names)
        if isinstance(statement, gast.Return):
            return found == parameters
        if not all(isinstance(t, gast.Name) for t in statement.targets):
            return False
        used.update({t.id: found for t in statement.targets})
    return False


def call_by_element(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue:
    """The array of what the function makes of each element, with NumPy's broadcasting."""
    types = [a.type if isinstance(a, Value) else None for a in args]
    shapes = [shape_of(t) if isinstance(t, Array) else () for t in types]
    dtypes = [t.dtype if isinstance(t, Array) else "" for t in types]
    plain = function_of(function)
    names = _names(plain, len(args))
    name = f"each_{plain.__name__}"
    text = _text(name, names, shapes, _dtype_of(function, dtypes))
    made = made_function(text, name, {"np": np, "of_number": plain})
    return call_function(fr, node, made, args, kwargs)


def _names(function: Any, count: int) -> list[str]:
    """The function's own parameters, where they are none of ours."""
    names = list(inspect.signature(function).parameters)[:count]
    is_ours = {"np", "of_number", "shape", "values", *_INDICES}.intersection(names)
    return [f"x{k}" for k in range(count)] if is_ours or len(names) < count else names


def _dtype_of(function: Any, dtypes: list[str]) -> str:
    """The dtype of Numba's result for arrays of these dtypes, and numbers."""
    with np.errstate(all="ignore"):
        empty = [np.empty(0, d) if d else np.float64(1.0) for d in dtypes]
        return str(function(*empty).dtype)


def _text(name: str, names: list[str], shapes: list[tuple[Dim, ...]], dtype: str) -> str:
    """The function of arrays that fills one with what the function of numbers gives."""
    arrays = [(n, s) for n, s in zip(names, shapes, strict=True) if s]
    ndim = max((len(s) for _, s in arrays), default=0)
    lines, places = [], {n: n if not s else "" for n, s in zip(names, shapes, strict=True)}
    if len({s for _, s in arrays}) == 1:
        lines.append(f"shape = {arrays[0][0]}.shape")
    else:
        listed = ", ".join(f"{n}.shape" for n, _ in arrays)
        lines.append(f"shape = np.broadcast_shapes({listed})")
        lines += [f"{n} = np.broadcast_to({n}, shape)" for n, _ in arrays]
    index = ", ".join(_INDICES[:ndim])
    for n, _ in arrays:
        places[n] = f"{n}[{index}]"
    given = "" if dtype == "float64" else f", np.{'bool_' if dtype == 'bool' else dtype}"
    lines.append(f"values = np.empty(shape{given})")
    for depth, letter in enumerate(_INDICES[:ndim]):
        lines.append(f"{'    ' * depth}for {letter} in range(shape[{depth}]):")
    lines.append(f"{'    ' * ndim}values[{index}] = of_number({', '.join(places.values())})")
    lines.append("return values")
    return f"def {name}({', '.join(names)}):\n" + "".join(f"    {line}\n" for line in lines)
