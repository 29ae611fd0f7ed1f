"""Mirror loop fusion of iterations that commute, in the loop form: residuals live for one iteration."""

from transforms.hard_programs import V
from transforms.sources import kept, loops_agree, source

POWERS = """
    def f(x, t, k):
        total = 0.0
        for i in range(len(t)):
            s, power = k, 1.0
            for j in range(len(x)):
                s -= x[j] * power
                power *= t[i]
            total += s**2
        return total
"""


def test_residuals_of_one_iteration_are_stored_for_one_iteration():
    assert kept(source(POWERS), (V(4), V(50), 0.3), loops=True, fastmath=False) == 4


def test_the_readable_form_keeps_its_two_loops():
    text = "def f(x, t):\n    s = 0.0\n    for v in t:\n        p = v\n        for u in x:\n            p = np.sin(p * u)\n        s += p\n    return s\n"
    assert kept(source(text), (V(4), V(5))) == 5 * 4
    assert kept(source(text), (V(4), V(5)), loops=True, fastmath=False) == 4


def test_kept_values_of_iterations_agree():
    loops_agree(POWERS, V(4), V(5), 0.3)


def test_iterations_within_iterations_agree():
    loops_agree(
        """
        def f(x, y):
            total = 0.0
            for a in x:
                for b in y:
                    p = a
                    for k in range(3):
                        p = np.sin(p * b + k)
                    total += p * a
            return total
        """,
        V(4),
        V(3),
    )


def test_residuals_of_an_iteration_that_others_need_are_stored_for_all_iterations():
    text = """
        def f(x, n):
            h = 0.5
            for t in range(n):
                p = h
                for u in x:
                    p = np.sin(p * u)
                h = p * h
            return h
    """
    assert kept(source(text), (V(4), 3), loops=True) >= 3 * 4
    loops_agree(text, V(4), 3)
