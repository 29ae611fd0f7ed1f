"""Guards against NaN: what a test leaves out takes no part in the derivative, whatever lies between it and the test.

    z = np.reshape(x * w, (2, -1))               d_y = np.reshape(d_z, -1)
    np.sum(np.where(np.isnan(z), 0.0, z))        d_w = where((d_y == 0.0) & isnan(d_y * x), 0.0, d_y * x)

The adjoint of an element that is left out is zero, and its derivative may be NaN or infinite. For values on which
guarded values depend, `0.0 * nan` is zero: in elementwise rules by a selection, and in products by zeros in the place
of elements that meet only zero adjoints. Finite derivatives stay as they are, so second derivatives do, too.
(`selected.py` has the shorter form where the test itself reaches the rule.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Call, Function, If, Op, Statement, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.elementwise.elementary import fmax, fmin, held, nan_to_num, where
from srcdiff.ops.elementwise.rounding import isfinite, isinf, isnan
from srcdiff.transforms.ad.adjoints.accumulate import in_dtype
from srcdiff.transforms.ad.adjoints.selected import Mask, chosen, mask_of_operand
from srcdiff.transforms.analysis.activity import useful_values
from srcdiff.transforms.analysis.defuse import definitions_in, uses_outside

_TESTS = (isnan, isinf, isfinite)
_IGNORE_NAN = (nan_to_num, fmax, fmin)


def guarded_values(
    fn: Function, makers: Mapping[Atom, Statement], results: Sequence[Atom] = ()
) -> frozenset[Value]:
    """The values on which `results`, or values that a guard of the function or of a helper leaves out, depend."""
    inner: dict[Function, frozenset[Value]] = {}
    for helper in callees_first(fn)[:-1]:
        inner[helper] = _guarded(helper, definitions_in(walk(helper.body)), (), inner)
    return _guarded(fn, makers, results, inner)


def _guarded(
    fn: Function,
    makers: Mapping[Atom, Statement],
    results: Sequence[Atom],
    inner: Mapping[Function, frozenset[Value]],
) -> frozenset[Value]:
    guards = list(_guards(fn, makers, inner))
    used = useful_values(fn, fn.body.yields) if guards else frozenset()
    active = [a for s, a in guards if isinstance(s, If) or not used.isdisjoint(s.results)]
    found = [*results, *chain.from_iterable(active)]
    return useful_values(fn, found) if found else frozenset()


def _guards(
    fn: Function,
    makers: Mapping[Atom, Statement],
    inner: Mapping[Function, frozenset[Value]],
) -> Iterator[tuple[Statement, Iterable[Atom]]]:
    """The guards of a function, each with the values of which it leaves out elements."""
    for s in walk(fn.body):
        match s:
            case Op(decl=decl) if decl in _IGNORE_NAN:
                yield s, s.operands
            case Op(decl=decl, operands=(condition, *sides)) if decl in (where, choose):
                if _is_guard(condition, makers):
                    yield s, sides
            case Op(decl=decl, operands=(array, *at)) if decl in (memory.index, memory.gather):
                if any(_is_guard(a, makers) for a in at):
                    yield s, (array,)
            case If(condition=condition) if _is_guard(condition, makers, False):
                yield s, uses_outside(s)
            case Call(function=helper) if inner.get(helper):
                pairs = zip(s.operands, helper.params, strict=True)
                yield s, [a for a, p in pairs if p in inner[helper]]


def _is_guard(condition: Atom, makers: Mapping[Atom, Statement], flags: bool = True) -> bool:
    """Whether a condition, or an index, depends on a test for NaN or infinity, or, with `flags`, on an array of flags
    from outside: a branch by such a flag skips its operations, and needs no guard.
    """
    type_ = condition.type
    if not isinstance(type_, Scalar | Array) or type_.dtype not in ("bool", "int64"):
        return False
    made = makers.get(condition)
    if not isinstance(made, Op):
        return flags and isinstance(type_, Array) and type_.dtype == "bool"
    if made.decl in (arithmetic.equal, arithmetic.not_equal):
        return made.operands[0] == made.operands[1]
    if made.decl is held:  # values in log space guard themselves
        return False
    return made.decl in _TESTS or any(_is_guard(a, makers, flags) for a in made.operands)


def without_nan(b: Builder, op: Op, d_out: Atom, amount: Atom) -> Atom:
    """A contribution of an operation's rule: zero where the adjoint is zero and the contribution is NaN."""
    if not isinstance(d_out, Value) or not isinstance(amount, Value):
        return amount
    moved = mask_of_operand(b, op, Mask(b.op(arithmetic.equal, d_out, const(0.0)), False))
    if moved is None:
        return amount
    is_left_out = b.op(arithmetic.bitwise_and, moved.condition, b.op(isnan, amount))
    return chosen(b, Mask(is_left_out, False), amount, const(0.0))


def cleaned_factors(
    b: Builder,
    factors: Sequence[Atom],
    d_out: Value,
    adjoints: Callable[[list[Atom], Atom], Sequence[Atom | None]],
) -> list[Atom]:
    """The factors of a product, with zeros for elements that are NaN or infinite and meet no nonzero adjoint.

    `adjoints(factors, d_out)` are the adjoints of the factors: for factors of one, how many nonzero adjoints each
    element meets.
    """
    is_met = b.op(arithmetic.not_equal, d_out, const(0.0))
    flags = in_dtype(b, chosen(b, Mask(is_met, True), const(1.0), const(0.0)), d_out.type)
    counts = adjoints([_ones_like(b, a) for a in factors], flags)
    return [a if n is None else _cleaned(b, a, n) for a, n in zip(factors, counts, strict=True)]


def _cleaned(b: Builder, factor: Atom, count: Atom) -> Atom:
    is_met = b.op(arithmetic.not_equal, count, const(0.0))
    keeps = b.op(arithmetic.bitwise_or, b.op(isfinite, factor), is_met)
    return chosen(b, Mask(keeps, True), factor, const(0.0))


def _ones_like(b: Builder, a: Atom) -> Atom:
    return b.op(creation.full_like, a, const(1.0)) if isinstance(a.type, Array) else const(1.0)
