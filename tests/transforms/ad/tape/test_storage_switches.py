"""Each analysis of storage can be switched off: other residuals are stored then, and results stay the same."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import Program, load
from fuzz.compare import flat
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.compile.derivations import steps
from srcdiff.compile.derive import derive
from srcdiff.handles.compiling.jit import plain
from srcdiff.transforms.ad.tape.decide import ANALYSES
from srcdiff.transforms.passes import Recorder

RNG = np.random.default_rng(0)


def folded(x, y):
    for i in range(len(x)):
        shifted = y - x[i]
        y = y * np.abs(shifted) + shifted**2
    return np.sum(y)


def forgetful(x, a):
    s = 0.0
    for i in range(len(x)):
        s = a * s + x[i]
    return s


def iterated(x, w):
    total = 0.0
    for i in range(len(x)):
        z = x[i]
        for j in range(len(w)):
            z = np.tanh(w[j] * z)
        total += z**2
    return total


SHOWS = {
    "minimum cut": (folded, (RNG.normal(size=5), np.ones(3)), "store[where='i'] %all_shifted"),
    "to be recorded": (forgetful, (RNG.normal(size=5), 0.5), "store[where='i'] %"),
    "inner loops": (iterated, (RNG.normal(size=5), RNG.normal(size=3)), "float64[x0, w0] = empty"),
}


@pytest.mark.parametrize("analysis", ANALYSES)
def test_each_analysis_saves_storage(analysis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, args, kept = SHOWS[analysis]
    on = decided(f, args)
    monkeypatch.setattr(steps, "WITHOUT", frozenset({analysis}))
    off = decided(f, args)
    assert kept in off, off
    assert kept not in on, on


def decided(f, args) -> str:
    """The loop form after storage is decided, before unused storage is removed."""
    g = srcdiff.value_and_grad(f)
    recorder = Recorder(keep_text=True)
    derive(g.derived, g.signature.bind(args, {}, frozenset()), recorder, machine=True)
    return recorder.stages["residuals"]


@pytest.mark.parametrize("analysis", [*ANALYSES, "all"])
@pytest.mark.parametrize("program", load("all")[::67], ids=repr)
def test_some_programs_do_without(program: Program, analysis: str, monkeypatch) -> None:
    compare(program, analysis, monkeypatch)


# each program without any analysis, and without one of them
PAIRS = [
    (p, analysis)
    for k, p in enumerate(load("all"))
    for analysis in ("all", [*ANALYSES][k % len(ANALYSES)])
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "analysis"), PAIRS, ids=lambda v: v if isinstance(v, str) else repr(v)
)
def test_all_programs_do_without(program: Program, analysis: str, monkeypatch) -> None:
    compare(program, analysis, monkeypatch)


def compare(program: Program, analysis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop form with and without an analysis, to the last digits."""
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    for example in range(len(program.examples)):
        with np.errstate(all="ignore"):
            value, gradient = run(g, program, example)
            with monkeypatch.context() as patched:
                off = set(ANALYSES) if analysis == "all" else {analysis}
                patched.setattr(steps, "WITHOUT", frozenset(off))
                found, d_found = run(g, program, example)
        np.testing.assert_allclose(found, value, rtol=1e-13)
        expected = flat(gradient)
        scale = float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0))
        np.testing.assert_allclose(flat(d_found), expected, rtol=1e-12, atol=1e-13 * scale)


def run(g, program: Program, example: int):
    given = g.signature.bind(program.arguments(example), {}, frozenset())
    loops = as_python(loop_form(g, program.arguments(example)))
    return loops(*map(plain, given.values, given.types))
