"""Exit test peeling: the last iteration of a `while`, which only finds that the test fails, is not reversed.

    while True:                                 while x > tol:
        xs.append(x)                                xs.append(x)
        if x > tol:                                 x = f(x)
            x = f(x)                                if x > big:
            if x > big:                                 break
                break
        else:                            ->     for x in reversed(xs):
            break                                   ...
    for x in reversed(xs):
        if x > tol:
            ...

A `while` loop with a `break` has its test inside the body. If an iteration whose test fails changes nothing, and its
mirror does nothing, residuals are stored after the test. The mirror then needs no test.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, walk
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers
from srcdiff.transforms.analysis.defuse import used_atoms


def peel_exit_tests(fn: Function) -> Function:
    """`fn` where the last iteration of a `while` that changes nothing stores nothing, and has no mirror."""
    loops = [s for s in walk(fn.body) if isinstance(s, While | For) and s.pair]
    untested = {s.pair: s for s in loops if isinstance(s, While) and s.test is None}
    mirrored = {s.pair: s for s in loops if isinstance(s, For) and s.pair in untested}
    pairs = frozenset(p for p, m in mirrored.items() if _is_idle(untested[p], m, fn))
    return _DropLastIterations(pairs)(fn) if pairs else fn


def _is_idle(loop: While, mirror: For, fn: Function) -> bool:
    """Whether the last iteration of a loop only appends residuals to lists, and its mirror changes nothing."""
    branch, back = _question(loop.body), _question(mirror.body)
    if branch is None or back is None or not branch.pair or branch.pair != back.pair:
        return False
    go, *carried = loop.body.yields
    if _otherwise(branch, go) != const(False) or not _stays(branch, carried, loop.body.params):
        return False
    kept = _appends(loop.body)
    if not all(_is_free(s) or s in kept for s in loop.body.body[:-1]):
        return False
    if not all(_is_free(s) for s in mirror.body.body[:-1]):
        return False
    return (
        _stays(back, mirror.carried_yields, mirror.body.params[1:])
        and _runs_over(mirror, {s.operands[0] for s in kept}, fn)
        and not mirror.breaks
    )


def _question(body: Region) -> If | None:
    last = body.body[-1] if body.body else None
    return last if isinstance(last, If) else None


def _otherwise(branch: If, atom: Atom) -> Atom | None:
    """The value of an atom after the branch if the test fails."""
    if atom in branch.results and isinstance(atom, Value):
        return branch.orelse.yields[branch.results.index(atom)]
    return atom


def _stays(branch: If, yields: tuple[Atom, ...] | list[Atom], params: tuple[Value, ...]) -> bool:
    found = [_otherwise(branch, y) for y in yields]
    return not branch.orelse.body and found == list(params)


def _is_free(s: Statement) -> bool:
    """Whether a statement may be removed, or moved within the iteration."""
    return isinstance(s, Op) and not s.decl.writes and not s.decl.effect


def _appends(body: Region) -> list[Statement]:
    """The appends of a pass in front of the test."""
    return [
        s
        for s in body.body[:-1]
        if isinstance(s, Op) and s.decl is containers.append and s.origin == "compiler"
    ]


def _runs_over(mirror: For, lists: set[Atom], fn: Function) -> bool:
    """Whether the mirror runs over the length of one of the lists, and uses its index only for items of the lists."""
    lengths = {
        s.results[0]
        for s in walk(fn.body)
        if isinstance(s, Op) and s.decl is containers.list_length and s.operands[0] in lists
    }
    counted = [s for s in walk(mirror.body) if mirror.index in set(used_atoms(s))]
    taken = all(
        isinstance(s, Op) and s.decl is containers.list_item and s.operands[0] in lists
        for s in counted
    )
    return mirror.stop in lengths and taken


class _DropLastIterations(Rewriter):
    def __init__(self, pairs: frozenset[int]) -> None:
        self.pairs = pairs

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, While) and old.pair in self.pairs:
            old = replace(old, body=_put_away_inside(old.body))
        elif isinstance(old, For) and old.pair in self.pairs:
            old = _over_what_it_takes(replace(old, body=_without_question(old.body)), env, b)
        super().statement(old, env, b)


def _without_question(body: Region) -> Region:
    branch = body.body[-1]
    assert isinstance(branch, If)
    env: Env = dict(zip(branch.results, branch.then.yields, strict=True))
    yields = tuple(lookup(env, y) for y in body.yields)
    needed = set(yields) | {a for s in branch.then.body for a in used_atoms(s)}
    kept: list[Statement] = []
    for s in reversed(body.body[:-1]):
        if needed.intersection(s.results):
            needed.update(used_atoms(s))
            kept.append(s)
    return Region(body.params, (*reversed(kept), *branch.then.body), yields)


def _over_what_it_takes(loop: For, env: Env, b: Builder) -> For:
    """The loop over the length of a list from which it still takes items."""
    taken = [
        s.operands[0] for s in loop.body.body if isinstance(s, Op) and loop.index in s.operands
    ]
    if not taken:
        return loop
    b.location, b.origin = loop.location, loop.origin
    return replace(loop, stop=b.op(containers.list_length, lookup(env, taken[0])))


def _put_away_inside(body: Region) -> Region:
    branch = body.body[-1]
    assert isinstance(branch, If)
    moved = _appends(body)
    then = replace(branch.then, body=(*moved, *branch.then.body))
    before = tuple(s for s in body.body[:-1] if s not in moved)
    return replace(body, body=(*before, replace(branch, then=then, pair=0)))
