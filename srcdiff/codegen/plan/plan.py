"""The plan of a function's text: the IR's statements in order of evaluation, with copies and jumps
where Python has them.

Printing happens in steps that each read the plan: `lower` makes it, `dims` decides how lengths are printed,
`codegen/text/expression_folding.py` which values are written inside the expression that uses them,
`codegen/names/liveness.py` and `codegen/names/assign.py` which values share a variable, and
`codegen/text/statements.py` writes Python.

A loop's parameters, results and test parameters are one variable, whose home is the body's
parameter. It is assigned by a `Copy` in front of the loop and by one at the end of each iteration;
results of branches are assigned at the ends of both arms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from srcdiff.ir.core import Call, For, If, Op, Origin, Tree, While
from srcdiff.ir.values import Atom, Value

Pattern = Value | tuple["Pattern", ...]  # what a loop or an assignment unpacks into


@dataclass(eq=False)
class Let:
    """An operation: `results = text.format(operands)`; without results a statement."""

    results: tuple[Value, ...]
    text: str
    operands: tuple[Atom, ...]
    source: Op | Call | If | None
    origin: Origin
    inline: bool = False  # part of a conditional expression: has to stand inside its use
    point: int = 0
    loops: tuple[Loop, ...] = ()

    @property
    def op(self) -> Op | None:
        return self.source if isinstance(self.source, Op) else None


@dataclass(eq=False)
class Copy:
    """Assign all at once: every source is read before any target is written.

    `together`: in one statement, as the user did.
    """

    targets: tuple[Value, ...]
    sources: tuple[Atom, ...]
    origin: Origin
    together: bool = False
    point: int = 0
    loops: tuple[Loop, ...] = ()


@dataclass(eq=False)
class Branch:
    condition: Atom
    then: list[Node]
    orelse: list[Node]
    origin: Origin
    source: If | None = None
    point: int = 0
    end: int = 0
    loops: tuple[Loop, ...] = ()


@dataclass(eq=False)
class Loop:
    """A loop. `form` is how a `for` is written; for "each" and "enumerate", `operands` are the sequences.

    `test` is what a `while` evaluates before each iteration, `condition` the value that it then tests (None: no exit).
    """

    source: For | While
    form: Literal["range", "each", "enumerate", "while"]
    operands: tuple[Atom, ...]
    index: Value | None
    patterns: tuple[Pattern, ...]
    body: list[Node]
    origin: Origin
    reverse: bool = False
    test: list[Node] = field(default_factory=list)
    condition: Atom | None = None
    variables: tuple[Value, ...] = ()  # loop-carried
    point: int = 0
    is_array: bool = False  # the numbers of a range are in an array
    tested: int = 0  # where the condition is evaluated
    end: int = 0
    loops: tuple[Loop, ...] = ()


@dataclass(eq=False)
class Jump:
    kind: Literal["break", "continue", "return"]
    operands: tuple[Atom, ...] = ()
    origin: Origin = "compiler"
    point: int = 0
    loops: tuple[Loop, ...] = ()


Node = Let | Copy | Branch | Loop | Jump


@dataclass(eq=False)
class Plan:
    """A function's plan. `members` are the values that each variable stands for.

    `doubtful`: (target, variable) of copies that may be reached before the variable has a value; without a target,
    something else reads it. `uncertain`: results of branches and loops that have no value on some path.
    """

    params: tuple[Value, ...]
    nodes: list[Node]
    output: Tree
    members: dict[Value, list[Value]]
    doubtful: set[tuple[Value | None, Value]] = field(default_factory=set)
    uncertain: frozenset[Value] = frozenset()
    end: int = 0

    def prune(self) -> None:
        """Leave out operations that nothing reads any more, such as the length of what a loop now goes over."""
        uses = Counter(
            a
            for node in walk_nodes(self.nodes)
            for a in reads_of_node(node)
            if isinstance(a, Value)
        )
        self.nodes = _pruned(self.nodes, uses)

    def number(self) -> None:
        """Give every node its point: it reads at `point` and writes at `point + 1`."""
        self.end = _number(self.nodes, 2, ())


def _pruned(nodes: list[Node], uses: Counter[Value]) -> list[Node]:
    kept: list[Node] = []
    for node in reversed(nodes):
        if (
            isinstance(node, Let)
            and node.results
            and is_pure(node)
            and not any(uses[r] for r in node.results)
        ):
            uses.subtract(a for a in node.operands if isinstance(a, Value))
            continue
        if isinstance(node, Branch):
            node.then, node.orelse = _pruned(node.then, uses), _pruned(node.orelse, uses)
        elif isinstance(node, Loop):
            node.body, node.test = _pruned(node.body, uses), _pruned(node.test, uses)
        kept.append(node)
    return kept[::-1]


def is_pure(let: Let) -> bool:
    """Whether leaving an operation out that nobody reads changes nothing."""
    return let.op is not None and not (let.op.decl.writes or let.op.decl.effect)


def is_taken_once(let: Let) -> bool:
    """Whether compiled loops find it in front of them: Numba's threads share no tuple that holds arrays, and a view is
    an object that each iteration would make.
    """
    return let.op is not None and let.op.decl.name in ("get", "reshape", "ravel")


def _number(nodes: list[Node], point: int, loops: tuple[Loop, ...]) -> int:
    for node in nodes:
        node.point, node.loops = point, loops
        point += 2
        if isinstance(node, Branch):
            point = _number(node.then, point, loops) + 2
            point = node.end = _number(node.orelse, point, loops)
            point += 2
        elif isinstance(node, Loop):
            inner = (*loops, node)
            node.tested = _number(node.test, point, inner)
            node.end = _number(node.body, node.tested + 2, inner)
            point = node.end + 2
    return point


def walk_nodes(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, Branch):
            yield from walk_nodes(node.then)
            yield from walk_nodes(node.orelse)
        elif isinstance(node, Loop):
            yield from walk_nodes(node.test)
            yield from walk_nodes(node.body)


def pattern_values(pattern: Pattern) -> Iterator[Value]:
    if isinstance(pattern, Value):
        yield pattern
    else:
        for part in pattern:
            yield from pattern_values(part)


def assigned_by(node: Node) -> Iterator[Value]:
    """What a node itself gives values to; not the nodes inside it."""
    match node:
        case Let():
            yield from node.results
        case Copy():
            yield from node.targets
        case Loop():
            if node.index is not None:
                yield node.index
            for pattern in node.patterns:
                yield from pattern_values(pattern)


def reads_of_node(node: Node) -> Iterator[Atom]:
    yield from flat(node)
    if isinstance(node, Loop) and node.condition is not None:
        yield node.condition


def flat(node: Node) -> tuple[Atom, ...]:
    """What a node itself reads when it is reached (not what the nodes inside it read)."""
    match node:
        case Let() | Jump() | Loop():
            return node.operands
        case Copy():
            return node.sources
        case Branch():
            return (node.condition,)
