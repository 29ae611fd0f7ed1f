"""Blocks of statements: `if`, `return`, `break`, `continue` in the structured form.

Reading a block returns whether the rest after it is skipped (`Done`): never, always, or if a truth value holds. If one
side of an `if` always leaves, the rest goes into the other side; if neither side does, the rest goes under a second
`if` on that truth value.

    if a:                 if a:                         if a:
        return x              yield x                       if b: ...return      if %done: yield %value
    rest                  else:                             more                 else:
                              rest                      rest                         rest
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gast

from srcdiff.frontend.containers.container_views import let_pass
from srcdiff.frontend.control.conditions import truth
from srcdiff.frontend.control.evaluation_order import hoisted
from srcdiff.frontend.control.exceptions import (
    Attempt,
    after_statement,
    leave_after,
    read_try,
)
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import Done, Statements
from srcdiff.frontend.joins.phi import branch
from srcdiff.frontend.source.function_source import placed
from srcdiff.frontend.source.jumps import always_exits, broke_flag, has_break, has_return, may_exit
from srcdiff.ir.values import Atom, Const, Value, const


def block(fr: Frame, statements: Statements, live: frozenset[str]) -> Done:
    """Read statements. `live` are the names wanted behind the block."""
    for k, s in enumerate(statements):
        if fr.session.attempts:
            parts = hoisted(fr, s)
            if parts is not None:
                return block(fr, [*parts, *statements[k + 1 :]], live)
        if fr.session.handlers and isinstance(s, gast.Assign | gast.For):
            done = fr.enumerate_choice(s, statements[k + 1 :], live)
            if done is not None:
                return done
        match s:
            case gast.If():
                done, took_rest = _if(fr, s, statements[k + 1 :], live)
                if took_rest or done is not FALSE:
                    return done
            case gast.Match():
                return block(fr, [*_match(fr, s), *statements[k + 1 :]], live)
            case gast.With():
                return block(fr, fr.enter_contexts(s, statements[k + 1 :]), live)
            case gast.Return():
                return _return(fr, s)
            case gast.Break() | gast.Continue():
                return _leave_iteration(fr, s)
            case gast.Try():
                return read_try(fr, s, statements[k + 1 :], live)
            case gast.Raise():
                return TRUE if fr.statement(s) else None
            case gast.For() | gast.While():
                fr.statement(s)
                if has_return(s) or s.orelse:
                    return _rest_after_loop(fr, s, statements[k + 1 :], live)
            case _:
                fr.statement(s)
        let_pass(fr, s)
        if fr.session.attempts:
            raised = after_statement(fr, s)
            if raised is not None:
                go_on = partial(block, fr, statements[k + 1 :], live)
                return _unless_raised(fr, s, raised, go_on, live)
    return FALSE


def _rest_after_loop(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done:
    def go_on() -> Done:
        if has_return(s):
            return _after_loop(fr, s, rest, live)
        return _else_of_loop(fr, s, rest, live)

    raised = after_statement(fr, s) if fr.session.attempts else None
    return go_on() if raised is None else _unless_raised(fr, s, raised, go_on, live)


def _unless_raised(
    fr: Frame,
    s: gast.AST,
    raised: tuple[Atom, Attempt],
    go_on: Callable[[], Done],
    live: frozenset[str],
) -> Done:
    """The rest of a block behind a statement that may have raised what is caught further out."""
    condition, attempt = raised

    def leave() -> Done:
        return leave_after(fr, attempt)

    if condition is TRUE:
        return leave()
    return branch(fr, s, condition, leave, go_on, live)


def _if(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> tuple[Done, bool]:
    """Read an `if`; also returns whether the statements after it have been read with it."""
    condition = truth(fr, s.test)
    known = fr.session.static_truth(condition)
    if known is not None:
        return block(fr, [*(s.body if known else s.orelse), *rest], live), True
    after = _after(fr, s, live)
    raises = bool(fr.session.attempts) and isinstance(s.body[-1], gast.Raise)
    if not may_exit(s) and not raises:
        done = branch(
            fr,
            s,
            condition,
            lambda: block(fr, s.body, after),
            lambda: block(fr, s.orelse, after),
            after,
        )
        if not fr.session.attempts or not rest or done is None or done is TRUE or done is FALSE:
            return done, False
        return branch(fr, s, done, lambda: TRUE, lambda: block(fr, rest, live), live), True
    if always_exits(s.body) or raises:
        return branch(
            fr,
            s,
            condition,
            lambda: block(fr, s.body, live),
            lambda: block(fr, [*s.orelse, *rest], live),
            live,
        ), True
    if always_exits(s.orelse):
        return branch(
            fr,
            s,
            condition,
            lambda: block(fr, [*s.body, *rest], live),
            lambda: block(fr, s.orelse, live),
            live,
        ), True
    wanted = after | live  # a `break` or `continue` inside goes to the end of this block
    done = branch(
        fr,
        s,
        condition,
        lambda: block(fr, s.body, wanted),
        lambda: block(fr, s.orelse, wanted),
        wanted,
    )
    if done is None or done is TRUE or done is FALSE or not rest:
        return done, False
    return branch(fr, s, done, lambda: TRUE, lambda: block(fr, rest, live), live), True


def _after(fr: Frame, s: gast.AST, live: frozenset[str]) -> frozenset[str]:
    """The names that are wanted behind a statement; those that the reader makes carry them along."""
    own: frozenset[str] | None = getattr(s, "after", None)
    return fr.source.flow.after.get(id(s), live) if own is None else own


def _return(fr: Frame, s: gast.AST) -> Done:
    fr.env["%value"] = const(None) if s.value is None else fr.value_or_none(s.value)
    if fr.loop_depth:
        fr.env["%go"] = FALSE
    if fr.loop_depth or fr.attempts:
        fr.env["%return"] = TRUE
    return TRUE


def _leave_iteration(fr: Frame, s: gast.AST) -> Done:
    if isinstance(s, gast.Break):
        fr.env["%go"] = FALSE
        if broke_flag(fr.loop_depth) in fr.env and not hasattr(s, "at_end"):
            fr.env[broke_flag(fr.loop_depth)] = TRUE
    return TRUE


def _after_loop(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done:
    """Read the statements after a loop that may have been left by `return`, or that has an `else`."""

    def go_on() -> Done:
        return _else_of_loop(fr, s, rest, live)

    returned = _flag(fr, "%return")
    known = fr.session.static_truth(returned)
    if known is None:
        return branch(fr, s, returned, lambda: _pass_on(fr), go_on, live)
    return _pass_on(fr) if known else go_on()


def _else_of_loop(fr: Frame, s: gast.AST, rest: Statements, live: frozenset[str]) -> Done:
    if not s.orelse or not has_break(s):
        return block(fr, [*s.orelse, *rest], live)
    name = broke_flag(fr.loop_depth + 1)
    broke = _flag(fr, name)
    fr.env.pop(name, None)
    known = fr.session.static_truth(broke)
    if known is not None:
        return block(fr, [*([] if known else s.orelse), *rest], live)
    if any(map(may_exit, s.orelse)):
        whole = [*s.orelse, *rest]
        return branch(
            fr, s, broke, lambda: block(fr, rest, live), lambda: block(fr, whole, live), live
        )
    after = _after(fr, s, live)
    branch(fr, s, broke, lambda: FALSE, lambda: block(fr, s.orelse, after), after)
    return block(fr, rest, live)


def _flag(fr: Frame, name: str) -> Atom:
    flag = fr.env.get(name, FALSE)
    assert isinstance(flag, Value | Const)
    return flag


def _pass_on(fr: Frame) -> Done:
    """A `return` inside an inner loop leaves the outer one as well."""
    if fr.loop_depth:
        fr.env["%return"] = TRUE
        fr.env["%go"] = FALSE
    return TRUE


# ---- match, as a ladder of `if` --------------------------------------------------------------------------


def _match(fr: Frame, s: gast.AST) -> list[gast.AST]:
    """`match` on constants: the subject gets a name, each case is a comparison."""
    subject = f"%subject{s.lineno}"
    fr.env[subject] = fr.expr(s.subject)
    ladder: list[gast.AST] = []
    for case in reversed(s.cases):
        test = _pattern(fr, s, case.pattern, subject)
        if case.guard is not None:
            test = (
                case.guard
                if test is None
                else placed(s, gast.BoolOp(gast.And(), [test, case.guard]))
            )
        if test is None:
            ladder = list(case.body)
        else:
            ladder = [placed(s, gast.If(test, list(case.body), ladder))]
            ladder[0].after = fr.source.flow.after.get(id(s))
    return ladder


def _pattern(fr: Frame, s: gast.AST, pattern: gast.AST, subject: str) -> gast.AST | None:
    """The comparison that a pattern stands for; None for one that always fits."""
    name = placed(s, gast.Name(subject, gast.Load(), None, None))
    match pattern:
        case gast.MatchValue():
            return placed(s, gast.Compare(name, [gast.Eq()], [pattern.value]))
        case gast.MatchSingleton():
            return placed(
                s, gast.Compare(name, [gast.Is()], [placed(s, gast.Constant(pattern.value, None))])
            )
        case gast.MatchOr():
            tests = [_pattern(fr, s, p, subject) for p in pattern.patterns]
            return None if None in tests else placed(s, gast.BoolOp(gast.Or(), tests))
        case gast.MatchAs() if pattern.pattern is None and pattern.name is None:
            return None
    fr.untyped(s, "`match` is supported on constants only", "Write the cases as `if` and `elif`.")
