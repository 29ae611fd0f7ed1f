"""Helpers of a few lines, whose results logarithms are taken of in the end, are part of who calls them (branches too).

    def pdf(x, m):                                   for x in X:
        return np.exp(-0.5 * (x - m) ** 2)               like *= np.exp(-0.5 * (x - m) ** 2)
                                           ->        return np.log(like)
    for x in X:
        like *= pdf(x, m)
    return np.log(like)

Rewritings of what loops and lists collect do not look into calls. Whether anything is gained, `stabilise` tries.
"""

from __future__ import annotations

from collections import defaultdict

from srcdiff.ir.core import Atom, Call, For, Function, If, Op, regions_of, walk
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.reachability import spread
from srcdiff.transforms.logspace.logarithm import LOGARITHMS
from srcdiff.transforms.simplify.inline import Inline, is_few_lines

__all__ = ["asked_values", "inline_logs"]

_LINES = 12  # of a helper that is looked into
_DEPTH = 3  # helpers that call helpers
_THROUGH = {
    "add", "subtract", "multiply", "divide", "negative", "sum", "mean", "prod", "matmul", "dot", "power", "square",
    "sqrt", "index", "gather", "where", "choose", "reshape", "transpose", "stack", "array_of", "list_item", "read",
    "float64", "to_float",
}  # fmt: skip
_FILLS = (
    containers.append,
    memory.store,
    memory.add_into,
)  # what is in the first operand afterwards


def inline_logs(fn: Function) -> Function:
    """`fn` with the statements of such helpers in the place of their calls."""
    if not any(isinstance(s, Op) and s.decl.name in LOGARITHMS for s in walk(fn.body)):
        return fn
    for _ in range(_DEPTH):
        calls = asked_calls(fn)
        if not calls:
            break
        fn = _InlineLogs(fn, calls)(fn)
    return fn


def asked_calls(fn: Function) -> set[Call]:
    """The calls of helpers of a few lines that logarithms are taken of, by sums, products and loops."""
    calls: dict[Atom, Call] = {
        r: s for s in walk(fn.body) if isinstance(s, Call) for r in s.results
    }
    return {
        c
        for a in asked_values(fn)
        if (c := calls.get(a)) and is_few_lines(c.function, _LINES, Call, If)
    }


def asked_values(fn: Function) -> set[Atom]:
    """What logarithms are taken of, and what that is made of by sums, products, loops and branches."""
    made_of: dict[Atom, list[Atom]] = defaultdict(list)
    pending: list[Atom] = []
    for s in walk(fn.body):
        if isinstance(s, Op):
            if s.decl.name in LOGARITHMS:
                pending += s.operands
            elif s.decl in _FILLS:
                made_of[s.operands[0]].append(s.operands[1])
            elif s.decl.name in _THROUGH:
                for r in s.results:
                    made_of[r] += s.operands
        elif isinstance(s, For | If):
            for k, r in enumerate(s.results):
                made_of[r] += [region.yields[k] for region in regions_of(s)]
            if isinstance(s, For):
                for p, first, y in zip(s.body.params[1:], s.carried, s.carried_yields, strict=True):
                    made_of[p] += [first, y]
    return spread(pending, made_of)


class _InlineLogs(Inline):
    def __init__(self, fn: Function, calls: set[Call]) -> None:
        super().__init__(fn, _LINES)
        self.calls = calls

    def may_inline(self, call: Call) -> bool:
        return call in self.calls and super().may_inline(call)
