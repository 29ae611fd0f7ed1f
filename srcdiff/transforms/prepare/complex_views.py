"""Complex part views: a real or imaginary part of a written array becomes a new array where no later write shows in it.

    %r = real %y                    %0 = read %y
    %s = sum %r           becomes   %r = real_parts %0          (a new array)
    store %y, ...                   %s = sum %r
                                    store %y, ...

In NumPy a part is a view, so later writes show in it. A new array has the same values if all uses of the part come
before the next write, in the same iteration of the same loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.core import Function, Op, OpDecl, Statement, regions_of, walk
from srcdiff.ir.values import Value
from srcdiff.ops.elementwise import complex_numbers
from srcdiff.transforms.analysis.dependence.load_stability import Program

ALWAYS_VIEWS = {"real", "imag", "diag", "diagonal", "einsum_view", "broadcast_to"}

_NEW: Mapping[OpDecl, OpDecl] = {
    complex_numbers.real: complex_numbers.real_parts,
    complex_numbers.imag: complex_numbers.imaginary_parts,
}


class Uses:
    """Which statements use each value of a function; None stands for the yields of regions."""

    def __init__(self, fn: Function) -> None:
        self.found: dict[object, list[Statement | None]] = {}
        for y in fn.body.yields:
            self.found.setdefault(y, []).append(None)
        for s in walk(fn.body):
            for a in s.operands:
                self.found.setdefault(a, []).append(s)
            for region in regions_of(s):
                for y in region.yields:
                    self.found.setdefault(y, []).append(None)

    def of(self, value: Value) -> Sequence[Statement | None]:
        """The uses of a value and of its views."""
        out = list(self.found.get(value, ()))
        for s in tuple(out):
            if isinstance(s, Op) and s.decl.holds:
                out.append(None)
            elif isinstance(s, Op) and s.view_of is not None and s.operands[s.view_of] is value:
                out += [u for r in s.results for u in self.of(r)]
        return out


def own_part(op: Op, program: Program, uses: Uses) -> Op | None:
    """The operation that makes a new array in the place of a part; None where results might differ."""
    new = _NEW.get(op.decl)
    if new is None:
        return None
    users = uses.of(op.result)
    if any(u is None or program.around[id(u)] != program.around[id(op)] for u in users):
        return None
    start, end = (program.number[id(op)], max((program.number[id(u)] for u in users), default=0))
    base = op.operands[0]
    assert isinstance(base, Value)
    for root in program.roots.get(base, ()):
        if any(start < program.number[id(w)] < end for w in program.writes.get(root, ())):
            return None
    return replace(op, decl=new, spelling="")
