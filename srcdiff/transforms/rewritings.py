"""The named rewritings of the user's lines: what is written, what is computed instead, and why.

Each is tested at its samples, value and derivative, against many digits (`tests/transforms/test_rewritings.py`), and
stands in the table of `docs/rewriting.md`, which is made from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srcdiff.ir.core import Op, Value, const
from srcdiff.ir.types import shape_of
from srcdiff.transforms.patterns import Rule, function

__all__ = ["RULES", "SIGNED"]

SIGNED = "u"  # the parameter that is taken with the other sign where that is shorter: `logaddexp(0, -logit)`

exp, log, log1p, expm1, logaddexp = map(function, ("exp", "log", "log1p", "expm1", "logaddexp"))
expit, logsumexp, softmax, log_softmax = map(
    function, ("expit", "logsumexp", "softmax", "log_softmax")
)
total, mean, var = map(function, ("sum", "mean", "var"))

_LOGITS = ((-1000.0,), (1000.0,), (-40.0,), (40.0,), (0.0,))
_SMALL = ((1e-17,), (-1e-17,), (1e-300,), (-1e-9,), (0.5,), (3.0,))
_ROWS = (
    ([-1000.0, -1001.0],),
    ([1000.0, 999.0],),
    ([0.0, 1e-9],),
    ([-1e6, 1e6],),
    ([700.0, 702.0, 0.0],),
)

_EXTREMES = ("max", "maximum")


def _is_shifted(binding: Mapping[str, Any], made: Mapping[Value, Op]) -> bool:
    """Whether `x` is less a maximum, by the user's own hand: `x - np.max(x, axis=1)[:, None]`."""
    op = made.get(binding["x"])
    if op is None or op.decl.name != "subtract":
        return False
    shift = op.operands[1]
    while isinstance(shift, Value) and shift in made and made[shift].decl.name not in _EXTREMES:
        arrays = [a for a in made[shift].operands if shape_of(a.type)]
        shift = arrays[-1] if arrays else const(0)  # the middle one of `where(isfinite(m), m, 0)`
    return isinstance(shift, Value) and shift in made


_SIGMOID = (
    "the logarithm of a sigmoid is that of 0 from -745 on, and noise of 1 - p where p is near 1"
)
_OVERFLOW = "exp overflows above 709, and underflows below -745"
_DIGITS = "1 + x has no digits of a small x"
_CANCELS = "exp(x) - 1 cancels for a small x"

RULES = (
    Rule("log_sigmoid", lambda u: log(1 / (1 + exp(u))), lambda u: -logaddexp(0.0, u), "exact", _SIGMOID, _LOGITS),
    Rule("log_sigmoid", lambda u: log(exp(u) / (1 + exp(u))), lambda u: -logaddexp(0.0, -u), "exact", _SIGMOID,
         _LOGITS),
    Rule("log_sigmoid", lambda u: log(expit(u)), lambda u: -logaddexp(0.0, -u), "exact", _SIGMOID, _LOGITS),
    Rule("log_one_minus_sigmoid", lambda u: log(1 - 1 / (1 + exp(u))), lambda u: -logaddexp(0.0, -u), "exact",
         _SIGMOID, _LOGITS),
    Rule("log_one_minus_sigmoid", lambda u: log(1 - exp(u) / (1 + exp(u))), lambda u: -logaddexp(0.0, u), "exact",
         _SIGMOID, _LOGITS),
    Rule("log_one_minus_sigmoid", lambda u: log(1 - expit(u)), lambda u: -logaddexp(0.0, u), "exact", _SIGMOID,
         _LOGITS),
    Rule("log_one_minus_sigmoid", lambda u: log1p(-(1 / (1 + exp(u)))), lambda u: -logaddexp(0.0, -u), "exact",
         _SIGMOID, _LOGITS),
    Rule("log_one_minus_sigmoid", lambda u: log1p(-expit(u)), lambda u: -logaddexp(0.0, u), "exact", _SIGMOID,
         _LOGITS),
    Rule("softplus", lambda x: log(1 + exp(x)), lambda x: logaddexp(0.0, x), "exact", _OVERFLOW, _LOGITS),
    Rule("softplus", lambda x: log1p(exp(x)), lambda x: logaddexp(0.0, x), "exact", _OVERFLOW, _LOGITS),
    Rule("log_add_exp", lambda x, y: log(exp(x) + exp(y)), lambda x, y: logaddexp(x, y), "exact", _OVERFLOW,
         ((1000.0, 1000.0), (-1000.0, -999.0), (0.0, -800.0), (1e6, -1e6))),
    Rule("log_sum_exp", lambda x, *, axis, keepdims: log(total(exp(x), axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: logsumexp(x, axis=axis, keepdims=keepdims), "exact", _OVERFLOW, _ROWS,
         _is_shifted),
    Rule("log_softmax", lambda x, *, axis: log(exp(x) / total(exp(x), axis=axis, keepdims=True)),
         lambda x, *, axis: log_softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS,
         _is_shifted),
    Rule("log_softmax", lambda x: log(exp(x) / total(exp(x))), lambda x: log_softmax(x), "exact", _OVERFLOW, _ROWS,
         _is_shifted),
    Rule("log_softmax", lambda x, *, axis: log(softmax(x, axis=axis)), lambda x, *, axis: log_softmax(x, axis=axis),
         "exact", "the logarithm of a probability that underflows", _ROWS),
    Rule("softmax", lambda x, *, axis: exp(x) / total(exp(x), axis=axis, keepdims=True),
         lambda x, *, axis: softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS,
         _is_shifted),
    Rule("softmax", lambda x: exp(x) / total(exp(x)), lambda x: softmax(x), "exact", _OVERFLOW, _ROWS,
         _is_shifted),
    Rule("log_exp", lambda x: log(exp(x)), lambda x: x, "exact", _OVERFLOW, (([-1000.0, 1000.0, 0.0],),)),
    Rule("log_exp", lambda x, y: log(y * exp(x)), lambda x, y: log(y) + x, "exact", _OVERFLOW,
         ((-1000.0, 3.0), (1000.0, 0.5), (1e300, 2.0))),
    Rule("log_exp", lambda x, y: log(exp(x) / y), lambda x, y: x - log(y), "exact", _OVERFLOW,
         ((-1000.0, 3.0), (1000.0, 0.5), (-1e300, 2.0))),
    Rule("log_exp", lambda x, y, z: log(y * exp(x) / z), lambda x, y, z: log(y) + x - log(z), "exact", _OVERFLOW,
         ((-1000.0, 3.0, 2.0), (1000.0, 0.5, 7.0))),
    Rule("log_one_plus", lambda x: log(1 + x), lambda x: log1p(x), "exact", _DIGITS, _SMALL),
    Rule("log_one_plus", lambda x: log(1 - x), lambda x: log1p(-x), "exact", _DIGITS,
         ((1e-17,), (-1e-17,), (1e-300,), (-1e-9,), (0.5,), (-3.0,))),
    Rule("exp_minus_one", lambda x: exp(x) - 1, lambda x: expm1(x), "exact", _CANCELS, _SMALL),
    Rule("exp_minus_one", lambda x: 1 - exp(x), lambda x: -expm1(x), "exact", _CANCELS, _SMALL),
    Rule("variance", lambda x: mean(x**2) - mean(x) ** 2, lambda x: var(x), "exact",
         "the difference of two large numbers", (([1e8, 1e8 + 1.0, 1e8 + 2.0],), ([1e150, 3e150],), ([1.0, 2.0],))),
    Rule("cancel", lambda x, y: x * y / y, lambda x, y: x, "domain", "y = 0 and overflows make it NaN",
         ((1e300, 1e300), (2.0, 5.0))),
)  # fmt: skip
