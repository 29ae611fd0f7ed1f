"""Division by zero lengths: for empty arrays a generated division gives NaN, as NumPy does, and does not raise.

    %0: int64{n} = length[dim=n]                    %0: int64{n} = length[dim=n]
    %1: float64 = divide 1.0, %0               ->   %2: float64[n] = where %c, 1.0, 0.0
    %2: float64[n] = where %c, %1, 0.0              %3: float64[n] = divide %2, %0

The division is the adjoint of `np.mean` or of another division of NumPy's, and starts from a Python number, for which
Python raises. So an array is divided instead, where there is one (`arrays_first`). The remaining divisions become
`np.divide` (`guard_divisions`): the derivative has no elements, or it is NaN, as in NumPy. In programs with floats of
several precisions a NumPy number would widen other operands, so it becomes a Python number again. Programs that divide
a Python number by the length themselves keep Python's division (`note_divisors`): `total / n`, where `total` starts as
0.0 and a loop of n iterations adds to it, raises where n is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, OpDecl, Statement, walk
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.elementwise import arithmetic, conversions, elementary
from srcdiff.transforms.analysis.defuse import definitions, is_generated, is_mixed
from srcdiff.transforms.simplify.constants import is_zero_constant

_OPERATORS = (arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.negative)
_COUNTS = (memory.length, memory.element_count, memory.axis_length)


def note_divisors(fn: Function) -> Function:
    """`fn` with `lengths.zero_divisors`: the lengths that divide Python numbers where the length is 0."""
    if not any(isinstance(s, Op) and s.decl is arithmetic.divide for s in fn.body.body):
        return fn
    numbers, divisors = _Numbers(fn), set()
    for s in fn.body.body:
        if isinstance(s, Op) and s.decl is arithmetic.divide:
            lengths = _lengths(s.operands[1], numbers.made)
            divisors |= {n for n in lengths if n and numbers.is_python(s.operands[0], n)}
    if not divisors:
        return fn
    return replace(fn, lengths=replace(fn.lengths, zero_divisors=frozenset(divisors)))


def _lengths(atom: Atom, made: dict[Atom, Op]) -> Iterator[Dim | None]:
    """The lengths in a product, and None for another factor."""
    op = made.get(atom)
    if op is not None and op.decl is arithmetic.multiply:
        for factor in op.operands:
            yield from _lengths(factor, made)
    elif not (isinstance(atom, Const) and atom.value):
        yield atom.type.expr if isinstance(atom.type, Scalar) else None


class _Numbers:
    def __init__(self, fn: Function) -> None:
        self.made = definitions(fn)
        loops = [s for s in walk(fn.body) if isinstance(s, For)]
        self.loops = {v: (s, k) for s in loops for k, v in enumerate(s.carried_results)}

    def is_python(self, atom: Atom, length: Dim, carried: frozenset[Atom] = frozenset()) -> bool:
        """Whether an atom is a Python number where `length` is 0, if the values in `carried` are Python numbers."""
        if isinstance(atom, Const) or atom in carried:
            return True
        if isinstance(atom.type, Scalar) and atom.type.weak:
            return True
        if atom in self.loops:
            loop, k = self.loops[atom]
            if not self.is_python(loop.carried[k], length, carried):
                return False
            bound = loop.stop.type
            if loop.start == const(0) and isinstance(bound, Scalar) and bound.expr == length:
                return True  # it has no iterations
            value = loop.carried_yields[k]
            return self.is_python(value, length, carried | {loop.body.params[k + 1]})
        op = self.made.get(atom)
        if op is None or op.decl not in _OPERATORS or op.spelling:
            return False
        return all(self.is_python(a, length, carried) for a in op.operands)


def arrays_first(fn: Function) -> Function:
    """`fn` where a product, or a choice, is divided by the length, and not the number in it."""
    return _ArraysFirst(fn)(fn)


def guard_divisions(fn: Function) -> Function:
    """`fn` where Python's numbers are divided by lengths with `np.divide`."""
    made = definitions(fn)
    divisors = fn.lengths.zero_divisors
    shares = {
        op.result
        for op in made.values()
        if _is_share(op, made) and not divisors.issuperset(_lengths(op.operands[1], made))
    }
    return _Guard(shares, is_mixed(fn.body))(fn) if shares else fn


def _is_share(op: Op, made: dict[Atom, Op]) -> bool:
    """Whether an operation divides Python numbers, and the divisor is a length."""
    if op.decl is not arithmetic.divide or op.spelling or not is_generated(op):
        return False
    types = [a.type for a in op.operands]
    if not all(isinstance(t, Scalar) and t.weak for t in types):
        return False
    return _is_count(op.operands[1], made)


def _is_count(atom: Atom, made: dict[Atom, Op]) -> bool:
    op = made.get(atom)
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
        """The division by a length whose result an operation multiplies with, or selects into, an array."""
        if op.decl not in _LINEAR or not isinstance(op.results[0].type, Array):
            return None
        for position in _LINEAR[op.decl]:
            atom, others = op.operands[position], _others(op, position)
            made = self.made.get(atom)
            if made is not None and _is_share(made, self.made) and _ALLOWED[op.decl](others):
                return made
        return None


def _others(op: Op, position: int) -> list[Atom]:
    return [op.operands[k] for k in _LINEAR[op.decl] if k != position]


_LINEAR: dict[OpDecl, tuple[int, ...]] = {
    arithmetic.multiply: (0, 1),
    elementary.where: (1, 2),
    creation.full: (0,),
    creation.full_like: (1,),
}
_ALLOWED: dict[OpDecl, Callable[[list[Atom]], bool]] = {
    arithmetic.multiply: lambda others: isinstance(others[0].type, Array),
    elementary.where: lambda others: is_zero_constant(others[0]),
    creation.full: lambda others: True,
    creation.full_like: lambda others: True,
}


class _Guard(Rewriter):
    def __init__(self, shares: set[Value], mixed: bool) -> None:
        self.shares = shares
        self.mixed = mixed  # the result of NumPy's division would widen float32

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and self.shares.intersection(old.results)):
            super().statement(old, env, b)
            return
        env[old.result] = result = replace(old.result, type=Scalar("float64", False))
        operands = tuple(lookup(env, a) for a in old.operands)
        b.append(replace(old, operands=operands, results=(result,), spelling="np.divide"))
        if self.mixed:
            env[old.result] = b.op(conversions.to_float, result)
