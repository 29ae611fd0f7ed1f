"""Functions on lists of the IR; more programs with them are in tests/language/functions.py."""

from __future__ import annotations

import numpy as np
import pytest
from frontend.test_trace import traced

import srcdiff
from srcdiff.errors import UntypedError

x4 = np.array([0.3, 1.1, -0.7, 0.9])


def scaled(a):
    return lambda v: np.sin(v * a)


class Affine:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, v):
        return np.tanh(self.w * v + self.b)


def composed(x, n):
    steps = [scaled(x[k]) for k in range(n)]
    v = 0.5
    for step in steps:
        v = step(v)
    return v


def test_a_list_of_closures_is_a_list_of_what_they_captured():
    assert (
        srcdiff.grad(composed, jit=False).source_for(x4, 3)
        == '''import numpy as np


def composed_grad(x, n):
    """Gradient of `composed` with respect to `x`."""
    # forward
    steps = []
    for k in range(n):
        steps.append((x[k],))
    vs = np.empty(len(steps))
    v = 0.5
    for i, step in enumerate(steps):
        vs[i] = v
        v = np.sin(v * step[0])

    # backward
    d_steps = []
    d_v = 1.0
    for i in reversed(range(len(steps))):
        d_z = d_v * np.cos(vs[i] * steps[i][0])
        d_steps.append((d_z * vs[i],))
        d_v = d_z * steps[i][0]
    d_steps.reverse()
    d_x = np.zeros_like(x)
    for k in reversed(range(n)):
        d_step = d_steps.pop()
        d_x[k] += d_step[0]
    return d_x
'''
    )
    assert srcdiff.grad(composed, jit=True)(x4, 3) == pytest.approx(
        srcdiff.grad(composed, jit=False)(x4, 3)
    )


def late_binding(x, n):
    steps = []
    a = x[0]
    for k in range(n):
        steps.append(lambda v, k=k: v * x[k] + a)
    v = run(steps, 0.5)
    a = x[3]
    return v + run(steps, x[1])


def run(steps, v):
    for step in steps:
        v = step(v)
    return v


def made(x, n):
    return [scaled(x[k]) for k in range(n)]


def made_by_a_helper(x, n):
    return run(made(x, n), 0.3) * len(made(2.0 * x, n))


def set_and_unpacked(x, n):
    steps = made(x, n)
    steps[1] = scaled(2.0 * x[3])
    f, g, h = steps
    return f(g(h(0.4)))


@pytest.mark.parametrize("function", [late_binding, made_by_a_helper, set_and_unpacked])
def test_names_mean_what_they_mean_when_a_function_is_called(function):
    value = srcdiff.value_and_grad(function, jit=False)(x4, 3)[0]
    assert value == pytest.approx(function(x4, 3), rel=1e-14)
    traced(function, x4, 3)  # with types
    srcdiff.check_grads(function, x4, 3)


def all_of_the_last_iteration(x, n):
    steps = []
    for k in range(n):
        steps.append(lambda v: v * x[k])  # noqa: B023
    return run(steps, 1.0)


def of_a_generator(x, n):
    def each():
        for k in range(n):
            yield lambda v: v * x[k]  # noqa: B023

    steps = []
    for step in each():
        steps.append(step)
    return run(steps, 1.0)


def with_a_state(x, n):
    def make(a):
        def step(v):
            nonlocal a
            a = a * 2
            return v * a

        return step

    steps = [make(x[k]) for k in range(n)]
    return run(steps, run(steps, 1.0))


def with_a_list(x, n):
    def make(a):
        seen = [a]

        def step(v):
            seen.append(v)
            return v * len(seen) * a

        return step

    steps = [make(x[k]) for k in range(n)]
    return run(steps, run(steps, 1.0))


def with_an_array(x, n):
    def make(a):
        memory = a * np.ones(2)

        def step(v):
            memory[0] = np.sin(memory[0] + v)
            return v * 0.3 * memory[0] + memory[1]

        return step

    steps = [make(x[k]) for k in range(n)]
    return run(steps, run(steps, 1.0))


def of_two_kinds(x, n):
    steps = []
    for k in range(n):
        if k % 2:
            steps.append(scaled(x[k]))
        else:
            steps.append(lambda v, k=k: v + x[k])
    return run(steps, 0.5)


def changed_on_the_list(x, n):
    layers = []
    for k in range(n):
        layers.append((Affine(x[k], x[k + 1]), scaled(x[k])))
    layers[1][0].w = x[3] ** 2
    return sum(f(layer(0.3)) for layer, f in layers)


def changed_behind_the_list(x, n):
    layer = Affine(x[0], x[1])
    layers = []
    for k in range(n):
        layers.append((layer, scaled(x[k])))
    layer.w = x[2]
    return sum(f(inner.w) for inner, f in layers)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (all_of_the_last_iteration, "functions that capture nothing are put on a list"),
        (of_a_generator, "a function on a list was made in a loop of its own"),
        (with_a_state, "a value that a function on a list captured has no type"),
        (with_a_list, "a function on a list captured a list"),
        (of_two_kinds, "is put on it"),
        (changed_on_the_list, "writing into a"),
        (changed_behind_the_list, "an object is changed after it was put on a list"),
    ],
)
@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_what_is_no_tuple_says_why_and_runs_in_the_interpreter(function, message):
    with pytest.raises(UntypedError) as caught:
        traced(function, x4, 3)
    assert message in caught.value.message
    srcdiff.check_grads(function, x4, 3)


def written_in_a_tuple(x, n):
    rows = []
    for k in range(n):
        rows.append((x[k] * np.ones(2),))
    rows[1][0][0] = np.sin(x[0])
    return np.sum(rows[1][0]) * x[2]


@pytest.mark.parametrize("function", [with_an_array, written_in_a_tuple])
def test_an_array_of_a_tuple_on_a_list_that_is_written(function):
    """Its adjoint is a part of a tuple, which sums replace."""
    with pytest.warns(
        srcdiff.DynamicWarning, match="an array is written that is in a tuple on a list"
    ):
        srcdiff.grad(function)(x4, 3)
    with pytest.warns(srcdiff.DynamicWarning):
        srcdiff.check_grads(function, x4, 3)
