"""Each refusal fires, at the right place, and says what to do."""

import re

import numpy as np
import pytest
from frontend.refused import CASES
from frontend.test_trace import traced

import srcdiff
from srcdiff.errors import UnsupportedError


@pytest.mark.parametrize(
    ("function", "args", "message", "caret"), CASES, ids=[c[0].__name__ for c in CASES]
)
def test_what_is_refused_says_where_and_why(function, args, message, caret):
    with pytest.raises(UnsupportedError) as caught:
        traced(function, *args)
    error = caught.value
    assert message in error.message
    assert error.file == __file__.replace("test_subset", "refused")
    marked = error.source_line.encode()[error.column : error.end_column].decode()
    assert caret.startswith(marked) or marked.startswith(caret)
    assert message in str(error) and "^" in str(error)


@pytest.mark.parametrize(
    ("function", "args", "message", "caret"), CASES, ids=[c[0].__name__ for c in CASES]
)
def test_what_is_refused_says_what_to_do_instead(function, args, message, caret):
    with pytest.raises(UnsupportedError) as caught:
        traced(function, *args)
    advice = caught.value.advice
    assert not advice or advice.endswith(".")


@pytest.mark.parametrize(
    ("x", "function", "message", "advice"),
    [
        (
            [1, 2, 3],
            lambda x: sum(x**2),
            "does not take a list and 2",
            "np.array(...), for the list",
        ),
        ((1.0, 2.0), lambda x: sum(x * 2.0), "does not take a tuple and 2.0", "for the tuple"),
        ({"a": 1.0}, lambda x: x * 2.0, "does not take a dict and 2.0", "by their keys"),
        (np.ones(3), lambda x: sum(x * np.sin), "take an array and `sin`", "Call the function"),
        (np.ones(3), lambda x: sum(range(3) * x), "take a range", "np.arange(...)"),
        (np.ones(3), lambda x: sum(x * "a"), "take an array and 'a'", "Use numbers or arrays"),
    ],
)
def test_operators_say_which_operand_is_no_array(x, function, message, advice):
    with pytest.raises(UnsupportedError, match=re.escape(message)) as caught:
        srcdiff.grad(function)(x)
    assert advice in caught.value.advice


def _inner(x):
    return no_such_name(x)  # noqa: F821


def _outer(x):
    return _inner(x) * 2.0


def test_an_error_in_a_helper_shows_the_calls_that_led_there():
    with pytest.raises(UnsupportedError) as caught:
        traced(lambda x: _outer(x) + 1.0, 1.0)
    lines = [call.source_line.strip() for call in caught.value.chain]
    assert lines == ["traced(lambda x: _outer(x) + 1.0, 1.0)", "return _inner(x) * 2.0"]
