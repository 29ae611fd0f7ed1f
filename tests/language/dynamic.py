"""Values whose types only the run knows: they run in the interpreter, and are reported once."""

import contextlib
import copy
import dataclasses
import functools
import itertools
import operator

import numpy as np
from language.programs import Row
from scipy.linalg import solve_triangular

x3 = np.array([0.5, -1.2, 0.8])
x4 = np.array([0.3, 1.1, -0.7, 0.9])
S = np.array([[1.5, 0.2, 0.1], [0.4, 2.0, -0.3], [0.1, -0.3, 1.8]])
WHY = "Numba has no values of unknown types"

functions = Row("dynamic functions")
generators = Row("generators")
structures = Row("dynamic structures")
matching = Row("match")
exceptions = Row("exceptions of operations")
ROWS = [functions, generators, structures, matching, exceptions]


def _dynamic(row):
    return functools.partial(row, jit=False, why=WHY, dynamic=True)


def_ = _dynamic(functions)


@def_((0.7, x3))
def list_of_different_closures(x, a):
    steps = []
    for k in range(len(a)):
        if k % 2:
            steps.append(lambda v, k=k: v * a[k])
        else:
            steps.append(lambda v: np.sin(v) + a[0])
    for step in steps:
        x = step(x)
    return x**2


@def_((x3,))
def composed_in_a_loop(x):
    f = lambda v: v
    for k in range(len(x)):
        f = (lambda g, w: lambda v: np.tanh(w * g(v)))(f, x[k])
    return f(x[0]) * x[1]


@def_((0.7, 1), (-0.7, 2))
def chosen_by_the_run(x, n):
    f = np.sin if x > 0 else (lambda v: v**3)
    for _ in range(n):
        x = f(x)
    return x


@def_((0.4, x3))
def one_function_for_each_element(x, w):
    steps = []
    for k in range(len(w)):
        steps.append((lambda v, k=k: v * w[k]) if k % 2 else np.sin)
    for step in steps:
        x = step(x) + w[0]
    return x


@def_((0.4, x3))
def callbacks_that_remember(x, a):
    seen = []
    handlers = {}
    for k, name in enumerate("abab"[: len(a)]):
        handlers.setdefault(name, []).append(lambda v, k=k: seen.append(v * a[k]))
    for name in sorted(handlers):
        for handler in handlers[name]:
            handler(x)
            x = x + seen[-1] ** 2
    return sum(seen) * x


class curry:
    """As that of toolz, which is used in the same way."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __call__(self, *args):
        args = (*self.args, *args)
        if len(args) < self.function.__code__.co_argcount:
            return curry(self.function, *args)
        return self.function(*args)


@curry
def condition(node_param, message):
    J, h = message
    J_node, h_node, log_Z_node = node_param
    return (J + J_node, h + h_node), log_Z_node


@curry
def predict(pair_param, message):
    J, h = message
    J11, J12, J22, log_Z_pair = pair_param
    L = np.linalg.cholesky(-2 * (J + J11))
    v = solve_triangular(L, h, lower=True)
    lognorm = 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
    h_predict = np.dot(J12.T, solve_triangular(L, v, trans="T", lower=True))
    temp = solve_triangular(L, J12, lower=True)
    J_predict = J22 + 1.0 / 2 * np.dot(temp.T, temp)
    return (J_predict, h_predict), lognorm + log_Z_pair


def natural_lognorm(message):
    J, h = message
    L = np.linalg.cholesky(-2 * J)
    v = solve_triangular(L, h, lower=True)
    return 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))


def interleave(first, second):
    second = iter(second)
    for item in first:
        yield item
        yield from itertools.islice(second, 1)


def monad_runner(bind, result, steps):
    for step in steps:
        result = bind(result, step)
    return result


_node = (-0.5 * np.eye(2), np.array([0.3, -0.2]), 0.1)
_pair = (-0.4 * np.eye(2), np.array([[0.3, 0.1], [-0.2, 0.4]]), -0.6 * np.eye(2), -0.3)
_natural = ((-0.5 * np.eye(2), np.zeros(2), 0.2), [_pair, _pair], [_node, _node, _node])


@functions((_natural,))
def kalman_smoother(natural_params):
    init_params, pair_params, node_params = natural_params

    def unit(J, h, logZ):
        return (J, h), logZ

    def bind(result, step):
        message, lognorm = result
        new_message, term = step(message)
        return new_message, lognorm + term

    steps = interleave(map(condition, node_params), map(predict, pair_params))
    message, lognorm = monad_runner(bind, unit(*init_params), steps)
    return lognorm + natural_lognorm(message)


@functions((_natural,))
def kalman_smoother_of_a_chain(natural_params):
    init_params, pair_params, node_params = natural_params

    def bind(result, step):
        message, lognorm = result
        new_message, term = step(message)
        return new_message, lognorm + term

    pairs = zip(map(predict, pair_params), map(condition, node_params[1:]), strict=True)
    steps = itertools.chain([condition(node_params[0])], itertools.chain.from_iterable(pairs))
    J, h, lognorm = init_params
    message, lognorm = functools.reduce(bind, steps, ((J, h), lognorm))
    return lognorm + natural_lognorm(message)


# ---- generators --------------------------------------------------------------------------------------

def_ = _dynamic(generators)


def _powers(x, n):
    value = 1.0
    for _ in range(n):
        yield value
        value = value * x


def _squares(items):
    for v in items:
        yield v * v


def _above(items, bound):
    for v in items:
        if v > bound:
            yield v


@generators((0.8, 4), (0.8, 0))
def sum_of_a_generator(x, n):
    return sum(_powers(x, n)) * x


@generators((x3,))
def generator_of_pairs(x):
    def pairs():
        for i, a in enumerate(x):
            for b in x[i + 1 :]:
                yield a, b

    total = 0.0
    for a, b in pairs():
        total += np.sin(a * b)
    return total


@def_((x3,))
def generator_with_state(x):
    def running():
        total = 0.0
        while True:
            v = yield total
            total += v**2

    runner = running()
    next(runner)
    out = [runner.send(v) for v in x]
    return out[0] * out[-1]


@generators((x4,))
def generators_in_a_chain(x):
    return sum(itertools.accumulate(_above(_squares(x), 0.2), operator.mul))


@def_((0.3, 3))
def generator_that_delegates(x, depth):
    def walk(v, d):
        yield v
        if d:
            yield from walk(v * x, d - 1)
            yield from walk(v + x, d - 1)

    return sum(v**2 for v in walk(x, depth))


@generators((x3,))
def next_of_an_iterator(x):
    items = iter(x)
    first = next(items)
    rest = [v * first for v in items]
    return rest[0] - rest[1] ** 2


@generators((x4,))
def continue_in_a_loop_over_a_generator(x):
    def twice(items):
        for v in items:
            yield v
            yield 2 * v

    total = 0.0
    for k, v in enumerate(twice(x)):
        if v < 0:
            continue
        row = [v * j for j in range(k)]
        total += sum(w**2 for w in row)
    return total


@generators((x4,))
def generator_that_returns_early(x):
    def positive(items):
        for v in items:
            if v < 0:
                return
            yield v
        yield 100.0 * items[0]

    total = 1.0
    for v in positive(x):
        total *= np.sin(v)
    return total


@generators((x4,))
def writes_between_yields(x):
    y = x * 1.0
    scale = x[0]

    def each():
        for i in range(len(y)):
            yield i, y[i] * scale

    for i, v in each():
        y[(i + 1) % 4] *= v
        scale = scale + np.sin(v)
    return np.sum(y) * scale


@generators((x4, 3), (x4, 0))
def generator_with_a_condition(x, n):
    def each():
        k = 0
        v = x[0]
        while k < n:
            yield v
            v = np.sin(v) * x[k]
            k += 1

    return functools.reduce(lambda s, v: np.tanh(s + v), each(), 0.5)


@generators((x4,))
def generator_iterated_twice(x):
    items = _squares(x)
    return sum(items) + 3.0 * sum(v**2 for v in items)


class _Prefixed:
    def __init__(self, first, rest):
        self.first, self.rest = first, rest

    def __iter__(self):
        yield self.first
        yield from self.rest


@generators((x4,))
def iterations_of_an_object(x):
    return sum(v**2 for v in _Prefixed(x[2], x[1:]))


@generators((x4, 2))
def iterators_read_partly(x, n):
    items = iter(x)
    total = sum(itertools.islice(items, n)) * next(items)
    return total + next(items, 5.0) ** 2 + next(items, x[0]) ** 3


@generators((x4,))
def functions_of_itertools(x):
    total = sum(np.sin(v) for v in itertools.chain(x, x[1:], [2.0 * x[0]]))
    total += sum(v for v in itertools.takewhile(lambda v: v > 0, x))
    total += sum(itertools.starmap(lambda a, b: a * b, zip(x, x[::-1], strict=True)))
    for i, j in itertools.product(range(len(x)), range(2)):
        total += x[i] * x[j] ** 2
    return total * sum(itertools.accumulate(x, initial=x[1]))


# ---- structures ----------------------------------------------------------------------------------------

def_ = _dynamic(structures)


class Node:
    def __init__(self, value, *children):
        self.value = value
        self.children = list(children)

    def total(self, scale):
        return self.value * scale + sum(c.total(scale * self.value) for c in self.children)


@def_((x4,))
def tree_that_is_built(x):
    root = Node(x[0])
    last = root
    for k, v in enumerate(x[1:]):
        child = Node(v)
        (last if k % 2 else root).children.append(child)
        last = child
    return root.total(1.0)


class Bag:
    """Gets its attributes as it goes."""


@def_((x3,))
def attributes_with_computed_names(x):
    bag = Bag()
    for k, v in enumerate(x):
        setattr(bag, f"part_{k}", v * 2.0)
    bag.total = sum(getattr(bag, f"part_{k}") for k in range(len(x)))
    return bag.total * bag.part_1


@def_((x4, [0, 1, 0, 2]))
def dict_with_computed_keys(x, groups):
    sums = {}
    for v, key in zip(x, groups, strict=True):
        if key not in sums:
            sums[key] = 0.0
        sums[key] += v**2
    return sum(np.sqrt(s) for s in sums.values())


@def_((x4,))
def memo_of_a_recursion(x):
    memo = {}

    def best(i):
        if i >= len(x):
            return 0.0
        if i not in memo:
            memo[i] = max(x[i] ** 2 + best(i + 2), best(i + 1))
        return memo[i]

    return best(0)


@def_((x3,))
def list_of_different_items(x):
    items = []
    for k in range(len(x)):
        items.append(x[k])
        items.append((k, x[k] * x))
    total = 0.0
    for item in items:
        if isinstance(item, tuple):
            total += item[0] * np.sum(item[1])
        else:
            total += item**2
    return total


class Linked:
    __slots__ = ("rest", "value")

    def __init__(self, value, rest=None):
        self.value = value
        self.rest = rest

    def __iter__(self):
        node = self
        while node is not None:
            yield node.value
            node = node.rest

    def __add__(self, other):
        return Linked(self.value + other, self.rest)


@def_((x3,))
def linked_list(x):
    items = None
    for v in x:
        items = Linked(np.exp(v), items)
    items = items + x[0]
    return sum(v * k for k, v in enumerate(items, 1)) ** 2


@def_((x3,))
def none_on_a_list(x):
    previous, seen, pairs = None, [], []
    for v in x:
        seen.append(previous)
        pairs.append((previous, v))
        previous = v * x[0]
    total = sum(v for v in seen if v is not None)
    return total + sum(b if a is None else a * b for a, b in pairs)


@def_((S, [0, 2]), (S, [1]))
def tuple_of_any_length_as_a_subscript(A, where):
    place = tuple(where)
    B = A.copy()
    B[place] = A[place] ** 2
    return np.sum(B * A) + np.sum(A[where])


@dataclasses.dataclass
class Particle:
    position: np.ndarray
    mass: float = 1.0
    forces: list = dataclasses.field(default_factory=list)

    @property
    def energy(self):
        return 0.5 * self.mass * self.position @ self.position


class World:
    def __init__(self, particles):
        self.particles = particles
        self.time = 0.0

    def step(self, dt):
        for p in self.particles:
            p.forces.append(-p.position * p.mass)
            p.position += dt * p.forces[-1]
        self.time += dt


@def_((S, 0.1))
def objects_that_change_on_a_list(x, dt):
    world = World([Particle(row.copy(), 1.0 + k) for k, row in enumerate(x)])
    for _ in range(3):
        world.step(dt)
    return sum(p.energy for p in world.particles) * world.time


@def_((Node(0.5, Node(1.2), Node(-0.7, Node(0.3))), 1.5))
def object_as_argument(tree, scale):
    return tree.total(scale)


@def_((x3,))
def copies_of_containers(x):
    a = {"v": x * 2.0, "w": [x[0]]}
    b = copy.deepcopy(a)
    b["v"][0] = x[1]
    b["w"].append(x[2])
    return np.sum(a["v"] * b["v"]) + sum(b["w"])


@def_((x4,))
def views_in_containers(x):
    y = x * 1.0
    parts = {k: y[k::2] for k in range(2)}
    for k in {0, 1}:
        parts[k] *= x[k]
        parts[k][0] += 1.0
    return np.sum(y**2)


@def_((x4, np.array([0, 2, 0])))
def writes_through_index_arrays(x, idx):
    y = np.zeros(4)
    cells = [y, y[1:]]
    cells[len(idx) - 3][idx] = x[:3]
    cells[len(idx) - 2][idx] += x[1:]
    y.T[::-1][1:] *= x[0]
    return np.sum(np.sin(y))


@def_((x3, 2), (x3, 0))
def weights_picked_by_a_computed_place(x, n):
    weights = (1.0, x, {"a": x[0]})
    found = weights[(len(x) + n) % 3]
    return np.sum(found * x) if not isinstance(found, dict) else found["a"] ** 2


# ---- match ----------------------------------------------------------------------------------------------

def_ = _dynamic(matching)


@dataclasses.dataclass
class Circle:
    radius: float


@dataclasses.dataclass
class Box:
    width: float
    height: float


def _area(shape):
    match shape:
        case Circle(radius=r):
            return np.pi * r**2
        case Box(w, h) if w == h:
            return w**2
        case Box(w, h):
            return w * h
    return 0.0


@def_((0.7, 1.1))
def match_on_classes(x, y):
    return sum(_area(s) * k for k, s in enumerate([Circle(x), Box(x, y), Box(y, y), None]))


@def_(([0.5, 1.5],), ([0.5, 1.5, 2.0],), ([0.5],))
def match_on_sequences(xs):
    match xs:
        case [a]:
            return a**3
        case [a, b]:
            return a * b
        case [first, *rest]:
            return first * sum(rest)


@def_(({"kind": "normal", "mu": 0.3, "sigma": 1.2}, 0.7), ({"kind": "uniform", "low": -1.0}, 0.7))
def match_on_mappings(model, x):
    match model:
        case {"kind": "normal", "mu": m, "sigma": s}:
            return -0.5 * ((x - m) / s) ** 2 - np.log(s)
        case {"kind": "uniform", **rest}:
            return x * rest["low"]


def _evaluate(expression, x):
    match expression:
        case "x":
            return x
        case ("+", a, b):
            return _evaluate(a, x) + _evaluate(b, x)
        case ("*", a, b):
            return _evaluate(a, x) * _evaluate(b, x)
        case ("sin", a):
            return np.sin(_evaluate(a, x))
        case float() | int() as number:
            return number * x


@def_((0.7,))
def interpreter_of_expressions(x):
    return _evaluate(("+", ("*", "x", ("sin", "x")), 3), x)


@def_((0.7,), (-0.7,))
def match_that_captures(x):
    match (x > 0, x**2):
        case (True, square):
            return square * x
        case (_, square) as both:
            return -square + both[1]


@def_((x3,))
def match_with_alternatives(x):
    total = 0.0
    for k, v in enumerate(x):
        match k, v:
            case (0, a) | (2, a):
                total += a**2
            case (_, a):
                total += np.exp(a)
    return total


# ---- exceptions ------------------------------------------------------------------------------------------

def_ = _dynamic(exceptions)


@def_((0.5, 2), (0.5, 0))
def division_by_zero(x, y):
    try:
        return x / y
    except ZeroDivisionError:
        return x * 3.0


@def_((S,), (-S,))
def not_positive_definite(A):
    jitter = 0.0
    while True:
        try:
            L = np.linalg.cholesky(A @ A.T + (jitter - 4.0) * np.eye(3))
            return np.sum(np.log(np.diag(L)))
        except np.linalg.LinAlgError:
            jitter += 1.5


@def_((x3,))
def index_out_of_range(x):
    total = 0.0
    k = 0
    try:
        while True:
            total += x[k] ** 2
            k += 1
    except IndexError:
        total *= x[0]
    return total


@def_((x3, 1), (x3, 7))
def written_out_of_range(x, k):
    y = 2.0 * x
    try:
        y[k] = x[0] * x[2]
    except IndexError:
        y[0] = x[1] ** 2
    return np.sum(y * x)


@def_(({"a": 0.5, "b": 1.5}, "c"), ({"a": 0.5, "b": 1.5}, "a"))
def missing_key(params, name):
    try:
        scale = params[name]
    except KeyError:
        scale = params["b"] * 2.0
    return scale * params["a"]


@def_((x3,), (-x3,))
def finally_runs(x):
    log = []
    try:
        y = 1.0 / float(np.sign(x[0]) + 1.0) * x[1]
    except (ZeroDivisionError, ValueError) as error:
        log.append(len(error.args))
        y = x[2]
    else:
        y = y * 2.0
    finally:
        log.append(x[0] * 3.0)
    return y * log[-1]


class Diverged(Exception):
    def __init__(self, value):
        super().__init__("diverged")
        self.value = value


def _iterate(x):
    for _ in range(50):
        x = x * x + 0.3
        if x > 10.0:
            raise Diverged(x)
    return x


@def_((0.2,), (1.5,))
def exception_that_carries_a_value(x):
    try:
        y = _iterate(x) if x > 0 else x
    except Diverged as e:
        y = np.log(e.value)
    return y * x


def _raised(ys):
    ys[0] += 1.0
    return ys[1]


@structures((np.array([1.5, 0.3, 2.0, 0.7]),), jit=False, why=WHY, dynamic=True)
def order_of_evaluation(x):
    """What an expression has read stays as it was, whatever later functions of the expression write."""
    factors = {1.0, 2.0}
    y = x * max(factors)
    s = np.sum(y) * _raised(y) + (y * x).dot(x * _raised(y))
    y[0] += _raised(y)
    y[len(factors) - 1] -= y[0] * _raised(y)
    items = (k for k in (1, 2, 3))
    s += (2 in items) * x[1] + sum(items)
    t = (y.sum(), _raised(y), y.sum())
    return s + t[0] * t[1] * t[2] + (np.sin(y) @ x > _raised(y)) * x[0]


class _Doubled:
    def __init__(self, held):
        self.held = held

    def __enter__(self):
        self.held[0] = self.held[0] * 2.0

    def __exit__(self, *error):
        self.held[0] = self.held[0] + 0.5


@exceptions((0.4,), (1.4,), jit=False, why=WHY, dynamic=True)
def raised_on_the_way_to_a_handler(x):
    """What `with` and `finally` do is done before the handler outside is."""
    held = [x, 1.0]
    try:
        with _Doubled(held):
            if x > 1:
                raise ValueError("large")
            held[0] = held[0] * x
    except ValueError:
        held[0] = held[0] * 3.0
    try:
        try:
            if held[0] > 2:
                raise ValueError("large")
        finally:
            held[1] = held[0] * x
    except ValueError:
        held[0] = held[1] * 3.0
    return held[0] * held[1]


@contextlib.contextmanager
def _tripled(held):
    held[0] = held[0] * 3.0
    try:
        yield held[0]
    finally:
        held[0] = held[0] / 2.0


@exceptions((0.4,), jit=False, why=WHY, dynamic=True)
def context_of_a_generator(x):
    held = [x, 1.0]
    with _tripled(held) as y:
        held[1] = held[0] * y
    return held[0] * held[1]
