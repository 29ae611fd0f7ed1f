"""The functions that handlers of effects call while a program is read: `handle`, `loops`, `note`, `refuse`, ..."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import gast

from srcdiff.frontend.arrays.subscripts import shape_parts
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import Iteration
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    ShapeOf,
    sequence,
    static,
)
from srcdiff.frontend.effects.invert_expression import kinds_around, undone
from srcdiff.frontend.iteration.iterables import iterable
from srcdiff.frontend.source.function_source import CalledSource, source_of
from srcdiff.frontend.source.refusals import fail
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.ir.core import Function
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.facts import EffectNote
from srcdiff.ir.location import Location
from srcdiff.ir.parameter_slice import parameters_of
from srcdiff.ir.types import Array, Dim, Scalar, Struct, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.elementwise.arithmetic import floor_divide, subtract

# ---- what handlers call --------------------------------------------------------------------------------------------


def _handle(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`handle(handler, function, *args, **kwargs)`."""
    session = fr.session
    handler, function, *rest = args
    if isinstance(handler, Parts) and handler.cell:
        session.cell_names[handler.cell] = ""  # what it has is called as its attributes are
    outer, iterations = session.handlers, session.iterations
    session.handlers, session.iterations = (*outer, handler), ()
    try:
        return fr.call(node, function, rest, kwargs)
    finally:
        session.handlers, session.iterations = outer, iterations


def _loops(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`loops()`: for each loop the number of the iteration, from 0, how many there are, and what the loop goes over."""
    return sequence(
        [
            sequence(
                [
                    _iteration_number(fr, node, t),
                    const(_iteration_count(fr, t)),
                    t.source or const(None),
                ]
            )
            for t in fr.session.iterations
        ]
    )


def _iteration_number(fr: Frame, node: gast.AST, iteration: Iteration) -> FrontValue:
    if iteration.index is None:
        return const(None)
    index = iteration.index
    if not _is(iteration.start, 0):
        index = fr.op(node, subtract, index, iteration.start)
    if not _is(iteration.step, 1):
        index = fr.op(node, floor_divide, index, iteration.step)
    return index


def _is(atom: Atom, number: int) -> bool:
    return isinstance(atom, Const) and atom.value == number


def _iteration_count(fr: Frame, iteration: Iteration) -> int | None:
    shapes = fr.session.shapes
    bounds = [_integer(shapes, a) for a in (iteration.start, iteration.stop, iteration.step)]
    if iteration.index is None or None in bounds:
        return None
    return len(range(*(b for b in bounds if b is not None)))


def _integer(shapes: Symbols, atom: Atom) -> int | None:
    """The integer, for the given arguments."""
    dim = known_dim(atom)
    found = None if dim is None else shapes.actually(shapes.resolve(dim))
    return None if found is None else int(found)


def _location(fr: Frame, node: gast.AST) -> Location:
    """The line of the effect that a handler is read for."""
    if fr.session.effect is None:
        return fr.source.location(node)
    _, call, caller = fr.session.effect
    return caller.source.location(call)


def _refuse(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    message, advice = (str(static(a)) for a in args)
    at = kwargs.get("at")
    if at is not None:
        source = source_of(function_of(static(at)))
        fail(message, advice, source.location(source.node))
    fail(message, advice, _location(fr, node))


def _once(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`once(name, message, advice)`: a call that is read again, or by several readings of a loop, is one."""
    name, message, advice = map(static, args)
    names = fr.session.named
    location = _location(fr, node)
    here = _place(fr, node)
    place, first = names.setdefault(name, (here, location))
    if place != here:
        fail(f"{message} (the first is in line {first.line})", advice, location)
    return const(None)


def _place(fr: Frame, node: gast.AST) -> tuple[object, ...]:
    """Where the reader is: the user's lines that led here, and the iterations of loops that are unrolled."""
    places = [fr.source.location(node)]
    while fr.caller is not None:
        node, fr = fr.call_node, fr.caller
        if node is not None and not isinstance(fr.source, CalledSource):
            places.append(fr.source.location(node))
    return (*places, fr.session.unrolled)


def _named(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return sequence([const(name) for name in fr.session.named])


def _same_shape(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    value, shape, message, advice = args
    shapes = fr.session.shapes
    own = shape_of(value.type) if isinstance(value, Value | Const) else ()
    wanted = [known_dim(fr.as_atom(d, node)) for d in iterable(fr, shape, node).values]  # type: ignore[union-attr]
    try:
        if len(own) != len(wanted):
            raise ShapeMismatch("numbers of axes differ")
        for a, b in zip(own, wanted, strict=True):
            if b is not None:
                shapes.must_equal(a, b)
                _differ_in_iterations(fr, a, b)
    except ShapeMismatch:
        actual = tuple(_length(shapes, d) for d in own)
        expected = tuple(None if d is None else _length(shapes, d) for d in wanted)
        text = str(static(message)).replace("{own}", str(actual)).replace("{wanted}", str(expected))
        fr.fail(node, text, static(advice))
    return const(None)


def _differ_in_iterations(fr: Frame, a: Dim, b: Dim) -> None:
    """Raise where lengths differ in a loop, which is taken to have an iteration; in a branch it is not known."""
    shapes = fr.session.shapes
    is_branch = len(shapes.regions) > len(fr.session.loops)
    own, wanted = _length(shapes, a), _length(shapes, b)
    if not is_branch and None not in (own, wanted) and own != wanted:
        raise ShapeMismatch(f"lengths {own} and {wanted} differ")


def _lengths(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    (value,) = args
    shapes = fr.session.shapes
    if isinstance(value, ShapeOf):
        value = shape_parts(fr, value, node)
    if isinstance(value, Parts):  # a shape
        return sequence([const(_integer(shapes, fr.as_atom(d, node))) for d in value.values])
    own = shape_of(value.type) if isinstance(value, Value) else ()
    return sequence([const(_length(shapes, d)) for d in own])


def users_call(fr: Frame, node: gast.AST) -> tuple[Frame, gast.AST]:
    """The call of the user's that led here, and the frame that it is in."""
    while isinstance(fr.source, CalledSource) and fr.caller is not None:
        node, fr = fr.call_node, fr.caller
    return fr, node


def _assigned_to(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    _, call = users_call(fr, node)
    return const(getattr(call, "assigned", ("", None))[0])


def _written(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """The assigned expression, as the user wrote it."""
    _, call = users_call(fr, node)
    return const(gast.unparse(getattr(call, "assigned", ("", call))[1]).strip())


def _undone(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`undone(value)`; see `srcdiff.effects.undone`."""
    user, call = users_call(fr, node)
    root = getattr(call, "assigned", ("", call))[1]
    return sequence(undone(user, root, call, fr.as_atom(args[0], node)))


def _spelled(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`spelled("distribution")`: that argument of the effect, as the user wrote it."""
    assert fr.session.effect is not None
    effect, call, _ = fr.session.effect
    names = getattr(effect, "parameters", None) or tuple(inspect.signature(effect).parameters)
    given = dict(zip(names, call.args, strict=False))
    given.update({k.arg: k.value for k in call.keywords})
    found = given.get(static(args[0]))
    return const("" if found is None else gast.unparse(getattr(found, "written", found)).strip())


def _remark(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """The remark on a line: its text differs between the iterations of a loop that is unrolled."""
    remarks = fr.session.remarks
    where, text = _location(fr, node), static(args[0])
    remarks[where] = tuple(dict.fromkeys((*remarks.get(where, ()), text)))
    return const(None)


def _note(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    session = fr.session
    values = {k: _described(session.shapes, session.current(v)) for k, v in kwargs.items()}
    values["conditional"] = "known", len(session.shapes.regions) > len(session.iterations)
    session.effect_notes[_place(fr, node)] = (static(args[0]), values, _location(fr, node))
    return const(None)


def _described(shapes: Symbols, value: FrontValue) -> tuple[object, ...]:
    """A value as `srcdiff.effects.notes_of` takes it; unknown ones as values of the program."""
    match value:
        case Const() | Known():
            return "known", value.value
        case Value(type=Array() as type_):
            return "unknown", type_.dtype, tuple(_length(shapes, d) for d in type_.shape), value
        case Value(type=Scalar() as type_):
            return "unknown", type_.dtype, (), value
        case Value(type=Struct() as type_):
            return "object", type_.cls, {}
        case Parts(kind="object" | "dataclass" | "dict"):
            pairs = zip(value.keys, value.values, strict=True)
            return "object", value.cls, {str(k): _described(shapes, v) for k, v in pairs}
        case Parts():
            return "tuple", [_described(shapes, v) for v in value.values]
    return "known", None


def with_origins(fn: Function, noted: Mapping[object, EffectNote]) -> dict[object, EffectNote]:
    """Notes with the names of the parameters that values of the program may depend on, in the place of the values."""
    behind = parameters_of(fn)

    def plain(described: Any) -> Any:
        kind, *parts = described
        if kind == "unknown":
            return kind, *parts[:2], tuple(sorted(behind[parts[2]]))
        if kind == "object":
            return kind, parts[0], {k: plain(v) for k, v in parts[1].items()}
        return (kind, [plain(v) for v in parts[0]]) if kind == "tuple" else described

    return {
        place: (key, {k: plain(v) for k, v in values.items()}, location)
        for place, (key, values, location) in noted.items()
    }


def _length(shapes: Symbols, dim: Dim) -> int | None:
    return shapes.actually(shapes.resolve(dim))


def _kinds_around(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    user, call = users_call(fr, node)
    root = getattr(call, "assigned", ("", call))[1]
    return sequence([const(kind) for kind in kinds_around(user, root, call)])


EFFECTS: dict[str, Callable[[Frame, object, Args, Kwargs], FrontValue]] = {
    "handle": _handle, "loops": _loops, "note": _note, "refuse": _refuse, "remark": _remark,
    "spelled": _spelled, "once": _once, "named": _named, "same_shape": _same_shape, "lengths": _lengths,
    "assigned_to": _assigned_to, "written": _written, "undone": _undone, "kinds_around": _kinds_around,
}  # fmt: skip
