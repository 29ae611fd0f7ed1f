"""Strict floating point: a program that compares computed numbers for equality is compiled without fast-math flags.

    top = max(s);  hits = s == top        # `s` is computed for the maximum, and again here

With fast-math, LLVM may reorder sums, and contract a product and a sum. The two computations of `s` may then differ in
the last digit: no element is equal, and the derivative is 0 / 0. All callees are compiled without the flags, too.
"""

from __future__ import annotations

from srcdiff.ir.core import Function, Op, Region, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import all_regions

_EQUALITIES = (arithmetic.equal, arithmetic.not_equal)


def compares_results(fn: Function) -> bool:
    """Whether a function, or a callee, compares two numbers for equality that may both have been computed."""
    return any(_compares(f.body) for f in callees_first(fn))


def _compares(body: Region) -> bool:
    ties = _only_ties(body)
    compared = (s for s in walk(body) if isinstance(s, Op) and s.decl in _EQUALITIES)
    return any(s.result not in ties and all(map(_is_computed, s.operands)) for s in compared)


def _is_computed(atom: Atom) -> bool:
    return not isinstance(atom, Const) and is_float(atom.type)


def _only_ties(region: Region) -> set[Value]:
    """The values that only `0.5 if x == y else x > y` uses: near a tie, either result is one of the sides."""
    found: set[Atom] = set()
    others: set[Atom] = set()
    for s in walk(region):
        for k, operand in enumerate(s.operands):
            is_tie = (
                isinstance(s, Op) and s.decl is choose and not k and s.operands[1] == const(0.5)
            )
            (found if is_tie else others).add(operand)
    for inner in all_regions(region):
        others.update(inner.yields)
    return {v for v in found - others if isinstance(v, Value)}
