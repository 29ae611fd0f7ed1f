"""What operations cost a machine, in units of storing their result and loading it again.

Measured by `benchmarks/storage_prices.py`, with vectorised functions on data that leaves the first caches: a store and
a load of a double take about as long as one `exp`, and ten simple operations. Products and factorisations are counted
by their multiplications. Lengths that only the run knows are taken for sixteen.
"""

from __future__ import annotations

import math

from srcdiff.ir.core import Atom, Const, Op
from srcdiff.ir.types import Type, shape_of
from srcdiff.ops import einsum

__all__ = ["elements", "machine_price"]

_LENGTH = 16.0
_SIMPLE = 0.1
_FUNCTION = 0.8  # exp, log, tanh, ...
_C_FUNCTION = 40.0  # SciPy's; those of several arguments take much longer
_SLOW = {
    "power": 40.0,
    "sin": 5.0,
    "cos": 5.0,
    "tan": 5.0,
    "tanh": 1.3,
    "digamma": 20.0,
    "polygamma": 40.0,
    "gammaln": 30.0,
    "arctan2": 5.0,
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
    if name == "power" and _is_small_integer(op.operands[1]):
        return 2 * _SIMPLE
    if name in _SLOW or name in _DIVISIONS:
        return _SLOW.get(name) or _DIVISIONS[name]
    if op.decl.c_function:
        return _C_FUNCTION
    return (
        _FUNCTION if op.decl.compiled or name.startswith(("arc", "log", "exp", "erf")) else _SIMPLE
    )


def _is_small_integer(exponent: Atom) -> bool:
    """Whether a power is a few products."""
    value = exponent.value if isinstance(exponent, Const) else None
    return isinstance(value, int | float) and value in range(9)


def _over_letters(op: Op) -> float:
    inputs, _ = einsum.with_letters(op)
    lengths: dict[str, float] = {}
    for text, a in zip(inputs, op.operands, strict=True):
        for letter, d in zip(text, shape_of(a.type), strict=True):
            lengths[letter] = max(
                lengths.get(letter, 1.0), float(d.const) if d.is_const else _LENGTH
            )
    return math.prod(lengths.values())


def _multiplications(op: Op) -> float:
    """Of a product: the lengths of all its loops. Of a factorisation: a cube."""
    shapes = [shape_of(a.type) for a in op.operands if shape_of(a.type)]
    if op.decl is einsum.einsum:
        return _over_letters(op)
    if op.decl.multilinear and shapes:
        rows = elements(op.results[0].type)
        inner = shapes[0][-1]
        return rows * (float(inner.const) if inner.is_const else _LENGTH)
    return max((elements(a.type) ** 1.5 for a in op.operands), default=1.0)
