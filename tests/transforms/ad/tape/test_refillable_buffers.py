"""Refillable buffers: a buffer that each iteration fills before it reads it is stored, or filled again if cheaper."""

import pytest
from transforms.hard_programs import V
from transforms.sources import kept, loops_agree, source

import srcdiff

STAGES = """
    def f(x, n):
        y, a, b = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x))
        for _ in range(n):
            for i in range(len(x)):
                a[i] = x[i] * y[i] + x[i]
            for i in range(1, len(x)):
                b[i] = x[i] * (y[i - 1] + 0.5 * a[i - 1])
            b[0] = x[0] * a[0]
            for i in range(len(x)):
                y[i] += 0.1 * (a[i] * b[i])
        return np.sum(y)
"""


def test_a_buffer_that_is_cheap_to_fill_is_filled_again():
    assert (
        kept(source(STAGES), (V(5), 4), loops=True) <= 5 * 4 + 4 * 5
    )  # y of each iteration, a and b of one
    loops_agree(STAGES, V(5), 4)


DEAR = """
    def f(W, x, n):
        h, a = x.copy(), np.zeros(len(x))
        for t in range(n):
            for i in range(len(x)):
                s = 0.0
                for j in range(len(x)):
                    s += W[i, j] * np.exp(h[j])
                a[i] = np.tanh(s)
            for i in range(len(x)):
                h[i] = a[i] * a[len(x) - 1 - i]
        return np.sum(h)
"""


def test_what_a_kept_buffer_holds_is_not_kept_twice():
    args = (V(9).reshape(3, 3), V(3), 4)
    rows, sums = 2 * 4 * 3, 3  # h and a of each iteration
    options = {"loops": True, "argnums": (0, 1), "fastmath": False}
    assert kept(source(DEAR), args, **options) == rows + sums


def test_a_buffer_that_is_dear_to_fill_is_kept():
    text = srcdiff.grad(source(DEAR), argnums=(0, 1)).loop_source_for(V(9).reshape(3, 3), V(3), 4)
    assert text.count("tanh(") == 1
    assert " a = np.empty" not in text  # it is a row of what is kept
    loops_agree(DEAR, V(9).reshape(3, 3), V(3), 4)


@pytest.mark.parametrize(
    ("text", "args"), [(STAGES, (V(5), 4)), (DEAR, (V(4).reshape(2, 2), V(2), 3))]
)
@pytest.mark.parametrize("residuals", ["store", "recompute"])
def test_what_is_filled_again_agrees_with_what_is_kept(text, args, residuals):
    loops_agree(text, *args)
    loops_agree(text, *args, residuals=residuals)


def test_nothing_is_filled_again_where_all_is_to_be_stored():
    args = (V(5), 4)
    assert kept(source(STAGES), args, loops=True, residuals="store") > 3 * 5 * 4


@pytest.mark.parametrize(
    "change",
    [
        "for i in range(len(x)):\n                        a[i] = x[i] * a[i - 1]",
        "for i in range(1, len(x)):\n                        a[i] = np.sin(x[i] * a[i - 1])",
        "for i in range(len(x)):\n                        y[i] = np.sin(y[i])\n                        a[i] = y[i]",
        "a[2] = y[1]\n                    y[1] = a[2] * a[1]",
    ],
)
def test_buffers_that_hold_more_than_one_thing_agree(change):
    loops_agree(
        f"""
        def f(x, n):
            y, a = x.copy(), np.zeros(len(x))
            for t in range(n):
                for i in range(len(x)):
                    a[i] = x[i] * y[i]
                    {change}
                for i in range(len(x)):
                    y[i] += np.sin(a[i] * y[i])
            return np.sum(y)
        """,
        V(5),
        3,
    )


def test_a_loop_that_is_run_again_keeps_its_own_values_to_itself():
    loops_agree(
        """
        def f(x, n):
            y, a = x.copy(), np.zeros(len(x))
            for t in range(n):
                for i in range(len(x)):
                    u = y[i] * x[i]
                    a[i] = u * u + u
                for i in range(len(x)):
                    y[i] += a[i] * a[i]
            return np.sum(y)
        """,
        V(4),
        3,
    )
