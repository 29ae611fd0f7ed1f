"""`try ... finally`, and exits from `with`, in plainer Python, before a function's tree is analysed.

    try:                      kept = f(x)
        return f(x)           clean_up()
    finally:                  return kept
        clean_up()

The last block stands wherever control leaves the first one. (If an exception that nothing here catches leaves it, the
derivative raises that exception without the last block: nothing sees its results.)

In front of a `return`, `break` or `continue` that leaves a `with`, a node marks that the contexts are left there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import gast

from srcdiff.frontend.source.adjoint_hook_nodes import is_block
from srcdiff.frontend.source.jumps import may_exit


class Guard(gast.stmt):
    """Here begins what `finally` stands behind; `inside` is that, which no walk comes to from here."""

    _fields = ()


class LeaveContexts(gast.stmt):
    """Control leaves a `with` here; `holders` are the names that its contexts are kept under."""

    _fields = ("holders",)


def holder_of(item: gast.AST) -> str:
    """The name of ours that the context of an item of a `with` is kept under."""
    return f"%context{item.context_expr.lineno}_{item.context_expr.col_offset}"


def without_finally(tree: gast.AST) -> gast.AST:
    """The tree of a function, changed in place."""
    return _Without().visit(tree)


class _Without(gast.NodeTransformer):
    def visit_Try(self, node: gast.AST) -> gast.AST:
        self.generic_visit(node)
        if not node.finalbody:
            return node
        last, node.finalbody = node.finalbody, []
        body = [node] if node.handlers else [*node.body, *node.orelse]
        guard = gast.copy_location(Guard(), node)
        guard.inside = body
        return [guard, *_Leaving(last).block(body), *copy.deepcopy(last)]

    def visit_With(self, node: gast.AST) -> gast.AST:
        self.generic_visit(node)
        if any(map(may_exit, node.body)) and not is_block(node):
            left = gast.copy_location(LeaveContexts(), node)
            left.holders = [
                gast.copy_location(gast.Name(holder_of(item), gast.Load(), None, None), node)
                for item in reversed(node.items)
            ]
            node.body = _Leaving([left]).block(node.body)
        return node


class _Leaving(gast.NodeTransformer):
    """Puts the last block in front of the exits of the first."""

    def __init__(self, last: list[gast.AST]) -> None:
        self.last = last
        self.loops = 0

    def block(self, body: Iterable[gast.AST]) -> list[gast.AST]:
        out: list[gast.AST] = []
        for s in body:
            found = self.visit(s)
            out += found if isinstance(found, list) else [found]
        return out

    def visit_Return(self, node: gast.AST) -> gast.AST:
        if node.value is None or isinstance(node.value, gast.Constant):
            return [*copy.deepcopy(self.last), node]
        name = f"%kept{node.lineno}"
        kept = gast.Assign([gast.Name(name, gast.Store(), None, None)], node.value, None)
        value = gast.Name(name, gast.Load(), None, None)
        for new in (kept, kept.targets[0], value):
            gast.copy_location(new, node)
        return [kept, *copy.deepcopy(self.last), gast.copy_location(gast.Return(value), node)]

    def leave_iteration(self, node: gast.AST) -> gast.AST:
        return node if self.loops else [*copy.deepcopy(self.last), node]

    visit_Break = visit_Continue = leave_iteration

    def loop(self, node: gast.AST) -> gast.AST:
        self.loops += 1
        node.body = self.block(node.body)
        self.loops -= 1
        node.orelse = self.block(node.orelse)
        return node

    visit_For = visit_While = loop

    def nested(self, node: gast.AST) -> gast.AST:
        return node

    visit_FunctionDef = visit_Lambda = nested
