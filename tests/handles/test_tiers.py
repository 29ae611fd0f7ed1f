"""`jit="auto"` as users have it: calls run NumPy first, and compiled code follows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff.cache.compile_worker import Unavailable
from srcdiff.handles.compiling import background, tiers
from srcdiff.handles.compiling.background import BACKGROUND
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.compiling.tiers import Tier

X = np.linspace(-1.0, 1.0, 50)


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRCDIFF_JIT", raising=False)


def energy(x, k):
    return np.sum(np.exp(-k * x**2))


def state(g) -> str:
    return g._latest.tier.state


def compiled_in_background(g, *args) -> None:
    """Call until a compilation has begun, and wait for it."""
    while g._latest is None or g._latest.tier.state == "NumPy":
        g(*args)
    srcdiff.wait()


def test_the_first_calls_run_numpy_and_later_ones_compiled_code() -> None:
    g = srcdiff.grad(energy)
    first = g(X, 0.5)
    assert (state(g), g._latest.compiled) == ("NumPy", None)
    assert srcdiff.explain(g, X, 0.5).runs == "NumPy, until calls take as long as compiling"
    assert srcdiff.explain(g, X, 0.5).decided == ""
    compiled_in_background(g, X, 0.5)
    assert srcdiff.explain(g, X, 0.5).decided == "calls in NumPy had taken 0.05 s"
    assert state(g) == "comparing"
    for _ in range(6):
        np.testing.assert_allclose(g(X, 0.5), first, rtol=1e-13)
    assert state(g) == "settled"
    assert g._latest.compiled.function.signatures


@pytest.mark.parametrize("derive", [srcdiff.hessian, srcdiff.jacobian, srcdiff.value_and_grad])
def test_loops_over_directions_do_not_wait(derive) -> None:
    g = derive(lambda x: np.sum(np.exp(x) * x))
    g(X)
    assert state(g) == "NumPy"


@pytest.mark.long
def test_calls_leave_the_interpreter_to_the_compilation() -> None:
    """NumPy releases the interpreter and takes it back at once: the compilation would wait for ever."""
    g = srcdiff.hessian(lambda x, k: np.sum(np.exp(-k * x**2)))
    deadline = time.monotonic() + 100.0
    while g._latest is None or state(g) in ("NumPy", "compiling"):
        g(X, 0.5)
        assert time.monotonic() < deadline
    assert state(g) == "comparing"


def test_a_function_that_is_called_seldom_is_not_compiled() -> None:
    g = srcdiff.grad(lambda x: np.sum(x**3))
    for _ in range(5):
        g(X)
    assert state(g) == "NumPy"


def test_it_is_compiled_on_request() -> None:
    g = srcdiff.grad(energy)
    g.compile(X, 0.5)
    g(X, 0.5)
    assert isinstance(g._latest.run, Compiled)
    never = srcdiff.grad(energy, jit=False)
    never.compile(X, 0.5)
    never(X, 0.5)
    assert not isinstance(never._latest.run, Compiled)


@pytest.mark.parametrize("given", [("1", True), ("wait", "auto")], ids=["jit=True", "wait"])
def test_each_call_has_one_form_on_request(monkeypatch, given) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", given[0])
    g = srcdiff.grad(energy, jit=given[1])
    g(X, 0.5)
    assert isinstance(g._latest.run, Compiled)


def test_a_refusal_is_a_warning_when_it_is_found() -> None:
    def sorted_into(x):
        buckets = [[], []]
        for k in range(len(x)):
            buckets[k % 2].append(x[k::2])
        return (buckets[0][0][0] * buckets[1][0][0]) ** 2

    g = srcdiff.grad(sorted_into)
    compiled_in_background(g, X)
    with pytest.warns(srcdiff.CompileWarning, match="so it runs as NumPy"):
        g(X)
    assert g._latest.run is g._latest.function


@numba.njit
def doubled(v):
    return 2.0 * v


def test_what_cannot_be_sent_is_compiled_by_the_call() -> None:
    local = numba.njit(lambda v: doubled(v) + 1.0)

    def f(x):
        return np.sum(local(x[0]) * x**2)

    g = srcdiff.grad(f)
    expected = g(X)
    compiled_in_background(g, X)
    for _ in range(6):
        np.testing.assert_allclose(g(X), expected, rtol=1e-13)
    assert state(g) in ("settled", "waits")
    assert isinstance(g._latest.run, Compiled)


def test_without_a_worker_the_call_compiles(monkeypatch) -> None:
    monkeypatch.setattr(tiers, "is_worker", lambda: True)
    g = srcdiff.grad(lambda x: np.sum(np.cos(x) * x))
    expected = g(X)
    compiled_in_background(g, X)
    g(X)
    assert isinstance(g._latest.run, Compiled)
    np.testing.assert_allclose(g(X), expected, rtol=1e-13)


def test_where_no_worker_starts_the_call_compiles(monkeypatch) -> None:
    def unavailable() -> None:
        raise Unavailable("no right to start processes")

    monkeypatch.setattr(background, "Worker", unavailable)
    monkeypatch.setattr(background, "BACKGROUND", background.Background())
    g = srcdiff.grad(lambda x: np.sum(np.cos(x) * x**3))
    compiled_in_background(g, X)
    assert state(g) == "waits"
    g(X)
    assert isinstance(g._latest.run, Compiled)


def test_a_worker_that_is_killed_is_replaced() -> None:
    g = srcdiff.grad(lambda x: np.sum(np.cos(x) * np.exp(x)))
    g(X)
    while state(g) == "NumPy":
        g(X)
    while BACKGROUND._worker is None:
        time.sleep(0.01)
    BACKGROUND._worker.process.kill()
    compiled_in_background(g, X)
    g(X)
    assert isinstance(g._latest.run, Compiled) or state(g) == "comparing"
    h = srcdiff.grad(lambda x: np.sum(np.sin(x) * np.exp(x)))
    compiled_in_background(h, X)
    assert state(h) == "comparing"


@pytest.mark.parametrize(("slow", "kept"), [(0.02, False), (0.0, True)])
def test_compiled_code_that_is_slower_is_dropped(slow: float, kept: bool) -> None:
    def busy(seconds):
        started = time.process_time()
        while time.process_time() - started < seconds:
            pass

    def in_numpy(x):
        busy(0.002)
        return x

    class Slow(Compiled):
        def __init__(self):
            pass

        def __call__(self, x):
            busy(slow)
            return x

    program = SimpleNamespace(source="def f(x):\n    return x\n", name="f", repeatable=True)
    made = SimpleNamespace(function=in_numpy, compiled=Slow(), program=program, refused="")
    tier = Tier(made, Slow, None)
    lengths = {"n": 50}
    assert tier.form([X], lengths)(X) is X
    tier.state = "comparing"
    for _ in range(5):
        assert tier.form([X], lengths)(X) is X
    assert tier.form([X], lengths) is None
    assert tier.run is (made.compiled if kept else in_numpy)
    assert ("times as long" in made.refused) is not kept


# ---- processes -----------------------------------------------------------------------------------

PROGRAM = """
import os, signal, sys, time
import numpy as np
import srcdiff
from srcdiff.handles.compiling.background import BACKGROUND

def energy(x):
    return np.sum(np.exp(-{factor} * x**2) * np.tanh(x))

x = np.linspace(-1.0, 1.0, 50)
g = srcdiff.grad(energy)
while g(x) is not None and g._latest.tier.state == "NumPy":
    pass
while BACKGROUND._worker is None:
    time.sleep(0.01)
print(BACKGROUND._worker.process.pid, flush=True)
{then}
"""


def ended(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.1)
    return False


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="reads /proc")
@pytest.mark.parametrize(
    ("then", "status"),
    [
        ("", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("sys.exit(3)", 3),
        ("pid = os.fork()\ng(x)\nif pid: os.waitpid(pid, 0)", 0),
    ],
    ids=["ends", "killed", "exits", "forks"],
)
def test_no_worker_outlives_its_process(tmp_path, then: str, status: int) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(factor=1.0 + abs(status), then=then))
    environment = {**os.environ, "SRCDIFF_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert ended(int(done.stdout.split()[0]))
    assert not list((tmp_path / "cache").glob("*.tmp"))
    path.write_text(PROGRAM.format(factor=1.0 + abs(status), then="srcdiff.wait(); g(x)"))
    again = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (again.returncode, again.stderr) == (0, "")
