"""Messages of `logging` and readings of clocks stay in the forward part, as `print` does."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pytest

import srcdiff

log = logging.getLogger("tests.messages")
CLOCKS = (time.time, time.perf_counter, time.process_time, time.monotonic)


def logged(x):
    log.info("x starts with %s", x[0])
    logging.error("the sum is %.1f", np.sum(x))
    for k in range(2):
        log.debug("%d: %s", k, x[k])
    return np.sum(x**2)


@pytest.mark.parametrize("derivative", [srcdiff.grad, srcdiff.value_and_grad])
def test_messages_are_written_once_in_the_order_of_the_program(
    derivative: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    x = np.array([1.0, 3.0])
    logged(x)
    expected = caplog.messages[:]
    caplog.clear()
    derivative(logged, jit=False)(x)
    assert (
        caplog.messages == expected == ["x starts with 1.0", "the sum is 4.0", "0: 1.0", "1: 3.0"]
    )
    np.testing.assert_allclose(srcdiff.grad(logged, jit=False)(x), 2 * x)


def test_saved_modules_import_what_they_log_with(tmp_path: Any) -> None:
    path = srcdiff.grad(logged, jit=False).save(tmp_path / "saved.py", np.ones(2))
    assert path.read_text().count("import logging") == 1


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_is_read_where_the_program_reads_it_and_has_no_derivative(clock: Any) -> None:
    def timed(x):
        start = clock()
        total = np.sum(x**2)
        elapsed = clock() - start
        return total * (2.0 if elapsed >= 0.0 else 0.0) + 0.0 * elapsed

    g = srcdiff.grad(timed, jit=False)
    np.testing.assert_allclose(g(np.ones(3)), 4.0)
    text = g.source_for(np.ones(3))
    assert text.count(f"time.{clock.__name__}()") == 2 and "import time" in text


def test_saved_loops_read_clocks_and_print_by_themselves(tmp_path: Any, capsys: Any) -> None:
    def timed(x):
        start = [clock() for clock in CLOCKS]
        print("sum", np.sum(x))
        return np.sum(x**2) + 0.0 * (time.perf_counter() - start[1])

    g = srcdiff.grad(timed, jit=False)
    path = g.save(tmp_path / "saved.py", np.ones(2), form="loops")
    saved: dict[str, Any] = {}
    exec(path.read_text(), saved)
    np.testing.assert_allclose(saved["timed_grad"](np.ones(2)), 2.0)
    assert "sum 2.0" in capsys.readouterr().out
    lines = path.read_text().splitlines()
    assert "srcdiff." not in path.read_text() and lines.count("import time") == 1


def printed(x):
    n = 10
    print("x", x, f"{x[0]!s:>{n}}|{np.sum(x):.3e}|{{}}", sep="-")
    print("%.2f" % x[1], "{:5.1f}".format(x[0]), f"{n}: {np.sum(x)}")  # noqa: UP031, UP032
    return np.sum(x**2)


def test_compiled_code_writes_the_messages_of_the_function(capsys: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, log.name)
    x = np.array([1.0, 3.0])
    for f in (printed, logged):
        f(x)
        expected = *capsys.readouterr(), caplog.messages[:]
        caplog.clear()
        np.testing.assert_allclose(srcdiff.grad(f, jit=True)(x), 2 * x)
        assert (*capsys.readouterr(), caplog.messages) == expected
        caplog.clear()


@pytest.mark.parametrize("clock", CLOCKS)
def test_compiled_code_reads_clocks(clock: Any) -> None:
    def timed(x):
        start = clock()
        print(len(x))
        return np.sum(x**2) + start

    value, gradient = srcdiff.value_and_grad(timed, jit=True)(np.ones(2))
    np.testing.assert_allclose(gradient, 2.0)
    assert abs(value - 2.0 - clock()) < 60.0
