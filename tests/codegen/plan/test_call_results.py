"""Results of helper calls are unpacked as a person would write it."""

import linecache
from dataclasses import dataclass

import numpy as np

import srcdiff


@dataclass
class Spring:
    stiffness: float
    rest: np.ndarray


def energy(spring, x):
    return 0.5 * spring.stiffness * np.sum((x - spring.rest) ** 2)


def two_energies(spring, x, y):
    return energy(spring, x) * 2.0 + np.sin(energy(spring, y))


X, Y = np.array([0.3, -0.4]), np.array([1.2, 0.1])
SPRING = Spring(1.5, np.array([0.25, 0.5]))


def test_containers_of_two_calls_have_two_names_and_their_parts_none():
    g = srcdiff.grad(two_energies, argnums=(0, 1, 2))
    text = g.source_for(SPRING, X, Y)
    assert "d_spring, d_x = energy_backward(" in text or "d_spring, d_y = energy_backward(" in text
    assert "d_spring_part, " in text
    assert "d_spring.stiffness" in text and "d_spring_part.stiffness" in text
    assert "energy_backward_result" not in text
    assert "def energy_backward(d_out, spring, x):" in text  # it has no use for the result
    srcdiff.check_grads(two_energies, SPRING, X, Y)


def means(x):
    return {"mean": np.mean(x), "spread": np.std(x)}


def score(x, y):
    a, b = means(x), means(y)
    return (a["mean"] - b["mean"]) ** 2 * a["spread"] + b["spread"]


def test_the_name_of_a_container_is_not_that_of_one_of_its_parts():
    srcdiff.check_grads(score, X, Y)
    text = srcdiff.value_and_grad(score).source_for(X, Y)
    assert 'means_result = means_results["mean"]' in text
    assert text.count("means_results = means(") == 2  # all parts have names by then


def _moved(s, k, h):
    return {n: s[n] + h * k[n] for n in s}


def test_containers_of_one_call_have_two_names_where_the_user_calls_twice():
    def f(p):
        s = {"q": p[1], "v": p[2]}
        for _ in range(2):
            s = _moved(s, {"q": s["v"], "v": -p[0] * s["q"]}, 0.1)
            s = _moved(s, {"q": s["v"], "v": -p[0] * s["q"]}, 0.2)
        return s["q"] ** 2

    srcdiff.check_grads(f, np.array([0.5, 0.7, 1.2]), order=2)


def test_helpers_are_not_called_what_the_text_means_builtins_by():
    space = {"np": np}
    text = """
def range(n):
    return n * 2.0

def pow(x, n):
    return np.sin(x) * n

def f(x):
    total = 1.0
    for v in x:
        total = total * np.exp(v) + range(v) * pow(v, 3) * pow(v, 2)
    return total
"""
    linecache.cache["<shadows>"] = len(text), None, text.splitlines(True), "<shadows>"
    exec(compile(text, "<shadows>", "exec"), space)
    srcdiff.check_grads(space["f"], np.array([0.5, 0.7, 1.2]), order=2)
    generated = srcdiff.grad(space["f"]).source_for(np.ones(3))
    assert "in reversed(range(" in generated
    assert "def range(" not in generated and "def pow(" not in generated
