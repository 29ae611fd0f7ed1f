"""Generator functions (`yield`), typed where a loop goes through them.

A call of a generator function is what stands for its frame; nothing of it is read before a loop asks. Then the loop is
the function's own body, with the loop's body in the place of each `yield`:

    def squares(xs):                        for x in xs:
        for x in xs:                            v = x * x
            yield x * x                         total += v
    for v in squares(xs):
        total += v

What the loop's body assigns is a cell meanwhile, as what nested functions bind is (`nonlocal`), so that whatever loops
and branches of the generator carry it along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gast

from srcdiff.frontend.blocks import block
from srcdiff.frontend.control import assigned_names, loop_exits
from srcdiff.frontend.frame import HOOKS, Frame, reads
from srcdiff.frontend.functions import read_body
from srcdiff.frontend.iteration import iterable
from srcdiff.frontend.loops import for_loop
from srcdiff.frontend.session import TRUE
from srcdiff.frontend.source import CalledSource, placed
from srcdiff.frontend.targets import assign
from srcdiff.frontend.values import (
    MISSING,
    Conflict,
    FrontValue,
    Generated,
    Missing,
    Partial,
    Parts,
)
from srcdiff.ir.core import Const, Origin, Value, const
from srcdiff.ir.types import Scalar

__all__: list[str] = []

_DEEPEST = 3  # a generator may go through calls of itself, where what it asks is known


def consume(fr: Frame, node: Any, generator: Generated) -> None:
    """`for target in generator: body`, as the generator's own statements."""
    session = fr.session
    if loop_exits(node) and generator.at_once and not _may_write(fr, node):
        for_loop(fr, node, iterable(fr, generator, node))
        return
    if _check(fr, node, generator):
        return
    cell = generator.started.cell
    session.cells[cell] = Parts("shared", ("",), (TRUE,), cell=cell)
    inner = generator.frame
    frame = Frame(session, inner.source, inner.look_up, inner.outer, fr)
    frame.call, frame.env = inner.call, dict(inner.env)
    live = fr.source.flow.turn.get(id(node), frozenset(getattr(node, "carried", ())))
    with _shared(fr, node, live) as before:
        origin = session.b.origin
        frame.consume = lambda value: _turn(fr, node, value, live, origin)
        path, calls = session.path, session.open_calls
        session.path = (*path, id(node), id(inner.call))
        session.open_calls = (*calls, frame.source.node)
        own: Origin = "compiler" if isinstance(frame.source, CalledSource) else origin
        try:
            with _lines_of(fr, own):
                read_body(frame, frame.source.node)
        finally:
            session.path, session.open_calls = path, calls
    fr.env = before


HOOKS["consume"] = consume


def _may_write(fr: Frame, node: Any) -> bool:
    """Whether a loop's body changes arrays or containers, which a list of the items would not show."""
    return any(_is_write(fr, part) for statement in node.body for part in gast.walk(statement))


def _is_write(fr: Frame, part: Any) -> bool:
    if isinstance(part, gast.Subscript | gast.Attribute):
        return isinstance(part.ctx, gast.Store | gast.Del)
    if isinstance(part, gast.AugAssign) and isinstance(part.target, gast.Name):
        value = fr.env.get(part.target.id)
        return not isinstance(value, Value | Const) or not isinstance(value.type, Scalar)
    return isinstance(part, gast.Expr) and isinstance(part.value, gast.Call)


def _check(fr: Frame, node: Any, generator: Generated) -> bool:
    """Whether a loop has gone through it before. Refuses what the generator's own statements would not be."""
    (started,) = fr.session.cells[generator.started.cell].values
    if not isinstance(started, Const):
        fr.untyped(node, "this generator may have been gone through before", "Call it anew.")
    if loop_exits(node):
        fr.untyped(node, "a loop over a generator is left early", "Loop over a list of its items.")
    if fr.session.attempts:
        fr.untyped(
            node, "a generator is gone through inside of `try`", "Loop over a list of its items."
        )
    if fr.session.open_calls.count(generator.frame.source.node) > _DEEPEST:
        fr.untyped(node, "this generator calls itself", "Append the values to a list.")
    return bool(started.value)


@contextmanager
def _shared(fr: Frame, node: Any, live: frozenset[str]) -> Iterator[dict[str, FrontValue]]:
    """See to it that what the loop's body assigns is in cells. Gives the names that hold behind the loop."""
    session = fr.session
    before = fr.env
    names = getattr(node, "carried", None)
    if names is None:
        names = [n for n in assigned_names([node.target, *node.body]) if n in live]
    fr.env = dict(before)
    cells: dict[str, str] = {}
    unbound: dict[str, FrontValue] = {}
    for name in names:
        value = _settled(fr, before.get(name, MISSING))
        if name in fr.nonlocals or (isinstance(value, Parts) and value.kind == "shared"):
            continue
        if isinstance(value, Missing | Conflict | Partial):
            unbound[name] = Conflict("is bound by a loop over a generator only")
            continue
        made = session.new_cell(Parts("shared", ("",), (value,)))
        session.cell_names[made.cell] = name
        fr.env[name] = made
        cells[name] = made.cell
    after = {**before, **unbound}
    try:
        yield after
        for name, cell in cells.items():
            (after[name],) = session.cells[cell].values
        session.cells = {k: v for k, v in session.cells.items() if k not in cells.values()}
    except BaseException:
        fr.env = before
        raise


def _settled(fr: Frame, value: FrontValue) -> FrontValue:
    while isinstance(value, Partial) and fr.session.facts.get(value.condition) == value.when:
        value = value.value
    return value


@contextmanager
def _lines_of(fr: Frame, origin: Origin) -> Iterator[None]:
    """Statements that are appended are the user's, or ours."""
    b = fr.session.b
    outer, b.origin = b.origin, origin
    try:
        yield
    finally:
        b.origin = outer


def _turn(fr: Frame, node: Any, value: FrontValue, live: frozenset[str], origin: Origin) -> None:
    """The loop's body, for what was yielded."""
    env = dict(fr.env)
    fr.env["%go"] = TRUE
    fr.loop_depth += 1
    try:
        with _lines_of(fr, origin):
            assign(fr, node.target, value, node.target)
            block(fr, node.body, live)
    finally:
        fr.loop_depth -= 1
        fr.env = env


@reads(gast.Yield)
def _yield(fr: Frame, node: Any) -> FrontValue:
    consumed = _consumer(fr, node)
    session = fr.session
    value = const(None) if node.value is None else fr.value_or_none(node.value)
    path, session.path = session.path, (*session.path, id(node))
    try:
        consumed(value)
    finally:
        session.path = path
    return const(None)  # as `for` has it


def _consumer(fr: Frame, node: Any) -> Callable[[FrontValue], None]:
    """What takes the values that are yielded."""
    if fr.consume is None:
        fr.untyped(node, "generators are not supported here", "Return a list of the values.")
    if fr.session.attempts:  # what the loop's body raises is not for the generator to catch
        fr.untyped(node, "a value is yielded inside of `try`", "Yield behind it.")
    return fr.consume


@reads(gast.YieldFrom)
def _yield_from(fr: Frame, node: Any) -> FrontValue:
    """`for item in items: yield item`."""
    _consumer(fr, node)
    loop = getattr(
        node, "as_loop", None
    )  # one tree for all readings: what is learned is noted on its nodes
    if loop is None:
        store, load = (
            placed(node, gast.Name("%item", c(), None, None)) for c in (gast.Store, gast.Load)
        )
        each = placed(node, gast.Expr(placed(node, gast.Yield(load))))
        loop = node.as_loop = placed(node, gast.For(store, node.value, [each], [], None))
        loop.carried = []
    fr.statement(loop)
    return const(None)
