"""Texts of solvers: those parts of the result that are used, by name or by place."""

import itertools
import operator
from types import SimpleNamespace

import pytest

from srcdiff.ops.control.solvers import text_of

RESULTS = {
    (".x", ".success"): SimpleNamespace(x=2.0, success=True, message="found"),
    (".t", ".y", ".success"): SimpleNamespace(t=0.5, y=2.0, success=True),
    ("[0]", "[1]"): (2.0, 1e-9),
    ("",): 2.0,
}


@pytest.mark.parametrize("parts", RESULTS)
def test_the_text_gives_the_parts_that_are_used(parts):
    result = RESULTS[parts]
    op = SimpleNamespace(attrs={"text": "solver(f)", "applied": (), "parts": parts})
    names = {"operator": operator, "solver": lambda f: result, "f": None, "result": result}
    every = [eval(f"result{p}", names) for p in parts]
    counts = range(1, len(parts) + 1)
    for needed in itertools.chain(*(itertools.combinations(range(len(parts)), k) for k in counts)):
        found = eval(text_of(op, {}, needed), names)
        wanted = [every[k] for k in needed]
        assert found == (wanted[0] if len(wanted) == 1 else tuple(wanted))
