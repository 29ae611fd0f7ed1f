"""Which variables may hold an array without axes, which Python's `s += x` changes in place.

To the IR, `np.array(0.5)` is a number, and what was kept of a number stays what it was. So the text
is `s = s + x` where a variable may hold such an array; the result of that is a NumPy number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from srcdiff.codegen.plan.plan import Copy, Let, Loop, Node, Plan, pattern_values, walk_nodes
from srcdiff.ir.core import Call, Op, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.core.index_patterns import boxes

_PARTS = {"list_item", "list_pop", "get", "unpack"}


def boxed_values(plan: Plan, folded: Iterable[Let]) -> set[Value]:
    """What may be an array without axes: parameters that are no Python numbers, what such operations make, and where
    that goes. `folded`: what stands inside expressions.
    """
    found = {p for p in plan.params if _may_be(p)}
    nodes = [*walk_nodes(plan.nodes), *folded]
    before = -1
    while before != len(found):
        before = len(found)
        held = any(_holds_one(node, found) for node in nodes)
        for node in nodes:
            found.update(v for v in _boxed_by(node, found, held) if _may_be(v))
    return found


def _may_be(value: Value) -> bool:
    return isinstance(value.type, Scalar) and not value.type.weak


def _boxed_by(node: Node, found: set[Value], held: bool) -> Iterator[Value]:
    match node:
        case Let(op=Op() as op):
            if boxes(op) or (held and op.decl.name in _PARTS):
                yield from node.results
        case Let(source=Call(function=callee)):
            if any(isinstance(s, Op) and boxes(s) for s in walk(callee.body)):
                yield from node.results
        case Let():  # a choice, as an expression
            if not found.isdisjoint(_values(node.operands)):
                yield from node.results
        case Copy():
            yield from (t for t, s in zip(node.targets, node.sources, strict=True) if s in found)
        case Loop() if held:
            yield from (v for p in node.patterns for v in pattern_values(p))


def _holds_one(node: Node, found: set[Value]) -> bool:
    """Whether a container gets such an array."""
    if not isinstance(node, Let) or node.op is None or not node.op.decl.holds:
        return False
    return not found.isdisjoint(_values(node.operands))


def _values(atoms: Sequence[Atom]) -> Iterator[Value]:
    return (a for a in atoms if isinstance(a, Value))
