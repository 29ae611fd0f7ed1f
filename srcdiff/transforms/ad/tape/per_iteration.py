"""Residuals of one iteration: an iteration that restores values which it saves itself is planned as its own program.

    for i:                                          for i:
        for j: ... save[1] %p           becomes         %ps = empty %n
        for j reverse: ... restore[1]                   for j: store %ps, %p, %j
                                                        for j reverse: index %ps, %j

The residuals are stored for one iteration only, in storage that the next iteration may use again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, map_region
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.values import Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import all_regions, defined_in, used_atoms
from srcdiff.transforms.analysis.dependence.loop_dependence import counts_from_front

Decide = Callable[[Function, Roots], Function]


def decide_per_iteration(fn: Function, decide: Decide) -> Function:
    """`fn` after `decide` for each inner region that restores a value that it saves; inner regions come first."""
    while (region := _innermost(fn.body)) is not None:
        fn = _decided(fn, region, decide)
    return fn


def _innermost(top: Region) -> Region | None:
    """A region that saves and restores a value, while no region inside it does."""
    found = [r for r in all_regions(top) if r is not top and _restores_own(r)]
    return next((r for r in found if not any(s in found for s in _inside(r))), None)


def _inside(region: Region) -> list[Region]:
    return [r for r in all_regions(region) if r is not region]


def _restores_own(region: Region) -> bool:
    ops = [s for s in walk(region) if isinstance(s, Op) and "slot" in s.attrs]
    saved = {op.attrs["slot"] for op in ops if op.decl is memory.save}
    return any(op.decl is memory.restore and op.attrs["slot"] in saved for op in ops)


def _decided(fn: Function, region: Region, decide: Decide) -> Function:
    """`fn` after `decide` for one of its regions, as a function whose parameters are all values that it uses."""
    inside = set(defined_in(region))
    used = (a for s in region.body for a in used_atoms(s))
    outer = [a for a in (*used, *region.yields) if isinstance(a, Value) and a not in inside]
    params = tuple(dict.fromkeys((*fn.params, *outer, *region.params)))
    nonnegative = (*fn.lengths.nonnegative, *_counts_among(params, fn))
    alone = replace(
        fn,
        body=Region(params, region.body, region.yields),
        lengths=replace(fn.lengths, nonnegative=nonnegative),
    )
    done = decide(alone, storage_roots(fn))
    body = Region(region.params, done.body.body, done.body.yields)
    owner = next(s for s in walk(fn.body) if region in regions_of(s))
    # a repeated iteration: its own pairs are not pairs of the whole function
    if owner.origin == "adjoint":
        body = map_region(body, unpaired)
    fn = _Exchange(region, body)(fn)
    adjoint_of = done.derivative.adjoint_of
    return replace(fn, derivative=replace(fn.derivative, adjoint_of=adjoint_of))


def _counts_among(params: Sequence[Value], fn: Function) -> list[str]:
    """The symbols of parameters that are indices of enclosing loops, and never negative."""
    indices = {s.index for s in walk(fn.body) if isinstance(s, For) and counts_from_front(s)}
    dims = [known_dim(p) for p in params if p in indices]
    return [str(symbol) for dim in dims if dim is not None for symbol in dim.symbols()]


class _Exchange(Rewriter):
    def __init__(self, old: Region, new: Region) -> None:
        self.old, self.new = old, new

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        return self.new if old is self.old else super().region(old, env, b)


def unpaired(s: Statement) -> Statement:
    """A statement without its mirror in an earlier derivative."""
    return replace(s, pair=0) if isinstance(s, If | For | While) else s
