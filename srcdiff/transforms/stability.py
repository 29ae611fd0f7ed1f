"""Stability rewriting: named rules replace expressions of the user's that overflow or cancel by stable ones.

    p = 1.0 / (1.0 + np.exp(-(x @ w) - b))              logit = x @ w + b
    loss = -y * np.log(p) - (1.0 - y) * np.log(1.0 - p)   ->  loss = y * np.logaddexp(0.0, -logit)
                                                                 + (1.0 - y) * np.logaddexp(0.0, logit)

The rules are in `transforms/rewrite/stability_rules.py`. They match data flow, through statements and names. The rules
that were applied, and their places, are in `rewriting.applied`. The pass runs before differentiation, so that value and
derivative keep their accuracy. Apart from the rules, only signs around an expression that a rule made are changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from srcdiff.ir.build import ops_of
from srcdiff.ir.core import Function
from srcdiff.transforms.analysis.activity import helpers_that_end_loops
from srcdiff.transforms.analysis.defuse import with_rewrites
from srcdiff.transforms.logspace.logarithm import LOGARITHMS
from srcdiff.transforms.logspace.quotients import NAME as QUOTIENTS
from srcdiff.transforms.logspace.reductions_in_loops import NAME as LOG_OF_LOOPS
from srcdiff.transforms.logspace.reductions_in_loops import log_loops
from srcdiff.transforms.logspace.representation.arrays import log_stores
from srcdiff.transforms.logspace.representation.branches import log_branches
from srcdiff.transforms.logspace.representation.carries import log_carried
from srcdiff.transforms.logspace.representation.lists import log_lists
from srcdiff.transforms.logspace.worker_wrapper import Workers, split_helpers
from srcdiff.transforms.passes import Form, Pass, each_function
from srcdiff.transforms.rewrite.named_values import LOG_OF_PARTS
from srcdiff.transforms.rewrite.sign_motion import move_signs
from srcdiff.transforms.rewrite.stability_rules import OWN_RULES, RULES
from srcdiff.transforms.rewrite.two_pass_variance import NAME as VARIANCE
from srcdiff.transforms.rewrite.two_pass_variance import two_pass_variances
from srcdiff.transforms.rule_rewriter import Stabilise, Untransposed, renamed

_step = partial(Pass, needs=(Form.LOADS,), whole=True, stabilises=True)
_GAIN = "a logarithm of the result is rewritten then"
BRANCHES = _step("log-space branches", log_branches, "branches yield exponents", _GAIN)
VARIANCES = _step(
    "two-pass variances", two_pass_variances,
    "a sum of squares in a loop is a sum of squared differences from the mean",
    "sums are still as the user wrote them",
)  # fmt: skip
CARRIERS = (
    _step(
        "log-space lists", lambda fn: log_lists(fn, LOG_OF_LOOPS), "a list of exponentials holds the exponents",
        "sums over the list are next",
    ),
    _step(
        "log-space arrays", lambda fn: log_stores(fn, LOG_OF_LOOPS), "an array of exponentials holds the exponents",
        "sums over the array are next",
    ),
    _step(
        "log-space sums", log_loops, "exponentials that a loop adds up are shifted by the largest",
        "lists and arrays hold exponents",
    ),
    _step(
        "log-space carries", lambda fn: log_carried(fn, LOG_OF_LOOPS), "a carried product is a sum of logarithms",
        "sums of the loop are shifted",
    ),
)  # fmt: skip
SIGNS = _step(
    "sign motion", move_signs, "no rule leaves a sign that cancels with another", "rules add signs"
)


class _Best:
    """A function after the rules; the form of several in which most logarithms are rewritten."""

    def __init__(self, disabled: Collection[str]) -> None:
        self.disabled = disabled
        self.workers: Workers = {}

    def __call__(self, fn: Function) -> Function:
        best = self.after_rules(fn)
        if {LOG_OF_PARTS, LOG_OF_LOOPS} & set(self.disabled):
            return best
        split = self.split().apply(fn)
        if split is not fn:
            other = self.after_rules(split)
            best = other if _logs(other, fn) >= _logs(best, fn) else best
        branched = BRANCHES.apply(split)
        if branched is not split:
            other = self.after_rules(branched)
            best = other if _logs(other, fn) > _logs(best, fn) else best
        shared = split if QUOTIENTS in self.disabled else self.split(("divide",)).apply(split)
        if shared is not split:
            other = self.after_rules(shared)
            is_more = len(other.rewriting.applied) > len(best.rewriting.applied)
            best = other if is_more else best
        return best

    def after_rules(self, fn: Function) -> Function:
        return _stabilised(fn, self.disabled)

    def split(self, observers: Collection[str] = LOGARITHMS) -> Pass:
        return _step(
            "worker/wrapper split", lambda fn: split_helpers(fn, self, self.workers, observers),
            "helpers that return exponentials return the exponents", _GAIN,
        )  # fmt: skip


STEPS = (_Best(()).split(), BRANCHES, VARIANCES, *CARRIERS, SIGNS)

_ROUNDS = 6  # the result of one rewriting may match another rule


def stabilise(fn: Function, disabled: Collection[str] = frozenset()) -> Function:
    """A function and its helpers after the rules whose names are not in `disabled`."""
    ending = helpers_that_end_loops(fn)  # a loop ends in the user's arithmetic
    better = {rule.name for rule in RULES if rule.kind == "better"}
    best, of_ends = _Best(disabled), _Best({*disabled, *better})
    return each_function(fn, lambda f: (of_ends if f.name in ending else best)(f))


def _logs(new: Function, old: Function) -> int:
    """How many logarithms have been rewritten."""
    fired = new.rewriting.applied[len(old.rewriting.applied) :]
    return sum(name.startswith("log") for name, _ in fired)


def _stabilised(fn: Function, disabled: Collection[str]) -> Function:
    # statements that a rule made in a line of the user's have the origin `user`: no later pass rearranges them
    rules = [r for r in (*OWN_RULES.values(), *RULES) if r.name not in disabled]
    fn = renamed("compiler", "library", fn)
    if VARIANCE not in disabled:
        fn = renamed("compiler", "user", VARIANCES.apply(fn))
    if not {LOG_OF_PARTS, LOG_OF_LOOPS} & set(disabled):
        looped = fn
        for step in CARRIERS:
            looped = step.apply(looped)
        fn = looped if looped is fn else renamed("compiler", "user", looped)
    for _ in range(_ROUNDS):
        pass_ = Stabilise(fn, rules, parts=LOG_OF_PARTS not in disabled)
        out = pass_(fn)
        if not pass_.fired:
            break
        rewriting = replace(
            fn.rewriting,
            applied=(*fn.rewriting.applied, *pass_.fired),
            product_terms=fn.rewriting.product_terms | pass_.product_terms,
            final=fn.rewriting.final | pass_.left,
        )
        out = Untransposed(out)(SIGNS.apply(out))
        fn = replace(renamed("compiler", "user", out), rewriting=rewriting)
    names = {s.decl.name for s in ops_of(fn)}
    if QUOTIENTS not in disabled and "divide" in names:
        pass_ = Stabilise(fn, (), parts=False, quotients=True)
        out = renamed("compiler", "user", pass_(fn))
        fn = with_rewrites(out, fn, pass_.fired) if pass_.fired else fn
    return renamed("library", "compiler", fn)
