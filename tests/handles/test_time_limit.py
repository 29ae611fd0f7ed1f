"""Calls in NumPy that take too long are abandoned, and compiled code runs instead."""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from corpus_loader import Program, load

import srcdiff
from srcdiff.codegen.module.load import load as load_text
from srcdiff.handles.compiling import tiers, time_limit
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.compiling.time_limit import Limited, TimeIsUp

X = np.linspace(0.1, 1.0, 5)


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRCDIFF_JIT", raising=False)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that moves by a second with each look; `processor` is the share that the processor's time has."""
    clock = SimpleNamespace(count=0, processor=1.0)

    def look() -> float:
        clock.count += 1
        return float(clock.count)

    fake = SimpleNamespace(
        perf_counter=look, thread_time=lambda: clock.processor * (clock.count + 0.5)
    )
    monkeypatch.setattr(time_limit, "time", fake)
    return clock


# ---- programs: a number says how many iterations or calls run ------------------------------------------


def counted(x, n):
    s = x[0]
    for i in range(n):
        s = np.sin(s) + x[i % len(x)]
    return s


def until(x, n):
    s = x[0]
    while s < n:
        s = s + x[1] * x[1] + 1.0
    return s * s


def nested(x, n):
    s = x[0]
    for i in range(n):
        t = s
        while t > 1.0:
            t = 0.5 * t
        s = s + t * x[i % len(x)]
    return s


def power(x, n):
    return x if n <= 1 else x * power(x, n - 1)


def recursive(x, n):
    return np.sum(power(x, n))


def in_a_list(x, n):
    return sum([np.exp(x[k % len(x)]) for k in range(n)])


def summed(x, n):
    s = 0.0
    for k in range(n):
        s += np.sqrt(x[k % len(x)] + s)
    return s


def by_helper(x, n):
    return summed(x, n) * summed(2.0 * x, n)


def overwritten(x, n):
    for k in range(n):
        x[k % len(x)] *= 1.5 - x[0]
    return np.sum(x)


LOOPS = [counted, until, nested, recursive, in_a_list, by_helper, overwritten]


def limited(f, *args, derive=srcdiff.value_and_grad) -> tuple[Limited, list]:
    g = derive(f, jit=False)
    made, arguments = g._specialised(args, {})
    return Limited(made.program, made.function), list(g._values(made, arguments))


@pytest.mark.parametrize("f", LOOPS)
def test_the_limit_is_seen_in_loops(f) -> None:
    run, values = limited(f, X.copy(), 6)
    assert run.loops
    value, d_x = run(math.inf, *values)
    expected = srcdiff.value_and_grad(f, jit=False)(X.copy(), 6)
    assert value == expected[0]
    np.testing.assert_array_equal(d_x, expected[1])
    with pytest.raises(TimeIsUp):
        run(0.0, *values)


def test_straight_lines_have_no_limit() -> None:
    run, values = limited(lambda x: np.sum(np.exp(x) * x), X)
    assert not run.loops
    run(0.0, *values)


@pytest.mark.parametrize(("n", "ends"), [(10, True), (400, False)])
@pytest.mark.parametrize("f", [counted, until, recursive, in_a_list, by_helper])
def test_few_iterations_end_before_the_limit(f, n: int, ends: bool, looks) -> None:
    run, values = limited(f, X, n)
    looks.count = 0
    if ends:
        run(200.0, *values)
    else:
        with pytest.raises(TimeIsUp):
            run(200.0, *values)
        assert looks.count <= 202


def test_waiting_does_not_count(looks) -> None:
    looks.processor = 0.1
    run, values = limited(counted, X, 400)
    run(200.0, *values)
    with pytest.raises(TimeIsUp):
        run(20.0, *values)


@pytest.mark.parametrize("program", load("all")[::3], ids=repr)
def test_no_line_runs_twice_between_looks_at_the_clock(program: Program, monkeypatch) -> None:
    since: Counter[object] = Counter()

    def check_of(_: float):
        def check() -> bool:
            since.clear()
            return True

        return check

    monkeypatch.setattr(time_limit, "_check_of", check_of)
    g = srcdiff.value_and_grad(
        program.function, argnums=program.wrt, jit=False, on_independent="ignore"
    )
    made, arguments = g._specialised(program.arguments(0), {})
    run, values = Limited(made.program, made.function), g._values(made, arguments)
    file, most = made.function.__code__.co_filename, 0

    def traced(frame, event, _):
        nonlocal most
        if frame.f_code.co_filename != file:
            return None
        if event == "line" and frame.f_code.co_name != "<module>":
            at = frame.f_code, frame.f_lasti
            since[at] += 1
            most = max(most, since[at])
        return traced

    sys.settrace(traced)
    try:
        run(math.inf, *values)
    finally:
        sys.settrace(None)
    assert most <= 1


# ---- exceptions -------------------------------------------------------------------------------------


def test_the_lines_of_a_text_do_not_catch_it() -> None:
    text = """
ENDED = []


def f(n):
    try:
        for k in range(n):
            pass
    except Exception:
        return "caught"
    finally:
        ENDED.append(n)
    return k
"""
    program = SimpleNamespace(source=text, name="f")
    run = Limited(program, load_text(text, "f"))
    assert run(math.inf, 3) == 2
    with pytest.raises(TimeIsUp):
        run(0.0, 3)


@pytest.mark.parametrize("seconds", [0.0, math.inf])
def test_exceptions_of_the_user_are_raised(monkeypatch, seconds: float) -> None:
    def positive(x):
        s = 1.0
        for k in range(len(x)):
            if x[k] < 0.0:
                raise ValueError(f"number {k} is negative")
            s *= x[k]
        return s

    monkeypatch.setattr(tiers, "LONGEST", seconds)
    g = srcdiff.grad(positive)
    with pytest.raises(ValueError, match="number 2 is negative") as raised:
        g(np.array([1.0, 2.0, -1.0]))
    while raised.value.__context__ is not None:
        raised.value = raised.value.__context__
    assert not isinstance(raised.value, TimeIsUp)
    np.testing.assert_allclose(g(np.array([1.0, 2.0])), [2.0, 1.0])


def test_tracebacks_show_the_lines_of_the_text() -> None:
    def checked(x):
        s = 0.0
        for k in range(len(x)):
            if x[k] < 0.0:
                raise ValueError("negative")
            s += x[k] ** 2
        return s

    run, values = limited(checked, -X)
    with pytest.raises(ValueError, match="negative") as with_limit:
        run(math.inf, *values)
    with pytest.raises(ValueError, match="negative") as without:
        run._function(*values)
    assert traceback.extract_tb(with_limit.tb)[-1] == traceback.extract_tb(without.tb)[-1]


def test_each_thread_has_its_own_limit(looks) -> None:
    run, values = limited(counted, X, 50)
    found = []

    def call() -> None:
        found.append(run(math.inf, *values)[0])

    others = [threading.Thread(target=call) for _ in range(4)]
    for other in others:
        other.start()
    with pytest.raises(TimeIsUp):
        run(5.0, *values)
    for other in others:
        other.join()
    assert found == [run(math.inf, *values)[0]] * 4


# ---- calls of derivatives ---------------------------------------------------------------------------


def second(f, **options):
    return srcdiff.grad(lambda x, n: np.sum(srcdiff.grad(f, **options)(x, n) ** 2), **options)


def rows(f, **options):
    return srcdiff.jacobian(lambda x, n: x * f(x, n), **options)


@pytest.mark.parametrize("derive", [srcdiff.grad, srcdiff.hessian, second, rows])
@pytest.mark.parametrize("f", [counted, until])
def test_a_call_beyond_the_limit_runs_compiled_code(f, derive, monkeypatch) -> None:
    few, many = 3, 40
    g, expected = derive(f), derive(f, jit=False)
    np.testing.assert_allclose(g(X, few), expected(X, few), rtol=1e-13)
    assert g._latest.tier.state == "NumPy"
    monkeypatch.setattr(tiers, "LONGEST", 0.0)
    np.testing.assert_allclose(g(X, many), expected(X, many), rtol=1e-10)
    assert isinstance(g._latest.run, Compiled)
    assert "had not ended" in srcdiff.explain(g, X, many).decided
    np.testing.assert_allclose(g(X, few), expected(X, few), rtol=1e-13)


def test_the_arguments_are_as_before(monkeypatch) -> None:
    monkeypatch.setattr(tiers, "LONGEST", 0.0)
    x = X.copy()
    d_x = srcdiff.grad(overwritten)(x, 7)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_allclose(d_x, srcdiff.grad(overwritten, jit=False)(x, 7), rtol=1e-13)


def test_vjps_and_jvps_have_the_limit(monkeypatch) -> None:
    monkeypatch.setattr(tiers, "LONGEST", 0.0)
    f = srcdiff.differentiate(until)
    value, back = f.vjp(X, 20)
    assert value == until(X, 20)
    expected = srcdiff.grad(until, jit=False)(X, 20)
    np.testing.assert_allclose(back(1.0)[0], expected, rtol=1e-13)
    np.testing.assert_allclose(f.jvp((X, 20), (X, None))[1], expected @ X, rtol=1e-13)


# ---- effects ------------------------------------------------------------------------------------------


def printing(x, n):
    s = x[0]
    for k in range(n):
        s = s * x[k]
        print("s is", s)
    return s


def kept(x, n):
    s = x[0]
    for k in range(n):
        with srcdiff.adjoint(s) as d_s:
            SEEN.append(float(d_s))
        s = s * x[k]
    return s


def own(v):
    SEEN.append(v)
    return v**2


@srcdiff.rule(own, elementwise=True)
def _own(v, *, out, d_out):
    d_v = 2.0 * v * d_out  # noqa: F841


def with_a_rule(x, n):
    s = x[0]
    for k in range(n):
        s = s + own(x[k])
    return s


SEEN: list[float] = []


@pytest.mark.parametrize("f", [printing, kept, with_a_rule])
@pytest.mark.filterwarnings("ignore::srcdiff.CompileWarning")
def test_effects_are_those_of_one_call(f, monkeypatch, capsys) -> None:
    srcdiff.value_and_grad(f, jit=False)(X, 4)
    once, printed = list(SEEN), capsys.readouterr().out
    SEEN.clear()
    monkeypatch.setattr(tiers, "LONGEST", 0.0)
    g = srcdiff.value_and_grad(f)
    g(X, 4)
    assert (SEEN, capsys.readouterr().out) == (once, printed)
    assert once or printed
    SEEN.clear()
    assert "effects" in srcdiff.explain(g, X, 4).decided


def test_effects_without_loops_run_numpy_at_once(capsys) -> None:
    def once(x):
        print("called")
        return np.sum(x**2)

    g = srcdiff.grad(once)
    g(X)
    assert capsys.readouterr().out == "called\n"
    assert g._latest.tier.state == "NumPy"


@pytest.mark.parametrize("held", ["alone", "dict"])
def test_draws_are_those_of_one_call(held: str, monkeypatch) -> None:
    def noisy(x, source):
        rng = source["rng"] if isinstance(source, dict) else source
        s = x[0]
        for k in range(5):
            s = s + x[k] * rng.standard_normal()
        return s

    def given(rng):
        return rng if held == "alone" else {"rng": rng, "scale": 1.0}

    monkeypatch.setattr(tiers, "LONGEST", 0.0)
    rng, other = np.random.default_rng(3), np.random.default_rng(3)
    g = srcdiff.grad(noisy)
    found = g(X, given(rng))
    assert isinstance(g._latest.run, Compiled)
    np.testing.assert_allclose(found, srcdiff.grad(noisy, jit=False)(X, given(other)), rtol=1e-13)
    assert rng.bit_generator.state == other.bit_generator.state
