"""Tuples, lists, dicts, records, comprehensions; classes."""

# ruff: noqa: C416, C400, RUF007, RUF015

import bisect
import enum
import functools
import operator
from collections import namedtuple
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
x4 = np.array([0.3, 1.1, -0.7, 0.9])
S3 = np.array([[1.5, 0.2, 0.1], [0.4, 2.0, -0.3], [0.1, -0.3, 1.8]])
M = np.array([[0.5, -0.3, 1.2], [0.7, 0.4, -0.6]])

containers = Row("containers")
comprehensions = Row("comprehensions")
classes = Row("classes")
ROWS = [containers, comprehensions, classes]

Point = namedtuple("Point", ["x", "y"])


class State(NamedTuple):
    position: np.ndarray
    velocity: np.ndarray
    time: float = 0.0


@dataclass(frozen=True)
class Layer:
    W: np.ndarray
    b: np.ndarray
    scale: float = 1.0

    def __call__(self, x):
        return np.tanh(self.W @ x + self.b) * self.scale

    @property
    def size(self):
        return self.b.shape[0]


@dataclass
class Particle:
    x: float
    v: float
    history: list = field(default_factory=list)

    def step(self, dt):
        self.v -= dt * self.x
        self.x += dt * self.v
        self.history.append(self.x)

    @property
    def energy(self):
        return 0.5 * (self.x**2 + self.v**2)


class Kind(enum.Enum):
    LINEAR = "linear"
    QUADRATIC = "quadratic"


@containers(((0.7, (1.2, x3)),))
def tuples(p):
    a, (b, v) = p
    first, *rest = v
    pair = (a * b, *rest)
    *init, last = pair
    return pair[0] * last + init[1] ** 2 + len(pair) * first + (a, b)[-1]


@containers((Point(0.7, 1.2), State(x3, 2.0 * x3)))
def named_tuples(p, s):
    moved = s._replace(position=s.position + p.x * s.velocity, time=s.time + p.y)
    q = Point(y=p.x, x=p.y**2)
    position, velocity, time = moved
    return np.sum(position * velocity) * time + q.x * q[1] + q._asdict()["y"]


@containers(({"w": x3, "opt": {"lr": 0.1, "decay": [0.5, 0.3]}},))
def nested_dicts(params):
    w = params["w"] * params["opt"]["lr"]
    params["opt"]["lr"] = params["opt"]["lr"] * 2.0
    state = dict(params["opt"], extra=w[0])
    merged = {**state, "lr": state["extra"] ** 2}
    d0, d1 = params["opt"]["decay"]
    out = merged.get("lr") + merged.get("none", d0) * d1 + params["opt"]["lr"]
    return out + sum(np.sum(v) for v in [w]) + len(merged)


@containers(([x3, 2.0 * x3, -x3],))
def lists_of_arrays(xs):
    ys = [x * (i + 1) for i, x in enumerate(xs)]
    ys[0] = ys[1] * ys[2]
    ys.append(ys[0] ** 2)
    ys.insert(1, xs[0])
    last = ys.pop()
    ys.reverse()
    ys.extend([last, last * 2.0])
    return sum(np.sum(y) for y in ys) + np.sum(ys[-2] * ys[0]) + len(ys)


@containers(([0.3, -0.4, 1.2, 0.9],))
def queues(values):
    queue = [v for v in values]
    total = 0.0
    while len(queue) > 1:
        first = queue.pop(0)
        total += first * queue[0]
        queue[0] = queue[0] + 0.1 * first
    del values[1]
    return total + queue[0] + sum(v**2 for v in values)


@containers(([0.3, -0.4, 1.2, 0.9],), ([1.5, 2.0],))
def inserted_and_deleted(values):
    values.insert(1, values[0] * values[-1])
    del values[0]
    values.insert(0, 2.0)
    last = values.pop(-2)
    return sum(v**2 for v in values) * last


@containers(([0.3, -0.4, 1.2, 0.9], 1), ([1.5, 2.0], -1))
def slices_of_lists_assigned(values, k):
    values[1:k] = [values[0] * values[1], 3.0]
    values[-1:] = values[:2]
    values[:0] = (values[k], values[-1] ** 2)
    del values[2:3]
    both = [values[0], values[1]]
    for k, f in enumerate((np.sin, np.cos)):
        both[:k] = [f(both[1]), both[0] * values[2]]
    return sum(v * (i + 1) for i, v in enumerate(values)) * both[0] - both[-1]


@containers((Layer(M, np.array([0.1, -0.2]), 1.5), x3))
def dataclasses_as_arguments(layer, x):
    wider = replace(layer, scale=layer.scale * 2.0)
    return np.sum(layer(x) * wider(x)) + layer.size * layer.scale


@containers(({(0, 1): 0.5, (1, 0): -0.3, (1, 1): 0.9},), jit=True)
def tuple_keys(rates):
    total = rates[0, 1] * 2.0
    for (i, j), r in rates.items():
        total += (i + 2 * j) * r**2
    table = {}
    for i in range(2):
        for j in range(2):
            table[i, j] = rates.get((i, j), 0.0) + i
    return total + table[1, 1] * table[(0, 1)]


@containers((x3, Kind.LINEAR), (x3, Kind.QUADRATIC))
def enums(x, kind):
    if kind is Kind.LINEAR:
        return np.sum(x)
    if kind == Kind.QUADRATIC:
        return np.sum(x**2) * len(kind.value)
    raise ValueError(kind)


@containers((x4,))
def structures_as_state(x):
    state = {"mean": 0.0, "m2": 0.0, "n": 0}
    for v in x:
        n = state["n"] + 1
        delta = v - state["mean"]
        mean = state["mean"] + delta / n
        state = {"mean": mean, "m2": state["m2"] + delta * (v - mean), "n": n}
    history = (0.0, 1.0)
    for v in x:
        history = (history[1], history[0] * v + history[1])
    return state["m2"] / state["n"] + history[0] * history[1]


# ---- comprehensions and generator expressions ---------------------------------------------------------


@comprehensions((x4, M))
def list_comprehensions(x, A):
    squares = [v**2 for v in x]
    some = [v for v in x if v > 0]
    pairs = [a * b for a in x for b in squares if a < b]
    grid = [[a * k for k in range(3)] for a in x]
    cols = [A[:, j].sum() for j in range(A.shape[1])]
    return sum(squares) + sum(some) * sum(pairs) + grid[1][2] + cols[0] * cols[2]


@comprehensions((x4,))
def generators_consumed(x):
    a = sum(v**2 for v in x)
    b = max(abs(v) for v in x)
    c = np.array([v for v in (w * 2.0 for w in x)])
    d = tuple(v * a for v in x)
    e = list(v + b for v in x)
    f = np.fromiter((v**3 for v in x), dtype=float)
    return a * b + np.sum(c) * d[0] + e[1] + np.sum(f)


@comprehensions((x4,))
def generators_bound_to_names(x):
    squares = (v**2 for v in x)
    total = sum(squares)
    lazy = (v * total for v in x if v > 0)
    out = 0.0
    for w in lazy:
        out += w
    return out


@comprehensions((x3, 1.3))
def generators_are_late(x, a):
    """What is written, bound or appended between making a generator and going through it is seen."""
    y, grown = x.copy(), [v for v in x]
    scaled = (a * v for v in y)
    squares = (v * v for v in grown if v < a)
    products = (a * u * v for u in x for v in (1.0, x[0]))
    y[0] = 5.0 * x[1]
    grown.append(x[0] * x[1])
    for k in range(2):
        if x[k] > 0:
            a = a * 2.0
    s = sum(scaled)
    totals = [0.0]
    for v in (totals[-1] + v for v in x):
        totals.append(v)
    a, b, c = (v / a for v in x)
    return s + max(squares) + sum(products) * totals[-1] * a * b + c


@comprehensions((x4,), (np.abs(x4),))
def generators_left_early(x):
    squares = (v**2 for v in x)
    found = 0.0
    for v in squares:
        if v > 1.0:
            found = v * x[0]
            break
        found += v
    return found + (sum(v for v in x) if any(v < 0 for v in x) else x[1])


@comprehensions((x3, ["a", "b", "c"]))
def dict_comprehensions(x, keys):
    by_key = {k: v for k, v in zip(("a", "b", "c"), x, strict=True)}
    doubled = {k: 2.0 * v for k, v in by_key.items() if k != "b"}
    lengths = {k: len(k) for k in keys}
    return by_key["a"] * doubled["c"] + lengths["a"] * by_key["b"]


@comprehensions((x3,))
def starred(x):
    a, *b = x
    *c, d = [a, *b, a * d_of(b)]
    both = [*c, *b]
    return sum(both) * d + len(both)


def d_of(b):
    return b[0] * b[-1]


@comprehensions((x4,))
def any_all_next(x):
    first = next(v for v in x if v > 0.5)
    position = [i for i, v in enumerate(x) if v < 0][0]
    flag = all(abs(v) < 2 for v in x) and any(v < -0.5 for v in x)
    return first * x[position] * (2.0 if flag else 1.0)


@comprehensions(([0.4, 0.9, -0.3],))
def nested_names(xs):
    k = 3.0
    scaled = [k * x for x in xs]
    table = [[scaled[i] * scaled[j] for j in range(i)] for i in range(len(xs))]
    return sum(sum(row) for row in table) + k * max(scaled)


@comprehensions((x3, x4))
def zipped(x, y):
    dots = [a * b for a, b in zip(x, y, strict=False)]
    shifted = [b - a for a, b in zip(y[:-1], y[1:], strict=True)]
    index = {i: v for i, v in enumerate((x[0], y[0]))}
    return sum(dots) * sum(s**2 for s in shifted) + index[1]


# ---- classes -------------------------------------------------------------------------------------------


class Model:
    """Attributes are read; a method calls others."""

    def __init__(self, w, b):
        self.w = w
        self.b = b
        self.calls = 0

    def linear(self, x):
        return x @ self.w + self.b

    def loss(self, x, y):
        r = self.linear(x) - y
        return np.mean(r**2) + self.penalty

    @property
    def penalty(self):
        return 0.1 * np.sum(self.w**2)

    @staticmethod
    def scale(v, k):
        return v * k

    @classmethod
    def make(cls, v):
        return cls(v, v[0])


@classes((x3, 0.4, M, np.array([0.3, -0.2])))
def object_made_inside(w, b, X, y):
    model = Model(w, b)
    return model.loss(X, y) + Model.scale(b, 2.0) + model.scale(b, 3.0) + Model.make(w).penalty


class Accumulator:
    def __init__(self, decay):
        self.decay = decay
        self.total = 0.0
        self.count = 0

    def add(self, v):
        self.total = self.decay * self.total + v
        self.count += 1
        return self

    def __call__(self, v):
        self.add(v)
        return self.total

    def __len__(self):
        return self.count


@classes((x4, 0.9))
def attributes_that_change(x, decay):
    acc = Accumulator(decay)
    for v in x:
        acc.add(v**2)
    acc.add(x[0]).add(x[1])
    acc.decay = 0.5
    last = acc(x[2])
    return acc.total * acc.count + last * len(acc)


class Filter:
    def __init__(self):
        self.total = 1.0

    def add(self, v):
        if v < 0:
            return self
        self.total += v**2
        return self


@classes((1.5,), (-1.5,))
def attribute_set_before_an_early_return(x):
    kept = Filter()
    kept.add(x).add(-x)
    return kept.total


class Cell:
    """A recurrent cell: a state that is an array, replaced in each call."""

    def __init__(self, w):
        self.w = w
        self.h = np.zeros(3)
        self.last = None

    def __call__(self, v):
        self.h = np.tanh(self.w @ self.h + v)
        change = 0.0 if self.last is None else v - self.last
        self.last = v
        return self.h.sum() + change**2


@classes((np.array([[0.5, 0.2, 0.1], [0.1, 0.4, -0.3], [0.0, 0.3, 0.2]]), x4))
def recurrent_cell(w, xs):
    cell = Cell(w)
    out = 0.0
    for v in xs:
        out += cell(v)
    return out


class Dual:
    def __init__(self, re, im):
        self.re = re
        self.im = im

    def __add__(self, other):
        if isinstance(other, Dual):
            return Dual(self.re + other.re, self.im + other.im)
        return Dual(self.re + other, self.im)

    __radd__ = __add__

    def __mul__(self, other):
        if not isinstance(other, Dual):
            return Dual(self.re * other, self.im * other)
        return Dual(self.re * other.re, self.re * other.im + self.im * other.re)

    __rmul__ = __mul__

    def __sub__(self, other):
        return self + (-other)

    def __neg__(self):
        return Dual(-self.re, -self.im)

    def __getitem__(self, k):
        return self.re if k == 0 else self.im

    def __lt__(self, other):
        return self.re < other.re

    def __eq__(self, other):
        return self.re == other.re

    __hash__ = None


@classes((0.7, 1.3))
def own_operators(x, k):
    z = Dual(x, 1.0)
    p = 2.0 * z * z + z * k - z + 1.0
    if z < p:
        p = -p
    return p.re * p[1] + p[0]


@classes((0.4, 1.0, 5))
def dataclass_that_changes(x, v, n):
    p = Particle(x, v)
    for _ in range(n):
        p.step(0.1)
    return p.energy + p.history[-1] * p.history[0]


class Body:
    """Attributes are arrays, written in place and replaced."""

    def __init__(self, position, mass):
        self.position = position.copy()
        self.velocity = np.zeros_like(position)
        self.mass = mass

    def kick(self, force, dt):
        self.velocity += dt * force / self.mass
        self.position += dt * self.velocity
        self.velocity[0] *= 0.9
        self.position = self.position * 0.99


@classes((x3, 1.5, 3), (x3, 1.5, 0))
def array_attributes(x, mass, n):
    body = Body(x, mass)
    old = body.position.copy()
    for k in range(n):
        body.kick(np.sin(body.position) * (k + 1), 0.1)
    body.position[1] = 2.0 * mass
    return np.sum(body.position**2) + np.sum(old * body.velocity)


class Network:
    """Objects that hold objects, made from a list."""

    def __init__(self, weights):
        self.layers = [Dense(w) for w in weights]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Dense:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return np.tanh(self.w @ x)


@classes(([M, M.T], x3))
def objects_in_objects(weights, x):
    net = Network(weights)
    return np.sum(net(x) ** 2)


class Shape:
    def __init__(self, size):
        self.size = size

    def area(self):
        return self.scale() * self.size

    def scale(self):
        return 1.0


class Square(Shape):
    def scale(self):
        return self.size


class Disc(Shape):
    def __init__(self, radius):
        super().__init__(radius)
        self.radius = radius

    def area(self):
        return np.pi * self.radius**2 + 0.0 * super().area()


@classes((0.7, 1.4))
def inheritance(a, b):
    total = 0.0
    for shape in (Square(a), Disc(b), Shape(a * b)):
        total += shape.area()
    return total


MODEL = Model(np.array([0.2, 0.1, -0.4]), 0.3)


@classes((M, np.array([0.3, -0.2])))
def object_from_outside(X, y):
    return MODEL.loss(X, y) * MODEL.b


DISC = Disc(0.7)


@classes((0.4,))
def inherited_object_from_outside(x):
    return x**2 * DISC.area()


class Regression:
    """A bound method is what is differentiated."""

    def __init__(self, data):
        self.data = data

    def loss(self, w):
        return np.sum((self.data @ w - 1.0) ** 2)

    def __call__(self, w):
        return self.loss(w) * 2.0


REGRESSION = Regression(M)


@classes((x3,))
def bound_methods(w):
    f = REGRESSION.loss
    return f(w) + REGRESSION(w)


@containers((x4,))
def unions_of_dicts(x):
    a, b = {"w": x[0], "u": x[1]}, {"u": x[2] ** 2, "z": x[3]}
    c, d = a | b, b | a
    c["w"] += 1.0
    alias = a
    a |= {"v": x[3] * 2.0}
    return c["w"] * c["u"] + c["z"] * d["u"] + sum(alias.values()) * alias["v"]


class _Lazy:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def norm(self):
        return np.sqrt(self.x @ self.x)

    def __iter__(self):
        yield self.x[0]
        yield self.norm


@classes((x3,))
def cached_properties_and_items(x):
    lazy = _Lazy(x)
    before = lazy.norm
    lazy.x = 2.0 * x
    first, norm = lazy
    return before * lazy.norm + first * norm + max(*lazy) + sum(v * v for v in lazy)


@containers((x4, [1, 0, 2]))
def indexed_by_lists_and_ranges(x, places):
    y = x[places]
    A = np.outer(y, x)
    low, *middle, high = sorted([v * v for v in x if v > 0])
    for k, v in sorted({"b": x[0], "a": x[1]}.items()):
        low = low * 1.5 + v * len(k)
    return np.sum(A[range(3), [0, 2, 1]]) * low + sum(middle) * high + A[:, places][1, 2]


@containers((x3, 0.4))
def items_that_a_loop_changes(x, a):
    """A loop over known parts takes each part in its iteration."""
    table, values = {"a": x[0], "b": x[1], "c": x[2]}, [x[0], x[1], a]
    same, others = table, values
    for i, (key, value) in enumerate(table.items()):
        same[key] = value * (i + 1.0) + table["c"]
        table["c"] = table["c"] * value
    for key in table:
        same[key] = table[key] * a
    for value in values:
        others[2] = others[2] * value
    for i, (u, v) in enumerate(zip(values, reversed(values), strict=True)):
        others[i] = u * v + i
    table["sum"] = sum(table.values())
    table["squares"] = sum(v * v for v in table.values())
    return table["squares"] * values[0] + values[1] * values[2] * max(values)


class _Kind(enum.Enum):
    SQUARE = 2
    CUBE = 3


class _Pair:
    def __init__(self, u, v):
        self.u, self.v = u, v

    def __add__(self, other):
        return _Pair(self.u + other.u, self.v + other.v)

    def __lt__(self, other):
        return self.u * self.v < other.u * other.v


@classes((x3,))
def objects_that_are_summed_and_compared(x):
    pairs = [_Pair(x[0], x[1]), _Pair(x[1], 2.0), _Pair(x[2], x[2])]
    total = sum(pairs, _Pair(0.0, 1.0))
    joined = functools.reduce(operator.add, pairs)
    first = max(pairs)
    s = 0.0
    for kind in _Kind:
        s += x[0] ** kind.value if kind is _Kind.SQUARE else x[2] ** kind.value * 0.5
    return total.u * joined.v + first.u * s


@containers((S3,))
def numbered_elements(a):
    total, made = 0.0, np.zeros((3, 2))
    for (i, j), v in np.ndenumerate(a):
        total += (i + 2.0 * j) * v * v
    for place in np.ndindex(made.shape):
        made[place] = a[place] ** 2 + made[0, 0]
    for i, j in np.ndindex(3, 2):
        made.view()[i, j] *= a[j, i]
    return total + np.sum(made)


@containers((x3, 0.7))
def piece_that_bisect_finds(y, t):
    knots = [0.0, 0.5, 1.0]
    i = bisect.bisect_right(knots, t) - 1
    rows = np.array(knots)
    w = (t - rows[i]) / (rows[i + 1] - rows[i])
    return (1.0 - w) * y[i] + w * y[bisect.bisect_left(knots, t)] ** 2


class Halves:
    """What is got is twice what is kept, and what is set is counted."""

    def __init__(self, n):
        self.kept, self.sets = np.zeros((n, 2)), 0.0

    def __getitem__(self, k):
        return self.kept[k] * 2.0

    def __setitem__(self, k, v):
        self.sets = self.sets + 1.0
        self.kept[k] = v

    @property
    def last(self):
        return self.kept[-1] + 1.0

    @last.setter
    def last(self, v):
        self.sets = self.sets * 2.0
        self.kept[-1] = v * 0.5


@classes((x4,))
def items_and_properties_changed_by_their_methods(x):
    halves = Halves(3)
    for k in range(2):
        halves[k] += x[k] * x[2:]
        halves[k + 1] -= halves[k] * x[3]
    halves.last += x[:2]
    halves.last *= 3.0
    halves[0][0] = 9.0  # of what was got
    return np.sum(halves.kept**2) * halves.sets


@dataclass
class Bag:
    items: np.ndarray
    changes: int = 0

    def __setitem__(self, k, v):
        self.items[k] = v
        self.changes += 1

    def __getitem__(self, k):
        return self.items[k]

    def __iter__(self):
        for v in self.items:
            yield v * v


@classes((x4,))
def dataclasses_that_are_iterated(x):
    bag = Bag(x.copy())
    bag[0] += bag[1]
    bag[1:] *= bag[0]
    total = 0.0
    for v in bag:
        total += v
    return total * bag.changes + sum(bag)


@containers((x4,))
def computed_key_in_a_dict(x):
    d = {0: x[0], 2: x[1]}
    total = 1.0
    for i in range(4):
        if i in d:
            total += x[i] ** 2
        else:
            total *= x[i]
    return total * d[0]


@containers((x4, {1: 2.0, 3: 0.5}))
def computed_key_in_a_dict_that_is_given(x, d):
    total = 1.0
    for i in range(4):
        if i not in d:
            total += x[i] ** 2
    return total * d[1] + d[3]


def _weighted(*numbers):
    return sum(v * k for k, v in enumerate(numbers))


@containers((x4,))
def keys_of_a_dict_behind_a_star(x):
    d = {2: x[0], 0: x[1], 3: x[2]}
    *first, last = d
    return _weighted(*d) * x[0] + first[0] * x[1] + last * d[2]


def _chosen(options, x):
    name, scale, (inner, *more) = options
    if inner is None:
        return x[0] * scale
    first = x[1] * scale if name == "doubled" else scale
    return first * more[0]


@containers((x3, 0.7))
def options_unpacked_in_a_helper(x, s):
    return _chosen(("doubled", s, ("inner", 2.0)), x) * _chosen(("plain", s, (None, 1.0)), x)


@containers(((("a", 0.5), (None, 1.5), 2.0),))
def options_that_are_given(options):
    (name, first), (nothing, second), last = options
    if nothing is None and name == "a":
        return first**2 * second * last
    return second


@containers((x4,))
def lists_repeated_in_place(x):
    known, grown = [x[0], x[1]], []
    also_known, also_grown = known, grown
    for v in x:
        grown.append(v)
    known *= 2
    grown *= 3
    d = {"l": [x[2]]}
    inner = d["l"]
    d["l"] *= 3
    return sum(also_known) * sum(inner) + sum(also_grown) * len(also_known) * len(also_grown)


@containers((x4,))
def list_times_a_number(x):
    grown = [v * x[0] for v in x]
    twice = grown * 2
    twice[0] = x[1]
    return sum(twice) * twice[5] + sum(2 * grown)


@containers((x4,))
def numbers_of_an_array_as_a_list(x):
    numbers = (x * 2.0).tolist()
    return numbers[2] * sum(numbers) + len(numbers) * max(x.tolist())


@containers((x3,), (x3[:2],))
def the_one_item_of_a_list(x):
    stack = []
    for v in x:
        stack.append(v * x[0])
    while len(stack) > 1:
        stack.append(stack.pop() * np.sin(stack.pop()))
    (result,) = stack
    [same] = [result * 2.0]
    return result * same


def _itself(v):
    return v


@containers((x3,))
def results_passed_through_helpers(x):
    nothing, every = _itself(None), _itself(...)
    total = x[0] * x[1] if nothing is None else x[2]
    return total + np.sum(x[every, nothing] ** 3) + len(_itself("abc")) * x[1]


@containers((x3,))
def texts_and_shapes_on_lists(x):
    terms, shapes = [], []
    for k, v in enumerate(x):
        terms.append((v * v, "abc", k))
        shapes.append(x[k:].shape)
    total = sum(t * len(name) * k for t, name, k in terms)
    return total * shapes[1][0] + sum(shape[0] for shape in shapes) * x[0]


@containers((S3, [(0, 1), (2, 1)], [[0, 1], [2, 2]]))
def items_of_lists_as_subscripts(A, places, rows):
    B = A.copy()
    total = 0.0
    for place in places:
        total += A[place] ** 2
        B[place] *= 2.0
    for two in rows:
        total += np.sum(A[two] ** 2 * B[two, 1][0])
    return total * np.sum(B)


def _first_ones(x, n):
    return tuple(x[i] * 2.0 for i in range(n))


@containers((x3, 2), (x3, 3))
def tuples_of_any_length(x, n):
    items = _first_ones(x, n)
    more = items
    more += (x[0],)
    more *= 2
    first, *rest = more
    rest += [first * 3.0]
    kinds = 2.0 if isinstance(items[1:], tuple) and isinstance(rest, list) else 0.5
    return sum(items) * sum(more) * len(items) + kinds * sum(rest) * len(more + items[::-1])


@containers((x3, 2), (x3, 3))
def tuples_on_a_list(x, n):
    grown = []
    for k in range(1, n + 1):
        grown.append(_first_ones(x, k))
    total = 0.0
    for items in grown:
        more = items
        more += (1.5,)
        total += sum(items) * len(more)
    return total


@containers((x3, (0.5, 2.0), [(0.5, 1.0), (2.0, 3.0)]))
def tuples_from_outside_are_added(x, pair, pairs):
    both = pair + (x[0], x[1])
    total = both[0] * both[2] + sum(pair * 2) * x[2]
    for p in pairs:
        longer = (1.5,) + p + (x[1],)
        total += longer[3] * longer[2] * len(longer)
    return total
