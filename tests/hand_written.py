"""The benchmarks' hand-written adjoints without Numba, for tests that should not wait for a compiler."""

from __future__ import annotations

from typing import Any

from benchmarks.columns import problem_named


def by_hand(name: str, title: str = "hand") -> tuple[tuple[Any, ...], Any, Any]:
    """Arguments, value and gradient, by plain Python: the elementary functions alone are compiled."""
    problem = problem_named(name)
    function = problem.hand if title == "hand" else problem.OTHERS[title]
    args = problem.make(**problem.SMALL)
    return args, *interpreted(function)(*args)


def interpreted(function: Any) -> Any:
    """A function as written, with the helpers that it calls."""
    space = dict(function.py_func.__globals__)
    for key, value in space.items():
        if hasattr(value, "py_func"):
            copy = value.py_func
            space[key] = type(copy)(copy.__code__, space, key, copy.__defaults__)
    return space[function.py_func.__name__]
