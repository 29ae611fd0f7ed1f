"""Small programs about who sees which write: views, lists made anew, values that are read before and after."""

import numpy as np
import pytest
from fuzz.compare import problems


def unpacked_each_turn(q0, n):
    q = q0.copy()
    for _ in range(n):
        a, b = q
        q[0] += 0.1 * a * b
    return q[0]


def rows_unpacked_while_written(Q0, n):
    q = Q0.copy()
    s = 0.0
    for a, b in q:
        q[0] *= 1.1
        s += a * b
    return s * np.sum(q)


def rows_by_two_views(Q0, n):
    Q = Q0.copy()
    for r, t in zip(Q[1:], Q, strict=False):
        r += 2.0 * t
    return np.sum(Q**2)


def shifted_view(q0, n):
    q = q0.copy()
    r = q[1:]
    for i in range(len(r)):
        r[i] = q[i] * 2 + r[i]
    return np.sum(q**2)


def reversed_view(q0, n):
    q = q0.copy()
    r = q[::-1]
    for i in range(len(q)):
        q[i] = q[i] * r[i]
    return np.sum(q**2)


def transposed_view(q0, n):
    Q = q0.copy()
    T = Q.T
    for i in range(2):
        Q[i] += T[i]
    return np.sum(Q**2)


def list_carried_on(q, n):
    ys = [q[0], q[1]]
    s = 0.0
    for _ in range(n):
        xs = []
        for y in ys:
            xs.append(y * 2.0)
        for x in xs:
            s += x * x
        ys = xs
    return s + ys[0] * ys[1]


def list_made_anew(q, n):
    xs = []
    for _ in range(2):
        xs = []
        for j in range(2):
            xs.append(q[j] * 2.0)
    s = 0.0
    for x in xs:
        s += x * x
    return s


def first_of_list_made_anew(q, n):
    xs = []
    for _ in range(2):
        xs = []
        for j in range(2):
            xs.append(q[j] * 2.0)
    return xs[0]


def list_first_made_in_the_loop(q, n):
    for _ in range(2):
        xs = []
        for j in range(2):
            xs.append(q[j] * 2.0)
    return xs[0]


def break_in_the_middle(x, a, n):
    while True:
        t = x + a
        if t[0] < 1.0:
            break
        x = 0.5 * x
    return np.sum(t)


def popped_and_appended(q, n):
    xs = [q[0], q[1]]
    for _ in range(n):
        v = xs.pop()
        xs.append(v * v)
    return xs[0] * xs[1]


RNG = np.random.default_rng(0)
PAIR, ROWS, SQUARE, VECTOR = (
    RNG.normal(size=2) + 1,
    RNG.normal(size=(3, 2)),
    RNG.normal(size=(2, 2)),
    RNG.normal(size=5),
)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (unpacked_each_turn, (PAIR, 3)),
        (rows_unpacked_while_written, (ROWS, 3)),
        (rows_by_two_views, (ROWS, 1)),
        (shifted_view, (VECTOR, 1)),
        (reversed_view, (VECTOR, 1)),
        (transposed_view, (SQUARE, 1)),
        (list_carried_on, (PAIR, 3)),
        (list_made_anew, (PAIR, 2)),
        (first_of_list_made_anew, (PAIR, 2)),
        (list_first_made_in_the_loop, (PAIR, 2)),
        (break_in_the_middle, (PAIR + 5, 0.1 * PAIR, 1)),
        (popped_and_appended, (PAIR, 3)),
    ],
)
def test_every_mode_agrees_with_differences(f, args):
    assert problems(f, args) == []
