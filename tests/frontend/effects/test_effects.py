"""Effects: the handler around a program determines its meaning."""

import numpy as np
import pytest

import srcdiff
from srcdiff.effects import effect, handle, loops, note, notes_of


@effect
def emit(value):
    return value


class Adding:
    def __init__(self):
        self.total = 0.0

    def emit(self, value):
        self.total += value
        return 2.0 * value


class Squaring:
    def emit(self, value):
        return emit(value**2)


class Weighing:
    """By the iterations of the loops around."""

    def __init__(self):
        self.total = 0.0

    def emit(self, value):
        weight = 1.0
        for iteration, _, _ in loops():
            weight = weight * (iteration + 1.0)
        self.total += weight * value
        return value


class Noting:
    def emit(self, value):
        note("emit", value=value, iterations=tuple([iterations for _, iterations, _ in loops()]))
        return value


def inner(x, k):
    return emit(x[k])


def program(x):
    last = 0.0
    for k in range(len(x)):
        if x[k] > 0.0:
            last = inner(x, k) + 0.5 * last
    return last


def total(x):
    adding = Adding()
    last = handle(adding, program, x)
    return adding.total + last


def squared(x):
    adding = Adding()
    handle(adding, handle, Squaring(), program, x)
    return adding.total


def nested_loops(x):
    for i in range(len(x)):
        for j in range(3, 0, -1):
            emit(x[i] * j)


def weighed(x):
    weighing = Weighing()
    handle(weighing, nested_loops, x)
    return weighing.total


def noted(x):
    handle(Noting(), nested_loops, x)
    return 0.0


X = np.array([0.5, -1.0, 2.0, 0.25])


@pytest.mark.parametrize("f", [total, squared])
def test_generated_code_does_what_the_plain_call_does(f) -> None:
    assert srcdiff.transform(f, "simplify", jit=False)(X) == pytest.approx(f(X), rel=1e-15)
    srcdiff.check_grads(f, X)


def test_generated_code_has_neither_effect_nor_handler() -> None:
    source = srcdiff.transform(total, "simplify", jit=False).source_for(X)
    assert "emit" not in source.partition('"""\n')[2]
    assert "handle" not in source
    assert "total += x[k]" in source


def test_without_a_handler_an_effect_is_what_it_says() -> None:
    assert program(X) == srcdiff.transform(program, "simplify", jit=False)(X) == 1.375


def test_iterations_are_counted_from_0() -> None:
    expected = sum(
        (i + 1.0) * (t + 1.0) * X[i] * j for i in range(4) for t, j in enumerate((3, 2, 1))
    )
    assert srcdiff.transform(weighed, "simplify", jit=False)(X) == pytest.approx(
        expected, rel=1e-14
    )
    with pytest.raises(RuntimeError, match="known when a program's source is read"):
        weighed(X)


def test_notes_are_reported_without_a_run() -> None:
    (found,) = notes_of(noted, X)
    assert (found.key, found.values["iterations"], found.values["conditional"]) == (
        "emit",
        (4, 3),
        False,
    )
    assert found.location.line == nested_loops.__code__.co_firstlineno + 3


# ---- draws from a generator that is an argument -----------------------------------------------------------------


def draws(rng, x):
    a = rng.normal(0.0, 2.0)
    b = rng.normal(a, np.ones(len(x)))
    c = b * rng.random((2, len(x))) + rng.gamma(2.0)
    for _ in range(3):
        c = c + rng.uniform(size=len(x)) - rng.standard_normal()
    counts = rng.poisson(np.exp(x))
    which = rng.dirichlet(np.ones(3), size=2)
    return a + x, c, counts, which


def test_draws_come_in_the_order_of_the_program() -> None:
    made = srcdiff.transform(draws, "simplify", jit=False)
    for _ in range(2):  # the second call goes the short way
        found, expected = made(np.random.default_rng(1), X), draws(np.random.default_rng(1), X)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert "    b = rng.normal(a, np.ones(len(x)))\n" in made.source


def test_draws_without_a_formula_are_refused_and_leave_others_alone() -> None:
    def moved(mu, rng, x):
        return np.sum((mu + rng.normal(size=len(x)) - x) ** 2)

    def drawn(mu, rng, x):
        return np.sum(rng.vonmises(0.0, mu, size=len(x)) * x)

    eps = np.random.default_rng(2).normal(size=4)
    d_mu = srcdiff.grad(moved, jit=False)(0.3, np.random.default_rng(2), X)
    assert d_mu == pytest.approx(np.sum(2.0 * (0.3 + eps - X)), rel=1e-13)
    with pytest.raises(
        srcdiff.UnsupportedError,
        match="derivative of a draw by `vonmises` with respect to argument 2 is not known",
    ):
        srcdiff.grad(drawn, jit=False)(0.3, np.random.default_rng(2), X)


def test_the_sum_over_a_parameter() -> None:
    def log_p(z, x):
        return np.where(z > 0, 1.0, 0.5) * x - z

    summed = srcdiff.transform(log_p, "enumerate", over="z", count=3, jit=False)
    expected = np.log(sum(np.exp(log_p(z, 0.3)) for z in range(3)))
    assert summed(0.3) == pytest.approx(expected, rel=1e-14)
    srcdiff.check_grads(summed, 0.3)
    with pytest.raises(ValueError, match="over='w': the parameters are z, x"):
        srcdiff.transform(log_p, "enumerate", over="w", count=3)
