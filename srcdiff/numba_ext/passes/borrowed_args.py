"""Reference-count elision: array arguments are borrowed from the caller for the time of the call, and are not counted.

Numba's functions take a reference to each array argument, and release it at the end: two atomic additions for each,
unless LLVM sees that they cancel. With checked indices, which may raise, LLVM mostly does not see it; a recursive
function spends most of its time there. Variables that get other arrays, or are returned, count as before.
"""

from __future__ import annotations

from collections import Counter

from llvmlite import ir as llvm
from numba.core import ir, types
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering


def borrow_arguments(passes: PassManager) -> None:
    """Replace Numba's pass by srcdiff's."""
    ours = {NativeLowering: _Lowering}
    passes.passes = [(ours.get(p, p), description) for p, description in passes.passes]


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "srcdiff_native_lowering"

    @property
    def lowering_class(self) -> type[_Borrowing]:
        return _Borrowing


class _Borrowing(Lower):
    """`borrowed`: the variables that hold an argument, and nothing else at any time."""

    borrowed: frozenset[str] = frozenset()
    is_taken = False  # whether the argument is assigned to its variable

    def pre_lower(self) -> None:
        super().pre_lower()
        self.borrowed = _borrowed(self)

    def lower_assign(self, ty: types.Type, inst: ir.Assign) -> llvm.Value:
        self.is_taken = inst.target.name in self.borrowed
        try:
            return super().lower_assign(ty, inst)
        finally:
            self.is_taken = False

    def incref(self, typ: types.Type, val: llvm.Value) -> None:
        if not self.is_taken:
            super().incref(typ, val)

    def delvar(self, name: str) -> None:
        if name not in self.borrowed:
            super().delvar(name)


def _borrowed(lower: _Borrowing) -> frozenset[str]:
    if lower.generator_info:  # a generator's frame outlives the call
        return frozenset()
    statements = [s for block in lower.blocks.values() for s in block.body]
    assigned = Counter(s.target.name for s in statements if isinstance(s, ir.Assign))
    returned = {s.value.name for s in statements if isinstance(s, ir.Return)}
    return frozenset(
        s.target.name
        for s in statements
        if isinstance(s, ir.Assign)
        and isinstance(s.value, ir.Arg)
        and isinstance(lower.typeof(s.target.name), types.Array)
        and assigned[s.target.name] == 1
        and s.target.name not in returned
    )
