"""Names that only some iterations bind: programs of all kinds of values, and all ways not to bind a name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.compare import function_of
from fuzz.program import Program

import srcdiff

PROGRAM = """\
import numpy as np


def f(x, a, k):
    s = a
    for i in range(3):
        if i >= k:
            {leave}
        v = {value}
        s = s + {use}
    if k > 0:
        s = s * {use}
    return s + np.sum(x * x)
"""

VALUES = {
    "[a, x[i]]": "v[0] * v[1]",
    "[x * a, x[1:]]": "np.sum(v[0])",
    "list(x)": "v[-1]",
    "x * a": "v[0] * v[1]",
    "x[i] * a": "np.sin(v)",
    "(x * a, x[i])": "v[1] * np.sum(v[0])",
    "np.hsplit(x * a, 3)": "v[0][0] * np.sum(v[-1])",
    "{'u': x * a, 'c': x[i]}": "v['c'] * v['u'][0]",
}
LEAVES = ("break", "return s * np.sum(x)")
X = np.array([0.4, -0.7, 0.9])


@pytest.mark.parametrize(
    ("value", "leave", "k"), list(itertools.product(VALUES, LEAVES, (0, 1, 3)))
)
def test_what_is_not_bound_has_no_derivative(value: str, leave: str, k: int) -> None:
    text = PROGRAM.format(value=value, use=VALUES[value], leave=leave)
    assert outcome(Program(0, text, (X, 0.3, k)), every=True).kind == "ok"


NESTED = """\
import numpy as np


def f(x, a, k):
    for i in range(k):
        for j in range(k - 1 - i):
            v = {value}
    return {use} + np.sum(x * x)
"""


@pytest.mark.parametrize("value", VALUES)
def test_a_name_keeps_the_value_of_an_earlier_iteration(value: str) -> None:
    text = NESTED.format(value=value, use=VALUES[value])
    assert outcome(Program(0, text, (X, 0.3, 3)), every=True).kind == "ok"


FIRST_BOUND = """\
import numpy as np


def f(items, a, k):
    for i in range(k):
        for e in items:
            u = {value}
        if i > k:
            break
    return np.sum(u) * a
"""


@pytest.mark.parametrize("value", ["e", "e * a", "e[i:] * a", "np.outer(e, e)[:, i:]"])
@pytest.mark.parametrize("lengths", [(3, 3), (3, 2, 4)])
def test_an_array_that_only_a_loop_binds_has_no_lengths_before(
    value: str, lengths: tuple[int, ...]
) -> None:
    items = [np.linspace(0.1, 0.9, n) for n in lengths]
    program = Program(0, FIRST_BOUND.format(value=value), (items, 0.3, 2))
    assert outcome(program, every=True).kind == "ok"


SPLIT = """\
import numpy as np


def f(items, a, k):
    for i in range(k):
        for e in items:
            v = np.{split}(np.sin({value}), 2)
    return np.sum(np.sin(v[0])) + np.sum(np.cos(v[-1]) * v[-1]) * a
"""


@pytest.mark.parametrize("value", ["e", "e[0]", "items[-1]", "items[i][-1] * a"])
@pytest.mark.parametrize("split", ["hsplit", "split"])
def test_parts_that_only_a_loop_binds_have_no_lengths_before(split: str, value: str) -> None:
    items = [np.linspace(-0.4, 0.9, 16).reshape(4, 4), np.linspace(0.2, 0.7, 16).reshape(4, 4)]
    program = Program(0, SPLIT.format(split=split, value=value), (items, 0.3, 2))
    assert outcome(program, every=True).kind == "ok"


LEFT_AT_FIRST = """\
import numpy as np


def f(items, a, k):
    for i in range(3):
        if i >= k:
            return a * {early}
        v = {value}
    return np.sum(v * v) * a
"""
OF_ITEMS = (
    "3.0 * items[-1]",
    "items[-1] * a",
    "items[i] * 2.0",
    "np.outer(items[0], items[-1])[:, i:]",
)


@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("early", ["a", "np.sum(items[0])"])
@pytest.mark.parametrize("value", OF_ITEMS)
def test_a_loop_may_return_before_an_array_has_lengths(value: str, early: str, k: int) -> None:
    items = [np.array([0.3, 0.4, 0.5]), np.array([0.1, 0.2]), np.array([0.7])]
    program = Program(0, LEFT_AT_FIRST.format(value=value, early=early), (items, 0.3, k))
    assert outcome(program, every=True).kind == "ok"


SHARED = """\
def f(x, a, k):
    {loop}
        e = x[i] * a

    def again(r):
        nonlocal e
        e = e * r
        return e

    return again(a) + e
"""


@pytest.mark.parametrize("loop", ["for i in range(k):", "for i in [0, 2]:", "if (i := k - 1) > 0:"])
def test_a_function_binds_again_what_only_a_loop_or_branch_binds(loop: str) -> None:
    program = Program(0, SHARED.format(loop=loop), (X, 0.3, 2))
    assert outcome(program, every=True).kind == "ok"


IN_EXPRESSIONS = """\
def f(x, a, k):
    for i in range(k):
        {before}
        v = {expression}
    return y * a + v
"""


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("y = a * i", "(y := a * 3.0) if i == 1 else 0.0"),
        ("y = a * i", "i == 1 and (y := a * 3.0)"),
        ("y = a * i", "0.0 if i < 1 < (y := a * 3.0) else x[i]"),
        ("pass", "(y := a * x[i]) * y"),
        ("pass", "((y := a * x[i]), y, y)[1]"),
    ],
)
def test_names_that_expressions_bind_are_live(before: str, expression: str) -> None:
    text = IN_EXPRESSIONS.format(before=before, expression=expression)
    assert outcome(Program(0, text, (X, 0.3, 3)), every=True).kind == "ok"


READ_AFTER = """\
import numpy as np


def f(x, a, k):
    s = a
    {loop}
    u = x * s
    if {condition}:
        pass
    else:
        u[i] *= 1.5
    return np.sum(u * x)
"""
LOOPS = (
    "for i in range(len(x)):\n        s += x[i]",
    "for i, v in enumerate(x):\n        s += v",
    "i = 0\n    while i < len(x) - 1:\n        s += x[i]\n        i += 1",
)
CONDITIONS = ("i < k", "i <= k", "i > k", "i >= k", "i < k or i > 2", "not i > k", "i == k")


@pytest.mark.parametrize(("loop", "condition"), list(itertools.product(LOOPS, CONDITIONS)))
def test_an_empty_branch_reads_the_index_that_a_loop_leaves(loop: str, condition: str) -> None:
    text = READ_AFTER.format(loop=loop, condition=condition)
    assert outcome(Program(0, text, (X, 0.3, 2)), every=True).kind == "ok"


LEFT_INSIDE = """\
import numpy as np


def f(x, a, k):
    for e in [a, a + 1.0]:
        if e > {bound}:
            return a * np.sum(x)
        {block}
    def unused(q):
        return v
    return np.sum(x * x) * a
"""
BLOCKS = (
    "try:\n            if k > 1:\n                raise ValueError\n        except ValueError:\n            v = a",
    "if k > 1:\n            v = a",
    "if k > 1:\n            v = a\n        elif k > 0:\n            v = x",
)


@pytest.mark.parametrize(("bound", "block"), list(itertools.product((0.0, 5.0), BLOCKS)))
def test_a_return_may_follow_a_name_that_is_not_always_bound(bound: float, block: str) -> None:
    text = LEFT_INSIDE.format(bound=bound, block=block)
    assert outcome(Program(0, text, (X, 0.3, 2)), every=True).kind == "ok"


WRITTEN_MEANWHILE = """\
import numpy as np


def f(x, l):
    v = {start} if x[0] < -9.0 else x[[1, 0, 1]]
    for e in {items}:
        v += 0.5 * {item}
    return np.sum(x * x) + np.sum(v * v)
"""
ITEMS = {
    "v": "e",
    "reversed(v)": "e",
    "v[::-1]": "e",
    "enumerate(v)": "e[1]",
    "zip(v, x)": "e[0]",
    "map(np.sin, v)": "e",
    "(np.sin(q) for q in v)": "e",
}


@pytest.mark.filterwarnings("ignore:.*the derivative runs in the interpreter")
@pytest.mark.parametrize("start", ["x * 2.0", "l[0]"], ids=["typed", "dynamic"])
@pytest.mark.parametrize("items", ITEMS)
def test_a_loop_over_an_array_sees_what_is_written_meanwhile(items: str, start: str) -> None:
    text = WRITTEN_MEANWHILE.format(items=items, item=ITEMS[items], start=start)
    f, step = function_of(text, "f"), 1e-6 * np.ones(3)
    value, gradient = srcdiff.value_and_grad(f, jit=False)(X.copy(), [X.copy()])
    ahead, behind = (f(X + s, [X.copy()]) for s in (step, -step))
    assert value == pytest.approx(f(X.copy(), [X.copy()]))
    assert np.sum(gradient) == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


LEFT_BY_TRY = """\
import numpy as np


def f(x, a, k):
    try:
        if 0.5 > 1.3 and {test}:
            return a * x[0]
        if k > {bound}:
            raise ValueError
    except ValueError:
        a = 2.0 * a
    finally:
        {last}
    return {result}
"""


@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.parametrize("test", ["0.4", "a > 0.1"])
@pytest.mark.parametrize("last", ["a = np.tanh(a)", "a = np.tanh(0.5)", "a = a * x"])
@pytest.mark.parametrize("result", ["np.sum(a)", "np.sum(x * a) + k"])
def test_a_return_that_never_runs_may_have_no_value(
    bound: int, test: str, last: str, result: str
) -> None:
    text = LEFT_BY_TRY.format(bound=bound, test=test, last=last, result=result)
    assert outcome(Program(0, text, (X, 0.3, 2)), every=True).kind == "ok"


SUMS = ("sum([x])", "sum((x,))", "sum(r for r in [x])", "sum([x], 0)")


@pytest.mark.parametrize("total", SUMS)
def test_a_sum_of_one_array_is_a_new_array(total: str) -> None:
    text = f"import numpy as np\n\n\ndef f(x, a, k, l):\n    v = {total}\n    v[0] += 3.0 * a\n    return np.sum(x * x) + np.sum(l[0] * x) + np.sum(v * v)\n"
    assert outcome(Program(0, text, (X, 0.3, 1, [X * 2.0, X])), every=True).kind == "ok"


AFTER_A_RETURN = """\
import numpy as np


def f(x, a, k):
    if a > {bound}:
        for u, v in zip(x, x):
            {leaves}
    else:
        a = a * 3.0
    {later}
    return np.sum(x * x) * a
"""
LATER_LOOPS = (
    "for e in x:\n        if e > 0.8:\n            break\n    else:\n        a *= 0.5",
    "for e in x:\n        if e > 0.8:\n            return a * e",
    "for e in (a, x[2]):\n        if e > 0.8:\n            return a * e",
    "for e in (a, x[0]):\n        if e > 0.8:\n            break\n    else:\n        a *= 0.5",
    "while a < 2.0:\n        a *= 2.0\n        if a > 1.0:\n            break\n    else:\n        a *= 0.5",
    "for e in x:\n        for r in x:\n            if r > 0.8:\n                break\n        else:\n            a *= e",
)


@pytest.mark.parametrize("leaves", ["return a * u", "if u > 0.8:\n                return a * u"])
@pytest.mark.parametrize(("later", "bound"), list(itertools.product(LATER_LOOPS, (0.0, 0.4))))
def test_a_loop_may_follow_a_branch_whose_loop_returns(
    later: str, bound: float, leaves: str
) -> None:
    text = AFTER_A_RETURN.format(later=later, bound=bound, leaves=leaves)
    assert outcome(Program(0, text, (X, 0.3, 2)), every=True).kind == "ok"


LEFT_BY_RETURN = """\
import numpy as np


def f(x, a, k, ws):
    v = x * 2.0
    {loop}:
        if a > 2.0:
            break
        if ws[-1][0] < {bound}:
            return a * x[0]
        a *= 2.0
        v = {made}
    return np.sum(np.cos(v) * v) * a
"""


@pytest.mark.parametrize("compiled", [False, True], ids=["Python", "compiled"])
@pytest.mark.parametrize("made", ["ws[-1]", "3.0 * ws[-1]", "x[1:]"])
@pytest.mark.parametrize("bound", [0.7, 0.1])
@pytest.mark.parametrize("loop", ["while True", "for e in range(k + 3)", "for e in ws"])
def test_a_loop_that_returns_may_overwrite_an_array(
    loop: str, bound: float, made: str, compiled: bool
) -> None:
    text = LEFT_BY_RETURN.format(loop=loop, bound=bound, made=made)
    args = (X, 0.3, 2, [np.array([0.4, -0.7, 0.9])] * 2)
    assert outcome(Program(0, text, args), compiled, every=not compiled).kind == "ok"
