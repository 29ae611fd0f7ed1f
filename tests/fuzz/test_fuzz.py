"""Random programs in every mode, transformations that must change nothing, and what is known of both."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import Program as CorpusProgram
from corpus_loader import load
from fuzz import check
from fuzz.calls import calls
from fuzz.check import outcome
from fuzz.generate import program
from fuzz.known import KNOWN, REFUSALS, Entry
from fuzz.loop_nests import nest
from fuzz.metamorphic import changed, of_corpus
from fuzz.program import Program
from fuzz.shrink import shrunk
from fuzz.transformations import CHANGES, transformed
from ops.sample_programs import composites, operations

import srcdiff

FAST, MANY = 30, 100  # programs of the ordinary suite, and of one chunk of the wide run


def wrong(seeds: range, compiled: bool = False) -> list[str]:
    found = {s: outcome(program(s), compiled) for s in seeds}
    return [f"seed {s}: {o.reason}" for s, o in found.items() if o.kind == "failed"]


def test_a_seed_is_one_program() -> None:
    assert program(7).text == program(7).text != program(8).text


def test_every_operation_may_be_drawn() -> None:
    drawn = {c.name for c in calls()}
    without = {d.name for d in [*operations(), *composites()]} - drawn
    declared = {d.name: d for d in [*composites(), *operations()]}

    def is_drawable(name: str) -> bool:
        samples = [s for s in declared[name].samples if not s.avoid]
        values = [s.args(np.random.default_rng(0)) for s in samples]
        plain = (float, int, bool, complex, str, np.ndarray, np.generic, type(None))
        return any(all(isinstance(v, plain) and np.size(v) for v in row) for row in values)

    assert not [name for name in without if declared[name].samples and is_drawable(name)]


def test_random_programs_have_one_derivative_in_every_mode() -> None:
    found = wrong(range(FAST))
    assert not found, "\n\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_many_random_programs_have_one_derivative_in_every_mode(chunk: int) -> None:
    found = wrong(range(10_000 + chunk * MANY, 10_000 + (chunk + 1) * MANY))
    assert not found, "\n\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_random_programs_have_one_derivative_compiled(chunk: int) -> None:
    found = wrong(range(30_000 + chunk * 15, 30_000 + (chunk + 1) * 15), compiled=True)
    assert not found, "\n\n".join(found)


def wrong_nests(seeds: range) -> list[str]:
    """Seeds are multiples of six: each nest is tried in its loop form, too."""
    found = {6 * k: outcome(nest(6 * k)) for k in seeds}
    return [f"nest {s}: {o.reason}" for s, o in found.items() if o.kind == "failed"]


def test_random_nests_of_loops_have_one_derivative_in_every_mode() -> None:
    found = wrong_nests(range(60, 70))
    assert not found, "\n\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(3))
def test_many_random_nests_of_loops_have_one_derivative_in_every_mode(chunk: int) -> None:
    found = wrong_nests(range(1000 + chunk * MANY, 1000 + (chunk + 1) * MANY))
    assert not found, "\n\n".join(found)


# ---- transformations --------------------------------------------------------------------------------------


def changes(seeds: range) -> list[str]:
    found = {s: changed(program(s)) for s in seeds}
    return [f"seed {s}: {o.reason}" for s, o in found.items() if o.kind == "failed"]


def test_every_transformation_applies_to_some_program() -> None:
    programs = [program(s) for s in range(60)]
    assert not [name for name in CHANGES if not any(transformed(p, name) for p in programs)]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_transformations_change_no_derivative(chunk: int) -> None:
    found = changes(range(50_000 + chunk * 20, 50_000 + (chunk + 1) * 20))
    assert not found, "\n\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("file", load("programs"), ids=repr)
def test_transformations_change_no_derivative_of_the_corpus(file: CorpusProgram) -> None:
    p = of_corpus(file)
    if p is not None:
        found = changed(p)
        assert found.kind != "failed", found.reason


# ---- what is known, and whether it is noticed ---------------------------------------------------------------


@pytest.mark.parametrize("entry", REFUSALS, ids=lambda e: e.pattern)
def test_what_is_listed_is_refused(entry: Entry) -> None:
    assert outcome(entry.program) == check.Outcome("refused", entry.pattern)


@pytest.mark.parametrize("entry", KNOWN, ids=lambda e: e.pattern)
def test_what_is_known_is_still_found(entry: Entry) -> None:
    p = entry.program
    found = changed(p, entry.change) if entry.change else outcome(p, every=True)
    assert found == check.Outcome("known", entry.pattern)


TEXT = """\
import numpy as np


def f(x, a, k):
    y = np.sin(x) * 2.0
    for i in range(k):
        y[0] = y[1] + np.cosh(y[2]) * 0.1
        a = a * 0.5
    if a > 0.0:
        a = a + 1.0
    return np.sum(y) + a
"""


def wrong_cosh(p: Program) -> str:
    return "wrong" if "np.cosh" in p.text else ""


def test_what_is_found_is_shrunk() -> None:
    p = Program(0, TEXT, (np.array([0.1, 0.2, 0.3]), 0.5, 2))
    small = shrunk(p, wrong_cosh)
    assert len(small.text.splitlines()) <= 6
    assert wrong_cosh(small)


@pytest.mark.parametrize("mode", ["reverse", "forward", "loops", "second order"])
def test_a_wrong_derivative_is_found(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mode in turn returns another number than it should."""
    p = Program(0, TEXT, (np.array([0.1, 0.2, 0.3]), 0.5, 2))
    assert outcome(p, every=True).kind == "ok"
    jvp, slope, as_python = srcdiff.jvp, check.Trial.slope, check.as_python
    if mode == "forward":
        monkeypatch.setattr(srcdiff, "jvp", lambda *a, **k: (0.0, jvp(*a, **k)[1] * 1.0001))
    elif mode == "reverse":
        monkeypatch.setattr(check.Trial, "slope", lambda t, g: slope(t, g) * 1.0001)
    elif mode == "loops":
        monkeypatch.setattr(
            check,
            "as_python",
            lambda fn: lambda *a: (0.0, [d * 1.0001 for d in as_python(fn)(*a)[1]]),
        )
    else:
        hvp = srcdiff.hvp
        monkeypatch.setattr(
            srcdiff, "hvp", lambda *a, **k: lambda *b: [d * 1.001 for d in hvp(*a, **k)(*b)]
        )
    found = outcome(p, every=True)
    assert found.kind == "failed"
    assert found.reason.startswith(mode)
