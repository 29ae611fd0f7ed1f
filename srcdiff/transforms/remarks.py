"""Optimisation remarks: why a variable is active or not, and whether its values are stored or recomputed.

The remarks state the decisions of the passes in the user's names and lines.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from srcdiff.ir.alias import storage_roots, writes_of, written_roots
from srcdiff.ir.core import Call, For, Function, Op, Statement, regions_of, walk
from srcdiff.ir.types import Array, Scalar, Static, is_float, shape_of
from srcdiff.ir.values import Atom, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.control import stop_gradient
from srcdiff.transforms.ad.tape.decide import Mode, chosen_plan
from srcdiff.transforms.ad.tape.plan import Plan
from srcdiff.transforms.ad.tape.rematerialise import origins
from srcdiff.transforms.analysis.activity import edges, useful_values, varied_values
from srcdiff.transforms.analysis.defuse import all_regions

Found = Callable[[Value], bool]


def names_of(fn: Function) -> list[str]:
    """The user's names, in the order in which they appear."""
    return list(dict.fromkeys(v.name for v, _ in _defined(fn) if v.user and v.name))


def _defined(fn: Function) -> Iterator[tuple[Value, Statement | None]]:
    """Every value with the statement that makes it; parameters of regions after the others."""
    yield from ((p, None) for p in fn.params)
    yield from ((v, s) for s in walk(fn.body) for v in s.results)
    for s in walk(fn.body):
        for region in regions_of(s):
            yield from ((p, s) for p in region.params)


def _line(s: Statement | None) -> str:
    return f"line {s.location.line}" if s is not None and s.location is not None else ""


# ---- active or not ----------------------------------------------------------------------------------------


@dataclass
class _Flow:
    """The data flow between values; values that share written storage are connected by its root."""

    fn: Function
    next: dict[Value, list[tuple[Value, Statement | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    before: dict[Value, list[tuple[Value, Statement | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        roots = storage_roots(self.fn)
        written = written_roots(self.fn, roots)
        for s in walk(self.fn.body):
            pairs = edges(s)
            if not pairs and isinstance(s, Op):
                pairs = [(s.operands, r) for r in s.results]
            for sources, target in pairs:
                for a in (*sources, *((s.operands[0],) if _takes_part(s) else ())):
                    self.link(a, target, s)
        for v, own in roots.items():
            for root in own & written - {v}:
                self.link(v, root, None)
                self.link(root, v, None)

    def link(self, a: Atom, b: Atom, s: Statement | None) -> None:
        if isinstance(a, Value) and isinstance(b, Value):
            self.next[a].append((b, s))
            self.before[b].append((a, s))

    def path(
        self, start: Value, ways: dict[Value, list[tuple[Value, Statement | None]]], found: Found
    ) -> list[tuple[Value, Statement | None]]:
        """The shortest path to a value that is looked for, with the statements on it; empty if there is none."""
        came: dict[Value, tuple[Value, Statement | None]] = {}
        pending = deque([start])
        while pending:
            v = pending.popleft()
            if v is not start and found(v):
                way = []
                while v is not start:
                    u, s = came[v]
                    way.append((v, s))
                    v = u
                return way[::-1]
            for u, s in ways.get(v, ()):
                if u not in came and u is not start:
                    came[u] = (v, s)
                    pending.append(u)
        return []


def _takes_part(s: Statement) -> bool:
    return isinstance(s, Op) and s.view_of == 0


def activity_reasons(
    fn: Function, wrt: Sequence[Value], results: Iterable[Atom], name: str
) -> tuple[bool, list[str]]:
    """Whether a variable carries a derivative, and why; `fn` has been through the pass `reads`."""
    results = list(results)
    varied, useful = varied_values(fn, wrt), useful_values(fn, results)
    active = varied & useful
    flow = _Flow(fn)
    found: list[str] = []
    versions = [(v, s) for v, s in _defined(fn) if v.name == name and v.user]
    assigned = [(v, s) for v, s in versions if s is None or (v in s.results and _assigns(s))]
    for v, s in assigned or versions:
        place = _line(s)
        where = f"{place}: " if place else ""
        if v in active:
            origin = _origin(flow, v, wrt, varied)
            found.append(f"{where}active: {origin}; {_purpose(flow, v, active, results)}")
        else:
            found.append(f"{where}inactive: {_inactive(flow, v, wrt, varied)}")
    return any(v in active for v, _ in versions), list(dict.fromkeys(found))


def _assigns(s: Statement) -> bool:
    return isinstance(s, Op | Call)


def _origin(flow: _Flow, v: Value, wrt: Sequence[Value], varied: Collection[Value]) -> str:
    if v in wrt:
        return "it is a differentiated argument"
    found: dict[str, None] = {}  # the user's names next to it
    pending, seen = [v], {v}
    while pending:
        for u, _ in flow.before.get(pending.pop(), ()):
            if u in seen or u not in varied:
                continue
            seen.add(u)
            if u in wrt or (u.user and u.name not in ("", v.name)):
                found[u.name] = None
            else:
                pending.append(u)
    names = sorted(found, key=names_of(flow.fn).index)
    return f"it is made from {_listed(names or [p.name for p in wrt])}"


def _purpose(flow: _Flow, v: Value, active: Collection[Value], results: Sequence[Atom]) -> str:
    if v in results:
        return "it is the result"
    ahead = {
        k: [(u, s) for u, s in pairs if u in active or u in results]
        for k, pairs in flow.next.items()
    }
    way = flow.path(v, ahead, lambda u: u in results or (u.user and u.name not in ("", v.name)))
    if not way:
        return "the result depends on it"
    target, _ = way[-1]
    place = next((_line(s) for _, s in reversed(way) if _line(s)), "")
    after = f" on {place}" if place else ""
    if target not in results:
        return f"the result depends on it, by `{target.name}`{after}"
    return f"the result is made from it{after}"


def _inactive(flow: _Flow, v: Value, wrt: Sequence[Value], varied: Collection[Value]) -> str:
    if isinstance(v.type, Static):
        return "its value is known when compiling"
    if not is_float(v.type):
        dtype = getattr(v.type, "dtype", "")
        what = (
            "truth values" if dtype == "bool" else "integers" if dtype[:1] in "iu" else "no floats"
        )
        return f"it holds {what}, which have no derivatives"
    if v in varied:
        if not flow.next.get(v):
            return "nothing reads it"
        return "the result does not depend on it by anything that has a derivative"
    way = flow.path(v, flow.before, lambda u: u in wrt)
    names = _listed(p.name for p in wrt)
    for _, s in way:
        if isinstance(s, Op) and s.decl is stop_gradient:
            return (
                f"srcdiff.stop_gradient stops the derivative with respect to {names} ({_line(s)})"
            )
        if isinstance(s, Op) and not s.decl.differentiable:
            if s.decl is memory.axis_length:
                return f"it depends on {names} only through a length ({_line(s)})"
            called = s.spelling or s.decl.spelling or s.decl.name
            return f"it depends on {names} only through `{called}` ({_line(s)}), which has no derivative"
    return f"it depends on no differentiated argument ({names})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


# ---- stored or computed again -----------------------------------------------------------------------------


def storage_reasons(fn: Function, mode: Mode, name: str) -> list[str]:
    """Whether a variable's values are stored or recomputed; `fn` is a reverse-mode program with undecided storage."""
    fn, plan = chosen_plan(fn, mode)
    users = _users(fn)
    found: list[str] = []
    values = [(v, s) for v, s in _defined(fn) if _is_of(v, s, name) and v in plan.program.home]
    for v, s in values:
        if s is not None and s.origin == "adjoint":
            continue
        text = _kept(v, plan, users)
        if text:
            place = _line(s) if s is not None and v in s.results else ""
            found.append(f"{place}: {text}" if place else text)
    return list(dict.fromkeys(found))


def _is_of(v: Value, s: Statement | None, name: str) -> bool:
    """Whether a value belongs to a variable, or is an element or the contents of an array of that name."""
    base = s.operands[0] if isinstance(s, Op) and _reads(s) else None
    return v.name == name or (isinstance(base, Value) and base.name == name)


def _reads(op: Op) -> bool:
    return op.decl in (memory.read, memory.index, memory.gather)


def _users(fn: Function) -> dict[Value, list[Statement]]:
    """The statements of the backward part that use each value of the forward part, directly or restored."""
    saved: dict[int, Value] = {}
    restored: dict[Value, int] = {}
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl is memory.save and isinstance(s.operands[0], Value):
            saved[s.attrs["slot"]] = s.operands[0]
        elif isinstance(s, Op) and s.decl is memory.restore:
            restored[s.result] = s.attrs["slot"]
    users: dict[Value, list[Statement]] = defaultdict(list)
    for s in walk(fn.body):
        if s.origin == "adjoint":
            for a in s.operands:
                if isinstance(a, Value):
                    users[saved[restored[a]] if a in restored else a].append(s)
    for region in all_regions(fn.body):
        for y in region.yields:
            if isinstance(y, Value) and y in restored:
                users[saved[restored[y]]] += []
    return users


def _kept(v: Value, plan: Plan, users: dict[Value, list[Statement]]) -> str:
    program = plan.program
    if program.is_top(v):
        reader = _reader(users.get(v, ()))
        return f"available: {reader} reads it where it is" if reader else ""
    reader = _reader(
        [*users.get(v, ()), *(s for w in _made_from(v, plan) for s in users.get(w, ()))]
    )
    reader = reader or "the backward part"
    if v in plan.stored:
        _, price = origins(v, program)
        why = "computing it again would cost more than storing it"
        loop, _ = program.carried(v)
        if loop is not None:
            why = "it is carried from iteration to iteration, and cannot be computed again from its own iteration"
        elif math.isinf(price):
            why = "it is overwritten, or cannot be computed again"
        return f"stored: {_amount(v, plan)}, because {reader} uses it, and {why}"
    if v not in plan.wanted:
        return ""
    kept = plan.kept_by_program(v)
    if kept is not None and isinstance(kept.operands[0], Value):
        return f"not stored: the program stores it in `{kept.operands[0].name}`; {reader} uses it"
    if v in plan.rolled:
        return f"not stored: the next iteration starts with it; {reader} uses it"
    maker = program.maker.get(v)
    if isinstance(maker, Op) and _reads(maker):
        return f"not stored: the array still holds it when {reader} uses it"
    sources, _ = origins(v, program)
    names = _listed(dict.fromkeys(u.name for u in sources if u.name))
    made = f" from {names}" if names else ""
    return f"recomputed{made}, which costs less than storing it; {reader} uses it"


def _reader(users: Iterable[Statement]) -> str:
    lines = sorted({s.location.line for s in users if s.location is not None})
    if not lines:
        return ""
    shown = ", ".join(map(str, lines))
    return f"the derivative of line{'s' if len(lines) > 1 else ''} {shown}"


def _made_from(v: Value, plan: Plan) -> list[Value]:
    """The values that the backward part needs and computes again from a value."""
    found = []
    for w in plan.wanted:
        pending, seen = [w], set[Value]()
        while pending:
            u = pending.pop()
            if u in seen or (u in plan.stored and u is not v):
                continue
            seen.add(u)
            pending += origins(u, plan.program)[0]
        if v in seen and w is not v:
            found.append(w)
    return found


def _amount(v: Value, plan: Plan) -> str:
    """How many numbers: `n x x0 numbers`."""
    counts = [_count(loop) for loop in plan.loops_around(v)]
    lengths = [str(d) for d in shape_of(v.type)] if isinstance(v.type, Array) else []
    shown = " x ".join(f"({c})" if "+" in c or "-" in c else c for c in (*counts, *lengths))
    what = "numbers" if isinstance(v.type, Array | Scalar) else "containers"
    return f"{shown} {what}" if shown else what


def _count(loop: object) -> str:
    if not isinstance(loop, For):
        return "iterations"
    start, stop = known_dim(loop.start), known_dim(loop.stop)
    return "iterations" if start is None or stop is None else str(stop - start)


def checkpoint_reasons(fn: Function, name: str) -> list[str]:
    """What loops over `srcdiff.checkpointed` store of a variable; `fn` is the function before differentiation."""
    found = []
    for s in walk(fn.body):
        if not isinstance(s, For) or not s.slots:
            continue
        state = {p.name for p in s.body.params[1:]}
        roots = storage_roots(fn)
        state |= {v.name for w in writes_of(s, roots) for v, own in roots.items() if w in own}
        if name in state:
            found.append(
                f"{_line(s)}: stored at the starts of {s.slots} iterations at a time, and computed again "
                "for the others (srcdiff.checkpointed)"
            )
    return found
