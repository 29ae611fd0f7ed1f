"""Dead code elimination: statements that no result and no effect depends on are removed.

    %t = exp %x
    %d = zeros_like %x             %t = exp %x
    store[i] %d, %t, 0     ->      yield %t
    yield %t

Dead are operations without used results, writes to storage that is not read afterwards, loop-carried values and
branch results that no live statement uses, and empty loops and branches. Arguments count as read: the caller sees the
writes. Effects stay, except a `save` whose value no live statement restores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import with_body, with_parts
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import carried_groups, picked
from srcdiff.transforms.analysis.effects import runs_effects


def dce(fn: Function) -> Function:
    """`fn` without dead code."""
    live = _Liveness(fn)
    live.run()
    return fn.with_body(live.region(fn.body, range(len(fn.body.yields))))


class _Liveness:
    """Marks the live statements backwards from the results, then builds a function of them."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.values: set[Value] = set()
        self.statements: set[Statement] = set()
        self.observed: set[Value] = set()
        self.slots: set[object] = set()
        self.pending: list[Atom] = []
        self.feeds: dict[Value, tuple[Atom, ...]] = {}  # sources of a result or loop parameter
        self.maker: dict[Atom, Statement] = {}
        self.owner: dict[Statement, Statement] = {}  # the statement around
        self.writers: dict[Value, list[Op | Call]] = defaultdict(list)
        self.by_slot: dict[object, list[Op]] = defaultdict(list)
        self.effects: list[Statement] = []

    # ---- the graph ----

    def enter(self, region: Region, owner: Statement | None) -> None:
        for statement in region.body:
            if owner is not None:
                self.owner[statement] = owner
            self.maker.update(dict.fromkeys(statement.results, statement))
            match statement:
                case Op():
                    self.enter_op(statement)
                case Call():
                    self.enter_call(statement)
                case If():
                    sides = zip(statement.then.yields, statement.orelse.yields, strict=True)
                    self.feeds.update(zip(statement.results, sides, strict=True))
                case For() | While():
                    for group, init, yielded in carried_groups(statement):
                        self.maker.update(dict.fromkeys(group, statement))
                        self.feeds.update(dict.fromkeys(group, (*group, init, yielded)))
                    if isinstance(statement, For):
                        self.maker[statement.index] = statement
            for inner in regions_of(statement):
                self.enter(inner, statement)

    def enter_op(self, op: Op) -> None:
        if "slot" in op.attrs:
            self.by_slot[op.attrs["slot"]].append(op)
        elif op.decl.effect:
            self.effects.append(op)
        for root in writes_of(op, self.roots) if op.decl.writes else ():
            self.writers[root].append(op)

    def enter_call(self, call: Call) -> None:
        if runs_effects(call.function):
            self.effects.append(call)
        for root in writes_of(call, self.roots):
            self.writers[root].append(call)

    # ---- marking ----

    def run(self) -> None:
        self.enter(self.fn.body, None)
        for statement in self.effects:
            self.need(statement)
        unseen = self.fn.target.unobserved
        for atom in (*self.fn.params, *self.fn.body.yields):
            self.pending.append(atom)
            if isinstance(atom, Value) and atom.name in unseen and atom in self.fn.params:
                continue
            self.observe(self.roots.get(atom, ()) if isinstance(atom, Value) else ())
        while self.pending:
            atom = self.pending.pop()
            if isinstance(atom, Value) and atom not in self.values:
                self.values.add(atom)
                self.pending += self.feeds.get(atom, ())
                if atom in self.maker:
                    self.need(self.maker[atom])

    def need(self, statement: Statement | None) -> None:
        """Mark a statement, with the conditions and bounds around it. Its yields are marked one by one."""
        while statement is not None and statement not in self.statements:
            self.statements.add(statement)
            self.pending += _controls(statement)
            if isinstance(statement, Op | Call):
                self.observe(reads_of(statement, self.roots))
            if isinstance(statement, Op):
                self.need_partners(statement)
            statement = self.owner.get(statement)

    def need_partners(self, op: Op) -> None:
        if op.decl.writes and op.results:  # `pop`: its result depends on the other writes
            self.observe(writes_of(op, self.roots))
        slot = op.attrs.get("slot")
        if slot is not None and slot not in self.slots:
            self.slots.add(slot)
            for other in self.by_slot[slot]:
                self.need(other)

    def observe(self, roots: Iterable[Value]) -> None:
        for root in roots:
            if root not in self.observed:
                self.observed.add(root)
                for op in self.writers[root]:
                    self.need(op)

    # ---- sweeping ----

    def region(
        self, old: Region, kept_yields: Iterable[int], kept_params: Iterable[int] | None = None
    ) -> Region:
        body = [self.statement(s) for s in old.body if s in self.statements]
        params = None if kept_params is None else picked(old.params, kept_params)
        return with_body(old, body, params, picked(old.yields, kept_yields))

    def statement(self, old: Statement) -> Statement:
        match old:
            case If():
                kept = [k for k, r in enumerate(old.results) if r in self.values]
                regions = [self.region(r, kept) for r in regions_of(old)]
                return _with_results(old, old.operands, regions, picked(old.results, kept))
            case For() | While():
                kept = self.live_groups(old)
                bounds = len(old.operands) - len(old.carried)
                carried = (*old.operands[:bounds], *picked(old.carried, kept))
                flags = range(len(old.body.yields) - len(old.carried))
                yields = [*flags, *(k + len(flags) for k in kept)]
                params = [*range(bounds > 0), *(k + (bounds > 0) for k in kept)]
                *test, body = regions_of(old)
                regions = [self.region(r, [0], kept) for r in test]
                regions.append(self.region(body, yields, params))
                return _with_results(old, carried, regions, self.live_results(old, kept))
        return old

    def live_results(self, loop: For | While, kept: Sequence[int]) -> tuple[Value, ...]:
        flags = len(loop.results) - len(loop.carried)
        return picked(loop.results, [*range(flags), *(k + flags for k in kept)])

    def live_groups(self, loop: For | While) -> list[int]:
        return [
            k for k, (group, _, _) in enumerate(carried_groups(loop)) if group[0] in self.values
        ]


def _with_results(
    old: Statement,
    operands: Sequence[Atom],
    regions: Sequence[Region],
    results: tuple[Value, ...],
) -> Statement:
    fewer = (lambda: results) if len(results) < len(old.results) else None
    return with_parts(old, operands, regions, fewer)


def _controls(statement: Statement) -> tuple[Atom, ...]:
    match statement:
        case For():
            bounds = (statement.start, statement.stop, statement.step)
            return (*bounds, statement.body.yields[0]) if statement.breaks else bounds
        case While():
            return (regions_of(statement)[0].yields[0],)
    return statement.operands
