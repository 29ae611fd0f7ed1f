"""Comprehensions and reduced generator expressions, as the loops that they abbreviate.

    [f(x) for x in xs if c]     items = []; for x in xs: if c: items.append(f(x))
    sum(f(x) for x in xs)       total = 0; for x in xs: total = total + f(x)

Over known parts they are structures, made one part after another.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gast

from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.calls.inline import call_closure
from srcdiff.frontend.containers.container_views import hold, let_go
from srcdiff.frontend.containers.lists import known_list, new_list
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import (
    MISSING,
    Closure,
    Conflict,
    FrontValue,
    Generated,
    Items,
    Known,
    Method,
    Missing,
    Parts,
    Piece,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.iteration.iterables import exact_count, iterable, passed, unrolled
from srcdiff.frontend.source.function_source import EXPRESSION, placed
from srcdiff.ir.values import Const, const

Passed = Items | Parts | Generated


def _inner(fr: Frame) -> Frame:
    """A frame for the names of a comprehension."""
    inner = fr.new(fr.source, fr.look_up, fr)
    inner.local = inner.nonlocals = frozenset()
    return inner


@contextmanager
def _binding(fr: Frame, node: gast.AST) -> Iterator[Frame]:
    """A frame for the names of a comprehension; what `:=` binds in it is a name of the function around."""
    inner, session = _inner(fr), fr.session
    bound = {n.target.id for n in gast.walk(node) if isinstance(n, gast.NamedExpr)}
    new = {n for n in bound - fr.nonlocals if isinstance(fr.env.get(n, MISSING), Missing)}
    inner.nonlocals = frozenset(bound - new)
    made: dict[str, Parts] = {}
    for name in sorted(bound - fr.nonlocals - new):
        before = fr.env[name]
        if isinstance(before, Parts) and before.kind == "shared":
            continue
        fr.env[name] = made[name] = session.new_cell(Parts("shared", ("",), (before,)))
        session.cell_names[made[name].cell] = name
    yield inner
    fr.env.update((name, Conflict("is bound inside of a comprehension only")) for name in new)
    for name, shared in made.items():
        (fr.env[name],) = session.cells[shared.cell].values
        session.cells = {k: v for k, v in session.cells.items() if k != shared.cell}


@reads(gast.GeneratorExp)
def _generator(fr: Frame, node: gast.AST) -> FrontValue:
    """A list where it is iterated over at once; otherwise a call of the generator function that it abbreviates."""
    if getattr(node, "at_once", False) or getattr(node, "in_passing", False):
        return _list(fr, node)
    first = node.generators[0]
    first.iter.in_passing = True
    items = fr.expr(first.iter)  # now; everything else when a loop iterates over it
    made = getattr(node, "as_function", None) or _function(fr, node)
    return call_closure(fr, node, Closure(made, fr), [items], {})


def _function(fr: Frame, node: gast.AST) -> gast.FunctionDef:
    """`def <genexpr>(items): for target in items: yield element`, made once for all readings."""
    if any(isinstance(part, gast.NamedExpr) for part in gast.walk(node)):
        fr.untyped(node, "`:=` in a generator expression that is evaluated later", "Use a loop.")
    items, param = (
        placed(node, gast.Name("%items", c(), None, None)) for c in (gast.Load, gast.Param)
    )
    body = [placed(node, gast.Expr(placed(node.elt, gast.Yield(node.elt))))]
    for k, generator in reversed([*enumerate(node.generators)]):
        for test in reversed(generator.ifs):
            body = [placed(test, gast.If(test, body, []))]
        source = generator.iter if k else items
        body = [placed(node, gast.For(generator.target, source, body, [], None))]
    arguments = gast.arguments([param], [], None, [], [], None, [])
    node.as_function = placed(
        node, gast.FunctionDef(EXPRESSION, arguments, body, [], None, None, [])
    )
    return node.as_function


@reads(gast.ListComp)
def _list(fr: Frame, node: gast.AST) -> FrontValue:
    """A list; of known parts where what is looped over is."""
    with _binding(fr, node) as inner:
        made = _listed(fr, inner, node)
    let_go(fr, node)
    return made


def _listed(fr: Frame, inner: Frame, node: gast.AST) -> FrontValue:
    _in_passing(node)
    first = passed(inner, inner.expr(node.generators[0].iter), node.generators[0].iter)
    if isinstance(first, Parts):
        hold(inner, node.generators[0].iter, first)
        known = _known_parts(inner, node, first, 0)
        if known is not None:
            return known_list(fr, known, node)
    functions = _of_functions(inner, node, first)
    if functions is not None:
        return known_list(fr, functions, node)
    inner.env["%list"] = new_list(inner, [], node)
    _loops(inner, node, first, [_appending(node, node.elt)], [])
    return inner.env["%list"]


def _of_functions(inner: Frame, node: gast.AST, first: Passed) -> list[FrontValue] | None:
    """`[lambda x: x + k for k in range(3)]`, which is no list of numbers: its elements, if their number is known."""
    if not isinstance(first, Items) or not isinstance(node.elt, gast.Lambda | gast.Call):
        return None
    if isinstance(node.elt, gast.Call) and not isinstance(first.count, int):
        return None
    count = exact_count(inner, first)
    if count is None or len(node.generators) > 1:
        return None
    positions = [const(k) for k in range(count)]
    parts = sequence([first.element(p) for p in (positions[::-1] if first.reverse else positions)])
    if isinstance(node.elt, gast.Call):
        length, env, mark = len(inner.b.body), dict(inner.env), inner.session.mark()
        tried = _known_parts(inner, node, sequence(parts.values[:1]), 0)
        del inner.b.body[length:]
        inner.env = env
        inner.session.reset(mark)
        if not tried or not isinstance(tried[0], Closure | Piece | Method):
            return None
    return _known_parts(inner, node, parts, 0)


def _appending(node: gast.AST, item: gast.AST) -> gast.AST:
    target = placed(node, gast.Name("%list", gast.Load(), None, None))
    append = placed(node, gast.Attribute(target, "append", gast.Load()))
    return placed(node, gast.Expr(placed(node, gast.Call(append, [item], []))))


def append_each(fr: Frame, node: gast.AST, target: FrontValue, items: Passed) -> None:
    """`for item in items: target.append(item)`."""
    inner = _inner(fr)
    inner.env["%list"] = target
    item, load = (
        placed(node, gast.Name("%item", c(), None, None)) for c in (gast.Store, gast.Load)
    )
    loop = placed(node, gast.For(item, node, [_appending(node, load)], [], None))
    loop.carried = []
    inner.for_loop(loop, items)


def collect(fr: Frame, node: gast.AST, generator: Generated) -> FrontValue:
    """The items of a generator as a list: of known parts, unless a loop yields them."""
    body = generator.frame.source.node
    if any(isinstance(part, gast.For | gast.While) for part in gast.walk(body)):
        made: FrontValue = new_list(fr, [], node)
    else:
        made = known_list(fr, [], node)
    append_each(fr, node, made, generator)
    return fr.session.current(made)


def _in_passing(node: gast.AST) -> None:
    for generator in node.generators:
        generator.iter.in_passing = True


@reads(gast.DictComp)
def _dict(fr: Frame, node: gast.AST) -> FrontValue:
    with _binding(fr, node) as inner:
        return _filled(fr, inner, node)


def _filled(fr: Frame, inner: Frame, node: gast.AST) -> FrontValue:
    generator = node.generators[0]
    first = iterable(inner, inner.expr(generator.iter), generator.iter)
    parts = unrolled(inner, first, node) if isinstance(first, Items) else first
    if parts is None or len(node.generators) > 1:
        fr.untyped(
            node,
            "a dict comprehension over an unknown number of items is not supported",
            "Use a list.",
        )
    found: dict[Any, FrontValue] = {}
    for part in parts.values:
        inner.assign(generator.target, part, generator.target)
        if all(_holds(inner, test) for test in generator.ifs):
            key = inner.expr(node.key)
            if not is_static(key):
                need_static(inner, key, node.key)
            found[static(key)] = inner.expr(node.value)
    return fr.session.new_cell(Parts("dict", tuple(found), tuple(found.values())))


def _known_parts(inner: Frame, node: gast.AST, parts: Parts, depth: int) -> list[FrontValue] | None:
    """The elements one by one; None where a condition is not known when compiling."""
    generator = node.generators[depth]
    out: list[FrontValue] = []
    length, env, mark = len(inner.b.body), dict(inner.env), inner.session.mark()
    for part in parts.values:
        inner.assign(generator.target, part, generator.target)
        tests = [_known(inner, test) for test in generator.ifs]
        inside: list[FrontValue] | None = []
        if None in tests:
            inside = None
        elif all(tests):
            inside = _element(inner, node, depth)
        if inside is None:
            del inner.b.body[length:]
            inner.env = env
            inner.session.reset(mark)
            return None
        out += inside
    return out


def _element(inner: Frame, node: gast.AST, depth: int) -> list[FrontValue] | None:
    if depth + 1 == len(node.generators):
        return [inner.expr(node.elt)]
    following = node.generators[depth + 1].iter
    parts = iterable(inner, inner.expr(following), following)
    return _known_parts(inner, node, parts, depth + 1) if isinstance(parts, Parts) else None


def _known(inner: Frame, test: gast.AST) -> bool | None:
    return inner.session.static_truth(inner.truth(test))


def _holds(inner: Frame, test: gast.AST) -> bool:
    known = _known(inner, test)
    if known is None:
        inner.untyped(test, "this condition must be known when compiling", "Use a list.")
    return known


def _loops(
    inner: Frame, node: gast.AST, first: Passed, body: list[gast.AST], carried: list[str]
) -> None:
    """The nested loops of the generators, with `body` innermost."""
    for generator in reversed(node.generators):
        for test in reversed(generator.ifs):
            body = [placed(node, gast.If(test, body, []))]
        loop = placed(node, gast.For(generator.target, generator.iter, body, [], None))
        loop.carried = carried
        body = [loop]
    inner.for_loop(body[0], first)


def reducing(fr: Frame, node: gast.AST, function: object, generator: gast.AST) -> FrontValue | None:
    """`function(... for ... in ...)`, for functions that take the items one after another; None for others."""
    if function not in (sum, any, all):
        return None
    with _binding(fr, generator) as inner:
        return _reduced(inner, node, function, generator)


def _reduced(inner: Frame, node: gast.AST, function: object, generator: gast.AST) -> FrontValue:
    _in_passing(generator)
    first = passed(inner, inner.expr(generator.generators[0].iter), generator.generators[0].iter)
    if function is sum:
        return _summed(inner, generator, first)
    name = placed(node, gast.Name("%found", gast.Load(), None, None))
    store = placed(node, gast.Name("%found", gast.Store(), None, None))
    test = (
        generator.elt if function is any else placed(node, gast.UnaryOp(gast.Not(), generator.elt))
    )
    found = placed(
        node, gast.Assign([store], placed(node, gast.Constant(function is any, None)), None)
    )
    inner.env[name.id] = FALSE if function is any else TRUE
    stop = placed(node, gast.Break())
    _loops(inner, generator, first, [placed(node, gast.If(test, [found, stop], []))], ["%found"])
    return inner.env["%found"]


def _summed(inner: Frame, node: gast.AST, first: Passed) -> FrontValue:
    name = placed(node, gast.Name("%sum", gast.Load(), None, None))
    store = placed(node, gast.Name("%sum", gast.Store(), None, None))
    add = placed(
        node, gast.Assign([store], placed(node, gast.BinOp(name, gast.Add(), node.elt)), None)
    )
    inner.env["%sum"] = const(0)
    _loops(inner, node, first, [add], ["%sum"])
    total = inner.env["%sum"]
    return total if not isinstance(total, Const) else const(total.value)


def folded(
    fr: Frame, node: gast.AST, function: FrontValue, items: Items | Generated, start: FrontValue
) -> FrontValue:
    """`function` applied to a running total and each item, as a loop."""
    inner = _inner(fr)
    inner.env["%sum"], inner.env["%f"] = start, function

    def name(text: str, context: gast.AST) -> gast.AST:
        return placed(node, gast.Name(text, context, None, None))

    both = [name("%sum", gast.Load()), name("%item", gast.Load())]
    if isinstance(function, Known) and function.value is operator.add:
        call = placed(node, gast.BinOp(both[0], gast.Add(), both[1]))
    else:
        call = placed(node, gast.Call(name("%f", gast.Load()), both, []))
    step = placed(node, gast.Assign([name("%sum", gast.Store())], call, None))
    loop = placed(node, gast.For(name("%item", gast.Store()), node, [step], [], None))
    loop.carried = ["%sum"]
    inner.for_loop(loop, items)
    return inner.env["%sum"]
