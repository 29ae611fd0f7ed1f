"""Where operations are declared: `operation` for those without a derivative of their own, `declare` for those
with a rule.

A rule is a small NumPy function that the frontend parses: inputs by their own names, `out`, `d_out`; it
assigns `d_<input>`:

    @declare(np.tanh, infer=floating, elementwise=True)
    def tanh(x, *, out, d_out):
        d_x = d_out * (1 - out**2)

Parameters without a default are operands; those with one are static and may be tested with `if`, as may
`x.ndim`. A rule never mentions broadcasting, dtypes or accumulation. An input that it assigns no `d_` for has
no derivative (an error where one is wanted); a derivative that is zero is assigned as `0.0`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

from srcdiff.ir.core import OpDecl
from srcdiff.ir.spelling import call_text, template_of

__all__ = [
    "METHODS",
    "OPERATIONS",
    "call_text",
    "declare",
    "dotted",
    "find",
    "operation",
    "template_of",
]

OPERATIONS: dict[str, OpDecl] = {}
METHODS: dict[str, OpDecl] = {}  # array methods and attributes, by name
_BY_CALLABLE: dict[Any, OpDecl] = {}
_PENDING: dict[
    str, OpDecl
] = {}  # SciPy's functions, by dotted name: SciPy is not imported before the user does

Rule = Callable[..., Any]


def operation(name: str, *callables: Any, method: str = "", **fields: Any) -> OpDecl:
    """Declare an operation (see `ir.core.OpDecl` for the fields) and register the callables and the method it
    stands for.

    SciPy's functions are given as dotted names ("scipy.special.expit"), so that declaring them does not import SciPy.
    """
    signature = fields.get("signature", "")
    fields.setdefault("defaults", _defaults(signature))
    fields.setdefault("spelling", _spelling(callables))
    decl = OpDecl(name, callables=callables, **fields)
    if name in OPERATIONS:
        raise ValueError(f"operation {name!r} is declared twice")
    OPERATIONS[name] = decl
    for function in callables:
        if isinstance(function, str):
            _PENDING[function] = decl
        else:
            _BY_CALLABLE[function] = decl
    if method:
        METHODS[method] = decl
    return decl


def declare(*callables: Any, name: str = "", **fields: Any) -> Callable[[Rule], OpDecl]:
    """Declare an operation by its reverse-mode rule; name and signature are the rule's."""

    def register(rule: Rule) -> OpDecl:
        fields.setdefault("signature", _signature(rule))
        if fields.get("elementwise"):
            fields.setdefault("adjoint", "any")
        return operation(name or rule.__name__.rstrip("_"), *callables, rule=rule, **fields)

    return register


def find(function: Any) -> OpDecl | None:
    """The operation that a Python callable stands for."""
    for dotted in [d for d in _PENDING if d.rpartition(".")[0] in sys.modules]:
        module, _, name = dotted.rpartition(".")
        _BY_CALLABLE[getattr(sys.modules[module], name)] = _PENDING.pop(dotted)
    try:
        return _BY_CALLABLE.get(function)
    except TypeError:  # unhashable
        return None


def _signature(rule: Rule) -> str:
    parameters = inspect.signature(rule).parameters.values()
    shown = [p for p in parameters if p.name not in ("out", "d_out")]
    return ", ".join(
        str(p.replace(annotation=inspect.Parameter.empty, kind=_plain(p.kind))) for p in shown
    )


def _plain(kind: Any) -> Any:
    is_star = kind is inspect.Parameter.VAR_POSITIONAL
    return kind if is_star else inspect.Parameter.POSITIONAL_OR_KEYWORD


def _defaults(signature: str) -> dict[str, Any]:
    if not signature:
        return {}
    probe = eval(f"lambda {signature}: 0", {})
    parameters = inspect.signature(probe).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _spelling(callables: Sequence[Any]) -> str:
    """`np.tanh` from the function object, `scipy.special.expit` from its dotted name."""
    if not callables:
        return ""
    function = callables[0]
    if isinstance(function, str):
        return function
    module = getattr(function, "__module__", None) or "numpy"
    return dotted(module, function.__name__)


def dotted(module: str, name: str) -> str:
    """A function's name as programs write it: NumPy is `np`."""
    if module.startswith("numpy"):
        module = "np.linalg" if module.startswith("numpy.linalg") else "np"
    return f"{module}.{name}"
