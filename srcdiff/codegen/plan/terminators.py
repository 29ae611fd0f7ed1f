"""Terminators, the ends of regions: yields, the end of an iteration that may be the last, a return.

An `If` that stands at the end may do this in each of its arms: then the user's `break`, `continue`
and `return` come back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from srcdiff.codegen.plan.plan import Branch, Copy, Jump, Node
from srcdiff.ir.core import If, Op, Statement, regions_of
from srcdiff.ir.definedness import is_undefined
from srcdiff.ir.values import Atom, Const, Value, const

Known = Mapping[Atom, tuple[Atom, Atom]]  # what a value is in each arm of a branch


@dataclass(frozen=True)
class Assign:
    """The end of a branch or of an iteration: the yields are copied to the targets."""

    targets: tuple[Value | None, ...]
    is_iteration: bool = False

    def receives(self, yields: Sequence[Atom]) -> Sequence[Value | None]:
        """The variable that each yield goes to; None for flags, and for what goes nowhere."""
        return self.targets

    def nodes(self, yields: Sequence[Atom | None], s: Statement) -> list[Node]:
        return copies(self.targets, yields, s)

    def takes_over(self, branch: If, yields: Sequence[Atom], known: Known) -> bool:
        """The user's `continue`: nothing is done in one arm, all the rest in the other."""
        if not self.is_iteration or branch.origin != "user" or branch.then.body:
            return False
        return bool(branch.orelse.body) and written_as_statement(branch)


@dataclass(frozen=True)
class Leave:
    """The end of an iteration whose first yield decides whether there is another one."""

    targets: tuple[Value | None, ...]

    def receives(self, yields: Sequence[Atom]) -> Sequence[Value | None]:
        return (None, *self.targets)

    def nodes(self, yields: Sequence[Atom | None], s: Statement) -> list[Node]:
        go, *rest = yields
        assert go is not None
        passed_on = copies(self.targets, rest, s)
        if isinstance(go, Const):
            return passed_on if go.value else [*passed_on, Jump("break", origin=s.origin)]
        return [*passed_on, Branch(go, [], [Jump("break", origin=s.origin)], s.origin)]

    def takes_over(self, branch: If, yields: Sequence[Atom], known: Known) -> bool:
        return decides(branch, yields[0], known)


@dataclass(frozen=True)
class Exit:
    """The end of an arm whose last yield decides between what `leave` makes (a jump) and going on."""

    targets: tuple[Value | None, ...]  # assigned where the function goes on
    wanted: tuple[Value | None, ...]  # needed there, or by what leaves
    leave: Callable[[Sequence[Atom | None]], list[Node]]
    when: bool  # leave if the flag is this

    def receives(self, yields: Sequence[Atom]) -> Sequence[Value | None]:
        return (*self.wanted, None)

    def nodes(self, yields: Sequence[Atom | None], s: Statement) -> list[Node]:
        *rest, flag = yields
        assert flag is not None
        going_on = copies(self.targets, rest, s)
        if isinstance(flag, Const):
            return self.leave(rest) if bool(flag.value) == self.when else going_on
        jump = self.leave(rest)
        arms = (jump, going_on) if self.when else (going_on, jump)
        return [Branch(flag, *arms, s.origin)]

    def takes_over(self, branch: If, yields: Sequence[Atom], known: Known) -> bool:
        return decides(branch, yields[-1], known)


@dataclass(frozen=True)
class Return:
    """The end of the function."""

    def receives(self, yields: Sequence[Atom]) -> Sequence[Value | None]:
        return [None] * len(yields)

    def nodes(self, yields: Sequence[Atom | None], s: Statement | None) -> list[Node]:
        found = tuple(a for a in yields if a is not None)
        return [Jump("return", found, s.origin if s else "user")]

    def takes_over(self, branch: If, yields: Sequence[Atom], known: Known) -> bool:
        mine = [r for r in branch.results if r in yields]
        if not mine or branch.origin != "user" or any(r.user for r in mine):
            return False
        if any(is_undefined(s) for region in regions_of(branch) for s in region.body):
            return False  # an arm that never runs may have no value to return
        return written_as_statement(branch)


End = Assign | Leave | Exit | Return


_TRUE, _FALSE = const(True), const(False)


def last_decision(kept: Sequence[Statement]) -> int | None:
    """The position of the last statement, if it is an `If`; what only negates flags may follow it."""
    at = len(kept) - 1
    while at >= 0:
        s = kept[at]
        if not (isinstance(s, Op) and s.decl.name == "not"):
            return at if isinstance(s, If) else None
        at -= 1
    return None


def known_in_arms(branch: If, negations: Sequence[Statement]) -> Known:
    """What results, the condition, and what is `not` of them are in each arm."""
    pairs = zip(branch.then.yields, branch.orelse.yields, strict=True)
    known: dict[Atom, tuple[Atom, Atom]] = dict(zip(branch.results, pairs, strict=True))
    known[branch.condition] = (_TRUE, _FALSE)
    for s in negations:
        arms = known.get(s.operands[0])
        if arms is not None and all(isinstance(a, Const) for a in arms):
            known[s.results[0]] = (_opposite(arms[0]), _opposite(arms[1]))
    return known


def _opposite(atom: Atom) -> Const:
    assert isinstance(atom, Const)
    return _FALSE if atom.value else _TRUE


def in_arm(yields: Sequence[Atom], known: Known, arm: int) -> list[Atom]:
    return [known[y][arm] if y in known else y for y in yields]


def decides(branch: If, flag: Atom, known: Known) -> bool:
    """Whether a branch settles a flag in one of its arms at least."""
    if flag not in known or not any(isinstance(a, Const) for a in known[flag]):
        return False
    return len(branch.results) > 1 or flag not in branch.results or not prefers_expression(branch)


def copies(
    targets: Sequence[Value | None], sources: Sequence[Atom | None], s: Statement
) -> list[Node]:
    pairs = [
        (t, a)
        for t, a in zip(targets, sources, strict=True)
        if t is not None and a is not None and t is not a
    ]
    return [Copy(tuple(t for t, _ in pairs), tuple(a for _, a in pairs), s.origin)] if pairs else []


def ends_in_jump(nodes: Sequence[Node]) -> bool:
    if not nodes:
        return False
    last = nodes[-1]
    if isinstance(last, Branch):
        return ends_in_jump(last.then) and ends_in_jump(last.orelse)
    return isinstance(last, Jump)


def written_as_statement(branch: If) -> bool:
    """Whether the user's line has a statement `if`, not a conditional expression; True if there is no line."""
    where = branch.location
    if where is None or not where.source_line:
        return True
    return where.source_line[where.column :].startswith(("if ", "elif ", "if(", "elif(")) or not (
        {"if", "and", "or", "<", ">", "<=", ">=", "==", "!=", "lambda"}
        & set(where.source_line.replace("(", " ( ").split())
    )


def prefers_expression(branch: If) -> bool:
    if branch.location is not None and branch.location.source_line and branch.origin == "user":
        return not written_as_statement(branch)
    has_name = any(r.name for r in branch.results)
    return not has_name and len(branch.then.body) + len(branch.orelse.body) <= 2
