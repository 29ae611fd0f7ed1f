"""Results whose names the backward part needs for something else are kept under a name of their own.

E = E - step                              E = E - step
...                                       value = E
for new_E in reversed(Es): ...   becomes  for E in reversed(Es): ...
return E, d_e                             return value, d_e
"""

from __future__ import annotations

from srcdiff.codegen.plan.defuse import Facts
from srcdiff.codegen.plan.plan import Copy, Jump, Node, Plan
from srcdiff.ir.values import Atom, Value


def keep_outcomes(plan: Plan, facts: Facts) -> bool:
    """Copy such results at the end of the forward part; whether there were any. The plan has to be numbered anew."""
    last = plan.nodes[-1] if plan.nodes else None
    if not isinstance(last, Jump):
        return False
    end = _end_of_forward(plan.nodes, last, facts)
    if end is None:
        return False
    start = plan.nodes[end].point - 1
    kept: dict[Value, Value] = {}
    for k, atom in enumerate(last.operands):
        if isinstance(atom, Value) and _is_wanted_again(atom, start, last, facts):
            kept.setdefault(atom, Value(atom.type, "value" if k == 0 else f"{atom.name}_out"))
    if not kept:
        return False
    copies: list[Node] = [Copy(tuple(kept.values()), tuple(kept), "user")]
    plan.nodes[end:end] = copies
    operands: tuple[Atom, ...] = tuple(
        kept.get(a, a) if isinstance(a, Value) else a for a in last.operands
    )
    plan.nodes[-1] = Jump(last.kind, operands, last.origin)
    return True


def _end_of_forward(nodes: list[Node], last: Jump, facts: Facts) -> int | None:
    """The node behind the user's last one, or behind what a library's function is made of and gives a result."""
    adjoints = [k for k, node in enumerate(nodes) if node.origin == "adjoint"]
    users = [k for k, n in enumerate(nodes) if n.origin == "user" and not isinstance(n, Jump)]
    if not adjoints:
        return None
    made = [p for a in last.operands if isinstance(a, Value) for p in facts.defined.get(a, ())]
    for k in range(adjoints[0]):
        if any(nodes[k].point <= point < nodes[k + 1].point for point in made):
            users.append(k)
    return max(users) + 1 if users else None


def _is_wanted_again(value: Value, start: int, last: Jump, facts: Facts) -> bool:
    """Whether another value takes the name of a result once only `return` reads it."""
    reads = [u.last for u in facts.uses.get(value, ()) if u.node is not last]
    begin = max([start, *(r for r in reads if r > start)])
    made = max(facts.defined.get(value, [0]))
    return made <= begin and facts.renamed(value, begin, last.point)
