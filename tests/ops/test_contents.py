"""Each operation declares correctly whether it reads the contents of an operand, or its lengths only."""

import re
import warnings

import numpy as np
import pytest
from ops.rule_tools import apply, label

from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.core.type_rules import TypeMistake

OTHERS = (0.0, 1.0, -3.5, 7.25, np.inf, np.nan)  # what may be in an array


def calls(decl):
    """Operands and attributes to evaluate an operation with: its samples, or arrays for what takes one operand."""
    if decl.samples:
        return [(s.args(np.random.default_rng(k)), s.attrs) for k, s in enumerate(decl.samples)]
    if not re.fullmatch(r"x(, \w+=.*)?", decl.signature):
        return []
    rng = np.random.default_rng(0)
    return [((rng.normal(size=shape),), {}) for shape in ((3,), (2, 3))]


def same(one, other):
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


def uses_lengths_only(decl, position):
    """Whether no contents of an operand make a difference; None where nothing says so."""
    found = None
    for values, attrs in calls(decl):
        if position >= len(values) or np.ndim(values[position]) == 0:
            continue
        try:
            expected = apply(decl, values, attrs)
            for other in OTHERS:
                changed = np.full_like(values[position], other)
                got = apply(decl, [*values[:position], changed, *values[position + 1 :]], attrs)
                if not same(expected, got):
                    return False
        except (
            ValueError, TypeError, IndexError, RuntimeError, TypeMistake, np.linalg.LinAlgError,
        ):  # fmt: skip
            return False
        found = True
    return found


# (what is in an `empty_like` is whatever was there)
# the third operand of `sigmoid_quotient` says what derivatives are of: it is no part of the value
# whether SciPy's functions gave complex numbers is seen in the result's dtype, which these samples do not change
# systems with a matrix and its factor get the differentiated operands, too
# so does the second operand of logarithms and sigmoids that are known, and of squares of absolute values
_LEFT_OUT = (
    "computed_as", "definite_logdet", "definite_solve", "empty_like", "is_complex", "log_cosh", "log_one_less_exp",
    "one_less_sigmoid", "shared_logdet", "shared_sign", "shared_solve", "sigmoid_quotient", "squared_size",
)  # fmt: skip
CASES = [d for d in OPERATIONS.values() if calls(d) and d.name not in _LEFT_OUT]


@pytest.mark.parametrize("decl", CASES, ids=label)
def test_an_operation_whose_operand_may_hold_anything_says_so(decl):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [uses_lengths_only(decl, k) for k in range(3)]
    assert tuple(k for k, is_so in enumerate(found) if is_so) == decl.shape_of
