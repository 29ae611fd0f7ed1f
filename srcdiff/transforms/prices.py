"""What operations cost a machine, in units of storing their result and loading it again.

Measured with vectorised functions on data that leaves the first caches: a store and a load of a double take about as
long as one `exp`, and ten simple operations (`benchmarks/vmath.py`). Products and factorisations are counted by their
multiplications. Lengths that only the run knows are taken for sixteen.
"""

from __future__ import annotations

import math

from srcdiff.ir.core import Op
from srcdiff.ir.types import Type, shape_of

__all__ = ["elements", "machine_price"]

_LENGTH = 16.0
_SIMPLE = 0.1
_FUNCTION = 0.8  # exp, log, tanh, ...
_SLOW = {
    "power": 2.0,
    "digamma": 3.0,
    "gammaln": 3.0,
    "arctan2": 3.0,
    "mod": 1.0,
    "floor_divide": 1.0,
}
_DIVISIONS = {"divide": 0.3, "sqrt": 0.4}
_REDUCED = {"logsumexp": _FUNCTION + 2 * _SIMPLE, "softmax": _FUNCTION, "log_softmax": _FUNCTION}


def elements(type_: Type) -> float:
    """How many numbers an array has, as far as can be known."""
    return math.prod(float(d.const) if d.is_const else _LENGTH for d in shape_of(type_))


def machine_price(op: Op) -> float:
    """The time that computing a result again takes."""
    if op.decl.cost == "free" or op.decl.view_of is not None or not op.results:
        return 0.0
    result = max(elements(op.results[0].type), 1.0)
    if op.decl.elementwise:
        return _of_element(op)
    if op.decl.cost == "heavy":
        return _SIMPLE * _multiplications(op) / result
    each = _REDUCED.get(op.decl.name, _SIMPLE)
    return each * max((elements(a.type) for a in op.operands), default=1.0) / result


def _of_element(op: Op) -> float:
    name = op.decl.name
    if name in _SLOW or name in _DIVISIONS:
        return _SLOW.get(name) or _DIVISIONS[name]
    return (
        _FUNCTION if op.decl.compiled or name.startswith(("arc", "log", "exp", "erf")) else _SIMPLE
    )


def _multiplications(op: Op) -> float:
    """Of a product: the lengths of all its loops. Of a factorisation: a cube."""
    shapes = [shape_of(a.type) for a in op.operands if shape_of(a.type)]
    if op.decl.multilinear and shapes:
        rows = elements(op.results[0].type)
        inner = shapes[0][-1]
        return rows * (float(inner.const) if inner.is_const else _LENGTH)
    return max((elements(a.type) ** 1.5 for a in op.operands), default=1.0)
