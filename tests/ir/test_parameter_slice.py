"""Which parameters values may depend on."""

from __future__ import annotations

import numpy as np

from srcdiff.effects import Unknown, effect, handle, note, notes_of


@effect
def look(value):
    return value


class Noting:
    def look(self, value):
        note("value", value=value)
        return value


def behind(program, *args) -> list[tuple[str, ...]]:
    found = [n.values["value"] for n in notes_of(program, *args)]
    return [v.behind if isinstance(v, Unknown) else () for v in found]


def straight(a, b, c):
    look(a * 2.0)
    look(np.floor(a) + len(c))
    look(3.0)
    look(c[0] * b)


def branches(a, b, c):
    x = 1.0
    if a > 0.0:
        x = b
    look(x)
    y = c.copy()
    if b > 0.0:
        y[0] = 2.0
    look(y[1])


def iterations(a, b, c):
    x, y = a, 1.0
    for _ in range(len(c)):
        x = x + y
        y = y * b
    look(x)
    look(y)
    n = 0
    z = 0.0
    while z < a:
        z = z + 1.0
        n = n + 1
    look(n)
    for k in range(3):
        if c[k] > b:
            break
    look(k)


def run_straight(a, b, c):
    handle(Noting(), straight, a, b, c)
    return 0.0


def run_branches(a, b, c):
    handle(Noting(), branches, a, b, c)
    return 0.0


def run_iterations(a, b, c):
    handle(Noting(), iterations, a, b, c)
    return 0.0


ARGS = 1.0, 2.0, np.ones(3)


def test_operations_and_lengths() -> None:
    assert behind(run_straight, *ARGS) == [("a",), ("a", "c"), (), ("b", "c")]


def test_branches_and_what_is_written() -> None:
    assert behind(run_branches, *ARGS) == [("a", "b"), ("b", "c")]


def test_loops_and_what_ends_them() -> None:
    assert behind(run_iterations, *ARGS) == [("a", "b", "c"), ("b", "c"), ("a",), ("b", "c")]
