"""The loop form of every corpus program, run by Python, against the array form."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import Program, load
from fuzz.compare import flat
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.handles.compiling.jit import plain


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_loops_agree_with_arrays(program: Program) -> None:
    compare(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_loops_for_any_lengths_agree_with_arrays(program: Program) -> None:
    compare(program, any_lengths=True)


@pytest.mark.parametrize("residuals", ["store", "recompute"])
@pytest.mark.parametrize("program", load("all")[::48], ids=repr)
def test_what_loops_keep_changes_no_result(program: Program, residuals: str) -> None:
    """Both fixed policies: store each value that costs something, or nothing that can be computed again."""
    compare(program, residuals=residuals)


@pytest.mark.slow
@pytest.mark.parametrize("residuals", ["store", "recompute"])
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_what_loops_keep_changes_no_result_of_any_program(program: Program, residuals: str) -> None:
    compare(program, residuals=residuals)


def compare(program: Program, any_lengths: bool = False, residuals: str = "auto") -> None:
    g = srcdiff.value_and_grad(
        program.function, argnums=program.wrt, on_independent="ignore", residuals=residuals
    )
    for example in range(len(program.examples)):
        given = g.signature.bind(program.arguments(example), {}, frozenset())
        args = map(plain, given.values, given.types)
        fn = loop_form(g, program.arguments(example), any_lengths=any_lengths)
        assert all(dim.symbols() <= {*given.lengths} for dim, _ in fn.lengths.less_than)
        loops = as_python(fn)
        with np.errstate(all="ignore"):
            value, gradient = g(*program.arguments(example))
            found, d_found = loops(*args)
        np.testing.assert_allclose(found, value, rtol=1e-11, atol=1e-12)
        expected = flat(gradient)
        scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
        np.testing.assert_allclose(flat(d_found), expected, rtol=1e-10, atol=1e-11 * scale)
