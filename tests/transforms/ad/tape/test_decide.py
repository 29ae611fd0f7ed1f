"""The choice of residuals: the amount of storage, in numbers."""

import numpy as np
import pytest
from corpus_loader import load
from transforms.hard_programs import V
from transforms.sources import after, agrees, kept, source

import srcdiff
from srcdiff.ir.core import Op, walk
from srcdiff.ir.syntax.printer import to_text

TARGETS = {p.name: p for p in load("targets")}


def of_target(name, **options):
    program = TARGETS[name]
    args = program.arguments(0)
    return args, kept(program.function, args, argnums=program.wrt, **options)


@pytest.mark.parametrize("name", ["heat", "logistic_regression", "bayes_logreg", "sum_of_squares"])
def test_nothing_is_kept_where_everything_needed_is_still_there(name):
    assert of_target(name)[1] == 0


def test_the_hidden_markov_model_keeps_one_message_a_step():
    (log_pi, _, _, ys, *_), count = of_target("hmm")
    assert count == (len(ys) - 1) * len(log_pi)


def test_burgers_keeps_one_field_a_step():
    (u, _, steps), count = of_target("burgers")
    assert count == steps * len(u)


PRODUCT = "def f(x):\n    s = 1.0\n    for v in x:\n        s = s * np.sin(v)\n    return s\n"


def test_a_carried_value_that_is_needed_is_kept_once_an_iteration():
    assert kept(source(PRODUCT), (V(6),)) == 6


def test_an_accumulator_is_not_kept():
    assert (
        kept(
            source(
                "def f(x):\n    s = 0.0\n    for v in x:\n        s = s + np.sin(v)\n    return s\n"
            ),
            (V(6),),
        )
        == 0
    )


def test_the_cut_is_the_smallest_where_a_row_is_read_as_well():
    loop = """
        def f(x, n):
            H = np.zeros((n + 1, len(x)))
            H[0] = x
            a, b, s = 0.0 * x, 0.0 * x, 0.0
            for t in range(n):
                H[t + 1] = np.tanh(H[t])
                a = 0.5 * a + H[t]
                b = 0.3 * b - 2.0 * H[t]
                s += np.sum(np.sin(a - b))
            return s
    """
    assert kept(source(loop), (V(5), 4)) == 4 * 5


def test_of_two_values_of_one_size_the_one_with_a_name_is_kept():
    loop = """
        def f(x):
            a, b = 1.0, 0.5
            for v in x:
                g = 2.0 * (a - b)
                a = 0.5 * a + v
                b = np.sin(g) - b
            return a * b
    """
    assert "gs = np.empty(len(x))" in srcdiff.grad(source(loop)).source_for(V(5))


def test_store_keeps_more_than_auto_and_recompute_as_little():
    counts = [
        kept(source(PRODUCT), (V(6),), residuals=mode) for mode in ("recompute", "auto", "store")
    ]
    assert counts[0] == counts[1] < counts[2]


def test_an_array_that_the_program_fills_is_its_own_record():
    text = "def f(x):\n    y = np.zeros(6)\n    y[0] = x[0]\n    for t in range(1, 6):\n        y[t] = np.sin(y[t - 1]) * x[t]\n    return np.sum(y)\n"
    assert kept(source(text), (V(6),)) == 0


def test_a_triangle_of_values_takes_a_square_of_storage():
    text = "def f(x):\n    s = 0.0\n    for i in range(5):\n        t = 0.5\n        for j in range(i):\n            t = np.sin(t * x[j])\n        s += t * t\n    return s\n"
    assert 10 <= kept(source(text), (V(5),)) <= 30


def test_no_save_or_restore_is_left():
    fn = after(PRODUCT, (V(6),), "residuals")
    assert not [s for s in walk(fn.body) if isinstance(s, Op) and "slot" in s.attrs]


def test_the_result_of_an_iteration_is_read_from_the_next_iterations_residual():
    text = "def f(x):\n    h = 0.5\n    for v in x:\n        h = np.tanh(h * v)\n    return h\n"
    assert kept(source(text), (V(6),)) == 6
    assert "next_h" in to_text(after(text, (V(6),), "residuals"))


def test_unknown_numbers_of_iterations_are_kept_in_lists():
    text = "def f(a):\n    s = a\n    while s < 5.0:\n        s = s * s + 1.0\n    return s\n"
    assert "append" in to_text(after(text, (0.7,), "residuals"))
    assert np.isfinite(kept(source(text), (0.7,)))


def test_results_of_helpers_that_are_written_later_are_stored():
    agrees(
        """
        def both(s, v):
            return np.tanh(s) * v, s - v[0]


        def f(A, a):
            z = np.zeros(3)
            if a > 0.9:
                return a
            u, t = both(0.5, np.mean(A * z, axis=1))
            u += np.sum(A, axis=0)
            return a + np.sum(u * u)
        """,
        V(9).reshape(3, 3),
        0.5,
    )
