"""Libraries' functions in dynamic programs: those that write into arguments, iterate over them, or call functions."""

import collections
import contextlib
import dataclasses
import functools
import heapq
import math
import operator

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


def written_by_functions(x):
    y = x * x
    for _ in {1}:
        np.copyto(y, x * x * x)
        np.put(y, [0, 1], x[1:])
        np.place(y, y > 1.0, x[:1])
    z = np.outer(y, x)
    np.fill_diagonal(z, x * 2.0)
    return np.sum(y * y) + np.sum(z**2)


def written_by_ufuncs(x):
    y, z = x * x, np.empty(3)
    for _ in {1}:
        np.multiply(y, x, z)
        np.exp(z, z)
        np.add(z[:2], x[1:], out=y[1:])
    return np.sum(y * z)


def put_into_lists(x):
    values = [0.0, 1.0, 2.0, 3.0]
    for _ in {1}:
        values[0:2] = x[:2]
        values[3:] = x * x
    return sum(v * v for v in values)


def largest_and_smallest(x):
    h = [x[0], x[2], x[0] * x[1]]
    heapq.heapify(h)
    least = heapq.heapreplace(h, x[1])
    merged = heapq.merge(sorted(x), sorted(x * x))
    named = dict.fromkeys("ab", x[0])
    few = sum(heapq.nlargest(2, x)) * heapq.nsmallest(1, x, key=lambda v: -v)[0]
    return few * least * h[0] + sum((k + 1) * v for k, v in enumerate(merged)) * named["b"]


@np.vectorize
def leaky(t, a):
    return t if t > 0 else a * t


def by_elements(x):
    truncated = np.vectorize(lambda t: 0 if t < 0.6 else t)(x)  # whole numbers, as the first is
    kept = np.vectorize(lambda t: 0 if t < 0.6 else t, otypes=[float])(x)
    squares, sines = np.vectorize(lambda t: (t * t, math.sin(t)))(np.outer(x, x))
    return np.sum(leaky(x, x[2]) * truncated) + kept @ x + np.sum(squares * sines)


@dataclasses.dataclass(order=True)
class Pair:
    u: float
    v: float = dataclasses.field(compare=False)


def got_by_name(x):
    pairs = [Pair(v, v * v) for v in x]
    pairs.sort(key=operator.attrgetter("u"))
    u, v = operator.attrgetter("u", "v")(max(pairs, key=operator.attrgetter("v")))
    total = operator.methodcaller("sum", axis=0)(np.outer(x, x)) @ x
    return sum((k + 1) * p.v for k, p in enumerate(pairs)) + u * v * max(pairs).v + total


@functools.singledispatch
def half(v):
    return v * 0.5


@half.register
def _(v: np.ndarray):
    return np.sum(v) * x3[0]


def chosen_by_type(x):
    return half(x) * half(x[1])


class Undo:
    def __init__(self, held):
        self.held = held

    def __enter__(self):
        self.before = self.held[0]

    def __exit__(self, kind, value, trace):
        if kind is ValueError:
            self.held[0] = self.before
            return True
        return False


def contexts_that_keep_exceptions(x):
    held, y = [x[0]], x[1]
    with Undo(held):
        held[0] = x[1] * 100.0
        if x[0] > 0:
            raise ValueError("undone")
    with contextlib.suppress(KeyError, ValueError):
        y = x[2] * x[1]
        if x[0] > 0:
            raise ValueError("without a listener")
        y = x[1] * 100.0
    return held[0] * y


COUNT, LOG, LAST = 0, [], {}


def states_of_a_module(x):
    global COUNT
    COUNT += 1
    LOG.append(len(x))
    LAST["sum"] = float(len(x))
    return np.sum(x * x) * LAST["sum"]


def same_object(x):
    y, z = x, x * 1.0
    s = np.sum(y) if y is x else 0.0
    if y is not z:
        s = s * z[0]
    return s


def part_of_a_namespace(x):
    named = collections.UserDict(a=x[0])
    seen = vars(Pair(x[1], x[2]))
    return sum(v for k, v in seen.items() if k == "u") * named["a"]


def joint_keys(x):
    d, e = {"a": x[0], "b": x[1]}, {"b": 1.0, "c": x[2]}
    return sum(d[k] for k in sorted(set(d) & set(e))) * len(f"{len(x)} {e['c'] > 0}")


def axes_that_the_run_knows(x):
    return np.sum(np.squeeze(x[x > 0.0]) ** 2) + np.squeeze(x[:1]) * x[1]


def parts_of_a_complex_number(x):
    z = complex(*[x[0], x[1] * x[2]])
    return abs(complex(z) * complex(x[2]))


PROGRAMS = [
    written_by_functions, written_by_ufuncs, put_into_lists, largest_and_smallest, by_elements, got_by_name,
    chosen_by_type, contexts_that_keep_exceptions, states_of_a_module, same_object, part_of_a_namespace, joint_keys,
    axes_that_the_run_knows, parts_of_a_complex_number,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives_agree_with_finite_differences(f):
    value, _ = srcdiff.value_and_grad(f, jit=False)(x3)
    np.testing.assert_allclose(value, f(x3), rtol=1e-12)
    srcdiff.check_grads(f, x3)


def test_vectorize_with_a_signature_is_refused():
    def f(x):
        return np.sum(np.vectorize(lambda r: np.sum(r * r), signature="(n)->()")(np.outer(x, x)))

    with pytest.raises(srcdiff.UnsupportedError, match="signature") as caught:
        srcdiff.grad(f)(x3)
    assert caught.value.source_line.strip().startswith("return np.sum(np.vectorize(")


def deep(y, k):
    z = y * 2.0
    if k:
        return deep(z, k - 1)
    return np.sum(np.unpackbits(z))


def middle(steps, x):
    out = 0.0
    for step in steps:
        out = out + step(x) * 2.0
    return out


def pipeline(x):
    steps = []
    for k in range(len(x)):
        if k % 2:
            steps.append(lambda v: deep(v, 1))
        else:
            steps.append(lambda v: np.sum(np.sin(v)))
    return middle(steps, x) ** 2


@pytest.mark.parametrize(
    "run",
    [
        lambda: srcdiff.grad(pipeline)(x3),
        lambda: srcdiff.hvp(pipeline)(x3, x3),
        lambda: srcdiff.jvp(pipeline, (x3,), (x3,)),
    ],
    ids=["reverse", "forward over reverse", "forward"],
)
def test_errors_show_the_users_lines_that_led_there(run):
    with pytest.raises(srcdiff.UnsupportedError, match="`unpackbits` is not known") as caught:
        run()
    error = caught.value
    lines = [place.source_line.strip() for place in (*error.chain, error.location)]
    assert lines == [
        "return middle(steps, x) ** 2", "out = out + step(x) * 2.0", "steps.append(lambda v: deep(v, 1))",
        "return deep(z, k - 1)", "return np.sum(np.unpackbits(z))",
    ]  # fmt: skip
    assert {place.file for place in (*error.chain, error.location)} == {__file__}
    marked = [p.source_line[p.column : p.end_column] for p in (*error.chain, error.location)]
    assert marked == [
        "middle(steps, x)", "step(x)", "deep(v, 1)", "deep(z, k - 1)", "np.unpackbits(z)",
    ]  # fmt: skip
    assert [p.function for p in (*error.chain, error.location)] == [
        "pipeline", "middle", "<lambda>", "deep", "deep",
    ]  # fmt: skip


def added(y):
    z = y * 3.0
    np.add(z, 0.2, out=z, where=y > 0.4)
    return np.sum(z * z)


def logarithms(y):
    z = np.full(3, 7.0)
    np.log(y, out=z, where=y > 0.4)
    return np.sum(z * y)


@pytest.mark.parametrize("f", [added, logarithms])
def test_elements_that_where_leaves_alone_stay_in_out(f):
    def through(x):
        for _ in {1}:  # without types
            y = x * 1.0
        return f(y)

    x = np.array([0.7, -0.3, 1.2])
    assert srcdiff.value_and_grad(through)(x)[0] == f(x)
    srcdiff.check_grads(through, x, order=1)


def test_errors_on_the_way_back_show_the_users_line():
    def f(x):
        for _ in {1}:
            y = np.linalg.qr(np.outer(x, x), mode="raw")[0]
        return np.sum(y)

    with pytest.raises(srcdiff.UnsupportedError, match="Householder") as caught:
        srcdiff.grad(f)(x3)
    assert caught.value.file == __file__
    assert caught.value.source_line.strip() == 'y = np.linalg.qr(np.outer(x, x), mode="raw")[0]'


def bounded(f, a, b, tolerance, depth):
    """Adaptive Simpson: two calls of itself, for a number that is known."""
    middle, width = (a + b) / 2, b - a
    whole = width / 6 * (f(a) + 4 * f(middle) + f(b))
    halves = (
        width
        / 12
        * (f(a) + 4 * f((a + middle) / 2) + 2 * f(middle) + 4 * f((middle + b) / 2) + f(b))
    )
    if depth == 0 or abs(halves - whole) < 15 * tolerance:
        return halves + (halves - whole) / 15
    left = bounded(f, a, middle, tolerance / 2, depth - 1)
    return left + bounded(f, middle, b, tolerance / 2, depth - 1)


@pytest.mark.slow
def test_a_function_that_takes_functions_and_calls_itself_twice_is_read_in_time():
    def integral(t):
        return bounded(lambda s: math.exp(-t * s * s), 0.0, t, 1e-5, 12)

    srcdiff.check_grads(integral, 1.3)


# ---- derivatives inside, and errors on the way back ------------------------------------------------------------


def cubes(x):
    return np.sum(x**3)


def derivatives_of_a_typed_function(x):
    total = 0.0
    for k in {1, 2}:
        total += np.sum(srcdiff.grad(cubes)(x) * x) * k + np.sum(srcdiff.hessian(cubes)(x))
    return total


def powers(x):
    total = 0.0
    for k in {1, 2}:
        total += x[0] ** k * x[1]
    return total


def derivative_of_what_is_made_there(x):
    return sum(np.sum(srcdiff.grad(lambda v, k=k: np.sum(v**k * x))(x)) for k in {1, 2})


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_derivatives_inside():
    x = np.array([2.0, 1.0])
    srcdiff.check_grads(derivatives_of_a_typed_function, x, order=1)
    with pytest.raises(srcdiff.UnsupportedError, match="of what is made there") as caught:
        srcdiff.grad(derivative_of_what_is_made_there)(x)
    assert "of a function of the module" in caught.value.advice
    gradient, change = srcdiff.jvp(srcdiff.grad(powers), (x,), (x,))
    np.testing.assert_allclose(gradient, [5.0, 6.0])
    np.testing.assert_allclose(change, [9.0, 10.0])


def reflectors(y):
    return np.linalg.qr(y, mode="raw")[0].sum()


def helper_of_reflectors(y):
    return 2.0 * reflectors(y)


def refused_on_the_way_back(x):
    total = 0.0
    for _ in {1}:
        total += helper_of_reflectors(x)
    return total


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize("derive", [srcdiff.grad, srcdiff.jacobian])
def test_errors_on_the_way_back_show_the_calls_that_led_there(derive):
    with pytest.raises(srcdiff.UnsupportedError, match="Householder reflectors") as caught:
        derive(refused_on_the_way_back)(np.eye(2))
    lines = [place.source_line.strip() for place in (*caught.value.chain, caught.value.location)]
    assert lines == [
        "total += helper_of_reflectors(x)",
        "return 2.0 * reflectors(y)",
        'return np.linalg.qr(y, mode="raw")[0].sum()',
    ]


def of_several_results(x):
    y, z = np.zeros(3), np.zeros(3)
    for _ in {1}:
        np.modf(x, y, z)
    return np.sum(y * z)


def test_several_results_are_not_written_into_arguments():
    with pytest.raises(
        srcdiff.UnsupportedError, match="with out= is called where there are no types"
    ):
        srcdiff.grad(of_several_results)(x3)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.linalg.lstsq(np.arange(6.0).reshape(3, 2) + x[0], x)[0] ** 2),
        lambda x: np.sum(np.linalg.eigh(np.outer(x, x) + np.diag(x))[0] ** 2),
        lambda x: np.linalg.slogdet(np.outer(x, x) + np.eye(3))[1],
        lambda x: np.sum(np.unique(x, return_inverse=True)[0] ** 3),
    ],
)
def test_results_that_are_not_used_need_no_derivative(f):
    untyped = lambda x: [f(x), "x"][0]
    x = np.array([0.4, 1.7, 0.9])
    np.testing.assert_allclose(srcdiff.grad(untyped)(x), srcdiff.grad(f, jit=False)(x))
