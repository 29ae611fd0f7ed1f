"""Errors point to the user's code, say what is wrong there, and give advice that has to do with it."""

import linecache
import subprocess
import sys
import types

import numpy as np
import pytest

import srcdiff
from srcdiff.cli import main
from srcdiff.errors import DifferentiationError, SourceNotFoundError, UnsupportedError
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.verify import Problem


def square(x):
    return x * x


@srcdiff.differentiate
def decorated(x):
    return x * x


slope = srcdiff.grad(square)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: srcdiff.make_vjp(square)(x)[0](1.0),
        lambda x: srcdiff.differentiate(square)(x) * x,
    ],
)
def test_what_only_makes_derivatives_outside_is_refused_at_its_line(f):
    with pytest.raises(UnsupportedError, match="is srcdiff's, and cannot be called") as caught:
        srcdiff.grad(f)(2.0)
    assert caught.value.file == __file__ and "g = srcdiff.grad(f)" in caught.value.advice


@pytest.mark.parametrize("f", [lambda x: slope(x) * x, lambda x: decorated.grad(x) * x])
def test_a_derivative_that_is_made_outside_may_be_called(f):
    assert srcdiff.grad(f)(2.0) == 8.0


def second(x, y):
    return np.sum(x)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([1.0, "a"], dtype=object), "an array of dtype object"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "a MaskedArray"),
        ({1, 2}, "a set"),
        (types.SimpleNamespace(a=1), "SimpleNamespace"),
    ],
)
def test_an_argument_is_refused_at_its_parameter(value, message):
    with pytest.raises(UnsupportedError, match=message) as caught:
        srcdiff.grad(second)(np.ones(2), value)
    error = caught.value
    assert error.source_line == "def second(x, y):"
    assert error.source_line[error.column : error.end_column] == "y"


@pytest.mark.parametrize(
    "f",
    [lambda x: np.sum(x, axis=3), lambda x: np.sin(None) * x, lambda x: float(x)],
)
def test_advice_has_to_do_with_the_message(f):
    with pytest.raises(UnsupportedError) as caught:
        srcdiff.grad(f)(np.ones(2))
    assert "shapes" not in caught.value.advice


def test_saving_what_was_never_called(tmp_path):
    for g in (srcdiff.grad(square), decorated.jvp, srcdiff.differentiate(square).vjp):
        with pytest.raises(DifferentiationError, match="was not called yet"):
            g.save(tmp_path / "g.py")


def test_a_missing_source_shows_no_other_exception():
    namespace = {}
    exec("def bare(x):\n    return x * x", namespace)
    bare = namespace["bare"]
    with pytest.raises(SourceNotFoundError) as caught:
        srcdiff.grad(bare)(2.0)
    assert caught.value.__suppress_context__
    with pytest.raises(SourceNotFoundError) as caught:
        srcdiff.grad(lambda x: bare(x))(2.0)
    assert "bare(x)" in caught.value.chain[0].source_line


def test_the_package_is_a_command(tmp_path, capsys):
    run = [sys.executable, "-m", "srcdiff", "--version"]
    text = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert text == f"srcdiff {srcdiff.__version__}\n"
    (tmp_path / "one.py").write_text("def f(x: float):\n    return x * x\n")
    assert main(["save", f"{tmp_path}/one.py:f", "-o", f"{tmp_path}/none/out.py"]) == 2
    assert "there is no folder" in capsys.readouterr().err


def rows_of(x):
    rows = [np.zeros(2) for _ in range(len(x))]
    for i in range(len(x)):
        rows[i][0] = x[i]
    return rows


def test_a_helper_that_fills_arrays_on_a_list_is_distinguished_from_one_that_writes_its_arguments():
    x = np.array([0.5, -1.0, 2.0])
    with pytest.warns(
        srcdiff.DynamicWarning, match="rows_of returns a list of arrays that it"
    ) as caught:
        gradient = srcdiff.grad(lambda x: sum(np.sum(v**2) for v in rows_of(x)))(x)
    assert "np.stack" in str(caught[0].message)
    np.testing.assert_allclose(gradient, 2.0 * x)


def test_a_sum_in_an_array_without_axes_is_refused_with_the_advice_to_start_with_a_number():
    def total(x):
        d = np.zeros(())
        d += x
        return d

    with pytest.raises(UnsupportedError, match="an array of float64 with 0 axes") as caught:
        srcdiff.grad(total)(2.0)
    assert "Start with a number" in caught.value.advice


def test_nesting_beyond_the_recursion_limit_is_an_error_that_says_so():
    text = f"def f(x):\n    return x{' + x' * 900}\n"
    linecache.cache["<nested>"] = (len(text), None, text.splitlines(keepends=True), "<nested>")
    namespace = {}
    exec(compile(text, "<nested>", "exec"), namespace)
    with pytest.raises(UnsupportedError, match="nested too deeply") as caught:
        srcdiff.grad(namespace["f"])(2.0)
    assert (caught.value.file, caught.value.line) == ("<nested>", 1)
    assert "setrecursionlimit" in caught.value.advice


def test_a_program_that_breaks_a_rule_of_ours_is_never_run(monkeypatch):
    monkeypatch.setattr(
        "srcdiff.compile.build.verify", lambda fn: [Problem(None, "%2 is not there", True)]
    )
    with pytest.raises(UnsupportedError, match=r"could be generated \(%2 is not there\)"):
        srcdiff.grad(lambda x: x**2)(1.0)


def test_shapes_that_differ_where_no_line_is_known_are_an_error_of_ours(monkeypatch):
    def fails(*args):
        raise ShapeMismatch("axes of lengths 4 and 2 differ")

    monkeypatch.setattr("srcdiff.compile.build.derive", fails)
    with pytest.raises(UnsupportedError, match="second: axes of lengths 4 and 2 differ"):
        srcdiff.grad(second)(1.0, 2.0)
