"""Python error checks: where Python's numbers raise, compiled code raises, too, and does not compute on as NumPy does.

    %q = divide %a, %b        becomes        if %b == 0 { raise ZeroDivisionError };  %q = divide %a, %b

A number that only iterations make one of NumPy's (`total = 0.0; for v in x: total += v`) raises if there are none.
Arrays and NumPy's numbers raise in neither, except for negative powers of integers. A result that overflows is infinite
in compiled code, and raises in Python. A negative power of a Python integer is a float, for which compiled code has no
type: the call runs in NumPy instead (`handles/generated.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.types import Array, Scalar, element_type, ndim_of
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of, is_python, known_dim
from srcdiff.ops.arrays import creation, memory, reductions
from srcdiff.ops.control import control
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic, conversions, elementary
from srcdiff.transforms.analysis.defuse import count_uses
from srcdiff.transforms.legalize.integer_width import NARROW
from srcdiff.transforms.simplify.constants import known_constant


@dataclass(frozen=True)
class _Error:
    """`test` is a condition on the operands `{0}`, `{1}` under which Python raises."""

    test: str
    cls: type[Exception]
    message: str


_NO_POWERS = "Integers to negative integer powers are not allowed."  # NumPy's
_NO_INTEGER = "a negative power of an integer is a float"
_BY_ZERO = _Error("{1} == 0", ZeroDivisionError, "division by zero")
_TO_NEGATIVE = "{0} == 0 and -np.inf < {1} < 0"  # 0.0 ** -inf is infinite
_OPERATORS = {
    arithmetic.divide: (_BY_ZERO,),
    arithmetic.floor_divide: (_BY_ZERO,),
    arithmetic.mod: (_BY_ZERO,),
    arithmetic.power: (_Error(_TO_NEGATIVE, ZeroDivisionError, "zero to a negative power"),),
}
_ARITHMETIC = (
    *_OPERATORS, arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.negative,
)  # fmt: skip
_DOMAINS = {  # where functions of `math` raise
    "{0} <= 0": ("log", "log2", "log10"),
    "{0} <= -1": ("log1p",),
    "{0} < 0": ("sqrt",),
    "{0} < 1": ("acosh",),
    "abs({0}) > 1": ("acos", "asin"),
    "abs({0}) >= 1": ("atanh",),
}
_FUNCTIONS = {
    f"math.{name}": (_Error(test, ValueError, "math domain error"),)
    for test, names in _DOMAINS.items()
    for name in names
} | {
    "math.pow": tuple(
        _Error(test, ValueError, "math domain error")
        for test in (_TO_NEGATIVE, "-np.inf < {0} < 0 and {1} % 1 > 0")
    )
}


def python_errors(fn: Function) -> Function:
    """`fn` with checks in front of operations that raise for Python's numbers."""
    return _Checked(fn)(fn)


class _Checked(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.lengths = lengths_of(fn)
        self.known: set[tuple[str, tuple[Atom, ...]]] = set()  # conditions that were looked at
        self.chosen = _chosen(fn)
        self.loops = _unsettled(fn)
        self.there: set[Value] = set()  # values computed so far

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        before, self.known = self.known, set(self.known)
        self.there.update(old.params)
        new = super().region(old, env, b)
        self.known = before
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op):
            for error in _errors(new):
                self.check(error, tuple(lookup(env, a) for a in new.operands), new, b)
            self.check_without_iterations(new, env, b)
        if isinstance(new, Op) and self.may_be_fraction(new):
            _check_power(new, b)
        if isinstance(new, Op):
            self.check_bounds(new, b)
        self.there.update(new.results)
        b.append(new)

    def may_be_fraction(self, op: Op) -> bool:
        """Whether an operation is a power of integers whose exponent may be negative."""
        if op.decl is not arithmetic.power:
            return False
        kinds = {element_type(a.type).dtype[:3] for a in (*op.operands, op.result)}
        exponent = known_dim(op.operands[1])
        return kinds == {"int"} and (
            exponent is None or not self.lengths.is_at_least_zero(exponent)
        )

    def check_bounds(self, op: Op, b: Builder) -> None:
        """Raise where a Python integer is converted to a dtype that cannot represent it."""
        for atom, dtype in _narrowed(op):
            bounds = np.iinfo(dtype)
            text = f"not {bounds.min} <= {{0}} <= {bounds.max}"
            if (text, (atom,)) in self.known:
                continue
            self.known.add((text, (atom,)))
            fails = b.op(control.test, atom, text=text)
            message = f"a Python integer is out of bounds for {dtype}"
            control.raise_if(b, fails, OverflowError, f"{message}{INCOMPLETE}", op.location)

    def check_without_iterations(self, op: Op, env: Env, b: Builder) -> None:
        """Raise where an operand is Python's number still, since a loop has no iterations."""
        loops = dict.fromkeys(loop for a in op.operands for loop in self.loops.get(a, ()))
        if not loops or op.spelling or op.origin in ("adjoint", "tangent"):
            return
        if not all(a in self.loops or is_python(a) for a in op.operands):
            return
        for error in _OPERATORS.get(op.decl, ()):
            test, operands = error.test, list(op.operands)
            for loop in loops:
                if _has_none_for(op.operands[1], loop):
                    continue
                test += f" and {{{len(operands)}}} <= {{{len(operands) + 1}}}"
                is_up = isinstance(loop.step, Const) and loop.step.value > 0
                operands += [loop.stop, loop.start] if is_up else [loop.start, loop.stop]
            self.check(replace(error, test=test), tuple(lookup(env, a) for a in operands), op, b)

    def check(self, error: _Error, operands: tuple[Atom, ...], op: Op, b: Builder) -> None:
        text, wanted = _decided(error.test, operands)
        condition, is_first = self.chosen.get(op.results[0], (None, True))
        if text != "False" and condition in self.there:
            text = f"{text} and {'' if is_first else 'not '}({{{len(wanted)}}})"
            wanted = (*wanted, condition)
        if text == "False" or (text, wanted) in self.known:
            return
        self.known.add((text, wanted))
        fails = b.op(control.test, *wanted, text=text)
        control.raise_if(b, fails, error.cls, error.message, op.location)


def _unsettled(fn: Function) -> dict[Atom, tuple[For, ...]]:
    """Numbers that are Python's as long as these loops have had no iteration, and NumPy's afterwards."""
    found: dict[Atom, tuple[For, ...]] = {}
    for s in walk(fn.body):
        if isinstance(s, For) and isinstance(s.step, Const):
            pairs = zip(s.carried_results, s.carried, strict=True)
            found |= {r: (s,) for r, a in pairs if _is_numpy(r) and is_python(a)}
        elif isinstance(s, Op) and s.decl in _ARITHMETIC and not s.spelling:
            loops = dict.fromkeys(loop for a in s.operands for loop in found.get(a, ()))
            are_python = all(a in found or is_python(a) for a in s.operands)
            if loops and are_python and _is_numpy(s.result):
                found[s.result] = tuple(loops)
    return found


def _is_numpy(a: Atom) -> bool:
    return is_number_of(a, "float64") and not is_python(a)


def _has_none_for(divisor: Atom, loop: For) -> bool:
    """Whether a loop has no iterations where a divisor is 0."""
    counts = loop.start == const(0) and loop.step == const(1)
    length = known_dim(divisor)
    return counts and (
        loop.stop == divisor or (length is not None and length == known_dim(loop.stop))
    )


def _chosen(fn: Function) -> dict[Value, tuple[Atom, bool]]:
    """Values that a single choice uses, with its condition, and whether the value is the first alternative."""
    uses = count_uses(fn)
    found: dict[Value, tuple[Atom, bool]] = {}
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl is choose:
            condition, first, second = s.operands
            for a, is_first in ((first, True), (second, False)):
                if isinstance(a, Value) and uses[a] == 1:
                    found[a] = condition, is_first
    return found


def _check_power(op: Op, b: Builder) -> None:
    """Raise for a negative power of integers: NumPy's error, or the one that makes the call run in NumPy."""
    base, exponent = op.operands
    message = f"{_NO_INTEGER}{INCOMPLETE}" if all(map(is_python, op.operands)) else _NO_POWERS
    inner = b.inner()
    inner.location, inner.origin = op.location, "compiler"
    if isinstance(exponent.type, Array):
        fails = inner.op(reductions.any, inner.op(arithmetic.less, exponent, const(0)))
    else:
        lengths = [inner.op(memory.axis_length, base, axis=k) for k in range(ndim_of(base.type))]
        text = " and ".join(["{0} < 0", *(f"{{{k}}} > 0" for k in range(1, len(lengths) + 1))])
        fails = inner.op(control.test, exponent, *lengths, text=text)
    control.raise_if(inner, fails, ValueError, message, op.location)
    b.body += inner.body


def _errors(op: Op) -> tuple[_Error, ...]:
    """How an operation on Python's numbers may fail."""
    types = [a.type for a in (*op.operands, *op.results)]
    if not all(isinstance(t, Scalar) and (t.weak or t.dtype == "bool") for t in types):
        return ()
    if any(isinstance(t, Scalar) and t.dtype.startswith("complex") for t in types):
        return ()
    return _FUNCTIONS.get(op.spelling or op.decl.spelling) or _OPERATORS.get(op.decl) or ()


def _narrowed(op: Op) -> list[tuple[Atom, str]]:
    """The Python integers among the operands that take a narrower dtype: that of an array, or a named one."""
    if op.decl is memory.store:
        target, candidates = op.operands[0].type, op.operands[1:2]
    elif op.decl in (conversions.astype, creation.full):
        target, candidates = op.result.type, op.operands[:1]
    elif op.decl.elementwise and op.decl is not elementary.where and op.results:
        target, candidates = op.result.type, op.operands
    else:
        return []
    dtype = target.dtype if isinstance(target, Scalar | Array) else ""
    if dtype not in NARROW:
        return []
    return [(a, dtype) for a in candidates if _may_be_out_of(dtype, a)]


def _may_be_out_of(dtype: str, a: Atom) -> bool:
    """Whether an atom is a Python integer that the dtype may be unable to represent."""
    if isinstance(a, Const):
        bounds = np.iinfo(dtype)
        return type(a.value) is int and not bounds.min <= a.value <= bounds.max
    return is_python(a) and is_number_of(a, "int64")


def _decided(test: str, operands: tuple[Atom, ...]) -> tuple[str, tuple[Atom, ...]]:
    """The condition with known parts evaluated, and the operands that it still uses."""
    left: list[str] = []
    wanted: list[Atom] = []
    for part in test.split(" and "):
        places = [int(k) for k in re.findall(r"\{(\d)\}", part)]
        atoms = {k: known_constant(operands[k]) or operands[k] for k in places}
        own = [k for k in places if not isinstance(atoms[k], Const)]
        names = {k: f"{{{len(wanted) + j}}}" for j, k in enumerate(own)}
        names |= {k: repr(a.value) for k, a in atoms.items() if isinstance(a, Const)}
        part = part.format(*(names.get(k, "") for k in range(len(operands))))
        if own:
            left.append(part)
            wanted += [atoms[k] for k in own]
        elif not eval(part, {"inf": np.inf, "nan": np.nan, "np": np}):
            return "False", ()
    return " and ".join(left) or "True", tuple(wanted)
