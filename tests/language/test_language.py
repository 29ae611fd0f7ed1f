"""The programs of this folder, which show each row of the table of the language, in every way that they are run.

Reverse and forward mode are compared with finite differences, for every third program to second order. Compiled
gradients are compared with those that NumPy computes: a few programs in one function here, all of them in the slow
suite.
"""

from __future__ import annotations

import copy
import importlib
import warnings

import numpy as np
import pytest
from corpus_loader import flatten
from language import documented
from language.programs import Program

import srcdiff
from srcdiff.trees import float_positions

MODULES = ["control", "memory", "functions", "structures", "statements", "without_files", "dynamic"]
ROWS = [row for m in MODULES for row in importlib.import_module(f"language.{m}").ROWS]
DYNAMIC = 34
PROGRAMS = [program for row in ROWS for program in row.programs]

pytestmark = [
    pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning"),
    pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def test_each_row_has_programs_enough():
    counts = {row.name: len(row.programs) for row in ROWS}
    assert {name: count for name, count in counts.items() if count < 6} == {}


def test_each_row_is_documented():
    assert {row.name for row in ROWS} == set(documented.rows())


def test_each_program_that_is_not_compiled_says_why():
    assert all(p.jit or p.why for p in PROGRAMS)


def test_few_programs_are_dynamic():
    """What is not marked as dynamic in the table of the language has types; a program more needs a reason."""
    assert sum(p.dynamic for p in PROGRAMS) == DYNAMIC


def is_dynamic(told) -> bool:
    return any(issubclass(w.category, srcdiff.DynamicWarning) for w in told)


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_derivatives_agree_with_finite_differences(program: Program, capsys):
    for k, args in enumerate(program.examples):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", srcdiff.DynamicWarning)
            value, _ = srcdiff.vjp(program.function, *copy.deepcopy(args))
        if not k:
            assert is_dynamic(told) == program.dynamic
        expected = program.function(*copy.deepcopy(args))
        np.testing.assert_allclose(flatten(value), flatten(expected), rtol=1e-12)
        srcdiff.check_grads(program.function, *copy.deepcopy(args), order=program.order)


def _value_and_grad(program, args, jit):
    wrt = tuple(float_positions(args))
    g = srcdiff.value_and_grad(program.function, argnums=wrt, jit=jit, on_independent="ignore")
    return g(*copy.deepcopy(args))


def _check_compiled(program, args):
    found = _value_and_grad(program, args, jit=True)
    expected = _value_and_grad(program, args, jit=False)
    value = program.function(*copy.deepcopy(args))
    np.testing.assert_allclose(flatten(expected[0]), flatten(value), rtol=1e-12)
    np.testing.assert_allclose(flatten(found), flatten(expected), rtol=1e-9, atol=1e-9)


FEW = {
    "tree_sum",
    "attributes_that_change",
    "best_argument_starts_as_none",
    "except_what_is_raised",
    "nonlocal_counter",
}


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.function.__name__ in FEW], ids=repr)
def test_a_few_compiled_gradients(program: Program):
    _check_compiled(program, program.examples[0])


@pytest.mark.slow
@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.jit], ids=repr)
def test_compiled_gradients_are_those_of_numpy(program: Program, capsys):
    for args in program.examples:
        _check_compiled(program, args)


@pytest.mark.slow
@pytest.mark.parametrize("program", [p for p in PROGRAMS if not p.dynamic], ids=repr)
def test_the_ir_is_valid_after_each_pass(program: Program, capsys, monkeypatch):
    monkeypatch.setenv("SRCDIFF_VERIFY", "1")
    args = program.examples[0]
    wrt = tuple(float_positions(args))
    srcdiff.grad(program.function, argnums=wrt, on_independent="ignore").stages(*args)
