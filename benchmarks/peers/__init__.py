"""A module a peer, imported only when its columns are wanted.

Each has `columns(name, problem, args)`: title -> (value, gradient), two functions without arguments that compute in
full and return the value, and the value with the gradient, as `hand` of the problem does. A problem that is not
natural for a peer has no column.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

Pair = tuple[Callable[[], Any] | None, Callable[[], Any]]  # a variant may have no value of its own

PEERS = {
    "jax": "jax_versions",
    "torch": "torch_versions",
    "autograd": "autograd_versions",
    "casadi": "casadi_versions",
    "pytensor": "pytensor_versions",
    "hmmlearn": "hmmlearn_versions",
    "dynamax": "dynamax_versions",
}


def rebound(function: Any, **names: Any) -> Any:
    """The function, and the helpers of its module that it calls, with other libraries behind its global names."""
    space = dict(function.__globals__)
    for name, value in function.__globals__.items():
        if isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
            space[name] = types.FunctionType(
                value.__code__, space, name, value.__defaults__, value.__closure__
            )
    space.update(names)
    return space[function.__name__]


def as_tuple(wrt: int | tuple[int, ...]) -> tuple[int, ...]:
    return wrt if isinstance(wrt, tuple) else (wrt,)
