"""Operations said with simpler ones, where those are what loops are made of.

%0 = mean %x        becomes        %1 = sum %x;  %0 = divide %1, %n
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, change_dims, clone_statement, lookup
from srcdiff.ir.core import Function, Op, OpDecl, Statement, Value
from srcdiff.ir.spelling import routine_of
from srcdiff.ir.types import Type, dims_of

__all__ = ["Expansions", "expand"]

Expansions = Callable[[OpDecl, Sequence[Type], Mapping[str, Any]], Function]


def expand(fn: Function, expansions: Expansions) -> Function:
    """`fn` without operations that are declared with an `expansion`."""
    return _Expand(expansions)(fn)


class _Expand(Rewriter):
    def __init__(self, expansions: Expansions) -> None:
        self.expansions = expansions

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl.simpler is not None and self.simpler(old, env, b):
            return
        if not isinstance(old, Op) or old.decl.expansion is None or routine_of(old):
            super().statement(old, env, b)
            return
        operands = [lookup(env, a) for a in old.operands]
        inner = self.expansions(old.decl, [a.type for a in operands], old.attrs)
        inner = _with_own_symbols(inner, b)
        mine: Env = dict(zip(inner.params, operands, strict=True))
        start = len(b.body)
        for statement in inner.body.body:
            copy = clone_statement(statement, mine)
            copy = replace(copy, location=old.location, origin=old.origin)
            self.statement(copy, mine, b)
        found = lookup(mine, inner.body.yields[0])
        env[old.result] = _named(found, old.result, b, start)

    def simpler(self, old: Op, env: Env, b: Builder) -> bool:
        """Put in what an operation builds for itself, if it does."""
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


def _named(found: Any, old: Value, b: Builder, start: int) -> Any:
    """The result under the name of what it stands for, if a statement from `start` on makes it: others know it too."""
    last = b.body[-1] if len(b.body) > start else None
    if not old.name or not isinstance(last, Op) or last.results != (found,):
        return found
    new = Value(found.type, old.name, old.user)
    b.body[-1] = replace(last, results=(new,))
    return new


def _with_own_symbols(fn: Function, b: Builder) -> Function:
    """The expansion with the lengths and integers that arise in it renamed: another use of it has others."""
    known = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
    results = [r for s in fn.body.body for r in s.results]
    made = {s for r in results for d in dims_of(r.type) for s in d.symbols()} - known
    own = {s: b.shapes.fresh(s.rstrip("0123456789") or "k") for s in sorted(made)}
    return change_dims(fn, lambda d: d.substitute(own)) if own else fn
