"""Nested gradients: gradients that a differentiated program without types calls are Hessian products."""

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")

x3 = np.array([0.5, -1.2, 0.8])


def energy(x, a, n):
    steps = [lambda v: v * x[0], np.sin]
    steps.append(lambda v: v + x[1])
    r = a["s"] * x[2]
    for k in range(n):
        r = steps[k % 3](r)
    return r**2 * np.sin(a["v"]).sum()


def typed_for_known_counts(x, n):
    found = {}
    for i in range(n):
        found[f"k{i}"] = x[i] ** 3
    return sum(found.values()) * x[0]


def wave(t):
    steps = [lambda v: v * t, np.sin]
    steps.append(lambda v: v + t)
    r = t
    for k in range(5):
        r = steps[k % 3](r)
    return r


energy_grad = srcdiff.grad(energy)
energy_grads = srcdiff.grad(energy, argnums=("x", "a"))
energy_and_grad = srcdiff.value_and_grad(energy)
wave_grad = srcdiff.grad(wave)
known_grad = srcdiff.grad(typed_for_known_counts)


def descended(x, s, v):
    a = {"s": s, "v": v, "t": "text"}
    for _ in range(3):
        x = x - 0.01 * energy_grad(x, a, 3)
    return energy(x, a, 2)


def with_a_count_that_is_known(x, s, v):
    for _ in {1}:
        d_x = known_grad(x, 3)
    return d_x @ v * s


def of_all_arguments(x, s, v):
    d_x, d_a = energy_grads(x, {"s": s, "v": v, "t": "text"}, 2)
    return d_x @ x + d_a["s"] * x[0] + d_a["v"] @ x


def with_the_value(x, s, v):
    value, d_x = energy_and_grad(x, {"s": s, "v": v, "t": "text"}, 3)
    return value * d_x.sum()


def made_inside(x, s, v):
    return np.dot(srcdiff.grad(energy)(x, {"s": s, "v": v}, 3), v)


@pytest.mark.parametrize(
    "function",
    [descended, of_all_arguments, with_the_value, made_inside, with_a_count_that_is_known],
    ids=lambda f: f.__name__,
)
def test_gradients_inside_have_derivatives(function):
    srcdiff.check_grads(function, x3, 1.3, 2.0 * x3, order=1)


def test_gradients_are_pulled_back_by_all_arguments():
    a = {"s": 1.3, "v": 2.0 * x3}
    _, back = srcdiff.vjp(energy_grad, x3, a, 3)
    d_x, d_a, d_n = back(x3)
    expected = srcdiff.hvp(energy, argnums=("x", "a"))(x3, a, 3, (x3, {"s": 0.0, "v": np.zeros(3)}))
    np.testing.assert_allclose(d_x, expected[0], rtol=1e-12)
    np.testing.assert_allclose(d_a["s"], expected[1]["s"], rtol=1e-12)
    np.testing.assert_allclose(d_a["v"], expected[1]["v"], rtol=1e-12)
    assert d_n is None


def test_a_square_of_a_slope_has_one():
    squared = srcdiff.grad(lambda t: srcdiff.value_and_grad(wave)(t)[1] ** 2)
    np.testing.assert_allclose(squared(0.7), 2.0 * wave_grad(0.7) * srcdiff.grad(wave_grad)(0.7))


def test_third_derivatives_are_refused_at_the_call():
    with pytest.raises(
        UnsupportedError, match="wave_grad is the gradient of a dynamic program"
    ) as caught:
        srcdiff.hvp(lambda t: wave_grad(t) ** 2)(0.7, 1.0)
    assert "wave_grad(t)" in caught.value.source_line
    assert caught.value.advice.startswith("Take first derivatives of what calls it")


def test_other_derivatives_inside_are_refused_with_what_is_differentiated_instead():
    with pytest.raises(UnsupportedError, match="is differentiated again") as caught:
        srcdiff.grad(lambda t: HVP(t, 1.0))(0.7)
    assert "srcdiff.grad of the function" in caught.value.advice
    srcdiff.check_grads(lambda t: srcdiff.grad(wave)(t), 0.7, order=1)


HVP = srcdiff.hvp(wave)
