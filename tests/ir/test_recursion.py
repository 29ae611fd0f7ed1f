"""Functions that call themselves, in the IR."""

import pytest

import srcdiff.ops  # noqa: F401
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Call, walk
from srcdiff.ir.recursion import calls_of_itself, is_itself, is_recursive, opened, tied
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.types import FLOAT, Dim, Scalar
from srcdiff.ir.verify import verify
from srcdiff.ops.core.registry import OPERATIONS


def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)


def caller(x, n):
    return power(x, n) + x


@pytest.fixture
def helper():
    types = [FLOAT, Scalar("int64", True, Dim.of("n"))]
    fn = trace(caller, types, shapes_actual={"n": 3})
    (call,) = [s for s in walk(fn.body) if isinstance(s, Call)]
    return call.function


def test_a_function_names_a_stand_in_for_itself(helper):
    assert is_recursive(helper) and not is_itself(helper)
    (call,) = calls_of_itself(helper)
    assert is_itself(call.function)
    assert call.function.params == helper.params
    assert verify(helper) == []


def test_the_text_reads_back(helper):
    text = to_text(helper)
    assert "call itself" in text
    again = parse(text, OPERATIONS)
    assert is_recursive(again) and verify(again) == []
    assert to_text(again) == text


def test_it_is_evaluated(helper):
    assert evaluate(helper, 1.5, 3) == 1.5**3
    assert evaluate(opened(helper), 1.5, 3) == 1.5**3


def test_opened_has_calls_of_the_whole_function(helper):
    outer = opened(helper)
    assert not is_recursive(outer)
    (call,) = [s for s in walk(outer.body) if isinstance(s, Call)]
    assert call.function is helper


def test_tied_brings_stand_ins_up_to_date(helper):
    fewer = helper.with_body(
        helper.body.__class__(helper.params[:1], helper.body.body, helper.body.yields)
    )
    (call,) = calls_of_itself(tied(fewer))
    assert call.function.params == helper.params[:1]


def test_the_verifier_compares_calls_of_itself_with_the_function(helper):
    fewer = helper.with_body(
        helper.body.__class__(helper.params[:1], helper.body.body, helper.body.yields)
    )
    assert any("operands, but" in p.message for p in verify(fewer))
