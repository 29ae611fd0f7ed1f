"""Where each variable of a plan is live, as intervals of points.

The walk goes backwards. Variables that an `if` or a loop does not touch keep one interval across
it, so the work grows with the length of the program and not with its square. A variable is live
on [a, b] if it is assigned at a and read for the last time at b; what a loop reads from outside
is live to its end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from srcdiff.codegen.plan.plan import (
    Branch,
    Copy,
    Jump,
    Let,
    Loop,
    Node,
    Plan,
    assigned_by,
    flat,
    walk_nodes,
)
from srcdiff.codegen.text.expression_folding import Folding
from srcdiff.ir.values import Value

Interval = tuple[int, int]


def live_intervals(plan: Plan, folding: Folding) -> dict[Value, list[Interval]]:
    """Sorted intervals of every variable that is assigned; folded values have none."""
    walk = _Walk(folding)
    walk.touch(plan.nodes)
    walk.nodes(plan.nodes)
    for param in plan.params:
        walk.define(param, 0)
    order = [v for node in reversed([*walk_nodes(plan.nodes)]) for v in assigned_by(node)]
    order += plan.params
    found = walk.intervals  # in an order that differs from process to process: sets were walked
    return {v: disjoint(found[v]) for v in dict.fromkeys(order) if v in found}


def disjoint(intervals: list[Interval]) -> list[Interval]:
    """Sorted, with intervals that meet made into one."""
    out: list[Interval] = []
    for start, stop in sorted(intervals):
        if out and start <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(stop, out[-1][1]))
        else:
            out.append((start, stop))
    return out


def overlap(a: list[Interval], b: list[Interval]) -> bool:
    """Whether any interval of one sorted list meets one of the other."""
    few, many = sorted((a, b), key=len)
    for start, stop in few:
        at = bisect_left(many, (start,))
        if (at < len(many) and many[at][0] <= stop) or (at and many[at - 1][1] >= start):
            return True
    return False


def joined(a: list[Interval], b: list[Interval]) -> list[Interval]:
    """The union of two sorted lists; intervals without a point between them become one, which keeps lists short."""
    few, many = sorted((a, b), key=len)
    out = [*many]
    for start, stop in few:
        at = bisect_left(out, (start,))
        first, last = at, at
        while first and out[first - 1][1] >= start - 1:
            first -= 1
        while last < len(out) and out[last][0] <= stop + 1:
            last += 1
        met = out[first:last]
        out[first:last] = (
            [(min(start, *(p for p, _ in met)), max(stop, *(q for _, q in met)))]
            if met
            else [(start, stop)]
        )
    return out


class _Walk:
    def __init__(self, folding: Folding) -> None:
        self.folding = folding
        self.live: dict[Value, int] = {}
        self.intervals: dict[Value, list[Interval]] = defaultdict(list)
        self.touched: dict[Node, set[Value]] = {}
        self.exits: list[
            tuple[set[Value], set[Value]]
        ] = []  # of the loops around: live after it, live at the next iteration

    # ---- what each compound statement reads or assigns anywhere inside ----

    def touch(self, nodes: list[Node]) -> set[Value]:
        out: set[Value] = set()
        for node in nodes:
            mine = {*self.reads(node), *assigned_by(node)}
            if isinstance(node, Branch):
                mine |= self.touch(node.then) | self.touch(node.orelse)
                self.touched[node] = mine
            elif isinstance(node, Loop):
                mine |= self.touch(node.test) | self.touch(node.body)
                if node.condition is not None:
                    mine.update(self.folding.leaves(node.condition))
                self.touched[node] = mine
            out |= mine
        return out

    def reads(self, node: Node) -> Iterator[Value]:
        if (
            isinstance(node, Let)
            and len(node.results) == 1
            and node.results[0] in self.folding.folded
        ):
            return
        for atom in flat(node):
            yield from self.folding.leaves(atom)

    # ---- the walk ----

    def use(self, value: Value, point: int) -> None:
        self.live.setdefault(value, point)

    def define(self, value: Value, point: int) -> None:
        self.intervals[value].append((point, self.live.pop(value, point)))

    def close(self, values: set[Value], point: int) -> set[Value]:
        """End the intervals of those of `values` that are live; gives them."""
        found = {v for v in values if v in self.live}
        for v in found:
            self.intervals[v].append((point, self.live.pop(v)))
        return found

    def nodes(self, nodes: list[Node]) -> None:
        for node in reversed(nodes):
            match node:
                case Branch():
                    self.branch(node)
                case Loop():
                    self.loop(node)
                case Jump():
                    self.jump(node)
                case Let() | Copy():
                    if (
                        isinstance(node, Let)
                        and len(node.results) == 1
                        and node.results[0] in self.folding.folded
                    ):
                        continue
                    for value in assigned_by(node):
                        self.define(value, node.point + 1)
            if not isinstance(node, Loop):
                for value in self.reads(node):
                    self.use(value, node.point)

    def branch(self, node: Branch) -> None:
        touched = self.touched[node]
        after = self.close(touched, node.end)
        alive: set[Value] = set()
        for arm, end in ((node.orelse, node.end), (node.then, node.end)):
            start = arm[0].point - 1 if arm else end
            stop = _last_point(arm) if arm else end
            if not (arm and isinstance(arm[-1], Jump)):
                for v in after:
                    self.use(v, stop)
            self.nodes(arm)
            alive |= self.close(touched, start)
        for v in alive:
            self.use(v, node.point)

    def loop(self, node: Loop) -> None:
        touched = self.touched[node]
        later = set(self.live)
        after = self.close(touched, node.end + 1)
        own = {v for n in (*node.test, *node.body) for v in _assigned_within(n)} | set(
            assigned_by(node)
        )
        entered = self.entered(node) | {v for v in touched if v not in own}
        again = after | entered
        for v in again:
            self.use(v, node.end)
        self.exits.append((later, again | later))
        self.nodes(node.body)
        if node.condition is not None:
            for v in (*after, *self.folding.leaves(node.condition)):
                self.use(v, node.tested)
            self.nodes(node.test)
        self.exits.pop()
        for value in assigned_by(node):
            self.define(value, node.point + 1)
        alive = self.close(touched, node.point + 1) | after
        for v in (*alive, *self.reads(node)):
            self.use(v, node.point)

    def entered(self, node: Loop) -> set[Value]:
        """The loop's variables that an iteration reads: their values come from the iteration before."""
        read = {v for n in (*node.test, *node.body) for v in self._all_reads(n)}
        if node.condition is not None:
            read.update(self.folding.leaves(node.condition))
        return read & set(node.variables)

    def _all_reads(self, node: Node) -> Iterator[Value]:
        yield from self.reads(node)
        if isinstance(node, Branch):
            for inner in (*node.then, *node.orelse):
                yield from self._all_reads(inner)
        elif isinstance(node, Loop):
            for inner in (*node.test, *node.body):
                yield from self._all_reads(inner)
            if node.condition is not None:
                yield from self.folding.leaves(node.condition)

    def jump(self, node: Jump) -> None:
        if node.kind == "return":
            return
        later, again = self.exits[-1]
        for v in later if node.kind == "break" else again:
            self.use(v, node.point)


def _assigned_within(node: Node) -> Iterator[Value]:
    yield from assigned_by(node)
    if isinstance(node, Branch):
        for inner in (*node.then, *node.orelse):
            yield from _assigned_within(inner)
    elif isinstance(node, Loop):
        for inner in (*node.test, *node.body):
            yield from _assigned_within(inner)


def _last_point(nodes: list[Node]) -> int:
    last = nodes[-1]
    return last.end + 1 if isinstance(last, Branch | Loop) else last.point + 1
