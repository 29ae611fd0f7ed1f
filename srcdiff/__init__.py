"""srcdiff: derivatives of Python functions as readable source code."""

from srcdiff.api import (
    Differentiable,
    differentiate,
    grad,
    hvp,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from srcdiff.checks import check_grads
from srcdiff.errors import (
    CacheWarning,
    CompileWarning,
    DifferentiationError,
    DynamicWarning,
    IndependentWarning,
    RuleError,
    SourceNotFoundError,
    UnsupportedError,
)
from srcdiff.explaining import Explanation, explain
from srcdiff.generated import Generated

__version__ = "0.1.0"

__all__ = [
    "CacheWarning",
    "CompileWarning",
    "Differentiable",
    "DifferentiationError",
    "DynamicWarning",
    "Explanation",
    "Generated",
    "IndependentWarning",
    "RuleError",
    "SourceNotFoundError",
    "UnsupportedError",
    "check_grads",
    "differentiate",
    "explain",
    "grad",
    "hvp",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
