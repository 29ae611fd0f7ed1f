"""Small programs that are hard to differentiate right: storage under several names, early exits, lengths that only the run decides.

`CASES` are differentiated, `REFUSED` are refused, with a part of the message. All return a number.
"""

from typing import NamedTuple

import numpy as np

CASES = {}
REFUSED = {}


def case(*args):
    def enter(function):
        CASES[function.__name__] = (function, args)
        return function

    return enter


def refused(message, *args):
    def enter(function):
        REFUSED[function.__name__] = (function, args, message)
        return function

    return enter


def V(n):
    return 0.7 * np.random.default_rng(n).normal(size=n)


def M(n, m):
    return 0.5 * np.random.default_rng(10 * n + m).normal(size=(n, m))


@case(V(6), 1.3)
def view_scale(x, k):
    y = x.copy()
    y[1:-1] *= k
    return np.sum(y * y * y)


@case(V(6), 1.3)
def view_of_view(x, k):
    y = x.copy()
    v = y[1:]
    w = v[1:3]
    w *= k
    v[0] = w[0] * y[0]
    return np.sum(np.sin(y))


@case(M(3, 4), 1.3)
def transpose_write(X, k):
    Y = X.copy()
    T = Y.T
    T[1] *= k
    T[2, 0] = Y[1, 1] * k
    return np.sum(Y**3)


@case(V(6), 1.3)
def reversed_view(x, k):
    y = x.copy()
    r = y[::-1]
    r[0] = k * y[0]
    r[1:3] += y[0:2] * k
    return np.sum(y**2 * np.arange(6.0))


@case(V(5), 0.7)
def alias_add(x, k):
    y = x.copy()
    z = y
    z += k * y
    y *= z
    return np.sum(y * z)


@case(V(5), 0.7)
def alias_scalar(x, k):
    a = k
    b = a
    a += x[0]
    return a * b * np.sum(x)


@case(V(5), 0.7)
def swap_even(x, k):
    u = x.copy()
    v = np.zeros(5)
    for _i in range(4):
        v[1:-1] = np.sin(u[:-2]) * k + u[2:]
        u, v = v, u
    return np.sum(u * u)


@case(V(5), 0.7)
def swap_odd(x, k):
    u = x.copy()
    v = x * k
    for _i in range(3):
        v[1:-1] = np.sin(u[:-2]) * k + u[2:] * v[1:-1]
        u, v = v, u
    return np.sum(u * u) + np.sum(v)


@case(V(5), 0.7)
def swap_conditional(x, k):
    u = x.copy()
    v = x * k
    for i in range(4):
        if i % 3 != 1:
            v[1:-1] = np.sin(u[:-2]) * k + u[2:] * v[1:-1]
            u, v = v, u
        else:
            u *= k
    return np.sum(u * u) + np.sum(v)


@case(V(5), 0.7)
def alloc_in_loop(x, k):
    s = 0.0
    for _i in range(3):
        b = np.zeros(5)
        b[1:] = x[:-1] * k
        b[0] = s
        b *= b
        s += np.sum(np.tanh(b))
    return s


@case(V(5), 0.7)
def alloc_in_loop_carried(x, k):
    y = x
    for _i in range(3):
        b = np.zeros(5)
        b[1:] = y[:-1] * k
        b[0] = y[4]
        y = b
    return np.sum(y**2)


@case(V(5), 0.7)
def carried_through_if(x, k):
    y = x.copy()
    if k > 0.5:
        y[0] = k
        z = y * 2
    else:
        z = np.zeros(5)
    z[1] += y[0]
    return np.sum(z * y)


@case(V(5), 0.7)
def buffer_if_alias(x, k):
    y = x.copy()
    z = x * k
    w = y if k > 0.5 else z
    w[0] *= k
    return np.sum(y * y) + np.sum(z * w)


@case(V(5), 0.7)
def buffer_if_alias2(x, k):
    y = x.copy()
    z = x * k
    if k > 2:
        w = y
    else:
        w = z
    w[1:] += y[:-1]
    w *= w
    return np.sum(y * y) + np.sum(z * w)


@case(V(5), 0.7)
def written_argument(x, k):
    x[1] = x[0] * k
    x *= x
    return np.sum(x)


@case((V(4), V(3)), 0.7)
def written_tuple_argument(p, k):
    a, b = p
    a[1] = b[0] * k
    b *= b
    return np.sum(a * a) + np.sum(b)


@case({"a": V(4), "b": 0.3}, 0.7)
def written_dict_argument(p, k):
    p["a"][1:] *= k * p["b"]
    return np.sum(p["a"] ** 2)


@refused("which is a list", [V(4), V(4) + 1], 0.7)
def written_list_argument(xs, k):
    for x in xs:
        x[0] = x[1] * k
    return np.sum(xs[0] * xs[1])


@case(V(5), 0.7)
def read_overwrite_read(x, k):
    y = x.copy()
    a = np.sum(y**2)
    y[:] = k * a
    y[2] = np.sin(y[1]) * x[2]
    b = np.sum(y * x)
    y[:] = b
    return a * b + y[0]


@case(V(6), 0.7)
def break_stored(x, k):
    y = np.zeros(6)
    s = 0.0
    for i in range(6):
        for j in range(3):
            y[i] += x[i] * k**j
            if y[i] > 0.4:
                break
            s += y[i] * x[j]
        if s > 2.5:
            break
        s = s * 1.1 + y[i] ** 2
    return s + np.sum(y * y)


@case(V(6), 0.7)
def continue_stored(x, k):
    y = x.copy()
    s = k
    for i in range(6):
        if y[i] < 0:
            y[i] = s
            continue
        for j in range(i):
            if j == 2:
                continue
            y[j] *= s
            s = np.tanh(s + y[j])
        s += y[i]
    return s * np.sum(y * y)


@case(V(6), 0.7)
def early_return_nested(x, k):
    s = k
    for i in range(6):
        for j in range(i):
            s = s + np.sin(x[i] * x[j]) * s
            if s > 1.2:
                return s * x[i]
        s *= 1.1
    return s


@case(V(4), 0.7)
def while_for_while(x, k):
    s = k
    n = 0
    while s < 20.0:
        for i in range(4):
            t = x[i] ** 2 + 0.1
            while t < 0.8:
                t = t * 1.7 + 0.05 * s * 0.1
            s += t
        n += 1
        if n > 5:
            break
    return s * np.sum(x)


@case(V(4), 0.7, 0)
def zero_iterations(x, k, n):
    y = x.copy()
    s = k
    for i in range(n):
        y[i] = s * y[i]
        s = s * y[i]
    j = 0
    while j < n:
        s *= 2.0
        j += 1
    return s * np.sum(y * y)


@case(V(6), 0.7)
def negative_steps(x, k):
    y = x.copy()
    for i in range(4, -1, -1):
        y[i] = y[i] * y[i + 1] * k + x[i]
    for i in range(5, 0, -2):
        y[i] -= y[i - 1] ** 2
    return np.sum(y * y)


@case(V(5), 0.7)
def triangular(x, k):
    s = 0.0
    for i in range(5):
        t = k
        for j in range(i):
            t = np.sin(t * x[j] + x[i])
        s += t * t
    return s


@case(V(5), 0.7)
def triangular2(x, k):
    s = 0.0
    for i in range(5):
        t = k
        for j in range(i, 5):
            for l in range(j, i - 1, -1):
                t = np.sin(t * x[j] + x[i] * x[l]) + t**2 * 0.1
        s += t * t
    return s


@case(V(5), 0.7)
def branch_loop_branch(x, k):
    s = k
    y = x.copy()
    if k > 0:
        for i in range(5):
            if x[i] > 0:
                a = np.exp(s * 0.3)
                y[i] = a * y[i]
                s = s + a
            else:
                a = s * s
                s = np.sin(a) * y[i]
        s *= y[0]
    else:
        s = np.sum(y)
    return s * np.sum(y)


@case(V(5), 0.7)
def list_other_order(x, k):
    xs = []
    t = k
    for i in range(5):
        t = np.sin(t * x[i] + 1)
        xs.append(t)
    s = 0.0
    for i in range(4, -1, -1):
        s = s * xs[i] + xs[i] ** 2
    for a in xs:
        s += a * xs[0]
    return s * xs[-1]


@case(V(5), 0.7)
def list_of_arrays_other(x, k):
    xs = [x]
    for _i in range(3):
        xs.append(np.tanh(xs[-1] * k + xs[0]))
    s = 0.0
    for a in reversed(xs):
        s = s * 0.5 + np.sum(a * xs[1])
    return s


@case(V(5), 0.7)
def list_set_item(x, k):
    xs = [x, x * k, x * x]
    xs[1] = xs[0] * xs[2]
    xs[0] = xs[1] + xs[0]
    return np.sum(xs[0] * xs[1] * xs[2])


@case(V(5), 0.7)
def list_of_lists(x, k):
    rows = []
    for i in range(3):
        row = []
        for j in range(i + 1):
            row.append(np.sin(x[j] * k + i))
        rows.append(row)
    s = 0.0
    for row in rows:
        for v in row:
            s = s * 0.9 + v * v
    return s + rows[2][1] * rows[1][0]


@case(V(5), 0.7)
def list_written_items(x, k):
    xs = [x.copy(), x * k]
    for a in xs:
        a[0] *= k
        a[1:] += a[:-1]
    xs[0][2] = xs[1][1]
    return np.sum(xs[0] * xs[1])


@case(V(5), 0.7)
def nested_struct_state(x, k):
    st = {"p": (x, k), "n": 0.0}
    for _i in range(3):
        p, q = st["p"]
        st = {"p": (np.sin(p * q), q * 0.9 + np.sum(p) * 0.1), "n": st["n"] + q}
    return np.sum(st["p"][0]) * st["n"]


def h_shapes(a, b):
    return np.sum(a * a) * b if len(a) > 2 else a[0] * b


@case(V(5), 0.7)
def helper_shapes(x, k):
    s = k
    for _i in range(3):
        s = h_shapes(x, s) + h_shapes(x[:2], s)
        s = np.tanh(s)
    return s


def h_early(a, b):
    for v in a:
        b = b * np.cos(v)
        if b < 0.3:
            return b * 2.0
        if b > 5:
            break
    return b + a[0]


@case(V(5), 0.7)
def helper_early(x, k):
    s = h_early(x, k)
    for i in range(2):
        s += h_early(x[i:], s)
    return s


def h_tuple(a, b):
    return a * b, np.sin(a), b + 1


@case(V(5), 0.7)
def helper_partial_tuple(x, k):
    u, _, w = h_tuple(x, k)
    _, v, _ = h_tuple(u, w)
    return np.sum(v)


@case(V(5), 2)
def int_promoted(x, n):
    s = 0
    for i in range(n):
        s = s + x[i] * n
    p = 1
    for v in x:
        p *= v
    return s * p


@case(V(6), 0.7)
def masks(x, k):
    y = x.copy()
    y[y > 0] = 0.0
    y[x > 0] += k
    z = y * x
    m = z < 0
    z[m] = x[m] * k
    return np.sum(z * z)


@case(V(6), V(6)[:3])
def mask_broadcast(x, b):
    y = np.outer(x, b)
    y[y < 0] *= 0.5
    y[y > 0.1] += 0.3 * b[0]
    return np.sum(y * y)


@case(V(6), V(5), np.array([0, 2, 2, 5, -6]))
def last_write_stays(x, v, idx):
    y = x * 2.0
    y[idx] = v * x[0]
    z = np.sin(y)
    z[[1, 2, 1]] = v[:3]
    return np.sum(y * z * z)


@case(V(6), V(5), np.array([0, 2, 2, 5, -6]))
def repeated_places_are_added_to_once(x, v, idx):
    y = np.sin(x)
    y[idx] += v * y[0]
    y[idx] -= 0.5 * v
    y[idx] *= v
    return np.sum(y * y * x)


@case(V(6), V(5), np.array([0, 2, 2, 5, -6]))
def added_to_at_each(x, v, idx):
    y = np.sin(x)
    np.add.at(y, idx, v * y[0])
    np.subtract.at(y, (idx,), 0.5)
    np.add.at(y, np.s_[1:3], v[:2])
    return np.sum(y * y * x)


@case(M(3, 4), V(3), np.array([0, 2, 0]))
def last_rows_stay(A, v, rows):
    B = A * 2.0
    B[rows] = np.sin(A[:, ::-1])
    B[rows, 1:3] += v[:, None]
    B[rows[:, None], rows] = v
    return np.sum(B * B * A)


@case(M(4, 4), V(6))
def triangle_of_numbers(A, v):
    B = np.sin(A)
    rows, columns = np.triu_indices(4, 1)
    B[columns, rows] = v
    B[np.arange(4), np.arange(4)] += A[0]
    B[np.arange(2)[:, None], np.arange(1, 3)] *= v[0]
    return np.sum(B @ B * A)


@case(np.sin(np.arange(24.0)).reshape(2, 3, 4), np.array([0, 1, 1]), np.array([3, 0, 0]))
def separate_index_arrays(A, i, k):
    B = A * 1.0
    B[i, :, k] = np.cos(A[k % 2, :, i])
    B[0, :, k] += A[i, :, 1]
    B[i, ..., 0] *= 2.0
    return np.sum(B * A[::-1]) + np.sum(B[1, 1:, k] ** 2)


@case(M(3, 4), V(3))
def masks_that_change(A, v):
    m = v > -5.0
    B = A[m] * 2.0
    m[1] = False
    C = A * A
    C[m] += A[m] * B[0]
    for t in range(2):
        C[m, 0] = A[m, t] ** 2
        m[t] = not m[t]
    C[m, m.sum() :] *= 3.0
    return np.sum(C) * np.sum(B)


@case(M(3, 4), np.array([0, 1, 0]), np.array([False, True, False, False]))
def one_place_beside_many(A, i, m):
    B = np.sin(A)
    B[i, m] = A[:, 0]
    B[i, ..., m] *= 2.0
    return np.sum(B * B * A)


@case(V(6), np.array([0, 2, 2, 5, 0]))
def gather_rep(x, idx):
    y = x[idx] * x[idx][::-1]
    return np.sum(y**2)


@case(M(4, 4), np.array([0, 2, 2, 3]), np.array([1, 1, 1, 0]))
def gather2d(X, i, j):
    return np.sum(np.sin(X[i, j]) * X[i][:, 0]) + np.sum(X[:, j] ** 2)


@case(V(6), np.array([0, 2, 2, 5, 0]))
def gather_written(x, idx):
    y = x.copy()
    y[1] *= 2
    g = y[idx]
    y *= y
    return np.sum(g * y[idx])


@case(V(6), np.array([0, 2, 3]), 0.7)
def gather_store(x, idx, k):
    y = x.copy()
    y[idx] = k * x[idx]
    y[idx] *= k
    return np.sum(y * y)


@case(V(4), M(3, 4), M(3, 1), 0.5)
def broadcast_all(v, A, c, s):
    r = v * A + c
    r = r * s + c * v
    r2 = s + v
    q = r2 + c
    return np.sum(r * q) + np.sum(c * s) + np.sum(v[:, None] * v)


@case(V(4), M(3, 4), M(3, 1), 0.5)
def broadcast_loop(v, A, c, s):
    t = 0.0
    for _i in range(2):
        r = v * A + c
        u = np.sin(s + v)
        t += np.sum(r * u * c)
        s = s * 0.9 + np.sum(u) * 0.01
        v = v * s
    return t


@case(V(4), M(3, 4))
def broadcast_store(v, A):
    B = np.zeros((3, 4))
    B[:] = v
    B[1] = v[0]
    B[:, 2] = v[:3]
    B += v
    B[0:2] *= v
    return np.sum(B * A)


@case(M(3, 4))
def reductions_loop(A):
    B = A
    for _i in range(3):
        m = np.mean(B, axis=1, keepdims=True)
        s = np.sum((B - m) ** 2, axis=0)
        B = B / np.sqrt(1 + s) - m + np.max(B, axis=1)[:, None]
    return np.sum(B * B)


@case(M(3, 3) + 3 * np.eye(3), V(3))
def solves_loop(A, b):
    x = b
    s = 0.0
    for _i in range(3):
        x = np.linalg.solve(A, x) + A @ b
        s += np.sum(x * x)
        A = A + 0.1 * np.outer(x, b)
    return s


@case(V(5), 0.7)
def where_scalars(x, k):
    a = np.where(x > 0, k, 1.0)
    b = np.where(x > 0, x, k)
    c = np.where(k > 0, x, 0.0)
    d = np.where(x < 0, 0.0, np.sqrt(np.abs(x) + k))
    return np.sum(a * b * c + d)


@case(V(5), 0.7)
def cumsum_concat(x, k):
    c = np.cumsum(x * k)
    d = np.concatenate([c, x[1:], np.array([k, k * k])])
    e = np.stack([x, c])
    return (
        np.sum(d * d) + np.sum(e[0] * e[1] ** 2) + np.sum(np.concatenate([e, e], axis=1)[:, 3] ** 2)
    )


@case(V(5))
def result_is_arg(x):
    return x[0]


@case(0.4)
def identity(x):
    return x


@case(V(5), 0.2)
def result_const2(x, k):
    y = np.zeros(5)
    y[0] = 2.0
    return y[0] + k


@case(V(5), 0.2)
def stored_zero(x, k):
    y = np.zeros(5)
    for i in range(5):
        y[i] = x[i]
        y[i] = 0.0
        y[i] += k
    return np.sum(y * x)


@case(V(5), 0.7)
def lst_pop(x, k):
    xs = [k, k * k]
    for i in range(5):
        xs.append(np.sin(x[i] * xs[-1]))
    s = 0.0
    while len(xs) > 2:
        v = xs.pop()
        s = s * 0.8 + v * v * xs[0]
    return s


@case(V(5), 0.7)
def lst_set_loop(x, k):
    xs = []
    for i in range(5):
        xs.append(x[i] * k)
    for i in range(1, 5):
        xs[i] = np.sin(xs[i] * xs[i - 1])
    s = 0.0
    for v in xs:
        s += v * v
    return s


@case(V(5), 0.7)
def lst_set_arrays(x, k):
    xs = []
    for i in range(3):
        xs.append(x * k**i)
    for i in range(1, 3):
        xs[i] = np.sin(xs[i] * xs[i - 1])
    return np.sum(xs[0] * xs[1] * xs[2])


@case(V(5), 0.7)
def lst_aug(x, k):
    xs = [0.0, 0.0]
    for i in range(5):
        xs[i % 2] += x[i] * k
    return xs[0] * xs[1] ** 2


@case(V(5), 0.7)
def lst_aug_dyn(x, k):
    xs = [0.0 for i in range(3)]
    for i in range(5):
        xs[i % 3] += x[i] * k
        xs[i % 3] *= k
    return xs[0] * xs[1] ** 2 + xs[2]


@refused("written after it was put into a list", V(5), 0.7)
def lst_append_written(x, k):
    xs = []
    b = np.zeros(5)
    for i in range(3):
        b[i] = x[i] * k
        xs.append(b)
    return np.sum(xs[0] * xs[1])


@refused("a list is written after it was put into a list", V(5), 0.7)
def lst_of_list_appended(x, k):
    rows = []
    for _ in range(2):
        row = [x * k]
        rows.append(row)
        row.append(x * x)
    return np.sum(rows[0][1] * rows[1][0])


@case(V(5), 0.7)
def lst_of_list_filled(x, k):
    rows = []
    for _ in range(2):
        row = [x * k]
        row.append(x * x)
        rows.append(row)
    return np.sum(rows[0][1] * rows[1][0])


@case(V(5), 0.7)
def lst_append_copy(x, k):
    xs = []
    b = np.zeros(5)
    for i in range(3):
        b[i] = x[i] * k
        xs.append(b.copy())
    return np.sum(xs[0] * xs[1]) + np.sum(xs[2] ** 2)


@case(V(5), 0.7)
def lst_append_filled(x, k):
    xs = []
    for i in range(3):
        b = np.zeros(5)
        for j in range(5):
            b[j] = x[j] * k + i
        xs.append(b)
    return np.sum(xs[0] * xs[1] * xs[2])


@case(V(5), 0.7)
def lst_written_later(x, k):
    xs = []
    for i in range(3):
        xs.append(x * k + i)
    for i in range(3):
        xs[i][0] *= k
    return np.sum(xs[0] * xs[1] * xs[2])


@refused("written after it was put into a list", V(5), 0.7)
def lst_written_later2(x, k):
    xs = []
    b = x * k
    xs.append(b)
    xs.append(x)
    b[0] = k
    return np.sum(xs[0] * xs[1])


@refused("written after it was put into a list", V(5), 0.7)
def u_bc_step(x, k):
    us = []
    u = x.copy()
    for _t in range(4):
        u[0] = k
        us.append(u)
        u = np.sin(u) * k
    return np.sum(us[1] * us[3] * u)


@refused("written after it was put into a list", V(5), 0.7)
def swap_append(x, k):
    us = []
    u = x.copy()
    v = x * k
    for _t in range(4):
        v[:] = np.sin(u)
        us.append(v)
        u, v = v, u
    return np.sum(us[1] * us[3] * u)


@case(V(5), 0.7)
def swap_in_if(x, k):
    u = x.copy()
    v = x * k
    if k > 0.5:
        for _t in range(3):
            v[1:] = np.sin(u[:-1])
            u, v = v, u
    return np.sum(u * v * v)


@case(V(5), 0.7)
def swap_in_nested_if(x, k):
    u = x.copy()
    v = x * k
    for t in range(4):
        if x[t] > 0:
            if t > 1:
                u, v = v, u
            u[t] *= v[t]
        else:
            v *= u
            u, v = v, u
    return np.sum(u * v * v)


@case(V(5), 0.7)
def swap_in_loop_in_loop(x, k):
    u = x.copy()
    v = x * k
    for _s in range(2):
        for _t in range(3):
            v[1:] = np.sin(u[:-1]) * k
            u, v = v, u
        u *= k
    return np.sum(u * v * v)


@case(V(5), 0.7)
def prev_cur(x, k):
    prev = x
    cur = x * k
    for _t in range(4):
        new = np.zeros(5)
        for i in range(1, 4):
            new[i] = 2 * cur[i] - prev[i] + k * (cur[i + 1] - 2 * cur[i] + cur[i - 1])
        prev, cur = cur, new
    return np.sum(cur**2)


@refused("two names", V(5), 0.7)
def prev_alias_bad(x, k):
    cur = x * k
    prev = cur
    for t in range(4):
        prev = cur
        cur[t] = prev[t + 1] * k
    return np.sum(cur**2 * prev)


@refused("two names", V(5), 0.7)
def same_alias_reads(x, k):
    cur = x * k
    prev = cur
    for _t in range(4):
        new = np.sin(cur) * prev
        prev = cur
        cur = new
    cur[0] = 3.0 * k
    return np.sum(cur**2 * prev)


@case(V(5), 0.7)
def view_carried(x, k):
    y = x.copy()
    for _t in range(3):
        b = np.zeros(6)
        b[1:] = y * k
        b[0] = y[0]
        y = b[1:]
        b[2] *= k
    return np.sum(y * y)


@refused("two names", M(4, 5), 0.7)
def row_carried(W, k):
    W = W.copy()
    row = W[0]
    for i in range(1, 4):
        row = W[i] * k + row
        W[i] *= row
    return np.sum(W * W) + np.sum(row)


@refused("two names", M(4, 5), 0.7)
def row_view_carried(W, k):
    W = W.copy()
    row = W[0]
    for i in range(1, 4):
        new = W[i]
        new *= k * np.sum(row)
        row = new
    return np.sum(W * W) + np.sum(row)


@case(V(6), 0.7)
def if_views(x, k):
    y = x.copy()
    if k > 0.5:
        w = y[1:4]
    else:
        w = y[2:5]
    w *= k
    y[2] *= y[1]
    return np.sum(w * y[:3])


@case(V(6), 0.7)
def if_views_loop(x, k):
    y = x.copy()
    s = 0.0
    for i in range(3):
        if x[i] > 0:
            w = y[i : i + 3]
        else:
            w = y[i + 1 : i + 4]
        w *= k
        y[2] *= w[1]
        s += np.sum(w)
    return s * np.sum(y)


@case(V(6), 0.7)
def if_view_of_inner(x, k):
    if k > 0.5:
        b = np.zeros(7)
        b[1:] = x
        w = b[:6]
        b[3] = k
    else:
        w = x * k
    w[2] *= w[3]
    return np.sum(w * x)


@case(V(6), 0.7)
def two_if_aliases(x, k):
    y = x.copy()
    if k > 0.5:
        a = y
        b = y
    else:
        a = x * k
        b = x + k
    a[0] *= k
    b[1] += a[0]
    return np.sum(a * b * y)


@refused("two names", V(6), 0.7)
def two_if_aliases_inner(x, k):
    if k > 0.5:
        y = x * k
        a = y
        b = y
    else:
        a = x * k
        b = x + k
    a[0] *= k
    b[1] += a[0]
    return np.sum(a * b)


@case(V(6), 0.7)
def ternary_alias_loop(x, k):
    a = x.copy()
    b = x * k
    s = 0.0
    for i in range(5):
        w = a if x[i] > 0 else b
        w[i] = w[i] * k + w[i + 1]
        s += np.sum(a * b)
    return s


@case(V(6), 0.7)
def buffer_two_loops(x, k):
    y = np.zeros(6)
    for i in range(6):
        y[i] = np.sin(x[i])
    s = 0.0
    for i in range(6):
        s += y[i] * k
        y[i] = s
    for i in range(6):
        y[i] *= y[i - 1]
    return np.sum(y)


@case(M(3, 3), 0.7)
def matrix_inplace(A, k):
    B = A.copy()
    for i in range(3):
        B[i] /= 2 + B[i, i]
        for j in range(3):
            if j != i:
                B[j] -= B[j, i] * B[i]
    return np.sum(B * A)


@case(M(3, 3), 0.7)
def matrix_cols(A, k):
    B = A.copy()
    for j in range(3):
        c = B[:, j]
        c -= np.mean(c)
        B[:, j] /= np.sqrt(np.sum(c * c) + 1)
        B[j] += c * k
    return np.sum(B * A)


@case(V(4), 0.7)
def while_flag(x, k):
    s = k
    i = 0
    done = False
    while not done:
        s = s * 1.3 + x[i % 4] ** 2
        if s > 5:
            done = True
        i += 1
    return s * x[0]


@case(V(4), 0.7)
def nested_breaks(x, k):
    s = k
    out = np.zeros(4)
    for i in range(4):
        t = x[i]
        while True:
            t = t * t * 0.5 + s * 0.3
            if t < 0.2:
                break
            s += t * 0.1
            if s > 2.0:
                break
            for j in range(3):
                if x[j] < 0:
                    continue
                s *= 1 + 0.1 * t
                if s > 1.5:
                    break
            else:
                s += 0.01
            if s > 1.8:
                break
            t *= 0.8
        out[i] = t * s
        if i == 2:
            continue
        out[i] *= out[i - 1] + 1
    return np.sum(out) * s


@case(V(4), V(4), 1)
def rt1(x, y, n):
    return np.sum(x[:n] * y)


@case(V(4), V(4), 4)
def rt4(x, y, n):
    return np.sum(x[:n] * y)


@case(V(4), V(4), 1)
def rt_if(x, y, n):
    z = x[:n]
    w = z + y
    return np.sum(w * w)


@case(V(4), V(1))
def one_arg(x, y):
    return np.sum((x + y) ** 2)


@case(V(1), V(1))
def one_both(x, y):
    return np.sum((x + y) ** 2 * x)


@case(V(4))
def gath(x):
    g = x[x > 0]
    return np.sum(g * g)


@case(V(4))
def gath2(x):
    g = x[x > 0.0]
    s = 0.0
    for i in range(len(g)):
        s += g[i] * x[i]
    return s


@case(V(5))
def slices_tri(x):
    s = 0.0
    for i in range(1, 5):
        v = x[:i]
        w = x[i - 1 : i]
        s += np.sum(v * w)
    return s


@case(V(5))
def slices_tri2(x):
    s = 0.0
    for i in range(5):
        v = x[:i]
        s += np.sum(v * x[i]) + np.sum(v[:, None] * x[i:])
        t = v * 2
        s = s + np.dot(t, v)
    return s


@case(V(5))
def slices_carry(x):
    v = x
    s = 0.0
    while len(v) > 1:
        v = v[1:] * v[:-1] + v[0]
        s += np.sum(v)
    return s


@case(V(5), V(5))
def slice_store_bcast(x, y):
    z = np.zeros(5)
    for i in range(1, 5):
        z[:i] += y[i - 1 : i] * x[:i]
    return np.sum(z * z)


@case(V(5), V(5))
def slice_store_bcast2(x, y):
    z = np.zeros(5)
    for i in range(1, 5):
        z[:i] = y[i - 1 : i]
        z[i:] *= x[i - 1 : i]
    return np.sum(z * z * x)


@case(V(5), V(5))
def list_lens(x, y):
    xs = []
    for i in range(1, 5):
        xs.append(x[:i] * y[i])
    s = 0.0
    for a in xs:
        for b in xs:
            if len(a) == len(b):
                s += np.sum(a * b)
    return s


@case(V(5), V(5))
def list_lens_bc(x, y):
    xs = []
    for i in range(1, 5):
        xs.append(x[:i] * y[i])
    s = 0.0
    for a in xs:
        s += np.sum(a * xs[0])
    return s


@case(M(3, 4), V(4))
def col1(A, v):
    s = 0.0
    for j in range(4):
        s += np.sum(A[:, j : j + 1] * v) + np.sum(A[:, :j] * A[:, j : j + 1])
    return s


@case(M(3, 4), V(3))
def maxax(A, v):
    m = np.max(A, axis=1)
    return np.sum(m * v) + np.min(A) + np.max(np.array([v[0], v[0], v[1]]))


@case(V(3), 0.3)
def maxmin(v, k):
    return max(v[0], k) * min(v[1], k, v[2]) + np.maximum(v, k)[1]


@case((V(3), {"a": 0.4, "b": [V(2), V(2) + 1]}), 0.3)
def nested_args(p, k):
    v, d = p
    return np.sum(v) * d["a"] + np.sum(d["b"][0] * d["b"][1]) * k


@case(M(4, 4), np.array([0, 2, 1]), np.array([1, 1, 0]))
def gather2(X, i, j):
    return np.sum(np.sin(X[i, j]))


@case(M(4, 4), np.array([0, 2, 1]))
def gather3(X, i):
    return np.sum(X[i] * X[i][:, :1])


@case(M(4, 4), np.array([0, 2, 1, 1]))
def gather4(X, i):
    return np.sum(X[:, i] ** 2)


@case(M(4, 4), np.array([0, 2, 1, 1]))
def gather5(X, i):
    return np.sum(X[1:, i] ** 2) + np.sum(X[i, 2] ** 3) + np.sum(X[i, 1:3] * 2)


@case(M(4, 4), np.array([0, 2, 1, 1]))
def gather_w(X, i):
    Y = X * 1.0
    Y[0] *= 2
    a = Y[i, 0]
    Y[:] = Y * Y
    return np.sum(a * Y[i, 1])


@case(M(4, 4), 0.3)
def rt_reshape(X, k):
    y = X.reshape(16)
    z = y.reshape(2, 8)
    z = z * k
    return np.sum(z.ravel()[3:7] ** 2)


@case(M(4, 4), 0.3)
def reshape_write(X, k):
    Y = X.copy()
    z = Y.reshape(16)
    z[3] *= k
    z[::5] += k
    return np.sum(Y**2)


@case(M(4, 4), 0.3)
def ravel_write(X, k):
    Y = X.copy()
    z = Y.ravel()
    z[3] = k
    d = np.diag(Y)
    return np.sum(Y**2) + np.sum(d * k)


@case(V(6), 0.3)
def global_alias(x, k):
    y = x.copy()

    def inner(v):
        v[0] = k * v[1]

    inner(y)
    inner(y[2:])
    return np.sum(y * y)


@case(V(6), 0.3)
def ends_neg(x, k):
    y = x.copy()
    for i in range(1, 4):
        y[-i] = y[-i - 1] * k + y[i - 1]
    for i in range(-3, 0):
        y[i] = y[i] * y[i + 1]
    return np.sum(y * y)


@case(V(6), 0.3, 2)
def offset_unknown(x, k, m):
    y = x.copy()
    for i in range(m, 6):
        y[i] = np.sin(y[i - m] * k) * y[i - 1]
    return np.sum(y * y)


@case(V(6), 0.3, -2)
def offset_negative(x, k, m):
    y = x.copy()
    for i in range(4):
        y[i] = np.sin(y[i - m] * k) * y[i - 1]
    return np.sum(y * y)


class P(NamedTuple):
    w: np.ndarray
    b: float


@case(({"u": V(4), "v": V(3)}, V(4)), 0.4)
def nested_written(p, k):
    d, w = p
    d["u"][1:] += w[:-1] * k
    w *= d["u"]
    z = d["u"]
    z[0] = k
    return np.sum(d["u"] * p[1]) + np.sum(d["v"])


@case(P(V(4), 0.4), 0.4)
def named_written(p, k):
    for i in range(1, 4):
        p.w[i] *= p.w[i - 1] + p.b
    return np.sum(p.w) * k


def use(p):
    return np.sum(p[0] ** 2)


@refused("which is a container", (V(4), V(4)), 0.4)
def written_passed(p, k):
    p[0][1] = k
    s = use(p)
    p[0][2] = k * p[1][0]
    return s * np.sum(p[0])


def lst(xs):
    s = 0.0
    for x in xs:
        s = s * 0.5 + x * x
    return s


@case(V(4), 0.4)
def list_passed_then_appended(x, k):
    xs = [k]
    for i in range(3):
        xs.append(x[i] * lst(xs))
    s = lst(xs)
    xs.append(s * k)
    return lst(xs)


@case(V(4), 0.4)
def stack_then_append(x, k):
    xs = [x]
    for i in range(2):
        xs.append(x * k + i)
    a = np.stack(xs)
    xs.append(x * x)
    b = np.concatenate(xs)
    return np.sum(a**2) * np.sum(b**2)


@case(V(4), 0.4)
def stack_in_loop(x, k):
    xs = [x]
    s = 0.0
    for _i in range(3):
        a = np.stack(xs)
        xs.append(np.sum(a * a, axis=0) * k)
        s += np.sum(a**3)
    return s


@case(V(4), 0.4)
def helper_buf(x, k):
    y = x.copy()
    s = 0.0
    for i in range(3):
        y[i] *= k
        s += use((y, x))
        y[i + 1] += s * 0.1
    return s


@refused("an array is written after it was put into a list", M(3, 3))
def row_on_a_list_written_later(X):
    Y = X * X
    rows = list(Y)
    Y[0, 1] = X[2, 1]
    return rows[0][1] ** 2 + rows[2] @ X[0]


@refused("an array is written after it was put into a list", M(3, 3))
def array_written_through_a_list_of_its_rows(X):
    Y = X * X
    rows = list(Y)
    rows[0][1] = X[2, 1]
    return np.sum(Y * X)


@case(M(3, 3), V(3))
def rows_moved_on_a_list(X, w):
    rows = list(X * X)
    rows.append(X[0] * w[0])
    rows.reverse()
    return (rows[0] @ w) * rows[1][0] + rows[3] @ X[1] + np.array(rows)[2, 1]


@case(M(4, 3), 1.1)
def left_early_from_the_end(A, k):
    t = k
    for row in reversed(A):
        s = 0.3
        for v in reversed(row):
            if v < -0.4:
                continue
            s = s * np.exp(v) + v * t
            if s > 1.0:
                break
        t = t * np.tanh(s)
        if t < 0.3:
            break
    return t


@case(np.abs(M(4, 3)), 0.2)
def while_in_a_loop_that_is_left_early_from_the_end(A, k):
    t = 1.0
    for row in reversed(A):
        s, i = 0.3, 0
        while s < 1.2:
            s = s * np.exp(row[i]) + k
            i += 1
            if i == len(row):
                break
        t *= np.tanh(s)
        if t < 0.8:
            break
    return t


@case(V(5))
def early_return_from_the_end(x):
    s = 0.3
    for i, v in reversed(list(enumerate(x))):
        s += v * v * i
        if s > 1.0:
            return v * s
    return s


@case(V(6), 5)
def list_grown_from_the_end(x, n):
    h = np.ones(2)
    hs = []
    for i in reversed(range(n)):
        h = np.tanh(h * x[i]) + x[i + 1]
        hs.append(h)
        if h[0] < 0.9:
            break
    s = 0.0
    for y in reversed(hs):
        s += y @ h
        if s > 1.0:
            break
    return s


@case(0.3)
def factor_of_which_only_the_lower_triangle_is_filled(h):
    K = np.eye(3) * 3.0
    for i in range(3):
        for j in range(i):
            K[i, j] = h * (i + 1)
    return np.sum(np.linalg.cholesky(K)[2])


@case(V(4), 2)
def parts_put_together_in_what_they_are_parts_of(x, n):
    w = x * 1.0
    z = np.zeros(4)
    for _ in range(n):
        w[::-1] = np.concatenate([z[1:], w[:1]])
    return np.sum(np.sin(w))
