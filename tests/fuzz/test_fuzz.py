"""Random programs against finite differences: reverse mode with each choice of residuals, and forward mode.

A seed is one program. A program that raises, or that is refused with an error at its line, is left out; the tests count that
there are few of these.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
from fuzz import constructs, copies, endings, generate, lists, stencils, subscripts, tables, writes
from fuzz.compare import Arguments, flat, function_of, generated, problems
from loop_forms import as_python, loop_form

from srcdiff.transforms.nests import NoLoopForm

FAST = 20
FEW = {"constructs": 9, "writes": 6}  # programs that take longer to read
CHUNKS = 12
PER_CHUNK = 40  # 3,960 programs in all: half an hour, so that they are run


GRAMMARS = {
    "arrays": generate,
    "lists": lists,
    "constructs": constructs,
    "copies": copies,
    "endings": endings,
    "stencils": stencils,
    "subscripts": subscripts,
    "writes": writes,
}
SECOND = {
    "copies": 4,
    "endings": 10,
    "stencils": 10,
    "subscripts": 5,
}  # one of so many seeds is checked in second order too


def runs(text: str, args: Arguments) -> bool:
    """Whether the program itself runs, with results of a reasonable size, and divides by no zero on the way."""
    try:
        with np.errstate(all="ignore", divide="raise", invalid="raise"):
            return bool(abs(function_of(text)(*args)) < 1e4)
    except (ValueError, FloatingPointError, IndexError, TypeError):
        return False


def outcome(grammar: str, seed: int) -> str:
    """ "ok", "left out", "refused", or what is wrong."""
    text, args = GRAMMARS[grammar].program(seed), GRAMMARS[grammar].arguments(seed)
    if not runs(text, args):
        return "left out"
    second = grammar in SECOND and seed % SECOND[grammar] == 0
    found = problems(function_of(text), args, second=second)
    if not found:
        return "ok"
    return "refused" if found[0].startswith("refused") else f"seed {seed}: {found[0]}"


def check(grammar: str, seeds: range) -> None:
    outcomes = [outcome(grammar, seed) for seed in seeds]
    wrong = [o for o in outcomes if o not in ("ok", "left out", "refused")]
    assert not wrong, "\n".join(wrong)
    ran = len(outcomes) - outcomes.count("left out")  # what a program raises by itself is not ours
    assert ran > 0.5 * len(outcomes)  # some 0.7; 25 of 40 were seen
    most = 0.35 if grammar == "writes" else 0.15  # programs without types do not write in all ways
    assert outcomes.count("refused") <= most * ran


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_seed_is_one_program(grammar: str) -> None:
    program = GRAMMARS[grammar].program
    assert program(7) == program(7)
    assert program(7) != program(8)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_random_programs_have_the_derivatives_that_differences_show(grammar: str) -> None:
    check(grammar, range(FEW.get(grammar, FAST)))


def loops_differ(seed: int) -> str:
    """What is wrong with the loop form of a program of subscripts."""
    text, args = subscripts.program(seed), subscripts.arguments(seed)
    if not runs(text, args):
        return "left out"
    g = generated(function_of(text), (0, 1))
    try:
        run = as_python(loop_form(g, args))
    except NoLoopForm:
        return "left out"
    found, expected = run(*copy.deepcopy(args)), g(*copy.deepcopy(args))
    is_same = np.allclose(flat(found), flat(expected), rtol=1e-10, atol=1e-12)
    return "ok" if is_same else f"seed {seed}"


def test_subscripts_as_loops_give_what_arrays_give() -> None:
    outcomes = [loops_differ(seed) for seed in range(FAST)]
    assert not [o for o in outcomes if o not in ("ok", "left out")]
    assert outcomes.count("ok") > FAST // 2


def check_tables(seeds: range) -> None:
    found = {s: problems(function_of(tables.program(s)), tables.arguments(s)) for s in seeds}
    wrong = [f"seed {s}: {p[0]}" for s, p in found.items() if p and not p[0].startswith("refused")]
    assert not wrong, "\n".join(wrong)
    assert sum(map(bool, found.values())) <= 0.15 * len(seeds)


def test_slices_that_run_with_loops_have_the_derivatives_that_differences_show() -> None:
    check_tables(range(FAST))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS // 4))
def test_many_slices_have_the_derivatives_that_differences_show(chunk: int) -> None:
    first = 1000 + chunk * PER_CHUNK
    check_tables(range(first, first + PER_CHUNK))


@pytest.mark.slow
@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_random_programs_have_the_derivatives_that_differences_show(
    grammar: str, chunk: int
) -> None:
    first = 10_000 + chunk * PER_CHUNK
    check(grammar, range(first, first + PER_CHUNK))
