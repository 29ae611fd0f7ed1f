"""Recursion: functions that call themselves are read as functions of their own.

The type of the result has to be known where the function calls itself. So the function is read several times: first
without the paths that call it, which shows the types of the other paths, then with the result of the last reading,
until nothing changes (a fixpoint).

The function is read for any call: nothing is taken from the lengths and numbers of the first call, since the calls
inside have others (`form_of_call`). Functions that call each other are one function: the one that is called first, with
the others read in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import MustInline, NoResult, Recursive
from srcdiff.frontend.core.session import Session
from srcdiff.frontend.source.function_source import Source
from srcdiff.frontend.source.refusals import fail
from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Call, For, Function, Op, Region, While, regions_of, walk
from srcdiff.ir.facts import SourceFacts
from srcdiff.ir.recursion import stand_in
from srcdiff.ir.types import Array, Dim, Scalar, Type, all_dims, map_dims, strip
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory

_ATTEMPTS = 10
_DEEPEST = 60  # calls of one function inside of each other, each read for other types

# what calls of a function may differ in
_AS_GIVEN = 0  # it does not call itself
_ANY_LENGTHS = 1
_ANY_NUMBERS = 2  # and whether a float is Python's or NumPy's


@dataclass(eq=False)
class _Open:
    """A function that is being read. `header`: what the reading before has shown it to give."""

    plain: Any
    key: Any
    form: int
    calls: tuple[Any, ...]
    header: Function | None = None
    is_called: bool = False


def _open_ones(session: Session) -> list[_Open]:
    found: list[_Open] = session.functions.setdefault("%open", [])
    return found


def form_of_call(fr: Frame, node: gast.AST, plain: Any, source: Source) -> int:
    """In which arguments calls of the function may differ. A function that turns out to call itself is read again, as
    such.
    """
    session = fr.session
    known: int = session.functions.get(("%form", plain), _AS_GIVEN)
    if session.open_calls.count(plain.__code__) > _DEEPEST:
        fr.untyped(
            node,
            f"`{source.name}` calls itself with arguments of new types each time",
            "Pass arrays or lists, of which all calls have the same type, or write it as a loop.",
        )
    if known == _AS_GIVEN and plain.__code__ in session.open_calls:
        _read_again(session, plain, _ANY_LENGTHS)
        return _ANY_LENGTHS
    return known


def _read_again(session: Session, plain: object, form: int) -> None:
    """Read calls of a function in a more general form, from the first open one on."""
    session.functions["%form", plain] = form
    if any(o.plain is plain for o in _open_ones(session)):
        raise Recursive(plain)


def find_open(session: Session, plain: object, key: object, form: int) -> _Open | None:
    """The reading that a call is part of, and would be one of."""
    for around in reversed(_open_ones(session)):
        if around.plain is plain and around.key == key:
            return around
        if around.plain is plain and form == _ANY_LENGTHS and _strong(around.key) == _strong(key):
            _read_again(session, plain, _ANY_NUMBERS)
    return None


def _strong(key: Any) -> object:
    """A key that is the same for Python's floats and NumPy's."""
    plain, types, *rest = key
    return plain, tuple((name, _as_numpy(t)) for name, t in types), *rest


def _as_numpy(type_: Type) -> Type:
    if isinstance(type_, Scalar) and type_.dtype == "float64":
        return Scalar("float64", False)
    return type_


def header_of(fr: Frame, around: _Open) -> Function:
    """The function that a call inside of the function being read calls."""
    if fr.session.first_calls is not around.calls:
        raise MustInline  # the function in between is read in place
    around.is_called = True
    if around.header is None:
        raise NoResult
    source = SourceFacts(zero_dim=around.header.source.zero_dim)
    me = stand_in(around.header)
    yields = tuple(Value(strip(y.type)) for y in me.body.yields)
    return replace(me, body=replace(me.body, yields=yields), source=source)


def read_around(
    fr: Frame,
    node: gast.AST,
    plain: Any,
    key: object,
    calls: tuple[Any, ...],
    form: int,
    read: Callable[[], Function],
) -> Function:
    """`read`, until what the function gives is what its calls of itself were taken to give."""
    around = _Open(plain, key, form, calls)
    open_ones = _open_ones(fr.session)
    open_ones.append(around)
    try:
        for attempt in range(_ATTEMPTS):
            around.is_called = False
            try:
                function = read()
            except NoResult:
                if not around.is_called or around.header is not None:
                    raise
                (fr.untyped if hasattr(plain, "look_up") else fr.fail)(
                    node,
                    f"`{plain.__name__}` calls itself on every path",
                    "Give it a case in which it returns without calling itself.",
                )
            settled = attempt > 1 and _gives(function) == _gives(around.header)
            if settled or not around.is_called:
                return function
            around.header = owning(function)
    finally:
        open_ones.remove(around)
    fr.untyped(
        node,
        f"what `{plain.__name__}` returns has no fixed type: it calls itself",
        "Return values of one type on every path.",
    )


def _gives(function: Function | None) -> object:
    """The types of the results, in terms of the lengths of the parameters."""
    if function is None:
        return None
    own = {s for p in function.params for d in all_dims(p.type) for s in d.symbols()}
    order: dict[str, Dim] = {}

    def named(dim: Dim) -> Dim:
        for symbol in sorted(dim.symbols() - own):
            order.setdefault(symbol, Dim.of(f"%{len(order)}"))
        return dim.substitute(order)

    return function.output, tuple(map_dims(strip(y.type), named) for y in function.body.yields)


# ---- results that are arguments --------------------------------------------------------------------------------


def owning(fn: Function) -> Function:
    """The function with copies of what it would hand back of its arguments; `copies_arguments` if there are any."""
    roots = storage_roots(fn)
    params = frozenset().union(*(roots.get(p, frozenset()) for p in fn.params), fn.params)
    b = Builder(shapes_for(fn))
    b.body += fn.body.body
    yields = [
        _copied(y, b) if isinstance(y, Value) and roots.get(y, frozenset()) & params else y
        for y in fn.body.yields
    ]
    if len(b.body) == len(fn.body.body):
        return fn
    body = Region(fn.params, tuple(b.body), tuple(yields))
    return replace(fn, body=body, interface=replace(fn.interface, copies_arguments=True))


def _copied(value: Value, b: Builder) -> Atom:
    if isinstance(value.type, Array):
        return b.op(memory.copy, value, name=value.name)
    return value


def check_returned_containers(fn: Function) -> None:
    """Refuse to write into what such a function gave, or into what it was given, where both have a name."""
    steps = list(walk(fn.body))
    calls = [
        (k, s)
        for k, s in enumerate(steps)
        if isinstance(s, Call) and s.function.interface.copies_arguments
    ]
    if not calls:
        return
    roots = storage_roots(fn)
    loops = [list(walk(r)) for s in steps if isinstance(s, For | While) for r in regions_of(s)]
    for k, call in calls:
        shared = frozenset().union(
            *(
                roots.get(v, frozenset())
                for v in (*call.operands, *call.results)
                if isinstance(v, Value)
            )
        )
        later = [*steps[k + 1 :], *(s for inner in loops if call in inner for s in inner)]
        if any(isinstance(s, Op) and writes_of(s, roots) & shared for s in later):
            fail(
                f"`{call.function.name}` may return its argument, and one of the two is written afterwards",
                "Write into a copy.",
                call.location,
            )
