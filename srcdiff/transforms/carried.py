"""A loop-carried value that each turn hands on as it is, is the value that the loop starts from.

    %r = for 0, %n, 1 (%init) { (%i, %p) ->        for 0, %n, 1 (%init) { (%i, %p) ->
        %t = multiply %p, %x                   ->      %t = multiply %init, %x
        yield %p }                                     yield %init }
    yield %r                                       yield %init

Dead code elimination then drops it from the loop. A branch result whose two yields are one value is that value.
"""

from __future__ import annotations

from srcdiff.ir.core import Atom, For, Function, If, Region, Value, While, regions_of
from srcdiff.transforms.dce import carried_groups
from srcdiff.transforms.facts import substitute

__all__ = ["forward_invariants"]


def forward_invariants(fn: Function) -> Function:
    """`fn` with uses of invariant carried values, and of branch results that do not depend on the branch, replaced."""
    env: dict[Value, Atom] = {}
    _region(fn.body, env)
    return substitute(fn, env)


def _region(region: Region, env: dict[Value, Atom]) -> None:
    for statement in region.body:
        for inner in regions_of(statement):
            _region(inner, env)
        if isinstance(statement, If):
            for then, orelse, result in zip(
                statement.then.yields, statement.orelse.yields, statement.results, strict=True
            ):
                if _resolve(then, env) == _resolve(orelse, env):
                    env[result] = _resolve(then, env)
        elif isinstance(statement, For | While):
            for group, init, yielded in carried_groups(statement):
                if _resolve(yielded, env) in (*group, _resolve(init, env)):
                    env.update(dict.fromkeys(group, init))


def _resolve(atom: Atom, env: dict[Value, Atom]) -> Atom:
    while isinstance(atom, Value) and atom in env:
        atom = env[atom]
    return atom
