"""Calls of effects (`srcdiff.effects`): the method of the innermost handler is read in the place of the call.

    handle(LogJoint(latents), model, x)     reads `model(x)`, and for each `sample(...)` in it, wherever it is called,
                                            the method `sample` of the handler

A function that calls an effect is read in place itself, since only its caller knows what the effect means.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import FunctionType
from typing import Any

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import MustInline
from srcdiff.frontend.core.values import Args, FrontValue, Known, Kwargs, Method, Parts
from srcdiff.frontend.effects.effects import users_call
from srcdiff.ir.core import Op
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.elementwise.arithmetic import add, multiply, negative, subtract


def call_effect(fr: Frame, node: gast.AST, effect: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """A call of an effect: the innermost handler's method, with the handlers around that one at work."""
    session = fr.session
    handlers = session.handlers
    for k in reversed(range(len(handlers))):
        method = _method(session.current(handlers[k]), effect.srcdiff_effect)
        if method is None:
            continue
        return _performed(fr, node, effect, k, method, args, kwargs)
    if session.is_callee:
        raise MustInline
    return fr.call(node, Known(effect.__wrapped__), args, kwargs)


def _performed(
    fr: Frame, node: gast.AST, effect: object, k: int, method: Method, args: Args, kwargs: Kwargs
) -> FrontValue:
    """The method of the handler `k`: what it returns, and the attributes that it sets, are the user's lines."""
    session = fr.session
    handlers, outer = session.handlers, session.effect
    before, since = session.current(method.receiver), len(fr.b.body)
    session.handlers, session.effect = handlers[:k], (effect, node, fr)
    try:
        result: FrontValue = fr.call(node, method, args, kwargs)
    finally:
        session.handlers, session.effect = handlers, outer
    after = session.current(method.receiver)
    if isinstance(before, Parts) and isinstance(after, Parts) and after.cell:
        old = dict(zip(before.keys, before.values, strict=True))
        for key, value in zip(after.keys, after.values, strict=True):
            if isinstance(value, Value) and value is not old.get(key):
                _set(fr, after, key, _as_user(fr, value, str(key), since))
    if hasattr(effect, "parameters"):  # a step that no user has written
        return result
    name = args[0].value if args and isinstance(args[0], Const) else _target(fr, node)
    if isinstance(result, Value) and isinstance(name, str) and name.isidentifier():
        return _as_user(fr, result, name, since)
    return result


def _target(fr: Frame, node: gast.AST) -> str:
    """The name that the user's call alone is assigned to."""
    _, call = users_call(fr, node)
    name, root = getattr(call, "assigned", ("", None))
    return name if root is call else ""


def _set(fr: Frame, container: Parts, key: str, value: FrontValue) -> None:
    cell = fr.session.cells[container.cell]
    values = [value if k == key else v for k, v in zip(cell.keys, cell.values, strict=True)]
    fr.session.cells[container.cell] = replace(cell, values=tuple(values))


def _as_user(fr: Frame, value: Value, name: str, since: int) -> Value:
    """The value under a user's name, in a statement that stays; `0.0 + 1.0 * x` is `x`, and `0.0 - x` is `-x`."""
    body = fr.b.body
    k = next((k for k in range(since, len(body)) if value in body[k].results), None)
    made = None if k is None else body[k]
    if k is None or not isinstance(made, Op):
        return value
    rest = _without_neutral(made)
    if rest is not None:  # the sum itself is not used
        return _as_user(fr, rest, name, since)
    if (
        made.decl is subtract
        and made.operands[0] == const(0.0)
        and _is_same_type(made.operands[1].type, value.type)
    ):
        made = replace(made, decl=negative, operands=made.operands[1:])
    body[k] = replace(made, origin="user")
    object.__setattr__(value, "name", name)
    object.__setattr__(value, "user", True)
    return value


def _without_neutral(made: Op) -> Value | None:
    """The other operand of a sum with 0.0, of a difference from it, or of a product with 1.0."""
    if made.decl not in (add, subtract, multiply):
        return None
    neutral = 1 if made.decl is multiply else 0
    for a, rest in (made.operands[::-1], made.operands)[: 1 + (made.decl is not subtract)]:
        if isinstance(a, Const) and a.value == neutral and isinstance(rest, Value):
            return rest if _is_same_type(rest.type, made.result.type) else None
    return None


def _is_same_type(a: Type, b: Type) -> bool:
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return a.dtype == b.dtype
    return bool(a == b)


def handler_method(fr: Frame, name: str) -> Method | None:
    handlers = fr.session.handlers
    return _method(fr.session.current(handlers[-1]), name) if handlers else None


def _method(handler: FrontValue, name: str) -> Method | None:
    cls = handler.cls if isinstance(handler, Parts) else None
    if isinstance(handler, Known):
        cls = type(handler.value)
    found = inspect.getattr_static(cls, name, None) if cls is not None else None
    return Method(handler, name, found) if isinstance(found, FunctionType) else None
