"""Every program of the corpus, compiled, gives what its text gives in NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load
from fuzz.compare import flat

import srcdiff

PROGRAMS = load("all")
FEW = ("integer_bookkeeping", "powers", "hmm", "lists_of_lists")
OPTIONS: dict[str, dict[str, Any]] = {
    "in order": {"fastmath": False},
    "vectors": {},
    "threads": {"parallel": True},
    "threads in order": {"fastmath": False, "parallel": 2},
}


def check(program: Program, how: str) -> None:
    """To 1e-12 of the largest number, and to 1e-14 without `fastmath`."""
    compiled, by_numpy = (
        srcdiff.value_and_grad(
            program.function, argnums=program.wrt, on_independent="ignore", **options
        )
        for options in ({"jit": True, **OPTIONS[how]}, {"jit": False})
    )
    tolerance = 1e-14 if OPTIONS[how].get("fastmath") is False else 1e-12
    for example in range(len(program.examples)):
        with np.errstate(all="ignore"):
            value, gradient = by_numpy(*program.arguments(example))
            found, d_found = compiled(*program.arguments(example))
        expected = np.append(flat(gradient), value)
        scale = float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0))
        np.testing.assert_allclose(
            np.append(flat(d_found), found), expected, rtol=0.0, atol=tolerance * scale
        )


@pytest.mark.long
@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.name in FEW], ids=repr)
def test_some_programs_are_the_same_compiled(program: Program) -> None:
    check(program, "in order")


def label(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


# each program in one of the four ways: compiling takes most of the time
PAIRS = [*zip(PROGRAMS, itertools.cycle(OPTIONS), strict=False)]


@pytest.mark.slow
@pytest.mark.parametrize(("program", "how"), PAIRS, ids=label)
def test_all_programs_are_the_same_compiled(program: Program, how: str) -> None:
    check(program, how)
