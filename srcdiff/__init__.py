"""srcdiff: derivatives of Python functions as readable source code."""

from typing import TYPE_CHECKING, Any

from srcdiff.api import (
    adjoint,
    batch,
    checkpointed,
    differentiate,
    elementwise_grad,
    grad,
    hessian,
    holomorphic_grad,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    transform,
    value_and_grad,
    vjp,
)
from srcdiff.checks import check_grads
from srcdiff.decorated import Differentiable
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
from srcdiff.shared_state import function, shared

if TYPE_CHECKING:  # these see the operations, which take a while to import: `__getattr__` does it
    from srcdiff.costs import Cost, cost
    from srcdiff.implicit_rules import implicit
    from srcdiff.nan_finding import NanFound, find_nan
    from srcdiff.rule_checks import check_rule
    from srcdiff.sparsity.derivatives import sparse_hessian, sparse_jacobian
    from srcdiff.user_rewritings import rewriting
    from srcdiff.user_rules import rule
from srcdiff.reasons import Reasons, why

__version__ = "0.1.0"

__all__ = [
    "CacheWarning",
    "CompileWarning",
    "Cost",
    "Differentiable",
    "DifferentiationError",
    "DynamicWarning",
    "Explanation",
    "Generated",
    "IndependentWarning",
    "NanFound",
    "Reasons",
    "RuleError",
    "SourceNotFoundError",
    "UnsupportedError",
    "adjoint",
    "batch",
    "check_grads",
    "check_rule",
    "checkpointed",
    "cost",
    "differentiate",
    "elementwise_grad",
    "explain",
    "find_nan",
    "function",
    "grad",
    "hessian",
    "holomorphic_grad",
    "hvp",
    "implicit",
    "jacobian",
    "jvp",
    "make_hvp",
    "make_jvp",
    "make_vjp",
    "rewriting",
    "rule",
    "shared",
    "sparse_hessian",
    "sparse_jacobian",
    "stop_gradient",
    "transform",
    "value_and_grad",
    "vjp",
    "why",
]


_LATER = {
    "Cost": "srcdiff.costs",
    "NanFound": "srcdiff.nan_finding",
    "check_rule": "srcdiff.rule_checks",
    "cost": "srcdiff.costs",
    "find_nan": "srcdiff.nan_finding",
    "implicit": "srcdiff.implicit_rules",
    "rewriting": "srcdiff.user_rewritings",
    "rule": "srcdiff.user_rules",
    "sparse_hessian": "srcdiff.sparsity.derivatives",
    "sparse_jacobian": "srcdiff.sparsity.derivatives",
}


def __getattr__(name: str) -> Any:
    """What takes a while to import, when it is asked for: `srcdiff.cuda` imports numba.cuda, `srcdiff.expfam` SciPy."""
    import importlib  # of use here only

    if name in ("cuda", "expfam", "vi"):
        return importlib.import_module(f"srcdiff.{name}")
    if name in _LATER:
        found = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
        return found
    raise AttributeError(f"module 'srcdiff' has no attribute {name!r}")
