"""srcdiff: derivatives of Python functions as readable source code.

In: a function; out: an object that shows, runs and saves the source of its derivative.
Start with `api`, which has what users call, then `handles/generated` (a call) and `compile/build` (the stages).
"""

from typing import TYPE_CHECKING, Any

import srcdiff.assembly  # noqa: F401  which joins the packages
from srcdiff.api import (
    batch,
    differentiate,
    elementwise_grad,
    grad,
    hessian,
    holomorphic_grad,
    hvp,
    jacobian,
    jvp,
    transform,
    value_and_grad,
    vjp,
)
from srcdiff.compat.autograd_names import make_hvp, make_jvp, make_vjp
from srcdiff.compat.shared_state import function, shared
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
from srcdiff.handles.compiling.tiers import wait
from srcdiff.handles.differentiable import Differentiable
from srcdiff.handles.generated import Generated
from srcdiff.inspect.check_grads import check_grads
from srcdiff.inspect.explain import Explanation, explain
from srcdiff.markers import adjoint, checkpointed, stop_gradient

if TYPE_CHECKING:  # these see the operations, which take a while to import: `__getattr__` does it
    from srcdiff.inspect.cost import Cost, cost
    from srcdiff.inspect.find_nan import NanFound, find_nan
    from srcdiff.rules.check_rule import check_rule
    from srcdiff.rules.custom import rule
    from srcdiff.rules.implicit import implicit
    from srcdiff.rules.rewrites import rewriting
    from srcdiff.sparsity.derivatives import sparse_hessian, sparse_jacobian
from srcdiff.inspect.why import Reasons, why

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
    "wait",
    "why",
]


_LATER = {
    "Cost": "srcdiff.inspect.cost",
    "NanFound": "srcdiff.inspect.find_nan",
    "check_rule": "srcdiff.rules.check_rule",
    "cost": "srcdiff.inspect.cost",
    "find_nan": "srcdiff.inspect.find_nan",
    "implicit": "srcdiff.rules.implicit",
    "rewriting": "srcdiff.rules.rewrites",
    "rule": "srcdiff.rules.custom",
    "sparse_hessian": "srcdiff.sparsity.derivatives",
    "sparse_jacobian": "srcdiff.sparsity.derivatives",
}


def __getattr__(name: str) -> Any:
    """Imports slow modules on first use: `srcdiff.cuda` imports numba.cuda, `srcdiff.expfam` SciPy."""
    import importlib  # of use here only

    if name in ("cuda", "expfam", "vi"):
        return importlib.import_module(f"srcdiff.{name}")
    if name in _LATER:
        found = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
        return found
    raise AttributeError(f"module 'srcdiff' has no attribute {name!r}")
