"""NumPy's functions that write into an array: `np.exp(x, out=y)` is `y[...] = np.exp(x)`, and gives `y`."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np

from srcdiff.frontend.frame import HOOKS, Frame, describe
from srcdiff.frontend.session import TRUE
from srcdiff.frontend.stores import write_item
from srcdiff.frontend.values import Args, FrontValue, Known, Kwargs, Slice
from srcdiff.ir.core import Const, Value, const
from srcdiff.ir.types import Array
from srcdiff.ops.registry import COMPOSITES, find_composite

__all__ = ["WRITING", "filled", "into_out", "method_into_out", "out_by_place"]


def into_out(fr: Frame, node: Any, function: Any, args: Args, kwargs: Kwargs) -> FrontValue | None:
    """The call with its `out` argument; None where it has none."""
    value: FrontValue
    rest, named = list(args), dict(kwargs)
    out = named.pop("out", None)
    place = out_by_place(function, len(rest)) if len(rest) > 1 and out is None else None
    if place is not None:
        at, behind = place
        out = rest[at]
        named |= zip(behind, rest[at + 1 :], strict=True)
        del rest[at:]
    if isinstance(function, np.ufunc) and named.get("where", TRUE) != TRUE:
        if named.get("dtype", const(None)) != const(None):
            fr.fail(node, "a ufunc takes where= or dtype= here, not both", "Use astype before.")
        given = [Known(function), named["where"], const(None) if out is None else out, *rest]
        return HOOKS["call"](fr, node, Known(COMPOSITES["ufunc_where"]), given, {})  # type: ignore[no-any-return]
    if isinstance(function, np.ufunc):
        named.pop("where", None)
        dtype = named.pop("dtype", const(None))
        if dtype != const(None):
            given = [Known(function), dtype, *rest]
            value = HOOKS["call"](fr, node, Known(COMPOSITES["ufunc_dtype"]), given, named)
            return value if out is None or out == const(None) else _written(fr, node, out, value)
    if not _is_numpy(function) or (place is None and (out is None or out == const(None))):
        return None
    while rest and rest[-1] == const(None):  # a dtype= in front of it
        rest.pop()
    value = HOOKS["call"](fr, node, Known(function), rest, named)
    return value if out is None or out == const(None) else _written(fr, node, out, value)


def method_into_out(
    fr: Frame, node: Any, receiver: FrontValue, name: str, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """The same of `x.sum(axis=0, out=y)`, which is `np.sum(x, axis=0, out=y)`."""
    function = getattr(np, name) if name in _WITH_OUT else None
    return None if function is None else into_out(fr, node, function, [receiver, *args], kwargs)


# methods whose parameters are those of the function of the name, behind the array
_WITH_OUT = {
    *("all", "any", "argmax", "argmin", "choose", "clip", "cumprod", "cumsum", "dot", "max", "mean", "min", "prod"),
    *("round", "std", "sum", "take", "trace", "var"),
}  # fmt: skip


def out_by_place(function: Any, count: int) -> tuple[int, tuple[str, ...]] | None:
    """Where `out` is among so many positional arguments, and how those behind it are called; None where it is not."""
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
    try:
        listed = inspect.signature(function if composite is None else composite.function)
    except (ValueError, TypeError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in listed.parameters.values() if p.kind in kinds)


def filled(fr: Frame, node: Any, array: FrontValue, args: Args) -> FrontValue:
    """`array.fill(value)`."""
    _written(fr, node, array, args[0])
    return const(None)


def _is_numpy(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "numpy").partition(".")[0] == "numpy"


def _written(fr: Frame, node: Any, out: FrontValue, value: FrontValue) -> FrontValue:
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


def _copyto(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    if "where" in kwargs:
        return HOOKS["call"](fr, node, Known(COMPOSITES["copyto"]), args, kwargs)  # type: ignore[no-any-return]
    if len(args) != 2 or kwargs:
        fr.fail(node, "np.copyto takes two arrays here", "Write `a[mask] = b[mask]`.")
    _written(fr, node, args[0], args[1])
    return const(None)


WRITING: dict[Any, Any] = {np.copyto: _copyto}
