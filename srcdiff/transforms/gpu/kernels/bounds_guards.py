"""Conditions of kernels that are bounds: they let threads pass that lie side by side, all but those at an end."""

from __future__ import annotations

from collections.abc import Callable

from srcdiff.ir.core import Atom, Const, Function, If, Op, Statement, Value, walk
from srcdiff.transforms.gpu.kernels.atomics import Place

__all__ = ["ORDERS", "Guard", "Guards"]

Guard = tuple[Atom, bool]  # a condition, and what it says where one is

ORDERS = ("less", "less_equal", "greater", "greater_equal")


class Guards:
    """What conditions say of where threads are; `differs`: whether something is not the same for all of them."""

    def __init__(
        self, fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
    ) -> None:
        self.place, self.differs = place, differs
        self.maker: dict[Value, Statement] = {v: s for s in walk(fn.body) for v in s.results}

    def is_bound(self, condition: Atom, says: bool) -> bool:
        """Whether a condition that is true, or not, lets neighbours pass alike: all of them, or from some place on."""
        if not self.differs(condition):
            return True
        made = self.maker.get(condition) if isinstance(condition, Value) else None
        if isinstance(made, If):  # `a and b`, `a or b`
            k = made.results.index(condition)
            first, second = made.then.yields[k], made.orelse.yields[k]
            if says and second == Const(False, second.type):
                return self.is_bound(made.condition, True) and self.is_bound(first, True)
            if not says and first == Const(True, first.type):
                return self.is_bound(made.condition, False) and self.is_bound(second, False)
            return False
        if not isinstance(made, Op):
            return False
        name = made.decl.name
        if name == ("and" if says else "or"):
            return all(self.is_bound(a, says) for a in made.operands)
        if name not in ORDERS:
            return False
        left, right = made.operands
        is_below = (name in ORDERS[:2]) == says
        if self.place(right) is not None:
            left, right, is_below = right, left, not is_below
        if self.place(left) is None or self.differs(right):
            return False
        return not (is_below and isinstance(right, Const))
