"""Results whose names the backward part needs for something else are kept under a name of their own.

E = E - step                          E = E - step
...                                   value = E
for new_E in reversed(Es): ...        for E in reversed(Es): ...
return E, d_e                         return value, d_e
"""

from __future__ import annotations

from srcdiff.codegen.facts import Facts
from srcdiff.codegen.plan import Copy, Jump, Node, Plan
from srcdiff.ir.core import Atom, Value

__all__ = ["keep_outcomes"]


def keep_outcomes(plan: Plan, facts: Facts) -> bool:
    """Copy such results at the end of the forward part; whether there were any. The plan has to be numbered anew."""
    last = plan.nodes[-1] if plan.nodes else None
    users = [
        k
        for k, node in enumerate(plan.nodes)
        if node.origin == "user" and not isinstance(node, Jump)
    ]
    if not isinstance(last, Jump) or not users or all(n.origin != "adjoint" for n in plan.nodes):
        return False
    start = plan.nodes[users[-1] + 1].point - 1
    kept: dict[Value, Value] = {}
    for k, atom in enumerate(last.operands):
        if isinstance(atom, Value) and _is_wanted_again(atom, start, last, facts):
            kept.setdefault(atom, Value(atom.type, "value" if k == 0 else f"{atom.name}_out"))
    if not kept:
        return False
    copies: list[Node] = [Copy(tuple(kept.values()), tuple(kept), "user")]
    plan.nodes[users[-1] + 1 : users[-1] + 1] = copies
    operands: tuple[Atom, ...] = tuple(
        kept.get(a, a) if isinstance(a, Value) else a for a in last.operands
    )
    plan.nodes[-1] = Jump(last.kind, operands, last.origin)
    return True


def _is_wanted_again(value: Value, start: int, last: Jump, facts: Facts) -> bool:
    """Whether another value takes the name of a result once only `return` reads it."""
    reads = [u.last for u in facts.uses.get(value, ()) if u.node is not last]
    begin = max([start, *(r for r in reads if r > start)])
    made = max(facts.defined.get(value, [0]))
    return made <= begin and facts.renamed(value, begin, last.point)
