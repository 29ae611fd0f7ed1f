"""Building blocks of rewriting rules: accurate expressions with two branches, and shifts by a maximum.

    log_one_less_exp(x)     log(-expm1(x)) near 0, log1p(-exp(x)) elsewhere
    shift_of(x)             the largest element, or 0 where that is infinite; it has no derivative

The rules of `stability_rules` and the logarithms of `transforms/logspace/` use them.
"""

from __future__ import annotations

from collections.abc import Mapping

from srcdiff.ir.core import Op
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.elementwise import elementary
from srcdiff.transforms.analysis.reachability import made_through
from srcdiff.transforms.rewrite.patterns import Apply, Pattern, function

LOG_OF_PARTS = "log_of_parts"  # the rewriting of logarithms in `transforms/logspace/`
EXTREMES = ("max", "maximum", "highest", "held")
KEEPING = (
    "choose",
    "where",
    "index",
    "read",
    "reshape",
    "expand_dims",
    "squeeze",
    "float64",
    "to_float",
)

log, exp, logaddexp = map(function, ("log", "exp", "logaddexp"))
expm1, log1p, where, greater = map(function, ("expm1", "log1p", "where", "greater"))
minimum, maximum, known_less = map(function, ("minimum", "maximum", "log_one_less_exp"))
highest, isfinite, held, computed_as = map(function, ("highest", "isfinite", "held", "computed_as"))
expit, known_other = map(function, ("expit", "one_less_sigmoid"))
sqrt, less, sinh, absolute, known_log_cosh = map(
    function, ("sqrt", "less", "sinh", "absolute", "log_cosh")
)
tanh = function("tanh")


def log_one_less_exp(x: Pattern) -> Apply:
    """log(1 - exp(x)): `log1p(-exp(x))` is inaccurate near 0, `log(-expm1(x))` elsewhere."""
    near, far = log(-expm1(x)), log1p(-exp(x))
    return known_less(where(greater(x, -0.7), near, far), x)


def log_one_less_exps(x: Pattern) -> Apply:
    """log(1 - exp(x)) of arrays, where both branches are evaluated, without a logarithm of 0."""
    near, far = log(-expm1(x)), log1p(-exp(minimum(x, -0.7)))
    return known_less(where(greater(x, -0.7), near, far), x)


def log_cosh(x: Pattern) -> Apply:
    """log(cosh(x)): the second branch never overflows, but near 0 it cancels; there the first branch is accurate."""
    size = absolute(x)
    near, far = (
        log1p(2.0 * sinh(0.5 * minimum(size, 1.0)) ** 2),
        size + (log1p(exp(-2.0 * size)) - log(2.0)),
    )
    return known_log_cosh(where(less(size, 1.0), near, far), x)


def log_two_cosh(x: Pattern) -> Apply:
    """log(exp(x) + exp(-x)), as an operation whose derivative is not a difference of two sigmoids."""
    return known_log_cosh(logaddexp(x, -x), x)


def log_of_size(x: Pattern) -> Apply:
    """log(abs(1 + x)): log1p(x) for x > -1, and its mirror image for x < -1."""
    return computed_as(log1p(maximum(x, -2.0 - x)), log(1.0 + x))


def root_less_one(x: Pattern) -> Apply:
    """sqrt(1 + x) - 1: near 0 a quotient without cancellation; elsewhere the difference, since inf / inf is NaN."""
    root = sqrt(1.0 + x)
    return computed_as(where(less(absolute(x), 1.0), x / (root + 1.0), root - 1.0), root)


def one_less_sigmoid(u: Pattern) -> Apply:
    """1 - 1 / (1 + exp(u))"""
    return known_other(expit(u), u)


def own_tanh(x: Pattern) -> Apply:
    """tanh(x) for a user's formula of it, with a derivative that is accurate at both ends."""
    return computed_as(tanh(x), 2.0 * one_less_sigmoid(2.0 * x))


def shift_of(x: Pattern, **axes: object) -> Apply:
    """The shift of exponents: the largest, or 0 where that is infinite; it has no derivative."""
    top = highest(x, **axes)
    return held(where(isfinite(top), top, 0.0))


def settled_values(made: Mapping[Atom, Op]) -> set[Value]:
    """The values inside expressions with two branches, each of which is accurate where it is chosen."""
    found: set[Value] = set()
    for op in made.values():
        if op.decl not in (
            elementary.log_one_less_exp,
            elementary.log_cosh,
            elementary.computed_as,
        ):
            continue
        x, u = op.operands
        rest = [x]
        while rest:
            a = rest.pop()
            if isinstance(a, Value) and a != u and a in made and a not in found:
                found.add(a)
                rest += made[a].operands
    return found


def is_shifted(x: Atom, made: Mapping[Atom, Op]) -> bool:
    """Whether a maximum is subtracted from `x`, by the user or by a rule (`-(y + shift)`, `-shift`)."""
    op = made.get(x)
    if op is not None and op.decl.name == "negative":
        if is_maximum(op.operands[0], made):
            return True
        op = made.get(op.operands[0])
        return op is not None and op.decl.name == "add" and is_maximum(op.operands[1], made)
    return op is not None and op.decl.name == "subtract" and is_maximum(op.operands[1], made)


def is_maximum(shift: Atom, made: Mapping[Atom, Op]) -> bool:
    """Whether `shift` is a maximum, possibly with other axes, or with 0 in place of infinities."""
    return any(op.decl.name in EXTREMES for op in made_through(shift, made, KEEPING))
