"""Removal of invariant loop-carried values: a value that each iteration yields unchanged is the initial value.

    %r = for 0, %n, 1 (%init) { (%i, %p) ->        for 0, %n, 1 (%init) { (%i, %p) ->
        %t = multiply %p, %x                   ->      %t = multiply %init, %x
        yield %p }                                     yield %init }
    yield %r                                       yield %init

Dead code elimination then drops it from the loop. A branch result whose two yields are one value is that value.
"""

from __future__ import annotations

from srcdiff.ir.core import For, Function, If, Region, While, regions_of, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.transforms.analysis.defuse import carried_groups, substitute


def remove_invariant_carries(fn: Function) -> Function:
    """`fn` with uses of invariant carried values, and of branch results that do not depend on the branch, replaced."""
    env: dict[Value, Atom] = {}
    _region(fn.body, env, _has_single(fn))
    return substitute(fn, env)


def _has_single(fn: Function) -> bool:
    """Whether there are numbers of less than double precision, which Python's numbers do not widen."""
    values = (*fn.params, *(v for s in walk(fn.body) for v in s.results))
    return any(getattr(v.type, "dtype", "") in ("float32", "complex64") for v in values)


def _region(region: Region, env: dict[Value, Atom], has_single: bool) -> None:
    for statement in region.body:
        for inner in regions_of(statement):
            _region(inner, env, has_single)
        if isinstance(statement, If):
            for then, orelse, result in zip(
                statement.then.yields, statement.orelse.yields, statement.results, strict=True
            ):
                if _resolve(then, env) == _resolve(orelse, env):
                    env[result] = _resolve(then, env)
        elif isinstance(statement, For | While):
            for group, init, yielded in carried_groups(statement):
                start = _resolve(init, env)
                if _resolve(yielded, env) not in (*group, start):
                    continue
                if has_single and _is_wider(group[0], start):
                    if not isinstance(start, Const):
                        continue
                    init = Const(start.value, group[0].type)
                env.update(dict.fromkeys(group, init))


def _is_wider(carried: Value, start: Atom) -> bool:
    """Whether a loop makes a NumPy number of a Python number: products with float32 have another dtype then."""
    if not isinstance(start.type, Scalar) or not isinstance(carried.type, Scalar):
        return False
    return start.type.weak and not carried.type.weak


def _resolve(atom: Atom, env: dict[Value, Atom]) -> Atom:
    while isinstance(atom, Value) and atom in env:
        atom = env[atom]
    return atom
