"""Presence of names: a name that no path binds is not passed on; where only the run knows, it is None."""

import numpy as np
import pytest
from fuzz.compare import function_of, problems

import srcdiff

TWO_LOOPS = """
import numpy as np
def f(x):
    s = 0.0
    for i, e in enumerate(x):
        if i > 1:
            continue
        c = 0
        while c < 2 and i > 1:
            c += 1
            return np.sin(0.7)
        s += e * e
    return s
"""

KEPT = """
import numpy as np
def f(x, k):
    s = 0.0
    for i, e in enumerate(x):
        if i > 0:
            s = s + np.sin(previous * e)
        if e > 0.0:
            if i < k:
                previous = e * e
        else:
            previous = e
        if i > 2:
            previous = previous * s
    return s
"""

LACKED = """
import numpy as np
def f(x, a):
    s = 0.0
    for i in range(3):
        if i >= 1:
            s += np.sum(y**2 * z)
        m = int(a) + i
        y = x[:m] * a
        z = np.zeros(m)
        z[0] += s + a
    return s
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path / "cache"))


def source(text, *args):
    return srcdiff.value_and_grad(function_of(text)).source_for(*args)


def test_the_value_of_a_return_is_yielded_only_where_the_loop_was_left_by_it():
    text = source(TWO_LOOPS, np.ones(3))
    assert text.count("value = new_value") == 1
    assert "None" not in text
    assert (
        "            if returned:\n                returned = True\n                value = new_value\n"
        in text
    )
    assert not problems(function_of(TWO_LOOPS), (np.array([0.3, 0.5, 0.2]),))


def test_residuals_have_a_value_before_the_users_first():
    x = np.array([0.2, -0.3, 0.5, 0.1, -0.2])
    assert "    previous = None\n    for i, e in enumerate(x):" in source(KEPT, x, 3)
    assert not problems(function_of(KEPT), (x, 3))


def test_what_the_first_iteration_lacks_is_kept_as_none_in_second_order_too():
    assert not problems(function_of(LACKED), (np.linspace(0.3, 0.9, 5), 1.3), second=True)
