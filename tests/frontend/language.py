"""Small programs for the frontend's tests: each is called by Python and by the reference evaluator.

`CASES` holds (function, arguments) pairs; they are written as users write, formatting and all.
"""

# ruff: noqa: B007, B905, C417, F821, F841, RET504

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.linalg
from numpy import exp

A = np.arange(6.0).reshape(2, 3)
SCALE = 2.5
CONF = {"w": np.array([1.0, 2.0, 3.0]), "b": 0.5}
x3 = np.array([0.5, -1.0, 2.0])
M = np.array([[2.0, 0.3], [0.1, 1.5]])
CASES = []


def case(*argsets):
    def add(f):
        for a in argsets:
            CASES.append((f, a))
        return f

    return add


@case((x3,), (np.ones(1),))
def for_else(x):
    for v in x:
        if v < 0:
            r = v
            break
    else:
        r = 10.0
    return r * 2


@case((3.0,), (0.5,))
def while_else(x):
    n = 0
    while x < 20.0:
        x = x * 2
        n += 1
        if n > 4:
            break
    else:
        return x + 100.0
    return x


@case((x3,))
def nested_fn(x):
    k = 2.0

    def g(v):
        return v * k

    k = 3.0
    return np.sum(g(x))


@case((x3,))
def comp(x):
    ys = [math.sin(v) * i for i, v in enumerate(x)]
    return sum(ys) + sum(v * v for v in x) + len(ys)


@case((x3,))
def comp2(x):
    ys = [v * 2 for v in x if v > 0]
    zs = np.array(ys)
    return np.sum(zs) + max(ys) + min(v for v in ys)


@case((x3, "a"), (x3, "b"))
def strflag(x, mode):
    if mode == "a":
        return x.sum()
    elif mode in ("b", "c"):
        return x.max()
    raise ValueError(f"bad {mode}")


@case((x3,), (x3, 2.0))
def default(x, k=1.5, *, p=2):
    return np.sum(x**p) * k


@case((x3,))
def starred(x):
    a, *b = x
    c, d = b
    (e, f), g = (c, d), a
    return a + c * d + e * f * g


@case((x3,))
def varargs(x):
    def f(*args, **kw):
        return sum(args) * kw["s"]

    return f(x[0], x[1], s=x[2])


@case((M,))
def shapes(x):
    n, m = x.shape
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(m):
            s += x[i, j] * (i + 1) * n
    return s / x.size + x.ndim


@case((x3, 2), (x3, 0))
def early_deep(x, n):
    for i in range(n):
        for v in x:
            if v > 1.0:
                return v * i
            if v < -5.0:
                break
        else:
            x = x + 1.0
    return -1.0


@case((x3,))
def walrus(x):
    if (s := np.sum(x)) > 0:
        return s * 2
    return s


@case((4.0,), (0.1,))
def ternary_chain(x):
    return 1.0 if x < 0.5 else 2.0 * x if 0 < x <= 3 else x


@case((x3,))
def and_or_value(x):
    a = x[0] or 5.0
    b = x[0] and x[1]
    c = not (x[0] > 0 and x[1] > 0)
    return a + b + c


class P(NamedTuple):
    a: float
    b: np.ndarray


@dataclass
class D:
    w: np.ndarray
    s: float = 1.0

    def apply(self, x):
        return np.sum(self.w * x) * self.s

    @property
    def twice(self):
        return self.s * 2


@case((P(2.0, x3),))
def ntuple(p):
    q = p._replace(a=p.a * 2)
    a, b = q
    return a * np.sum(b) + p[0] + p.a


@case((D(x3, 2.0), x3))
def dcls(d, x):
    e = D(d.w * 2)
    return d.apply(x) + e.apply(x) + d.twice


@case((x3,))
def glob(x):
    return np.sum(x * CONF["w"]) + CONF["b"] + SCALE + np.sum(A)


@case((x3,))
def reduce_(x):
    return functools.reduce(lambda a, b: a * b, x) + functools.reduce(
        lambda a, b: a + b, [x[0], x[1]], 1.0
    )


@case((x3,))
def partial_(x):
    f = functools.partial(lambda a, b: a - b, 2.0)
    return f(x[0]) + f(b=x[1])


@case((x3,))
def listset(x):
    ys = [0.0, 0.0]
    for i in range(2):
        ys[i] = x[i] * 2
    ys[0] += 3.0
    return ys[0] * ys[1]


@case((x3,))
def listpop(x):
    ys = []
    for v in x:
        ys.append(v)
    t = 0.0
    while len(ys) > 0:
        t = t * 0.5 + ys.pop()
    return t


@case((x3,))
def lists_of_arrays(x):
    hs = [x]
    for i in range(3):
        hs.append(hs[-1] * 0.5 + 1)
    return np.sum(np.array(hs)) + sum(np.sum(h) for h in hs[1:]) + np.sum(np.stack(hs)[0])


@case((x3,))
def dictloop(x):
    d = {"a": x[0], "b": x[1]}
    t = 0.0
    for k, v in d.items():
        t += v * (2.0 if k == "a" else 3.0)
    d.update(c=t)
    d["a"] += 1.0
    return d["a"] + d["c"] + d.get("zz", 7.0)


@case(({"a": x3.copy(), "n": 2.0},))
def dict_write(d):
    d["n"] = d["n"] * 2
    for i in range(2):
        d["n"] += 1.0
    return d["n"] * np.sum(d["a"])


@case((x3,))
def dict_branch(x):
    d = {"v": 0.0}
    if x[0] > 0:
        d["v"] = x[0]
    e = d
    e["v"] = e["v"] * 2
    return d["v"]


@case((x3,))
def unpack_arr(t):
    a, b, c = t
    return a * b - c


@case((x3,))
def aug(x):
    x = x.copy()
    y = x
    x += 1.0
    x[0] *= 3.0
    x[1:] -= 0.5
    x[::2] /= 2.0
    x **= 2
    return np.sum(y)


@case((x3, np.array([0, 2, 0])))
def gath(x, idx):
    y = x[idx]
    z = x.copy()
    z[idx] += 1.0
    m = x > 0
    w = x.copy()
    w[m] = 0.0
    w[m] += 2.0
    return np.sum(y) + np.sum(z * w) + np.sum(x[m])


@case((x3,))
def match_(x):
    match len(x):
        case 3:
            k = 1.0
        case 4 | 5:
            k = 2.0
        case _:
            k = 3.0
    return k * x[0]


@case((x3,), (-x3,))
def asserts(x):
    assert x[0] != 0, f"zero {x[0]}"
    if np.isnan(x[1]):
        raise ValueError("nan")
    return x[0] * 2


@case((2.0,), (-1.0,))
def none_flow(x):
    y = None
    if x > 0:
        y = x * 2
        z = y + 1
    else:
        z = x
    return z


@case((x3,), (x3, None), (x3, x3))
def opt(x, w=None):
    if w is None:
        w = np.ones_like(x)
    return w @ x


@case((3, x3), (0, x3))
def intpar(n, x):
    s = 0
    for i in range(n):
        s += i
    t = n // 2 + n % 2
    return s + t + x[0] * n


@case((x3, 0), (M, 1), (M, 0))
def axis_par(x, axis):
    return np.sum(np.sum(x, axis=axis) ** 2)


@case((x3, True), (x3, False))
def boolpar(x, flag):
    y = x * 2 if flag else x
    if flag:
        z = 1.0
    else:
        z = 2.0
    return np.sum(y) * z


@case((x3, False), (x3, True))
def boolpar_static(x, flag):
    y = x if flag else None
    if y is None:
        return 1.0 * x[0]
    return np.sum(y)


@case(((1.0, x3, [2.0, M]),))
def nested_struct(t):
    a, b, (c, d) = t
    s = a
    for i in range(2):
        s += t[2][0] * i
    return s * c * np.sum(d) * np.sum(b)


@case(([x3, M],))
def different(xs):
    s = 0.0
    for i in range(len(xs)):
        s += np.sum(xs[i])
    for x in xs:
        s += np.sum(x) * 2
    return s


@case((x3,))
def rev(x):
    s = 1.0
    for i in reversed(range(len(x))):
        s = s * 0.5 + x[i]
    for i, v in enumerate(reversed(x)):
        s = s * 0.3 + v * i
    for a, b in zip(reversed(x), x):
        s += a * b
    for a, b in zip(x[1:], x[:-1]):
        s *= a - b
    for a, b in zip(x, range(1, 4)):
        s += a * b
    for k, (a, b) in enumerate(zip(range(3), x), start=2):
        s += k * a * b
    return s


@case((x3, [0.5, 2.0]), (x3, [0.5, 2.0, 0.3]))
def zip_known_and_not(x, weights):
    """Beside a list whose length is not known: a tableau with rows of several lengths, none among them."""
    stages = []
    for row in ((), (0.5,), (-1, 2.0)):
        total = x[0]
        for w, stage in zip(row, stages):
            total = total + w * stage
        stages.append(total * total)
    picked = sum(a * w for a, w in zip([x[1], x[2]], weights))
    return picked + sum(map(lambda s, w: s * w, stages, (1.0, 2.0, 3.0, 4.0)))


@case((x3,))
def map_(x):
    return sum(map(lambda v: v * 2, x)) + sum(map(math.sin, [x[0], x[1]]))


@case((x3,))
def anyall(x):
    if any(v > 1 for v in x) and not all(v > 0 for v in x):
        return x[0]
    return x[1]


@case((2.5,), (0.3,))
def wtrue_return(x):
    while True:
        x = x * 0.5 + 0.1
        if x < 0.5:
            return x * 3


@case((x3,))
def cont(x):
    s = 0.0
    i = 0
    while i < 3:
        i += 1
        if x[i - 1] < 0:
            continue
        s += x[i - 1] * i
    return s


@case((x3,))
def prev(x):
    s = 0.0
    for i in range(len(x)):
        if i > 0:
            s += x[i] * last
        last = x[i]
    return s


@case((x3,))
def found(x):
    best = -np.inf
    idx = -1
    for i, v in enumerate(x):
        if v > best:
            best, idx = v, i
    return best * idx


@case((x3,))
def closure_ret(x):
    def make(k):
        return lambda v: v * k

    fs = (make(2.0), make(3.0))
    return fs[0](x[0]) + fs[1](x[1])


@case((x3,))
def fstr(x):
    name = f"{'a'}b"
    return x[0] if name == "ab" else x[1]


@case((M, np.ones(2)))
def linal(m, b):
    y = np.linalg.solve(m, b)
    sign, ld = np.linalg.slogdet(m)
    return y @ b + ld * sign + np.linalg.det(m) + numpy.linalg.inv(m).T[0, 1] + exp(y).mean(axis=0)


def helper_writes(x, v):
    x[0] = v


@case((x3.copy(), 3.0))
def callee_writes(x, v):
    x = x.copy()
    helper_writes(x, v)
    return np.sum(x**2)


def helper_view(x):
    return x[1:]


@case((x3.copy(),))
def callee_view(x):
    y = helper_view(x)
    return np.sum(y)


def helper_axis(x, axis=0, keep=False):
    return x.sum(axis=axis, keepdims=keep)


@case((M,))
def callee_static(x):
    return np.sum(helper_axis(x, 1) ** 2) + np.sum(helper_axis(x, axis=0, keep=True) ** 2)


@case((x3,))
def scalars_int_to_float(x):
    s = 0
    for v in x:
        s += v
    c = 0
    for i in range(3):
        c += 1 if i > 0 else 0.5
    return s + c


@case((x3, 3), (x3, 2))
def static_loop(x, k):
    ks = (1.0, 2.0, 3.0, 4.0)
    s = 0.0
    for i in range(len(ks)):
        s += ks[i] * x[0]
    return s


@case((x3,))
def repeat_list(x):
    ys = [0.0] * 3
    for i in range(3):
        ys[i] = x[i] ** 2
    return sum(ys)


@case((x3,))
def swap(x):
    a, b = x[0], x[1]
    for _ in range(3):
        a, b = b, a + b
    return a * b


@case((x3,))
def nested_break(x):
    t = 0.0
    for i in range(3):
        for j in range(3):
            if j == i:
                break
            if x[j] < 0:
                continue
            t += x[j] * i
        if t > 1:
            break
    return t


@case((x3,))
def delname(x):
    y = x[0]
    del y
    y = x[1]
    return y


@case((x3,))
def shape_eq(x):
    if x.shape == (3,):
        return x[0]
    return x[1]


@case((x3,))
def zeros_shape(x):
    z = np.zeros(x.shape)
    w = np.full((2, 2), 3.0)
    u = np.zeros_like(x)
    for i in range(len(z)):
        z[i] = x[i] * w[0, 1]
    u[:] = z
    u[...] += 1.0
    return np.sum(u)


@case((x3,))
def ifexp_array(x):
    y = x if x[0] > 0 else -x
    z = np.where(y > 0, y, 0.0)
    return y @ z


@case((x3,))
def max_builtin(x):
    return (
        max(x[0], x[1], 0.1)
        + min(x[0], 2)
        + abs(x[1])
        + max(x)
        + float(x[0])
        + int(2.7)
        + round(x[0])
    )


@case((1.0, 2.0))
def kwonly(a, b):
    def g(p, /, q, *, r=3.0):
        return p * q * r

    return g(a, b) + g(a, q=b, r=a) + g(a, q=2.0, r=b)


@case((x3,))
def isinst(x):
    if isinstance(x, np.ndarray) and not isinstance(x[0], tuple) and callable(math.sin):
        return x[0]
    return 0.0


@case((x3,))
def multiret(x):
    def f(v):
        if v > 0:
            return v, 1.0
        return -v, 2.0

    a, b = f(x[1])
    return a * b


@case((x3,))
def listcomp2d(x):
    m = [[a * b for b in x] for a in x]
    return m[0][1] + m[2][0]


@case((x3,))
def listcomp_struct(x):
    pairs = [(a, b) for a, b in ((x[0], 1.0), (x[1], 2.0))]
    return sum(a * b for a, b in pairs)


@case((x3,))
def print_(x):
    print("x is", x[0], f"{x[1]:.2f}", end="")
    return x[0]


@case((x3, np.array([1.0])), (x3, np.array([1.0, 2.0, 3.0])))
def broadcast1(x, y):
    return np.sum(x[:1] * y) + np.sum(x * y)


@case((x3, 1), (x3, 2))
def slice_len(x, n):
    y = x[:n]
    return np.sum(y * x[0]) + np.sum(y + x[1 : n + 1])


@case((0.3,), (5.0,))
def several_loops(x):
    for i in range(5):
        if x > 2.0:
            x = x / 2
            if x > 2.2:
                continue
            x = x - 0.1
        elif x < 0.5:
            if x < 0.1:
                return x
            x = x * 3
        else:
            break
    return x


@case((x3, 1.0), (-x3, 1.0))
def shapes_in_messages(x, y):
    assert x.shape == (3,), x.shape
    assert len(x) > 1, f"{x.shape} and {y}: {x.dtype}"
    print(x.shape, (len(x), y), [y], str(y) + "!", "shape: " + str(x.shape), x.dtype)
    if x[0] > 5.0:
        raise ValueError("bad shape {}".format(x.shape), x.shape)  # noqa: UP032
    if x[0] > 6.0:
        raise ValueError("bad shape %s" % (x.shape,))  # noqa: UP031
    return np.sum(x) * y


@case((x3, 3))
def arrays_of_nested_comprehensions(x, n):
    a = np.array([[x[i] * x[j] for j in range(n)] for i in range(len(x))])
    b = np.array([[x[i], 2.0] for i in range(n)])
    c = np.array([[1.0, 2.0], [3.0, 4.0]])
    return np.sum(a) + np.sum(b @ c)


@case((x3,))
def likes_with_a_dtype(x):
    y = np.zeros_like(x, dtype=float) + np.ones_like(x, dtype=np.float64)
    z = np.full_like(x, 2, dtype=int) + np.empty_like(x, dtype=bool).shape[0]
    return np.sum(np.array(x, copy=True) * y * z) + np.float64(x[0]) * x[1]


@case((x3,))
def numpy_of_lists(x):
    values = []
    for i in range(len(x)):
        values.append(x[i] ** 2)
    return np.sum(values) + np.mean([v * x[0] for v in values]) * np.max(values)


@case((x3, 3), (x3, 1))
def sums_that_start_as_numbers(x, n):
    total, other = 0, 0.0
    for i in range(n):
        total += x * i
        other = np.sin(x) + other
    rows = 0
    for row in np.outer(x, x):
        rows = rows + row**2
    return np.sum(total**2 + other + rows)


@case(([x3, 2 * x3], x3))
def sums_of_arrays(xs, x):
    return np.sum(sum(xs) * sum([x * i for i in range(3)]) + sum(x * i for i in range(2)))


@case((x3, 1.5), (x3, 0.5))
def other_names_and_arguments_of_functions(x, a):
    low, high = np.amin(x, axis=0), np.amax(x * x)
    return (
        math.log(a + 1.0, 2)
        + math.log(4.0, a) * low
        + np.sum(np.amax(np.outer(x, x), axis=1)) * high
    )


@case((x3, 1.5))
def numpy_numbers(x, k):
    total = np.float32(0)
    for v in x.astype(np.float32):
        total += v * np.float32(k)
    return total * np.int64(3) + float("1.5") * int("2")


@case((x3,))
def array_times_list(x):
    return np.sum(x * [1.0, 2.0, 3.0]) + np.sum([4, 5, 6] * x)


@case((x3, np.array([[0, 1], [1, 0], [1, 1]])))
def backtrace(x, back):
    k = int(np.argmax(x[:2]))
    path = [k]
    for t in range(2, 0, -1):
        k = back[t, k]
        path.append(k)
    counts = [0] * 3
    for j in path[::-1]:
        counts[j] += 1
    return sum(x[j] for j in path) * counts[1]


@case((x3, np.array([1, -2])), (x3, np.array([-5, 7])))
def slices_of_lists(x, ends):
    xs = [x[0]]
    for v in x:
        xs.append(v * xs[-1])
    total = sum(xs[:3]) * xs[-2:][0] + len(xs[9:]) + len(xs[-9:9]) * x[1]
    for i, part in enumerate([xs[::2], xs[1:-1], xs[-1:0:-2], xs[-2::-1], xs[ends[0] : ends[1]]]):
        for v in part:
            total = total * v + i
    for k in range(3):
        for v in xs[k - 1 : k + 1]:
            total += v * k
    return total


def weighted(b, a, scale=1.0):
    return scale * (a - b)


@case(({"b": 1.5, "a": 2.0}, {"scale": 3.0}))
def dicts_spread_out(p, options):
    q = {}
    q.update(p)
    return weighted(**p, **options) + weighted(**{**q, "a": 0.5})


@case(({"b": 1.5, "a": 2.0}, 3.0))
def taken_out_of_a_dict(p, x):
    q = {**p, "c": x}
    scale = q.pop("c") * q.pop("d", 2.0)
    rest = dict(p)
    rest.pop("a")
    return scale * sum(q.values()) * len(q) + len(p) + sum(rest.values())


@case(({"b": 1.5, "a": 2.0},))
def names_in_order(p):
    total = 0.0
    for name in (*sorted(p), *sorted(p, reverse=True)):
        total = total * p[name] + p[name]
    return total if bool(p) and not bool([]) and bool("x") else 0.0


@case((x3, 3), (x3, -3))
def lengths_of_ranges(x, n):
    return x[0] + len(range(n)) * x[1] + len(range(1, n)) * x[2] + len(range(int(x[2]) - 9))


@case((x3,))
def results_in_arrays(x):
    y, table = x.copy(), np.empty((3, 3))
    z = np.multiply(y, x, out=y)
    z[0] = x[1]
    np.maximum(y, 0.1, out=y)
    np.add(y, x, y)
    np.outer(x, y, out=table)
    np.copyto(table[0], x)
    table[1].fill(x[2])
    return np.sum(np.exp(y, out=y) * table)
