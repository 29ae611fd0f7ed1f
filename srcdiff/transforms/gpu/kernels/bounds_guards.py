"""Bounds guards: conditions of kernels that are true for neighbouring threads, except for threads at an end."""

from __future__ import annotations

from collections.abc import Callable

from srcdiff.ir.core import Function, If, Op, walk
from srcdiff.ir.values import Atom, Const
from srcdiff.transforms.analysis.defuse import definitions_in
from srcdiff.transforms.gpu.kernels.atomics import Place

Guard = tuple[Atom, bool]  # a condition, and its value on the path

ORDERS = ("less", "less_equal", "greater", "greater_equal")


class Guards:
    """Classifies conditions on thread positions; `differs`: whether a value varies between threads."""

    def __init__(
        self, fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
    ) -> None:
        self.place, self.differs = place, differs
        self.maker = definitions_in(walk(fn.body))

    def is_bound(self, condition: Atom, value: bool) -> bool:
        """Whether `condition == value` holds for all threads, or for all threads up to or from some position."""
        if not self.differs(condition):
            return True
        made = self.maker.get(condition)
        if isinstance(made, If):  # `a and b`, `a or b`
            k = made.results.index(condition)
            first, second = made.then.yields[k], made.orelse.yields[k]
            if value and second == Const(False, second.type):
                return self.is_bound(made.condition, True) and self.is_bound(first, True)
            if not value and first == Const(True, first.type):
                return self.is_bound(made.condition, False) and self.is_bound(second, False)
            return False
        if not isinstance(made, Op):
            return False
        name = made.decl.name
        if name == ("and" if value else "or"):
            return all(self.is_bound(a, value) for a in made.operands)
        if name not in ORDERS:
            return False
        left, right = made.operands
        is_below = (name in ORDERS[:2]) == value
        if self.place(right) is not None:
            left, right, is_below = right, left, not is_below
        if self.place(left) is None or self.differs(right):
            return False
        return not (is_below and isinstance(right, Const))
