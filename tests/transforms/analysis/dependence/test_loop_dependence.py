"""Loop-carried sums: a value is one if each iteration adds to it, and uses it for nothing else."""

import pytest
from transforms.passes import program

from srcdiff.transforms.analysis.defuse import count_uses
from srcdiff.transforms.analysis.dependence.loop_dependence import carries_only_add

LOOP = """
    def f(%x: float64[n], %k: float64!) -> 0 {{
      %n: int64{{n}} = length[dim=dim(n)]
      %y: float64[n] = zeros %n
      %c: bool = greater %k, 0.0
      %s: float64! = for 0, %n, 1 with %k {{
        (%i: int64{{i}}, %s.1: float64!) ->
        %a: float64! = index[where='i'] %x, %i
        {body}
        yield %s.2
      }}
      yield %s
    }}"""
BODIES = {
    "add %s.1, %a": True,
    "add %a, %s.1": True,
    "subtract %s.1, %a": True,
    "subtract %a, %s.1": False,
    "multiply %s.1, %a": False,
}


def only_adds(*lines):
    fn = program(LOOP.format(body="\n        ".join(lines)))
    return carries_only_add(fn.body.body[-1], count_uses(fn))


@pytest.mark.parametrize("body", BODIES)
def test_sums_and_differences_add(body):
    assert only_adds(f"%s.2: float64! = {body}") == BODIES[body]


@pytest.mark.parametrize(
    "use",
    [
        "%b: float64! = exp %s.1",
        "store[where='i'] %y, %s.1, %i",
        "add_into[where='i'] %y, %s.1, %i",
    ],
)
def test_a_value_with_another_use_is_no_sum(use):
    assert not only_adds("%s.2: float64! = add %s.1, %a", use)


@pytest.mark.parametrize("term", ["%a", "%s.1"])
def test_a_branch_adds_on_both_sides(term):
    lines = (
        "%s.2: float64! = if %c {",
        "  %t: float64! = add %s.1, %a",
        "  yield %t",
        "} else {",
        f"  yield {term}",
        "}",
    )
    assert only_adds(*lines) == (term == "%s.1")
