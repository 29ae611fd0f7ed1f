"""Functions that are said by others, constants in pieces, draws and solvers, as programs call them."""

import pytest
from ops import sample_programs
from ops.named_calls import NAMED
from ops.sample_programs import cases, quietly

from srcdiff.errors import UnsupportedError

CASES = cases(list(NAMED))
# draws whose quantiles have no formula
REFUSED = [c for c in CASES if c.decl.name.endswith(("beta", "dirichlet", "standard_t"))]


def label(case):
    return case.label


@pytest.mark.parametrize("case", CASES, ids=label)
def test_value_is_the_library_s(case):
    quietly(sample_programs.check_value, case)


@pytest.mark.parametrize("case", [c for c in CASES if c.is_smooth and c not in REFUSED], ids=label)
def test_derivatives_agree_with_finite_differences_and_each_other(case):
    quietly(sample_programs.check_reverse, case)
    quietly(sample_programs.check_forward, case)


@pytest.mark.parametrize("case", REFUSED, ids=label)
def test_draws_without_a_derivative_are_named(case):
    with pytest.raises(UnsupportedError, match="the derivative of a draw by `"):
        quietly(sample_programs.check_reverse, case)
