"""The generated function that a report is about, and the arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.handles.generated import Generated


def called_with(
    asking: str, g: Any, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[Generated, tuple[object, ...], dict[str, object]]:
    """A generated function and its arguments, from the arguments of `explain` and the like; also for `f.vjp`."""
    if isinstance(g, Generated):
        return g, args, kwargs
    if not hasattr(g, "resolve"):
        raise TypeError(
            f"{asking} takes what differentiates, such as srcdiff.grad(f) or f.grad, not {g!r}"
        )
    handle, given = g.resolve(*args, **kwargs)
    return handle, given, {}


def own(value: object) -> object:
    """A value that later writes into arrays do not change."""
    return value.copy() if isinstance(value, np.ndarray) else value
