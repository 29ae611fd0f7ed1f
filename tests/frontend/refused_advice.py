"""What the messages of `refused_calls` and `refused` say to write, done: arguments, and the expression as it is advised."""

# ruff: noqa: E501

import dataclasses

import numpy as np
from frontend.refused_calls import MATRIX, ONE, THREE, Own, Pair, one
from scipy import interpolate, linalg, ndimage, optimize, stats

POSITIVE = (np.array([0.7, 1.4, 2.3]),)


def caught_inside(x):
    try:
        v = Own(x).x
        if v > 2.0:
            raise ValueError
        y = one(v) ** 2
    except ValueError:
        y = 3.0 * x
    return y


class Made:
    def __init__(self, x):
        self.x = x

    def __enter__(self):
        return self.x

    def __exit__(self, *chosen):
        pass


def entered_by_a_class(x):
    with Made(x) as v:
        return v * v


def bound_in_a_loop(x):
    total = 0.0
    for v in x:
        y = v
        total += v
    return total * y


def chosen_by_a_name(x):
    chosen = 0.0
    try:
        if x > 0:
            chosen = x * x
            raise ValueError("large")
    except ValueError:
        return chosen * 2.0
    return x


def looked_at_in_a_list(x):
    d = {"a": x, "b": 2.0}
    values = list(d.values())
    d["a"] = 3.0
    return sum(values) * d["a"]


def suppressed_by_except(x):
    try:
        if x > 1.0:
            raise ValueError
        x = x * 2.0
    except ValueError:
        pass
    return x


def names_the_exceptions(x):
    try:
        y = one(x) * x
        if y > 2.0:
            raise ValueError
    except ValueError:
        return 2.0 * x
    return y


def keys_in_both(x):
    d, e = {"a": x, "b": 2.0 * x}, {"b": 1.0, "c": 3.0}
    return sum([d[k] * e[k] * x for k in d if k in e])


def named_functions(x):
    def cube(v):
        return v**3

    functions = [lambda v: v, cube, one]
    return sum(f(x) for f in functions if f.__name__ in ("cube", "<lambda>"))


def joined_by_update(x):
    d = {"inner": {"u": x}}
    d["inner"].update({"v": x * x})
    return d["inner"]["v"]


def copied_where(x):
    y = x * 1.0
    mask = x > 1.5
    y[mask] = (x * x)[mask]
    return y.sum()


def placed_by_index(x):
    y = 1.0 * x
    for i in range(3):
        y[i, i] = 2.0 * x[0, i]
    return np.sum(y**2)


def into_what_is_set(x):
    out = np.zeros((3, 3))
    np.multiply(x, x, where=x > 2, out=out)
    return out.sum()


def pairs_by_ranges(x):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                total += x[i] * x[j]
    return total


def triples_by_ranges(x):
    total = 0.0
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            for k in range(j + 1, len(x)):
                total += x[i] * x[j] * x[k]
    return total


def nested_loops(x):
    a = np.ones((1, 1, 1, 2)) * x
    total = 0.0
    for i in range(a.shape[2]):
        for j in range(a.shape[3]):
            total += a[0, 0, i, j] ** 2
    return total


def with_another_name(x):
    w = 0.0
    s = 0.0
    for v in x:
        w = v * v
        s += w
    return s * w


def sorted_by_a_number(x):
    return sorted([(v, v * v) for v in x], key=lambda pair: pair[0])[0][1]


def without_weights(x):
    order = np.argsort(x)
    return x[order][1] ** 2


def grown_as_an_array(x):
    terms = np.zeros(3)
    for k in range(3):
        terms[k] = x * k
    return optimize.brentq(lambda y, t: y**3 - np.sum(t), 0.0, 9.0, args=(terms,))


def made_anew(x):
    return dataclasses.replace(Pair(x, 1.0), a=x * x).a


def equal_rows(x):
    found = [x[0]]
    for row in x[1:]:
        if not np.any([np.all(row == other) for other in found]):
            found.append(row)
    return np.sum(np.array(found) ** 2)


def returned_as_a_list(x):
    return sum([x, x**2])


def tested_before(x):
    return 1.0 / x if x != 0 else 0.0


def item_by_item(x):
    xs = [x, x**2, 2.0]
    xs[0] = 3.0
    xs[2] = x
    return xs[1] * xs[2]


def extended_and_assigned(x):
    xs = [x, 2.0]
    xs[1:] = [*xs[1:], x * x]
    return xs[2]


ADVISED = [
    (THREE, "np.sum(np.sin(x))"),
    (THREE, "x[0] * len(x)"),
    (ONE, "caught_inside(x)"),
    (ONE, "entered_by_a_class(x)"),
    (THREE, "bound_in_a_loop(x)"),
    (ONE, "chosen_by_a_name(x)"),
    (THREE, "triples_by_ranges(x)"),
    (THREE, "pairs_by_ranges(x)"),
    (ONE, "x * np.zeros(2)[0] + x * x"),
    (ONE, "looked_at_in_a_list(x)"),
    (ONE, "nested_loops(x)"),
    (ONE, "np.searchsorted([0.0, 1.0], x) * x"),
    (ONE, "suppressed_by_except(x)"),
    (THREE, "with_another_name(x)"),
    (THREE, "sorted_by_a_number(x)"),
    (ONE, "names_the_exceptions(x)"),
    (ONE, "keys_in_both(x)"),
    (ONE, "named_functions(x)"),
    (ONE, "joined_by_update(x)"),
    (THREE, "copied_where(x)"),
    (ONE, "max([], default=x) * x"),
    (ONE, "functools.reduce(operator.add, [], x)"),
    (ONE, "made_anew(x)"),
    (THREE, "x[0]"),
    (ONE, "x if (x + 1) == (x + 1) else 0.0"),
    (ONE, "x if Incomparable(x).a == Incomparable(x).a else 0.0"),
    (ONE, "Own(x).x * x"),
    (THREE, "np.sum(np.exp(np.array(list({'a': x}.values()))))"),
    (ONE, "np.sum(Own(x).x * x)"),
    (ONE, "optimize.brentq(lambda y, s: y * y - x * s, 0.0, 9.0, args=(2.0,))"),
    (ONE, "optimize.newton(lambda y, c: y * y - x * c, 1.0, fprime=lambda y, c: 2 * y * c, args=(OFFSET[0],))"),
    (ONE, "grown_as_an_array(x)"),
    (MATRIX, "np.sum(np.cumsum(x.reshape(-1)) ** 2)"),
    (MATRIX, "placed_by_index(x)"),
    (MATRIX, "x.ravel()[np.ravel_multi_index((2, 1), x.T.shape)]"),
    (MATRIX, "x.T[np.unravel_index(4, x.T.shape)]"),
    (THREE, "x[np.flatnonzero(np.isin(x, x[:2]))].sum()"),
    (THREE, "(x ** np.linspace(x[0], x[1], 3)).sum()"),
    (THREE, "np.r_[1:3].sum() * x.sum()"),
    (THREE, "np.exp(x.astype(np.float64)).sum()"),
    (THREE, "np.concatenate(np.stack([x, x])).sum()"),
    (THREE, "np.nanmean(x, where=x > 1.5)"),
    (THREE, "np.var(x)"),
    (ONE, "stats.multivariate_normal.entropy(np.zeros(2), cov=np.diag(np.array([x, 2.0])))"),
    (THREE, "stats.norm.pdf(x).sum()"),
    (MATRIX, "ndimage.correlate(x, np.ones((3, 3))).sum()"),
    (MATRIX, "ndimage.correlate(x, np.ones((3, 3)), mode='nearest').sum()"),
    (MATRIX, "ndimage.map_coordinates(x, np.array([[0.5], [1.2]]), order=1, mode='nearest').sum()"),
    (THREE, "interpolate.CubicSpline(np.arange(3.0), x, bc_type='natural')(1.5)"),
    (MATRIX, "np.linalg.qr(x, mode='reduced')[0].sum()"),
    (THREE, "np.polyfit(np.arange(3.0), x, 1)[0].sum()"),
    (THREE, "without_weights(x)"),
    (THREE, "np.concatenate([x, x[:1] ** 2]).sum()"),
    (POSITIVE, "(x * x.astype(np.int64)).sum()"),
    (MATRIX, "np.sum(np.subtract.reduce(x, axis=0) ** 2)"),
    (MATRIX, "linalg.qr(x)[1].sum()"),
    (MATRIX, "linalg.qr(x, mode='economic')[0].sum()"),
    (MATRIX, "linalg.solve(x + 0j, np.ones(3)).real.sum()"),
    (MATRIX, "equal_rows(x)"),
    (MATRIX, "np.max(x, where=x > 2, initial=0.0)"),
    (MATRIX, "np.min(x, where=x > 2, initial=9.0)"),
    (MATRIX, "into_what_is_set(x)"),
    (MATRIX, "np.add.reduce(x.astype(np.float64)).sum()"),
    (ONE, "returned_as_a_list(x)"),
    (ONE, "tested_before(x)"),
    (ONE, "item_by_item(x)"),
    (ONE, "extended_and_assigned(x)"),
    (MATRIX, "np.sum(x[np.arange(2)[:, None], np.arange(2)])"),
]  # fmt: skip
NAMES = {k: v for k, v in globals().items() if not k.startswith("_")}
__all__ = ["ADVISED", "NAMES", "interpolate", "linalg", "ndimage", "optimize", "stats"]
