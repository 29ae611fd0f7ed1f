"""The frontend reads every rule, for the types of every sample."""

import numpy as np
import pytest
from ops.rule_tools import SAMPLES, label, make_op

from srcdiff.frontend.rule_parser import parse_forward_rule, parse_rule
from srcdiff.ir.types import Static

READ = [(d, k) for d, k in SAMPLES if d.rule or d.forward]


@pytest.mark.parametrize("case", READ, ids=label)
def test_rule_is_read_and_assigns_the_derivatives_that_the_samples_check(case):
    decl, k = case
    sample = decl.samples[k]
    op, _, _ = make_op(decl, sample.args(np.random.default_rng(k)), sample.attrs)
    operands, results = [a.type for a in op.operands], [v.type for v in op.results]
    if decl.rule and not decl.build and not decl.scatter:
        rule = parse_rule(decl, operands, op.attrs, results, results)
        assert not set(sample.wrt) & set(rule.interface.without_derivative)
    if decl.forward:
        dots = [None if isinstance(t, Static) else t for t in operands]
        assert parse_forward_rule(decl, operands, op.attrs, results, dots).body.yields
