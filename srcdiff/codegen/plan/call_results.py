"""The results of a call of a helper, unpacked: `d_p, d_x = step_backward(...)`, and then `d_p.mass`, `d_p["bias"]`.

Tuples are unpacked. Another container gets a name, and its parts are assigned to theirs; those of a pass's call that
are used once, and not written, are written where they are used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count

from srcdiff.codegen.plan.plan import Let, Loop, Plan, flat, walk_nodes
from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.syntax import Expr, Stmt
from srcdiff.ir.alias import written_operands
from srcdiff.ir.core import Call, Node, Tree, leaves
from srcdiff.ir.types import Struct
from srcdiff.ir.values import Atom, Value


class CallResults:
    """`places`: how the parts are written that have no statement."""

    def __init__(self, plan: Plan, names: Mapping[Value, str], taken: Collection[str]) -> None:
        self.names = names
        self.used = {*names.values(), *taken}
        self.holders: dict[tuple[str, int], str] = {}
        self.made: Counter[str] = Counter()  # in this statement
        self.places: dict[Value, Expr] = {}
        self.counts: Counter[Atom] = Counter()
        self.written: set[Atom] = set()
        for node in walk_nodes(plan.nodes):
            self.counts.update(flat(node))
            if isinstance(node, Loop) and node.condition is not None:
                self.counts[node.condition] += 1
            if isinstance(node, Let) and node.op is not None:
                self.written.update(node.operands[k] for k in node.op.decl.writes)

    def statements(self, call: Call, results: Sequence[Value], value: Expr) -> list[Stmt]:
        tree = call.function.output
        if isinstance(tree, int) and self.names[results[tree]] == "_" and written_operands(call):
            return [n.expr_stmt(value)]
        parts: list[Stmt] = []
        self.made.clear()
        if _is_sequence(tree) or _is_unpackable(tree):
            target = self.target(tree, call, results, parts)
        else:
            target = n.name(self.holder(f"{value.func.id}_result", call))
            self.parts(tree, target, call, results, parts)
        return [n.assign(target, value), *parts]

    def target(self, tree: Tree, call: Call, results: Sequence[Value], parts: list[Stmt]) -> Expr:
        """The target that a result is assigned to; appends the statements that unpack it."""
        if isinstance(tree, int):
            return n.name(self.names[results[tree]])
        if _is_sequence(tree) or _is_unpackable(tree):
            return n.tuple_(*(self.target(c, call, results, parts) for c in tree.children))
        if all(self.names[results[k]] == "_" for k in leaves(tree)):
            return n.name("_")
        holder = n.name(self.holder(_own_name(tree, call, results), call))
        self.parts(tree, holder, call, results, parts)
        return holder

    def holder(self, wanted: str, call: Call) -> str:
        """A name for a container. Two of the user's calls may have one: their parts are assigned at once."""
        self.made[wanted] += 1
        key = wanted, self.made[wanted]
        if call.origin == "user" and key in self.holders:
            return self.holders[key]
        another = f"{wanted}_part" if wanted.startswith("d_") else f"{wanted}s"
        name = next(c for c in _numbered(wanted, another) if c not in self.used)
        self.used.add(name)
        if call.origin == "user":
            self.holders[key] = name
        return name

    def parts(
        self, tree: Tree, base: Expr, call: Call, results: Sequence[Value], out: list[Stmt]
    ) -> None:
        """The places of a container's parts, and an assignment for each that needs a name."""
        if isinstance(tree, int):
            value = results[tree]
            if call.origin != "user" and self.counts[value] == 1 and value not in self.written:
                self.places[value] = base
            elif self.names[value] != "_":
                out.append(n.assign(self.names[value], base))
            return
        for key, child in zip(tree.keys, tree.children, strict=True):
            named = tree.kind in ("namedtuple", "dataclass")
            part = n.attribute(base, key) if named else n.subscript(base, n.constant(key))
            self.parts(child, part, call, results, out)


def _numbered(*names: str) -> Iterator[str]:
    yield from names
    yield from (f"{names[0]}_{k}" for k in count(1))


def _own_name(tree: Node, call: Call, results: Sequence[Value]) -> str:
    """`d_kernel` for what is made like the parameter `kernel`, and has adjoints in it."""
    function = call.function
    if all(results[k].name.startswith("d_") for k in leaves(tree)):
        for param in function.params:
            like = param.type
            if isinstance(like, Struct) and (like.cls, like.keys) == (tree.cls, tree.keys):
                return f"d_{param.name}"
    return f"{function.name}_part"


def _is_sequence(tree: Tree) -> bool:
    return isinstance(tree, Node) and tree.kind in ("tuple", "list") and bool(tree.children)


def _is_unpackable(tree: Tree) -> bool:
    if isinstance(tree, int):
        return True
    can_be = tree.kind in ("tuple", "list", "namedtuple") and bool(tree.children)
    return can_be and all(map(_is_unpackable, tree.children))
