"""Residuals: a minimum cut decides which forward values are stored for the backward part, and which are computed
again. `save` and `restore` are removed.

    source --(cost of computing v again)--> (v, in) --(cost of storing v)--> (v, out) --> sink, if v is needed
                                            (u, out) --(infinite)--> (v, in), if v is computed from u

There is one graph for each top-level loop (or branch) of the forward part, with a node pair for each value of its
regions. The edge from the source is infinite if a value cannot be computed again: a loop-carried value, or a load from
storage that is overwritten later. The minimum cut nearest to the source is stored. Values between the cut and the sink
are computed again.

If a loop-carried value is stored at the start of each iteration, the value that the iteration yields costs nothing: the
next iteration has stored it (*rolling*). A value costs nothing, either, if the program itself stores it in an array, at
a place of each iteration's own.

Each analysis can be left out, and the results stay the same (`ANALYSES`). Without "minimum cut", a needed value is
stored unless it costs no work. Without "to be recorded", all numbers and arrays of mirrored loops are needed. Without
"inner loops", no inner loop is run again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.core import For, Function, Op, Region, While, regions_of, walk
from srcdiff.ir.types import Array, Scalar, Struct, Type, dims_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.ad.tape.coalesce_loads import read_whole
from srcdiff.transforms.ad.tape.emit_forward import write_plan
from srcdiff.transforms.ad.tape.hoisted_loads import as_before, read_in_front
from srcdiff.transforms.ad.tape.induction_variables import counters
from srcdiff.transforms.ad.tape.per_iteration import decide_per_iteration
from srcdiff.transforms.ad.tape.plan import Plan, run_in_order
from srcdiff.transforms.ad.tape.rematerialise import is_place, origins, with_built
from srcdiff.transforms.analysis.dependence.load_stability import Program, survey
from srcdiff.transforms.analysis.min_cut import minimum_cut

# "machine": the fastest program, not the shortest text; "kernel": the least storage
Mode = Literal["auto", "store", "recompute", "machine", "kernel"]

ANALYSES = ("minimum cut", "to be recorded", "inner loops")

_AVOIDED = 1e12  # factor that makes storing a value more expensive than any other choice
_NAMED = 1.0 - 2.0**-20  # of two values that cost the same, the one that the user named
_LARGE = 1.5  # factor for storing arrays that fit no cache, in memory that is new to the process
_LOOP = 32.0  # a thread runs a loop again rather than store more bytes than this
_ITERATIONS = 16.0  # the assumed length of a loop or axis of unknown length


def residuals(fn: Function, mode: Mode = "auto", without: Collection[str] = ()) -> Function:
    """`fn` without `save` and `restore`: each residual is computed again, loaded from storage of the program, or
    stored. `without` names the `ANALYSES` that are left out.
    """
    off = frozenset(without)
    fn = decide_per_iteration(fn, lambda iteration, roots: _decided(iteration, roots, mode, off))
    return _decided(fn, storage_roots(fn), mode, off)


def _decided(fn: Function, roots: Roots, mode: Mode, without: frozenset[str]) -> Function:
    if not _wanted(fn.body) and "to be recorded" not in without:
        return fn
    made: dict[Atom, Atom] = {}
    if mode == "machine":
        fn, made = read_in_front(fn, roots, with_built(survey(_forward_part(fn.body), roots)))
    fn, plan = _cheapest(fn, roots, mode, without)
    return as_before(write_plan(fn, plan), made)


def chosen_plan(fn: Function, mode: Mode = "auto") -> tuple[Function, Plan]:
    """The function for which `residuals` makes a plan, and the plan. Iterations that are decided as programs of their
    own (`per_iteration.py`) are left out.
    """
    return _cheapest(fn, storage_roots(fn), mode)


def _cheapest(
    fn: Function, roots: Roots, mode: Mode, without: frozenset[str] = frozenset()
) -> tuple[Function, Plan]:
    plan, cost = _planned(fn, roots, mode, without)
    whole = fn if mode == "store" else read_whole(fn, roots)
    if whole is not fn:
        other, less = _planned(whole, roots, mode, without)
        if less < cost:
            fn, plan = whole, other
    return fn, plan


def _planned(fn: Function, roots: Roots, mode: Mode, without: frozenset[str]) -> tuple[Plan, float]:
    """The plan for a function, and the cost of the values that it stores."""
    wanted = _wanted(fn.body)
    forward = _forward_part(fn.body)
    program = survey(forward, roots)
    if mode == "machine":
        program = with_built(program)
    if "to be recorded" in without:
        wanted = list(dict.fromkeys((*wanted, *_recordable(fn.body, program))))
    plan = Plan(program, frozenset(fn.lengths.nonnegative), mode=mode, without=without)
    plan.same_order = frozenset(run_in_order(fn.body))
    plan.counted = counters(fn, program, lambda v: plan.axes(v) is not None)
    groups = _by_top_statement(forward, wanted, program).values()
    return plan, sum(_decide(values, program, plan, mode) for values in groups)


def _wanted(region: Region) -> list[Value]:
    """The forward values that the backward part restores."""
    saved: dict[int, Value] = {}
    restored: set[int] = set()
    for statement in walk(region):
        if isinstance(statement, Op) and statement.decl is memory.save:
            value = statement.operands[0]
            assert isinstance(value, Value)
            saved[statement.attrs["slot"]] = value
        elif isinstance(statement, Op) and statement.decl is memory.restore:
            restored.add(statement.attrs["slot"])
    # a slot without a save here was saved outside of this program, which is one iteration of a loop
    return list(dict.fromkeys(saved[slot] for slot in sorted(restored) if slot in saved))


def _recordable(top: Region, program: Program) -> list[Value]:
    """The numbers and arrays that operations compute in the iterations of mirrored loops."""
    loops = [s for s in walk(top) if isinstance(s, For | While) and s.pair]
    mirrored = {s.pair for s in loops if s.origin == "adjoint"}
    bodies = [s.body for s in loops if s.origin != "adjoint" and s.pair in mirrored]
    made = (s for body in bodies for s in body.body if isinstance(s, Op))
    kinds = (Scalar, Array)
    return [
        v
        for op in made
        for v in op.results
        if isinstance(v.type, kinds) and not is_place(v, program)
    ]


def _forward_part(region: Region) -> Region:
    """The region without the statements that reverse mode made."""
    body = tuple(s for s in region.body if s.origin != "adjoint")
    return Region(region.params, body, region.yields)


def _by_top_statement(
    forward: Region, wanted: Sequence[Value], program: Program
) -> dict[int, list[Value]]:
    """The wanted values, grouped by the top-level statement in which they are defined: the groups do not interact."""
    owner: dict[Region, int] = {}
    for k, statement in enumerate(forward.body):
        for inner in (statement, *walk(*regions_of(statement))):
            for r in regions_of(inner):
                owner[r] = k
    groups: dict[int, list[Value]] = {}
    for value in wanted:
        if program.is_top(value):
            continue  # the backward part can refer to it
        groups.setdefault(owner[program.home[value]], []).append(value)
    return groups


# ---- the graph ------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """Node pairs (value, "in") -> (value, "out"). Values in `free` cost nothing and take no part in the cut."""

    program: Program
    plan: Plan
    mode: Mode
    edges: dict[tuple[object, object], float] = field(default_factory=dict)
    free: set[Value] = field(default_factory=set)
    depends: dict[Value, list[Value]] = field(default_factory=dict)

    def require(self, values: Iterable[Value]) -> None:
        """Enter values, and all values from which they may be computed."""
        stack = list(values)
        while stack:
            v = stack.pop()
            if v in self.depends:
                continue
            self.enter(v)
            stack += self.depends[v]

    def enter(self, v: Value) -> None:
        sources, price = origins(v, self.program, self.mode)
        self.depends[v] = []
        if self.plan.kept_by_program(v) is not None:
            self.free.add(v)
            return
        if v in self.plan.counted:
            sources, price = self.plan.sources_of(v), 0.0
            if not sources:
                self.free.add(v)
                return
        self.edges[(v, "in"), (v, "out")] = self.capacity(v) * (_LARGE if self.is_large(v) else 1.0)
        off = self.plan.without
        stores = self.mode == "store" or "minimum cut" in off
        if stores and not self.is_free(v) and v not in self.plan.counted:
            price = math.inf
        if "inner loops" in off and isinstance(self.program.maker.get(v), For | While):
            price = math.inf
        # a kernel weighs running a loop again against storing its result
        if self.mode == "kernel" and 0.0 < price < math.inf:
            is_loop = isinstance(self.program.maker.get(v), For | While)
            price = _LOOP / self.capacity(v) if is_loop else 0.0
        if self.mode == "recompute" and price < math.inf:
            price = 0.0
        if price > 0:
            self.edges["source", (v, "in")] = (
                price * self.capacity(v) if price < math.inf else math.inf
            )
        if price < math.inf:
            self.depends[v] = sources
            for u in sources:
                self.edges[(u, "out"), (v, "in")] = math.inf

    def is_free(self, v: Value) -> bool:
        """Whether a value costs no work: an index, a length, a view."""
        maker = self.program.maker.get(v)
        return maker is None or (isinstance(maker, Op) and maker.decl.cost == "free")

    def is_large(self, v: Value) -> bool:
        """Whether the storage of a value for all iterations has three or more axes of unknown lengths."""
        own = [d for d in dims_of(v.type) if not d.is_const] if isinstance(v.type, Array) else []
        return self.mode == "machine" and len(own) + len(self.plan.loops_around(v)) > 2

    def capacity(self, v: Value) -> float:
        if self.mode == "recompute":
            return _AVOIDED if is_place(v, self.program) else 1.0
        contents = _AVOIDED if is_place(v, self.program) else _NAMED if v.user and v.name else 1.0
        return contents * size(v.type) * _ITERATIONS ** len(self.plan.loops_around(v))

    def cut(self, wanted: Iterable[Value]) -> set[Value]:
        """The values to store."""
        edges = {e: c for e, c in self.edges.items() if not self.touches_free(e)}
        edges.update({((v, "out"), "sink"): math.inf for v in wanted if v not in self.free})
        near = minimum_cut(edges, "source", "sink")
        return {v for v in self.depends if (v, "in") in near and (v, "out") not in near}

    def touches_free(self, edge: tuple[object, object]) -> bool:
        return any(isinstance(node, tuple) and node[0] in self.free for node in edge)


def size(type_: Type) -> float:
    """The size of a value in bytes, with `_ITERATIONS` for each unknown length."""
    if isinstance(type_, Array):
        return 8.0 * math.prod(
            _ITERATIONS if not d.is_const else float(max(d.const, 1)) for d in type_.shape
        )
    if isinstance(type_, Struct):
        return sum(map(size, type_.parts)) or 1.0
    return 8.0 if isinstance(type_, Scalar) else 8.0 * _ITERATIONS**2


# ---- the decision -----------------------------------------------------------------------------------


def _decide(wanted: Sequence[Value], program: Program, plan: Plan, mode: Mode) -> float:
    """Fill in the plan for the values of one top-level statement; returns the cost of the stored values."""
    graph = _Graph(program, plan, mode)
    graph.require(wanted)
    stored = graph.cut(wanted)
    buffers = {v for v in stored if v in program.built}
    if buffers:  # the contents of stored buffers cost nothing more
        plan.held |= buffers
        again = _Graph(program, plan, mode)
        again.require(wanted)
        less = again.cut(wanted)
        if buffers <= less:
            graph, stored = again, less
        else:
            plan.held -= buffers
    rolled = _rolled(graph, stored, program, plan)
    if rolled:
        again = _Graph(program, plan, mode)
        again.require(wanted)
        again.free |= set(rolled)
        less = again.cut(wanted)
        needed = {rolled[v] for v in rolled}
        if needed | plan.held & stored <= less:
            graph, stored = again, less
        else:
            rolled = {}
    plan.stored |= stored
    plan.rolled.update(rolled)
    plan.wanted += wanted
    return sum(map(graph.capacity, stored))


def _rolled(graph: _Graph, stored: set[Value], program: Program, plan: Plan) -> dict[Value, Value]:
    """Yields of carried values that are stored at the start of each iteration: value -> the parameter that holds it
    in the next iteration.
    """
    out: dict[Value, Value] = {}
    for p in sorted(stored, key=lambda v: program.order(v)):
        loop, k = program.carried(p)
        if loop is None or not plan.can_roll(p):
            continue
        y = loop.carried_yields[k]
        if (
            isinstance(y, Value)
            and y in graph.depends
            and program.home.get(y) is loop.body
            and y not in loop.body.params
        ):
            out.setdefault(y, p)
    return out
