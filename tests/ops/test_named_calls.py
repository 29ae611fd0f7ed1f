"""Functions that are written with others, constants in pieces, draws and solvers, as programs call them."""

import pytest
from ops import sample_programs
from ops.named_calls import NAMED
from ops.sample_programs import cases, quietly

CASES = cases(list(NAMED))


def label(case):
    return case.label


@pytest.mark.parametrize("case", CASES, ids=label)
def test_value_is_the_library_s(case):
    quietly(sample_programs.check_value, case)


@pytest.mark.parametrize("case", [c for c in CASES if c.is_smooth], ids=label)
def test_derivatives_agree_with_finite_differences_and_each_other(case):
    quietly(sample_programs.check_reverse, case)
    quietly(sample_programs.check_forward, case)
