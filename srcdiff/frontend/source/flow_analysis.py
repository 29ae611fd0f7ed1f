"""Liveness and control flow of a syntax tree: where control may leave a block, which names a statement assigns,
and which names are used after it.

`flow_of` analyses one function, once: everything is computed on the tree alone, before types are known. Pseudo-names
begin with `%`; they stand for what a jump carries: `%value` (the result), `%return` (whether a loop was left by
`return`), `%broke1` (whether the outermost loop was left by `break`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import gast

from srcdiff.frontend.source.scopes import parameter_names

_SCOPES = (gast.FunctionDef, gast.Lambda, gast.ClassDef, gast.AsyncFunctionDef)
_COMPREHENSIONS = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Flow:
    """Facts about the statements of one function, keyed by `id(node)`.

    Attributes
    ----------
    after : dict
        Names that may be read after an `If`, `For` or `While`.
    iteration : dict
        For loops: names that may be read at the end of an iteration, by the next one or after the loop.
    start : dict
        For loops: names that may be read at the start of an iteration, by it or later.
    entry : dict
        For loops: names that the loop may read before it assigns them.
    mutated : frozenset
        Names that are grown or written by subscript as lists are (`x.append`, `x[i] = `).
    captured : frozenset
        Names that nested functions read; they are wanted everywhere.
    local : frozenset
        Names that the function binds, other than its parameters.
    nonlocals : frozenset
        Names that it binds in the functions around it.
    shared : frozenset
        Its own names that functions inside of it bind.
    """

    after: dict[int, frozenset[str]] = field(default_factory=dict)
    iteration: dict[int, frozenset[str]] = field(default_factory=dict)
    start: dict[int, frozenset[str]] = field(default_factory=dict)
    entry: dict[int, frozenset[str]] = field(default_factory=dict)
    mutated: frozenset[str] = frozenset()
    captured: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    nonlocals: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()


def flow_of(function: gast.AST) -> Flow:
    """The facts about a `FunctionDef` or `Lambda`."""
    if isinstance(function, gast.Lambda):
        return Flow(captured=_captured([function.body]))
    walk = _Liveness(_captured(function.body))
    walk.recording = True
    walk.block(function.body, set(), set(), set())
    declared = {
        (node is function, name)
        for node in gast.walk(function)
        if isinstance(node, gast.FunctionDef)
        for s in _own_statements(node.body)
        if isinstance(s, gast.Nonlocal)
        for name in s.names
    }
    nonlocals = frozenset(name for own, name in declared if own)
    assigned = frozenset(assigned_names(function.body)) - nonlocals
    parameters = parameter_names(function)
    inner = frozenset(name for own, name in declared if not own)
    return Flow(
        walk.after,
        walk.iteration,
        walk.start,
        walk.entry,
        mutated_names(function),
        walk.captured,
        assigned,
        nonlocals,
        inner & (assigned | parameters),
    )


def _own_statements(body: Iterable[gast.AST]) -> Iterable[gast.AST]:
    """The statements of a function, those inside of others as well, but for nested functions'."""
    for s in body:
        yield s
        if not isinstance(s, _SCOPES):
            yield from _own_statements(
                n for n in gast.iter_child_nodes(s) if isinstance(n, gast.stmt | gast.match_case)
            )


# ---- names ---------------------------------------------------------------------------------------


def assigned_names(statements: Iterable[gast.AST]) -> list[str]:
    """Names that statements bind, in order of appearance; nested functions' own names are left out."""
    found: dict[str, None] = {}
    for statement in statements:
        _collect(statement, found)
    return list(found)


def _collect(node: gast.AST, found: dict[str, None]) -> None:
    if isinstance(node, gast.Name):
        if isinstance(node.ctx, gast.Store | gast.Del):
            found[node.id] = None
        return
    if isinstance(node, gast.FunctionDef):
        found[node.name] = None
    if isinstance(node, gast.alias):
        found[(node.asname or node.name).partition(".")[0]] = None
    if isinstance(node, _SCOPES):
        return
    if isinstance(node, _COMPREHENSIONS):
        inner: dict[str, None] = {}
        for child in gast.iter_child_nodes(node):
            _collect(child, inner)
        own: dict[str, None] = {}
        for generator in node.generators:
            _collect(generator.target, own)
        found.update((name, None) for name in inner if name not in own)
        return
    if (
        isinstance(node, gast.expr)
        and not isinstance(node, gast.NamedExpr)
        and not _has_binding(node)
    ):
        return
    for child in gast.iter_child_nodes(node):
        _collect(child, found)


def _has_binding(node: gast.AST) -> bool:
    """Whether an expression binds a name (a target, or a walrus within)."""
    memo = node.__dict__.get("_binds")
    if memo is None:
        memo = node._binds = isinstance(getattr(node, "ctx", None), gast.Store) or any(
            isinstance(child, gast.NamedExpr)
            or (isinstance(child, gast.expr) and _has_binding(child))
            for child in _expressions(node)
        )
    return bool(memo)


def _expressions(node: gast.AST) -> Iterable[gast.AST]:
    for child in gast.iter_child_nodes(node):
        if isinstance(child, gast.comprehension | gast.keyword):
            yield from gast.iter_child_nodes(child)
        else:
            yield child


def _reads(node: gast.AST, into: set[str]) -> set[str]:
    """Enter the names that an expression or simple statement reads before it binds them; gives those that it binds by
    `:=` on some path only.
    """
    nodes = list(gast.walk(node))
    binding = {n.target.id for n in nodes if isinstance(n, gast.NamedExpr)}
    bound: set[str] = set()
    if binding:
        _evaluated(node, into, bound)
    else:
        into |= {n.id for n in nodes if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Load)}
    return binding - bound


# their parts are evaluated one after the other, each for certain
_IN_ORDER = (
    gast.Expr, gast.Return, gast.Assign, gast.NamedExpr, gast.BinOp, gast.UnaryOp, gast.Call, gast.keyword,
    gast.Starred, gast.Subscript, gast.Slice, gast.Attribute, gast.Tuple, gast.List,
)  # fmt: skip
_FIRST_FOR_CERTAIN = (gast.IfExp, gast.Compare)


def _evaluated(node: gast.AST, into: set[str], bound: set[str]) -> None:
    """Walk in the order of evaluation; `bound` collects the names that `:=` binds for certain."""
    if isinstance(node, gast.Name) and isinstance(node.ctx, gast.Load) and node.id not in bound:
        into.add(node.id)
    parts = list(gast.iter_child_nodes(node))
    if isinstance(node, gast.Assign | gast.NamedExpr):
        parts.reverse()  # the value comes first
    for k, part in enumerate(parts):
        is_certain = isinstance(node, _IN_ORDER if k else (*_IN_ORDER, *_FIRST_FOR_CERTAIN))
        _evaluated(part, into, bound if is_certain else set(bound))
    if isinstance(node, gast.NamedExpr):
        bound.add(node.target.id)


# builtins that go through a generator expression where it stands
_AT_ONCE = {"all", "any", "dict", "list", "max", "min", "next", "set", "sorted", "sum", "tuple"}


def _captured(body: Sequence[gast.AST]) -> frozenset[str]:
    found: set[str] = set()
    at_once: set[gast.AST] = set()
    for statement in body:
        for node in gast.walk(statement):
            if isinstance(node, gast.Call) and getattr(node.func, "id", "") in _AT_ONCE:
                at_once.update(node.args)
            is_late = isinstance(node, gast.GeneratorExp) and node not in at_once
            if is_late or isinstance(node, gast.FunctionDef | gast.Lambda):
                _reads(node, found)
    return frozenset(found)


_GROWING = {"append", "pop", "extend", "insert", "reverse", "clear", "remove"}


def mutated_names(function: gast.AST) -> frozenset[str]:
    """Names that a function grows, or writes by subscript."""
    found = set()
    for node in gast.walk(function):
        if (
            isinstance(node, gast.Attribute)
            and node.attr in _GROWING
            and isinstance(node.value, gast.Name)
        ):
            found.add(node.value.id)
        if (
            isinstance(node, gast.Subscript)
            and isinstance(node.ctx, gast.Store)
            and isinstance(node.value, gast.Name)
        ):
            found.add(node.value.id)
    return frozenset(found)


# ---- liveness --------------------------------------------------------------------------------------


class _Liveness:
    """Walks blocks backwards. A loop's own needs are found first, without what follows it; only then are sets
    recorded, so that the work does not double with every level of loops.
    """

    def __init__(self, captured: frozenset[str]) -> None:
        self.captured = captured
        self.after: dict[int, frozenset[str]] = {}
        self.iteration: dict[int, frozenset[str]] = {}
        self.start: dict[int, frozenset[str]] = {}
        self.entry: dict[int, frozenset[str]] = {}
        self.recording = False

    def block(
        self, body: Sequence[gast.AST], live: set[str], on_break: set[str], on_continue: set[str]
    ) -> set[str]:
        """Names wanted before a block, given those wanted after it (the set is used up)."""
        for statement in reversed(body):
            live = self.statement(statement, live, on_break, on_continue)
        return live

    def statement(
        self, node: gast.AST, live: set[str], on_break: set[str], on_continue: set[str]
    ) -> set[str]:
        match node:
            case gast.Return():
                live = set()
                if node.value is not None:
                    _reads(node.value, live)
            case gast.Break():
                live = set(on_break)
            case gast.Continue():
                live = set(on_continue)
            case gast.Raise():
                live = set()
                _reads(node, live)
            case gast.If():
                self.record(self.after, node, live)
                orelse = self.block(node.orelse, set(live), on_break, on_continue)
                live = self.block(node.body, live, on_break, on_continue) | orelse
                _reads(node.test, live)
            case gast.Match():
                self.record(self.after, node, live)
                out = set(live)
                for case in node.cases:
                    out |= self.block(case.body, set(live), on_break, on_continue)
                    _reads(case, out)
                _reads(node.subject, out)
                live = out
            case gast.Try():
                live = self.attempt(node, live, on_break, on_continue)
            case gast.With():
                live = self.block(node.body, live, on_break, on_continue)
                for item in node.items:
                    live -= set(assigned_names([item]))
                    _reads(item.context_expr, live)
            case gast.For() | gast.While():
                live = self.loop(node, live, on_break, on_continue)
            case gast.AugAssign():
                if isinstance(node.target, gast.Name):
                    live.add(node.target.id)
                _reads(node.target, live)
                _reads(node.value, live)
            case gast.FunctionDef():
                live.discard(node.name)
                _reads(node.args, live)
            case _:
                reads: set[str] = set()
                uncertain = _reads(node, reads)
                live = live - (set(assigned_names([node])) - uncertain) | reads
        return live

    def attempt(
        self, node: gast.AST, live: set[str], on_break: set[str], on_continue: set[str]
    ) -> set[str]:
        """The names that a handler reads are live everywhere in the block: any of its statements may raise."""
        self.record(self.after, node, live)
        wanted = set(live)
        for handler in node.handlers:
            wanted |= self.block(handler.body, set(live), on_break, on_continue)
            if handler.type is not None:
                _reads(handler.type, wanted)
        later = self.block(node.orelse, set(live), on_break, on_continue)
        self.record(self.iteration, node, wanted | later)
        outer, self.captured = self.captured, self.captured | wanted
        inside = self.block(node.body, later | wanted, on_break, on_continue)
        self.captured = outer
        return inside | wanted

    def record(self, table: dict[int, frozenset[str]], node: gast.AST, live: set[str]) -> None:
        if self.recording:
            table[id(node)] = frozenset(live) | self.captured

    def own_needs(self, loop: gast.AST) -> frozenset[str]:
        """The names that a loop may read before it assigns them."""
        if id(loop) not in self.entry:
            recording, self.recording = self.recording, False
            needs = self.block(loop.body, set(), set(), set())
            self.recording = recording
            if isinstance(loop, gast.While):
                _reads(loop.test, needs)
            else:
                needs -= set(assigned_names([loop.target]))
            self.entry[id(loop)] = frozenset(needs)
        return self.entry[id(loop)]

    def loop(
        self, node: gast.AST, live: set[str], on_break: set[str], on_continue: set[str]
    ) -> set[str]:
        self.record(self.after, node, live)
        later = set(live)
        live = self.block(node.orelse, live, on_break, on_continue)
        iteration = live | self.own_needs(node) | later
        self.record(self.iteration, node, iteration)
        if self.recording:
            start = self.block(node.body, set(iteration), later, iteration)
            self.record(self.start, node, start)
        live = live | self.own_needs(node)
        if isinstance(node, gast.For):
            _reads(node.iter, live)
        return live
