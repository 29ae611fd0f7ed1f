"""Parallel loops: the same results, to the last bit in each run, and only where iterations are independent."""

from __future__ import annotations

import importlib
import math
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from corpus_loader import Program, load
from fuzz.compare import flat
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.compile import loop_program
from srcdiff.compile.loop_program import shares_loops
from srcdiff.handles import generated
from srcdiff.handles.compiling.jit import plain
from srcdiff.ir.core import For, walk
from srcdiff.transforms.lower.loop_nests import NoLoopForm

RNG = np.random.default_rng(0)
X = RNG.normal(size=1001)


def energy(x, w):
    s = 0.0
    for i in range(len(x)):
        s += math.exp(-w * x[i] ** 2)
    return s


def regression(w, X, y):
    s = 0.0
    for i in range(len(X)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        s += (z - y[i]) ** 2
    return s


def filter_(x, a):
    s = x[0]
    for i in range(1, len(x)):
        s = a * s + x[i]
    return s**2


def smoothed(x):
    y = x.copy()
    for i in range(1, len(x)):
        y[i] = 0.5 * (y[i - 1] + x[i])
    return np.sum(y**2)


def looked_up(x, rows):
    s = 0.0
    for i in range(len(rows)):
        s += x[rows[i]] ** 2
    return s


def shared_loops(f, *args, threads=None):
    g = srcdiff.value_and_grad(f)
    fn = loop_form(g, args, threads)
    return [s for s in walk(fn.body) if isinstance(s, For) and s.is_parallel]


@pytest.mark.parametrize("threads", [True, 1, 3, 7])
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (energy, (X, 0.5)),
        (energy, (X[:2], 0.5)),
        (energy, (X[:0], 0.5)),
        (regression, (X[:5], RNG.normal(size=(200, 5)), X[:200])),
    ],
    ids=["energy", "two iterations", "no iterations", "regression"],
)
def test_threads_find_what_one_does(f, args, threads) -> None:
    g = srcdiff.value_and_grad(f, argnums=(0, 1), jit=True, parallel=threads)
    assert "for thread in prange(" in g.loop_source_for(*args)
    value, gradient = g(*args)
    expected, d_expected = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(*args)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(flat(gradient), flat(d_expected), rtol=1e-11, atol=1e-12)


@pytest.mark.long
def test_the_same_to_the_last_bit() -> None:
    g = srcdiff.value_and_grad(regression, jit=True, parallel=3)
    args = (X[:5], RNG.normal(size=(200, 5)), X[:200])
    value, gradient = g(*args)
    for _ in range(20):
        again, d_again = g(*args)
        assert again == value
        np.testing.assert_array_equal(d_again, gradient)


def halved(x):
    rows = np.sin(x) * x
    while len(rows) > 1:
        half = len(rows) // 2
        rows = rows[:half] * rows[half : 2 * half] + 0.5
    return rows[0]


@pytest.mark.long
def test_arrays_that_change_their_length_are_distinguished() -> None:
    """Numba's compiler of parallel loops takes a name for arrays of one length: it sees those loops only."""
    g = srcdiff.value_and_grad(halved, jit=True, parallel=True)
    value, gradient = g(X[:30])
    expected, d_expected = srcdiff.value_and_grad(halved, jit=False)(X[:30])
    assert "halved_value_and_grad_by_threads(" in g.loop_source_for(X[:30])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, d_expected, rtol=1e-11, atol=1e-12)


def test_each_thread_has_accumulators_of_its_own() -> None:
    text = srcdiff.value_and_grad(regression, parallel=2).loop_source_for(
        X[:5], RNG.normal(size=(200, 5)), X[:200]
    )
    assert "d_w_of_threads = np.empty((2, len(w)))" in text
    assert "@njit(parallel=True, " in text
    (call,) = [line.strip() for line in text.splitlines() if line.startswith(" " * 8 + "regr")]
    assert (
        call == "regression_value_and_grad_in_thread(thread, w, X, y, s_of_threads, d_w_of_threads)"
    )


@pytest.mark.parametrize(
    ("f", "args"),
    [(filter_, (X, 0.5)), (smoothed, (X,)), (looked_up, (X, np.array([1, 2, 3])))],
    ids=["carried on", "writes of the last iteration", "may raise"],
)
def test_dependent_iterations_stay_on_one_thread(f, args) -> None:
    loops = shared_loops(f, *args)
    assert all(not s.carried for s in loops)
    own = srcdiff.value_and_grad(f, jit=True, parallel=True)(*args)
    value, gradient = srcdiff.value_and_grad(f, jit=False)(*args)
    assert own[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(own[1], gradient, rtol=1e-11, atol=1e-12)


def test_an_invalid_number_of_threads_is_reported() -> None:
    assert "prange" not in srcdiff.grad(energy, parallel=False).loop_source_for(X, 0.5)
    with pytest.raises(ValueError, match="a number of threads"):
        srcdiff.grad(energy, parallel=0)
    with pytest.raises(ValueError, match="a number of threads"):
        srcdiff.grad(energy, parallel="many")


# ---- parallel="auto" ---------------------------------------------------------------------------


@pytest.fixture
def few_are_worth_it(monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("srcdiff.transforms.schedule.parallel"), "WORTH", 10_000
    )
    for module in (loop_program, generated):
        monkeypatch.setattr(module, "may_share_loops", lambda: True)


def test_long_loops_are_shared_out_unasked(few_are_worth_it) -> None:
    g = srcdiff.value_and_grad(energy, jit=True)
    serial = srcdiff.value_and_grad(energy, jit=True, parallel=False)
    for n, in_threads in ((100, False), (1001, True), (200, False), (1000, True)):
        x = X[:n]
        value, gradient = g(x, 0.5)
        report = srcdiff.explain(g, x, 0.5)
        assert (report.runs, report.in_threads) == ("compiled", in_threads)
        work = "10001 <= 28 * x0" if in_threads else "28 * x0 <= 10000"
        assert report.assumes == (f"{work} operations",)
        expected, d_expected = serial(x, 0.5)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(gradient, d_expected, rtol=1e-12)
        for _ in range(10):
            again, d_again = g(x, 0.5)
            assert again == value
            np.testing.assert_array_equal(d_again, gradient)
    assert "2 specialisations" in repr(g)


def product_of_rows(A, x):
    s = 0.0
    for i in range(len(x)):
        s += np.sum(np.tanh(A @ (x[i] * A[0])))
    return s


@pytest.mark.parametrize(
    ("f", "args", "in_threads"),
    [
        (energy, (X, 0.5), True),
        (regression, (X[:5], RNG.normal(size=(900, 5)), X[:900]), True),
        (regression, (X[:1000], RNG.normal(size=(3, 1000)), X[:3]), False),  # much to add up
        (product_of_rows, (RNG.normal(size=(40, 40)), X), False),  # BLAS
        (filter_, (X, 0.5), False),  # one iteration waits for another
    ],
    ids=["energy", "regression", "few rows", "products", "filter"],
)
def test_which_loops_are_worth_it(few_are_worth_it, f, args, in_threads) -> None:
    text = srcdiff.value_and_grad(f).loop_source_for(*args)
    assert ("prange" in text) == in_threads
    assert "prange" not in srcdiff.value_and_grad(f, parallel=False).loop_source_for(*args)


def test_saved_files_and_the_users_compiled_code_have_no_threads_unasked(
    few_are_worth_it, tmp_path
):
    g = srcdiff.value_and_grad(energy)
    assert "prange" in g.loop_source_for(X, 0.5)
    assert "prange" not in g.save(tmp_path / "e.py", X, 0.5, form="loops").read_text()
    arguments = replace(g.arguments_of((X, 0.5), {}), lengths={}, any_lengths=True)
    assert not shares_loops(g.derived, arguments, bound=False)


FORKS = """
import os, sys
import numpy as np
import srcdiff
import srcdiff.transforms.schedule.parallel
from srcdiff.compile.threads import may_share_loops

def f(x):
    return np.sum(np.exp(x))

sys.modules["srcdiff.transforms.schedule.parallel"].WORTH = 10_000
g = srcdiff.grad(f, jit=True)
x = np.ones(10_000)
g(x)
first = srcdiff.explain(g, x).in_threads
assert first == may_share_loops()
child = os.fork()
if child == 0:
    is_right = np.allclose(g(x), np.exp(x)) and not srcdiff.explain(g, x).in_threads
    os._exit(0 if is_right else 3)
assert os.waitpid(child, 0)[1] == 0
assert np.allclose(g(x), np.exp(x)) and srcdiff.explain(g, x).in_threads == first
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_process_uses_no_threads_of_its_parent(tmp_path) -> None:
    """GNU's OpenMP would end the process that does."""
    file = tmp_path / "forks.py"
    file.write_text(FORKS)
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_corpus_in_three_threads(program: Program) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    args = program.arguments(0)
    given = g.signature.bind(args, {}, frozenset())
    try:
        loops = as_python(loop_form(g, args, threads=None))
    except NoLoopForm:
        return
    with np.errstate(all="ignore"):
        value, gradient = g(*program.arguments(0))
        found, d_found = loops(*map(plain, given.values, given.types))
    np.testing.assert_allclose(found, value, rtol=1e-11, atol=1e-12)
    expected = flat(gradient)
    scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
    np.testing.assert_allclose(flat(d_found), expected, rtol=1e-10, atol=1e-11 * scale)


def nested(p):
    x, d = p
    return np.sum(x * d["b"]) + np.sum(np.sin(d["a"])) * d["b"]


@pytest.mark.long
def test_threads_share_parts_of_containers() -> None:
    p = (X[:300], {"a": X[300:], "b": 2.0})
    (d_x, found) = srcdiff.grad(nested, jit=True, parallel=True)(p)
    np.testing.assert_allclose(d_x, np.full(300, 2.0))
    np.testing.assert_allclose(found["a"], 2.0 * np.cos(X[300:]))
    assert found["b"] == pytest.approx(np.sum(X[:300]) + np.sum(np.sin(X[300:])))


def two_results(x):
    low, high = np.cumsum(x**2), np.cumsum(np.sin(x))
    return np.sum(low * high), (x * 2.0, x * 3.0)


def test_parameters_that_have_one_name_are_numbered() -> None:
    """Numba marks its own names with `_` at the end, as users may, and then confuses the two."""
    g = srcdiff.value_and_grad(two_results, has_aux=True, jit=True, parallel=True)
    (value, _), d_x = g(X)
    (by_numpy, _), expected = srcdiff.value_and_grad(two_results, has_aux=True, jit=False)(X)
    assert value == pytest.approx(by_numpy)
    np.testing.assert_allclose(d_x, expected)
    parameters = re.findall(r"_by_threads\w*\((.*)\):", g.loop_source)
    assert any(re.search(r"\w_2\b", p) for p in parameters)
    assert not any(re.search(r"\w_[,)]", f"{p})") for p in parameters)
