"""Small programs about who sees which write: views, lists made anew, values that are read before and after."""

import numpy as np
import pytest
from fuzz.compare import problems


def unpacked_each_iteration(q0, n):
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


def picked_from_negated(x, w):
    z = np.cos(x)
    return z[1] - np.sum(w * z)


def overwritten_before_a_negated_product(x, w):
    y = x.copy()
    y[1] = 3.0
    return -(w @ y)


def negated_and_overwritten(x, w):
    y = w - x
    y[0] = 1.0
    return np.sum(y)


def rebound_in_a_nested_branch(x, w):
    z = x * 1.0
    if w[0] > -9:  # noqa: SIM102
        if w[1] > -9:
            z[1] += w[1]
            z = w / z
    return z[1] - np.sum(w * z)


def rebound_in_a_loop(x, w):
    z = x * 1.0
    for i in range(3):
        if i > 0:
            z[1] += w[i]
        else:
            z = w / z
    return z[1] - np.sum(w * z)


def buffers_swapped(u, v):
    u = u.copy()
    v = v.copy()
    for _ in range(3):
        u, v = v, u
        v[1:-1, 1:-1] = u[2:, 2:]
    return np.sum(v**2)


def arrays_swapped_on_one_path(x, w):
    x = x * 1.0
    y = w * 1.0
    if x[1, 1] <= 0.47:
        x, y = y, x
    y[:] = x * 0.7
    return np.sum(y)


def picked_rows_overwritten(x, w):
    y = x[:, [0, 2]]
    y[0] *= 3.0
    z = y[y[:, 0] > -5]
    z[1] *= y[0]
    return np.sum(y) + np.sum(z * z) + w[0, 0]


def rotated(x, w):
    M = np.zeros(6)
    M[:] = x
    y = x * 1.0
    for k in range(3):
        y = np.sin(np.concatenate((y[k:], x[:k])))
    return np.sum(y * np.arange(6)) + w[0] + np.sum(M)


def else_after_broken_loops(x, w):
    s = 1.0
    t = 0.7
    for v in x:
        t = 1.0 + v
        for u in x:
            if s > 4.6:
                break
            s = s * u
        else:
            s += 0.5 * v
        for _ in (1.0, 2.0):
            if s > 0.6:
                break
        if v > w[0]:
            break
    else:
        s = t * x[0] * s
    return s * t


def kept_at_a_place_that_is_computed(A, a):
    A = A.copy()
    for i in range(3):
        A[i, i % 2] = np.tanh(A[i, 0] * a)
    return np.sum(np.sin(A))


def negated_twice_and_overwritten(x, w):
    y = -x
    y[1] += x[1]
    return 1.0 - y @ w


def part_copied_in_a_nested_loop(x, d):
    p = np.cumsum(x)
    s = x[0]
    for i in range(2):
        p[i] -= 0.4 * x[-1]
        for _ in range(2):
            s = 0.7 * s - np.sum(p * p)
            p = d["v"].copy()
    return s


def views_of_a_number(x, a):
    d, e = np.atleast_1d(a), np.reshape(a * x[0], (1, 1))
    d[0] *= x[1]
    e[0] += d
    return np.sum(d) * np.sum(e)


def array_without_axes(x, a):
    s, t = np.array(0.1), np.zeros(())
    i = 0
    while i < len(x):
        s += 0.2 * np.sin(s * x[i]) * s + a
        t *= t + a
        t += s
        i += 1
    return s * t


def number_copied(x, a):
    return np.copy(a) * np.transpose(a) * x[0]


def length_of_what_one_path_makes(x, w):
    z = w * 1.0
    if x[0] < 5.0:
        z[1:] *= -x[1:]
    else:
        w = w * np.sin(x)
    for i in range(2):
        z[1:] *= x[1:]
        z[:] = w[i]
    return np.sum(z * x)


def slice_that_may_have_one_element(x, n):
    return np.sum(x[:n] * x)


def slice_that_is_repeated(x, n):
    return np.sum(np.broadcast_to(x[:n], (3, len(x))) * x)


def rules_where_a_slice_is_repeated(x, n):
    pairs = np.logaddexp(x[:n], x) + np.arctan2(x, x[:n])
    rows = np.hypot(np.outer(x, x)[:n], np.outer(x, x)[:, :n])
    return np.sum(pairs**2) + np.sum(rows * x)


def array_of_numbers_and_of_a_repeated_one(x, a):
    y = np.sum(np.array([x[0], a, 0.7]) * 0.3) + np.sum(np.asarray([x[1], a]) * x[2])
    return y + np.sum(np.broadcast_to(a, (2, 3)) * 0.3) + np.sum(np.broadcast_to(x, (2, 6)) * a)


def written_and_sometimes_made_anew(x, w):
    s, p = np.zeros(6), x.copy()
    for i in range(6):
        s[i] += p[i] * w[i]
        p[(i + 1) % 6] *= s[i]
        s = s if i % 2 == 0 else s * 1.5
    return np.sum(p)


def choice_swapped_on_one_path(x, w):
    a = x.copy()
    b = a
    a = a if x[0] > 2.0 else a.copy()
    if x[1] > 1.0:
        b, a = a, b
        a[::-1] += w * x
    else:
        a[0] += x[1]
        b[1] += 1.3
    return np.sum(a * x) + np.sum(b * w)


def products_of_what_an_iteration_has(x, w):
    table, total = np.outer(x, w), 0.0
    pad = np.zeros((8, 8))
    pad[1:7, 1:7] = table
    for i in range(3):
        for j in range(2):
            window = pad[i : i + 6, j : j + 6]
            scaled = window * x
            total += np.tanh(np.einsum("ab,ab,b->", scaled, table, w))
        total += np.einsum("ab,b->a", scaled, total * w) @ x
    return total


RNG = np.random.default_rng(0)
PAIR, SIX = RNG.normal(size=2) + 1, RNG.normal(size=6) + 3
ROWS, SQUARE, GRID = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2)), RNG.normal(size=(6, 6))
VECTOR = RNG.normal(size=5)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (unpacked_each_iteration, (PAIR, 3)),
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
        (picked_from_negated, (SIX, 2 * SIX)),
        (overwritten_before_a_negated_product, (SIX, 2 * SIX)),
        (negated_and_overwritten, (SIX, 2 * SIX)),
        (rebound_in_a_nested_branch, (SIX, 2 * SIX)),
        (rebound_in_a_loop, (SIX, 2 * SIX)),
        (buffers_swapped, (GRID, GRID.T * 2)),
        (arrays_swapped_on_one_path, (GRID + 2, GRID.T * 2)),
        (arrays_swapped_on_one_path, (GRID - 2, GRID.T * 2)),
        (picked_rows_overwritten, (GRID, GRID.T)),
        (rotated, (SIX, 2 * SIX)),
        (else_after_broken_loops, (SIX, 2 * SIX)),
        (else_after_broken_loops, (SIX, 0.9 * SIX)),
        (kept_at_a_place_that_is_computed, (ROWS, 0.7)),
        (negated_twice_and_overwritten, (SIX, 2 * SIX)),
        (part_copied_in_a_nested_loop, (PAIR, {"v": 2 * PAIR})),
        (views_of_a_number, (SIX, 0.7)),
        (array_without_axes, (SIX, 0.7)),
        (number_copied, (SIX, 0.7)),
        (array_of_numbers_and_of_a_repeated_one, (SIX, 0.7)),
        (slice_that_may_have_one_element, (SIX, 1)),
        (slice_that_may_have_one_element, (SIX, 6)),
        (slice_that_is_repeated, (SIX, 1)),
        (slice_that_is_repeated, (SIX, 6)),
        (rules_where_a_slice_is_repeated, (SIX, 1)),
        (rules_where_a_slice_is_repeated, (SIX, 6)),
        (written_and_sometimes_made_anew, (SIX / 3, SIX)),
        (choice_swapped_on_one_path, (PAIR, 2 * PAIR)),
        (choice_swapped_on_one_path, (PAIR + 5, 2 * PAIR)),
        (choice_swapped_on_one_path, (PAIR * [-1, 1], 2 * PAIR)),
        (choice_swapped_on_one_path, (PAIR - 5, 2 * PAIR)),
        (products_of_what_an_iteration_has, (SIX / 10, SIX / 10)),
        (length_of_what_one_path_makes, (PAIR, 2 * PAIR)),
        (length_of_what_one_path_makes, (PAIR + 5, 2 * PAIR)),
    ],
)
def test_every_mode_agrees_with_differences(f, args):
    assert problems(f, args, second=True) == []
