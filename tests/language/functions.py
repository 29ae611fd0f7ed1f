"""Closures, arguments, functions as values, decorators, recursion."""

# ruff: noqa: C417, B023

import functools
import math
import operator

import numba
import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
x4 = np.array([0.3, 1.1, -0.7, 0.9])
S = np.array([[1.5, 0.2, 0.1], [0.4, 2.0, -0.3], [0.1, -0.3, 1.8]])

nested = Row("nested functions")
values = Row("functions as values")
recursion = Row("recursion")
ROWS = [nested, values, recursion]


@nested((x3, 1.5))
def late_binding(x, k):
    f = lambda v: k * v**2
    a = f(x[0])
    k = k * 2.0
    b = f(x[1])

    def g():
        return c * k

    c = a + b
    return a + b + g()


@nested((x3,))
def nonlocal_counter(x):
    total = 0.0
    calls = 0

    def add(v):
        nonlocal total, calls
        total += v**2
        calls += 1
        return total

    for v in x:
        add(v)
    last = add(x[0])
    return total * calls + last


@nested((x3,))
def nonlocal_in_a_maker(x):
    def counter(start):
        value = start

        def step(by):
            nonlocal value
            value = value * by
            return value

        return step

    first, second = counter(1.0), counter(2.0)
    first(x[0])
    second(x[1])
    return first(x[1]) * second(x[2])


@nested((0.6, 1.3))
def nonlocal_of_a_function_further_out(x, y):
    total = x

    def often(k):
        def step():
            nonlocal total
            total = total * y + k

        for _ in range(k):
            step()
        return total

    return often(2) + often(3) * total


@nested((0.6, 1.3))
def names_that_an_inner_function_has_of_its_own(x, y):
    scale = x

    def outer(k):
        def inner(scale):
            return scale * y

        return inner(k) * scale + sum([y * k for y in (k, 2.0)]) * y

    return outer(2.0) + outer(x)


def _scaled(x, scale=2.0, *, shift=0.5, power=2):
    return scale * x**power + shift


@nested((0.7, 1.3))
def defaults_and_keywords(x, y):
    a = _scaled(x)
    b = _scaled(x, y)
    c = _scaled(x, shift=y)
    d = _scaled(power=3, x=y, scale=x)
    f = lambda v, k=y: v * k
    return a * b + c * d + f(x) + f(x, 2.0) + f(k=x, v=y)


def _spread(first, *rest, weight=1.0, **options):
    total = first * weight
    for r in rest:
        total = total + r**2
    if "bias" in options:
        total = total + options["bias"]
    return total * options.get("gain", 1.0)


@nested((x3, 0.4))
def stars(x, w):
    parts = [x[1], x[2]]
    settings = {"bias": w, "gain": x[0]}
    return (
        _spread(x[0])
        + _spread(x[0], x[1], weight=w)
        + _spread(*parts, w)
        + _spread(x[0], *parts, **settings)
    )


@nested((x3,))
def reduce_partial(x):
    product = functools.reduce(lambda a, b: a * b, x)
    summed = functools.reduce(operator.add, [v**2 for v in x], 0.5)
    scaled = functools.partial(_scaled, scale=x[0], power=3)
    joined = functools.partial(_spread, x[1], weight=3.0)
    return product + summed * scaled(x[1]) + joined(x[2]) + joined(x[0], weight=x[2])


@nested((x3, [0.3, 2.0, -1.0]))
def map_and_filter(x, ws):
    a = sum(map(lambda v: v**2, x))
    b = sum(map(operator.mul, x, ws))
    c = sum(filter(lambda v: v > 0, ws))
    d = [v * x[0] for v in filter(None, ws)]
    e = list(map(math.sin, ws))
    return a + b * c + sum(d) + e[0] * e[1]


@nested((x4, [0.3, 2.0, -1.0]))
def sums_and_extremes(x, ws):
    a = sum(w**2 for w in ws)
    b = max(ws) * min(ws[0], ws[1], 5.0)
    c = max(x, key=lambda v: -abs(v)) if len(x) else 0.0
    d = sum([v for v in x if v > 0], 0.1)
    e = 1.0 if any(v > 1 for v in x) else 2.0
    f = 1.0 if all(w < 1 for w in ws) else x[0]
    g = min(ws, key=abs) + max((v * 2 for v in ws), default=0.0)
    return a * b + c + d * e + f * g


@nested(([0.3, 2.0, -1.0], x4))
def sorted_by_key(ws, x):
    a = sorted(ws)
    b = sorted(ws, key=lambda w: w**2, reverse=True)
    pairs = sorted(zip(ws, x[:3], strict=True), key=lambda p: p[0])
    c = sorted(x, key=abs)
    return a[0] * b[0] + pairs[1][1] ** 2 + pairs[0][1] + c[0] * c[-1] ** 2


@nested((1.5,), (-1.5,))
def written_before_an_early_return(x):
    seen = {"value": 0.0}

    def square(v):
        if v > 0:
            seen["value"] = v**2
            return 1.0
        return 2.0

    return square(x) * seen["value"] + x


@nested((x4,))
def nonlocal_with_early_returns(x):
    total = 0.0

    def add(v):
        nonlocal total
        for k in range(3):
            if v > k:
                total += v * k
                continue
            total -= v**2
            if total < -1.0:
                return
        total += 1.0

    for v in x:
        add(v)
        if total > 100:
            break
    return total


@nested((x4,))
def nonlocal_that_starts_as_none(x):
    best = None

    def see(v):
        nonlocal best
        if best is None or v > best:
            best = v

    for v in x:
        see(v)
    return best**2


@nested((0.7,))
def two_of_one_maker(x):
    def make():
        total = x

        def add(v):
            nonlocal total
            total = total + v * total
            return total

        return add, lambda: total

    add, get = make()
    other_add, other_get = make()
    add(2.0)
    other_add(x)
    add(other_get())
    return get() * other_get()


@nested((x3,))
def immediately_called(x):
    y = (lambda a, b: a**2 + b)(x[0], x[1])

    def outer(v):
        def inner(w):
            return w * v + y

        return inner(v) * 2.0

    return outer(x[2])


# ---- functions as values ----------------------------------------------------------------------------


def _twice(f, x):
    return f(f(x))


@values((0.7,))
def passed(x):
    return _twice(lambda v: v**2 + x, x) + _twice(math.sin, x) + _twice(np.tanh, x)


def _power(n):
    def raised(x):
        return x**n

    return raised


def _composed(*functions):
    def composed(x):
        for f in functions:
            x = f(x)
        return x

    return composed


@values((0.7, 1.4))
def returned(x, k):
    square = _power(2)
    scaled = _power(k)
    both = _composed(square, scaled, np.sin)
    return square(x) + scaled(x) + both(x)


ACTIVATIONS = {"tanh": np.tanh, "square": lambda v: v**2, "id": lambda v: v}
LAYERS = (np.sin, np.cos, lambda v: v**3)


@values((x3, "tanh"), (x3, "square"))
def kept_in_tables(x, name):
    y = ACTIVATIONS[name](x)
    for f in LAYERS:
        y = y + f(x)
    local = {"a": lambda v: v * 2.0, "b": np.exp}
    pick = (local["a"], local["b"], ACTIVATIONS["id"])
    return np.sum(y) + np.sum(pick[1](pick[0](x)))


def _logged(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        out = f(*args, **kwargs)
        return out * 1.0

    return wrapper


def _times(k):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*args):
            return k * f(*args)

        return wrapper

    return decorate


@_logged
def _decorated(x, y=2.0):
    return x**2 * y


@_times(3.0)
@_logged
def _tripled(x):
    return np.sin(x)


@functools.cache
def _binomial(n, k):
    return math.comb(n, k)


@functools.cache
def _cached(x):
    return x**3


@values((0.7,))
def decorated(x):
    return _decorated(x) + _decorated(x, y=x) * _tripled(x) + _binomial(5, 2) * x + _cached(x)


@values((0.7,))
def decorated_inside(x):
    def doubled(f):
        def inner(v):
            return 2.0 * f(v)

        return inner

    @doubled
    def g(v):
        return v**2 + x

    @_times(0.5)
    def h(v):
        return np.cos(v)

    return g(x) * h(x)


@numba.njit
def _compiled(x, n):
    total = 0.0
    for i in range(n):
        total += x**i
    return total


@values((0.7, 4))
def compiled_helper(x, n):
    return _compiled(x, n) * _compiled(x * x, 2)


@values((x3,))
def closures_from_a_comprehension(x):
    fs = [lambda v, i=i: v * (i + 1) for i in range(3)]
    late = [lambda v: v + k for k in range(3)]
    gs = [functools.partial(_scaled, scale=float(i)) for i in range(2)]
    total = 0.0
    for f, v in zip(fs, x, strict=True):
        total += f(v) ** 2
    return total + late[0](x[0]) * gs[1](x[1])


@values((x3, 1), (x3, 0))
def chosen_by_a_flag(x, smooth):
    f = np.tanh if smooth else np.sin
    if smooth:
        g = lambda v: np.sum(v**2)
    else:
        g = np.sum
    return g(f(x))


def _simpson(f, a, b, n):
    h = (b - a) / n
    total = f(a) + f(b)
    for i in range(1, n):
        total += (4.0 if i % 2 else 2.0) * f(a + i * h)
    return total * h / 3.0


@values((0.3, 1.4, 0.8))
def quadrature_of_a_closure(a, b, k):
    return _simpson(lambda t: np.exp(-k * t * t), a, b, 8) + _simpson(math.cos, a, k, 4)


# ---- recursion ------------------------------------------------------------------------------------------


def _int_power(x, n):
    if n == 0:
        return 1.0
    half = _int_power(x, n // 2)
    return half * half * (x if n % 2 else 1.0)


@recursion((1.3, 5), (1.3, 0))
def power_by_squaring(x, n):
    return _int_power(x, n) + x


def _sum_tree(x, lo, hi):
    if hi - lo == 1:
        return x[lo] ** 2
    mid = (lo + hi) // 2
    return _sum_tree(x, lo, mid) * 0.9 + np.sin(_sum_tree(x, mid, hi))


@recursion((x4,), (x4[:1],))
def tree_sum(x):
    return _sum_tree(x, 0, len(x))


def _halves(x):
    if len(x) <= 1:
        return np.sum(x**2)
    k = len(x) // 2
    return _halves(x[:k]) + 2.0 * _halves(x[k:])


@recursion((x4,), (x3,))
def sum_of_halves(x):
    return _halves(x)


def _determinant(A):
    n = A.shape[0]
    if n == 1:
        return A[0, 0]
    total = 0.0
    for j in range(n):
        minor = np.concatenate((A[1:, :j], A[1:, j + 1 :]), axis=1)
        total += (-1.0) ** j * A[0, j] * _determinant(minor)
    return total


@recursion((S,))
def determinant_by_minors(A):
    return _determinant(A) ** 2


def _even(x, n):
    if n == 0:
        return x
    return _odd(np.sin(x), n - 1)


def _odd(x, n):
    if n == 0:
        return x**2
    return _even(x * x + 0.5, n - 1)


@recursion((0.8, 4), (0.8, 3), (0.8, 0))
def even_and_odd(x, n):
    return _even(x, n) + _odd(x, n)


def _fib(n, a, b):
    return a if n == 0 else _fib(n - 1, b, a + 0.5 * b)


def factorial_like(x, n):
    return x if n <= 1 else (x + n) * factorial_like(x, n - 1)


@recursion((0.5, 1.2, 6), (0.5, 1.2, 0))
def fibonacci(a, b, n):
    return _fib(n, a, b)


recursion((0.5, 4), (0.5, 1))(factorial_like)


@recursion((2.0, 3, 0.4), (2.0, 0, 0.4))
def nested_recursion(x, depth, k):
    def refine(x, depth):
        if depth == 0:
            return np.log(x)
        return 0.5 * (refine(x * k + 1.0, depth - 1) + refine(x + k, depth - 1))

    return refine(x, depth)


@recursion((0.7, 3), (0.7, 0))
def nested_and_mutual(x, n):
    def first(v, k):
        if k == 0:
            return v
        return second(v * x, k - 1)

    def second(v, k):
        return first(np.sin(v) + c, k)

    by_lambda = lambda v, k: v if k == 0 else by_lambda(v * c, k - 1) + x
    c = x**2
    return first(x, n) * by_lambda(x, n)


@recursion((((0.4, 0.3), (0.2, (1.1, 0.5))),))
def tree_of_tuples(tree):
    def total(t):
        if isinstance(t, float):
            return t**2
        return total(t[0]) * 2.0 + np.sin(total(t[1]))

    return total(tree)


def _sorted(x):
    if len(x) <= 1:
        return x
    k = len(x) // 2
    a, b = _sorted(x[:k]), _sorted(x[k:])
    out = np.empty(len(x))
    i, j = 0, 0
    for t in range(len(x)):
        if j >= len(b) or (i < len(a) and a[i] <= b[j]):
            out[t] = a[i]
            i += 1
        else:
            out[t] = b[j]
            j += 1
    return out


@recursion((np.array([0.4, 0.1, 0.9, 0.2, -0.3]),))
def merge_sort(x):
    return np.sum(_sorted(x) * np.arange(1.0, 6.0))


def _folded(x, total):
    return total if len(x) == 0 else _folded(x[1:], total * 0.5 + x[0])


@recursion((x4,), (x4[:0],))
def fold_with_an_integer_start(x):
    return _folded(x, 0) + np.sum(x)


def _matrix_power(A, k):
    return A if k == 0 else A @ _matrix_power(A, k - 1)


@recursion((S, 3), (S, 0))
def matrix_power(A, k):
    return np.sum(_matrix_power(A, k))


def _pair(x, n):
    if n == 0:
        return x, {"product": 1.0}
    a, state = _pair(x * 0.9, n - 1)
    return a + state["product"], {"product": a * state["product"]}


@recursion((0.7,))
def structures_as_results(x):
    a, state = _pair(x, 4)
    return a * state["product"]


def _quadrature(f, a, b, n):
    mid = 0.5 * (a + b)
    if n == 0:
        return f(mid) * (b - a)
    return _quadrature(f, a, mid, n - 1) + _quadrature(f, mid, b, n - 1)


@recursion((0.0, 1.1, 0.7))
def function_passed_on(a, b, k):
    return _quadrature(lambda t: np.exp(-k * t * t), a, b, 3)


def _checked_factorial(x, n):
    if n < 0:
        raise ValueError(f"negative: {n}")
    return x if n == 0 else x * _checked_factorial(x + 1.0, n - 1)


@recursion((0.5, 3))
def recursion_that_raises(x, n):
    return _checked_factorial(x, n)


def _adaptive(f_a, f_b, a, b, k, depth):
    m = 0.5 * (a + b)
    f_m = np.exp(-k * m * m)
    whole = (b - a) * (f_a + f_b) / 2.0
    parts = (m - a) * (f_a + f_m) / 2.0 + (b - m) * (f_m + f_b) / 2.0
    if depth == 0 or abs(parts - whole) < 1e-3:
        return parts
    return _adaptive(f_a, f_m, a, m, k, depth - 1) + _adaptive(f_m, f_b, m, b, k, depth - 1)


@recursion((0.0, 2.0, 1.1), (0.0, 0.1, 1.1))
def adaptive_quadrature(a, b, k):
    return _adaptive(np.exp(-k * a * a), np.exp(-k * b * b), a, b, k, 6)


def _bisect(f_lo, lo, hi, k, n):
    mid = 0.5 * (lo + hi)
    if n == 0:
        return mid * k
    f_mid = mid**3 - k
    if f_lo * f_mid < 0:
        return _bisect(f_lo, lo, mid, k, n - 1)
    return _bisect(f_mid, mid, hi, k, n - 1)


@recursion((0.0, 3.0, 2.1))
def bisection(lo, hi, k):
    return _bisect(lo**3 - k, lo, hi, k, 5)


# ---- functions that loops make ----------------------------------------------------------------------------


def _compose(*steps):
    return functools.reduce(lambda f, g: lambda v: g(f(v)), steps)


@values((0.4, x3))
def pipeline_from_a_list(x, w):
    steps = [lambda v, s=s: v * s if s > 0 else np.exp(v * s) for s in w]
    return _compose(*steps)(x)


@values((x4,))
def different_functions_on_a_list(x):
    steps = []
    for k in range(4):
        if k % 2:
            steps.append(lambda v, k=k: v * x[k])
        else:
            steps.append(lambda v: np.sin(v) + x[0])
    v = x[1]
    for step in steps:
        v = step(v)
    return v**2


@values((x4,))
def functions_around_functions(x):
    f = np.cos
    for k in range(3):
        f = (lambda g, k: lambda v: np.tanh(g(v) + x[k]))(f, k)
    return f(x[3])


@values((x4,))
def a_state_monad(x):
    def unit(v):
        return lambda s: (v, s)

    def bind(m, f):
        def run(s):
            v, s = m(s)
            return f(v)(s)

        return run

    def tick(w):
        return lambda v: lambda s: (v * w, s + v * v)

    m = unit(x[0])
    for k in range(1, 4):
        m = bind(m, tick(x[k]))
    v, s = m(0.0)
    return v + s**2


class _Layer:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, v):
        return np.tanh(self.w * v + self.b)

    def linear(self, v):
        return self.w * v


def _sine_of(w):
    return lambda v: np.sin(v * w)


@values((x4, 3))
def closures_of_a_factory_on_a_list(x, n):
    steps = [_sine_of(x[k]) for k in range(n)]
    v = 0.5
    for step in steps:
        v = step(v)
    while steps:
        v += steps.pop()(x[0])
    return v


@values((x4, 3))
def lambdas_with_defaults_on_a_list(x, n):
    steps = []
    scale = x[0]
    for k in range(n):
        steps.append(lambda v, k=k: v * x[k] + scale)
    scale = x[3]
    v = 1.0
    for step in reversed(steps):
        v = step(v)
    return v * steps[-1](2.0)


@values((x4, 3))
def objects_methods_and_partials_on_lists(x, n):
    layers, linear, partials = [], [], []
    for k in range(n):
        layers.append(_Layer(x[k], x[k + 1]))
        linear.append(layers[k].linear)
        partials.append((k + 1.0, functools.partial(np.multiply, x[k])))
    v = 0.3
    for layer, f in zip(layers, linear, strict=True):
        v = layer(v) + f(x[1])
    return v * sum(weight * g(v) for weight, g in partials)


@values((x4, 3))
def closures_of_arrays_and_closures(x, n):
    def adds(row, f):
        return lambda v: v + f(row) ** 2

    steps = list(map(adds, [x * k for k in range(n)], [_sine_of(x[k]) for k in range(n)]))
    return np.sum(functools.reduce(lambda v, step: step(v), steps, x))


@nested((x4,))
def two_functions_of_one_factory(x):
    def scaled(w):
        return lambda v: v * w

    f, g = scaled(x[0]), scaled(x[3])

    def use(v):
        return f(v) * v + g(v)

    return use(x[1]) * use(x[2])


@recursion((x4,))
def recursion_with_two_of_one_factory(x):
    def scaled(w):
        return lambda v: v * w

    f, g = scaled(x[0]), scaled(x[3])

    def go(v, n):
        return v if n == 0 else f(go(v, n - 1)) + g(v)

    return go(x[1], 3)


@nested((x4,))
def a_list_in_a_condition(x):
    seen, crossings = [], 0
    for v in x:
        if seen and seen[-1] > 0.3 and v <= 0.3:
            crossings += 1
        seen.append(v * v)
    return np.mean(np.array(seen)) * (1 + crossings)


@values(([x3, x3[::-1].copy()],))
def like_arrays_on_a_list(rows):
    return np.sum(np.concatenate(rows) ** 2) * np.sum(np.stack(rows)[1])


def _with_options(first, *rest, scale=1.0, **options):
    total = first + sum(r**i for i, r in enumerate(rest, start=1))
    options.setdefault("power", 2)
    if options.get("square"):
        total = total ** options["power"]
    return total * scale + options.pop("bias", 0.0) * len(options)


@nested((0.7, 1.2, 0.4))
def options_that_are_taken_out(a, b, c):
    given = {"scale": b, "square": True}
    return _with_options(a, b, c, **given) + _with_options(*[a, c], bias=b) + _with_options(a)


def _decay(t, a, b, c=1.0):
    return a * np.exp(-b * t) + c


@nested((x3, np.array([0.1, 0.5, 1.0])))
def weights_spread_over_arguments(w, t):
    residuals = _decay(t, *w) - 0.3
    first = functools.partial(_decay, *w[:2])
    return residuals @ residuals + first(c=w[2], b=w[0]) * _decay(0.5, *w[1:])


@nested((x4,))
def function_of_one_iteration_or_another(x):
    for k in (1.0, 2.0, 3.0):
        if k == 1.0 or x[1] + 1.0 > k:
            h = lambda v, c=k: v * c
    return h(x[1]) ** 2


@nested((x4,))
def function_that_keeps_the_last_iteration(x):
    total = 0.0
    for i in range(4):
        if i > 0:
            total += h(x[0]) * i  # noqa: F821
        h = lambda v, k=i: v * x[k]
    return total * h(x[1])


@nested((x4,))
def functions_of_branches_on_a_list(x):
    fs = []
    for k in (0, 1, 2):
        if k == 0 or x[k] < 0:

            def h(v, c=x[k]):
                return v * c

        fs.append(h)
    return fs[0](x[1]) ** 2 + fs[1](x[3]) * fs[2](x[0])


@nested((x4,))
def a_helper_calls_another_whose_default_changes(x):
    h = lambda v: v

    def g(v):
        return h(v) * v

    total = 0.0
    for k in (1, 2, 3):
        h = lambda v, c=x[k], p=k: v * c + p
        total += g(x[0]) * g(x[1])
    return total


@recursion((x4,))
def default_that_is_computed(x):
    def f(n, k=x[1]):
        return k if n == 0 else f(n - 1) * f(n - 1, k=2.0)

    return f(3) * x[0]


@recursion((x4,))
def default_of_each_iteration(x):
    total = 0.0
    for i in range(3):

        def f(n, k=x[i]):
            return 1.0 if n == 0 else f(n - 1) * x[n] * k

        total += f(2) * f(i)
    return total


@nested((x4,))
def default_that_a_function_inside_binds(x):
    s = x[0]

    def outer(k=s):
        def inner():
            nonlocal s
            s = s * x[1] + k

        inner()
        inner()
        return s

    return outer() * s * outer(2.0)


@nested((x3,))
def mapped_functions_that_count(x):
    calls = [0]
    total = 0.0

    def counted(v):
        nonlocal total
        calls[0] += 1
        total += v
        return v * calls[0]

    first = sum(map(counted, x)) + sum(v * k for k, v in enumerate(map(counted, x)))
    return first * total + sum(map(lambda v: counted(v), x[:0])) + calls[0] * x[0]
