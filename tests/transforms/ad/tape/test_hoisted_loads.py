"""Hoisted loads: an array that an inner loop reads is stored once for all loops that do not write it."""

from transforms.hard_programs import V
from transforms.sources import kept, loops_agree, source

RECURRENCE = """
    def f(W, h, n):
        h = h.copy()
        new = np.zeros(len(h))
        for t in range(n):
            for i in range(len(h)):
                s = 0.0
                for j in range(len(h)):
                    s += W[i, j] * h[j]
                new[i] = np.tanh(s)
            for i in range(len(h)):
                h[i] = new[i]
        return np.sum(h * h)
"""


def test_a_state_that_every_row_reads_is_kept_once_an_iteration():
    args = (V(16).reshape(4, 4), V(4), 3)
    of_an_iteration = 4 + 4  # `new`, and its sums for a loop that has only `tanh` in it
    options = {"loops": True, "argnums": (0, 1), "fastmath": False}
    assert kept(source(RECURRENCE), args, **options) == 3 * (4 + 4) + of_an_iteration


def test_what_was_just_stored_is_not_kept_twice():
    text = """
        def f(x, n):
            y, s = np.zeros(len(x)), 0.0
            for t in range(n):
                for i in range(len(x)):
                    y[i] = np.tanh(x[i] + s)
                    s += y[i] * y[i] * x[i]
            return s
    """
    assert kept(source(text), (V(4), 3), loops=True) == 3 * 4


def test_what_the_loop_writes_itself_is_kept_by_element():
    loops_agree(
        """
        def f(x, n):
            y = x.copy()
            for t in range(n):
                for i in range(len(x)):
                    for j in range(len(x)):
                        y[j] = np.sin(y[j] * y[i])
                for i in range(len(x)):
                    y[i] += x[i] * y[0]
            return np.sum(y)
        """,
        V(3),
        2,
    )
