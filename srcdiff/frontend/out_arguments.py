"""NumPy's functions that write into an array: `np.exp(x, out=y)` is `y[...] = np.exp(x)`, and gives `y`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.frontend.frame import HOOKS, Frame, describe
from srcdiff.frontend.session import TRUE
from srcdiff.frontend.stores import write_item
from srcdiff.frontend.values import Args, FrontValue, Known, Kwargs, Slice
from srcdiff.ir.core import Const, Value, const
from srcdiff.ir.types import Array
from srcdiff.ops.registry import COMPOSITES

__all__ = ["WRITING", "filled", "into_out"]


def into_out(fr: Frame, node: Any, function: Any, args: Args, kwargs: Kwargs) -> FrontValue | None:
    """The call with its `out` argument; None where it has none."""
    rest, named = list(args), dict(kwargs)
    out = named.pop("out", None)
    if isinstance(function, np.ufunc) and len(rest) == function.nin + 1 and out is None:
        out = rest.pop()
    if isinstance(function, np.ufunc) and named.get("where", TRUE) != TRUE:
        given = [Known(function), named["where"], const(None) if out is None else out, *rest]
        return HOOKS["call"](fr, node, Known(COMPOSITES["ufunc_where"]), given, {})  # type: ignore[no-any-return]
    if isinstance(function, np.ufunc):
        named.pop("where", None)
    if out is None or out == const(None) or not _is_numpy(function):
        return None
    value = HOOKS["call"](fr, node, Known(function), rest, named)
    return _written(fr, node, out, value)


def filled(fr: Frame, node: Any, array: FrontValue, args: Args) -> FrontValue:
    """`array.fill(value)`."""
    _written(fr, node, array, args[0])
    return const(None)


def _is_numpy(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "numpy").partition(".")[0] == "numpy"


def _written(fr: Frame, node: Any, out: FrontValue, value: FrontValue) -> FrontValue:
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
