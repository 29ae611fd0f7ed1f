"""Reverse mode of loads, stores and container operations.

These operations have no derivative rule. Their adjoints pass an adjoint on, add to a part of an adjoint buffer, or
clear the part; the docstring of each function shows which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.errors import UntypedError
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.types import Array, Dim, List, Struct, dims_of, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.control.adjoint_hooks import adjoint_block
from srcdiff.ops.control.cuda_kernel import barrier_of
from srcdiff.ops.core.index_patterns import is_view
from srcdiff.ops.shapes import diagonals
from srcdiff.transforms.ad.adjoints.accumulate import Partial, Scope, adjoint_type
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.adjoints.struct_adjoints import add_to_element, zeros_for
from srcdiff.transforms.ad.containers.nested_lists import items_change
from srcdiff.transforms.ad.directives.hook_reverse import reverse_block
from srcdiff.transforms.ad.reverse.last_writer import of_last_writers

# ---- arrays --------------------------------------------------------------------------------------


def _store(r: Reversal, op: Op, scope: Scope) -> None:
    """`u[i] = v`: `d_v += d_u[i]; d_u[i] = 0`."""
    buffer, value, *subscript = op.operands
    if not r.is_active(buffer):
        return
    assert isinstance(buffer, Value)
    d_buffer = r.open(buffer, scope)
    operands = [r.forward.primal(a, scope) for a in subscript]
    if r.is_active(value):
        d_value, full = _part(r, op, d_buffer, operands, scope)
        r.contribute(value, d_value, scope, full.type)
    scope.b.ops(memory.store, d_buffer, const(0.0), *operands, **op.attrs)


def _add_into(r: Reversal, op: Op, scope: Scope) -> None:
    """`u[i] += v`: `d_v += d_u[i]`."""
    buffer, value, *subscript = op.operands
    if not r.is_active(buffer) or not r.is_active(value):
        return
    assert isinstance(buffer, Value)
    operands = [r.forward.primal(a, scope) for a in subscript]
    d_value, full = _part(r, op, r.open(buffer, scope), operands, scope)
    r.contribute(value, d_value, scope, full.type)


def _part(
    r: Reversal, op: Op, d_buffer: Atom, operands: Sequence[Atom], scope: Scope
) -> tuple[Atom, Atom]:
    """The contents of the adjoint buffer where the program wrote, as a value; and the part that holds them."""
    where = op.attrs["where"]
    if not is_view(where):
        picked = scope.b.op(memory.gather, d_buffer, *operands, **op.attrs)
        picked = _of_written_shape(r, op, picked, scope)
        is_once = op.attrs.get("distinct") or op.decl is memory.add_at
        return (picked if is_once else of_last_writers(r, op, picked, scope)), picked
    part = scope.b.op(memory.index, d_buffer, *operands, where=where) if where else d_buffer
    value = scope.b.op(memory.read, part) if isinstance(part.type, Array) else part
    return value, part


def _of_written_shape(r: Reversal, op: Op, picked: Value, scope: Scope) -> Value:
    """`picked`, with the lengths of the written value along the axes that were not broadcast."""
    shape, own = list(shape_of(picked.type)), shape_of(op.operands[1].type)
    for k, d in enumerate(own, start=len(shape) - len(own)):
        if k >= 0 and d != Dim(1) and not r.fitting.may_be_one(d):
            shape[k] = d
    *before, made = scope.b.body
    if not isinstance(made, Op) or made.result is not picked or not isinstance(picked.type, Array):
        return picked
    settled = replace(picked, type=replace(picked.type, shape=tuple(shape)))
    scope.b.body[:] = [*before, replace(made, results=(settled,))]
    return settled


def _same_value(r: Reversal, op: Op, scope: Scope) -> None:
    """`y = x`, possibly broadcast: `d_x += d_y`, summed over the broadcast axes."""
    (result,) = op.results
    if not r.is_active(result):
        return
    d = r.take(result, scope)
    if d is not None:
        r.contribute(op.operands[0], d, scope, result)


def _broadcast_if_one(r: Reversal, op: Op, scope: Scope) -> None:
    """The adjoint of `sum_if_one`: the adjoint is broadcast to the operand's shape."""
    (result,) = op.results
    base = op.operands[0]
    d = r.take(result, scope) if r.is_active(result) else None
    if d is not None and r.is_active(base):
        r.contribute(base, scope.b.op(memory.expand, d, type=adjoint_type(base.type)), scope)


def _add_diagonal(r: Reversal, op: Op, scope: Scope) -> None:
    """`fill_diagonal(u, diag(u) + v)`: `d_v += diag(d_u)`."""
    buffer, value = op.operands
    if r.is_active(buffer) and r.is_active(value):
        assert isinstance(buffer, Value)
        d = scope.b.op(diagonals.diag, r.open(buffer, scope), **op.attrs)
        r.contribute(value, scope.b.op(memory.copy, d), scope, d.type)


# ---- containers of known parts -------------------------------------------------------------------


def _pack(r: Reversal, op: Op, scope: Scope) -> None:
    value = op.results[0]
    if r.is_active(value):
        for a, part in zip(op.operands, r.parts(value), strict=True):
            r.refuse_later_writes(a, op, scope)
            _pass_adjoint(r, part, a, scope)


def _unpack(r: Reversal, op: Op, scope: Scope) -> None:
    base = op.operands[0]
    if not r.is_active(base) or r.is_buffer_view(op):
        return
    assert isinstance(base, Value)
    if isinstance(base.type, Struct):
        for result, part in zip(op.results, r.parts(base), strict=True):
            _pass_adjoint(r, result, part, scope)
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
    if r.is_active(base) and not r.is_buffer_view(op):
        assert isinstance(base, Value) and isinstance(base.type, Struct)
        _pass_adjoint(r, op.results[0], r.parts(base)[base.type.keys.index(op.attrs["key"])], scope)


def _pass_adjoint(r: Reversal, source: Value, target: Atom, scope: Scope) -> None:
    """The adjoint of `source` goes to `target`, which is another name of the same value."""
    if not r.is_active(source):
        return
    d = r.take(source, scope)
    if d is not None:
        r.contribute(target, d, scope)


# ---- lists ---------------------------------------------------------------------------------------


def _list_new(r: Reversal, op: Op, scope: Scope) -> None:
    xs = op.results[0]
    d_xs = scope.buffers.pop(xs, None)
    if d_xs is None or not r.is_active(xs):
        return
    for k, a in enumerate(op.operands):
        if r.is_active(a):
            r.refuse_later_writes(a, op, scope)
            r.contribute(a, scope.b.op(containers.list_item, d_xs, const(k)), scope)


def _list_copy(r: Reversal, op: Op, scope: Scope) -> None:
    """`ys = list(xs)`: `d_xs += d_ys`. Both lists hold the same items, so no item may be written."""
    xs = op.operands[0]
    if r.is_active(op.result) and isinstance(xs, Value) and items_change(xs, r.forward.program):
        raise UntypedError(
            "a list is copied, and the arrays or lists on it are written",
            "Copy these as well: `[x.copy() for x in xs]`.",
            op.location,
        )
    _same_value(r, op, scope)


def _rows(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs = list(u)`: the items are rows of `u`, and `d_u += np.array(d_xs)`."""
    u, xs = op.operands[0], op.result
    if not r.is_active(xs):
        return
    r.refuse_later_writes(u, op, scope)
    d_xs = r.take(xs, scope)
    if d_xs is not None:
        r.contribute(u, scope.b.op(creation.array_of, d_xs, layout=()), scope)


def _append(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs.append(v)`: `d_v += d_xs.pop()`."""
    xs, value = op.operands
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value)
    r.refuse_later_writes(value, op, scope)
    d = scope.b.op(containers.list_pop, r.open(xs, scope))
    r.contribute(value, d, scope)


def _list_pop(r: Reversal, op: Op, scope: Scope) -> None:
    """`v = xs.pop()`: `d_xs.append(d_v)`."""
    (xs,), (value,) = op.operands, op.results
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value)
    scope.b.ops(containers.append, r.open(xs, scope), r.take_whole(value, scope))


def _list_item(r: Reversal, op: Op, scope: Scope) -> None:
    xs, at = op.operands
    item = op.results[0]
    if not r.is_active(xs) or not r.is_active(item) or item in r.buffers:
        return
    assert isinstance(xs, Value)
    if r.is_on_list(item):
        return
    if xs in r.by_element:
        scope.b.ops(containers.append, r.open(xs, scope), r.take_whole(item, scope))
        return
    d = r.take(item, scope)
    if d is not None:
        add_to_element(scope.b, r.open(xs, scope), r.forward.primal(at, scope), d, item.type)


def _list_set(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs[k] = v`: `d_v += d_xs[k]; d_xs[k] = 0`."""
    xs, at, value = op.operands
    if not r.is_active(xs):
        return
    assert isinstance(xs, Value) and isinstance(xs.type, List)
    if any("*" in s for dim in dims_of(xs.type.element) for s in dim.symbols()):
        raise UntypedError(
            "an element of a list is replaced, and the arrays on the list have different lengths",
            "Build a new list, or use arrays of one length.",
            op.location,
        )
    r.refuse_later_writes(value, op, scope)
    d_xs, at = r.open(xs, scope), r.forward.primal(at, scope)
    d = scope.b.op(containers.list_item, d_xs, at)
    taken = d
    if isinstance(d.type, Array):  # a further derivative must see that the item leaves the list
        taken = scope.b.op(
            memory.copy, d, name=f"{d_xs.name}_item" if isinstance(d_xs, Value) else ""
        )
    scope.b.ops(containers.list_set, d_xs, at, zeros_for(scope.b, d, xs.type.element))
    r.contribute(value, taken, scope)


def _list_add(r: Reversal, op: Op, scope: Scope) -> None:
    """`xs[t] += v`: `d_v += d_xs[t]`."""
    xs, at, value = op.operands
    if r.is_active(xs) and r.is_active(value):
        assert isinstance(xs, Value)
        d = scope.b.op(containers.list_item, r.open(xs, scope), r.forward.primal(at, scope))
        r.contribute(value, scope.b.op(memory.copy, d) if isinstance(d.type, Array) else d, scope)


def _list_reverse(r: Reversal, op: Op, scope: Scope) -> None:
    xs = op.operands[0]
    if r.is_active(xs):
        assert isinstance(xs, Value)
        scope.b.ops(containers.list_reverse, r.open(xs, scope))


# ---- kernels ---------------------------------------------------------------------------------------


def reverse_barrier(r: Reversal, op: Op, scope: Scope) -> None:
    """A barrier stays a barrier: it covers the arrays and their adjoints."""
    values = [a for a in op.operands if isinstance(a, Value)]
    shared = [r.forward.primal(v, scope) for v in values]
    shared += [r.open(v, scope) for v in values if r.is_active(v)]
    scope.b.ops(barrier_of(len(shared)), *shared, **op.attrs)


# ---- checks, and the table -----------------------------------------------------------------------


def check_written(r: Reversal, op: Op) -> None:
    """Refuse a write into an array in a tuple on a list: the adjoint list holds sums, not buffers, for its tuples."""
    for k in op.decl.writes:
        value = op.operands[k]
        if not isinstance(value, Value) or not isinstance(value.type, Array):
            continue
        value = r.forward.base(value)
        maker = r.forward.maker.get(value)
        while isinstance(maker, Op) and maker.decl in (containers.get, containers.unpack):
            (whole,) = maker.operands
            maker = r.forward.maker.get(whole)
            if (
                isinstance(maker, Op)
                and maker.decl in (containers.list_item, containers.list_pop)
                and r.is_active(value)
            ):
                raise UntypedError(
                    "an array is written that is in a tuple on a list",
                    "Put the arrays themselves on lists, one for each part of the tuple.",
                    op.location,
                )


def refuse_write(r: Reversal, op: Op, scope: Scope) -> None:
    if any(r.is_active(op.operands[k]) for k in op.decl.writes):
        raise UntypedError(
            f"the derivative of a change by {op.decl.name} is not known",
            "Make a new list or array instead.",
            op.location,
        )


REVERSED: dict[OpDecl, Callable[[Reversal, Op, Scope], None]] = {
    adjoint_block: reverse_block,
    memory.read: _same_value,
    memory.copy: _same_value,
    memory.expand: _same_value,
    memory.sum_if_one: _broadcast_if_one,
    memory.store: _store,
    memory.add_into: _add_into,
    memory.add_at: _add_into,
    diagonals.add_diagonal: _add_diagonal,
    containers.pack: _pack,
    containers.unpack: _unpack,
    containers.get: _get,
    containers.list_new: _list_new,
    containers.list_copy: _list_copy,
    creation.rows: _rows,
    containers.append: _append,
    containers.list_pop: _list_pop,
    containers.list_item: _list_item,
    containers.list_set: _list_set,
    containers.list_add: _list_add,
    containers.list_reverse: _list_reverse,
}
