"""Whether a composite stands for a call, and what it is called with: lists of numbers are arrays."""

from __future__ import annotations

from itertools import zip_longest

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Args, FrontValue, Known, Kwargs, Parts
from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import Array, List, Scalar, is_complex, ndim_of
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.core.registry import Composite


def takes(
    fr: Frame, node: gast.AST, composite: Composite, args: Args, kwargs: Kwargs, decl: OpDecl | None
) -> bool:
    """Whether a composite stands for a call; `decl` is what else may."""
    keywords = [*kwargs, *(f"{k}=None" for k, v in kwargs.items() if v == const(None))]
    has_complex = any(map(_has_complex, (*args, *kwargs.values())))
    if not composite.takes(len(args), keywords, _most_axes(args, kwargs, composite), has_complex):
        return False
    if composite.takes_complex or not has_complex:
        return True
    if decl is None or composite.given:  # of arguments that no operation takes
        fr.refuse_complex(node, composite.spelling or composite.name)
    return False


def _has_complex(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return any(map(_has_complex, value.values))
    return isinstance(value, Value | Const) and is_complex(value.type)


def _most_axes(args: Args, kwargs: Kwargs, composite: Composite) -> int:
    if composite.ndim is None:
        return 0
    places = composite.at if isinstance(composite.at, tuple) else (composite.at,)
    names = composite.function.__code__.co_varnames
    return max(_axes_of(args[k] if k < len(args) else kwargs.get(names[k]), k) for k in places)


def _axes_of(found: FrontValue | None, at: int) -> int:
    """The axes of an argument; a list in front is one of arrays, and elsewhere one of numbers."""
    if isinstance(found, Parts) or (isinstance(found, Value) and isinstance(found.type, List)):
        return 1 if at else 0
    return ndim_of(found.type) if isinstance(found, Value | Const) else 0


def with_arrays(
    fr: Frame, node: gast.AST, composite: Composite, args: Args, kwargs: Kwargs
) -> tuple[Args, Kwargs]:
    """The arguments, with lists of numbers as arrays where a parameter is an array."""
    code = composite.function.__code__
    names = code.co_varnames[: code.co_argcount][: len(args)]
    given = [_array(fr, node, composite, n, a) for n, a in zip_longest(names, args)]
    return given, {k: _array(fr, node, composite, k, v) for k, v in kwargs.items()}


def _array(
    fr: Frame, node: gast.AST, composite: Composite, name: str | None, value: FrontValue
) -> FrontValue:
    is_list = isinstance(value, Parts) and value.kind in ("list", "tuple") and value.values
    if not composite.takes_array(name) or not is_list or not _is_numeric(value):
        return value
    return fr.call(node, Known(np.asarray), [value])


def _is_numeric(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return value.kind in ("list", "tuple") and all(map(_is_numeric, value.values))
    return isinstance(value, Value | Const) and isinstance(value.type, Array | Scalar)
