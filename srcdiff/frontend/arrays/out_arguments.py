"""NumPy's functions that write into an array: `np.exp(x, out=y)` is `y[...] = np.exp(x)`, and returns `y`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.stores import write_item
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.session import TRUE
from srcdiff.frontend.core.values import Args, FrontValue, Known, Kwargs, Parts, Slice
from srcdiff.ir.types import Array, shape_of
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.core.registry import COMPOSITES, find_composite


def into_out(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """The call with its `out` argument, and what it says of storage left out; None where it says nothing of either."""
    if not _is_numpy(function):
        return None
    rest, named = list(args), dict(kwargs)
    out = _taken(fr, node, function, rest, named)
    if isinstance(function, np.ufunc):
        _leave_out(named, out)
        if "where" in named:
            return _of_some(fr, node, function, rest, named, out)
        if "dtype" in named:
            given = [Known(function), named.pop("dtype"), *rest]
            value = fr.call(node, Known(COMPOSITES["ufunc_dtype"]), given, named)
            return _written_each(fr, node, out, value)
    if len(rest) == len(args) and len(named) == len(kwargs):
        return None
    while rest and len(rest) < len(args) and rest[-1] == const(None):  # a dtype= in front of it
        rest.pop()
    return _written_each(fr, node, out, fr.call(node, Known(function), rest, named))


def _taken(
    fr: Frame,
    node: gast.AST,
    function: object,
    rest: list[FrontValue],
    named: dict[str, FrontValue],
) -> FrontValue | None:
    """`out`, which is taken from among the arguments; where a tuple has one array, that array."""
    place = None if "out" in named else out_by_place(function, len(rest))
    out: FrontValue | None = named.pop("out", None)
    if place is not None and isinstance(function, np.ufunc):
        outs = tuple(rest[place[0] :])
        out = outs[0] if len(outs) == 1 else Parts("tuple", tuple(range(len(outs))), outs)
    elif place is not None:
        out = rest[place[0]]
        named |= zip(place[1], rest[place[0] + 1 :], strict=True)
    if place is not None:
        del rest[place[0] :]
    if isinstance(out, Parts) and out.kind == "tuple" and len(out.values) == 1:
        (out,) = out.values
    count = len(out.values) if isinstance(out, Parts) else 1
    if isinstance(function, np.ufunc) and count > 1 and count != function.nout:
        message = f"np.{function.__name__} writes {function.nout} arrays, not {count}"
        fr.fail(node, message, "Give out= one array for each, or None.")
    return None if out is None or out == const(None) else out


def _leave_out(named: dict[str, FrontValue], out: FrontValue | None) -> None:
    """Arguments of a ufunc that make no difference to what it computes."""
    for name in ("order", "subok"):
        named.pop(name, None)
    for name, default in (("where", TRUE), ("dtype", const(None))):
        if named.get(name) == default:
            del named[name]
    is_converted = out is not None or "dtype" in named
    if named.get("casting") in [const(c) for c in _CASTING[is_converted:]]:
        del named["casting"]


_CASTING = ("safe", "same_kind", "unsafe")  # what refuses no conversion but, the first, of results


def _of_some(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs, out: FrontValue | None
) -> FrontValue:
    """A ufunc of the elements that `where` says."""
    if "dtype" in kwargs:
        fr.fail(node, "a ufunc takes where= or dtype= here, not both", "Use astype before.")
    named = {k: v for k, v in kwargs.items() if k != "where"}
    given = [Known(function), kwargs["where"], const(None) if out is None else out, *args]
    return fr.call(node, Known(COMPOSITES["ufunc_where"]), given, named)


def method_into_out(
    fr: Frame, node: gast.AST, receiver: FrontValue, name: str, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """The same of `x.sum(axis=0, out=y)`, which is `np.sum(x, axis=0, out=y)`."""
    function = getattr(np, name) if name in _WITH_OUT else None
    return None if function is None else into_out(fr, node, function, [receiver, *args], kwargs)


# methods whose parameters are those of the function of the name, behind the array
_WITH_OUT = {
    *("all", "any", "argmax", "argmin", "choose", "clip", "cumprod", "cumsum", "dot", "max", "mean", "min", "prod"),
    *("round", "std", "sum", "take", "trace", "var"),
}  # fmt: skip


def out_by_place(function: object, count: int) -> tuple[int, tuple[str, ...]] | None:
    """The position of `out` among the positional arguments, and the names of those after it; None where it is not
    given.
    """
    names = _names_of(function) if _is_numpy(function) else ()
    if "out" not in names[:count]:
        return None
    at = names.index("out")
    return at, names[at + 1 : count]


@cache
def _names_of(function: Any) -> tuple[str, ...]:
    """The positional parameters of a function of NumPy's; () where that is not known, and of others."""
    if isinstance(function, np.ufunc):
        return (*(f"x{k}" for k in range(function.nin)), "out")
    composite = find_composite(function)
    if composite is not None and not composite.of_complex:
        function = composite.function
    try:
        listed = inspect.signature(function)
    except (ValueError, TypeError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in listed.parameters.values() if p.kind in kinds)


def filled(fr: Frame, node: gast.AST, array: FrontValue, args: Args) -> FrontValue:
    _written(fr, node, array, args[0])
    return const(None)


def _is_numpy(function: object) -> bool:
    return (getattr(function, "__module__", None) or "numpy").partition(".")[0] == "numpy"


def _written_each(
    fr: Frame, node: gast.AST, out: FrontValue | None, value: FrontValue
) -> FrontValue:
    """Write the result of a function into its `out`; several results, each into its own."""
    if out is None or out == const(None):
        return value
    if not isinstance(out, Parts) or not isinstance(value, Parts):
        result = value.type if isinstance(value, Value) else None
        if isinstance(result, Array) and result.ndim > len(shape_of(fr.as_atom(out, node).type)):
            fr.fail(
                node,
                "a result with more axes than its out= has",
                "Pass an array with the shape of the result.",
            )
        return _written(fr, node, out, value)
    written = [
        _written_each(fr, node, *pair) for pair in zip(out.values, value.values, strict=True)
    ]
    return Parts("tuple", value.keys, tuple(written))


def _written(fr: Frame, node: gast.AST, out: FrontValue, value: FrontValue) -> FrontValue:
    """Write what a function gave into the array that is its `out`."""
    if not isinstance(out, Value) or not isinstance(out.type, Array) or not out.type.ndim:
        fr.fail(node, f"cannot write into {describe(out)}", "Pass an array with axes.")
    source = value.type if isinstance(value, Value | Const) else None
    dtype = getattr(source, "dtype", out.type.dtype)
    if not np.can_cast(np.dtype(dtype), np.dtype(out.type.dtype), "same_kind"):
        fr.fail(node, f"{dtype} is not written into an array of {out.type.dtype}", "Use astype.")
    key = Slice(None, None, None) if out.type.ndim == 1 else const(...)
    write_item(fr, out, key, value, node)
    return fr.session.current(out)


def _copyto(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    if "where" in kwargs:
        return fr.call(node, Known(COMPOSITES["copyto"]), args, kwargs)
    if len(args) != 2 or kwargs:
        fr.fail(node, "np.copyto takes two arrays here", "Write `a[mask] = b[mask]`.")
    _written(fr, node, args[0], args[1])
    return const(None)


WRITING: dict[object, Callable[..., FrontValue]] = {np.copyto: _copyto}
