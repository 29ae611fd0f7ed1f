"""Recognition of maxima: all comparisons that select, in expressions and in branches, and branches for -inf."""

import itertools
import math

import pytest
from transforms.passes import changed, program

from srcdiff.ir.core import Op, walk
from srcdiff.ir.values import const
from srcdiff.transforms.semiring.normalise.recognise_max import with_maxima

COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
POINTS = [*itertools.product((-math.inf, 0.0, 1.5), repeat=2)]
SELECTIONS = {
    "expression": """
        def f(%a: {kind}, %b: {kind}, %d: bool) -> tuple(0: 0, 1: 1) {{
          %l: {kind} = for 0, 1, 1 with %a {{
            (%k: int64{{k}}, %n: {kind}) ->
            %c: bool = {test} {left}, {right}
            %m: {kind} = where %c, {x}, {y}
            yield %m
          }}
          %o: {kind} = where %d, %a, %b
          yield %l, %o
        }}""",
    "branch": """
        def f(%a: {kind}, %b: {kind}, %d: bool) -> tuple(0: 0, 1: 1) {{
          %c: bool = {test} {left}, {right}
          %m: {kind}, %s: {kind} = if %c {{
            %t: {kind} = add %a, %b
            yield {x}, %t
          }} else {{
            yield {y}, 0.0
          }}
          yield %m, %s
        }}""",
}
IS_NOTHING = """
    def f(%a: float64!, %b: float64!) -> 0 {{
      %c: bool = {test} {left}, {right}
      %m: float64! = if %c {{
        yield %a
      }} else {{
        yield %a
      }}
      yield %m
    }}"""


def maxima(fn):
    return [s for s in walk(fn.body) if isinstance(s, Op) and s.decl.name == "maximum"]


@pytest.mark.parametrize("form", SELECTIONS)
@pytest.mark.parametrize("test", COMPARISONS)
def test_what_selects_the_larger_number_is_a_maximum_and_nothing_else_is(test, form):
    for left, right, x, y in itertools.product(("%a", "%b"), repeat=4):
        text = SELECTIONS[form].format(kind="float64!", test=test, left=left, right=right, x=x, y=y)
        fn = program(text)
        for point in POINTS:
            new = changed(with_maxima, fn, *point, True)
        larger = {"greater": (left, right), "less": (right, left)}.get(test.removesuffix("_equal"))
        assert len(maxima(new)) == ((x, y) == larger), text


@pytest.mark.parametrize("test", COMPARISONS)
def test_a_branch_for_minus_infinity_has_the_number_itself(test):
    for left, right in (
        ("%a", "-inf"),
        ("-inf", "%a"),
        ("%a", "%b"),
        ("%a", "inf"),
        ("%a", "0.0"),
        ("0.0", "-inf"),
    ):
        fn = program(IS_NOTHING.format(test=test, left=left, right=right))
        for point in POINTS:
            new = changed(with_maxima, fn, *point)
        branch = new.body.body[-1]
        found = [r.yields == (const(-math.inf),) for r in (branch.then, branch.orelse)]
        is_nothing = {"equal": [True, False], "less_equal": [True, False]}
        is_nothing |= {"not_equal": [False, True], "greater": [False, True]}
        expected = is_nothing.get(test, [False, False])
        assert found == (expected if (left, right) == ("%a", "-inf") else [False, False])


def test_equal_sums_of_exponentials_are_one_operation():
    fn = program("""
        def f(%x: float64[n], %z: float64[n, m]) -> tuple(0: 0, 1: 1, 2: 2, 3: 3, 4: 4) {
          %a: float64! = logsumexp %x
          %b: float64! = logsumexp[axis=0] %x
          %c: float64[1] = logsumexp[axis=0, keepdims=True] %x
          %d: float64[m] = logsumexp[axis=0] %z
          %e: float64[n] = cumsum[axis=0] %x
          yield %a, %b, %c, %d, %e
        }
    """)
    attrs = [dict(s.attrs) for s in walk(changed(with_maxima, fn).body)]
    assert attrs == [{}, {}, {"axis": 0, "keepdims": True}, {"axis": 0}, {"axis": 0}]
