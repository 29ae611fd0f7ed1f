"""The programs of this folder, which show each row of the table of the language, in every way that they are run.

Reverse and forward mode are compared with finite differences, for every third program to second order. Compiled
gradients are compared with those that NumPy computes: a few programs in one function here, all of them in the slow
suite.
"""

from __future__ import annotations

import copy
import dis
import importlib
import inspect
import warnings

import numpy as np
import pytest
from corpus_loader import flatten
from language import documented
from language.programs import Program

import srcdiff
from srcdiff.compile.arguments.pytree import float_positions

MODULES = ["control", "memory", "functions", "structures", "statements", "without_files", "dynamic"]
ROWS = [row for m in MODULES for row in importlib.import_module(f"language.{m}").ROWS]
DYNAMIC = 37
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


# the rows of the specification, each with the rows here that show it
SPECIFIED = {
    "for over range, arrays, zip, enumerate, reversed, lists, tuples, dict items": ["for"],
    "while, while True, data-dependent trip counts": ["while"],
    "break, continue, for ... else, return from anywhere": ["exits"],
    "if, ternary, and / or / not as values, chained comparisons, in, walrus, match": ["branches", "match"],
    "reassigned, swapped, shadowed and deleted names; a name that changes type": ["names"],
    "augmented assignment": ["augmented"],
    "x[i] = v, slices, steps, negative and None indices, integer and boolean arrays": ["writes"],
    "views and aliases": ["views"],
    "buffers": ["buffers"],
    "nested functions, closures, lambdas, defaults, partial, reduce, map, sorted by key": ["nested functions"],
    "functions passed as arguments, returned, kept in tuples; decorators": ["functions as values"],
    "recursion, mutual recursion": ["recursion"],
    "tuples, named tuples, lists, dicts, dataclasses, comprehensions": ["containers", "comprehensions"],
    "classes": ["classes"],
    "lists of different functions, dicts with computed keys, generators, monads": [
        "dynamic functions", "generators", "dynamic structures",
    ],
    "assert, print, raise, with, try / finally, imports, strings as flags": [
        "effects", "exceptions of operations", "texts",
    ],
    "math, cmath, operator, int, float, bool, abs, round, divmod, pow, //, %, **, @": ["numbers"],
    "methods and attributes of arrays": ["methods"],
    "functions defined in a REPL, a notebook cell, by exec; without source": ["without a file"],
}  # fmt: skip


def test_each_row_of_the_specification_is_shown_in_both_orders():
    rows = {row.name: row for row in ROWS}
    assert {name for names in SPECIFIED.values() for name in names} == {*rows}
    for names in SPECIFIED.values():
        programs = [p for name in names for p in rows[name].programs]
        assert sum(p.order == 2 for p in programs) * 3 >= len(programs) >= 6


def test_programs_of_a_row_differ():
    """No two are of the same statements under other names."""
    for row in ROWS:
        texts = [_without_names(p.function) for p in row.programs]
        assert len({*texts}) == len(texts), row.name


def _without_names(function):
    code = inspect.unwrap(function).__code__
    return tuple(
        (i.opname, i.argrepr if i.opname != "LOAD_FAST" else "") for i in dis.get_instructions(code)
    )


def test_each_program_that_is_not_compiled_says_why():
    assert all(p.jit or p.why for p in PROGRAMS)


def test_few_programs_are_dynamic():
    """What is not marked as dynamic in the table of the language has types; a program more needs a reason."""
    assert sum(p.dynamic for p in PROGRAMS) == DYNAMIC


def is_dynamic(caught) -> bool:
    return any(issubclass(w.category, srcdiff.DynamicWarning) for w in caught)


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_derivatives_agree_with_finite_differences(program: Program, capsys):
    for k, args in enumerate(program.examples):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", srcdiff.DynamicWarning)
            value, _ = srcdiff.vjp(program.function, *copy.deepcopy(args))
        if not k:
            assert is_dynamic(caught) == program.dynamic
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
