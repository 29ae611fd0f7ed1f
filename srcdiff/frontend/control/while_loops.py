"""`while` loops, in two forms: with a condition, and endless with an exit at the end of an iteration."""

from __future__ import annotations

import gast

from srcdiff.frontend.control.blocks import block
from srcdiff.frontend.control.conditions import truth
from srcdiff.frontend.control.loop_carries import LoopReader
from srcdiff.frontend.control.loops import IterationRegion, go_flag, note_iteration, read_loop
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.session import TRUE, Iteration
from srcdiff.frontend.source.jumps import has_break, is_endless, loop_exits
from srcdiff.ir.core import While


@reads(gast.While)
def _while(fr: Frame, node: gast.AST) -> None:
    always = is_endless(node)
    if always or loop_exits(node) or _binds(node.test):
        read_loop(fr, node, lambda loop: _read_endless(fr, loop, always))
        if always and not has_break(node):
            fr.env["%return"] = TRUE
        return
    read_loop(fr, node, lambda loop: _read_while(fr, loop))


def _binds(test: gast.AST) -> bool:
    return any(isinstance(n, gast.NamedExpr) for n in gast.walk(test))


def _read_while(fr: Frame, loop: LoopReader) -> None:
    """`while` with a condition, left nowhere else."""
    node = loop.node
    with IterationRegion(fr, loop) as before:
        loop.enter()
        own = {carry.name: carry.own for carry in loop.carries}
        condition = truth(fr, node.test)
    if fr.session.static_truth(condition) is False:
        fr.env = loop.before
        return
    with IterationRegion(fr, loop) as b:
        loop.enter()
        with note_iteration(fr, Iteration(None)):
            block(fr, node.body, loop.live)
        yields = loop.leave()
        body = b.region(loop.params(), yields)
    params = [p for c in loop.carries for p in own.get(c.name) or c.values(c.types)]
    test = before.region(params, [condition])
    inits = loop.inits()
    fr.b.append(
        While(
            tuple(inits),
            test,
            body,
            tuple(loop.outcome()),
            location=fr.source.location(node),
            origin=fr.b.origin,
        )
    )


def _read_endless(fr: Frame, loop: LoopReader, always: bool) -> None:
    """`while True` with its exit at the end; a condition becomes a branch around the iteration."""
    node = loop.node
    statements = node.body
    if not always:
        leave = gast.copy_location(gast.Break(), node)
        leave.at_end = True
        statements = [gast.copy_location(gast.If(node.test, node.body, [leave]), node)]
    with IterationRegion(fr, loop) as b:
        loop.enter()
        with note_iteration(fr, Iteration(None)):
            done = block(fr, statements, loop.live)
        go = go_flag(fr)
        yields = loop.leave()
        if go is TRUE and done is not None:
            fr.fail(node, "this loop never ends", "Leave it by `break` or `return`.")
        body = b.region(loop.params(), [go, *yields])
    inits = loop.inits()
    fr.b.append(
        While(
            tuple(inits),
            None,
            body,
            tuple(loop.outcome()),
            location=fr.source.location(node),
            origin=fr.b.origin,
        )
    )
