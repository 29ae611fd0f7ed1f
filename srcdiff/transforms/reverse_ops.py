"""Reverse mode through single operations and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, change_dims, clone_statement
from srcdiff.ir.core import (
    Atom,
    Call,
    Function,
    Op,
    Region,
    Value,
    const,
    regions_of,
)
from srcdiff.ir.types import NONE, Array, Dim, List, Struct, Type, dims_of, is_float
from srcdiff.ops import containers, diagonals, memory
from srcdiff.transforms.adjoints import Partial, Scope, adjoint_type, is_zero, whole
from srcdiff.transforms.recompute import needed, uses
from srcdiff.transforms.reverse_state import Reversal, add_to_element

__all__ = ["reverse_call", "reverse_op"]


def reverse_op(r: Reversal, op: Op, scope: Scope) -> None:
    special = _SPECIAL.get(op.decl.name, _unsupported_write if op.decl.writes else None)
    if special is not None:
        special(r, op, scope)
        return
    if (
        not op.decl.differentiable
        or not any(map(r.is_active, op.results))
        or _is_buffer_view(r, op)
    ):
        for v in op.results:
            scope.buffers.pop(
                v, None
            )  # storage begins here: what is left in its adjoint belongs to nobody
        return
    d_outs = [r.take(v, scope) if r.is_active(v) else None for v in op.results]
    if all(d is None for d in d_outs):
        return
    if op.decl.scatter is not None:
        _scatter(r, op, d_outs[0], scope)
    elif op.decl.build is not None:
        try:
            found = op.decl.build(scope.b, op, d_outs)
        except NotImplementedError as error:
            raise UnsupportedError(
                f"not supported: {error}",
                "Write it as a loop, or with another function.",
                op.location,
            ) from None
        for a, d in zip(op.operands, found, strict=True):
            if d is not None:
                r.contribute(a, d, scope)
    else:
        _by_rule(r, op, d_outs, scope)


def _is_buffer_view(r: Reversal, op: Op) -> bool:
    return op.decl.view_of is not None and any(v in r.buffers for v in op.results)


def _scatter(r: Reversal, op: Op, d_out: Atom | None, scope: Scope) -> None:
    """What picks a part of an array adds to that part of its adjoint."""
    base, *rest = op.operands
    assert op.decl.scatter is not None and d_out is not None
    if not r.is_active(base):
        return
    assert isinstance(base, Value)
    if op.decl is memory.index and not rest and base not in r.buffers:
        r.contribute(base, _without_new_axes(op, d_out, scope), scope)
        return
    operands = tuple(r.primal(a, scope) for a in rest)
    if base in r.buffers:
        scope.b.ops(op.decl.scatter, r.open(base, scope), d_out, *operands, **op.attrs)
    else:
        scope.add_part(base, Partial(op.decl.scatter, d_out, operands, op.attrs))


def _without_new_axes(op: Op, d_out: Atom, scope: Scope) -> Atom:
    """`x[:, None]` picks nothing: its adjoint has the new axes taken away."""
    if not isinstance(d_out.type, Array):
        return d_out
    d_out = whole(scope.b, d_out, adjoint_type(op.results[0].type))
    items = op.attrs["where"].split(", ")
    where = ", ".join({"None": "i"}.get(item, item) for item in items)
    return scope.b.op(
        memory.index, d_out, *(const(0) for item in items if item == "None"), where=where
    )


# ---- rules ---------------------------------------------------------------------------------------


def _by_rule(r: Reversal, op: Op, d_outs: Sequence[Atom | None], scope: Scope) -> None:
    """Inline the operation's rule."""
    given = [_as_wanted(op, d, v, scope) for d, v in zip(d_outs, op.results, strict=True)]
    wanted = [k for k, a in enumerate(op.operands) if r.is_active(a)]
    if op.decl.rule is None:
        raise _unknown(op, wanted[0])
    rule = r.rules(
        op.decl,
        [a.type for a in op.operands],
        op.attrs,
        [v.type for v in op.results],
        [d.type for d in given],
    )
    rule = _with_own_symbols(r, rule)
    missing = [k for k in wanted if k in rule.notes.get("missing", ())]
    if missing:
        raise _unknown(op, missing[0])
    found = _inline(r, rule, wanted, [*op.operands, *op.results], given, scope)
    for k, d in zip(wanted, found, strict=True):
        r.contribute(op.operands[k], d, scope, op.results[0] if op.decl.elementwise else None)


def _with_own_symbols(r: Reversal, rule: Function) -> Function:
    """The rule with the lengths and integers that arise in it renamed: another use of the rule has others."""
    known = {s for p in rule.params for d in dims_of(p.type) for s in d.symbols()}
    made = {s for v in _results(rule.body) for d in dims_of(v.type) for s in d.symbols()} - known
    if not made:
        return rule
    r.slots += 1  # a number that nothing else has
    own = {s: Dim.of(f"{s}_{r.slots}") for s in made}
    return change_dims(rule, lambda d: d.substitute(own))


def _results(region: Region) -> Iterator[Value]:
    for statement in region.body:
        yield from statement.results
        for inner in regions_of(statement):
            yield from inner.params
            yield from _results(inner)


def _as_wanted(op: Op, d: Atom | None, result: Value, scope: Scope) -> Atom:
    """The adjoint of a result in the size that the rule takes."""
    if d is None:
        d = const(0.0)
    if op.decl.adjoint == "whole" or (op.decl.adjoint == "scalar" and isinstance(d.type, Array)):
        return whole(scope.b, d, adjoint_type(result.type))
    return d


def _unknown(op: Op, position: int) -> UnsupportedError:
    return UnsupportedError(
        f"the derivative of {op.decl.name} with respect to argument {position + 1} is not known",
        "Write the line with other functions, or keep derivatives out with srcdiff.stop_gradient.",
        op.location,
    )


def _inline(
    r: Reversal,
    rule: Function,
    wanted: Sequence[int],
    actual: Sequence[Atom],
    d_outs: Sequence[Atom],
    scope: Scope,
) -> list[Atom]:
    """Append the part of a rule that gives the wanted operands' adjoints; only what that uses is looked up."""
    params = rule.params
    forward = dict(zip(params[: len(actual)], actual, strict=True))
    env: Env = dict(zip(params[len(actual) :], d_outs, strict=True))

    def look_up(a: Atom) -> Atom:
        if isinstance(a, Value) and a not in env and a in forward:
            env[a] = r.primal(forward[a], scope)
        return env.get(a, a) if isinstance(a, Value) else a

    given = [k for k in range(len(actual)) if k not in rule.notes.get("missing", ())]
    yields = [rule.body.yields[given.index(k)] for k in wanted]
    for statement in needed(rule.body, yields):
        for a in uses(statement):
            look_up(a)
        copy = clone_statement(statement, env)
        copy = _without_rule_names(copy, env) if isinstance(copy, Op) else copy
        scope.b.append(replace(copy, origin="adjoint", location=scope.b.location))
    return [look_up(y) for y in yields]


def _without_rule_names(op: Op, env: Env) -> Op:
    """`d_x` in a rule is not the user's x; other names (`norm`) say what a value is, and stay."""
    results = tuple(replace(v, name="") if v.name.startswith("d_") else v for v in op.results)
    names = dict(zip(op.results, results, strict=True))
    for key, value in env.items():
        if value in names:
            env[key] = names[value]  # type: ignore[index]
    return replace(op, results=results)


# ---- writes ----------------------------------------------------------------------------------------


def _store(r: Reversal, op: Op, scope: Scope) -> None:
    """`u[i] = v`: `d_v += d_u[i]; d_u[i] = 0`."""
    buffer, value, *subscript = op.operands
    if not r.is_active(buffer):
        return
    assert isinstance(buffer, Value)
    d_buffer = r.open(buffer, scope)
    where = op.attrs["where"]
    operands = [r.primal(a, scope) for a in subscript]
    if r.is_active(value):
        d_value, full = _part(op, d_buffer, operands, scope)
        r.contribute(value, d_value, scope, full.type)
    scope.b.ops(memory.store, d_buffer, const(0.0), *operands, where=where)


def _add_into(r: Reversal, op: Op, scope: Scope) -> None:
    """`u[i] += v`: `d_v += d_u[i]`."""
    buffer, value, *subscript = op.operands
    if not r.is_active(buffer) or not r.is_active(value):
        return
    assert isinstance(buffer, Value)
    operands = [r.primal(a, scope) for a in subscript]
    d_value, full = _part(op, r.open(buffer, scope), operands, scope)
    r.contribute(value, d_value, scope, full.type)


def _part(op: Op, d_buffer: Atom, operands: Sequence[Atom], scope: Scope) -> tuple[Atom, Atom]:
    """What the adjoint buffer holds where the program wrote, as a value of its own."""
    where = op.attrs["where"]
    if "g" in where.split(", ") or "m" in where.split(", "):
        if op.decl is memory.store and "g" in where.split(", "):
            raise UnsupportedError(
                "writing to an index array is not supported yet: places may repeat",
                "Write in a loop, or with a boolean mask.",
                op.location,
            )
        picked = scope.b.op(memory.gather, d_buffer, *operands, where=where)
        return picked, picked
    part = scope.b.op(memory.index, d_buffer, *operands, where=where) if where else d_buffer
    value = scope.b.op(memory.read, part) if isinstance(part.type, Array) else part
    return value, part


# ---- containers --------------------------------------------------------------------------------------


def _pack(r: Reversal, op: Op, scope: Scope) -> None:
    value = op.results[0]
    if r.is_active(value):
        for a, part in zip(op.operands, r.parts(value), strict=True):
            r.keep_apart(a, op)
            _hand_over(r, part, a, scope)


def _unpack(r: Reversal, op: Op, scope: Scope) -> None:
    base = op.operands[0]
    if not r.is_active(base) or _is_buffer_view(r, op):
        return
    assert isinstance(base, Value)
    if isinstance(base.type, Struct):
        for result, part in zip(op.results, r.parts(base), strict=True):
            _hand_over(r, result, part, scope)
        return
    for k, result in enumerate(op.results):
        d = r.take(result, scope) if r.is_active(result) else None
        if d is None:
            continue
        if isinstance(base.type, List):
            add_to_element(scope.b, r.open(base, scope), const(k), d, result.type)
        else:
            _scatter_at(r, base, d, k, scope)


def _scatter_at(r: Reversal, base: Value, d: Atom, k: int, scope: Scope) -> None:
    if base in r.buffers:
        scope.b.ops(memory.add_into, r.open(base, scope), d, const(k), where="i")
    else:
        scope.add_part(base, Partial(memory.add_into, d, (const(k),), {"where": "i"}))


def _get(r: Reversal, op: Op, scope: Scope) -> None:
    base = op.operands[0]
    if r.is_active(base) and not _is_buffer_view(r, op):
        assert isinstance(base, Value) and isinstance(base.type, Struct)
        _hand_over(r, op.results[0], r.parts(base)[base.type.keys.index(op.attrs["key"])], scope)


def _hand_over(r: Reversal, source: Value, target: Atom, scope: Scope) -> None:
    """The adjoint of one name of a value goes to another."""
    if not r.is_active(source):
        return
    d = r.take(source, scope)
    if d is not None:
        r.contribute(target, d, scope)


def _list_new(r: Reversal, op: Op, scope: Scope) -> None:
    xs = op.results[0]
    d_xs = scope.buffers.pop(xs, None)
    if d_xs is None or not r.is_active(xs):
        return
    for k, a in enumerate(op.operands):
        if r.is_active(a):
            r.keep_apart(a, op)
            r.contribute(a, scope.b.op(containers.list_item, d_xs, const(k)), scope)


def _append(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs.append(v)`: `d_v += d_xs.pop()`."""
    xs, value = op.operands
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value)
    r.keep_apart(value, op)
    d = scope.b.op(containers.list_pop, r.open(xs, scope))
    r.contribute(value, d, scope)


def _list_set(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs[k] = v`: `d_v += d_xs[k]; d_xs[k] = 0`."""
    xs, at, value = op.operands
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value) and isinstance(xs.type, List)
    if any("*" in s for dim in dims_of(xs.type.element) for s in dim.symbols()):
        raise UnsupportedError(
            "an element of a list of arrays of unlike lengths is replaced",
            "Build a new list, or use arrays of one length.",
            op.location,
        )
    r.keep_apart(value, op)
    d_xs, at = r.open(xs, scope), r.primal(at, scope)
    d = scope.b.op(containers.list_item, d_xs, at)
    scope.b.ops(containers.list_set, d_xs, at, _zeros_like(scope.b, d, xs.type.element))
    r.contribute(value, d, scope)


def _zeros_like(b: Builder, d: Atom, type_: Type) -> Atom:
    """Zeros in the shape of an adjoint."""
    if isinstance(type_, Struct):
        parts = [
            _zeros_like(b, b.op(containers.get, d, key=k), t)
            for k, t in zip(type_.keys, type_.parts, strict=True)
        ]
        return b.op(containers.pack, *parts, kind=type_.kind, keys=type_.keys, cls=type_.cls)
    if isinstance(type_, List):
        return b.op(memory.zeros_like_list, d, type=adjoint_type(type_))
    if isinstance(type_, Array):
        return b.op(memory.zeros_like, d)
    return const(0.0) if is_float(type_) else const(None)


def _list_pop(r: Reversal, op: Op, scope: Scope) -> None:
    """`v = xs.pop()`: `d_xs.append(d_v)`."""
    (xs,), (value,) = op.operands, op.results
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value)
    scope.b.ops(containers.append, r.open(xs, scope), r.take_whole(value, scope))


def _unsupported_write(r: Reversal, op: Op, scope: Scope) -> None:
    """Writes that no rule is known for must not pass in silence."""
    if any(r.is_active(op.operands[k]) for k in op.decl.writes):
        raise UnsupportedError(
            f"the derivative of a change by {op.decl.name} is not known",
            "Make a new list or array instead.",
            op.location,
        )


def _list_item(r: Reversal, op: Op, scope: Scope) -> None:
    xs, at = op.operands
    item = op.results[0]
    if not r.is_active(xs) or not r.is_active(item) or item in r.buffers:
        return
    assert isinstance(xs, Value)
    if xs in r.by_element:
        scope.b.ops(containers.append, r.open(xs, scope), r.take_whole(item, scope))
        return
    d = r.take(item, scope)
    if d is not None:
        add_to_element(scope.b, r.open(xs, scope), r.primal(at, scope), d, item.type)


def _same_value(r: Reversal, op: Op, scope: Scope) -> None:
    """What only hands a value on, or broadcasts it: so does the adjoint."""
    (result,) = op.results
    if not r.is_active(result):
        return
    d = r.take(result, scope)
    if d is not None:
        r.contribute(op.operands[0], d, scope, result)


def _add_diagonal(r: Reversal, op: Op, scope: Scope) -> None:
    """`fill_diagonal(u, diag(u) + v)`: `d_v += diag(d_u)`."""
    buffer, value = op.operands
    if r.is_active(buffer) and r.is_active(value):
        assert isinstance(buffer, Value)
        d = scope.b.op(diagonals.diag, r.open(buffer, scope), **op.attrs)
        r.contribute(value, scope.b.op(memory.copy, d), scope, d.type)


def _list_reverse(r: Reversal, op: Op, scope: Scope) -> None:
    xs = op.operands[0]
    if r.is_active(xs):
        assert isinstance(xs, Value)
        scope.b.ops(containers.list_reverse, r.open(xs, scope))


def _list_add(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs[t] += v`: `d_v += d_xs[t]`."""
    xs, at, value = op.operands
    if r.is_active(xs) and r.is_active(value):
        assert isinstance(xs, Value)
        d = scope.b.op(containers.list_item, r.open(xs, scope), r.primal(at, scope))
        r.contribute(value, scope.b.op(memory.copy, d) if isinstance(d.type, Array) else d, scope)


def _broadcast_if_one(r: Reversal, op: Op, scope: Scope) -> None:
    """What was summed where the run found a length of 1 is broadcast again."""
    (result,) = op.results
    base = op.operands[0]
    d = r.take(result, scope) if r.is_active(result) else None
    if d is not None and r.is_active(base):
        r.contribute(base, scope.b.op(memory.expand, d, type=adjoint_type(base.type)), scope)


_SPECIAL: dict[str, Callable[[Reversal, Op, Scope], None]] = {
    "read": _same_value,
    "copy": _same_value,
    "expand": _same_value,
    "sum_if_one": _broadcast_if_one,
    "list_copy": _same_value,
    "store": _store,
    "add_into": _add_into,
    "add_at": _add_into,
    "pack": _pack,
    "unpack": _unpack,
    "get": _get,
    "list_new": _list_new,
    "append": _append,
    "add_diagonal": _add_diagonal,
    "list_reverse": _list_reverse,
    "list_add": _list_add,
    "list_set": _list_set,
    "list_pop": _list_pop,
    "list_item": _list_item,
}


# ---- calls -------------------------------------------------------------------------------------------


def reverse_call(
    r: Reversal, call: Call, scope: Scope, make_adjoint: Callable[..., Function]
) -> None:
    """A call backwards is a call of the helper's own adjoint: adjoints of results, arguments and results in,
    adjoints out.
    """
    seeded = [k for k, v in enumerate(call.results) if r.is_active(v)]
    if not seeded:
        return
    d_outs = [r.take_whole(call.results[k], scope) for k in seeded]
    wrt = [k for k, a in enumerate(call.operands) if r.is_active(a)]
    if not wrt or all(map(is_zero, d_outs)):
        return
    helper = make_adjoint(call.function, tuple(wrt), tuple(seeded))
    operands = (*d_outs, *(r.primal(a, scope) for a in (*call.operands, *call.results)))
    types = [
        t for k in wrt for t in _leaf_types(call.operands[k].type)
    ]  # in this function's own lengths
    names = helper.notes["gradients"]
    kinds = [adjoint_type(t) if is_float(t) else NONE for t in types]
    results = tuple(Value(t, f"d_{n}") for t, n in zip(kinds, names, strict=True))
    scope.b.append(Call(helper, operands, results, call.location, "adjoint"))
    left = iter(results)
    for k in wrt:
        operand = call.operands[k]
        assert isinstance(operand, Value)
        _spread(r, operand, operand, left, scope)


def _leaf_types(type_: Type) -> list[Type]:
    return (
        [leaf for part in type_.parts for leaf in _leaf_types(part)]
        if isinstance(type_, Struct)
        else [type_]
    )


def _spread(r: Reversal, operand: Value, at: Value, results: Iterator[Value], scope: Scope) -> None:
    """Contribute the results of a helper's adjoint to an argument, leaf by leaf."""
    if isinstance(at.type, Struct):
        for part in r.parts(at):
            _spread(r, operand, part, results, scope)
        return
    d = next(results)
    if at in r.active:
        r.contribute(at, d, scope)
