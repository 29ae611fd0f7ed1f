"""Checkpointing: a loop keeps the states at the starts of k iterations, and computes the others again from these.

The user writes `for i in srcdiff.checkpointed(range(n), slots=k)`. The binomial schedule (`revolve.py`) chooses the
states.

    stop = 0                                             for i in reversed(range(n)):
    for i in range(n):                                       while kept[top - 1] < i:
        if i == stop:                                            i_kept, x = kept[top - 1], xs[top - 1]
            kept[top], xs[top] = i, x                            stop = i_kept + iterations_to_advance(...)
            top += 1                                             for j in range(i_kept, stop): x = f(x)
            stop = i + iterations_to_advance(n - i, ...)         kept[top], xs[top] = stop, x
        x = f(x)                                                 top += 1
                                                             top -= 1
                                                             x = xs[top]
                                                             (the iteration again, and its adjoint)

There is a row for each of the k states, and a row for the current state, from which the iteration is reversed. A state
consists of the loop-carried values, and the contents of the arrays that the loop writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcdiff.ir.alias import reads_of, with_inner, writes_of
from srcdiff.ir.build import (
    Builder,
    Env,
    change_dims_within,
    clone_region,
    clone_statement,
    lookup,
    with_parts,
)
from srcdiff.ir.core import Call, For, If, Op, OpDecl, Region, Statement, While, regions_of
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Dim, Scalar, Static, all_dims, element_type, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.control import raise_if
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.directives.checkpoint_state import (
    changing,
    free_values,
    read_only,
    state_of,
)
from srcdiff.transforms.ad.directives.revolve import schedule
from srcdiff.transforms.analysis.defuse import defined_in, used_atoms

_NUMBER = Scalar("int64", True)


@dataclass(frozen=True)
class Part:
    """One part of the state: a loop-carried value (`param` in the body), or an array from outside that the loop
    writes (`param` is None).
    """

    param: Value | None
    value: Value  # the carried value at the start of the loop, or the array
    rows: Value
    may_vary: bool = False  # whether its lengths may change


@dataclass(frozen=True)
class Kept:
    """The states that the forward part keeps for the backward part."""

    loop: For
    iterations: Value
    parts: tuple[Part, ...]
    top: Value
    read: Mapping[Value, Value]  # array that the loop reads and others write -> copy


# ---- the forward part -------------------------------------------------------------------------------------


def keep_states(r: Reversal, loop: For, scope: Scope) -> Kept:
    """Replace the loop of the forward part by a loop that keeps states."""
    b = Builder(scope.b.shapes, "compiler", loop.location)
    program = r.forward.program
    rows = const(loop.slots + 1)
    iterations = b.op(memory.empty, rows, name="kept_iterations", dtype="int64")
    state = state_of(r, loop)
    parts = tuple(Part(p, v, _rows(r, p, v, rows, b), _may_vary(loop, p)) for p, v in state)
    read = {
        v: b.op(memory.copy, b.op(memory.read, v, name=v.name), name=v.name)
        for v in read_only(r, loop, state)
    }
    top, stop = Value(_NUMBER, "top"), Value(_NUMBER, "stop")
    inner = b.inner()
    is_kept = inner.op(arithmetic.equal, loop.index, stop)
    keep = inner.inner()
    _keep(r, iterations, parts, loop.index, top, keep, {})
    left = keep.op(arithmetic.subtract, loop.stop, loop.index)
    after = keep.op(arithmetic.add, loop.index, _ahead(left, loop, top, keep))
    more = keep.op(arithmetic.add, top, const(1))
    chosen = Value(_NUMBER, "top"), Value(_NUMBER, "stop")
    inner.append(
        If(
            is_kept,
            keep.region((), (more, after)),
            Region((), (), (top, stop)),
            chosen,
            loop.location,
            "compiler",
        )
    )
    body = Region(
        (*loop.body.params, top, stop),
        (*inner.body, *loop.body.body),
        (*loop.body.yields, *chosen),
    )
    end = Value(_NUMBER, "top")
    results = (*loop.results, end, Value(_NUMBER, "stop"))
    b.append(
        replace(
            loop, carried=(*loop.carried, const(0), const(0)), body=body, results=results, slots=0
        )
    )
    contents = Kept(
        loop,
        b.op(memory.read, iterations, name=iterations.name),
        tuple(replace(p, rows=b.op(memory.read, p.rows, name=p.rows.name)) for p in parts),
        end,
        read,
    )
    home = program.region_of[id(loop)]
    for v in (contents.iterations, *(p.rows for p in contents.parts), end, *read.values()):
        r.forward.home[v] = home
    r.forward.instead[id(loop)] = list(b.body)
    return contents


def _may_vary(loop: For, param: Value | None) -> bool:
    if param is None or not isinstance(param.type, Array):
        return False
    k = loop.body.params.index(param) - 1
    return len({shape_of(a.type) for a in (param, loop.carried[k], loop.body.yields[k])}) > 1


def _rows(r: Reversal, param: Value | None, value: Value, rows: Atom, b: Builder) -> Value:
    like = value if isinstance(value.type, Array) else param or value
    lengths: list[Atom] = []
    for axis, dim in enumerate(shape_of(like.type)):
        if r.forward.is_known(dim):
            lengths.append(const(dim.const) if dim.is_const else b.op(memory.length, dim=dim))
        else:
            lengths.append(b.op(memory.axis_length, value, axis=axis))
    dtype = element_type(like.type).dtype
    return b.op(memory.empty, rows, *lengths, name=plural(like.name or "state"), dtype=dtype)


def _keep(
    r: Reversal,
    iterations: Atom,
    parts: Sequence[Part],
    iteration: Atom,
    row: Atom,
    b: Builder,
    now: Mapping[Value, Atom],
) -> None:
    """Append the stores of the current state into a row; `now` maps values of the loop to the current values."""
    b.ops(memory.store, iterations, iteration, row, where="i")
    for part in parts:
        own = part.value if part.param is None else part.param
        value: Atom = now.get(own, own)
        if own in r.buffers:
            value = b.op(memory.read, value, name=own.name)
        if part.may_vary:
            _check_lengths(part, value, b)
        b.ops(memory.store, part.rows, value, row, where="i")


def _check_lengths(part: Part, value: Atom, b: Builder) -> None:
    """Raise if a state has other lengths than the first state: a store would broadcast a shorter array."""
    assert isinstance(value, Value)
    for axis in range(len(shape_of(value.type))):
        have = b.op(memory.axis_length, value, axis=axis)
        room = b.op(memory.axis_length, part.rows, axis=axis + 1)
        differ = b.op(arithmetic.not_equal, have, room)
        message = (
            f"the lengths of {value.name or 'an array'} change in a loop over srcdiff.checkpointed"
        )
        raise_if(b, differ, ValueError, message)


def _ahead(left: Atom, loop: For, row: Atom, b: Builder) -> Atom:
    """The number of iterations from the state in a row to the next state to keep, if `left` iterations remain."""
    free = b.op(arithmetic.subtract, const(loop.slots), row)
    result = Value(_NUMBER)
    b.append(Call(schedule(), (left, free), (result,), loop.location, "compiler"))
    return result


# ---- the backward part ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replay:
    """The rows from which the backward part runs iterations again, and its values for the values from outside."""

    kept: Kept
    iterations: Atom
    parts: tuple[Part, ...]
    start: Atom
    fixed: Env


def begin(r: Reversal, kept: Kept, scope: Scope) -> Replay:
    """Copy the rows: the backward part writes them, too."""

    def own(rows: Value) -> Value:
        return scope.b.op(memory.copy, r.forward.primal(rows, scope), name=rows.name)

    written = changing(r, kept.loop)
    fixed: Env = {}
    for v in free_values(r, kept.loop):
        if v not in written:
            fixed[v] = r.forward.primal(kept.read.get(v, v), scope)
    parts = tuple(replace(p, rows=own(p.rows)) for p in kept.parts)
    return Replay(kept, own(kept.iterations), parts, r.forward.primal(kept.top, scope), fixed)


def replay(
    r: Reversal, again: Replay, inner: Scope, index: Value, top: Value
) -> tuple[list[Statement], Atom]:
    """Statements that restore the state at the start of the iteration `index`, and run the iteration again; and the
    number of rows that remain.
    """
    loop = again.kept.loop
    b = Builder(inner.b.shapes, "compiler", loop.location)
    row = b.op(arithmetic.subtract, _advance_to(r, again, index, top, b), const(1), name="top")
    wanted = set(inner.values)
    env = _loaded(r, again, row, inner.values, b)
    for s in _wanted(r, _without_effects(r.forward.with_saves(loop.body)), wanted):
        b.append(_cloned(s, env, inner.values))
    return b.body, row


def _wanted(r: Reversal, body: Region, values: set[Value]) -> list[Statement]:
    """The statements on which `values`, and the saved values, depend. Writes that no such statement reads are left
    out: they are for the next iteration.
    """
    roots = r.forward.program.roots
    read: set[Value] = set()
    found: list[Statement] = []
    for s in reversed(body.body):
        saves = any(isinstance(i, Op) and "slot" in i.attrs for i in with_inner(s))
        if saves or not values.isdisjoint(s.results) or writes_of(s, roots) & read:
            values.update(a for a in used_atoms(s) if isinstance(a, Value))
            read |= reads_of(s, roots)
            found.append(s)
    return found[::-1]


def _advance_to(r: Reversal, again: Replay, index: Value, top: Value, b: Builder) -> Value:
    """Advance from the last kept state, and keep further states, up to the start of the iteration `index`."""
    loop = again.kept.loop
    tested, count, rows = (Value(_NUMBER, "top") for _ in range(3))
    test, body = b.inner(), b.inner()
    last = test.op(arithmetic.subtract, tested, const(1))
    iteration = test.op(memory.index, again.iterations, last, where="i")
    condition = test.op(arithmetic.less, iteration, index)
    last = body.op(arithmetic.subtract, count, const(1))
    start = Value(_NUMBER, "start")
    place = {"where": "i"}
    body.append(
        Op(memory.index, (again.iterations, last), (start,), place, loop.location, "compiler")
    )
    end = body.op(arithmetic.add, index, const(1))
    left = body.op(arithmetic.subtract, end, start)
    ahead = _ahead(left, loop, last, body)
    stop = body.op(arithmetic.add, start, ahead, name="stop")
    now = _advanced(r, again, _loaded(r, again, last, {}, body), start, stop, body)
    _keep(r, again.iterations, again.parts, stop, count, body, now)
    more = body.op(arithmetic.add, count, const(1))
    b.append(
        While(
            (top,),
            test.region((tested,), (condition,)),
            body.region((count,), (more,)),
            (rows,),
            location=loop.location,
            origin="compiler",
        )
    )
    return rows


def _advanced(
    r: Reversal, again: Replay, env: Env, start: Atom, stop: Atom, b: Builder
) -> dict[Value, Atom]:
    """The state at `stop`, from the state at `start`: the loop runs again, and saves nothing."""
    loop = again.kept.loop
    made = {s for v in defined_in(loop.body) for d in all_dims(v.type) for s in d.symbols()}
    made -= {s for v in again.fixed for d in all_dims(v.type) for s in d.symbols()}
    made -= r.forward.program.argument_symbols
    k = r.forward.number()
    own = {s: Dim.of(f"{s}_{k}") for s in made}
    body = change_dims_within(_without_effects(loop.body), lambda d: d.substitute(own))
    params = loop.body.params[1:]
    carried = tuple(env[p] for p in params)
    body = clone_region(body, dict(env))
    results = tuple(Value(a.type, p.name) for a, p in zip(carried, params, strict=True))
    where = loop.location
    b.append(For(start, stop, const(1), carried, body, results, location=where, origin="compiler"))
    return {**env, **dict(zip(params, results, strict=True))}


def _loaded(r: Reversal, again: Replay, row: Atom, values: Env, b: Builder) -> Env:
    """Load the state from a row. Returns the environment: value of the loop -> current value; `values` gives some of
    these values.
    """
    loop = again.kept.loop
    env: Env = {**again.fixed, **values}
    for part in again.parts:
        own = part.value if part.param is None else part.param
        made = values.get(own)
        if not isinstance(made, Value):
            made = Value(own.type, own.name, own.user)
        if part.param is not None:
            values[own] = made
        env[own] = made
        _load(part.rows, row, made, own in r.buffers, loop, b)
    for p, start in zip(loop.body.params[1:], loop.carried, strict=True):
        if isinstance(p.type, Static):
            env[p] = values[p] = start
    for v in sorted(changing(r, loop), key=r.forward.program.order):
        _view(r, v, env, b)
    return env


def _load(rows: Value, row: Atom, made: Value, is_storage: bool, loop: For, b: Builder) -> None:
    def op(decl: OpDecl, operands: tuple[Atom, ...], result: Value, **attrs: Any) -> None:
        b.append(Op(decl, operands, (result,), attrs, loop.location, "compiler"))

    if isinstance(made.type, Scalar):
        op(memory.index, (rows, row), made, where="i")
        return
    view = Value(made.type, made.name)
    op(memory.index, (rows, row), view, where="i")
    contents = Value(made.type, made.name) if is_storage else made
    op(memory.read, (view,), contents)
    if is_storage:
        op(memory.copy, (contents,), made)


def _view(r: Reversal, v: Value, env: Env, b: Builder) -> Value:
    """A view of an array that the loop writes, which the program made in front of the loop: it is made again."""
    if v not in env:
        maker = r.forward.maker.get(v)
        assert isinstance(maker, Op) and maker.view_of is not None
        base = maker.operands[maker.view_of]
        assert isinstance(base, Value)
        _view(r, base, env, b)
        b.append(replace(clone_statement(maker, env), origin="compiler"))
    found = env[v]
    assert isinstance(found, Value)
    return found


def _cloned(s: Statement, env: Env, values: Env) -> Statement:
    """A copy of a statement of the body; its results are the values that the backward part has for them."""

    def results() -> tuple[Value, ...]:
        made = []
        for v in s.results:
            known = values.get(v)
            new = known if isinstance(known, Value) else replace(v)
            env[v] = new
            made.append(new)
        return tuple(made)

    operands = [lookup(env, a) for a in s.operands]
    regions = [clone_region(region, env) for region in regions_of(s)]
    return with_parts(s, operands, regions, results)


def _without_effects(region: Region) -> Region:
    """The region without statements that print, assert or raise: the forward part has run these."""
    body: list[Statement] = []
    for s in region.body:
        if isinstance(s, Op) and s.decl.effect and not s.results and "slot" not in s.attrs:
            continue
        regions = [_without_effects(inner) for inner in regions_of(s)]
        body.append(with_parts(s, s.operands, regions) if regions else s)
    return Region(region.params, tuple(body), region.yields)
