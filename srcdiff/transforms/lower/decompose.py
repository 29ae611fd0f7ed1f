"""Decomposition of operations into simpler ones that have a loop form.

    %0 = mean %x        becomes        %1 = sum %x;  %0 = divide %1, %n

The declaration of an operation holds its `expansion`, as Python over simpler operations. A reduction, a view or a copy
of a number is the number: `s.sum()`, `s.T`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup, own_copy
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.syntax.spelling import routine_of
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.loopforms.element_maps import same_place

Expansions = Callable[[Callable[..., object], Sequence[Type], Mapping[str, object]], Function]


def expand(fn: Function, expansions: Expansions, calls: bool = True) -> Function:
    """`fn` without operations that are declared with an `expansion`; without `calls` of NumPy a `device_form`, too."""
    return _Expand(expansions, calls)(fn)


class _Expand(Rewriter):
    def __init__(self, expansions: Expansions, calls: bool) -> None:
        self.expansions = expansions
        self.calls = calls

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        number = _itself(old, env) if isinstance(old, Op) else None
        if number is not None:
            env[old.results[0]] = number
            return
        if isinstance(old, Op) and old.decl.simpler is not None and self.simpler(old, env, b):
            return
        form = self.form(old) if isinstance(old, Op) else None
        if not isinstance(old, Op) or form is None:
            super().statement(old, env, b)
            return
        operands = [lookup(env, a) for a in old.operands]
        inner = self.expansions(form, [a.type for a in operands], old.attrs)
        inner = own_copy(inner, b.shapes)
        mine: Env = dict(zip(inner.params, operands, strict=True))
        start = len(b.body)
        for statement in inner.body.body:
            copy = clone_statement(statement, mine)
            copy = replace(copy, location=old.location, origin=old.origin)
            self.statement(copy, mine, b)
        for result, atom in zip(old.results, inner.body.yields, strict=True):
            env[result] = _named(lookup(mine, atom), result, b, start)

    def form(self, op: Op) -> Callable[..., Any] | None:
        """The function over simpler operations by which an operation is replaced, if it is."""
        if not self.calls and op.decl.device_form is not None:
            return op.decl.device_form
        return None if routine_of(op) else op.decl.expansion

    def simpler(self, old: Op, env: Env, b: Builder) -> bool:
        """Append the simpler operations that a declaration builds itself; whether it does."""
        assert old.decl.simpler is not None
        inner = b.inner()
        inner.location, inner.origin = old.location, old.origin
        found = old.decl.simpler(
            inner, replace(old, operands=tuple(lookup(env, a) for a in old.operands))
        )
        if found is None:
            return False
        start = len(b.body)
        b.body += inner.body
        for result, atom in zip(old.results, found, strict=True):
            env[result] = _named(atom, result, b, start)
        return True


def _itself(op: Op, env: Env) -> Atom | None:
    """The number of which an operation is a view, a copy, or the only element of a fold."""
    if len(op.operands) != 1 or len(op.results) != 1:
        return None
    given, found = op.operands[0].type, op.results[0].type
    if not isinstance(given, Scalar) or not isinstance(found, Scalar) or given.dtype != found.dtype:
        return None
    decl = op.decl
    is_same = decl.view_of is not None or decl.place is same_place or decl.fold is not None
    return lookup(env, op.operands[0]) if is_same else None


def _named(found: Atom, old: Value, b: Builder, start: int) -> Atom:
    """The result under the old value's name, if a statement from `start` on makes it; other results have other uses."""
    last = b.body[-1] if len(b.body) > start else None
    if not old.name or not isinstance(last, Op) or last.results != (found,):
        return found
    new = Value(found.type, old.name, old.user)
    b.body[-1] = replace(last, results=(new,))
    return new
