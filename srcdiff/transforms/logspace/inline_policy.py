"""Inlining of small helpers whose results end in logarithms, helpers with branches included.

    def pdf(x, m):                                   for x in X:
        return np.exp(-0.5 * (x - m) ** 2)               like *= np.exp(-0.5 * (x - m) ** 2)
                                           ->        return np.log(like)
    for x in X:
        like *= pdf(x, m)
    return np.log(like)

The rewritings of loops and lists do not look into calls. `stability.stabilise` keeps the change only if more logarithms
are rewritten with it.
"""

from __future__ import annotations

from collections import defaultdict

from srcdiff.ir.build import ops_of
from srcdiff.ir.core import Call, For, Function, If, Op, regions_of, walk
from srcdiff.ir.values import Atom
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.reachability import spread
from srcdiff.transforms.logspace.logarithm import LOGARITHMS
from srcdiff.transforms.simplify.calls.inline import inline_chosen, is_few_lines

_LINES = 12  # statements of an inlined helper, at most
_THROUGH = {
    "add", "subtract", "multiply", "divide", "negative", "sum", "mean", "prod", "matmul", "dot", "power", "square",
    "sqrt", "index", "gather", "where", "choose", "reshape", "transpose", "stack", "array_of", "list_item", "read",
    "float64", "to_float",
}  # fmt: skip
# operations that write their second operand into the first
_FILLS = (containers.append, memory.store, memory.add_into)


def inline_logs(fn: Function) -> Function:
    """`fn` with calls replaced by the statements of their helpers, where logarithms use the results."""
    if not any(s.decl.name in LOGARITHMS for s in ops_of(fn)):
        return fn
    return inline_chosen(fn, calls_under_logarithms)


def calls_under_logarithms(fn: Function) -> set[Call]:
    """The calls of small helpers whose results reach a logarithm through sums, products, loops and branches."""
    calls: dict[Atom, Call] = {
        r: s for s in walk(fn.body) if isinstance(s, Call) for r in s.results
    }
    return {
        c
        for a in values_under_logarithms(fn)
        if (c := calls.get(a)) and is_few_lines(c.function, Call, If, most=_LINES)
    }


def values_under_logarithms(fn: Function) -> set[Atom]:
    """The operands of logarithms, and the values that reach them through sums, products, loops and branches."""
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
