"""`with`: contexts that change no result are entered by nobody, objects of the user's are asked to enter and to leave.

with np.errstate(divide="ignore"):        y = np.log(x)
    y = np.log(x)
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.control import may_exit
from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.source import placed
from srcdiff.frontend.special_methods import called, method_of
from srcdiff.frontend.targets import assign
from srcdiff.frontend.values import FrontValue, Known, is_static, static
from srcdiff.ir.core import const

__all__ = ["entered"]

_SILENT = (np.printoptions, warnings.catch_warnings, contextlib.nullcontext)


def entered(fr: Frame, node: Any, rest: Sequence[Any]) -> list[Any]:
    """Enter the contexts; the statements that follow, the block's own and those that leave the contexts among them."""
    leaving: list[Any] = []
    for item in node.items:
        value = _silent(fr, item)
        if value is None:
            value = fr.expr(item.context_expr)
            if method_of(value, "__enter__") is None or method_of(value, "__exit__") is None:
                fr.fail(
                    item.context_expr,
                    f"`with {gast.unparse(item.context_expr).strip()}` is not supported",
                    "Enter the context where the function is called.",
                )
            if any(map(may_exit, node.body)):
                fr.fail(
                    item.context_expr,
                    "this `with` is left by `return`, `break` or `continue`",
                    "Assign the result inside, and return it behind the block.",
                )
            leaving.insert(0, _leave(fr, item, value))
            value = called(fr, item.context_expr, value, "__enter__")
            assert value is not None
        if item.optional_vars is not None:
            assign(fr, item.optional_vars, value, item.context_expr)
    return [*node.body, *leaving, *rest]


def _silent(fr: Frame, item: Any) -> FrontValue | None:
    """What a context that changes no result gives to its block; None for other contexts."""
    call = item.context_expr
    if not isinstance(call, gast.Call):
        return None
    function = fr.expr(call.func)
    known = function.value if isinstance(function, Known) else None
    if known is np.errstate:
        kinds = [fr.expr(k.value) for k in call.keywords]
        if call.args or not all(is_static(k) and static(k) in ("ignore", "warn") for k in kinds):
            fr.fail(
                call,
                "np.errstate is supported where it ignores or warns",
                "Compare with the bounds where it should raise.",
            )
        return const(None)
    if not any(known is context for context in _SILENT):
        return None
    given = [fr.expr(a) for a in call.args]
    return given[0] if known is contextlib.nullcontext and given else const(None)


def _leave(fr: Frame, item: Any, value: FrontValue) -> Any:
    """The statement that leaves a context of the user's."""
    holder = f"%context{item.context_expr.lineno}_{item.context_expr.col_offset}"
    fr.env[holder] = value
    name = placed(item.context_expr, gast.Name(holder, gast.Load(), None, None))
    method = placed(item.context_expr, gast.Attribute(name, "__exit__", gast.Load()))
    nothing = [placed(item.context_expr, gast.Constant(None, None)) for _ in range(3)]
    leave = placed(
        item.context_expr,
        gast.Expr(placed(item.context_expr, gast.Call(method, nothing, []))),
    )
    leave.leaves = True
    return leave


HOOKS["entered"] = entered
