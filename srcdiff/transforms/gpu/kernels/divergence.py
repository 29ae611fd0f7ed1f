"""Divergence analysis: the dimensions of the launch, such as "threadIdx.x", along which a value varies between threads.

    i, j = cuda.grid(2)       # i: along blockIdx.x and threadIdx.x; j: along blockIdx.y and threadIdx.y
    a = x[i] + x[j]           # a: along all four
    n = x.shape[0]            # n: uniform

A value that is assigned under a divergent condition, or carried by a loop with a divergent trip count, varies, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import ops_of
from srcdiff.ir.core import For, Function, If, Op, Region, While
from srcdiff.ir.values import Atom
from srcdiff.ops.control.cuda_kernel import grid, is_barrier, position, shared_array

Dims = frozenset[str]

BLOCKS = ("blockIdx.x", "blockIdx.y", "blockIdx.z")
THREADS = ("threadIdx.x", "threadIdx.y", "threadIdx.z")


def launch_dims(fn: Function) -> Mapping[Atom, Dims]:
    """The dimensions along which each value varies; for local and shared arrays, along which their contents vary."""
    found = _Dims(fn)
    before = -1
    while before != found.size():
        before = found.size()
        found.region(fn.body, frozenset())
    return found.of


class _Dims:
    def __init__(self, fn: Function) -> None:
        self.of: dict[Atom, Dims] = defaultdict(frozenset)
        self.roots = storage_roots(fn)
        self.params = set(fn.params)
        made = (s for s in ops_of(fn) if s.decl is shared_array)
        self.shared = {s.result for s in made}

    def size(self) -> int:
        return sum(map(len, self.of.values()))

    def all_of(self, *atoms: Atom) -> Dims:
        known = [self.of[a] for a in atoms]
        return frozenset().union(*known, *(self.of[r] for a in atoms for r in self.roots.of(a)))

    def region(self, region: Region, around: Dims) -> None:
        """Analyse a region; `around`: the dimensions along which it varies whether a thread executes the region."""
        for s in region.body:
            if isinstance(s, Op):
                self.op(s, around)
            elif isinstance(s, If):
                self.branches(s, around)
            elif isinstance(s, For | While):
                self.loop(s, around)

    def op(self, op: Op, around: Dims) -> None:
        if is_barrier(op) or op.decl is shared_array:
            return
        if op.decl is grid:
            for axis, r in zip("xyz", op.results, strict=False):
                self.of[r] = frozenset((f"blockIdx.{axis}", f"threadIdx.{axis}"))
            return
        if op.decl is position:
            own = op.attrs["of"]
            self.of[op.result] = frozenset(
                THREADS if own == "laneid" else {own} & {*BLOCKS, *THREADS}
            )
            return
        found = self.all_of(*op.operands)
        for r in op.results:
            self.of[r] |= found
        for root in writes_of(op, self.roots) - self.params:
            stored = found | around
            self.of[root] |= stored & {*BLOCKS} if root in self.shared else stored

    def branches(self, s: If, around: Dims) -> None:
        condition = self.all_of(s.condition)
        self.region(s.then, around | condition)
        self.region(s.orelse, around | condition)
        for r, one, other in zip(s.results, s.then.yields, s.orelse.yields, strict=True):
            self.of[r] |= condition | self.all_of(one, other)

    def loop(self, s: For | While, around: Dims) -> None:
        iterations = self.iterations(s)
        results = s.carried_results if isinstance(s, For) else s.results
        params = [s.body.params[1:] if isinstance(s, For) else s.body.params]
        if isinstance(s, For):
            self.of[s.index] |= iterations
        elif s.test is not None:
            params.append(s.test.params)
        for k, (start, end, r) in enumerate(zip(s.carried, s.carried_yields, results, strict=True)):
            found = iterations | self.all_of(start, end)
            for v in (r, *(p[k] for p in params)):
                self.of[v] |= found
        if isinstance(s, While) and s.test is not None:
            self.region(s.test, around | iterations)
        self.region(s.body, around | iterations)

    def iterations(self, s: For | While) -> Dims:
        """The dimensions along which the trip count varies."""
        if isinstance(s, For):
            return self.all_of(s.start, s.stop, s.step, *(s.body.yields[:1] if s.breaks else ()))
        region = s.test if s.test is not None else s.body
        return self.all_of(*region.yields[:1])
