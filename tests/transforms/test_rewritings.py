"""The named rewritings: each fires, keeps value and derivative, and is accurate where the left side is not.

What is right comes from `mpmath` (`tools/rewriting_table.py`). A result may be off by a few units in the last place, and
by as much as such changes of the arguments change it.
"""

from pathlib import Path

import mpmath
import numpy as np
import pytest

import srcdiff
from srcdiff.transforms.rewritings import RULES
from tools.rewriting_table import (
    DIGITS,
    EPS,
    WEIGHTS,
    choices,
    derivative,
    flat,
    program,
    row,
    weighted,
)


def cases():
    """Rules with what their keywords may be; those of one name are told apart by a number."""
    for k, rule in enumerate(RULES):
        for choice in choices(rule):
            told = "-".join(f"{key}={value}" for key, value in choice.items())
            yield pytest.param(rule, choice, id=f"{rule.name}-{k}{told and f'-{told}'}")


def allowed(f, at, order):
    """How far a result may be off; a derivative by as much as the value's rounding changes it, where it is made of that."""
    value = abs(derivative(f, at, *order))
    moved = [abs(x * derivative(f, at, j, *order)) for j, x in enumerate(at)]
    from_value = value * abs(f(*at)) if order else 0
    return 4 * EPS * (value + mpmath.fsum(moved) + from_value) + mpmath.mpf(2) ** -1070


@pytest.mark.parametrize(("rule", "choice"), [*cases()])
def test_is_accurate_where_the_left_side_is_not(rule, choice):
    for sample in rule.samples:
        f = program(rule, choice, sample)
        arguments = [np.array(a) if isinstance(a, list) else a for a in sample]
        options = {"argnums": tuple(range(len(sample))), "jit": False, "rewrite": {rule.name: True}}
        options["on_independent"] = "ignore"
        g = srcdiff.value_and_grad(f, **options)
        weights = [WEIGHTS] if isinstance(sample[0], list) else []
        with np.errstate(under="ignore"):
            value, gradient = g(*arguments, *weights)
        with mpmath.workdps(DIGITS):
            numbers = flat(sample)
            at = [mpmath.mpf(x) for x in (*numbers, *flat([w.tolist() for w in weights]))]
            wanted = weighted(rule, sample)
            found = [value, *flat([np.asarray(d).ravel().tolist() for d in gradient])]
            orders = [(), *((k,) for k in range(len(numbers)))]
            for order, result in zip(orders, found, strict=True):
                off = abs(mpmath.mpf(float(result)) - derivative(wanted, at, *order))
                assert off <= allowed(wanted, at, order), (sample, order, result)


@pytest.mark.parametrize(("rule", "choice"), [*cases()])
def test_fires_unless_it_is_off(rule, choice):
    sample = rule.samples[-1]
    f = program(rule, choice, sample)
    arguments = [np.array(a) if isinstance(a, list) else a for a in sample]
    arguments += [WEIGHTS] if isinstance(sample[0], list) else []
    texts = []
    for on in (True, False):
        only = {r.name: on and r.name == rule.name for r in RULES}
        g = srcdiff.value_and_grad(f, jit=False, rewrite=only, on_independent="ignore")
        texts.append(g.source_for(*arguments))
    assert texts[0] != texts[1]


def test_what_changes_the_domain_is_asked_for():
    f = program(next(r for r in RULES if r.name == "cancel"), {}, (3.0, 0.0))
    assert "/" in srcdiff.value_and_grad(f, jit=False).source_for(3.0, 2.0)
    assert "/" not in srcdiff.value_and_grad(f, jit=False, rewrite={"cancel": True}).source_for(
        3.0, 2.0
    )


def test_the_table_of_the_documents_is_of_these_rules():
    document = (Path(__file__).parents[2] / "docs" / "rewriting.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    assert [line.rsplit(" | ", 2)[0] for line in rows] == [row(r).removesuffix(" |") for r in RULES]
