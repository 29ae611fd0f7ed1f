"""Store or recompute: decides how values of the forward part reach the backward part, and removes `save` and
`restore`.

For each top-level loop (or branch) of the forward part there is one graph: a node pair for each value of its
regions, with what it costs to store as capacity; edges along use; the source feeds what cannot be computed
again (carried values, what is overwritten later) and, at a price, what is dear to compute again; the sink
takes what the backward part needs. The minimum cut nearest to the source is what is stored; everything
between the cut and the sink is computed again.

A carried value that is stored at the start of each iteration makes the iteration's result free: it is what the next
iteration stored (*rolling*). What the program itself keeps, in an array filled in the order of its loops or on a list,
costs nothing.

Each analysis can be left out, which changes no result (`ANALYSES`). Without "minimum cut", what is needed is stored
unless it costs nothing to have; without "to be recorded", every number and array of mirrored loops is needed;
without "inner loops", none is run again, and no iteration keeps storage of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.core import Atom, For, Function, Op, Region, Value, While, regions_of, walk
from srcdiff.ir.types import Array, Scalar, Struct, Type, dims_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.ad.tape.coalesce_loads import read_whole
from srcdiff.transforms.ad.tape.emit_forward import write_plan
from srcdiff.transforms.ad.tape.hoisted_loads import as_before, read_in_front
from srcdiff.transforms.ad.tape.induction_variables import counters
from srcdiff.transforms.ad.tape.per_iteration import decide_turns
from srcdiff.transforms.ad.tape.plan import Plan, run_alike
from srcdiff.transforms.ad.tape.rematerialise import is_place, origins, with_built
from srcdiff.transforms.analysis.dependence.load_stability import Program, survey
from srcdiff.transforms.analysis.min_cut import minimum_cut

__all__ = ["ANALYSES", "Mode", "chosen_plan", "residuals"]

# "machine": what is fastest, not shortest; "kernel": what takes least storage
Mode = Literal["auto", "store", "recompute", "machine", "kernel"]

ANALYSES = ("minimum cut", "to be recorded", "inner loops")

_AVOIDED = 1e12  # times as dear as anything that may be kept
_NAMED = 1.0 - 2.0**-20  # of two values that cost the same, one that the user named
_LARGE = 1.5  # storing what leaves all caches, in memory that is new to the process
_LOOP = 32.0  # bytes that a thread keeps no more of where a loop gives them
_TURNS = 16.0  # what a loop or axis of unknown length is taken for, when bytes are compared


def residuals(fn: Function, mode: Mode = "auto", without: Collection[str] = ()) -> Function:
    """`fn` without `save` and `restore`: what they carried is computed again, taken from storage of the
    program's, or stored; `without` some of `ANALYSES`.
    """
    off = frozenset(without)
    fn = decide_turns(fn, lambda turn, roots: _decided(turn, roots, mode, off))
    return _decided(fn, storage_roots(fn), mode, off)


def _decided(fn: Function, roots: Roots, mode: Mode, without: frozenset[str]) -> Function:
    if not _wanted(fn.body) and "to be recorded" not in without:
        return fn
    made: dict[Value, Atom] = {}
    if mode == "machine":
        fn, made = read_in_front(fn, roots, with_built(survey(_forward_part(fn.body), roots)))
    fn, plan = _cheapest(fn, roots, mode, without)
    return as_before(write_plan(fn, plan), made)


def chosen_plan(fn: Function, mode: Mode = "auto") -> tuple[Function, Plan]:
    """What `residuals` stores of a function, iterations of loops that are decided on by themselves left out; and the
    function that the plan is for.
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
    """What is stored and where, and what that costs."""
    wanted = _wanted(fn.body)
    forward = _forward_part(fn.body)
    program = survey(forward, roots)
    if mode == "machine":
        program = with_built(program)
    if "to be recorded" in without:
        wanted = list(dict.fromkeys((*wanted, *_recordable(fn.body, program))))
    plan = Plan(program, frozenset(fn.lengths.nonnegative), mode=mode, without=without)
    plan.alike = frozenset(run_alike(fn.body))
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
    # what is saved in front of an iteration that is decided on by itself waits for its own iteration
    return list(dict.fromkeys(saved[slot] for slot in sorted(restored) if slot in saved))


def _recordable(top: Region, program: Program) -> list[Value]:
    """What the iterations of the loops compute that the backward part mirrors."""
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
    """Wanted values grouped by the top-level statement that they are defined in: the groups do not interact."""
    owner: dict[Region, int] = {}
    for k, statement in enumerate(forward.body):
        for inner in (statement, *(s for r in regions_of(statement) for s in walk(r))):
            for r in regions_of(inner):
                owner[r] = k
    groups: dict[int, list[Value]] = {}
    for value in wanted:
        if program.is_top(value):
            continue  # the backward part sees it as it is
        groups.setdefault(owner[program.home[value]], []).append(value)
    return groups


# ---- the graph ------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """Node pairs (value, "in") -> (value, "out"); what is free to have is not in it."""

    program: Program
    plan: Plan
    mode: Mode
    edges: dict[tuple[object, object], float] = field(default_factory=dict)
    free: set[Value] = field(default_factory=set)
    depends: dict[Value, list[Value]] = field(default_factory=dict)

    def require(self, values: Iterable[Value]) -> None:
        """Enter values, and all that they may be computed from."""
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
        if (
            self.mode == "kernel" and 0.0 < price < math.inf
        ):  # a loop, against a number of each iteration
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
        """Whether what is kept of a value for all iterations has three axes or more of unknown lengths."""
        own = [d for d in dims_of(v.type) if not d.is_const] if isinstance(v.type, Array) else []
        return self.mode == "machine" and len(own) + len(self.plan.loops_around(v)) > 2

    def capacity(self, v: Value) -> float:
        if self.mode == "recompute":
            return _AVOIDED if is_place(v, self.program) else 1.0
        contents = _AVOIDED if is_place(v, self.program) else _NAMED if v.user and v.name else 1.0
        return contents * size(v.type) * _TURNS ** len(self.plan.loops_around(v))

    def cut(self, wanted: Iterable[Value]) -> set[Value]:
        """The values to store."""
        edges = {e: c for e, c in self.edges.items() if not self.touches_free(e)}
        edges.update({((v, "out"), "sink"): math.inf for v in wanted if v not in self.free})
        near = minimum_cut(edges, "source", "sink")
        return {v for v in self.depends if (v, "in") in near and (v, "out") not in near}

    def touches_free(self, edge: tuple[object, object]) -> bool:
        return any(isinstance(node, tuple) and node[0] in self.free for node in edge)


def size(type_: Type) -> float:
    """Bytes, with unknown lengths taken for `_TURNS`."""
    if isinstance(type_, Array):
        return 8.0 * math.prod(
            _TURNS if not d.is_const else float(max(d.const, 1)) for d in type_.shape
        )
    if isinstance(type_, Struct):
        return sum(map(size, type_.parts)) or 1.0
    return 8.0 if isinstance(type_, Scalar) else 8.0 * _TURNS**2


# ---- the decision -----------------------------------------------------------------------------------


def _decide(wanted: Sequence[Value], program: Program, plan: Plan, mode: Mode) -> float:
    """Fill in the plan for the values of one top-level statement; gives the cost of what is stored."""
    graph = _Graph(program, plan, mode)
    graph.require(wanted)
    stored = graph.cut(wanted)
    buffers = {v for v in stored if v in program.built}
    if buffers:  # what they hold is kept
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
    next iteration.
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
