"""Branch save deduplication: a value that a branch both yields and saves is saved once, as the branch's result.

    %y = if %c {                                         %y = if %c {
        %v = exp %x; save[slot=1] %v; yield %v }             %v = exp %x; yield %v }
    else { yield %x }                            ->      else { yield %x }
    ...                                                  ...
    %d = if %c {                                         %d = if %c {
        %w = restore[slot=1]; ... }                          ... %y ... }

Both branches must stand in the same iteration. They have the same condition, so that the result is the saved value.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder, Env, Rewriter, map_ops, ops_of
from srcdiff.ir.core import Function, If, Op, Region, Statement, walk
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import same_kind, written_values


def dedup_branch_saves(fn: Function) -> Function:
    """`fn` without saves of values that are results of branches."""
    saved = [s.operands[0] for s in ops_of(fn) if s.decl is memory.save]
    if not saved or not any(isinstance(s, If) for s in walk(fn.body)):
        return fn
    pass_ = _BranchResults(fn)
    new = pass_(fn)

    def is_restored(op: Op) -> bool:
        return op.decl is not memory.save or op.attrs["slot"] not in pass_.taken

    return map_ops(new, lambda op: op if is_restored(op) else None) if pass_.taken else fn


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
