"""Constant folding of functions whose value is an integer: log(1.0) becomes 0.0, and log(2.0) stays.

It applies to generated lines only.
"""

from __future__ import annotations

from srcdiff.ir.core import OpDecl
from srcdiff.ir.values import Atom, Const, const

EXACT: dict[str, dict[float, float]] = {
    "log": {1.0: 0.0},
    "exp": {0.0: 1.0},
    "sqrt": {float(k * k): float(k) for k in range(11)},
    "gammaln": {1.0: 0.0, 2.0: 0.0},
}


def exact_value(decl: OpDecl, x: Atom) -> Const | None:
    """The operation's result, if its operand is such a constant; otherwise None."""
    if not isinstance(x, Const) or type(x.value) not in (int, float):
        return None
    value = EXACT.get(decl.name, {}).get(x.value)
    return None if value is None else const(value)
