"""User-defined rewriting rules: pairs of small functions, before and after, as in
`transforms/rewrite/stability_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.errors import RuleError
from srcdiff.handles.differentiable import forget_programs
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.options import OWN_REWRITINGS, REWRITINGS
from srcdiff.transforms.rewrite.conditions import unless_shapes
from srcdiff.transforms.rewrite.patterns import Anything, Apply, Rule
from srcdiff.transforms.rewrite.stability_rules import OWN_RULES

_KINDS = ("exact", "better", "domain")


def rewriting(
    name: str,
    before: Callable[..., Any],
    after: Callable[..., Any],
    *,
    samples: Sequence[Sequence[Any]],
    kind: str = "exact",
    reason: str = "",
    rtol: float = 1e-8,
) -> None:
    """Declare that the expression `before` is computed as `after`, in values and derivatives.

    Both are functions of the same parameters, in NumPy's and SciPy's functions and operators; each is called once, with
    patterns. A parameter matches any value, and the same value in all its places; a keyword-only parameter matches an
    attribute of an operation (an axis). Matching follows the data flow through statements and helpers of the program.
    `explain` lists the rule where it is applied, and `rewrite={name: False}` switches it off.

    Parameters
    ----------
    name : str
        The name of the rule; a later rule of the same name replaces it.
    before, after : callable
        The two forms.
    samples : sequence of argument tuples
        Numbers or arrays at which both forms must have equal values and derivatives; for a rule of the kind "better"
        these are arguments at which the first form is accurate, too. A rule whose functions are not all elementwise
        applies to arguments with as many axes as those of some sample, and with length 1 where the sample has it:
        `np.sum(x - y)` is not `np.sum(x) - np.sum(y)` if one of the two is a number.
    kind : {"exact", "better", "domain"}
        "domain" for a rule whose `after` has values where `before` has none, or the other way round: it is off unless
        `rewrite={name: True}` switches it on.
    reason : str, optional
        The defect of `before`.
    rtol : float, optional
        The tolerance of the comparison.

    Raises
    ------
    RuleError
        If the forms differ at a sample, or use operations that srcdiff does not know.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> srcdiff.rewriting(
    ...     "one_minus_cos",
    ...     lambda x: 1 - np.cos(x),
    ...     lambda x: 2 * np.sin(x / 2) ** 2,
    ...     samples=[(-1.0,), (0.5,)],
    ...     reason="1 - cos(x) cancels for a small x",
    ... )
    """
    if kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(map(repr, _KINDS))}")
    if name in REWRITINGS:
        raise ValueError(f"there is a rewriting {name!r} of srcdiff's; call yours by another name")
    if not samples:
        raise ValueError(f"rewriting {name!r} needs samples: arguments at which both forms agree")
    rule = Rule(name, before, after, kind, reason, tuple(map(tuple, samples)))
    _check_forms(rule)
    for sample in rule.samples:
        _check_sample(rule, sample, rtol)
    if not (_is_elementwise(rule.pattern) and _is_elementwise(rule.replacement)):
        names = [n for n in rule.parameters if n in _mentioned(rule.pattern)]
        at = [rule.parameters.index(n) for n in names]
        shapes = [[np.shape(sample[k]) for k in at] for sample in rule.samples]
        rule = replace(rule, unless=unless_shapes(names, shapes))
    OWN_RULES[name] = rule
    OWN_REWRITINGS[name] = (kind != "domain", repr((rule.pattern, rule.replacement)))
    forget_programs()


def _check_forms(rule: Rule) -> None:
    """Raise unless both sides are patterns of the same parameters."""
    try:
        before, after = rule.pattern, rule.replacement
    except (TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"rewriting {rule.name!r} cannot be read: {error}") from error
    if not isinstance(before, Apply):
        raise RuleError(f"rewriting {rule.name!r}: the pattern is not an operation, but {before}")
    if not _mentioned(after) <= _mentioned(before):
        lacking = ", ".join(sorted(_mentioned(after) - _mentioned(before)))
        raise RuleError(f"rewriting {rule.name!r}: the pattern does not determine {lacking}")


def _mentioned(pattern: object) -> set[str]:
    if isinstance(pattern, Apply):
        return set().union(*map(_mentioned, pattern.operands)) if pattern.operands else set()
    return {pattern.name} if isinstance(pattern, Anything) else set()


def _is_elementwise(pattern: object) -> bool:
    """Whether a form may be computed element by element, so that it applies to arguments of all shapes."""
    if not isinstance(pattern, Apply):
        return True
    return OPERATIONS[pattern.operation].elementwise and all(map(_is_elementwise, pattern.operands))


def _check_sample(rule: Rule, sample: Sequence[object], rtol: float) -> None:
    """Raise unless both forms have the same value, and the same derivative along each argument."""
    given = tuple(np.array(a, float) if isinstance(a, list | tuple) else a for a in sample)
    forms = (rule.before, rule.after)
    one, other = (np.asarray(form(*given)) for form in forms)
    _compare(rule, "values", sample, one, other, rtol)
    for k, argument in enumerate(given):
        if isinstance(argument, int | float | np.ndarray):
            try:
                one, other = (_slope(form, given, k) for form in forms)
            except (TypeError, IndexError):
                if not isinstance(argument, int):
                    raise
                continue  # a count or an index
            _compare(rule, f"derivatives by argument {k}", sample, one, other, max(rtol, 1e-5))


def _slope(form: Callable[..., object], sample: Sequence[Any], k: int) -> Any:
    """The derivative along a direction in which the elements of an argument move by different amounts."""
    size = 1e-4 * (1.0 + np.max(np.abs(sample[k]), initial=0.0))
    step = size * np.cos(np.arange(np.size(sample[k]))).reshape(np.shape(sample[k]))
    ends = [
        np.asarray(form(*sample[:k], sample[k] + sign * step, *sample[k + 1 :])) for sign in (1, -1)
    ]
    return (ends[0] - ends[1]) / (2 * size)


def _compare(
    rule: Rule, what: str, sample: Sequence[object], one: np.ndarray, other: np.ndarray, rtol: float
) -> None:
    atol = rtol * (1e-3 + np.max(np.abs(other), initial=0.0))
    if np.shape(one) != np.shape(other) or not np.allclose(one, other, rtol=rtol, atol=atol):
        raise RuleError(
            f"rewriting {rule.name!r}: the {what} differ at {tuple(sample)}: {one} and {other}",
            "The two forms have to be equal; samples have to be where both are accurate.",
        )
