"""`try ... except`: exceptions that the program itself raises are control flow, also inside of inlined functions.

    try:                                  raised = False if x > 0 else True
        y = checked_log(x)                if raised:
    except ValueError:                        y = 0.0
        y = 0.0                           else: ...

The handler of an exception is a number, kept like a name that nested functions share. After each statement that may
have raised, the rest of its block goes under an `if`. An exception that only the run can raise, such as a division by
zero or a matrix that is not positive definite, is refused where a handler would catch it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import gast
import numpy as np

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import MISSING, Conflict, Done, Known, Parts, Statements
from srcdiff.frontend.joins.phi import branch
from srcdiff.frontend.source.jumps import may_exit
from srcdiff.frontend.source.refusals import untyped
from srcdiff.ir.core import Call, If, Op, Region, Statement, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.control import raise_
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise.arithmetic import equal, not_equal

KEPT = "Give what it holds to a name before the `raise`, and read that name."

Classes = tuple[type[BaseException], ...]


@dataclass(eq=False)
class Attempt:
    """A `try` whose first block is being read."""

    frame: Frame
    cell: str
    handlers: tuple[Classes, ...]
    depth: int
    within: int  # how many calls were open
    conditions: dict[Atom, Atom] = field(default_factory=dict)  # to the number that is tested

    def number(self) -> Atom:
        (value,) = self.frame.session.cells[self.cell].values
        assert isinstance(value, Value | Const)
        return value

    def condition(self, fr: Frame, node: gast.AST, number: Value) -> Atom:
        """Whether the number says that something was raised."""
        key = "raised", number
        if key not in fr.session.compared:
            made = fr.session.compared[key] = fr.op(node, not_equal, number, const(0))
            self.conditions[made] = number
            found = tuple(self.where_zero(number, fr.b.body))
            fr.session.implies[made] = ((False, found),)
        return fr.session.compared[key]

    def where_zero(self, number: Atom, body: Sequence[Statement]) -> Iterator[tuple[Atom, bool]]:
        """Facts that hold where nothing was raised: the conditions of the branches that raise."""
        for s in body:
            if not isinstance(s, If) or number not in s.results:
                continue
            k = s.results.index(number)
            for side, other, truth in ((s.then, s.orelse, False), (s.orelse, s.then, True)):
                found = side.yields[k]
                is_raised = isinstance(found, Const) and found != const(0)
                if is_raised or (not truth and self.conditions.get(s.condition) is found):
                    yield s.condition, truth
                    yield from self.where_zero(other.yields[k], other.body)


# ---- raising ----------------------------------------------------------------------------------------------------


def thrown(fr: Frame, node: gast.AST, cls: type[BaseException]) -> bool:
    """Note that an exception is raised, where a `try` around catches it."""
    for attempt in reversed(fr.session.attempts):
        for k, classes in enumerate(attempt.handlers):
            if issubclass(cls, classes):
                if not fr.session.hoisted.issuperset(fr.session.path[attempt.within :]):
                    fr.untyped(
                        node,
                        "this is raised inside of an expression, and caught around it",
                        "Assign the result of the call first, as a statement of its own.",
                    )
                shared = fr.session.cells[attempt.cell]
                fr.session.cells[attempt.cell] = Parts(
                    "shared", ("",), (const(k + 1),), None, shared.cell
                )
                _leave(fr, attempt)
                return True
    return False


def _leave(fr: Frame, attempt: Attempt) -> None:
    """Leave the loops that are inside of the `try`, and the functions."""
    inside = fr.loop_depth > attempt.depth if fr is attempt.frame else fr.loop_depth > 0
    if inside:
        fr.env["%go"] = FALSE
    if fr is not attempt.frame:
        fr.env["%value"] = MISSING
        if fr.loop_depth:
            fr.env["%return"] = TRUE


def after_statement(fr: Frame, node: gast.AST) -> tuple[Atom, Attempt] | None:
    """Whether a statement may have raised what a `try` around catches: the condition, if it is not known that none."""
    for attempt in reversed(fr.session.attempts):
        number = attempt.number()
        if isinstance(number, Const):
            if number.value:
                return TRUE, attempt
            continue
        condition = attempt.condition(fr, node, number)
        known = fr.session.facts.get(condition)
        if known is None:
            return condition, attempt
        if known:
            return TRUE, attempt
    return None


def leave_after(fr: Frame, attempt: Attempt) -> Done:
    _leave(fr, attempt)
    return TRUE


# ---- catching ----------------------------------------------------------------------------------------------------


def read_try(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done:
    """Read a `try` without `finally`, and what follows it."""
    handlers = tuple(_classes(fr, h) for h in s.handlers)
    after = fr.source.flow.after.get(id(s), live)
    attempt, done = _attempted(fr, s, handlers, after | live)
    number = attempt.number()
    leaves = any(map(may_exit, s.body))

    def untouched(more: Statements, wanted: frozenset[str]) -> Done:
        if not leaves or done is FALSE:
            return fr.block(more, wanted)
        if done is TRUE or done is None:
            return done
        return branch(fr, s, done, lambda: TRUE, lambda: fr.block(more, wanted), wanted)

    def handled(more: Statements, wanted: frozenset[str], k: int = 0) -> Done:
        def own() -> Done:
            if s.handlers[k].name is not None:
                conflict = Conflict("is an exception, which is not a value here", advice=KEPT)
                fr.bind(_name(s.handlers[k].name), conflict)
            return fr.block([*s.handlers[k].body, *more], wanted)

        if k + 1 == len(handlers) or number == const(k + 1):
            return own()
        if isinstance(number, Const):
            return handled(more, wanted, k + 1)
        is_this = fr.op(s, equal, number, const(k + 1))
        return branch(fr, s, is_this, own, lambda: handled(more, wanted, k + 1), wanted)

    if isinstance(number, Const):
        if number.value:
            return handled(rest, live)
        return untouched([*s.orelse, *rest], live)
    raised = attempt.condition(fr, s, number)
    bodies = [s.body, s.orelse, *(h.body for h in s.handlers)]
    if not any(may_exit(inner) for body in bodies for inner in body) and not _raises(s):
        branch(fr, s, raised, lambda: handled([], after), lambda: fr.block(s.orelse, after), after)
        return fr.block(rest, live)
    without = [*s.orelse, *rest]
    return branch(
        fr, s, raised, lambda: handled(rest, live), lambda: untouched(without, live), live
    )


def _attempted(
    fr: Frame, s: gast.AST, handlers: tuple[Classes, ...], live: frozenset[str]
) -> tuple[Attempt, Done]:
    """Read the body of a `try`: the exceptions that it may raise, and whether control leaves it."""
    session = fr.session
    made = session.new_cell(Parts("shared", ("",), (const(0),)))
    session.cell_names[made.cell] = "raised"
    attempt = Attempt(fr, made.cell, handlers, fr.loop_depth, len(session.path))
    start = len(fr.b.body)
    session.attempts.append(attempt)
    fr.attempts += 1
    try:
        done = fr.block(s.body, fr.source.flow.iteration.get(id(s), live) | live)
    except UnsupportedError as error:  # it may be what the handlers are there for
        raise UntypedError(error.message, error.advice, error.location, error.chain) from None
    finally:
        session.attempts.pop()
        fr.attempts -= 1
    _refuse_others(fr.b.body[start:], handlers)
    return attempt, done


def _raises(s: gast.AST) -> bool:
    parts = (*s.orelse, *(inner for h in s.handlers for inner in h.body))
    return any(isinstance(n, gast.Raise) for part in parts for n in gast.walk(part))


def _name(target: gast.AST) -> str:
    return target.id if isinstance(target, gast.Name) else str(target)


def _classes(fr: Frame, handler: gast.ExceptHandler) -> Classes:
    if handler.type is None:
        return (BaseException,)
    found = fr.expr(handler.type)
    parts = found.values if isinstance(found, Parts) else (found,)
    classes = [p.value for p in parts if isinstance(p, Known)]
    if len(classes) != len(parts) or not all(
        isinstance(c, type) and issubclass(c, BaseException) for c in classes
    ):
        fr.fail(handler.type, "`except` takes exceptions' classes", "Name the exceptions.")
    return tuple(classes)


# ---- what is not caught --------------------------------------------------------------------------------------------


def _refuse_others(body: Sequence[Statement], handlers: Sequence[Classes]) -> None:
    """Refuse operations that may raise what a handler would catch."""
    caught = tuple(c for classes in handlers for c in classes)
    for s in walk(Region((), tuple(body), ())):
        kinds: Classes = ()
        if isinstance(s, Op) and s.decl is not raise_:
            kinds = _raised_by(s)
        elif isinstance(s, Call) and any(
            isinstance(inner, Op) and (inner.decl is raise_ or _raised_by(inner))
            for inner in walk(s.function.body)
        ):
            kinds = (Exception,)
        if any(issubclass(k, caught) or any(issubclass(c, k) for c in caught) for k in kinds):
            what = f"a call of `{s.function.name}`" if isinstance(s, Call) else _words(s)  # type: ignore[arg-type]
            names = ", ".join(sorted({c.__name__ for c in caught}))
            untyped(
                f"what {what} may raise here would be caught (`except {names}`), which is not supported",
                "Test for it with `if` before, or leave the operation outside of the `try`.",
                s.location,
            )


def _words(op: Op) -> str:
    if op.decl in _WRITES:
        return "a write to elements"
    return "a subscript" if op.decl is memory.index else f"`{op.decl.name}`"


_WRITES = (memory.store, memory.add_into, memory.add_at)
_BY_KIND: dict[str, Classes] = {
    "arithmetic": (ZeroDivisionError, OverflowError),
    "elementwise": (ValueError, OverflowError),
    "linalg": (np.linalg.LinAlgError,),
    "memory": (IndexError,),
    "containers": (IndexError,),
}


def _raised_by(op: Op) -> Classes:
    """The exceptions that an operation may raise when it runs (not those of shapes that do not fit)."""
    if op.decl in _WRITES:
        picked = set(items(op.attrs.get("where") or "")) - {"None", "..."}
        return (IndexError,) if any(":" not in item for item in picked) else ()
    if not op.decl.raises:
        return ()
    kind = getattr(op.decl.infer, "__module__", "").rpartition(".")[2]
    name = op.decl.name
    if name in ("divide", "floor_divide", "mod", "power"):
        is_python = all(isinstance(a.type, Scalar) and a.type.weak for a in op.operands)
        divisor = op.operands[-1]
        is_safe = isinstance(divisor, Const) and divisor.value != 0
        return _BY_KIND["arithmetic"] if is_python and not is_safe else ()
    if name in ("assert", "assert_"):
        return (AssertionError,)
    if name in ("index", "gather", "list_item", "list_pop", "list_set"):
        return (IndexError,)
    if name in ("cholesky", "solve", "inv", "det", "eigh", "svd", "eig"):
        return (np.linalg.LinAlgError,)
    return _BY_KIND.get(kind, (ValueError, ArithmeticError, LookupError))
