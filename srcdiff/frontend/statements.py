"""Simple statements: assignments, expressions, definitions, imports, `assert`, `raise`, `del`."""

from __future__ import annotations

import importlib
from typing import Any

import gast

from srcdiff.frontend.calls import attribute, call_value
from srcdiff.frontend.constants import from_python
from srcdiff.frontend.expressions import combine, defaults_of, growing
from srcdiff.frontend.frame import Frame, reads
from srcdiff.frontend.lists import is_list
from srcdiff.frontend.objects import write_attribute
from srcdiff.frontend.stores import add_to, update_item
from srcdiff.frontend.subscripts import array_of, read_item
from srcdiff.frontend.targets import assign, bind_name
from srcdiff.frontend.texts import text_of
from srcdiff.frontend.truth import static_truth, truth
from srcdiff.frontend.values import MISSING, Closure, FrontValue, Known, Method, Parts
from srcdiff.ir.core import Atom, Value
from srcdiff.ir.types import Array, List
from srcdiff.ops.control import assert_, raise_

__all__: list[str] = []


@reads(gast.Expr)
def _expression(fr: Frame, node: Any) -> None:
    if not isinstance(node.value, gast.Constant):  # a docstring
        fr.expr(node.value)


@reads(gast.Pass)
def _pass(fr: Frame, node: Any) -> None:
    pass


@reads(gast.Assign)
def _assign(fr: Frame, node: Any) -> None:
    since = len(fr.b.body)
    value = fr.expr(node.value)
    names = [t.id for t in node.targets if isinstance(t, gast.Name)]
    for name in names:
        value = growing(fr, name, value, node.value)
    for target in node.targets:
        assign(fr, target, value, node, since)


@reads(gast.AnnAssign)
def _annotated(fr: Frame, node: Any) -> None:
    if node.value is not None:
        since = len(fr.b.body)
        value = fr.expr(node.value)
        if isinstance(node.target, gast.Name):
            value = growing(fr, node.target.id, value, node.value)
        assign(fr, node.target, value, node, since)


@reads(gast.AugAssign)
def _augmented(fr: Frame, node: Any) -> None:
    target = node.target
    if isinstance(target, gast.Subscript):
        base, key = fr.expr(target.value), fr.expr(target.slice)
        if isinstance(node.op, gast.Add) and is_list(part := _list_in(fr, base, key, target)):
            call_value(fr, node, Method(part, "extend"), [fr.expr(node.value)], {})
            return
        update_item(fr, base, key, node.op, fr.expr(node.value), node, combine(fr, node))
        return
    if isinstance(target, gast.Attribute):
        _augment_attribute(fr, node)
        return
    if not isinstance(target, gast.Name):
        fr.fail(
            target,
            f"assigning to `{gast.unparse(target).strip()}` is not supported",
            "Assign to a name or a subscript.",
        )
    old = fr.name(target.id, target)
    since = len(fr.b.body)
    value = fr.expr(node.value)
    if isinstance(old, Value) and isinstance(old.type, Array):
        add_to(fr, old, node.op, array_of(fr, value, node), node, combine(fr, node))
        return
    if isinstance(node.op, gast.Add) and is_list(old):
        call_value(fr, node, Method(old, "extend"), [value], {})
        return
    new = fr.updated(node, old, combine(fr, node)(node.op, old, value))
    bind_name(fr, target.id, new, since)


def _augment_attribute(fr: Frame, node: Any) -> None:
    """`base.name op= value`: arrays change in place, and are bound to the name again."""
    target = node.target
    base = fr.expr(target.value)
    old = attribute(fr, base, target.attr, target)
    value = fr.expr(node.value)
    if isinstance(old, Value) and isinstance(old.type, Array):
        add_to(fr, old, node.op, array_of(fr, value, node), node, combine(fr, node))
        return
    if isinstance(node.op, gast.Add) and is_list(old):
        call_value(fr, node, Method(old, "extend"), [value], {})
        return
    write_attribute(
        fr, base, target.attr, fr.updated(node, old, combine(fr, node)(node.op, old, value)), target
    )


def _list_in(fr: Frame, base: FrontValue, key: FrontValue, node: Any) -> FrontValue:
    """What a container of lists has under a key."""
    holds = isinstance(base, Parts) or (
        isinstance(base, Value)
        and isinstance(base.type, List)
        and isinstance(base.type.element, List)
    )
    return fr.session.current(read_item(fr, base, key, node)) if holds else MISSING


@reads(gast.Delete)
def _delete(fr: Frame, node: Any) -> None:
    for target in node.targets:
        fr.name(target.id, target)
        fr.env[target.id] = MISSING


@reads(gast.FunctionDef)
def _definition(fr: Frame, node: Any) -> None:
    if node.decorator_list:
        fr.fail(
            node,
            "decorated functions inside a function are not supported",
            "Leave the decorator out.",
        )
    fr.env[node.name] = Closure(node, fr, defaults_of(fr, node.args))


@reads(gast.Import)
def _import(fr: Frame, node: Any) -> None:
    for alias in node.names:
        module = importlib.import_module(alias.name)
        top = importlib.import_module(alias.name.partition(".")[0])
        fr.env[alias.asname or alias.name.partition(".")[0]] = Known(
            module if alias.asname else top
        )


@reads(gast.ImportFrom)
def _import_from(fr: Frame, node: Any) -> None:
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
        fr.env[alias.asname or alias.name] = from_python(
            fr, found, alias.asname or alias.name, node
        )


# ---- effects ------------------------------------------------------------------------------------------------------


@reads(gast.Assert)
def _assert(fr: Frame, node: Any) -> None:
    condition = truth(fr, node.test)
    if static_truth(fr, condition) is True:
        return
    operands: list[Atom] = [condition]
    attrs: dict[str, Any] = {}
    if node.msg is not None:
        attrs["message"] = text_of(fr, fr.expr(node.msg), node.msg, operands)
    fr.ops(node, assert_, *operands, **attrs)


@reads(gast.Raise)
def _raise(fr: Frame, node: Any) -> None:
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
    operands: list[Atom] = []
    name = cls.value.__name__
    texts = [] if call is None else [text_of(fr, fr.expr(a), a, operands) for a in call.args]
    text = name if call is None else f"{name}({', '.join(texts)})"
    fr.ops(node, raise_, *operands, text=text, classes={name: cls.value})
