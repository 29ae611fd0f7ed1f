"""Loops: `for` over a range, an array or a list, unrolled loops over known parts, `while` in its two forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import gast

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.containers.container_views import items_now, let_go
from srcdiff.frontend.control.blocks import block
from srcdiff.frontend.control.loop_carries import GUESS, LoopReader, Retry
from srcdiff.frontend.control.reduction_variables import check_iterations
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.restarts import NoResult, Restart, Unroll
from srcdiff.frontend.core.session import FALSE, TRUE, Iteration, Mark
from srcdiff.frontend.core.values import Done, FrontValue, Generated, Items, Parts, static_int
from srcdiff.frontend.iteration.iterables import exact_count, passed
from srcdiff.frontend.joins.phi import branch
from srcdiff.frontend.source.jumps import broke_flag, has_break, has_return, loop_exits
from srcdiff.ir.build import Builder, range_of
from srcdiff.ir.core import For, Op, OpDecl, Region, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers

_ATTEMPTS = 12
_MOST_ITERATIONS = 16  # of a loop that is unrolled


# ---- reading with retries -------------------------------------------------------------------------------------


def read_loop(fr: Frame, node: gast.AST, attempt: Any) -> None:
    """Call `attempt(loop)` until the types of the loop agree. It appends the loop, or raises `Retry`."""
    session = fr.session
    env, length, mark = fr.env, len(fr.b.body), session.mark()
    depth = fr.loop_depth
    go = env.get("%go")
    guessed_around = fr.guessed
    try:
        for _ in range(_ATTEMPTS):
            fr.env, fr.guessed = dict(env), dict(guessed_around)
            try:
                loop = LoopReader(fr, node)
                attempt(loop)
                break
            except Retry:
                _undo(fr, env, length, mark, depth)
            except UnsupportedError:
                guessed = [c.name for c in loop.carries if c.template is GUESS]
                if not guessed:
                    raise
                _undo(fr, env, length, mark, depth)
                better = [name for name in guessed if loop.guessed_wrong(name)]
                if better:
                    continue
                fr.untyped(
                    node,
                    f"`{guessed[0]}` may not be bound in this loop",
                    f"Assign `{guessed[0]}` before the loop.",
                )
        else:
            fr.untyped(
                node,
                "the types of this loop's variables do not settle",
                "Give them their final types before the loop.",
            )
    except NoResult:  # as if it had no iteration
        _undo(fr, env, length, mark, depth)
    except (Unroll, Restart):
        _undo(fr, env, length, mark, depth)
        raise
    finally:
        fr.guessed = guessed_around
    if go is None:
        fr.env.pop("%go", None)
    else:
        fr.env["%go"] = go


def _undo(fr: Frame, env: dict[str, FrontValue], length: int, mark: Mark, depth: int) -> None:
    fr.env = env
    del fr.b.body[length:]
    fr.session.reset(mark)
    fr.loop_depth = depth


# ---- for ---------------------------------------------------------------------------------------------------------


@reads(gast.For)
def _for(fr: Frame, node: gast.AST) -> None:
    if isinstance(node.iter, gast.Call):  # items may be computed between iterations
        node.iter.loop = node
    node.iter.in_passing = not isinstance(node.iter, gast.GeneratorExp)
    source = fr.expr(node.iter)
    for_loop(fr, node, passed(fr, source, node.iter), source)
    if not isinstance(source, Generated):
        let_go(fr, node.iter)


def for_loop(
    fr: Frame, node: gast.AST, items: Items | Parts | Generated, source: FrontValue | None = None
) -> None:
    if isinstance(items, Generated):
        fr.generator_loop(node, items)
        return
    if isinstance(items, Parts):
        _unroll(fr, node, items_now(fr, node, items))
        if items.cell and len(fr.session.cells[items.cell].keys) != len(items.keys):
            fr.untyped(
                node,
                "this loop changes the length of what it goes over",
                "Loop over a copy: `for item in list(items)`.",
            )
        return
    if items.slots and loop_exits(node):
        fr.fail(
            node,
            "a loop over srcdiff.checkpointed cannot be left early",
            "Loop over the range itself, or skip what is left to do with `if`.",
        )
    if id(node) in fr.session.hints.get("unroll", ()):
        known = exact_count(fr, items) or 0
        _unroll(fr, node, [partial(items.element, const(k)) for k in _order(items, known)])
        return
    symbols: list[str] = []
    try:
        read_loop(fr, node, lambda loop: _read_for(fr, loop, items, symbols, source))
    except UntypedError:
        note_unrollable(fr, node, items)
        raise
    except Unroll as request:
        if request.symbol not in symbols:
            raise
        count = exact_count(fr, items)
        if count is None:
            fr.untyped(
                node,
                "this loop indexes a container of parts of different types, and its number of iterations is not known",
                "Loop over the container.",
            )
        _unroll(fr, node, [partial(items.element, const(k)) for k in _order(items, count)])


def _order(items: Items, count: int) -> Sequence[int]:
    return range(count)[::-1] if items.reverse else range(count)


def note_unrollable(fr: Frame, node: gast.AST, items: Items) -> None:
    """Note that a loop without types may be unrolled: it has few iterations, whatever the arguments."""
    count = items.count if isinstance(items.count, int) else static_int(items.count)
    if count is not None and 0 < count <= _MOST_ITERATIONS and items.slots == 0:
        fr.session.hints.setdefault("nodes", []).append(node)  # an id is for good
        fr.session.hints.setdefault("unrollable", set()).add(id(node))


def unroll_again(hints: dict[Any, Any]) -> bool:
    """Whether another reading may do better: it unrolls the loops in which the last reading found no types."""
    found = hints.pop("unrollable", set()) - hints.get("unroll", set())
    if not found:
        return False
    kept = {k: hints[k] for k in ("nodes", "unroll") if k in hints}
    hints.clear()
    hints.update(kept)
    hints.setdefault("unroll", set()).update(found)
    return True


def _read_for(
    fr: Frame, loop: LoopReader, items: Items, symbols: list[str], source: FrontValue | None
) -> None:
    node = loop.node
    session = fr.session
    start, stop, step = items.bounds or (const(0), _atom(items.count), const(1))
    with IterationRegion(fr, loop) as b:
        index = _index(fr, node, items)
        assert isinstance(index.type, Scalar) and index.type.expr is not None
        symbols[:] = sorted(index.type.expr.symbols())
        session.indices |= set(symbols)
        session.shapes.ranges |= range_of(index, start, stop, step)
        loop.enter()
        element: FrontValue = index if items.bounds else items.element(index)
        fr.assign(node.target, element, node.target)
        iteration = Iteration(index, start, stop, step, source)
        with note_iteration(fr, None if hasattr(node, "is_sum") else iteration):
            block(fr, node.body, loop.live)
        _check_lists(fr, node, items)
        go = go_flag(fr)
        yields = loop.leave()
        breaks = go is not TRUE
        body = b.region([index, *loop.params()], [go, *yields] if breaks else yields)
    if hasattr(node, "is_sum"):
        fr.check_sum(node, body, [c.name for c in loop.carries])
    inits = loop.inits()
    count_result = (
        [Value(Scalar("int64", True, session.shapes.fresh("iterations")), "iterations")]
        if breaks
        else []
    )
    results = (*count_result, *loop.outcome())
    location = fr.source.location(node)
    for name in loop.started:
        check_iterations(fr, node, name, items)
    fr.b.append(
        For(
            start,
            stop,
            step,
            tuple(inits),
            body,
            results,
            items.reverse,
            breaks,
            slots=items.slots,
            location=location,
            origin=fr.b.origin,
        )
    )


def _check_lists(fr: Frame, node: gast.AST, items: Items) -> None:
    """Refuse a loop that changes the list it goes over: the loop reads one item in each iteration, and the length
    once.
    """
    changed: dict[Atom, OpDecl] = {}
    for s in walk(Region((), tuple(fr.b.body), ())):
        if isinstance(s, Op) and s.decl in _CHANGES:
            changed.setdefault(s.operands[0], s.decl)
    for xs, slice_key in items.lists:
        decl = changed.get(xs)
        if decl is not None and slice_key is not None:
            fr.session.hints[slice_key] = True
            raise Restart
        if decl in _RESIZES and not items.reverse:
            fr.untyped(
                node,
                "this loop changes the length of the list that it goes over",
                "Loop over a copy: `for item in list(items)`.",
            )


_RESIZES = (containers.append, containers.list_pop)
_CHANGES = (*_RESIZES, containers.list_set, containers.list_add, containers.list_reverse)


def _atom(count: Atom | int) -> Atom:
    return const(count) if isinstance(count, int) else count


def _index(fr: Frame, node: gast.AST, items: Items) -> Value:
    target = node.target
    if items.naming >= 0 and isinstance(target, gast.Tuple):
        target = target.elts[items.naming]
        named = isinstance(target, gast.Name)
    else:
        named = bool(items.bounds) and isinstance(target, gast.Name)
    hint = target.id if named else "i"
    symbol = fr.session.shapes.fresh(hint)
    return Value(Scalar("int64", True, symbol), hint, named and hint.isidentifier())


def go_flag(fr: Frame) -> Atom:
    go = fr.env.get("%go", TRUE)
    assert isinstance(go, Value | Const)
    return go


class IterationRegion:
    """Open the region of an iteration; if its reading stops early, the state is restored."""

    def __init__(self, fr: Frame, loop: LoopReader) -> None:
        self.fr = fr
        self.loop = loop
        self.region = fr.session.region()

    def __enter__(self) -> Builder:
        session = self.fr.session
        session.guesses.append(self.loop.guess)
        session.loops.append(len(session.shapes.order))
        session.loop_cells.append(session.cell_count)
        self.fr.loop_depth += 1
        return self.region.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        self.fr.loop_depth -= 1
        self.fr.session.loops.pop()
        self.fr.session.loop_cells.pop()
        self.fr.session.guesses.pop()
        return self.region.__exit__(kind, error, trace)


@contextmanager
def note_iteration(fr: Frame, iteration: Iteration | None) -> Iterator[None]:
    """Note the iteration for the handlers of effects; None for a loop that is not the user's."""
    outer = fr.session.iterations
    fr.session.iterations = outer if iteration is None else (*outer, iteration)
    try:
        yield
    finally:
        fr.session.iterations = outer


Elements = list[Callable[[], FrontValue]]


def _unroll(fr: Frame, node: gast.AST, elements: Elements) -> None:
    """A loop over known parts: its body once for each."""
    live = fr.source.flow.iteration.get(id(node), frozenset(getattr(node, "carried", ())))
    saved = fr.env.get("%go")
    if has_return(node):
        fr.env["%return"] = FALSE
    if node.orelse and has_break(node):
        fr.env[broke_flag(fr.loop_depth + 1)] = FALSE
    _unrolled(fr, node, elements, live)
    if saved is None:
        fr.env.pop("%go", None)
    else:
        fr.env["%go"] = saved


def _unrolled(fr: Frame, node: gast.AST, elements: Elements, live: frozenset[str]) -> Done:
    for k, element in enumerate(elements):
        fr.env["%go"] = TRUE
        fr.assign(node.target, element(), node.target)
        fr.loop_depth += 1
        path, unrolled = fr.session.path, fr.session.unrolled
        fr.session.path, fr.session.unrolled = (*path, id(node), k), (*unrolled, k)
        try:
            done = block(fr, node.body, live)
        finally:
            fr.loop_depth -= 1
            fr.session.path, fr.session.unrolled = path, unrolled
        if done is None:
            return FALSE
        go = go_flag(fr)
        known = fr.session.static_truth(go)
        if known is False:
            return FALSE
        if known is None:
            _further(fr, node, go, elements[k + 1 :], live)
            return FALSE
    return FALSE


def _further(fr: Frame, node: gast.AST, go: Atom, rest: Elements, live: frozenset[str]) -> None:
    """The iterations after one that may have left the loop."""
    fr.loop_depth += 1
    branch(fr, node, go, lambda: _unrolled(fr, node, rest, live), lambda: FALSE, live)
    fr.loop_depth -= 1
