"""Wrong and unusual arguments after a first call with good ones: what compiled gradients return or raise then."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pytest
from corpus_loader import Program as CorpusProgram
from corpus_loader import load
from fuzz import checked_runs
from fuzz.arguments import at_the_end_of_memory, error_difference, in_a_process, problems, unusual
from fuzz.compare import function_of
from fuzz.generate import program

from srcdiff.handles.compiling.jit import Compiled

SHORT = 20  # in place of arrays of 100,000, where Python runs the loops


def by_python(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    def work() -> Iterator[str]:
        Compiled.compile_for = checked_runs.run_by_python
        yield from problems(f, args, SHORT)

    return in_a_process(work)


def checked_by_numba(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    def work() -> Iterator[str]:
        numba.core.config.BOUNDSCHECK = 1
        Compiled.compile_for = checked_runs.run_checked_by_numba
        yield from problems(f, args, SHORT)

    return in_a_process(work)


def as_machine_code(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    return in_a_process(lambda: problems(f, args))


def reshaped(x, n):
    y = (x * 2.0).reshape(n // 2, len(x) // (n // 2))
    return np.sum(y[:, 0] ** 2) + np.sum(y[0])


def gathered(x, w, rows):
    return np.sum(np.sin(x[rows]) * w)


def layers(ws, x):
    for w in ws:
        x = np.tanh(w @ x)
    return np.sum(x**2)


X, W = np.array([0.4, -0.7, 0.9, 0.1]), np.linspace(-1.0, 1.0, 16).reshape(4, 4)
PROGRAMS = [
    (reshaped, (X, 4)),
    (gathered, (X, X[:2], np.array([1, 3]))),
    (layers, ([W, W.T.copy()], X)),
]


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda v: getattr(v, "__name__", ""))
def test_unusual_arguments_of_loops(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    assert not by_python(f, args)


@pytest.mark.long
def test_unusual_arguments_of_machine_code() -> None:
    assert not as_machine_code(*PROGRAMS[0])


@pytest.mark.slow
@pytest.mark.parametrize("file", load("programs"), ids=repr)
def test_unusual_arguments_of_the_corpus(file: CorpusProgram) -> None:
    assert not by_python(file.function, file.arguments(0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "file"),
    [*zip(itertools.cycle([checked_by_numba, as_machine_code]), load("programs"), strict=False)],
    ids=lambda v: getattr(v, "__name__", repr(v)),
)
def test_unusual_arguments_of_the_compiled_corpus(
    run: Callable[..., Any], file: CorpusProgram
) -> None:
    """Compiling takes most of the time, so each program has one of the two checks."""
    assert not run(file.function, file.arguments(0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80_000, 80_100))
def test_unusual_arguments_of_random_programs(seed: int) -> None:
    p = program(seed)
    assert not by_python(function_of(p.text, p.name), p.args)


# ---- what the checks themselves find --------------------------------------------------------------------------


LAYOUTS = {
    "plain": np.arange(3.0),
    "strided": np.arange(6.0)[1::2] // 2,
    "reversed strides": np.arange(3.0)[::-1].copy()[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_read_past_the_end_of_an_array_ends_the_process(layout: str) -> None:
    @numba.njit
    def read(a: np.ndarray, n: int) -> float:
        return a[n]

    def work() -> Iterator[str]:
        a = at_the_end_of_memory(LAYOUTS[layout])
        assert a.strides == LAYOUTS[layout].strides
        before, past = (3, -4) if a.strides[0] < 0 else (-4, 3)  # -4: one before the start
        yield from (f"{read(a, k)}" for k in (0, 2, before, past))

    assert in_a_process(work) == ["0.0", "2.0", "nan", "the process ended by signal 11"]


def test_a_result_where_the_function_raises_is_found(monkeypatch) -> None:
    def f(x, w):
        return np.sum(x * w)

    def lenient(x, w):
        n = min(len(x), len(w))
        return np.sum(x[:n] * w[:n])

    value, gradient = lenient(X, X), (X, X)
    monkeypatch.setattr("srcdiff.value_and_grad", lambda *_, **__: lambda *_: (value, gradient))
    found = list(problems(f, (X, X), SHORT))
    assert any("NumPy raises ValueError" in problem for problem in found)


def test_exceptions_are_compared_by_class_and_numbers() -> None:
    raised = ValueError("operands could not be broadcast together with shapes (3,) (4,)")
    assert not error_difference(raised, ValueError("axes of lengths 3 and 4 differ"))
    for other in (ValueError("axes differ"), IndexError("lengths 3 and 4"), (1.0, ())):
        assert error_difference(raised, other)


def test_each_argument_is_changed_alone() -> None:
    args = (X, 2, [W])
    for call in unusual(args, SHORT):
        k = int(call.what.split()[1].rstrip(":"))
        others = [j for j in range(3) if j != k]
        assert all(np.array_equal(call.args[j], args[j]) for j in others)
