"""Stability rules: the table of named rewritings of inaccurate expressions, with the reason for each.

Tests compare the value and derivative of each rule at its samples with many digits
(`tests/transforms/rewrite/test_stability_rules.py`). The table of `docs/rewriting.md` is generated from this module.
"""

from __future__ import annotations

from srcdiff.transforms.rewrite.conditions import (
    are_not_of_one_shape,
    are_two_cosh,
    has_no_product,
    has_own_logarithm,
    is_another_shift,
    is_constant_below_zero,
    is_no_base,
    is_no_count,
    is_no_norm,
    is_no_positive_constant,
    is_no_positive_number,
    is_no_vector,
    is_not_square,
    is_number,
    is_number_or_shifted,
    is_sigmoid,
    is_there_anyway,
    is_wider,
    is_wider_or_shifted,
    unless_axes,
    varies_along_axis,
)
from srcdiff.transforms.rewrite.named_values import (
    LOG_OF_PARTS,
    log_cosh,
    log_of_size,
    log_one_less_exp,
    one_less_sigmoid,
    own_tanh,
    root_less_one,
    shift_of,
)
from srcdiff.transforms.rewrite.patterns import Rule, function

OWN_RULES: dict[str, Rule] = {}  # rules that users have declared, by name

SIGNED = "u"  # a parameter that is negated if the result is shorter: `logaddexp(0, -logit)`

exp, log, log1p, expm1, logaddexp = map(function, ("exp", "log", "log1p", "expm1", "logaddexp"))
expit, logsumexp, softmax, log_softmax = map(
    function, ("expit", "logsumexp", "softmax", "log_softmax")
)
log2, log10, cosh, sinh, where, less = map(
    function, ("log2", "log10", "cosh", "sinh", "where", "less")
)
sin, cos, arcsinh, arctanh = map(function, ("sin", "cos", "arcsinh", "arctanh"))
ndtr, log_ndtr, erf, erfc = map(function, ("ndtr", "log_ndtr", "erf", "erfc"))
size, count = map(function, ("size", "count"))
minimum, maximum, known_log_cosh = map(function, ("minimum", "maximum", "log_cosh"))
prod, highest = map(function, ("prod", "highest"))
tanh, sqrt, norm, euclidean_norm = map(function, ("tanh", "sqrt", "norm", "euclidean_norm"))
total, mean, var = map(function, ("sum", "mean", "var"))
inv, det, slogdet, solve = map(function, ("inv", "det", "slogdet", "solve"))
einsum, index, eye, axis_length = map(function, ("einsum", "index", "eye", "axis_length"))
trace, diag, transpose, absolute = map(function, ("trace", "diag", "transpose", "absolute"))

_LOGITS = ((-1000.0,), (1000.0,), (-40.0,), (40.0,), (0.0,))
_FAR_VALUES = ((40.0, -40.0), (-40.0, 40.0), (1000.0, 999.0))
_SMALL = ((1e-17,), (-1e-17,), (1e-300,), (-1e-9,), (0.5,), (3.0,))
_ROWS = (
    ([-1000.0, -1001.0],),
    ([1000.0, 999.0],),
    ([0.0, 1e-9],),
    ([-1e6, 1e6],),
    ([700.0, 702.0, 0.0],),
)

_K = [[1.0, 0.5, 1 / 3], [0.5, 1 / 3, 0.25], [1 / 3, 0.25, 0.2]]  # Hilbert's matrix
_TINY = [[1e-150, 2e-151, 0.0], [0.0, 3e-150, 1e-150], [1e-151, 0.0, 2e-150]]
_SYSTEMS = ((_K, [1.0, 2.0, 3.0]),)
_MATRICES = ((_TINY,), (_K,), ([[2.0, 0.1], [1.0, 3.0]],))
_INVERSE = "an inverse costs three times as much as a solution, and loses digits"
_ORDER = "two products with a vector cost less than one of matrices"
_PARTS = "most elements of the product are not used"
_ZEROS = "all but the diagonal is multiplied by zeros"
_DETERMINANT = "determinants of larger matrices overflow or underflow"
_SIGMOID = (
    "the logarithm of a sigmoid is that of 0 from -745 on, and noise of 1 - p where p is near 1"
)
_OVERFLOW = "exp overflows above 709, and underflows below -745"
_DIGITS = "1 + x has no digits of a small x"
_DIFFERENCE = "the difference of two numbers that are nearly equal"
_CANCELS = "exp(x) - 1 cancels for a small x"

_PAIR = (([1000.0, 999.0, 0.0], [2.0, -1.0, 0.5]), ([-1000.0, -1001.0, -999.5], [0.5, 2.0, 1.0]))
_NEAR_ONE = "one less a number near 1"
_INFINITE = "the derivative of an exponential that overflows is NaN"
_BELOW, _ABOVE = ((-1000.0,), (-40.0,), (0.0,), (-300.0,)), ((1000.0,), (40.0,), (0.0,), (300.0,))
_FROM_BELOW, _FROM_ABOVE = (*_BELOW, (10.0,), (40.0,)), (*_ABOVE, (-10.0,), (-40.0,))
_TANHS = ((-1000.0,), (1000.0,), (0.3,), (1e-9,))
_SHIFT = "a shift, which neither the value nor the derivative depends on"
_SHIFTED = (([1000.0, 999.0], 1000.0), ([-1000.0, -1001.0, 0.0], -1.0))
_NORM = "squares overflow and underflow, and the derivative at 0 is NaN"
_SQUARES = "the difference of two large numbers"
_FAR = (([1e8, 1e8 + 1.0, 1e8 + 2.0],), ([1e150, 3e150],), ([1.0, 2.0],))
_AT_ZERO = "the derivative at 0 is NaN"
_VECTORS = (([3.0, 4.0],), ([1e-200, 2e-200],), ([1e200, 2e250, 0.0],))
_TABLES = (([[1000.0, 999.0]],),)
_STACKED = (([[1000.0, -3.0], [999.0, -2.5]],), ([1000.0, 999.0, 0.0],))
_WEIGHTED_STACKS = tuple(([[2.0, -0.5], [1.0, 3.0]], x) for (x,) in _STACKED[:1])
_WEIGHTED_TABLES = tuple(([2.0, -0.5], x) for (x,) in _TABLES)
_COUNTED = (([1e8, 1e8 + 1.0, 1e8 + 2.0], "len(x)"),)
_WEIGHTED_ROWS = tuple((w, x) for x, w in _PAIR)
_WEIGHTED_MATRICES = tuple(([[2.0, -0.5], [1.0, 3.0]], x) for (x,) in _TABLES)
_OWN_SHIFTS = (("np.max(x)", [1000.0, 999.0], "np.max(x)"),)
_NORMS_OF_TABLES = (([[1e-200, 2e-200], [0.0, 1e-250]],), ([[1e200, 2e250], [0.0, 3e200]],))
_NORMS_OF_COLUMNS = (([[1e-200, 2e200], [2e-200, 1e250]],),)
_LENGTH_VECTORS = tuple((x, "len(x)") for (x,) in _VECTORS)
_OF_ROWS = (([[1.0, 2.0], [0.5, -3.0]], "2.0 * a"),)
_OF_COLUMNS = (([[1.0, 2.0], [0.5, -3.0]], "2.0 * a.T"),)
_SUMMED = (([[1.0, 2.0], [0.5, -3.0]], "a @ a"),)
_SCALED = (([[1.0, 2.0], [0.5, -3.0]], "2.0 * a", 3.0),)
_WEIGHTED_ROW = (([2.0, -0.5], [1.0, 3.0]),)
_WEIGHTED_MATRIX = (([2.0, -0.5], [[1.0, 2.0], [0.5, -3.0]]),)
_FORMS = tuple((x, k, [0.5, -1.0, 2.0]) for k, x in _SYSTEMS)


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
    Rule("log_sigmoid", lambda u: logaddexp(0.0, u) - logaddexp(0.0, -u), lambda u: u, "exact",
         "the logarithm of odds is what they are the odds of", _LOGITS),
    Rule("log_sigmoid", lambda u: logaddexp(0.0, -u) - logaddexp(0.0, u), lambda u: -u, "exact",
         "the logarithm of odds is what they are the odds of", _LOGITS),
    Rule("log_sigmoid", lambda u: logaddexp(0.0, u) - u, lambda u: logaddexp(0.0, -u), "exact", _DIFFERENCE, _LOGITS),
    Rule("log_sigmoid", lambda u: u - logaddexp(0.0, u), lambda u: -logaddexp(0.0, -u), "exact", _DIFFERENCE, _LOGITS),
    Rule("log_sigmoid", lambda u: u + logaddexp(0.0, -u), lambda u: logaddexp(0.0, u), "exact", _DIFFERENCE, _LOGITS),
    Rule("log_sigmoid", lambda x, y: x - logaddexp(x, y), lambda x, y: -logaddexp(0.0, y - x), "exact", _DIFFERENCE,
         _FAR_VALUES),
    Rule("log_sigmoid", lambda x, y: logaddexp(x, y) - x, lambda x, y: logaddexp(0.0, y - x), "exact", _DIFFERENCE,
         _FAR_VALUES),
    Rule("log_sigmoid", lambda x, y: x - logaddexp(y, x), lambda x, y: -logaddexp(0.0, y - x), "exact", _DIFFERENCE,
         _FAR_VALUES),
    Rule("log_sigmoid", lambda x, y: logaddexp(y, x) - x, lambda x, y: logaddexp(0.0, y - x), "exact", _DIFFERENCE,
         _FAR_VALUES),
    Rule("softplus", lambda x: log(1 + exp(x)), lambda x: logaddexp(0.0, x), "exact", _OVERFLOW, _LOGITS),
    Rule("softplus", lambda x: log1p(exp(x)), lambda x: logaddexp(0.0, x), "exact", _OVERFLOW, _LOGITS),
    Rule("log_add_exp", lambda x, y: log(exp(x) + exp(y)), lambda x, y: logaddexp(x, y), "exact", _OVERFLOW,
         ((1000.0, 1000.0), (-1000.0, -999.0), (0.0, -800.0), (1e6, -1e6)), are_two_cosh),
    Rule("log_sum_exp", lambda x, *, axis, keepdims: log(total(exp(x), axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: logsumexp(x, axis=axis, keepdims=keepdims), "exact", _OVERFLOW, _ROWS,
         is_number_or_shifted),
    Rule("log_softmax", lambda x, *, axis: log(exp(x) / total(exp(x), axis=axis, keepdims=True)),
         lambda x, *, axis: log_softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("log_softmax", lambda x: log(exp(x) / total(exp(x))), lambda x: log_softmax(x), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("log_softmax", lambda x, *, axis: log(softmax(x, axis=axis)), lambda x, *, axis: log_softmax(x, axis=axis),
         "exact", "the logarithm of a probability that underflows", _ROWS),
    Rule("softmax", lambda x, *, axis: exp(x) / total(exp(x), axis=axis, keepdims=True),
         lambda x, *, axis: softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("softmax", lambda x: exp(x) / total(exp(x)), lambda x: softmax(x), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("softmax", lambda x, *, axis: exp(x) * (1 / total(exp(x), axis=axis, keepdims=True)),
         lambda x, *, axis: softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS, is_number),
    Rule("softmax", lambda x: exp(x) * (1 / total(exp(x))), lambda x: softmax(x), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("softmax", lambda x: transpose(transpose(exp(x)) / total(exp(x), axis=1)), lambda x: softmax(x, axis=1),
         "exact", _OVERFLOW, _TABLES, unless_axes((2,))),
    Rule("softmax", lambda x: transpose(transpose(exp(x)) / total(exp(x), axis=-1)), lambda x: softmax(x, axis=-1),
         "exact", _OVERFLOW, _TABLES, unless_axes((2,))),
    Rule("softmax", lambda x: exp(x) / total(exp(x), axis=0), lambda x: softmax(x, axis=0), "exact", _OVERFLOW,
         _STACKED, is_number),
    Rule("log_softmax", lambda x: x - log(total(exp(x), axis=0)), lambda x: log_softmax(x, axis=0), "exact", _OVERFLOW,
         _STACKED, is_number),
    Rule("softmax", lambda y, x, *, axis: y * exp(x) / total(exp(x), axis=axis, keepdims=True),
         lambda y, x, *, axis: y * softmax(x, axis=axis), "exact", _OVERFLOW, _WEIGHTED_ROWS, is_number),
    Rule("softmax", lambda y, x: y * exp(x) / total(exp(x)), lambda y, x: y * softmax(x), "exact", _OVERFLOW,
         _WEIGHTED_ROWS, is_number),
    Rule("softmax", lambda y, x: y * exp(x) / total(exp(x), axis=0), lambda y, x: y * softmax(x, axis=0), "exact",
         _OVERFLOW, _WEIGHTED_STACKS, is_number),
    Rule("weighted_mean", lambda y, x, *, axis, keepdims: (total(y * exp(x), axis=axis, keepdims=keepdims)
                                                           / total(exp(x), axis=axis, keepdims=keepdims)),
         lambda y, x, *, axis, keepdims: total(y * softmax(x, axis=axis), axis=axis, keepdims=keepdims), "exact",
         _OVERFLOW, _WEIGHTED_ROWS, is_wider),
    Rule("weighted_mean", lambda y, x: exp(x) @ y / total(exp(x)), lambda y, x: softmax(x) @ y, "exact", _OVERFLOW,
         tuple((w, x) for x, w in _PAIR), unless_axes((1, 1), (1, 2))),
    Rule("weighted_mean", lambda y, x: y @ exp(x) / total(exp(x)), lambda y, x: y @ softmax(x), "exact", _OVERFLOW,
         tuple((w, x) for x, w in _PAIR), unless_axes((1, 1), (2, 1))),
    Rule("weighted_mean", lambda y, x: exp(x) @ y / total(exp(x), axis=1, keepdims=True),
         lambda y, x: softmax(x, axis=1) @ y, "exact", _OVERFLOW, _WEIGHTED_MATRICES, unless_axes((2, 2))),
    Rule("weighted_mean", lambda y, x: exp(x) @ y / total(exp(x), axis=-1, keepdims=True),
         lambda y, x: softmax(x, axis=-1) @ y, "exact", _OVERFLOW, _WEIGHTED_MATRICES, unless_axes((2, 2))),
    Rule("weighted_mean", lambda y, x: exp(x) @ y / total(exp(x), axis=1), lambda y, x: softmax(x, axis=1) @ y,
         "exact", _OVERFLOW, _WEIGHTED_TABLES, unless_axes((2, 1))),
    Rule("weighted_mean", lambda y, x: exp(x) @ y / total(exp(x), axis=-1), lambda y, x: softmax(x, axis=-1) @ y,
         "exact", _OVERFLOW, _WEIGHTED_TABLES, unless_axes((2, 1))),
    Rule("weighted_softmax", lambda y, x, *, axis: y * exp(x) / total(y * exp(x), axis=axis, keepdims=True),
         lambda y, x, *, axis: (y * exp(x - shift_of(x, axis=axis, keepdims=True))
                                / total(y * exp(x - shift_of(x, axis=axis, keepdims=True)), axis=axis, keepdims=True)),
         "exact", _OVERFLOW, tuple((w, x) for x, w in _PAIR), is_wider_or_shifted),
    Rule("weighted_softmax", lambda y, x: y * exp(x) / total(y * exp(x)),
         lambda y, x: y * exp(x - shift_of(x)) / total(y * exp(x - shift_of(x))), "exact", _OVERFLOW,
         tuple((w, x) for x, w in _PAIR), is_wider_or_shifted),
    Rule("effective_size", lambda x: total(exp(x)) ** 2 / total(exp(x) ** 2), lambda x: 1.0 / total(softmax(x) ** 2),
         "exact", _OVERFLOW, (*_ROWS[:2], _ROWS[-1]), is_number),
    Rule("effective_size", lambda x: total(exp(x)) ** 2 / total(exp(2 * x)), lambda x: 1.0 / total(softmax(x) ** 2),
         "exact", _OVERFLOW, (*_ROWS[:2], _ROWS[-1]), is_number),
    Rule("softmax", lambda x, m, *, axis: softmax(x - m, axis=axis), lambda x, m, *, axis: softmax(x, axis=axis),
         "exact", _SHIFT, _SHIFTED, varies_along_axis),
    Rule("log_softmax", lambda x, m, *, axis: log_softmax(x - m, axis=axis),
         lambda x, m, *, axis: log_softmax(x, axis=axis), "exact", _SHIFT, _SHIFTED, varies_along_axis),
    Rule("log_softmax", lambda x, *, axis: x - log(total(exp(x), axis=axis, keepdims=True)),
         lambda x, *, axis: log_softmax(x, axis=axis), "exact", _OVERFLOW, _ROWS, is_number),
    Rule("log_softmax", lambda x: x - log(total(exp(x))), lambda x: log_softmax(x), "exact", _OVERFLOW, _ROWS,
         is_number),
    Rule("log_sum_exp", lambda m, x, s, *, axis, keepdims: m + log(total(exp(x - s), axis=axis, keepdims=keepdims)),
         lambda m, x, s, *, axis, keepdims: logsumexp(x, axis=axis, keepdims=keepdims), "exact", _SHIFT, _OWN_SHIFTS,
         is_another_shift),
    Rule("log_exp", lambda x: log(exp(x)), lambda x: x, "exact", _OVERFLOW, (([-1000.0, 1000.0, 0.0],),)),
    Rule("log_exp", lambda x, y: log(y * exp(x)), lambda x, y: log(y) + x, "exact", _OVERFLOW,
         ((-1000.0, 3.0), (1000.0, 0.5), (1e300, 2.0)), is_constant_below_zero),
    Rule("log_exp", lambda x, y: log(exp(x) / y), lambda x, y: x - log(y), "exact", _OVERFLOW,
         ((-1000.0, 3.0), (1000.0, 0.5), (-1e300, 2.0)), is_constant_below_zero),
    Rule("log_normal", lambda x: log(ndtr(x)), lambda x: log_ndtr(x), "exact",
         "probabilities of tails underflow below -38", ((-1000.0,), (-40.0,), (0.5,), (9.0,))),
    Rule("log_one_plus", lambda x: log(1 + x), lambda x: log1p(x), "exact", _DIGITS, _SMALL, has_own_logarithm),
    Rule("log_one_plus", lambda x: log(1 - x), lambda x: log1p(-x), "exact", _DIGITS,
         ((1e-17,), (-1e-17,), (1e-300,), (-1e-9,), (0.5,), (-3.0,)), has_own_logarithm),
    Rule("log_one_plus", lambda x: log(sqrt(1 + x)), lambda x: 0.5 * log1p(x), "exact", _DIGITS, _SMALL,
         has_own_logarithm),
    Rule("log_one_plus", lambda x: log(1 / (1 + x)), lambda x: -log1p(x), "exact", _DIGITS, _SMALL, has_own_logarithm),
    Rule("log_one_plus", lambda x: log(1 / (1 - x)), lambda x: -log1p(-x), "exact", _DIGITS,
         ((1e-17,), (-1e-17,), (1e-300,), (-1e-9,), (0.5,), (-3.0,)), has_own_logarithm),
    Rule("log_one_plus", lambda x: log(absolute(1 + x)), lambda x: log_of_size(x), "exact", _DIGITS,
         (*_SMALL, (-3.0,), (1e300,)), has_own_logarithm),
    Rule("log_one_plus", lambda x: log(absolute(1 - x)), lambda x: log_of_size(-x), "exact", _DIGITS,
         (*_SMALL, (-3.0,), (1e300,)), has_own_logarithm),
    Rule("exp_minus_one", lambda x: exp(x) - 1, lambda x: expm1(x), "exact", _CANCELS, _SMALL),
    Rule("exp_minus_one", lambda x: 1 - exp(x), lambda x: -expm1(x), "exact", _CANCELS, _SMALL),
    Rule("exp_minus_one", lambda x: exp(x) - exp(0.0), lambda x: expm1(x), "exact", _CANCELS, _SMALL),
    Rule("exp_minus_one", lambda x, c: c * exp(x) - c, lambda x, c: c * expm1(x), "exact", _CANCELS,
         ((1e-17, 2.0), (-1e-9, 3.0))),
    Rule("exp_minus_one", lambda x, c: c - c * exp(x), lambda x, c: -c * expm1(x), "exact", _CANCELS,
         ((1e-17, 2.0), (-1e-9, 3.0))),
    Rule("exp_minus_one", lambda x, c: c**x - 1, lambda x, c: expm1(x * log(c)), "exact", _CANCELS,
         ((1e-17, "2.0"), (-1e-9, "3.0")), is_no_base),
    Rule("one_less_sigmoid", lambda u: 1 - 1 / (1 + exp(u)), lambda u: one_less_sigmoid(u), "better", _NEAR_ONE,
         _FROM_BELOW),
    Rule("one_less_sigmoid", lambda u: 1 - exp(u) / (1 + exp(u)), lambda u: one_less_sigmoid(-u), "better", _NEAR_ONE,
         _FROM_ABOVE),
    Rule("one_less_sigmoid", lambda u: 1 - expit(u), lambda u: one_less_sigmoid(-u), "better", _NEAR_ONE,
         _FROM_ABOVE),
    Rule("one_less_sigmoid", lambda u: 1 / (1 + exp(u)) - 1, lambda u: -one_less_sigmoid(u), "better", _NEAR_ONE,
         _FROM_BELOW),
    Rule("one_less_sigmoid", lambda u: exp(u) / (1 + exp(u)) - 1, lambda u: -one_less_sigmoid(-u), "better", _NEAR_ONE,
         _FROM_ABOVE),
    Rule("one_less_sigmoid", lambda u: expit(u) - 1, lambda u: -one_less_sigmoid(-u), "better", _NEAR_ONE,
         _FROM_ABOVE),
    Rule("sigmoid", lambda x: exp(x) / (1 + exp(x)), lambda x: expit(x), "exact", _OVERFLOW, (*_BELOW, (1000.0,))),
    Rule("sigmoid", lambda x, y: exp(x) / (exp(x) + exp(y)), lambda x, y: expit(x - y), "exact", _OVERFLOW,
         ((1000.0, 999.0), (-1000.0, -1000.5), (0.0, 800.0))),
    Rule("sigmoid", lambda u: exp(u) / (1 + exp(u)) ** 2, lambda u: expit(u) * expit(-u), "exact", _OVERFLOW,
         _LOGITS),
    Rule("sinh", lambda x: (exp(x) - exp(-x)) / 2, lambda x: sinh(x), "exact", _DIFFERENCE, _SMALL),
    Rule("sinh", lambda x: exp(x) - exp(-x), lambda x: 2.0 * sinh(x), "exact", _DIFFERENCE, _SMALL),
    Rule("arcsinh", lambda x: log(x + sqrt(x**2 + 1)), lambda x: arcsinh(x), "exact", _DIFFERENCE,
         ((1e-9,), (-1e5,), (1e100,), (2.0,))),
    Rule("one_less_cos", lambda x: 1 - cos(x), lambda x: 2.0 * sin(0.5 * x) ** 2, "exact",
         "cosines near 0 have no digits of their argument", ((1e-9,), (1e-100,), (1e-3,), (-2.0,))),
    Rule("one_less_cos", lambda x: cos(x) - 1, lambda x: -2.0 * sin(0.5 * x) ** 2, "exact",
         "cosines near 0 have no digits of their argument", ((1e-9,), (1e-100,), (1e-3,), (-2.0,))),
    Rule("arctanh", lambda x: log((1 + x) / (1 - x)), lambda x: 2.0 * arctanh(x), "exact", _DIGITS,
         ((1e-17,), (-1e-9,), (0.5,))),
    Rule("arctanh", lambda x: log((1 - x) / (1 + x)), lambda x: -(2.0 * arctanh(x)), "exact", _DIGITS,
         ((1e-17,), (-1e-9,), (0.5,))),
    Rule("root_less_one", lambda x: sqrt(1 + x) - 1, lambda x: root_less_one(x), "exact", _DIFFERENCE,
         ((1e-17,), (-1e-9,), (0.5,), (1e200,))),
    Rule("root_less_one", lambda x: 1 - sqrt(1 + x), lambda x: -root_less_one(x), "exact", _DIFFERENCE,
         ((1e-17,), (-1e-9,), (0.5,), (1e200,))),
    Rule("root_less_one", lambda x: sqrt(1 - x) - 1, lambda x: root_less_one(-x), "exact", _DIFFERENCE,
         ((1e-17,), (-1e-9,), (0.5,), (-1e200,))),
    Rule("root_less_one", lambda x: 1 - sqrt(1 - x), lambda x: -root_less_one(-x), "exact", _DIFFERENCE,
         ((1e-17,), (-1e-9,), (0.5,), (-1e200,))),
    Rule("near_roots", lambda x, c: sqrt(x + c) - sqrt(x), lambda x, c: c / (sqrt(x + c) + sqrt(x)), "exact",
         _DIFFERENCE, ((1e16, "1.0"), (1e10, "3.0"), (0.5, "0.25")), is_no_positive_constant),
    Rule("near_roots", lambda x, c: sqrt(x) - sqrt(x + c), lambda x, c: -(c / (sqrt(x + c) + sqrt(x))), "exact",
         _DIFFERENCE, ((1e16, "1.0"), (1e10, "3.0"), (0.5, "0.25")), is_no_positive_constant),
    Rule("near_quotients", lambda x, c: 1 / x - 1 / (x + c), lambda x, c: c / x / (x + c), "exact",
         _DIFFERENCE, ((1e16, "1.0"), (1e10, "3.0"), (0.5, "0.25")), is_no_positive_constant),
    Rule("near_quotients", lambda x, c: 1 / (x + c) - 1 / x, lambda x, c: -(c / x / (x + c)), "exact",
         _DIFFERENCE, ((1e16, "1.0"), (1e10, "3.0"), (0.5, "0.25")), is_no_positive_constant),
    Rule("tanh", lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)), lambda x: own_tanh(x), "exact", _OVERFLOW,
         ((-1000.0,), (1000.0,), (0.3,), (1e-9,))),
    Rule("tanh", lambda u: (1 - exp(u)) / (1 + exp(u)), lambda u: -own_tanh(0.5 * u), "exact", _OVERFLOW, _TANHS),
    Rule("tanh", lambda x: (exp(x) - 1) / (exp(x) + 1), lambda x: own_tanh(0.5 * x), "exact", _OVERFLOW, _TANHS),
    Rule("tanh", lambda u: 2 / (1 + exp(u)) - 1, lambda u: -own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda u: 2 * (1 / (1 + exp(u))) - 1, lambda u: -own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda u: 1 - 2 / (1 + exp(u)), lambda u: own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: 2 * expit(x) - 1, lambda x: own_tanh(0.5 * x), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: 1 - 2 * expit(x), lambda x: -own_tanh(0.5 * x), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda u: 1 - 2 * (1 / (1 + exp(u))), lambda u: own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: expit(x) - expit(-x), lambda x: own_tanh(0.5 * x), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: 1 / (1 + exp(-x)) - 1 / (1 + exp(x)), lambda x: own_tanh(0.5 * x), "exact", _DIFFERENCE,
         _TANHS),
    Rule("tanh", lambda x: 1 / (1 + exp(x)) - 1 / (1 + exp(-x)), lambda x: -own_tanh(0.5 * x), "exact", _DIFFERENCE,
         _TANHS),
    Rule("tanh", lambda x: expit(x) - 0.5, lambda x: 0.5 * own_tanh(0.5 * x), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: 0.5 - expit(x), lambda x: -0.5 * own_tanh(0.5 * x), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda u: 1 / (1 + exp(u)) - 0.5, lambda u: -0.5 * own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda u: 0.5 - 1 / (1 + exp(u)), lambda u: 0.5 * own_tanh(0.5 * u), "exact", _DIFFERENCE, _TANHS),
    Rule("tanh", lambda x: sinh(x) / cosh(x), lambda x: own_tanh(x), "exact", _OVERFLOW, _TANHS),
    Rule("one_less_tanh", lambda x: 1 - tanh(x), lambda x: 2.0 * one_less_sigmoid(-2.0 * x), "better", _NEAR_ONE,
         _FROM_ABOVE),
    Rule("one_less_tanh", lambda x: 1 + tanh(x), lambda x: 2.0 * one_less_sigmoid(2.0 * x), "better", _NEAR_ONE,
         _FROM_BELOW),
    Rule("normal_tail", lambda x: 1 - ndtr(x), lambda x: ndtr(-x), "exact", _NEAR_ONE, ((30.0,), (9.0,), (-1.0,))),
    Rule("normal_tail", lambda x: 1 - erf(x), lambda x: erfc(x), "exact", _NEAR_ONE, ((20.0,), (6.0,), (-1.0,))),
    Rule("normal_tail", lambda x: 1 + erf(x), lambda x: erfc(-x), "exact", _NEAR_ONE, ((-20.0,), (-6.0,), (1.0,))),
    Rule("normal_tail", lambda x: 1 - erfc(x), lambda x: erf(x), "exact", _NEAR_ONE, ((1e-17,), (1e-9,), (1.0,))),
    Rule("log_one_plus", lambda x: log1p(expm1(x)), lambda x: x, "exact", _DIGITS, ((-40.0,), (1000.0,), (1e-9,))),
    Rule("log_one_plus", lambda x: log1p(-(1 - exp(x))), lambda x: x, "exact", _DIGITS, ((-40.0,), (1e-9,), (700.0,))),
    Rule("log_one_plus", lambda x: log2(1 + x), lambda x: log1p(x) / log(2.0), "exact", _DIGITS, _SMALL),
    Rule("log_one_plus", lambda x: log10(1 + x), lambda x: log1p(x) / log(10.0), "exact", _DIGITS, _SMALL),
    Rule("log_cosh", lambda x: log(cosh(x)), lambda x: log_cosh(x), "exact", _OVERFLOW,
         ((-1000.0,), (1000.0,), (1e-9,), (-0.7,), (1.5,), (30.0,))),
    Rule("log_cosh", lambda x: log((exp(x) + exp(-x)) / 2), lambda x: log_cosh(x), "exact", _OVERFLOW,
         ((-1000.0,), (1000.0,), (1e-9,), (-0.7,), (1.5,), (30.0,))),
    Rule("sigmoid", lambda y, x: y * exp(x) / (1 + exp(x)), lambda y, x: y * one_less_sigmoid(x), "exact", _INFINITE,
         ((2.0, 1000.0), (0.5, -1000.0), (-1e17, 40.0))),
    Rule("sigmoid", lambda y, u: y / (1 + exp(u)), lambda y, u: y * one_less_sigmoid(-u), "exact", _INFINITE,
         ((-1000.0, 1000.0), (3.0, 800.0), (2.0, -40.0)), is_sigmoid),
    Rule("exp_product", lambda x: sqrt(exp(x)), lambda x: exp(0.5 * x), "exact", _OVERFLOW,
         ((1000.0,), (-1000.0,)), once=True),
    Rule("exp_product", lambda x, y: exp(x) * exp(y), lambda x, y: exp(x + y), "exact", _OVERFLOW,
         ((1000.0, -999.0), (-800.0, 799.0)), is_there_anyway, once=True),
    Rule("exp_product", lambda x, y: exp(x) / exp(y), lambda x, y: exp(x - y), "exact", _OVERFLOW,
         ((1000.0, 999.0), (-800.0, -799.0)), is_there_anyway, once=True),
    Rule("exp_product", lambda x, y, z: exp(x) / (y * exp(z)), lambda x, y, z: exp(x - z) / y, "exact", _OVERFLOW,
         ((1000.0, 2.0, 999.0), (-800.0, 0.5, -799.0))),
    Rule("exp_product", lambda w, x, y, z: w * exp(x) / (y * exp(z)), lambda w, x, y, z: w * exp(x - z) / y, "exact",
         _OVERFLOW, ((3.0, 1000.0, 2.0, 999.0), (3.0, -800.0, 0.5, -799.0))),
    Rule("norm", lambda x: sqrt(total(x**2)), lambda x: euclidean_norm(x), "better", _NORM,
         (*_VECTORS, *_NORMS_OF_TABLES), is_no_norm),
    Rule("norm", lambda x, n: sqrt(total(x**2) / n), lambda x, n: euclidean_norm(x) / sqrt(n), "better", _NORM,
         _LENGTH_VECTORS, is_no_positive_number),
    Rule("norm", lambda x: sqrt(mean(x**2)), lambda x: euclidean_norm(x) / sqrt(size(x)), "better", _NORM, _VECTORS,
         is_no_norm),
    Rule("norm", lambda x: sqrt(x @ x), lambda x: euclidean_norm(x), "better", _NORM, _VECTORS,
         is_no_vector),
    Rule("far_norms", lambda x, *, axis, keepdims: sqrt(total(x**2, axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: euclidean_norm(x, axis=axis, keepdims=keepdims), "better", _NORM,
         _NORMS_OF_COLUMNS, is_no_norm),
    Rule("far_norms", lambda x, *, axis, keepdims: sqrt(mean(x**2, axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: euclidean_norm(x, axis=axis, keepdims=keepdims) / count(x, axis=axis)**0.5,
         "better", _NORM, _NORMS_OF_COLUMNS, is_no_norm),
    Rule("far_norms", lambda x: sqrt(einsum(x, x, subscripts="ij,ij->i")), lambda x: euclidean_norm(x, axis=1),
         "better", _NORM, _NORMS_OF_COLUMNS, is_no_norm),
    Rule("norm", lambda x, *, axis, keepdims: sqrt(total(x**2, axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: norm(x, axis=axis, keepdims=keepdims), "better", _AT_ZERO,
         (([[3.0, -4.0], [1e-9, 2.0]],),), is_no_norm),
    Rule("variance", lambda x, *, axis, keepdims: (mean(x**2, axis=axis, keepdims=keepdims)
                                                   - mean(x, axis=axis, keepdims=keepdims) ** 2),
         lambda x, *, axis, keepdims: var(x, axis=axis, keepdims=keepdims), "exact",
         _SQUARES, _FAR),
    Rule("variance", lambda x, *, axis, keepdims: (mean(x, axis=axis, keepdims=keepdims) ** 2
                                                   - mean(x**2, axis=axis, keepdims=keepdims)),
         lambda x, *, axis, keepdims: -var(x, axis=axis, keepdims=keepdims), "exact",
         _SQUARES, _FAR),
    Rule("variance", lambda x, c, *, axis, keepdims: (c * mean(x**2, axis=axis, keepdims=keepdims)
                                                      - c * mean(x, axis=axis, keepdims=keepdims) ** 2),
         lambda x, c, *, axis, keepdims: c * var(x, axis=axis, keepdims=keepdims), "exact", _SQUARES,
         tuple((*x, 3.0) for x in _FAR)),
    Rule("variance", lambda x, n: x @ x / n - mean(x) ** 2, lambda x, n: var(x), "exact", _SQUARES, _COUNTED,
         is_no_count),
    Rule("variance", lambda x, n, *, axis, keepdims: (total(x**2, axis=axis, keepdims=keepdims)
                                                      - total(x, axis=axis, keepdims=keepdims) ** 2 / n),
         lambda x, n, *, axis, keepdims: total((x - mean(x, axis=axis, keepdims=True)) ** 2, axis=axis,
                                               keepdims=keepdims), "exact", _SQUARES, _COUNTED, is_no_count),
    Rule("variance", lambda x, n, *, axis, keepdims: (total(x**2, axis=axis, keepdims=keepdims)
                                                      - n * mean(x, axis=axis, keepdims=keepdims) ** 2),
         lambda x, n, *, axis, keepdims: total((x - mean(x, axis=axis, keepdims=True)) ** 2, axis=axis,
                                               keepdims=keepdims), "exact", _SQUARES, _COUNTED, is_no_count),
    Rule("variance", lambda x, v: total(v * x**2) / total(v) - (total(v * x) / total(v)) ** 2,
         lambda x, v: total(v * (x - total(v * x) / total(v)) ** 2) / total(v), "exact", _SQUARES,
         (([1e8, 1e8 + 1.0, 1e8 + 2.0], [0.5, 0.25, 1.0]),), are_not_of_one_shape),
    Rule("covariance", lambda x, v, *, axis, keepdims: (mean(x * v, axis=axis, keepdims=keepdims)
                                                        - mean(x, axis=axis, keepdims=keepdims)
                                                        * mean(v, axis=axis, keepdims=keepdims)),
         lambda x, v, *, axis, keepdims: mean((x - mean(x, axis=axis, keepdims=True))
                                              * (v - mean(v, axis=axis, keepdims=True)), axis=axis,
                                              keepdims=keepdims), "exact", _SQUARES,
         (([1e8, 1e8 + 1.0, 1e8 + 2.0], [-1e7, 1.0 - 1e7, -1e7]),), are_not_of_one_shape),
    Rule("inverse_product", lambda k, x: inv(k) @ x, lambda k, x: solve(k, x), "exact", _INVERSE, _SYSTEMS,
         unless_axes((2, 1), (2, 2)), once=True),
    Rule("inverse_product", lambda x, k: x @ inv(k), lambda x, k: solve(transpose(k), x), "exact", _INVERSE,
         tuple((x, k) for k, x in _SYSTEMS), unless_axes((1, 2)), once=True),
    Rule("inverse_product", lambda x, k: x @ inv(k), lambda x, k: transpose(solve(transpose(k), transpose(x))), "exact",
         _INVERSE, (([[1.0, 2.0], [0.5, -1.0]], [[2.0, 0.1], [1.0, 3.0]]),), unless_axes((2, 2)), once=True),
    Rule("inverse_product", lambda x, k, y: einsum(x, inv(k), y, subscripts="i,ij,j"),
         lambda x, k, y: x @ solve(k, y), "exact", _INVERSE, _FORMS, once=True),
    Rule("inverse_product", lambda x, k, y: einsum(x, inv(k), y, subscripts="i,ij,j->"),
         lambda x, k, y: x @ solve(k, y), "exact", _INVERSE, _FORMS, once=True),
    Rule("inverse_product", lambda k, i, x: index(inv(k), i, where="i") @ x,
         lambda k, i, x: index(solve(k, x), i, where="i"), "exact", _INVERSE, ((_K, "0", [1.0, 2.0, 3.0]),), once=True),
    Rule("inverse_product", lambda k, i: index(inv(k), i, where="i"),
         lambda k, i: solve(transpose(k), index(eye(axis_length(k, axis=0)), i, where="i")), "exact", _INVERSE,
         ((_K, "0"),), unless_axes((2, 0)), once=True),
    Rule("inverse_product", lambda k, i: index(inv(k), i, where=":, i"),
         lambda k, i: solve(k, index(eye(axis_length(k, axis=0)), i, where="i")), "exact", _INVERSE, ((_K, "0"),),
         unless_axes((2, 0)), once=True),
    Rule("inverse_product", lambda k, i, j: index(inv(k), i, j, where="i, i"),
         lambda k, i, j: index(solve(k, index(eye(axis_length(k, axis=0)), j, where="i")), i, where="i"), "exact",
         _INVERSE, ((_K, "0", "1"),), unless_axes((2, 0, 0)), once=True),
    Rule("product_order", lambda a, b, x: (a @ b) @ x, lambda a, b, x: a @ (b @ x), "exact", _ORDER,
         tuple((k, k, x) for k, x in _SYSTEMS), unless_axes((2, 2, 1)), once=True),
    Rule("product_order", lambda x, a, b: x @ (a @ b), lambda x, a, b: (x @ a) @ b, "exact", _ORDER,
         tuple((x, k, k) for k, x in _SYSTEMS), unless_axes((1, 2, 2)), once=True),
    Rule("trace_of_product", lambda a, b: trace(a @ transpose(b)), lambda a, b: total(a * b), "exact", _PARTS, _OF_ROWS,
         is_not_square, once=True),
    Rule("trace_of_product", lambda a, b: trace(a @ b), lambda a, b: total(a * transpose(b)), "exact", _PARTS,
         _OF_COLUMNS, is_not_square, once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a @ transpose(b)), lambda a, b: total(a * b, axis=1), "exact",
         _PARTS, _OF_ROWS, unless_axes((2, 2)), once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a @ b), lambda a, b: total(a * transpose(b), axis=1), "exact",
         _PARTS, _OF_COLUMNS, unless_axes((2, 2)), once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a + b), lambda a, b: diag(a) + diag(b), "exact", _PARTS, _SUMMED,
         has_no_product, once=True),
    Rule("diagonal_of_product", lambda a, b: diag(a - b), lambda a, b: diag(a) - diag(b), "exact", _PARTS, _SUMMED,
         has_no_product, once=True),
    Rule("diagonal_of_product", lambda a, b, c: diag(c * (a @ b)), lambda a, b, c: c * diag(a @ b), "exact",
         _PARTS, _SCALED, unless_axes((0, 2, 2)), once=True),
    Rule("trace_of_product", lambda a, b: trace(a + b), lambda a, b: trace(a) + trace(b), "exact", _PARTS, _SUMMED,
         has_no_product, once=True),
    Rule("trace_of_product", lambda a, b: trace(a - b), lambda a, b: trace(a) - trace(b), "exact", _PARTS, _SUMMED,
         has_no_product, once=True),
    Rule("trace_of_product", lambda a, b, c: trace(c * (a @ b)), lambda a, b, c: c * trace(a @ b), "exact",
         _PARTS, _SCALED, unless_axes((0, 2, 2)), once=True),
    Rule("diagonal_factor", lambda v, x: diag(v) @ x, lambda v, x: v * x, "exact", _ZEROS, _WEIGHTED_ROW,
         unless_axes((1, 1))),
    Rule("diagonal_factor", lambda v, x: diag(v) @ x, lambda v, x: index(v, where=":, None") * x, "exact", _ZEROS,
         _WEIGHTED_MATRIX, unless_axes((1, 2))),
    Rule("diagonal_factor", lambda x, v: x @ diag(v), lambda x, v: x * v, "exact", _ZEROS,
         tuple((x, v) for v, x in (*_WEIGHTED_ROW, *_WEIGHTED_MATRIX)), unless_axes((1, 1), (2, 1))),
    Rule("log_det", lambda a: log(det(inv(a))), lambda a: -(slogdet(a, result=1) + log(slogdet(a))), "exact",
         _DETERMINANT, _MATRICES[1:], unless_axes((2,))),
    Rule("log_det", lambda a: log(det(a)), lambda a: slogdet(a, result=1) + log(slogdet(a)), "exact", _DETERMINANT,
         _MATRICES, unless_axes((2,))),
    Rule("log_det", lambda a: log(absolute(det(a))), lambda a: slogdet(a, result=1), "exact", _DETERMINANT, _MATRICES,
         unless_axes((2,))),
    Rule("cancel", lambda x, y: x * y / y, lambda x, y: x, "domain", "y = 0 and overflows make it NaN",
         ((1e300, 1e300), (2.0, 5.0))),
)  # fmt: skip

_PARTS_OF_LOGS = "exponentials overflow and probabilities underflow before the logarithm is taken"

# examples of the rewriting of `transforms/logspace/logarithm.py`, which combines such parts freely
EXAMPLES = (
    Rule(LOG_OF_PARTS, lambda x: log(2.0 * expit(x) ** 3), lambda x: log(2.0) - 3.0 * logaddexp(0.0, -x), "exact",
         _PARTS_OF_LOGS, ((-1000.0,), (-40.0,), (2.0,))),
    Rule(LOG_OF_PARTS, lambda x: log(1 - exp(x)), lambda x: log_one_less_exp(x), "exact", _PARTS_OF_LOGS,
         ((-1e-200,), (-1e-9,), (-0.3,), (-3.0,), (-40.0,))),
    Rule(LOG_OF_PARTS, lambda x, y: log(exp(x) - exp(y)), lambda x, y: x + log_one_less_exp(y - x), "exact",
         _PARTS_OF_LOGS, ((1000.0, 999.0), (-1000.0, -1040.0))),
    Rule(LOG_OF_PARTS, lambda x, y: log(y * exp(x) + (1 - y)),
         lambda x, y: log(y * exp(x - maximum(x, 0.0)) + (1 - y) * exp(-maximum(x, 0.0))) + maximum(x, 0.0), "exact",
         _PARTS_OF_LOGS, ((1000.0, 0.25), (-1000.0, 0.25), (0.5, 1.5))),
    Rule(LOG_OF_PARTS, lambda x, y: log(total(y * exp(x))),
         lambda x, y: log(total(y * exp(x - highest(x)))) + highest(x), "exact", _PARTS_OF_LOGS, _PAIR),
    Rule(LOG_OF_PARTS, lambda x: log(1 + total(exp(x))), lambda x: logaddexp(0.0, logsumexp(x)), "exact",
         _PARTS_OF_LOGS, _ROWS),
    Rule(LOG_OF_PARTS, lambda x: log(exp(x) + exp(-x)), lambda x: logaddexp(x, -x), "exact", _PARTS_OF_LOGS,
         ((-1000.0,), (1000.0,), (1e-9,), (0.7,))),
    Rule(LOG_OF_PARTS, lambda x: log(prod(softmax(x))), lambda x: total(log_softmax(x)), "exact", _PARTS_OF_LOGS,
         (([1000.0, 0.0],), ([-1000.0, -1003.0],))),
    Rule(LOG_OF_PARTS, lambda x: log(log(1 + exp(x))),
         lambda x: where(less(x, -37.0), x, log(logaddexp(0.0, maximum(x, -37.0)))), "exact", _PARTS_OF_LOGS,
         ((-1000.0,), (1000.0,), (-36.0,), (0.5,))),
    Rule(LOG_OF_PARTS, lambda a, b: log(det(a) / det(b)),
         lambda a, b: log(slogdet(a) / slogdet(b)) + (slogdet(a, result=1) - slogdet(b, result=1)), "exact",
         _DETERMINANT, ((_TINY, [[2e-150, 1e-150, 0.0], [0.0, 1e-150, 2e-151], [1e-151, 0.0, 3e-150]]),)),
    Rule("quotient_of_sums", lambda x, y: 3 * exp(x) / (3 * exp(x) + 2 * exp(y)),
         lambda x, y: 3 * exp(x - maximum(x, y)) / (3 * exp(x - maximum(x, y)) + 2 * exp(y - maximum(x, y))), "exact",
         "both sides overflow or vanish where their quotient does not",
         ((1000.0, 999.0), (-1000.0, -1001.0), (0.5, -1.5))),
)  # fmt: skip
