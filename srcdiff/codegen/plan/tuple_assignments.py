"""Tuple assignments as the user wrote them: `a, b = a / b, b / (a + 1.0)` is one statement again.

Without this the two new values would need names beside the old ones. This is done only to assignments on one line of
the user's whose target is a tuple, and where none reads the result of another.
"""

from __future__ import annotations

import re

from srcdiff.codegen.plan.defuse import Facts
from srcdiff.codegen.plan.plan import Branch, Copy, Let, Loop, Node, Plan
from srcdiff.codegen.text.expression_folding import Folding
from srcdiff.ir.core import Op
from srcdiff.ir.values import Value

_ONE_PER_LINE = ("shared_array", "local_array")  # Numba's simulator identifies them by their lines
_TUPLE_TARGET = re.compile(r"\s*\(?\w+\)?\s*,[\s\w,()\[\]*.]*=[^=]")


def assign_together(plan: Plan, facts: Facts, folding: Folding) -> None:
    plan.nodes = _block(plan.nodes, facts, folding)


def _block(nodes: list[Node], facts: Facts, folding: Folding) -> list[Node]:
    out: list[Node] = []
    group: list[Let] = []
    for node in nodes:
        if isinstance(node, Let) and len(node.results) == 1 and node.results[0] in folding.folded:
            out.append(node)
            continue
        if not (isinstance(node, Let) and _continues(group, node, folding)):
            out += _close(group, facts, folding)
            group = []
        if isinstance(node, Let) and _line(node) is not None:
            group.append(node)
            continue
        if isinstance(node, Branch):
            node.then, node.orelse = (
                _block(node.then, facts, folding),
                _block(node.orelse, facts, folding),
            )
        elif isinstance(node, Loop):
            node.test, node.body = (
                _block(node.test, facts, folding),
                _block(node.body, facts, folding),
            )
        out.append(node)
    return out + _close(group, facts, folding)


def _line(node: Let) -> tuple[str, int] | None:
    """The line of a user's assignment to a tuple, of which this is a part."""
    op = node.op
    if op is None or op.origin != "user" or op.location is None or len(node.results) != 1:
        return None
    if op.decl.name in _ONE_PER_LINE:
        return None
    if not (node.results[0].user and node.results[0].name) or not _TUPLE_TARGET.match(
        op.location.source_line
    ):
        return None
    return op.location.file, op.location.line


def is_unpacking(op: Op) -> bool:
    """Whether an operation's results are unpacked in the user's line, or by `unpack`."""
    if op.decl.name == "unpack":
        return True
    line = op.location.source_line if op.origin == "user" and op.location is not None else ""
    return _TUPLE_TARGET.match(line) is not None


def _continues(group: list[Let], node: Let, folding: Folding) -> bool:
    if not group or _line(node) is None or _line(node) != _line(group[0]):
        return False
    read = {leaf for atom in node.operands for leaf in folding.leaves(atom)}
    made = {let.results[0] for let in group}
    return not read & made and node.results[0].name not in {v.name for v in made}


def _close(group: list[Let], facts: Facts, folding: Folding) -> list[Node]:
    if len(group) < 2:
        return [*group]
    targets = tuple(let.results[0] for let in group)
    sources = tuple(Value(t.type) for t in targets)
    for source, let in zip(sources, group, strict=True):
        folding.folded[source] = Let((source,), let.text, let.operands, let.source, let.origin)
    copy = Copy(
        targets, sources, "user", together=True, point=group[-1].point, loops=group[-1].loops
    )
    facts.maker.update(dict.fromkeys(targets, copy))
    return [copy]
