"""Plan and layout of the tape: which values are stored for the backward part, and where.

The pass `residuals` fills in a `Plan`: which values are stored, and which are rolled. `lay_out` makes a `Layout` of it:
the storage of each value, and the values that each region of the backward part needs.

If the numbers of iterations are known, the storage is an array with a leading axis for each loop, allocated in front of
the outermost loop. If one is not known, or if lengths differ from iteration to iteration, the storage is a list that
grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import For, If, Op, Region, Statement, While, walk
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Dim, Scalar, map_dims, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.ad.tape.induction_variables import Counter
from srcdiff.transforms.ad.tape.rematerialise import origins
from srcdiff.transforms.analysis.defuse import is_mixed
from srcdiff.transforms.analysis.dependence.access_regions import Loop
from srcdiff.transforms.analysis.dependence.iteration_space import Axis, Places, room
from srcdiff.transforms.analysis.dependence.load_stability import Program

_UNFILLED = (memory.empty, memory.empty_like, memory.empty_of)

# ---- the plan -----------------------------------------------------------------------------------


@dataclass
class Plan:
    """The values that are stored, rolled and wanted in the whole function. `counts` are symbols that are never
    negative.
    """

    program: Program
    counts: frozenset[str] = frozenset()
    wanted: list[Value] = field(default_factory=list)
    stored: set[Value] = field(default_factory=set)
    rolled: dict[Value, Value] = field(default_factory=dict)
    # buffers of iterations that are stored: their elements cost nothing
    held: set[Value] = field(default_factory=set)
    counted: dict[Value, Counter] = field(default_factory=dict)  # integers that mirrors count
    same_order: frozenset[Loop] = frozenset()  # loops whose mirrors run in the same order
    mode: str = "auto"  # the `mode` of `residuals`
    without: frozenset[str] = frozenset()  # analyses that are left out
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(self.program, self.counts)

    @cached_property
    def in_order(self) -> set[Loop]:
        """The loops whose mirrors run in the same order."""
        counted = {c.loop for n in self.counted.values() if n.in_order for c in n.nest()}
        return counted | self.same_order

    def loops_around(self, value: Value) -> tuple[Loop, ...]:
        return self.program.loops_around(self.program.home[value])

    def axes(self, value: Value) -> list[Axis] | None:
        """The leading axes of an array that stores a value of all iterations; None if the numbers of iterations or the
        lengths are not known in front of the loops.
        """
        if not isinstance(value.type, Scalar | Array):
            return None
        places = self.places
        if not all(places.is_known(d) and places.is_length(d) for d in shape_of(value.type)):
            return None
        return self.places.axes(self.loops_around(value), self.stores_ahead(value))

    def stores_ahead(self, value: Value) -> bool:
        """Whether the final value of a rolled parameter is stored as well, because the backward part cannot refer to
        the result of the loop.
        """
        if value not in self.rolled.values():
            return False
        loop, k = self.program.carried(value)
        return loop is not None and not self.program.is_top(carried_result(loop, k))

    def can_roll(self, param: Value) -> bool:
        """Whether the value that an iteration yields can be taken from the parameter of the next iteration."""
        loop, k = self.program.carried(param)
        if loop is None or loop in self.in_order:
            return False
        if self.program.is_top(carried_result(loop, k)):
            return True
        if not isinstance(loop, For) or loop.breaks or loop.reverse:
            return False
        counts_up = isinstance(loop.step, Const) and loop.step.value == 1
        return counts_up and self.axes(param) is not None

    def sources_of(self, counted: Value) -> list[Value]:
        """The value from which a mirror counts backwards, if the backward part cannot refer to it."""
        counter = self.counted[counted]
        is_free = counter.in_order or self.program.is_top(counter.result)
        return [] if is_free else [counter.result]

    def kept_by_program(self, value: Value) -> Op | None:
        """The statement by which the program itself stores a value, `H[t] = value`, if nothing overwrites it."""
        for op in self.program.keeps.get(value, ()):
            if self.stores_each_iteration(op, value) and self.program.is_stable(op):
                return op
        return None

    def stores_each_iteration(self, op: Op, value: Value) -> bool:
        """Whether `H[t] = value` stores the values of different iterations at different places."""
        at = self.program.subscript(op)
        if at is None or not (self.program.is_top(at[0]) or at[0] in self.held):
            return False
        if self.program.region_of[id(op)] is not self.program.home[value]:
            return False
        own = 0 if self.program.is_top(at[0]) else self.program.depth(at[0])
        # a buffer belongs to one iteration of the loops around it
        loops = self.loops_around(value)[own:]
        indices = [loop.index for loop in loops if isinstance(loop, For)]
        places = [span.only for span in at[1]]
        kept = at[0].type
        if len(indices) != len(loops) or len(places) != len(op.operands) - 2:
            return False
        if not isinstance(kept, Array) or not isinstance(value.type, Array | Scalar):
            return False
        whole = (kept.dtype, kept.shape[len(places) :]) == (value.type.dtype, shape_of(value.type))
        known = all(p and all(map(self.is_free, p.terms)) for p in places)
        return (
            whole and known and all(any(p and p.terms == {i: 1} for p in places) for i in indices)
        )

    def is_free(self, value: Value) -> bool:
        """Whether the backward part has a value at no cost: an index, or a value of the function's top level."""
        return self.program.is_index(value) or self.program.is_top(value)


def carried_result(loop: Loop, k: int) -> Value:
    return (loop.carried_results if isinstance(loop, For) else loop.results)[k]


# ---- the layout ---------------------------------------------------------------------------------


def run_in_order(region: Region) -> Iterator[Loop]:
    """The loops whose mirrors run in the same order, as mirrors in tangents do."""
    first: dict[int, Loop] = {}
    for s in walk(region):
        if isinstance(s, For | While) and s.pair and first.setdefault(s.pair, s) is not s:
            ahead = first[s.pair]
            if isinstance(s, For) and s.reverse == (isinstance(ahead, For) and ahead.reverse):
                yield ahead


@dataclass
class Store:
    """Where a stored value is: an array with `axes`, or a list."""

    storage: Value
    allocation: list[Statement]
    axes: list[Axis] | None


@dataclass
class Layout:
    """Where each value is stored, and which values each region of the backward part needs."""

    plan: Plan
    shapes: Shapes
    mixed: bool  # the program has floats of lower precision than Python's
    env: Env = field(default_factory=dict)  # forward value -> value of the backward part
    stores: dict[Value, Store] = field(default_factory=dict)
    mirror: dict[Region, Region] = field(default_factory=dict)  # backward region -> forward region
    backward: dict[Region, Statement] = field(default_factory=dict)
    slots: dict[int, Value] = field(default_factory=dict)
    needed: dict[Region, list[Value]] = field(default_factory=dict)
    # loop of the forward part -> its carried values whose final value is stored, too
    after: dict[int, list[Value]] = field(default_factory=dict)
    # statement of the forward part -> the stored buffers that are full after it
    filled: dict[int, list[Value]] = field(default_factory=dict)
    rows: set[Value] = field(default_factory=set)  # buffers that are rows of their storage
    # region of a branch -> its values that become results, with these results
    branch_results: dict[Region, list[tuple[Value, Value]]] = field(default_factory=dict)
    counting: dict[int, list[Counter]] = field(default_factory=dict)  # by loop of the backward part
    # loop of the backward part -> value, the parameter that holds it in the next iteration
    rolling: dict[int, list[tuple[Value, Value]]] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        return self.plan.program

    def builder(self, like: Statement | None = None) -> Builder:
        return Builder(self.shapes, "compiler", like.location if like is not None else None)

    def positions(
        self, v: Value, axes: Sequence[Axis], b: Builder, env: Env, ahead: int = 0
    ) -> list[Atom]:
        """The subscript of a value in its storage, `ahead` iterations of the innermost loop later."""
        out: list[Atom] = []
        for n, (loop, axis) in enumerate(zip(self.plan.loops_around(v), axes, strict=True)):
            assert isinstance(loop, For)
            is_innermost = n == len(axes) - 1
            out.append(axis.position(lookup(env, loop.index), b, env, ahead if is_innermost else 0))
        return out

    # ---- construction ----

    def find_pairs(self, top: Region) -> None:
        """Match backward regions with forward regions, and slots with values."""
        forward: dict[int, Statement] = {}
        for s in walk(top):
            pair = getattr(s, "pair", 0)
            if isinstance(s, Op) and s.decl is memory.save:
                value = s.operands[0]
                assert isinstance(value, Value)
                self.slots[s.attrs["slot"]] = value
            elif pair and pair not in forward:
                forward[pair] = s
            elif pair:
                for back, ahead in zip(_bodies(s), _bodies(forward[pair]), strict=True):
                    self.mirror[back] = ahead
                    self.backward[ahead] = s
                    if isinstance(s, For) and isinstance(forward[pair], For):
                        self.env[ahead.params[0]] = back.params[0]

    def choose_storage(self) -> None:
        """Choose storage for the stored values, and collect the values that each backward region needs."""
        seen: set[Value] = set()
        stack = list(self.plan.wanted)
        while stack:
            v = stack.pop()
            if v in seen or self.program.is_top(v) or self.program.is_index(v):
                continue
            seen.add(v)
            self.needed.setdefault(self.program.home[v], []).append(v)
            if v in self.plan.stored and not self.plan.loops_around(v):
                self.yield_from_branches(v)
            elif v in self.plan.stored:
                self.stores[v] = self.storage(v)
                self.place_buffer(v)
            elif v in self.plan.rolled:
                stack.append(self.plan.rolled[v])
                self.plan_rolling(v)
            elif v in self.plan.counted:
                self.needed[self.program.home[v]].remove(v)
                stack += self.plan.sources_of(v)
                self.count(self.plan.counted[v])
            elif (kept := self.plan.kept_by_program(v)) is None:
                stack += origins(v, self.program, self.plan.mode)[0]
            elif isinstance(base := kept.operands[0], Value):
                stack.append(base)

    def place_buffer(self, v: Value) -> None:
        """Note that a stored buffer is a row of its storage, or is copied there when it is full."""
        built = self.program.built.get(v)
        if built is None:
            return
        if self.stores[v].axes is not None and built.made.decl in _UNFILLED:
            self.rows.add(v)
        else:
            self.filled.setdefault(id(built.last), []).append(v)

    def yield_from_branches(self, v: Value) -> None:
        """Make a value of a branch outside of all loops a result of the branch, and of the branches around it."""
        region, inner = self.program.home[v], v
        while region is not self.program.top:
            outer = replace(v)
            self.branch_results.setdefault(region, []).append((inner, outer))
            region, inner = self.program.region_of[id(self.program.owner[region])], outer
        self.env[v] = inner

    def count(self, counter: Counter) -> None:
        for c in counter.nest():
            counted = self.counting.setdefault(id(c.mirror), [])
            if c not in counted:
                counted.append(c)

    def plan_rolling(self, v: Value) -> None:
        param = self.plan.rolled[v]
        loop, _k = self.program.carried(param)
        assert loop is not None
        if self.plan.stores_ahead(param):
            self.after.setdefault(id(loop), []).append(param)
        else:
            self.rolling.setdefault(id(self.backward[loop.body]), []).append((v, param))

    def storage(self, v: Value) -> Store:
        axes = self.plan.axes(v)
        b = self.builder()
        name = plural(v.name)
        if axes is None:
            is_known = self.plan.places.is_known
            element = map_dims(v.type, lambda d: d if is_known(d) else _own(d))
            made = b.op(containers.list_new, name=name, element=element)
            return Store(made, b.body, None)
        bound_lengths = self.plan.places.lengths
        for axis in axes:
            b.body += [bound_lengths[x] for x in axis.length.values() if x in bound_lengths]
        lengths = [room(b, axis, self.plan.places) for axis in axes]
        lengths += [b.op(memory.length, dim=d) for d in shape_of(v.type)]
        assert isinstance(v.type, Scalar | Array)
        made = b.op(memory.empty, *lengths, name=name, dtype=v.type.dtype)
        return Store(made, b.body, axes)


def lay_out(plan: Plan, body: Region, shapes: Shapes) -> Layout:
    """The layout of a plan, in the function with this body."""
    layout = Layout(plan, shapes, is_mixed(body))
    layout.find_pairs(body)
    layout.choose_storage()
    return layout


def _bodies(s: Statement) -> tuple[Region, ...]:
    if isinstance(s, If):
        return (s.then, s.orelse)
    return (s.body,) if isinstance(s, For | While) else ()


def _own(dim: Dim) -> Dim:
    """A length that may differ from item to item of a list."""
    return dim.substitute({s: Dim.of(s if s.endswith("*") else f"{s}*") for s in dim.symbols()})
