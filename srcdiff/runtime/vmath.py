"""Elementary functions for compiled loops: as accurate as the C library's, in loops that LLVM vectorises.

    from srcdiff.runtime.vmath import exp, log

Each is a scalar function of float64 or float32 and returns that type; integers become float64. They are called from
`@njit` functions (or from Python, one number at a time) and do not branch. For inf, NaN, signed zeros, overflow and
subnormal numbers they follow IEEE 754 and Annex F of the C standard. Docstrings give the largest error met by the
tests, in units of the last place of the true result, for float64 and float32. Powers and square roots are left to the
C library and the processor.
"""

from srcdiff.runtime.math.exponential import cosh, exp, exp2, expit, expm1, sinh, tanh
from srcdiff.runtime.math.logarithm import log, log1p, log2, log10, log_expit, logaddexp, softplus
from srcdiff.runtime.math.minmax import maximum, minimum, quotient
from srcdiff.runtime.math.normal_cdf import erfc, log_ndtr, ndtr
from srcdiff.runtime.math.special import digamma, erf, lgamma, polygamma
from srcdiff.runtime.math.trig import cos, sin, tan

__all__ = [
    "cos", "cosh", "digamma", "erf", "erfc", "exp", "exp2", "expit", "expm1", "lgamma", "log", "log10", "log1p", "log2",
    "log_expit", "log_ndtr", "logaddexp", "maximum", "minimum", "ndtr", "polygamma", "quotient", "sin", "sinh",
    "softplus", "tan", "tanh",
]  # fmt: skip
