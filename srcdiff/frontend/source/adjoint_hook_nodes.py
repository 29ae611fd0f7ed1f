"""`with srcdiff.adjoint(x) as d_x:` as a node of its own, before the tree is analysed.

To the analyses of `frontend/source/flow_analysis.py`, the statement reads `x` and what its block reads, and assigns
`x`: from there on the name stands for another value. The block is a nested function, `def f(d_x): ...; return d_x`,
that none of them looks into.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import gast

from srcdiff.errors import UnsupportedError
from srcdiff.ir.location import Location


class AdjointBlock(gast.stmt):
    """`target` and `value` are the name whose adjoint is meant, `reads` the names in the block.

    `function` is what is called, `block` the nested function; no walk over the tree comes to them.
    """

    _fields = ("target", "value", "reads")


class OutsideEffect(gast.stmt):
    """A statement of a block that may change something outside the function: a call, or `seen[key] = value`."""

    _fields = ("statement",)


def is_block(node: gast.AST) -> bool:
    """Whether a `with` has one item `adjoint(...)`; the meaning of that name is looked up when the function is read."""
    if not isinstance(node, ast.With | gast.With) or len(node.items) != 1:
        return False
    call = node.items[0].context_expr
    if not isinstance(call, ast.Call | gast.Call):
        return False
    called = call.func
    name = getattr(called, "attr", getattr(called, "id", ""))
    return bool(name == "adjoint")


def check_block(node: ast.With, locate: Callable[[object], Location | None]) -> None:
    """Refuse what such a `with` cannot mean, on Python's own tree."""
    (item,) = node.items
    call = item.context_expr
    assert isinstance(call, ast.Call)
    if len(call.args) != 1 or call.keywords or not isinstance(call.args[0], ast.Name):
        raise UnsupportedError(
            "srcdiff.adjoint() takes one name of a number or an array",
            "Give the value a name in the line before: `y = ...`, then `with srcdiff.adjoint(y) as d_y:`.",
            locate(call),
        )
    if not isinstance(item.optional_vars, ast.Name):
        raise UnsupportedError(
            "the adjoint has no name in this block",
            f"Write `with srcdiff.adjoint({call.args[0].id}) as d_{call.args[0].id}:`.",
            locate(node),
        )
    for inner in _leaving(node.body, in_loop=False):
        word = type(inner).__name__.lower()
        raise UnsupportedError(
            f"`{word}` in a block of srcdiff.adjoint, which runs in the backward part",
            "Assign the adjoint, or raise an exception.",
            locate(inner),
        )
    for inner in (n for s in node.body for n in ast.walk(s)):
        if is_block(inner):
            raise UnsupportedError(
                "a block of srcdiff.adjoint inside another one",
                "Write them one after the other.",
                locate(inner),
            )


def _leaving(body: list[gast.AST], in_loop: bool) -> Iterator[gast.AST]:
    """The statements that would leave a block."""
    for s in body:
        if isinstance(s, ast.Return) or (isinstance(s, ast.Break | ast.Continue) and not in_loop):
            yield s
        elif not isinstance(s, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            looping = in_loop or isinstance(s, ast.For | ast.While)
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _leaving(list(getattr(s, part, ())), looping)


def with_blocks(tree: gast.AST) -> gast.AST:
    return _Blocks().visit(tree)


class _Blocks(gast.NodeTransformer):
    def visit_With(self, node: gast.AST) -> gast.AST:
        if not is_block(node):
            return self.generic_visit(node)
        (item,) = node.items
        call, d = item.context_expr, item.optional_vars
        name = call.args[0]
        made = AdjointBlock()
        made.target = _placed(name, gast.Name(name.id, gast.Store(), None, None))
        made.value = name
        made.reads = [
            n
            for s in node.body
            for n in gast.walk(s)
            if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Load) and n.id != d.id
        ]
        made.function = call.func
        made.adjoint = d.id
        made.block = _function(node, d)
        return _placed(node, made)


def _function(node: gast.AST, d: gast.Name) -> gast.AST:
    parameter = _placed(d, gast.Name(d.id, gast.Param(), None, None))
    last = node.body[-1]
    result = _placed(last, gast.Name(d.id, gast.Load(), None, None))
    body = [*map(_Effects().visit, node.body), _placed(last, gast.Return(result))]
    arguments = gast.arguments([parameter], [], None, [], [], None, [])
    made = gast.FunctionDef("block", arguments, body, [], None, None, [])
    return _placed(node, made)


class _Effects(gast.NodeTransformer):
    """Marks the statements that may reach outside."""

    def visit_FunctionDef(self, node: gast.AST) -> gast.AST:
        return node

    visit_Lambda = visit_FunctionDef

    def visit_Expr(self, node: gast.AST) -> gast.AST:
        return _effect(node) if isinstance(node.value, gast.Call) else node

    def visit_Assign(self, node: gast.AST) -> gast.AST:
        is_item = len(node.targets) == 1 and isinstance(node.targets[0], gast.Subscript)
        return _effect(node) if is_item else node


def _effect(node: gast.AST) -> gast.AST:
    made = OutsideEffect()
    made.statement = node
    return _placed(node, made)


def _placed(place: gast.AST, node: gast.AST) -> gast.AST:
    return gast.copy_location(node, place)
