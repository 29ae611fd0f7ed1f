"""Jumps of a syntax tree: where control may leave a block, by `return`, `break`, `continue` or `raise`."""

from __future__ import annotations

from collections.abc import Sequence

import gast


def broke_flag(depth: int) -> str:
    """The name that says whether the loop at a depth was left by `break`."""
    return f"%broke{depth}"


def has_return(node: gast.AST) -> bool:
    """Whether a statement contains `return`, at any depth of loops."""
    return _contains(node, "return")


def has_break(loop: gast.AST) -> bool:
    """Whether a loop is left by a `break` of its own."""
    return any(_contains(s, "break") for s in loop.body)


def loop_exits(loop: gast.AST) -> bool:
    """Whether a loop may be left before its time."""
    return has_break(loop) or has_return(loop)


def is_endless(node: gast.AST) -> bool:
    return isinstance(node.test, gast.Constant) and bool(node.test.value)


def may_exit(statement: gast.AST) -> bool:
    """Whether control may leave the block that the statement is in."""
    return (
        _contains(statement, "return")
        or _contains(statement, "break")
        or _contains(statement, "continue")
    )


def _contains(node: gast.AST, jump: str) -> bool:
    memo = node.__dict__.setdefault("_jumps", {})
    if jump not in memo:
        memo[jump] = _find_jump(node, jump)
    return bool(memo[jump])


def _find_jump(node: gast.AST, jump: str) -> bool:
    match node:
        case gast.Return():
            return jump == "return"
        case gast.Break():
            return jump == "break"
        case gast.Continue():
            return jump == "continue"
        case gast.For() | gast.While():
            inner = node.body if jump == "return" else []
            return any(_contains(s, jump) for s in (*inner, *node.orelse))
        case gast.If():
            return any(_contains(s, jump) for s in (*node.body, *node.orelse))
        case gast.Match():
            return any(_contains(s, jump) for case in node.cases for s in case.body)
        case gast.With():
            return any(_contains(s, jump) for s in node.body)
        case gast.Try():
            inner = [*node.body, *node.orelse, *(s for h in node.handlers for s in h.body)]
            return any(_contains(s, jump) for s in inner)
    return False


def always_exits(statements: Sequence[gast.AST]) -> bool:
    """Whether a block never falls through, as its last statement shows; a `raise` alone is no such exit."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, gast.With):
        return always_exits(last.body)
    if isinstance(last, gast.Return | gast.Break | gast.Continue):
        return True
    if isinstance(last, gast.If):
        sides = [last.body, last.orelse]
        return any(map(always_exits, sides)) and all(always_exits(s) or _raises(s) for s in sides)
    return False


def _raises(statements: Sequence[gast.AST]) -> bool:
    return bool(statements) and isinstance(statements[-1], gast.Raise)
