"""Errors and warnings: what they say, and that they survive pickling and copying."""

import copy
import pickle
import warnings

import pytest

from srcdiff import errors
from srcdiff.errors import (
    CacheWarning,
    DifferentiationError,
    DynamicWarning,
    IndependentWarning,
    RuleError,
    SourceNotFoundError,
    UnsupportedError,
)
from srcdiff.ir.location import Location

PLACE = Location("misfit.py", 14, 8, 16, "misfit", "    y = x[i] % k")
ALL = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]


def test_a_report_has_place_message_line_caret_and_advice():
    error = UnsupportedError(
        "cannot differentiate with respect to an integer array",
        "Pass x.astype(float) instead.",
        PLACE,
    )
    assert str(error) == (
        "misfit.py:14:9 in misfit: cannot differentiate with respect to an integer array\n"
        "    y = x[i] % k\n"
        "        ^^^^^^^^\n"
        "Pass x.astype(float) instead."
    )


def test_the_calls_that_led_there_follow_innermost_first():
    outer = Location("run.py", 3, 0, 7, "", "main(x)")
    inner = Location("run.py", 9, 4, 10, "main", "  t = helper(x)")
    text = str(DifferentiationError("no derivative", location=PLACE, chain=[outer, inner]))
    assert text.splitlines()[3:] == [
        "called at run.py:9:5 in main",
        "    t = helper(x)",
        "      ^^^^^^",
        "called at run.py:3:1",
        "    main(x)",
        "    ^^^^^^^",
    ]


def test_attributes_repeat_the_place():
    error = DifferentiationError("no", "Do.", PLACE)
    assert (error.file, error.line, error.column, error.end_column) == ("misfit.py", 14, 8, 16)
    assert error.source_line == PLACE.source_line
    assert (error.message, error.advice, error.location, error.chain) == ("no", "Do.", PLACE, ())


def test_without_a_place_there_is_only_the_message_and_the_advice():
    error = RuleError("the rule takes 2 inputs, the function 3", "Name all three.")
    assert str(error) == "the rule takes 2 inputs, the function 3\nName all three."
    assert str(RuleError("bad")) == "bad"
    assert error.file is error.line is error.column is error.end_column is error.source_line is None


def test_a_place_without_its_text_is_given_by_its_line():
    location = Location("<stdin>", 1, function="f")
    assert str(SourceNotFoundError("no source", location=location)) == "<stdin>:1 in f: no source"


@pytest.mark.parametrize(
    ("source_line", "span", "column", "carets"),
    [
        ("    σ_β = x", (4, 9), 5, "    ^^^"),  # columns in ast count bytes, people count letters
        ("y = ж + x", (9, 10), 9, "            ^"),
        ("y = '漢字' + x", (15, 16), 12, "                 ^"),  # wide letters take two columns
        ("if a:\tx = b", (10, 11), 11, "         \t    ^"),
        ("y = f(", (4, 0), 5, "        ^"),  # the expression ends on a later line
    ],
)
def test_carets_stand_under_the_expression(source_line, span, column, carets):
    text = str(DifferentiationError("no", location=Location("f.py", 1, *span, "", source_line)))
    assert text.splitlines()[0] == f"f.py:1:{column}: no"
    assert text.splitlines()[2] == carets


@pytest.mark.parametrize("kind", ALL)
def test_reports_pickle_and_copy(kind):
    report = kind("no", "Do.", PLACE, [PLACE])
    report.add_note("seen in a test")
    for again in (pickle.loads(pickle.dumps(report)), copy.copy(report), copy.deepcopy(report)):
        assert type(again) is kind
        assert str(again) == str(report)
        assert again.location == PLACE
        assert again.chain == (PLACE,)
        assert again.__notes__ == ["seen in a test"]


@pytest.mark.parametrize("kind", [UnsupportedError, SourceNotFoundError, RuleError])
def test_every_error_is_a_differentiation_error(kind):
    assert issubclass(kind, DifferentiationError)


@pytest.mark.parametrize("kind", [DynamicWarning, IndependentWarning, CacheWarning])
def test_warnings_are_warnings_and_no_errors(kind):
    assert not issubclass(kind, DifferentiationError)
    with pytest.warns(kind, match="y = x"):
        warnings.warn(kind("slow", location=PLACE), stacklevel=1)
