"""`jit="auto"`: compiled where types allow, NumPy with a notice elsewhere."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import srcdiff
from srcdiff.compile import build as building
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.ir.core import For
from srcdiff.ir.verify import Problem

X = np.array([0.3, -0.7, 1.1])


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "wait")


def energy(x, k):
    return np.sum(np.exp(-k * x**2))


def sorted_into(x):
    buckets = [[], []]
    for k in range(len(x)):
        buckets[k % 2].append(x[k::2])
    return (buckets[0][0][0] * buckets[1][0][0]) ** 2


def is_compiled(g) -> bool:
    return isinstance(g._latest.run, Compiled)


def test_what_can_be_compiled_is() -> None:
    g = srcdiff.grad(energy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = g(X, 0.5)
    assert is_compiled(g)
    np.testing.assert_allclose(found, srcdiff.grad(energy, jit=False)(X, 0.5), rtol=1e-13)


def test_what_cannot_runs_as_numpy_and_says_so_once() -> None:
    g = srcdiff.grad(sorted_into)
    x = np.array([1.0, 2.0, 3.0])
    with pytest.warns(srcdiff.CompileWarning, match="so it runs as NumPy") as seen:
        np.testing.assert_allclose(g(x), [8.0, 4.0, 0.0])
    assert seen[0].filename == str(Path(__file__))
    assert not is_compiled(g)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g(x)


def test_false_and_the_environment_keep_numpy(monkeypatch) -> None:
    g = srcdiff.grad(energy, jit=False)
    g(X, 0.5)
    assert not is_compiled(g)
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    h = srcdiff.grad(energy)
    h(X, 0.5)
    assert not is_compiled(h)
    forced = srcdiff.grad(energy, jit=True)
    forced(X, 0.5)
    assert is_compiled(forced)


def test_arrays_of_any_layout_are_compiled_once() -> None:
    g = srcdiff.grad(energy)
    g(X, 0.5)
    function = g._latest.run.function
    read_only = X.copy()
    read_only.flags.writeable = False
    swapped = X.astype(X.dtype.newbyteorder())
    odd = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float64)
    for same in (
        read_only,
        X[::-1][::-1],
        np.repeat(X, 2)[::2],
        swapped,
        odd,
        np.asfortranarray(X),
    ):
        np.testing.assert_allclose(g(same, 0.5), g(X, 0.5), rtol=1e-15)
    g(read_only, np.float64(0.5))
    assert len(function.signatures) == 1
    assert not read_only.flags.writeable


def test_a_memory_map_that_is_read_only(tmp_path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    np.testing.assert_allclose(srcdiff.grad(energy)(mapped, 0.5), srcdiff.grad(energy)(X, 0.5))


def test_threads_may_make_the_first_call_together() -> None:
    g = srcdiff.grad(energy)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(g(X, 0.5))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    for f in found:
        np.testing.assert_array_equal(f, found[0])
    assert len(g._latest.run.function.signatures) == 1


def test_an_error_of_the_program_is_no_error_of_the_compiler() -> None:
    g = srcdiff.grad(lambda x, k: x[k] ** 2)
    with pytest.raises(IndexError):
        g(X, 5)
    assert is_compiled(g)
    np.testing.assert_allclose(g(X, -1), [0.0, 0.0, 2.2])


def test_a_loop_form_that_is_not_valid_is_not_compiled(monkeypatch) -> None:
    def loops_are_wrong(fn):
        has_loops = any(isinstance(s, For) for s in fn.body.body)
        return [Problem(None, "%1 is used where it is not", True)] if has_loops else []

    monkeypatch.setattr(building, "verify", loops_are_wrong)
    monkeypatch.setenv("SRCDIFF_CACHE", "off")

    def f(x):
        return np.sum(np.sin(x) ** 2)

    g = srcdiff.grad(f)
    with pytest.warns(srcdiff.CompileWarning, match="a defect of srcdiff"):
        found = g(X)
    assert not is_compiled(g)
    np.testing.assert_allclose(found, np.sin(2.0 * X))
    with pytest.raises(srcdiff.UnsupportedError, match="a defect of srcdiff"):
        srcdiff.grad(f, jit=True)(X)


def test_a_gradient_has_a_vjp() -> None:
    value, back = srcdiff.vjp(srcdiff.grad(energy), X, 0.5, argnums=0)
    np.testing.assert_allclose(value, srcdiff.grad(energy)(X, 0.5))
    np.testing.assert_allclose(back(X), srcdiff.hvp(energy)(X, 0.5, X), rtol=1e-12)
