"""Every program of the corpus, read and printed again: it does the same, and looks as it was written."""

import ast
import inspect

import corpus_loader
import numpy as np
import pytest
from codegen.test_random_programs import unread_names

from srcdiff.codegen.module.load import load
from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.frontend.source.argument_types import lengths_of_argument, type_of_argument
from srcdiff.frontend.trace import trace

PROGRAMS = corpus_loader.load("all")

# programs whose control flow, tuples and loops come back line by line
AS_WRITTEN = [
    "bisection", "break_with_values_after", "break_without_values_after", "cholesky_loops", "heat", "hmm",
    "kepler", "mlp", "piecewise_helper", "rnn_buffer", "several_returns", "sum_of_squares", "swapped_buffers",
    "tuple_swap", "while_on_array_buffer", "while_work_both_sides", "zip_and_enumerate",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))


def read(program, example=0):
    taken, arguments = set(), program.arguments(example)
    names = inspect.signature(program.function).parameters
    types = [type_of_argument(a, k, taken) for k, a in zip(names, arguments, strict=False)]
    lengths = {}
    for type_, argument in zip(types, arguments, strict=True):
        lengths.update(lengths_of_argument(type_, argument))
    return trace(program.function, types, shapes_actual=lengths)


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_a_program_that_is_read_and_printed_does_the_same(program):
    fn = read(program)
    source = to_source(fn)
    printed = load(source, fn.name, bindings_of(fn))
    np.testing.assert_allclose(printed(*program.arguments(0)), program.value(0), rtol=1e-12)
    assert not unread_names(source), source
    assert to_source(read(program)) == source


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_a_program_looks_as_it_was_written(name):
    (program,) = [p for p in PROGRAMS if p.name == name]
    printed = definition(to_source(read(program)), program.function.__name__)
    assert printed == definition(inspect.getsource(program.function), program.function.__name__)


def definition(source, name):
    """A function's statements without its docstring, in one layout."""
    (found,) = [
        s for s in ast.parse(source).body if isinstance(s, ast.FunctionDef) and s.name == name
    ]
    first = found.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del found.body[0]
    return ast.unparse(found)
