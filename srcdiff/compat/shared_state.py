"""Shared state that is updated at once after each call: Theano's `shared` and `function(..., updates=...)`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class Shared:
    """A value that several functions share, from `srcdiff.shared`.

    Functions read `value`. Other code uses `get_value()` and `set_value(new)`, which copy unless `borrow=True`.
    """

    __slots__ = ("_value", "name")

    def __init__(self, value: object, name: str | None = None, *, borrow: bool = False) -> None:
        self.name = name
        self._value = _own(value, borrow)

    @property
    def value(self) -> Any:
        """The present value. An array is a read-only view, so that only updates change the state."""
        if not isinstance(self._value, np.ndarray):
            return self._value
        view = self._value.view()
        view.flags.writeable = False
        return view

    def get_value(self, *, borrow: bool = False) -> Any:
        """A copy; with `borrow`, the array itself, through which the state can be written."""
        return _own(self._value, borrow)

    def set_value(self, value: object, *, borrow: bool = False) -> None:
        """Replace the value; it is copied unless `borrow`.

        Raises
        ------
        ValueError
            If its shape differs.
        """
        self._value = _own(self._fitting(value), borrow)

    def _fitting(self, value: Any) -> Any:
        if np.shape(value) != np.shape(self._value):
            raise ValueError(
                f"{self._label()} has the shape {np.shape(self._value)}; the new value has {np.shape(value)}"
            )
        return value

    def _label(self) -> str:
        return f"the shared value {self.name!r}" if self.name else "a shared value"

    def __repr__(self) -> str:
        return f"shared({self.name + ', ' if self.name else ''}{self._value!r})"


def _own(value: object, borrow: bool) -> Any:
    if isinstance(value, list):
        value = np.array(value)
    return value.copy() if isinstance(value, np.ndarray) and not borrow else value


def shared(value: object, name: str | None = None, *, borrow: bool = False) -> Shared:
    """A value that functions share.

    Parameters
    ----------
    value : number or array
        Copied, unless `borrow`.
    name : str, optional
        For messages.

    Examples
    --------
    >>> state = srcdiff.shared(0)
    >>> accumulator = srcdiff.function(lambda inc: state.value, updates={state: lambda inc: state.value + inc})
    >>> accumulator(1), accumulator(300), state.get_value()
    (0, 1, 301)
    """
    return Shared(value, name, borrow=borrow)


Key = Shared | tuple[Shared, ...]
Updates = Mapping[Key, Callable[..., object]] | list[tuple[Key, Callable[..., object]]]


class SharedFunction:
    """The result of `srcdiff.function`. Its `updates` are pairs of shared values and functions that compute their next
    values.
    """

    def __init__(self, f: Callable[..., object], updates: list[tuple[Key, Callable[..., object]]]):
        functools.update_wrapper(self, f)
        self.f = f
        self.updates = updates

    def __call__(self, *args: object, **kwargs: object) -> Any:
        result = _detached(self.f(*args, **kwargs))
        new: list[tuple[Shared, Any]] = []
        for key, expression in self.updates:
            value = expression(*args, **kwargs)
            if isinstance(key, Shared):
                new.append((key, key._fitting(value)))
                continue
            if not isinstance(value, tuple | list) or len(value) != len(key):
                raise ValueError(
                    f"{_name(expression)} updates {len(key)} shared values together: it has to return as many"
                )
            new.extend(
                (state, state._fitting(item)) for state, item in zip(key, value, strict=True)
            )
        for state, value in new:  # only now: every expression has seen the values before the call
            state.set_value(value)
        return result

    def __repr__(self) -> str:
        return f"<srcdiff.function {_name(self.f)}, updates {len(self.updates)}>"


def function(f: Callable[..., object], updates: Updates | None = None) -> SharedFunction:
    """`f` with updates: a call returns `f(*args)`, and then assigns new values to shared ones, all at once.

    Parameters
    ----------
    f : callable
        It reads shared values by their `value`.
    updates : dict or list of pairs, optional
        `{state: expression}`. `expression(*args)` takes the arguments of `f` and is evaluated with the values from
        *before* the call, so updates may read each other: `{a: lambda: b.value, b: lambda: a.value}` swaps. A tuple of
        states takes an expression that returns as many values, such as an optimiser's step from one gradient.

    Raises
    ------
    TypeError
        If a key is not a shared value, or an expression is not a function.
    ValueError
        If a state is updated twice; on a call, if a new value has another shape. No state has changed then.
    """
    pairs = list(updates.items()) if isinstance(updates, Mapping) else list(updates or [])
    seen: set[int] = set()
    for key, expression in pairs:
        for state in key if isinstance(key, tuple) else (key,):
            if not isinstance(state, Shared):
                raise TypeError(
                    f"updates: {state!r} is not a shared value; make one by srcdiff.shared"
                )
            if id(state) in seen:
                raise ValueError(f"updates: {state._label()} is updated twice")
            seen.add(id(state))
        if not callable(expression):
            raise TypeError(
                "updates: an expression is a function of the arguments, as in "
                f"{{state: lambda x: state.value + x}}, not {expression!r}"
            )
        _same_parameters(f, expression)
    return SharedFunction(f, pairs)


def _same_parameters(f: Callable[..., object], expression: Callable[..., object]) -> None:
    """Raise if the expression takes other positional arguments than `f`; a callable without a known signature is not
    checked.
    """
    try:
        counts = [
            [p.default is p.empty for p in inspect.signature(g).parameters.values()]
            for g in (f, expression)
        ]
        variadic = any(
            p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            for g in (f, expression)
            for p in inspect.signature(g).parameters.values()
        )
    except (TypeError, ValueError):
        return
    if not variadic and (sum(counts[0]) > len(counts[1]) or sum(counts[1]) > len(counts[0])):
        raise TypeError(
            f"updates: {_name(expression)} takes {len(counts[1])} arguments, and {_name(f)} {len(counts[0])}; an "
            "expression is called with the same ones"
        )


def _detached(result: object) -> Any:
    """The result, with views of states copied."""
    if isinstance(result, np.ndarray):
        return result if result.flags.writeable else result.copy()
    if isinstance(result, tuple | list):
        parts = [_detached(item) for item in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, dict):
        return {k: _detached(v) for k, v in result.items()}
    return result


def _name(f: Callable[..., object]) -> str:
    return getattr(f, "__name__", repr(f))
