"""Output parameters: arrays of the result become parameters to which the function adds, so that callers sum gradients.

    d_x = np.zeros_like(x)                      def f(x, d_x):
    for i in range(len(x)):         becomes         for i in range(len(x)):
        d_x[i] += ...                                   d_x[i] += ...
    return value, d_x                               return value

If each element of a result is stored at most once and only added to afterwards, all these writes become additions to
the parameter. Any other result is computed first and added at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, map_ops, shapes_for
from srcdiff.ir.core import (
    For,
    Function,
    Node,
    Op,
    Region,
    Statement,
    While,
    leaves,
    regions_of,
    walk,
)
from srcdiff.ir.facts import Storage
from srcdiff.ir.types import Array, Scalar, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.dependence.affine import is_element
from srcdiff.transforms.gpu.device.preallocate import UNFILLED, ZEROS, unused
from srcdiff.transforms.lower.loop_nests import Arrays, Nest, add_element, element_of, nest


def given_results(fn: Function, names: Sequence[str]) -> Function:
    """`fn` adding the arrays of its result to further parameters, called `names` in their order."""
    arrays = _arrays_given(fn)
    taken = {p.name for p in fn.params} | {fn.name}
    roots = storage_roots(fn)
    b = Builder(shapes_for(fn), "compiler", fn.location)
    env: Env = {}
    results: list[Value] = []
    late: list[tuple[Value, Value]] = []
    for y, name in zip(arrays, names, strict=True):
        results.append(Value(y.type, unused(name, taken)))
        if _is_added_at_once(y, fn, roots):
            env[y] = results[-1]
        else:
            late.append((results[-1], y))
    made = {r for s in fn.body.body for r in s.results if r in env}

    def added(op: Op) -> Op:
        is_store = op.decl is memory.store and op.operands[0] in env
        return replace(op, decl=memory.add_into) if is_store else op

    for statement in map_ops(fn, added).body.body:
        if made.isdisjoint(statement.results):
            b.append(Rewriter().keep(statement, env, b))
    b.origin = "adjoint"
    views = _views(fn)
    for target, y in late:
        _add(b, target, y, views)
    numbers = [k for k in leaves(fn.output) if isinstance(fn.body.yields[k].type, Scalar)]
    positions = tuple(range(len(numbers)))
    output = 0 if len(numbers) == 1 else Node("tuple", positions, positions)
    storage = [Storage(r.name, r.type, "result") for r in results if isinstance(r.type, Array)]
    first = len(fn.params) - len(fn.target.stacks)
    rooms = fn.params[first:]  # their types have the precision of the function by now
    storage += [Storage(p.name, p.type, "stack") for p in rooms if isinstance(p.type, Array)]
    params = (*fn.params[:first], *results, *fn.params[first:])
    body = b.region(params, [fn.body.yields[k] for k in numbers])
    return replace(
        fn,
        body=body,
        output=output,
        interface=replace(fn.interface, defaults={}),
        target=replace(fn.target, storage=tuple(storage), is_device=True),
    )


def _arrays_given(fn: Function) -> list[Value]:
    """The arrays of the result, in their order."""
    found = (fn.body.yields[k] for k in leaves(fn.output))
    return [y for y in found if isinstance(y, Value) and isinstance(y.type, Array)]


def _is_added_at_once(y: Value, fn: Function, roots: Roots) -> bool:
    """Whether all writes of a result may be additions: each element is stored at most once, then added to; no reads."""
    made = next((s for s in fn.body.body if isinstance(s, Op) and y in s.results), None)
    if made is None or [own for own in fn.body.yields if own is y] != [y]:
        return False
    if any(v is not y and y in own for v, own in roots.items()):
        return False
    uses = [s for s in walk(fn.body) if y in s.operands]
    if not all(isinstance(s, Op) and s.operands[0] is y and y not in s.operands[1:] for s in uses):
        return False
    ops = [s for s in uses if isinstance(s, Op)]
    if made.decl.name in ZEROS:
        return all(s.decl is memory.add_into and is_element(s) for s in ops)
    if made.decl.name not in UNFILLED or not all(map(is_element, ops)):
        return False
    stores = [s for s in ops if s.decl is memory.store]
    adds = [s for s in ops if s.decl is memory.add_into]
    if len(stores) + len(adds) < len(ops) or not _are_distinct(stores, fn):
        return False
    return _last_of(stores, fn) < _first_of(adds, fn)


def _last_of(ops: Sequence[Op], fn: Function) -> int:
    """The position of the function's last statement that contains one of the operations."""
    return max((k for k, s in enumerate(fn.body.body) if _has(s, ops)), default=-1)


def _first_of(ops: Sequence[Op], fn: Function) -> int:
    places = (k for k, s in enumerate(fn.body.body) if _has(s, ops))
    return min(places, default=len(fn.body.body))


def _has(s: Statement, ops: Sequence[Op]) -> bool:
    return s in ops or any(inner in ops for inner in walk(*regions_of(s)))


def _are_distinct(stores: Sequence[Op], fn: Function) -> bool:
    """Whether no element is stored twice: the subscripts of each store contain the indices of all loops around it, and
    two stores differ in a constant subscript.
    """
    around = _loops_around(fn.body, ())
    shapes: set[tuple[object, ...]] = set()
    for s in stores:
        at = s.operands[2:]
        own = {a for a in at if isinstance(a, Value)}
        if not {*around[s]} <= own or None in around[s]:
            return False
        key = tuple("index" if isinstance(a, Value) else a for a in at)
        if any(not _differs(key, other) for other in shapes):
            return False
        shapes.add(key)
    return True


def _differs(one: Sequence[object], other: Sequence[object]) -> bool:
    return any(a != b and "index" not in (a, b) for a, b in zip(one, other, strict=True))


def _loops_around(
    region: Region, around: tuple[Value | None, ...]
) -> dict[Statement, tuple[Value | None, ...]]:
    """The indices of the loops around each statement; None for a `while`."""
    found: dict[Statement, tuple[Value | None, ...]] = {}
    for s in region.body:
        found[s] = around
        inside = around
        if isinstance(s, For):
            inside = (*around, s.index)
        elif isinstance(s, While):
            inside = (*around, None)
        for r in regions_of(s):
            found |= _loops_around(r, inside)
    return found


def _views(fn: Function) -> Arrays:
    """The views in the function's body whose elements can be read from their base."""
    found = [s for s in fn.body.body if isinstance(s, Op) and s.view_of is not None]
    views = {s.result: s for s in found if s.decl.place is not None}
    stored: dict[Value, Atom] = {
        a: a for s in views.values() for a in s.operands if isinstance(a, Value)
    }
    return Arrays(stored, views, calls=False)


def _add(b: Builder, target: Value, given: Value, views: Arrays) -> None:
    """Append a loop nest that adds the array `given` to the parameter `target`."""

    def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        is_view = given in views.lazy
        element = Nest(views, b).element(given, at) if is_view else element_of(b, given, at)
        add_element(b, target, element, at)
        return ()

    nest(b, shape_of(target.type), (), body)
