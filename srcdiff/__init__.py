"""srcdiff: derivatives of Python functions as readable source code."""

from typing import Any

from srcdiff.api import (
    Differentiable,
    batch,
    differentiate,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from srcdiff.checks import check_grads, check_rule
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
from srcdiff.makers import make_hvp, make_jvp, make_vjp
from srcdiff.user_rules import rule

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
    "batch",
    "check_grads",
    "check_rule",
    "differentiate",
    "elementwise_grad",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "make_hvp",
    "make_jvp",
    "make_vjp",
    "rule",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> Any:
    """`srcdiff.cuda`, which imports numba.cuda, and `srcdiff.expfam`, which imports SciPy, when they are asked for."""
    if name in ("cuda", "expfam"):
        import importlib  # of use here only

        return importlib.import_module(f"srcdiff.{name}")
    raise AttributeError(f"module 'srcdiff' has no attribute {name!r}")
