"""Canonical loops: a `while` that counts becomes a `for`, and the position of a thread gets one spelling.

    while s > 0:                            for iteration in range(iterations):
        ...                     becomes         s = start >> iteration
        s //= 2                                 ...

The backward part then computes the counter again and needs no tape for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from srcdiff.ir.build import Builder, Env, Rewriter, clone_region, with_parts
from srcdiff.ir.core import For, Function, Op, OpDecl, Region, Statement, While, regions_of
from srcdiff.ir.types import INT
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import grid, gridsize, position
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, defined_in, definitions, rename

# ---- the position of a thread --------------------------------------------------------------------


def grid_places(fn: Function) -> Function:
    """`fn` with `cuda.grid(1)` for `cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x`, and its size likewise."""
    return _Places(fn)(fn)


class _Places(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.maker = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and len(old.operands) == 2 and (decl := self.meant(old)) is not None:
            b.location, b.origin = old.location, old.origin
            old_result = old.result
            env[old_result] = b.op(decl, name=old_result.name, user=old_result.user, axes=1)
            return
        super().statement(old, env, b)

    def meant(self, op: Op) -> OpDecl | None:
        if self.position_names(op) == {"blockDim.x", "gridDim.x"}:
            return gridsize
        if op.decl is not arithmetic.add:
            return None
        for a, b in (op.operands, op.operands[::-1]):
            product = self.maker.get(a)
            if product is not None and self.position_names(product) == {"blockIdx.x", "blockDim.x"}:
                return grid if self.of(b) == "threadIdx.x" else None
        return None

    def position_names(self, op: Op) -> set[str]:
        return set(map(self.of, op.operands)) if op.decl is arithmetic.multiply else set()

    def of(self, a: Atom) -> str:
        made = self.maker.get(a)
        return str(made.attrs["of"]) if made is not None and made.decl is position else ""


# ---- while loops that count ----------------------------------------------------------------------


def counted_loops(fn: Function) -> Function:
    """`fn` with a `for` in place of each `while` whose test depends only on an integer that counts up or is scaled."""
    counted = _Counted(count_uses(fn))
    return rename(counted(fn), counted.names)


_FIXED = (grid, gridsize, position, memory.axis_length)


@dataclass(frozen=True)
class _Count:
    """How a `while` counts: by `step` up to `stop`, or by shifts of `by` bits, to the right or (`up`) to the left.

    place : the position of the counter among the carried values.
    after : the operation that updates the counter.
    """

    place: int
    after: Op
    stop: Atom
    step: Atom | None
    by: int = 0
    up: bool = False


class _Counted(Rewriter):
    def __init__(self, uses: Mapping[Value, int]) -> None:
        self.uses = uses
        # start values with no other use, which give their name to the counter
        self.names: dict[Value, Value] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        # the position of a thread and the number of threads are loop-invariant
        if isinstance(new, While):
            new = self.with_places_in_front(new, b)
        found = _count_of(new) if isinstance(new, While) else None
        if found is None or self.uses.get(old.results[found.place]):
            b.append(new)
            return
        assert isinstance(new, While)
        b.location, b.origin = new.location, new.origin
        carried = [k for k in range(len(new.carried)) if k != found.place]
        if found.step is None:
            stop: Atom = _iterations(new, found, b)
            start: Atom = const(0)
            step: Atom = const(1)
            index = Value(INT, "iteration")
        else:
            start, stop, step = new.carried[found.place], found.stop, found.step
            counted = new.body.params[found.place]
            index = replace(counted)
            if isinstance(start, Value) and self.uses.get(start) == 1:
                self.names[start] = replace(start, name="", user=False)
        inner = b.inner()
        own: Env = {}
        if found.step is None:
            shift: Atom = index
            if found.by > 1:
                shift = inner.op(arithmetic.multiply, index, const(found.by))
            counted = new.body.params[found.place]
            begun = new.carried[found.place]
            moved = arithmetic.left_shift if found.up else arithmetic.right_shift
            own[counted] = inner.op(moved, begun, shift, name=counted.name, user=counted.user)
        else:
            own[new.body.params[found.place]] = index
        body = clone_region(Region((), new.body.body, new.body.yields), own)
        params = (index, *(new.body.params[k] for k in carried))
        b.append(
            For(
                start,
                stop,
                step,
                tuple(new.carried[k] for k in carried),
                Region(params, (*inner.body, *body.body), tuple(body.yields[k] for k in carried)),
                tuple(new.results[k] for k in carried),
                location=new.location,
            )
        )

    def with_places_in_front(self, loop: While, b: Builder) -> While:
        regions = []
        for region in regions_of(loop):
            inside = {*defined_in(region)}
            fixed: list[Statement] = []
            for s in region.body:
                if isinstance(s, Op) and s.decl in _FIXED and inside.isdisjoint(s.operands):
                    fixed.append(s)
                    inside -= {*s.results}
            for s in fixed:
                b.append(s)
            rest = tuple(s for s in region.body if s not in fixed)
            regions.append(Region(region.params, rest, region.yields))
        new = with_parts(loop, loop.operands, regions)
        assert isinstance(new, While)
        return new


def _iterations(loop: While, count: _Count, b: Builder) -> Value:
    """The trip count of a loop that scales its counter, computed by a loop of its own over integers."""
    assert loop.test is not None
    counted, iterations = Value(INT, loop.body.params[count.place].name), Value(INT, "iterations")
    env: Env = {loop.test.params[count.place]: counted}
    test = clone_region(Region((), loop.test.body, loop.test.yields), env)
    position_names = Region((counted, iterations), test.body, test.yields)
    counted, iterations = replace(counted), replace(iterations)
    body = b.inner()
    less = body.op(count.after.decl, counted, *count.after.operands[1:], **count.after.attrs)
    more = body.op(arithmetic.add, iterations, const(1))
    done = Region((counted, iterations), tuple(body.body), (less, more))
    results = Value(INT), Value(INT, "iterations")
    b.append(
        While(
            (loop.carried[count.place], const(0)),
            position_names,
            done,
            results,
            location=loop.location,
        )
    )
    return results[1]


_SWAPPED = {
    "less": "greater",
    "greater": "less",
    "less_equal": "greater_equal",
    "greater_equal": "less_equal",
}


def _count_of(loop: While) -> _Count | None:
    """The counter of a `while`, if its test depends on the counter only."""
    if loop.test is None or len(loop.test.body) != 1:
        return None
    (test,) = loop.test.body
    if not isinstance(test, Op) or loop.test.yields[0] is not test.results[0]:
        return None
    params = loop.test.params
    places = [k for k, a in enumerate(params) if a in test.operands]
    if len(places) != 1:
        return None
    (place,) = places
    stop = test.operands[1 - test.operands.index(params[place])]
    param, after = loop.body.params[place], _maker(loop.body, loop.carried_yields[place])
    if after is None or len(after.operands) != 2 or not is_number_of(param, "int64"):
        return None
    compared = test.decl.name
    if test.operands[1] is params[place]:
        compared = _SWAPPED.get(compared, "")
    inside = {*defined_in(loop.body), *defined_in(loop.test)}
    if stop in inside or stop in params:
        return None
    counted, by = after.operands
    if after.decl in (arithmetic.add, arithmetic.multiply) and by is param:
        counted, by = by, counted
    if counted is not param or by in inside:
        return None
    if after.decl is arithmetic.add and compared == "less" and _is_positive(by):
        return _Count(place, after, stop, by)
    if compared in ("less", "less_equal") and (shift := _shift_of(after, _UP)):
        return _Count(place, after, stop, None, shift, up=True)
    shift = _shift_of(after, _DOWN)
    is_down = compared in ("greater", "not_equal") and stop == const(0)
    is_down |= compared == "greater_equal" and stop == const(1)
    if shift and (is_down or compared == "greater"):
        return _Count(place, after, stop, None, shift)
    return None


def _maker(region: Region, value: Atom) -> Op | None:
    return next((s for s in region.body if isinstance(s, Op) and value in s.results), None)


def _is_positive(step: Atom) -> bool:
    """Whether a step is taken to be positive: a positive constant, or a value such as the number of threads."""
    return step.value > 0 if isinstance(step, Const) else True


_DOWN = ("right_shift", "floor_divide")
_UP = ("left_shift", "multiply")


def _shift_of(op: Op, names: tuple[str, str]) -> int:
    """The number of bits by which an operation shifts an integer; 0 if it is not a shift."""
    by = op.operands[1]
    if not isinstance(by, Const) or not isinstance(by.value, int) or by.value < 1:
        return 0
    shift, scale = names
    if op.decl.name == shift:
        return by.value
    is_power = by.value > 1 and by.value & (by.value - 1) == 0
    return by.value.bit_length() - 1 if op.decl.name == scale and is_power else 0
