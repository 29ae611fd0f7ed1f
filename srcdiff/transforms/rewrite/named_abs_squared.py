"""Squared absolute values of complex numbers become a named operation with a short derivative.

    s = np.abs(z);  p = s**2        d_z = 2.0 * d_p * np.conj(z)    and not    2.0 * d_p * s * np.conj(z) / s

Before differentiation the square gets the complex value as a further operand. After differentiation it becomes the
user's operation again. The derivative is shorter, and correct at 0, where the absolute value has a kink.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, map_ops
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import is_complex
from srcdiff.ir.values import Atom, Const, const
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.elementwise import arithmetic, complex_numbers
from srcdiff.transforms.analysis.defuse import pure_definitions

_SQUARES = ("power", "square", "multiply")


def name_abs_squared(fn: Function) -> Function:
    """`fn` with squared absolute values as `squared_size`; its text stays the same."""
    return _Name(fn)(fn)


def expand_abs_squared(fn: Function) -> Function:
    """`fn` with `squared_size` replaced by the user's operations again."""
    return map_ops(fn, _plain)


def _plain(op: Op) -> Op:
    if op.decl is not complex_numbers.squared_size:
        return op
    size, name = op.operands[0], op.attrs["square"]
    rest = {"power": (const(2),), "square": (), "multiply": (size,)}[name]
    return replace(op, decl=OPERATIONS[name], operands=(size, *rest), attrs={})


class _Name(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = pure_definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        z = self.squared(old) if isinstance(old, Op) else None
        if z is not None and isinstance(new, Op):
            operands = (new.operands[0], lookup(env, z))
            attrs = {"square": new.decl.name}
            new = replace(new, decl=complex_numbers.squared_size, operands=operands, attrs=attrs)
        b.append(new)

    def squared(self, op: Op) -> Atom | None:
        """The complex value whose absolute value an operation squares."""
        if op.decl.name not in _SQUARES or op.result not in self.made:
            return None
        size, *rest = op.operands
        if rest and not (rest[0] is size if op.decl.name == "multiply" else _is_two(rest[0])):
            return None
        inner = self.made.get(size)
        if inner is None or inner.decl is not arithmetic.absolute:
            return None
        return inner.operands[0] if is_complex(inner.operands[0].type) else None


def _is_two(atom: Atom) -> bool:
    return isinstance(atom, Const) and atom.value == 2
