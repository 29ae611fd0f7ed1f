"""Identical branch folding: a branch whose two sides have the same statements becomes these statements.

    if %c {                                       %y = softplus %u
      %y = softplus %u             ->             store %p, %y, %i
      store %p, %y, %i
    } else {
      %z = softplus %u
      store %p, %z, %i }

Stability rewriting leaves such branches in functions that choose between two formulas by the sign of an argument.
"""

from __future__ import annotations

from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, walk
from srcdiff.ir.types import Dim
from srcdiff.ir.values import Atom, Const, Value

_PLAIN = (bool, int, float, complex, str, type(None))


def fold_identical_branches(fn: Function) -> Function:
    """`fn` without branches whose two sides are statement by statement the same."""
    return _Merged()(fn) if any(isinstance(s, If) for s in walk(fn.body)) else fn


class _Merged(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, If) or not _are_identical(old.then, old.orelse, {}):
            b.append(self.keep(old, env, b))
            return
        for statement in old.then.body:
            self.statement(statement, env, b)
        env.update((r, lookup(env, y)) for r, y in zip(old.results, old.then.yields, strict=True))


def _are_identical(one: Region, other: Region, names: dict[Value, Value]) -> bool:
    """Whether two regions do the same; `names` maps values of `other` to values of `one`."""
    return (
        len(one.body) == len(other.body)
        and all(_is_like(s, t, names) for s, t in zip(one.body, other.body, strict=True))
        and _same(one.yields, other.yields, names)
    )


def _is_like(s: Statement, t: Statement, names: dict[Value, Value]) -> bool:
    if type(s) is not type(t) or not _same(s.operands, t.operands, names):
        return False
    if isinstance(s, Op) and isinstance(t, Op):
        same = s.decl is t.decl and _same_attributes(s.attrs, t.attrs)
    elif isinstance(s, Call) and isinstance(t, Call):
        same = s.function is t.function
    elif isinstance(s, If) and isinstance(t, If):
        same = _are_identical(s.then, t.then, names) and _are_identical(s.orelse, t.orelse, names)
    else:
        same = False  # loops are not compared
    if not same or [r.type for r in s.results] != [r.type for r in t.results]:
        return False
    names.update(zip(t.results, s.results, strict=True))
    return True


def _same(ours: tuple[Atom, ...], theirs: tuple[Atom, ...], names: dict[Value, Value]) -> bool:
    return len(ours) == len(theirs) and all(
        _is_constant(a, b) if isinstance(b, Const) else a is names.get(b, b)
        for a, b in zip(ours, theirs, strict=True)
    )


def _is_constant(a: Atom, b: Const) -> bool:
    """Whether `a` is the same constant; -0.0 is not 0.0, although they are equal."""
    return isinstance(a, Const) and a.type == b.type and _is_equal(a.value, b.value)


def _same_attributes(ours: Any, theirs: Any) -> bool:
    return ours.keys() == theirs.keys() and all(_is_equal(ours[k], theirs[k]) for k in ours)


def _is_equal(a: Any, b: Any) -> bool:
    if a is b or (isinstance(a, Dim) and a == b):
        return True
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(map(_is_equal, a, b))
    return type(a) is type(b) and isinstance(a, _PLAIN) and repr(a) == repr(b)
