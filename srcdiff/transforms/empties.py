"""Shares of empty arrays: NumPy divides by a length of 0 without raising, Python does not.

    %0: int64{n} = length[dim=n]                    %0: int64{n} = length[dim=n]
    %1: float64 = divide 1.0, %0               ->   %2: float64[n] = where %c, 1.0, 0.0
    %2: float64[n] = where %c, %1, 0.0              %3: float64[n] = divide %2, %0

The number comes of `np.mean` or another division of NumPy's, whose adjoint starts from a number of Python's. So arrays
are divided where there are some (`arrays_first`). What is left is NumPy's division by name (`guard_divisions`): the
derivative has no elements, or it is NaN, as NumPy says; it does not raise. With floats of different digits, a number
of NumPy's would widen what it meets; those programs keep Python's division.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Atom, Function, Op, OpDecl, Statement, Value
from srcdiff.ir.types import Array, Scalar
from srcdiff.ops import arithmetic, creation, elementwise, memory
from srcdiff.transforms.constants import is_zero_constant
from srcdiff.transforms.facts import definitions, is_generated, is_mixed

__all__ = ["arrays_first", "guard_divisions"]

_COUNTS = (memory.length, memory.element_count, memory.axis_length)


def arrays_first(fn: Function) -> Function:
    """`fn` where a product or a choice of numbers divided by a length is divided itself."""
    return _ArraysFirst(fn)(fn)


def guard_divisions(fn: Function) -> Function:
    """`fn` where Python's numbers are divided by lengths with `np.divide`."""
    made = definitions(fn)
    if is_mixed(fn.body) or not any(_is_share(op, made) for op in made.values()):
        return fn
    return _Guard(made)(fn)


def _is_share(op: Op, made: dict[Value, Op]) -> bool:
    """Whether Python's numbers are divided, the second of which is the length of something."""
    if op.decl is not arithmetic.divide or op.spelling or not is_generated(op):
        return False
    types = [a.type for a in op.operands]
    if not all(isinstance(t, Scalar) and t.weak for t in types):
        return False
    return _is_count(op.operands[1], made)


def _is_count(atom: Atom, made: dict[Value, Op]) -> bool:
    op = made.get(atom) if isinstance(atom, Value) else None
    if op is None:
        return False
    if op.decl is arithmetic.multiply:
        return any(_is_count(a, made) for a in op.operands)
    return op.decl in _COUNTS or op.decl.name in ("count", "size")


class _ArraysFirst(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        share = self.share(old) if isinstance(old, Op) and is_generated(old) else None
        if share is None:
            super().statement(old, env, b)
            return
        assert isinstance(old, Op)
        numerator, count = share.operands
        operands = [numerator if a is share.result else a for a in old.operands]
        first = Value(old.result.type)
        b.append(replace(old, operands=tuple(lookup(env, a) for a in operands), results=(first,)))
        b.append(replace(share, operands=(first, lookup(env, count)), results=old.results))

    def share(self, op: Op) -> Op | None:
        """The share of an empty array that an operation makes an array of."""
        if op.decl not in _LINEAR or not isinstance(op.results[0].type, Array):
            return None
        for position in _LINEAR[op.decl]:
            atom, others = op.operands[position], _others(op, position)
            made = self.made.get(atom) if isinstance(atom, Value) else None
            if made is not None and _is_share(made, self.made) and _ALLOWED[op.decl](others):
                return made
        return None


def _others(op: Op, position: int) -> list[Atom]:
    return [op.operands[k] for k in _LINEAR[op.decl] if k != position]


_LINEAR: dict[OpDecl, tuple[int, ...]] = {
    arithmetic.multiply: (0, 1),
    elementwise.where: (1, 2),
    creation.full: (0,),
    creation.full_like: (1,),
}
_ALLOWED: dict[OpDecl, Callable[[list[Atom]], bool]] = {
    arithmetic.multiply: lambda others: isinstance(others[0].type, Array),
    elementwise.where: lambda others: is_zero_constant(others[0]),
    creation.full: lambda others: True,
    creation.full_like: lambda others: True,
}


class _Guard(Rewriter):
    def __init__(self, made: dict[Value, Op]) -> None:
        self.made = made

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and _is_share(old, self.made)):
            super().statement(old, env, b)
            return
        env[old.result] = result = replace(old.result, type=Scalar("float64", False))
        operands = tuple(lookup(env, a) for a in old.operands)
        b.append(replace(old, operands=operands, results=(result,), spelling="np.divide"))
