"""`with`: contexts that change no result are left out; of objects, `__enter__` and `__exit__` are called.

with np.errstate(divide="ignore"):        y = np.log(x)
    y = np.log(x)
"""

from __future__ import annotations

import ast
import contextlib
import warnings

import gast
import numpy as np

from srcdiff.frontend.containers.dunder_methods import call_dunder, method_of
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.values import FrontValue, Known, Statements, is_static, static
from srcdiff.frontend.iteration.generators import is_of_library
from srcdiff.frontend.source.desugar_finally import Guard, LeaveContexts, holder_of
from srcdiff.frontend.source.function_source import placed, plain_tree
from srcdiff.ir.values import const

_SILENT = (np.printoptions, warnings.catch_warnings, contextlib.nullcontext)


def enter_contexts(fr: Frame, node: gast.AST, rest: Statements) -> Statements:
    """Enter the contexts; the statements that follow, the block's own and those that leave the contexts among them."""
    leaving: list[gast.AST] = []
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
            _refuse_raised(fr, item.context_expr, node.body, "with")
            _refuse_held(fr, item.context_expr, value)
            leaving.insert(0, _leave(fr, item, value))
            value = call_dunder(fr, item.context_expr, value, "__enter__")
            assert value is not None
        if item.optional_vars is not None:
            fr.assign(item.optional_vars, value, item.context_expr)
    return [*node.body, *leaving, *rest]


def _silent(fr: Frame, item: gast.AST) -> FrontValue | None:
    """The value of `as` of a context that changes no result; None for other contexts."""
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
        if getattr(known, "__globals__", {}).get("__name__") == "contextlib":
            fr.untyped(
                call,
                f"`with` of a function that contextlib made of `{gast.unparse(call.func).strip()}`",
                "Write a class with `__enter__` and `__exit__`.",
            )
        return None
    given = [fr.expr(a) for a in call.args]
    return given[0] if known is contextlib.nullcontext and given else const(None)


def _leave(fr: Frame, item: gast.AST, value: FrontValue) -> gast.AST:
    """The statement that leaves a context of the user's."""
    holder, place = holder_of(item), item.context_expr
    fr.env[holder] = value
    leave = placed(place, LeaveContexts())
    leave.holders = [placed(place, gast.Name(holder, gast.Load(), None, None))]
    leave.leaves = True  # what a sum over choices goes to, at the longest
    return leave


@reads(Guard)
def _guard(fr: Frame, node: gast.AST) -> None:
    _refuse_raised(fr, node, node.inside, "finally")


def _refuse_raised(fr: Frame, node: gast.AST, body: Statements, word: str) -> None:
    """Leave to the run what an exception does on its way to a `try` further out."""
    nodes = (n for s in body for n in gast.walk(s))
    if fr.session.attempts and any(
        isinstance(n, gast.Raise) or (isinstance(n, gast.Call) and not is_of_library(fr, n))
        for n in nodes
    ):
        fr.untyped(
            node,
            f"an exception may leave this `{word}`, and be caught outside",
            "Catch it inside.",
        )


def _refuse_held(fr: Frame, node: gast.AST, value: FrontValue) -> None:
    """Leave to the run a context that may keep an exception to itself."""
    method = method_of(value, "__exit__")
    assert method is not None and method.function is not None
    returned = [n.value for n in ast.walk(plain_tree(method.function)) if isinstance(n, ast.Return)]
    if any(v is not None and not (isinstance(v, ast.Constant) and not v.value) for v in returned):
        fr.untyped(
            node,
            f"`__exit__` of `{gast.unparse(node).strip()}` may keep an exception from the caller",
            "Catch it with `except`.",
        )


@reads(LeaveContexts)
def _left(fr: Frame, node: gast.AST) -> None:
    for name in node.holders:
        context = fr.env.get(name.id)
        if context is not None:
            value = fr.session.current(fr.bound(context, name.id, node))
            call_dunder(fr, node, value, "__exit__", *[const(None)] * 3)
