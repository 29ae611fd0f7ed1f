"""Save/restore elimination: a `restore` after its `save` in the same region becomes the saved value.

    save[slot] %t                 %a = multiply %t, 2.0
    %r = restore[slot]     ->
    %a = multiply %r, 2.0

Mirror loop fusion brings such pairs into one region.
"""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Region, Statement, regions_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.analysis.effects import footprint


def pair_up_saves(fn: Function) -> Function:
    """`fn` without save/restore pairs that stand in one region."""
    pairs = _Pairs(fn)
    out = pairs(fn)
    return substitute(out, pairs.values) if pairs.values else fn


class _Pairs(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.values: Env = {}

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        removed = self.find(old)
        return super().region(
            Region(old.params, tuple(s for s in old.body if s not in removed), old.yields), env, b
        )

    def find(self, region: Region) -> set[Statement]:
        """The pairs of one region. A nested region that uses a slot separates the statements before and after it."""
        removed: set[Statement] = set()
        saved: dict[object, list[Op]] = {}
        for statement in region.body:
            if isinstance(statement, Op):
                slot = statement.attrs.get("slot")
                if statement.decl is memory.save:
                    saved.setdefault(slot, []).append(statement)
                elif statement.decl is memory.restore and saved.get(slot):
                    save = saved[slot].pop()
                    removed |= {save, statement}
                    self.values[statement.result] = save.operands[0]
            elif saved and regions_of(statement):
                for slot in footprint(statement, self.roots).slots:
                    saved.pop(slot, None)
        return removed
