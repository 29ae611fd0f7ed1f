"""Generator functions (`yield`), typed where a loop iterates over them.

A call of a generator function is represented by its frame; its body is read where a loop iterates over it. The loop is
then the function's own body, with the loop's body in the place of each `yield`:

    def squares(xs):                        for x in xs:
        for x in xs:                            v = x * x
            yield x * x                         total += v
    for v in squares(xs):
        total += v

The names that the loop's body assigns are cells meanwhile, like names that nested functions bind (`nonlocal`): all
loops and branches of the generator carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType, ModuleType

import gast

from srcdiff.frontend.calls.inline import read_body
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.session import TRUE
from srcdiff.frontend.core.values import (
    MISSING,
    Conflict,
    FrontValue,
    Generated,
    Missing,
    Partial,
    Parts,
)
from srcdiff.frontend.iteration.iterables import iterable, left_early
from srcdiff.frontend.source.flow_analysis import assigned_names
from srcdiff.frontend.source.function_source import EXPRESSION, CalledSource, placed
from srcdiff.frontend.source.jumps import loop_exits
from srcdiff.frontend.source.wrappers import LIBRARIES
from srcdiff.ir.core import Origin
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Const, Value, const

_DEEPEST = 3  # a generator may go through calls of itself, where what it asks is known


def generator_loop(fr: Frame, node: gast.AST, generator: Generated) -> None:
    """`for target in generator: body`, as the generator's own statements."""
    session = fr.session
    if loop_exits(node) and _may_be_listed(fr, node, generator):
        listed = replace(generator, at_once=True)
        fr.for_loop(node, iterable(fr, listed, node))
        left_early(fr, generator)
        return
    if _check(fr, node, generator):
        return
    cell = generator.started.cell
    session.cells[cell] = Parts("shared", ("",), (TRUE,), cell=cell)
    inner = generator.frame
    frame = fr.new(inner.source, inner.look_up, inner.outer, fr)
    frame.call_node, frame.env = inner.call_node, dict(inner.env)
    live = fr.source.flow.iteration.get(id(node), frozenset(getattr(node, "carried", ())))
    with _shared(fr, node, live) as before:
        origin = session.b.origin
        frame.consume = lambda value: _iteration(fr, node, value, live, origin)
        path, calls = session.path, session.open_calls
        session.path = (*path, id(node), id(inner.call_node))
        session.open_calls = (*calls, frame.source.node)
        own: Origin = "compiler" if isinstance(frame.source, CalledSource) else origin
        try:
            with _lines_of(fr, own):
                read_body(frame, frame.source.node)
        finally:
            session.path, session.open_calls = path, calls
    fr.env = before


def _may_be_listed(fr: Frame, node: gast.AST, generator: Generated) -> bool:
    """Whether the items may be computed before the first iteration of a loop that is left early."""
    made = generator.frame
    if generator.at_once or made.source.name != EXPRESSION:
        return generator.at_once and not _may_write(fr, node)
    return made.outer is fr and _is_independent(fr, node, made.source.node.body)


def _is_independent(fr: Frame, node: gast.AST, items: list[gast.AST]) -> bool:
    """Whether a loop's body changes nothing that a generator expression reads."""
    if fr.nonlocals or _may_write(fr, node):
        return False
    parts = [part for item in items for part in gast.walk(item)]
    own = {p.id for p in parts if isinstance(p, gast.Name) and not isinstance(p.ctx, gast.Load)}
    read = {p.id for p in parts if isinstance(p, gast.Name)} - own
    return read.isdisjoint(assigned_names([node.target, *node.body]))


def may_be_listed(fr: Frame, node: gast.AST, expression: gast.AST) -> bool:
    """Whether the items of an expression may be computed before the loop `node` begins."""
    return _is_independent(fr, node, [expression])


def _may_write(fr: Frame, node: gast.AST) -> bool:
    """Whether a loop's body changes arrays or containers, which a list of the items would not show."""
    return any(_is_write(fr, part) for statement in node.body for part in gast.walk(statement))


def _is_write(fr: Frame, part: gast.AST) -> bool:
    if isinstance(part, gast.Subscript | gast.Attribute):
        return isinstance(part.ctx, gast.Store | gast.Del)
    if isinstance(part, gast.AugAssign) and isinstance(part.target, gast.Name):
        value = fr.env.get(part.target.id)
        return not isinstance(value, Value | Const) or not isinstance(value.type, Scalar)
    if isinstance(part, gast.Expr) and isinstance(part.value, gast.Call):
        return True
    return isinstance(part, gast.Call) and not is_of_library(fr, part)


_WRITING = {"fill", "itemset", "partition", "put", "resize", "sort"}  # methods of arrays


def is_of_library(fr: Frame, call: gast.AST) -> bool:
    """Whether a function that is known to write into none of its arguments is called, as its name shows."""
    if any(keyword.arg in ("out", None) for keyword in call.keywords):
        return False
    root = call.func
    while isinstance(root, gast.Attribute):
        root = root.value
    if not isinstance(root, gast.Name):
        return False
    own = fr.env.get(root.id)
    if own is not None or root.id in fr.local:
        is_array = isinstance(own, Value) and isinstance(own.type, Array | Scalar)
        return is_array and getattr(call.func, "attr", "") not in _WRITING
    found = fr.find(root.id)
    value = None if found is None else found[1]
    name = getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", None) or ""
    return not isinstance(value, FunctionType) and name.partition(".")[0] in LIBRARIES


def _check(fr: Frame, node: gast.AST, generator: Generated) -> bool:
    """Whether a loop has iterated over it before. Refuses loops in which the generator's statements would mean
    something else.
    """
    (started,) = fr.session.cells[generator.started.cell].values
    if not isinstance(started, Const) or started.value is None:
        fr.untyped(node, "this generator may have been used before", "Call it anew.")
    if loop_exits(node):
        fr.untyped(node, "a loop over a generator is left early", "Loop over a list of its items.")
    if fr.session.attempts:
        fr.untyped(
            node, "a loop over a generator stands inside of `try`", "Loop over a list of its items."
        )
    if fr.session.open_calls.count(generator.frame.source.node) > _DEEPEST:
        fr.untyped(node, "this generator calls itself", "Append the values to a list.")
    return bool(started.value)


@contextmanager
def _shared(fr: Frame, node: gast.AST, live: frozenset[str]) -> Iterator[dict[str, FrontValue]]:
    """Put the names that the loop's body assigns into cells. Yields the names that hold after the loop."""
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


def _iteration(
    fr: Frame, node: gast.AST, value: FrontValue, live: frozenset[str], origin: Origin
) -> None:
    """The loop's body, for what was yielded."""
    env = dict(fr.env)
    fr.env["%go"] = TRUE
    fr.loop_depth += 1
    try:
        with _lines_of(fr, origin):
            fr.assign(node.target, value, node.target)
            fr.block(node.body, live)
    finally:
        fr.loop_depth -= 1
        fr.env = env


@reads(gast.Yield)
def _yield(fr: Frame, node: gast.AST) -> FrontValue:
    consumed = _consumer(fr, node)
    session = fr.session
    value = const(None) if node.value is None else fr.value_or_none(node.value)
    path, session.path = session.path, (*session.path, id(node))
    try:
        consumed(value)
    finally:
        session.path = path
    return const(None)  # as `for` has it


def _consumer(fr: Frame, node: gast.AST) -> Callable[[FrontValue], None]:
    """The function that takes the values that are yielded."""
    if fr.consume is None:
        fr.untyped(node, "generators are not supported here", "Return a list of the values.")
    if fr.session.attempts:  # what the loop's body raises is not for the generator to catch
        fr.untyped(node, "a value is yielded inside of `try`", "Yield after it.")
    return fr.consume


@reads(gast.YieldFrom)
def _yield_from(fr: Frame, node: gast.AST) -> FrontValue:
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
