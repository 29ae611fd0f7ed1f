"""Implied dimensions: the lengths that a program itself needs to be equal, so that NumPy raises if they are not.

    def f(x, y):                def f_grad(x, y):
        return np.sum(x * y)        return y.copy()          the product that made `f` raise is gone

        d_x = x * y                                          NumPy raises here

Types are inferred again from the parameters' types, with a different length for each axis. A statement in a branch
implies nothing, since it may not run. A loop counts as run, and as run twice if an iteration changes lengths. An array
of which only the lengths are needed implies nothing, since generated code does not compute it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import has_effect
from srcdiff.ir.core import Call, For, Function, Op, Region, Statement, While, regions_of
from srcdiff.ir.dims import ShapeMismatch, Shapes
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.types import Array, Dim, Scalar, Type, axes_of, map_dims, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.containers import unpack
from srcdiff.ops.arrays.memory import add_into, store
from srcdiff.ops.arrays.subscript_types import subscript_shape
from srcdiff.ops.core.type_rules import TypeMistake

Env = dict[Value, Value]  # value -> value whose type has the parameters' lengths


class _Broadcasting(Shapes):
    """Shapes where lengths that are broadcast may differ, because one of them may be 1 when the program runs."""

    def broadcast(self, shapes: Iterable[Sequence[Dim]]) -> tuple[Dim, ...]:
        bindings = dict(self.bindings)
        shape = super().broadcast(shapes)
        self.bindings = bindings
        return shape


def demanded(fn: Function, types: Mapping[str, Type], may_be_one: bool = False) -> Shapes:
    """The lengths that must be equal when the program runs; `types` are the parameters' types. `may_be_one`: an axis
    may have length 1 in another call.
    """
    rigid = {s for t in types.values() for d in axes_of(t) for s in d.symbols()}
    shapes = _Broadcasting(rigid=rigid) if may_be_one else Shapes(rigid=rigid)
    params = [Value(types.get(p.name, p.type)) for p in fn.params]
    _region(fn.body, dict(zip(fn.params, params, strict=True)), shapes)
    return shapes


def _region(region: Region, env: Env, shapes: Shapes) -> None:
    needed = _needed(region)
    for s in region.body:
        if isinstance(s, Op) and (s.decl.writes or any(r in needed for r in s.results)):
            _infer(s, env, shapes)
        elif isinstance(s, Call) and not is_itself(s.function):
            _call(s, env, shapes)
        elif isinstance(s, For | While):
            _iteration(s.body, s.carried, env, shapes)
            if _change(s.carried, s.carried_yields, env, shapes):
                ends = [_typed(y, env) for y in s.carried_yields]
                _iteration(s.body, ends, env, shapes)
            results = s.carried_results if isinstance(s, For) else s.results
            _ends(s.carried, s.carried_yields, results, env, shapes)
        for result in s.results:
            if result not in env:
                env[result] = Value(_unknown(result.type, shapes))


def _call(s: Call, env: Env, shapes: Shapes) -> None:
    """Infer the callee's operations with the caller's lengths."""
    operands = [_typed(a, env) for a in s.operands]
    inner = {p: Value(a.type) for p, a in zip(s.function.params, operands, strict=True)}
    _region(s.function.body, inner, shapes)
    yields = [_typed(y, inner) for y in s.function.body.yields]
    env.update((r, Value(y.type)) for r, y in zip(s.results, yields, strict=True))


def _iteration(body: Region, carried: Sequence[Atom], env: Env, shapes: Shapes) -> None:
    """Infer an iteration of a loop from the loop-carried values at its start."""
    own = len(body.params) - len(carried)
    for p in body.params[:own]:
        env[p] = Value(_unknown(p.type, shapes))
    for p, start in zip(body.params[own:], carried, strict=True):
        if not isinstance(p.type, Scalar) or p.type.weak:  # a float32 may start as the weak `1.0`
            env[p] = Value(_typed(start, env).type)
    _region(body, env, shapes)


def _change(starts: Sequence[Atom], ends: Sequence[Atom], env: Env, shapes: Shapes) -> bool:
    """Whether an iteration changes lengths, so that a second iteration may need more equal lengths."""
    types = [(_typed(a, env).type, _typed(e, env).type) for a, e in zip(starts, ends, strict=True)]
    pairs = [p for a, e in types for p in zip(shape_of(a), shape_of(e), strict=False)]
    return not all(shapes.same(a, b) for a, b in pairs)


def _ends(
    starts: Sequence[Atom], ends: Sequence[Atom], results: Sequence[Value], env: Env, shapes: Shapes
) -> None:
    """Enter the results of a loop: lengths that an iteration changes are unknown."""
    for start, end, result in zip(starts, ends, results, strict=True):
        types = [_typed(a, env).type for a in (start, end)]
        if all(isinstance(t, Array) for t in types) and len({len(shape_of(t)) for t in types}) == 1:
            pairs = zip(*map(shape_of, types), strict=True)
            kept = [a if shapes.same(a, b) else shapes.fresh("unknown") for a, b in pairs]
            assert isinstance(result.type, Array)
            env[result] = Value(replace(result.type, shape=tuple(kept)))


def _infer(op: Op, env: Env, shapes: Shapes) -> None:
    if op.decl.lengths_from is not None or any(isinstance(a, Type) for a in op.attrs.values()):
        return  # its type is given, not inferred
    operands = [_typed(a, env) for a in op.operands]
    try:
        types = op.decl.infer(shapes, operands, op.attrs)
        if op.decl in (store, add_into):
            target, value, *place = operands
            part = subscript_shape(shapes, shape_of(target.type), op.attrs, place)
            shapes.broadcast([part, shape_of(value.type)])
        if op.decl is unpack:
            shapes.must_equal(shape_of(operands[0].type)[0], Dim(len(op.results)))
    except (TypeMistake, ShapeMismatch, LookupError, AssertionError):
        return
    env.update((r, Value(t)) for r, t in zip(op.results, types, strict=True))


def _typed(atom: Atom, env: Env) -> Atom:
    return env[atom] if isinstance(atom, Value) and atom in env else atom


def _unknown(type_: Type, shapes: Shapes) -> Type:
    """A type with new symbols for all lengths that are not constant."""
    return map_dims(type_, lambda d: d if d.is_const else shapes.fresh("unknown"))


def _needed(region: Region) -> set[Atom]:
    """The values whose contents a statement or a yield reads."""
    needed: set[Atom] = set(region.yields)
    for s in reversed(region.body):
        if (
            isinstance(s, Op)
            and not has_effect(s)
            and not s.decl.writes
            and not needed & {*s.results}
        ):
            continue
        needed |= _read(s)
    return needed


def _read(s: Statement) -> set[Atom]:
    """The values whose contents a statement, and the statements inside it, read."""
    measured = s.decl.shape_of if isinstance(s, Op) else ()
    found = {a for k, a in enumerate(s.operands) if k not in measured}
    for region in regions_of(s):
        found |= {*region.yields, *(a for inner in region.body for a in _read(inner))}
    return found
