"""A call that waits for its code says so on stderr, and a call that does not is silent."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import srcdiff
from srcdiff import vi, waits
from srcdiff.vi import dist

RUN = """
import numpy as np, srcdiff
from srcdiff import waits

waits.AFTER = {after}


def loss(x):
    return np.sum(np.exp(x))


gradient = srcdiff.grad(loss, jit={jit})
print(gradient(np.zeros(2)))
gradient(np.ones(2))
"""


def errors_of(path, environment, **settings):
    path.write_text(RUN.format(**settings))
    done = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1. 1.]\n"
    return done.stderr.splitlines()


@pytest.mark.long
def test_one_line_for_each_wait(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "SRCDIFF_PROGRESS"}
    environment["SRCDIFF_CACHE"] = "off"
    lines = errors_of(tmp_path / "program.py", environment, after=0.0, jit=True)
    assert [line.split(" (")[0] for line in lines] == [
        "srcdiff: generating loss_grad",
        "srcdiff: compiling loss_grad",
    ]
    assert ["jit=False" in line for line in lines] == [False, True]
    assert all("SRCDIFF_PROGRESS=0" in line for line in lines)
    assert errors_of(tmp_path / "program.py", environment, after=30.0, jit=True) == []
    environment["SRCDIFF_PROGRESS"] = "0"
    assert errors_of(tmp_path / "program.py", environment, after=0.0, jit=False) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.delenv("SRCDIFF_PROGRESS", raising=False)
    monkeypatch.setattr(waits, "AFTER", 0.02)

    def use(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return use


def test_a_terminal_shows_the_seconds(stream, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = stream(Terminal())
    with waits.shown("compiling", "f_grad"):
        time.sleep(0.8)
    assert "compiling f_grad, 0 s" in terminal.getvalue()


def test_a_wait_inside_of_another_is_not_shown(stream):
    errors = stream(io.StringIO())
    with waits.shown("compiling", "outer_grad"):
        with waits.shown("compiling", "inner_grad"):
            time.sleep(0.1)
        time.sleep(0.1)
    assert [line.split()[2] for line in errors.getvalue().splitlines()] == ["outer_grad"]


def loss(x):
    return np.sum(np.sin(x))


def model(y):
    mu = vi.sample("mu", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(mu, 1.0), obs=y)


FITTED = vi.fit(model, vi.MeanField, np.ones(3), steps=3, rng=0, progress=False)
LONG = {  # a call that may take long, and its line
    "checking loss": lambda: srcdiff.check_grads(loss, np.ones(2)),
    "drawing from model": lambda: FITTED.bound(10, np.random.default_rng(0)),
    "fitting MeanField": lambda: vi.fit(model, vi.MeanField, np.ones(3), steps=3, rng=0),
}


@pytest.mark.parametrize("line", LONG)
def test_calls_that_may_take_long_say_what_they_do(line, stream, monkeypatch):
    monkeypatch.setattr(waits, "AFTER", 0.0)
    errors = stream(io.StringIO())
    LONG[line]()
    assert errors.getvalue().startswith(f"srcdiff: {line} (")
    assert len(errors.getvalue().splitlines()) == 1


def test_a_closed_stream_is_no_failure(stream):
    errors = stream(io.StringIO())
    errors.close()
    with waits.shown("compiling", "f_grad"):
        time.sleep(0.1)


def test_an_error_ends_the_line(stream):
    stream(io.StringIO())
    with pytest.raises(ZeroDivisionError), waits.shown("compiling", "f_grad"):
        raise ZeroDivisionError
