"""Calls of the user's functions: arguments are bound to parameters, then the body is read in place or as a
function of its own.

A function of its own is read once for each set of argument types, with lengths renamed after its parameters, so
that calls with other lengths share it. Read in place are lambdas, nested functions, and those that write an
argument, return one (or a view of it), take or return functions, or have effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import Any

import gast

from srcdiff.errors import DifferentiationError, UnsupportedError
from srcdiff.frontend.arrays.static_keys import specialise_on_lists
from srcdiff.frontend.calls.lambda_lifting import lifted
from srcdiff.frontend.calls.outlined import call_outlined
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import (
    MISSING,
    Closure,
    Conflict,
    Done,
    FrontValue,
    Generated,
    Parts,
    Statements,
    sequence,
)
from srcdiff.frontend.joins.phi import branch
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.frontend.source.function_source import (
    CalledSource,
    FormulaSource,
    Source,
    is_read_in_place,
    nested_source,
    source_of,
)
from srcdiff.frontend.source.jumps import always_exits
from srcdiff.frontend.source.refusals import untyped
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.core.registry import Composite

# ---- binding ---------------------------------------------------------------------------------------------


def bind(
    fr: Frame,
    node: gast.AST,
    name: str,
    arguments: gast.arguments,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
    defaults: Mapping[str, FrontValue],
) -> dict[str, FrontValue]:
    """Parameters and what they stand for, as Python binds them. `arguments` is the tree's node."""
    # a function that calls itself may ask how many it was given, which only the run knows
    refuse = fr.untyped if fr.session.functions.get("%open") else fr.fail
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    keyword_only = [a.id for a in arguments.kwonlyargs]
    env: dict[str, FrontValue] = dict(zip(positional, args, strict=False))
    rest = list(args[len(positional) :])
    if rest and arguments.vararg is None:
        cls = getattr(args[0], "cls", None) if name == "__init__" else None
        if cls is not None:  # as the call is written
            takes = f"{cls.__name__}() takes {len(positional) - 1} positional arguments ({', '.join(positional[1:])})"
            refuse(node, f"{takes}, {len(args) - 1} were given")
        refuse(
            node, f"{name}() takes {len(positional)} positional arguments, {len(args)} were given"
        )
    extra: dict[str, FrontValue] = {}
    for key, value in kwargs.items():
        if key in env:
            refuse(node, f"{name}() got two values for the argument `{key}`")
        if key in positional or key in keyword_only:
            env[key] = value
        elif arguments.kwarg is not None:
            extra[key] = value
        else:
            refuse(node, f"{name}() has no parameter `{key}`")
    for key in (*positional, *keyword_only):
        if key not in env:
            if key not in defaults:
                refuse(node, f"{name}() misses the argument `{key}`")
            env[key] = defaults[key]
    ordered = {key: env[key] for key in (*positional, *keyword_only)}
    if arguments.vararg is not None:
        ordered[arguments.vararg.id] = sequence(rest)
    if arguments.kwarg is not None:
        ordered[arguments.kwarg.id] = Parts("dict", tuple(extra), tuple(extra.values()))
    return ordered


def default_values(
    fr: Frame, function: FunctionType, arguments: gast.arguments, node: gast.AST
) -> dict[str, FrontValue]:
    """The defaults of a Python function, as its object has them now."""
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    given = function.__defaults__ or ()
    pairs = [
        *zip(positional[len(positional) - len(given) :], given, strict=True),
        *(function.__kwdefaults__ or {}).items(),
    ]
    return {k: from_python(fr, v, k, node) for k, v in pairs}


# ---- reading in place --------------------------------------------------------------------------------------


def read_body(inner: Frame, node: gast.AST) -> FrontValue:
    """Read a function's body in the frame that is set up for it."""
    if isinstance(node, gast.Lambda):
        return inner.expr(node.body)
    for name in sorted(inner.source.flow.shared):  # functions inside bind it as well
        shared = Parts("shared", ("",), (inner.env.get(name, MISSING),))
        inner.env[name] = made = inner.session.new_cell(shared)
        inner.session.cell_names[made.cell] = name
    return _body_value(inner, node.body)


def _body_value(fr: Frame, body: Statements) -> FrontValue:
    """Read the body of a function, and give what it returns."""
    done = fr.block(body, frozenset())
    if done is not TRUE and done is not None:
        # falling off the end returns None
        if done is FALSE:
            return const(None)
        branch(fr, body[-1], done, lambda: TRUE, lambda: _set_value(fr), frozenset())
    return fr.env.get("%value", const(None))


def _set_value(fr: Frame) -> Done:
    fr.env["%value"] = const(None)
    return TRUE


_DEEPEST = 16  # a function that is read in place may call itself a few times, with other functions or constants
_MOST = 200  # such calls; two in each make 2**16 of them


def _inline(fr: Frame, node: gast.AST, inner: Frame, key: object) -> FrontValue:
    session = fr.session
    depth = session.open_calls.count(key)
    count = session.functions.get(("%in place", key), 0) + 1 if depth else 0
    session.functions["%in place", key] = count
    if depth >= _DEEPEST or count > _MOST:
        fr.untyped(
            node,
            f"`{inner.source.name}` calls itself, and cannot be a function of its own",
            "Let it return what it makes, and neither bind names of the functions around it nor take functions.",
        )
    path, calls = session.path, session.open_calls
    session.path, session.open_calls = (*path, id(node)), (*calls, key)
    try:
        result = read_body(inner, inner.source.node)
        inner.is_finished = True
    finally:
        session.path, session.open_calls = path, calls

    if isinstance(result, Conflict):
        session.specialise_on(result.condition)
        refuse_result(inner.source, result)
    return result


def refuse_result(source: Source, value: FrontValue) -> None:
    """Where paths return things that no one type describes: an error at the first `return` of a value."""
    returns = [
        r for r in gast.walk(source.node) if isinstance(r, gast.Return) and r.value is not None
    ]
    may_be_none = isinstance(value, Parts) and value.kind == "maybe"
    if not (isinstance(value, Conflict) or may_be_none) or not returns:
        return
    name, place = source.name, source.location(min(returns, key=lambda r: r.lineno))
    advice = "Return a value of the same kind on every path."
    if always_exits(source.node.body) and not may_be_none:
        untyped(f"`{name}` returns values of different kinds", advice, place)
    untyped(f"`{name}` may return None: some paths end without a value", advice, place)


def _owns_dict(fr: Frame, inner: Frame, arguments: gast.arguments) -> bool:
    """Whether a function changes the dict of its further keywords, which then gets a cell."""
    name = None if arguments.kwarg is None else arguments.kwarg.id
    if name is None or not any(_changes(name, part) for part in gast.walk(inner.source.node)):
        return False
    further = inner.env[name]
    assert isinstance(further, Parts)
    inner.env[name] = fr.session.new_cell(further)
    return True


def _changes(name: str, part: gast.AST) -> bool:
    held = getattr(part, "value", None)
    if not isinstance(held, gast.Name) or held.id != name:
        return False
    if isinstance(part, gast.Attribute):
        return part.attr in ("pop", "update", "setdefault", "clear", "popitem")
    return isinstance(part, gast.Subscript) and not isinstance(part.ctx, gast.Load)


@contextmanager
def _called_from(fr: Frame, node: gast.AST) -> Iterator[None]:
    """Errors in a callee show the calls that led to it."""
    try:
        yield
    except DifferentiationError as error:
        if error.location is not None and error.location.called_from is not None:
            raise  # of what was read before, with all calls
        chain = (fr.source.location(node), *error.chain)
        if fr.source.file.startswith("<srcdiff "):  # a program of ours, in which nobody looks
            chain = error.chain
        raise type(error)(error.message, error.advice, error.location, chain) from None


def call_closure(
    fr: Frame,
    node: gast.AST,
    closure: Closure,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    source = nested_source(closure.frame.source, closure.node)
    inner = fr.new(source, closure.frame.look_up, closure.frame, fr)
    inner.call_node = node
    inner.env = bind(fr, node, source.name, closure.node.args, args, kwargs, closure.defaults)
    if first_yield(closure.node) is not None:
        return generated(inner)
    owns = _owns_dict(fr, inner, closure.node.args)
    found = lifted(fr, closure) if not owns and all(map(_is_plain, inner.env.values())) else None
    if found is not None:
        function, around = found
        with _called_from(fr, node):
            result = call_outlined(fr, node, function, function.source, {**inner.env, **around})
        if result is not None:
            return result
    with _called_from(fr, node):
        return _inline(fr, node, inner, (closure.node, closure.frame))


def call_function(
    fr: Frame,
    node: gast.AST,
    function: object,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """A call of a Python function whose source is read."""
    plain = function_of(function)
    if is_read_in_place(plain.__module__):
        return _call_formula(fr, node, plain, args, kwargs)
    with _called_from(fr, node):
        source = source_of(plain)
    env = bind(
        fr,
        node,
        source.name,
        source.node.args,
        args,
        kwargs,
        default_values(fr, plain, source.node.args, node),
    )
    inner = fr.new(source, partial(look_up, plain), caller=fr)
    inner.call_node, inner.env = node, env
    owns = _owns_dict(fr, inner, source.node.args)
    if first_yield(source.node) is not None:
        return generated(inner)
    if (
        not owns
        and not isinstance(source.node, gast.Lambda)
        and plain.__closure__ is None
        and all(map(_is_plain, env.values()))
    ):
        with _called_from(fr, node):
            result = call_outlined(fr, node, plain, source, env)
        if result is not None:
            return result
    with _called_from(fr, node):
        return _inline(fr, node, inner, plain.__code__)


def first_yield(function: gast.AST) -> gast.AST | None:
    """A `yield` of a generator function; None for other functions."""
    if "yields" not in function.__dict__:
        pending = [function.body] if isinstance(function, gast.Lambda) else function.body[::-1]
        function.yields = None
        while pending and function.yields is None:
            part = pending.pop()
            if isinstance(part, gast.Yield | gast.YieldFrom):
                function.yields = part
            elif not isinstance(part, gast.FunctionDef | gast.Lambda):
                pending += [*gast.iter_child_nodes(part)][::-1]
    return function.yields


def generated(frame: Frame, at_once: bool = False) -> Generated:
    """The value of a call of a generator function: its body is read where a loop iterates over it."""
    frame.session.functions["%or dynamic"] = True
    started = Parts("shared", ("",), (const(False),))
    return Generated(frame, frame.session.new_cell(started), at_once)


def generated_by(
    fr: Frame, node: gast.AST, function: Any, *args: FrontValue, at_once: bool = False
) -> Generated:
    """A call of one of our generators in Python: an error in it is shown at the user's call."""
    source = CalledSource(**{**vars(source_of(function)), "place": fr.source.location(node)})
    inner = fr.new(source, partial(look_up, function), caller=fr)
    inner.call_node = node
    defaults = default_values(inner, function, source.node.args, node)
    inner.env = bind(fr, node, source.name, source.node.args, args, {}, defaults)
    return generated(inner, at_once and all(map(_may_be_listed, args)))


def _may_be_listed(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return all(map(_may_be_listed, value.values))
    return not isinstance(value, Generated) or value.at_once


def _is_plain(value: FrontValue) -> bool:
    """Whether a value can be an operand, or a static argument."""
    if isinstance(value, Parts):
        return value.kind not in ("object", "maybe") and all(map(_is_plain, value.values))
    return isinstance(value, Value | Const)


def call_composite(
    fr: Frame,
    node: gast.AST,
    composite: Composite,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """A call of a library function that is written with operations: it is read in place, and has the line of the
    call.
    """
    plain, session = composite.function, fr.session
    place = fr.source.location(node)
    source = CalledSource(**{**vars(source_of(plain)), "name": composite.name, "place": place})
    # names found in our modules are none that a later call has to look at again
    inner = fr.new(source, lambda name: _of_ours(look_up(plain, name)), caller=fr)
    arguments = source.node.args
    kwargs = {composite.names.get(k, k): v for k, v in kwargs.items()}
    defaults = default_values(inner, plain, arguments, node)
    inner.env = bind(
        fr, node, composite.spelling or composite.name, arguments, args, kwargs, defaults
    )
    for name in composite.unread:
        if inner.env[name] != defaults.get(name):
            fr.fail(
                node,
                f"`{composite.spelling or composite.name}` does not take the argument `{name}` here",
                "Leave it out.",
            )
    outer = session.user_names, session.b.origin
    session.user_names, session.b.origin = False, "compiler"
    try:
        return _inline(fr, node, inner, plain.__code__)
    except UnsupportedError:
        specialise_on_lists(fr, (*args, *kwargs.values()))
        raise
    finally:
        session.user_names, session.b.origin = outer


def _call_formula(
    fr: Frame,
    node: gast.AST,
    plain: FunctionType,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """A call of a formula of a library on top: read in place, under the names that it uses."""
    session = fr.session
    place = fr.source.location(node)
    source = FormulaSource(**{**vars(source_of(plain)), "place": place})
    inner = fr.new(source, lambda name: _of_ours(look_up(plain, name)), caller=fr)
    inner.call_node = node
    arguments = source.node.args
    defaults = default_values(inner, plain, arguments, node)
    inner.env = bind(fr, node, source.name, arguments, args, kwargs, defaults)
    outer = session.b.origin
    session.b.origin = "compiler"
    try:
        return _inline(fr, node, inner, plain.__code__)
    finally:
        session.b.origin = outer


def _of_ours(found: tuple[str, object] | None) -> tuple[str, object] | None:
    return None if found is None else ("builtins", found[1])
