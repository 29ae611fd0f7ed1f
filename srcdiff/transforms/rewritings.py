"""The named rewritings of the user's lines: what is written, what is computed instead, and why.

Each is tested at its samples, value and derivative, against many digits (`tests/transforms/test_rewritings.py`), and
stands in the table of `docs/rewriting.md`, which is made from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from srcdiff.ir.core import Op, Value, const
from srcdiff.ir.types import shape_of
from srcdiff.transforms.patterns import INNER, Rule, function

__all__ = ["OWN_RULES", "RULES", "SIGNED"]

OWN_RULES: dict[str, Rule] = {}  # those that users have declared, by name

SIGNED = "u"  # the parameter that is taken with the other sign where that is shorter: `logaddexp(0, -logit)`

exp, log, log1p, expm1, logaddexp = map(function, ("exp", "log", "log1p", "expm1", "logaddexp"))
expit, logsumexp, softmax, log_softmax = map(
    function, ("expit", "logsumexp", "softmax", "log_softmax")
)
total, mean, var = map(function, ("sum", "mean", "var"))
inv, det, slogdet, solve = map(function, ("inv", "det", "slogdet", "solve"))
trace, diag, transpose, absolute = map(function, ("trace", "diag", "transpose", "absolute"))

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
Unless = Callable[[Mapping[str, Any], Mapping[Value, Op]], bool]


def _is_shifted(binding: Mapping[str, Any], made: Mapping[Value, Op]) -> bool:
    """Whether `x` is less a maximum, by the user's own hand: `x - np.max(x, axis=1)[:, None]`; or one number."""
    if not shape_of(binding["x"].type):
        return True
    op = made.get(binding["x"])
    if op is None or op.decl.name != "subtract":
        return False
    shift = op.operands[1]
    while isinstance(shift, Value) and shift in made and made[shift].decl.name not in _EXTREMES:
        arrays = [a for a in made[shift].operands if shape_of(a.type)]
        shift = arrays[-1] if arrays else const(0)  # the middle one of `where(isfinite(m), m, 0)`
    return isinstance(shift, Value) and shift in made


def _unless_axes(*counts: tuple[int, ...]) -> Unless:
    """The parameters have to have one of these numbers of axes, in their order."""

    def differ(binding: Mapping[str, Any], made: Mapping[Value, Op]) -> bool:
        atoms = [a for name, a in binding.items() if name != INNER]
        return tuple(len(shape_of(a.type)) for a in atoms) not in counts

    return differ


_K = [[1.0, 0.5, 1 / 3], [0.5, 1 / 3, 0.25], [1 / 3, 0.25, 0.2]]  # Hilbert's matrix
_TINY = [[1e-150, 2e-151, 0.0], [0.0, 3e-150, 1e-150], [1e-151, 0.0, 2e-150]]
_SYSTEMS = ((_K, [1.0, 2.0, 3.0]),)
_PAIRS = ((_K, [[2.0, 0.5, -1.0], [0.3, 1.0, 4.0], [1.0, -3.0, 0.1]]),)
_MATRICES = ((_TINY,), (_K,), ([[2.0, 0.1], [1.0, 3.0]],))
_INVERSE = "an inverse costs three times as much as a solution, and loses digits"
_ORDER = "two products with a vector cost less than one of matrices"
_PARTS = "most elements of the product are not asked for"
_DETERMINANT = "determinants of larger matrices overflow or underflow"
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
    Rule("inverse_product", lambda k, x: inv(k) @ x, lambda k, x: solve(k, x), "exact", _INVERSE, _SYSTEMS,
         _unless_axes((2, 1), (2, 2)), once=True),
    Rule("inverse_product", lambda x, k: x @ inv(k), lambda x, k: solve(transpose(k), x), "exact", _INVERSE,
         tuple((x, k) for k, x in _SYSTEMS), _unless_axes((1, 2)), once=True),
    Rule("product_order", lambda a, b, x: (a @ b) @ x, lambda a, b, x: a @ (b @ x), "exact", _ORDER,
         tuple((k, k, x) for k, x in _SYSTEMS), _unless_axes((2, 2, 1)), once=True),
    Rule("product_order", lambda x, a, b: x @ (a @ b), lambda x, a, b: (x @ a) @ b, "exact", _ORDER,
         tuple((x, k, k) for k, x in _SYSTEMS), _unless_axes((1, 2, 2)), once=True),
    Rule("trace_of_product", lambda a, b: trace(a @ transpose(b)), lambda a, b: total(a * b), "exact", _PARTS, _PAIRS,
         _unless_axes((2, 2)), once=True),
    Rule("trace_of_product", lambda a, b: trace(a @ b), lambda a, b: total(a * transpose(b)), "exact", _PARTS, _PAIRS,
         _unless_axes((2, 2)), once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a @ transpose(b)), lambda a, b: total(a * b, axis=1), "exact",
         _PARTS, (), _unless_axes((2, 2)), once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a @ b), lambda a, b: total(a * transpose(b), axis=1), "exact",
         _PARTS, (), _unless_axes((2, 2)), once=True),
    Rule("log_det", lambda a: log(det(a)), lambda a: slogdet(a, result=1) + log(slogdet(a)), "exact", _DETERMINANT,
         _MATRICES, _unless_axes((2,))),
    Rule("log_det", lambda a: log(absolute(det(a))), lambda a: slogdet(a, result=1), "exact", _DETERMINANT, _MATRICES,
         _unless_axes((2,))),
    Rule("cancel", lambda x, y: x * y / y, lambda x, y: x, "domain", "y = 0 and overflows make it NaN",
         ((1e300, 1e300), (2.0, 5.0))),
)  # fmt: skip
