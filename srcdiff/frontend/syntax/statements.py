"""Simple statements: assignments, expressions, definitions, imports, `assert`, `raise`, `del`."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import gast

from srcdiff.frontend.arrays.stores import write_item
from srcdiff.frontend.control.exceptions import thrown
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.string_formatting import text_of
from srcdiff.frontend.core.values import (
    MISSING,
    Closure,
    FrontValue,
    Known,
    Method,
    Parts,
    Slice,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.source.function_source import FormulaSource
from srcdiff.frontend.syntax.assignment_targets import assign
from srcdiff.frontend.syntax.calls import call_value
from srcdiff.frontend.syntax.displays import growing
from srcdiff.frontend.syntax.expressions import defaults_of
from srcdiff.ir.types import List, Struct
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.control.control import assert_, raise_


@reads(gast.Expr)
def _expression(fr: Frame, node: gast.AST) -> None:
    if not isinstance(node.value, gast.Constant):  # a docstring
        fr.value_or_none(node.value)


@reads(gast.Pass, gast.Nonlocal)
def _pass(fr: Frame, node: gast.AST) -> None:
    pass


@reads(gast.Assign)
def _assign(fr: Frame, node: gast.AST) -> None:
    since = len(fr.b.body)
    if fr.session.handlers and len(node.targets) == 1:
        for call in gast.walk(node.value):
            if isinstance(call, gast.Call):
                call.assigned = _base_name(node.targets[0]), node.value
    if any(isinstance(t, gast.Tuple | gast.List) for t in node.targets):
        node.value.at_once = True  # `a, b = (f(x) for x in pair)`
    value = fr.value_or_none(node.value)
    names = [t.id for t in node.targets if isinstance(t, gast.Name)]
    for name in names:
        value = growing(fr, name, value, node.value)
    for target in node.targets:
        assign(fr, target, value, node, since)


def _base_name(target: gast.AST) -> str:
    """`x` of `x` and of `x[i]`: what a value that is assigned there is called."""
    while isinstance(target, gast.Subscript):
        target = target.value
    return target.id if isinstance(target, gast.Name) else ""


@reads(gast.AnnAssign)
def _annotated(fr: Frame, node: gast.AST) -> None:
    if node.value is not None:
        since = len(fr.b.body)
        value = fr.value_or_none(node.value)
        if isinstance(node.target, gast.Name):
            value = growing(fr, node.target.id, value, node.value)
        assign(fr, node.target, value, node, since)


@reads(gast.Delete)
def _delete(fr: Frame, node: gast.AST) -> None:
    for target in node.targets:
        if isinstance(target, gast.Name):
            fr.name(target.id, target)
            fr.bind(target.id, MISSING)
        else:
            _delete_part(fr, target)


def _delete_part(fr: Frame, target: gast.AST) -> None:
    """`del d[key]`, `del xs[k]`."""
    base = fr.expr(target.value) if isinstance(target, gast.Subscript) else None
    key = fr.expr(target.slice) if base is not None else None
    is_dict = isinstance(base, Parts) and base.kind == "dict"
    if is_dict or (isinstance(base, Value) and isinstance(base.type, Struct)):
        call_value(fr, target, Method(base, "pop"), [key], {})  # type: ignore[arg-type, list-item]
        return
    if isinstance(key, Value | Const) and (
        isinstance(base, Parts) or (isinstance(base, Value) and isinstance(base.type, List))
    ):
        call_value(fr, target, Method(base, "pop"), [key], {})
        return
    if (
        base is not None
        and isinstance(key, Slice)
        and (isinstance(base, Parts) or isinstance(getattr(base, "type", None), List))
    ):
        write_item(fr, base, key, sequence([], "list"), target)
        return
    fr.untyped(
        target,
        "`del` takes a name, an item of a dict, or one item of a list",
        "Build a new container without the item.",
    )


@reads(gast.FunctionDef)
def _definition(fr: Frame, node: gast.AST) -> None:
    made: FrontValue = Closure(node, fr, defaults_of(fr, node.args))
    for decorator in reversed(node.decorator_list):
        made = _decorated(fr, decorator, made)
    fr.bind(node.name, made)


def _decorated(fr: Frame, decorator: gast.Attribute, function: FrontValue) -> FrontValue:
    """`@decorator` above a nested function: it is called, but for those that change no result."""
    wraps = fr.expr(decorator.func) if isinstance(decorator, gast.Call) else None
    if isinstance(wraps, Known) and wraps.value in (functools.wraps, functools.lru_cache):
        return function
    found = fr.expr(decorator)
    if isinstance(found, Known) and (
        found.value in (functools.cache, functools.lru_cache)
        or type(found.value).__module__.partition(".")[0] == "numba"
        or getattr(found.value, "__module__", "").partition(".")[0] == "numba"
    ):
        return function
    return call_value(fr, decorator, found, [function], {})


@reads(gast.Import)
def _import(fr: Frame, node: gast.AST) -> None:
    for alias in node.names:
        module = importlib.import_module(alias.name)
        top = importlib.import_module(alias.name.partition(".")[0])
        fr.bind(
            alias.asname or alias.name.partition(".")[0], Known(module if alias.asname else top)
        )


@reads(gast.ImportFrom)
def _import_from(fr: Frame, node: gast.AST) -> None:
    if node.level:
        fr.fail(
            node,
            "relative imports inside a function are not supported",
            "Import at the top of the module.",
        )
    module = importlib.import_module(node.module)
    for alias in node.names:
        found = getattr(module, alias.name, None)
        if found is None:
            found = importlib.import_module(f"{node.module}.{alias.name}")
        name = alias.asname or alias.name
        fr.bind(name, from_python(fr, found, name, node))


# ---- effects ------------------------------------------------------------------------------------------------------


@reads(gast.Assert)
def _assert(fr: Frame, node: gast.AST) -> None:
    condition = fr.truth(node.test)
    if fr.session.static_truth(condition) is True:
        return
    operands: list[Atom] = [condition]
    attrs: dict[str, Any] = {}
    if node.msg is not None:
        attrs["message"] = text_of(fr, fr.expr(node.msg), node.msg, operands)
    fr.ops(node, assert_, *operands, **attrs)


@reads(gast.Raise)
def _raise(fr: Frame, node: gast.AST) -> bool:
    """Whether a `try` around catches it."""
    if node.exc is None:
        fr.fail(node, "a bare `raise` is not supported", "Name the exception.")
    call = node.exc if isinstance(node.exc, gast.Call) else None
    cls = fr.expr(node.exc if call is None else call.func)
    if not (
        isinstance(cls, Known)
        and isinstance(cls.value, type)
        and issubclass(cls.value, BaseException)
    ):
        fr.fail(node, "`raise` takes an exception's class or a call of it")
    if (
        isinstance(fr.source, FormulaSource) and call is not None
    ):  # a formula says what it is not for
        message = fr.expr(call.args[0])
        fr.fail(
            node,
            str(static(message)) if is_static(message) else f"{cls.value.__name__} is raised here",
        )
    if fr.session.attempts and thrown(fr, node, cls.value):
        return True
    operands: list[Atom] = []
    name = cls.value.__name__
    texts = [] if call is None else [text_of(fr, fr.expr(a), a, operands) for a in call.args]
    text = name if call is None else f"{name}({', '.join(texts)})"
    fr.ops(node, raise_, *operands, text=text, classes={name: cls.value})
    return False
