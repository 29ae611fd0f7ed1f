"""Save/restore elimination: a `restore` after its `save` in the same region becomes the saved value.

    save[slot] %t                 %a = multiply %t, 2.0
    %r = restore[slot]     ->
    %a = multiply %r, 2.0

Mirror loop fusion brings such pairs into one region.

Branch save deduplication: a value that a branch both yields and saves is saved once, as the branch's result.

    %y = if %c {                                         %y = if %c {
        %v = exp %x; save[slot=1] %v; yield %v }             %v = exp %x; yield %v }
    else { yield %x }                            ->      else { yield %x }
    ...                                                  ...
    %d = if %c {                                         %d = if %c {
        %w = restore[slot=1]; ... }                          ... %y ... }

Both branches must stand in the same iteration. They have the same condition, so that the result is the saved value.
"""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, ops_of
from srcdiff.ir.core import Function, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import same_kind, substitute, without_saves, written_values
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


def dedup_branch_saves(fn: Function) -> Function:
    """`fn` without saves of values that are results of branches."""
    saved = [s.operands[0] for s in ops_of(fn) if s.decl is memory.save]
    if not saved or not any(isinstance(s, If) for s in walk(fn.body)):
        return fn
    pass_ = _BranchResults(fn)
    new = pass_(fn)
    return without_saves(new, pass_.taken) if pass_.taken else fn


class _BranchResults(Rewriter):
    """`available`: slot -> the result of a branch that holds its value, for statements of the same iteration."""

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.available: dict[int, Value] = {}
        self.taken: set[int] = set()

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if (
            isinstance(old, Op)
            and old.decl is memory.restore
            and old.attrs["slot"] in self.available
        ):
            env[old.result] = self.available[old.attrs["slot"]]
            self.taken.add(old.attrs["slot"])
            return
        outer = self.available
        self.available = dict(outer) if isinstance(old, If) else {}
        b.append(self.keep(old, env, b))
        self.available = outer
        if isinstance(old, If):
            for branch in (old.then, old.orelse):
                outer |= self.results_of(branch, old)

    def results_of(self, branch: Region, s: If) -> dict[int, Value]:
        """The slots in which a branch saves values that it yields, each with the result of the branch."""
        found: dict[int, Value] = {}
        for op in branch.body:
            if isinstance(op, Op) and op.decl is memory.save and op.operands[0] in branch.yields:
                result = s.results[branch.yields.index(op.operands[0])]
                is_same = same_kind(result.type, op.operands[0].type)
                if is_same and self.written.isdisjoint((result, *op.operands)):
                    found[op.attrs["slot"]] = result
        return found
