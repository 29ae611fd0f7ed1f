"""Writing into arrays: by index, through views, into buffers."""

import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
x5 = np.array([0.3, 1.1, -0.7, 0.9, -0.2])
M = np.array([[0.5, -0.3, 1.2], [0.7, 0.4, -0.6]])
S = np.array([[1.5, 0.2, 0.1], [0.2, 2.0, -0.3], [0.1, -0.3, 1.8]])

writes = Row("writes")
views = Row("views")
buffers = Row("buffers")
ROWS = [writes, views, buffers]


@writes((x5,))
def elements(x):
    y = np.zeros(5)
    y[0] = x[0] ** 2
    y[-1] = y[0] * x[1]
    y[2] += x[2]
    y[2] *= y[2] + x[3]
    y[0] = np.sin(y[0])
    return np.sum(y**2)


@writes((x5,))
def slices_and_steps(x):
    y = x.copy()
    y[1:4] = y[1:4] ** 2
    y[::2] += x[0]
    y[::-1][:2] *= 3.0
    y[-2:] = y[:2]
    y[1:] = y[:-1] * 2.0
    return np.sum(np.sin(y))


@writes((M,))
def rows_columns_ellipsis(A):
    B = np.zeros((2, 3))
    B[0] = A[1]
    B[:, 1] = A[:, 0] * A[:, 2]
    B[..., -1] += 2.0
    B[1, ...] = B[0] * A[1]
    B[:, None, 0] += A[:, None, 1]
    return np.sum(B**3)


@writes((x5,))
def lists_that_grow_into_arrays(x):
    y = x.copy()
    y += [v * v for v in x]
    y[1:3] = [v * y[0] for v in x if v > 0.5]
    y[1:] -= [v**3 for v in x[1:]]
    A = np.outer(x, y)
    A[0] *= [v + 1.0 for v in x]
    return np.sum(A * A)


@writes((x5, np.array([0, 2, 2, 4])), (x5, np.array([1])))
def index_arrays(x, idx):
    y = x**2
    y[idx] = x[idx] + 1.0
    y[[0, 1]] *= 2.0
    np.add.at(y, idx, x[0])
    z = np.zeros(5)
    z[idx] += y[idx]
    return np.sum(y * z)


@writes((x5,))
def masks(x):
    y = np.exp(x)
    y[x > 0] = 1.0
    y[x < 0] *= x[x < 0]
    y[(x > -0.5) & (x < 0.5)] += 3.0 * x[0]
    y[~(x > 0)] = y[~(x > 0)] ** 2
    return np.sum(y * x)


@writes((x5,))
def depends_on_the_cell(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i] * y[i - 1] + np.sin(y[i])
    y[0], y[-1] = y[-1], y[0]
    y[2:4] = y[3:1:-1]
    return np.sum(y * x)


@writes((M, 1), (M, -1))
def row_by_computed_index(A, k):
    B = A * 1.0
    i = k % 2
    B[i] = B[1 - i] * 2.0
    B[i, i + 1] = B[i, i] * A[0, 0]
    B[i][0] = A[1, 1] ** 2
    return np.sum(B**2)


@views((M,))
def transposes_and_reshapes(A):
    B = A.copy()
    T = B.T
    T[0] *= 2.0
    flat = B.reshape(-1)
    flat[1:3] = A[1, :2] ** 2
    B.ravel()[5] += A[0, 0]
    square = B[:, :2].T
    square[0, 1] = np.sin(A[0, 1])
    return np.sum(B**2) + np.sum(T)


def _write_into(row, value):
    row[:] = row * value
    row[0] = value**2


@views((M,))
def row_handed_to_a_function(A):
    B = A.copy()
    for i in range(2):
        _write_into(B[i], A[i, 1])
    _write_into(B[:, 0], A[0, 0])
    return np.sum(B**2)


@views((x5,))
def views_of_views(x):
    y = x.copy()
    v = y[1:]
    w = v[::2]
    w += 1.0
    v[0] = w[1] * x[0]
    y[1] *= 2.0
    return np.sum(v) * w[0] + np.sum(y**2)


@views((x5,))
def same_array_under_two_names(x):
    a = x * 2.0
    b = a
    c = a.copy()
    b[0] = a[1] ** 2
    a[1] = 3.0 * b[0]
    c[:] = b
    c[2] = 0.0
    return np.sum(a * b) + np.sum(c * x)


@views((x3,))
def view_read_before_and_after(x):
    y = x * 1.0
    v = y[:2]
    before = np.sum(v**2)
    y *= x
    after = np.sum(v**2)
    y[0] = before
    return before * after + v[0]


@views((x3, x3 + 1.0))
def buffers_swapped(u, v):
    u, v = u.copy(), v.copy()
    for _ in range(3):
        v[1:] = 0.5 * u[:-1] + u[1:] ** 2
        v[0] = u[0] * v[1]
        u, v = v, u
    return np.sum(u * v)


@views((M,))
def swapaxes_and_newaxis(A):
    B = np.swapaxes(A.copy(), 0, 1)
    col = B[:, np.newaxis, 0]
    col *= 2.0
    B[1:, 1] = B[:-1, 0]
    return np.sum(B**2)


@views((S, x3), (M, x3[:2]))
def elements_in_the_order_of_rows(A, x):
    B = A * 1.0
    B.flat[:: len(B.T) + 1] += x**2
    B.T.flat[1] = B.flat[-2] * B[0, 1]
    B.flat[[0, 3]] *= B.flat[2:4]
    return np.sum(B**2)


@buffers((3, 0.7), (1, 0.7))
def nested_fill(n, a):
    K = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            K[i, j] = np.exp(-a * (i - j) ** 2) + (a if i == j else 0.0)
    return np.sum(K @ K)


@buffers((S,))
def cholesky(A):
    n = len(A)
    L = np.zeros_like(A)
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = np.sqrt(s) if i == j else s / L[j, j]
    return np.sum(L**2 * np.arange(1.0, 4.0))


@buffers((M, x3))
def reused_between_iterations(A, x):
    work = np.zeros(3)
    total = 0.0
    for row in A:
        work[:] = row * x
        work[1:] += work[:-1]
        total += np.sum(work**2)
    return total


@buffers((x5,), (x5[:1],))
def grown_list(x):
    ys = []
    acc = 0.0
    for v in x:
        acc = 0.5 * acc + v
        if v > -5:
            ys.append(acc**2)
    return np.sum(np.array(ys) * x)


@buffers((x3, 4), (x3, 0))
def list_of_arrays(x, steps):
    states = [x]
    for _ in range(steps):
        states.append(states[-1] - 0.1 * np.sin(states[-1]))
    traj = np.stack(states)
    return np.sum(traj[-1] ** 2) + np.mean(traj)


@buffers((x5,))
def dynamic_programming(c):
    n = len(c)
    D = np.full((n, n), 0.0)
    for i in range(n):
        D[i, i] = c[i] ** 2
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            D[i, j] = D[i, j - 1] + D[i + 1, j] * 0.3 + c[i] * c[j]
    return D[0, n - 1]


@buffers((x3,))
def result_keeps_the_buffer(x):
    out = np.empty(3)
    out[:] = x**2
    kept = out * x
    out[0] = kept[1]
    out += kept
    return np.sum(out) + np.sum(kept * out)
