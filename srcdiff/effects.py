"""Functions whose meaning is given by who runs the program: effects, and the handlers that say what they do.

    @effect
    def sample(name, distribution, obs=None): ...             # a program calls it

    class LogJoint:
        def sample(self, name, distribution, obs=None): ...   # one meaning of it

    handle(LogJoint(latents), model, x, y)                    # the program under that meaning

Inside a function that is differentiated or transformed, `handle` costs nothing: the handler's method is read in the
place of the effect, so that the source that is generated holds what the handler does, and neither handler nor effect.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from srcdiff.ir.location import Location

__all__ = [
    "Made", "Note", "Unknown", "assigned_to", "effect", "evaluated", "handle", "kinds_around", "lengths",
    "loops", "named", "note", "notes_of", "once", "refuse", "remark", "same_shape", "spelled", "undone", "written",
]  # fmt: skip

_T = TypeVar("_T")

_HANDLERS: ContextVar[tuple[object, ...]] = ContextVar("handlers", default=())


def effect(function: Callable[..., _T]) -> Callable[..., _T]:
    """A function that means what the innermost handler with a method of its name says; without one, what it says.

    Within the handler's method the handlers outside it are at work, so that one may pass on what it does not decide.
    """
    name = function.__name__

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> _T:
        handlers = _HANDLERS.get()
        for k in reversed(range(len(handlers))):
            method: Callable[..., _T] | None = getattr(handlers[k], name, None)
            if method is None:
                continue
            token = _HANDLERS.set(handlers[:k])
            try:
                return method(*args, **kwargs)
            finally:
                _HANDLERS.reset(token)
        return function(*args, **kwargs)

    call.srcdiff_effect = name  # type: ignore[attr-defined]
    return call


def _read_as(name: str) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
    """A function that means something to the reader of source (`frontend/effects/effects.py`)."""

    def mark(function: Callable[..., _T]) -> Callable[..., _T]:
        function.srcdiff_reads = name  # type: ignore[attr-defined]
        return function

    return mark


@_read_as("handle")
def handle(handler: object, function: Callable[..., _T], *args: object, **kwargs: object) -> _T:
    """`function(*args, **kwargs)`, with the methods of `handler` for the effects of their names."""
    token = _HANDLERS.set((*_HANDLERS.get(), handler))
    try:
        return function(*args, **kwargs)
    finally:
        _HANDLERS.reset(token)


@_read_as("loops")
def loops() -> tuple[Any, ...]:
    """In a handler: the loops around the effect, the outermost first, each as `(iteration, count, source)`.

    `iteration` counts from 0; it is None in a `while`. `count` is the number of iterations for the given arguments, or
    None if it is not known. `source` is the object that a `for` iterates over. A plain call does not know its loops and
    raises RuntimeError.
    """
    raise RuntimeError("loops() is known when a program's source is read, and this is a plain call")


@_read_as("refuse")
def refuse(message: str, advice: str = "", at: object = None) -> None:
    """In a handler: an error at the user's line, or where the function `at` is defined."""
    raise ValueError(f"{message}. {advice}")


@_read_as("once")
def once(name: str, message: str, advice: str = "") -> None:
    """In a handler: an error at the user's line if another line, or another call, has this name."""


@_read_as("named")
def named() -> tuple[str, ...]:
    """In a handler: the names that `once` has had so far."""
    raise RuntimeError("named() is known when a program's source is read, and this is a plain call")


@_read_as("same_shape")
def same_shape(value: object, shape: tuple[int, ...], message: str, advice: str = "") -> None:
    """In a handler: an error at the user's line unless `value` has the shape, for these and all later arguments."""


@_read_as("lengths")
def lengths(value: Any) -> tuple[int | None, ...]:
    """In a handler: the shape of an array (or a shape itself) for the given arguments; None for an unknown length."""
    return tuple(value if isinstance(value, tuple) else value.shape)


@_read_as("assigned_to")
def assigned_to() -> str:
    """In a function that a program calls: the name that its value is assigned to there, "" for none."""
    raise RuntimeError(
        "assigned_to() is known when a program's source is read, and this is a plain call"
    )


@_read_as("written")
def written() -> str:
    """In a function that a program calls: the expression around the call, as the user wrote it."""
    raise RuntimeError(
        "written() is known when a program's source is read, and this is a plain call"
    )


@_read_as("kinds_around")
def kinds_around() -> tuple[str, ...]:
    """In a function that a program calls: what the expression does to the call, from the inside: "abs", "exp", "log",
    "shift" or "scale".
    """
    raise RuntimeError("kinds_around() is known when source is read, and this is a plain call")


@_read_as("undone")
def undone(value: object) -> tuple[Any, Any, bool]:
    """In a function that a program calls: what the call gave, if the expression around it gave `value`.

    The expression may add and multiply, negate, and take `np.abs`, `np.exp` or `np.log` of the call.

    Returns
    -------
    tuple
        What the call gave; the logarithm of the slope of `value` in it, None for 0; and whether what the call gave may
        have either sign, of which this is the positive one.
    """
    raise RuntimeError(
        "undone() is known when a program's source is read, and this is a plain call"
    )


def evaluated(function: Callable[..., _T]) -> Callable[..., _T]:
    """A function of handlers that is run while source is read, with arguments that are known then."""
    function.srcdiff_evaluated = True  # type: ignore[attr-defined]
    return function


@_read_as("spelled")
def spelled(argument: str) -> str:
    """In a handler: an argument of the effect, as the user wrote it."""
    raise RuntimeError(
        "spelled() is known when a program's source is read, and this is a plain call"
    )


@_read_as("remark")
def remark(text: str) -> None:
    """In a handler: a comment for the line that the effect becomes."""


@_read_as("note")
def note(key: str, **values: object) -> None:
    """In a handler: a note of an effect that the program may reach, for `notes_of`."""


@dataclass(frozen=True)
class Unknown:
    """A value that only the run knows.

    Attributes
    ----------
    dtype : str
    shape : tuple
        None for a length that the arguments do not determine.
    behind : tuple of str
        The parameters that it may depend on.
    """

    dtype: str
    shape: tuple[int | None, ...]
    behind: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """An object that the program makes, and its attributes."""

    cls: type
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Note:
    """The arguments of `note`.

    Attributes
    ----------
    key : str
    values : dict
        Numbers, strings and objects known when compiling; `Unknown` for what is computed; `Made` for objects.
        "conditional": whether the effect is in a branch.
    location : Location
        The effect's line.
    """

    key: str
    values: dict[str, Any]
    location: Location


def notes_of(f: Callable[..., object], *args: object) -> list[Note]:
    """What handlers noted in `f`, for arguments of these types and lengths, in the order of the source.

    The source is read, and not run: all branches are seen, and a loop is seen once.
    """
    from srcdiff.compile.build import noted  # the stages take a while to import

    return [
        Note(key, {k: _plain(v) for k, v in values.items()}, location)
        for key, values, location in noted(f, args)
    ]


def _plain(value: Any) -> Any:
    kind, *parts = value
    match kind:
        case "known":
            return parts[0]
        case "unknown":
            return Unknown(*parts)
        case "object":
            return Made(parts[0], {k: _plain(v) for k, v in parts[1].items()})
        case "tuple":
            return tuple(map(_plain, parts[0]))
    raise AssertionError(kind)
