"""Which values are written inside the expression that uses them, and which get a statement of their own.

A value is folded if it is used once, or is so cheap and short that it may be repeated; never
across a write to what it reads, directly or through what is folded into it; never across an
assignment to a variable it reads. What the user named stays a statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from srcdiff.codegen.plan.defuse import Facts, Use
from srcdiff.codegen.plan.plan import Copy, Jump, Let, Loop, Plan, is_taken_once, walk_nodes
from srcdiff.codegen.text.value_roles import (
    is_container,
    is_element,
    is_free,
    is_offset,
    is_part,
    is_quotient,
    is_read,
    is_sign,
    is_term,
    is_trivial,
    is_written_out,
    moves_on,
    takes_over,
)
from srcdiff.ir.alias import reads_of
from srcdiff.ir.core import Call
from srcdiff.ir.values import Atom, Const, Value

_LINE = 76  # characters that an expression of generated parts may have
_SHORT = 16  # characters that may be repeated
_SIGNS = 6  # uses of a number with the other sign
# make an array of their own, as operations with rules do
_NEW = {
    "array_of",
    "copy",
    "empty_like",
    "empty_of",
    "empty",
    "expand",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
    "zeros_of",
}
_HOLDS = {"append", "pack", "list_new", "list_set"}  # keep a reference to their operands
# what comes in an order, and what all threads of a warp do together: not in one half of a conditional expression
_ORDERED = {"list_pop", "restore", "shuffle", "shuffle_xor", "shuffle_up", "shuffle_down"}


@dataclass
class Folding:
    """`folded`: the operation to print in the place of a value. `copied`: `read`s that have to make a copy."""

    folded: dict[Atom, Let] = field(default_factory=dict)
    copied: set[Value] = field(default_factory=set)

    def leaves(self, atom: Atom) -> list[Value]:
        """The variables that printing an atom reads."""
        out: list[Value] = []
        stack: list[Atom] = [atom]
        while stack:
            top = stack.pop()
            if not isinstance(top, Value):
                continue
            let = self.folded.get(top)
            if let is None:
                out.append(top)
            else:
                stack.extend(let.operands)
        return out


def fold(plan: Plan, facts: Facts, is_compiled: bool = False) -> Folding:
    """What is folded. Compiled code loads elements before it writes others: to LLVM, arrays may overlap."""
    return _Fold(plan, facts, is_compiled).run()


@dataclass
class _Inside:
    """What printing a folded value involves: contents read, variables read, characters."""

    reads: frozenset[Value]
    leaves: frozenset[Value]
    raises: bool
    width: int
    loads: bool = False  # elements that all iterations of the innermost loop load


class _Fold:
    def __init__(self, plan: Plan, facts: Facts, is_compiled: bool) -> None:
        self.plan = plan
        self.is_compiled = is_compiled
        self.facts = facts
        self.out = Folding()
        self.inside: dict[Value, _Inside] = {}
        self.width: dict[int, int] = {}  # by node: characters folded into it so far
        self.has_both = {"user", "adjoint"} <= {n.origin for n in walk_nodes(plan.nodes)}

    def run(self) -> Folding:
        for node in walk_nodes(self.plan.nodes):
            if isinstance(node, Let):
                self.decide(node)
        return self.out

    def decide(self, let: Let) -> None:
        if len(let.results) != 1 or not self.facts.uses[let.results[0]] or is_container(let):
            return
        inside = self.measure(let)
        if self.wanted(let, inside) and self.legal(let, inside):
            value = let.results[0]
            self.out.folded[value] = let
            self.inside[value] = inside
            for use in self.facts.uses[value]:
                self.width[id(use.node)] = self.width.get(id(use.node), 0) + inside.width
        elif let.op is not None:
            self.settle(let)

    def settle(self, let: Let) -> None:
        """A view that is a statement must not be of a folded `read`; a `read` that is one makes a copy."""
        op = let.op
        assert op is not None
        if op.decl.name == "not":
            self.keep_the_opposite(let)
        elif is_read(let):
            self.out.copied.add(let.results[0])
        elif op.view_of is not None:
            self.copy_read(let, let)

    def copy_read(self, view: Let, let: Let) -> None:
        """Make the copy that a view, folded into a statement, would be a view of."""
        position = None if view.op is None else view.op.view_of
        base = None if position is None else view.operands[position]
        folded = self.out.folded.get(base) if isinstance(base, Value) else None
        if not isinstance(base, Value) or folded is None or folded.op is None:
            return
        if is_read(folded) and self.changes(self.inside[base].reads, let):
            del self.out.folded[base]
            self.out.copied.add(base)
        elif folded.op.view_of is not None:
            self.copy_read(folded, let)
            self.inside[base] = self.measure(folded)

    def keep_the_opposite(self, let: Let) -> None:
        """`done = a < b` and later `if done: break`, and not `go = not a < b` and `if not go`."""
        (operand,) = let.operands
        if (
            isinstance(operand, Value)
            and operand in self.out.folded
            and len(self.facts.uses[operand]) == 1
        ):
            del self.out.folded[operand]
            self.inside[let.results[0]] = self.measure(let)
            self.out.folded[let.results[0]] = let

    def measure(self, let: Let) -> _Inside:
        reads = self.contents(let)
        leaves: frozenset[Value] = frozenset()
        raises = let.op is None or let.op.decl.raises
        loads = is_element(let) and not moves_on(let)
        width = len(let.text) - 3 * len(let.operands)
        for atom in let.operands:
            if not isinstance(atom, Value):
                width += len(repr(atom.value))
            elif atom in self.inside and atom in self.out.folded:
                part = self.inside[atom]
                reads, leaves = reads | part.reads, leaves | part.leaves
                raises, width = raises or part.raises, width + part.width
                loads = loads or part.loads
            else:
                leaves |= {atom}
                width += len(atom.name) or 5
        return _Inside(reads, leaves, raises, width, loads)

    def contents(self, let: Let) -> frozenset[Value]:
        """The storage whose contents the operation reads, if it is written anywhere."""
        if not self.facts.writes or let.source is None:
            return frozenset()
        return frozenset(
            r for r in reads_of(let.source, self.facts.roots) if r in self.facts.writes
        )

    # ---- is it good text? ----

    def wanted(self, let: Let, inside: _Inside) -> bool:
        value = let.results[0]
        uses = self.facts.uses[value]
        if let.inline:
            return True
        if self.is_compiled and is_taken_once(let) and any(u.deeper for u in uses):
            return False
        if value.user and value.name and let.origin == "user" and not is_read(let):
            return self.swapped(let, uses)
        if len(uses) > 1:
            return self.may_repeat(let, inside, uses)
        use = uses[0]
        stays = let.origin == "tangent" and value.name and not is_trivial(let)
        if stays and not isinstance(use.node, Jump):
            return False  # `residual_dot` stands beside `residual`
        if use.deeper and not (is_free(let) or (self.is_quick(let) and inside.width <= _SHORT)):
            return False
        if (
            isinstance(use.node, Jump)
            and self.has_both
            and not (is_free(let) or self.is_whole(let))
        ):
            if let.origin == "user":
                return False  # the forward part ends with `value = ...`
            if value.name.startswith("d_") and inside.width > 10 and self.has_value(use.node):
                return False  # whoever looks for `d_x` finds it
        if let.origin != "user" and not is_free(let) and not is_read(let):
            return inside.width + self.width.get(id(use.node), 0) <= _LINE
        return True

    def is_whole(self, let: Let) -> bool:
        """Whether it is all of an array as it is now; a part of one is better copied than returned."""
        base = let.operands[0] if is_read(let) else None
        maker = self.facts.maker.get(base) if isinstance(base, Value) else None
        is_view = isinstance(maker, Let) and maker.op is not None and maker.op.view_of is not None
        return is_read(let) and not is_view

    def has_value(self, node: Jump) -> bool:
        """Whether a `return` gives the function's own value first, and then derivatives."""
        first = node.operands[0]
        maker = self.facts.maker.get(first) if isinstance(first, Value) else None
        return len(node.operands) > 1 and maker is not None and maker.origin == "user"

    def may_repeat(self, let: Let, inside: _Inside, uses: list[Use]) -> bool:
        if let.op is not None and let.op.decl.name in ("length", "axis_length", "read"):
            return True
        if not is_trivial(let) or inside.width > _SHORT:
            return False
        if is_offset(let):
            return not any(isinstance(u.node, Copy) for u in uses)  # `at -= 1`, and then `at`
        if is_free(let):
            return len(uses) <= 2 or not is_part(let) or is_written_out(let, uses)
        if any(self.has_named_opposite(u) for u in uses):
            return False
        if self.is_compiled and is_quotient(let):
            return False
        often = _SIGNS if is_sign(let) and all(map(is_term, uses)) else 3
        return self.is_simple(let) and len(uses) <= often and not any(u.deeper for u in uses)

    def is_quick(self, let: Let) -> bool:
        """Whether a person would compute it in each iteration: a quotient by an argument or a length has a name before
        the loop, since the program divides by it anyway; so has any quotient in loops over scalars.
        """
        if let.op is None or not is_trivial(let) or not self.is_simple(let):
            return False
        is_given = is_quotient(let) and self.is_given(let.operands[1])
        return not (is_given or (self.is_compiled and is_quotient(let)))

    def is_given(self, atom: Atom) -> bool:
        maker = self.facts.maker.get(atom) if isinstance(atom, Value) else None
        if not isinstance(maker, Let) or maker.op is None:
            return isinstance(atom, Const) or atom in self.plan.params
        if maker.op.decl.name == "multiply":
            return all(map(self.is_given, maker.operands))
        return maker.op.decl.name in ("length", "axis_length", "element_count")

    def is_simple(self, let: Let) -> bool:
        """Whether it is of names, constants and parts of them."""
        folded = self.out.folded
        return all(is_free(folded[a]) for a in let.operands if a in folded)

    def has_named_opposite(self, use: Use) -> bool:
        """`d = a / b`, and `-d` where it is wanted, and not `negated = -(a / b)` and `a / b`."""
        node = use.node
        if not isinstance(node, Let) or node.op is None or node.op.decl.name != "negative":
            return False
        return node.origin != "user" and len(self.facts.uses[node.results[0]]) > 1

    def swapped(self, let: Let, uses: list[Use]) -> bool:
        """`a, b = b, a + b`: the new value cannot have its name before the old one is copied."""
        if len(uses) != 1 or not isinstance(uses[0].node, Copy) or uses[0].deeper:
            return False
        copy, value = uses[0].node, let.results[0]
        target = copy.targets[copy.sources.index(value)]
        if target.name != value.name:
            return False
        return any(u.point > let.point and u.point <= copy.point for u in self.facts.uses[target])

    # ---- is it right? ----

    def legal(self, let: Let, inside: _Inside) -> bool:
        op = let.op
        uses = self.facts.uses[let.results[0]]
        if op is not None and op.decl.name == "draw":
            return self.is_next_draw(let, inside, uses)
        if op is not None and (op.decl.writes or op.decl.effect or op.decl.name in _ORDERED):
            return False
        if self.is_storage(let) and not (len(uses) == 1 and takes_over(uses[0])):
            return False
        return all(self.legal_at(let, inside, use) for use in uses)

    def is_next_draw(self, let: Let, inside: _Inside, uses: list[Use]) -> bool:
        """Whether a draw may stand where it is used: nothing else has an effect until then."""
        if len(uses) != 1 or uses[0].deeper or self.facts.effect(let.point + 1, uses[0].point):
            return False
        return self.legal_at(let, replace(inside, raises=False), uses[0])

    def is_storage(self, let: Let) -> bool:
        """Whether what it makes is written: an array needs a name to be written into."""
        value = let.results[0]
        return value in self.facts.roots.get(value, ()) and bool(self.facts.writes.get(value))

    def legal_at(self, let: Let, inside: _Inside, use: Use) -> bool:
        after, before = let.point, use.last if use.deeper else use.point
        if self.facts.written(inside.reads, after, before):
            return False
        if self.is_compiled and inside.loads and self.facts.wrote(after, before):
            return False
        if isinstance(let.source, Call) and (use.deeper or self.facts.effect(after, before)):
            return False
        if inside.raises and self.facts.effect(after, before):
            return False
        if not all(self.keeps(leaf, after, before) for leaf in inside.leaves):
            return False
        return not (is_read(let) and self.kept(let, use))

    def keeps(self, leaf: Value, after: int, before: int) -> bool:
        """Whether a variable still holds its value where it would be read."""
        return not self.facts.assigned(leaf, after, before) and not self.facts.renamed(
            leaf, after + 1, before
        )

    def kept(self, let: Let, use: Use) -> bool:
        """Whether somebody keeps a reference to what `read` gives, while its storage is written or read again."""
        node = use.node
        holds = isinstance(node, Copy | Loop) or (
            isinstance(node, Let) and (node.op is None or node.op.decl.name in _HOLDS)
        )
        if not holds:
            return False
        base = let.operands[0]
        roots = self.facts.roots.of(base)
        return self.changes(roots, let) or (
            isinstance(base, Value)
            and any(u.point > let.point for u in self.facts.uses[base])
            and self.is_written(let.results[0])
        )

    def changes(self, roots: frozenset[Value], let: Let) -> bool:
        return self.facts.written(roots, let.point, self.plan.end) or any(
            self.facts.written(frozenset((root,)), loop.point, loop.end)
            for root in roots
            for loop in let.loops
            if not self.is_made_in(root, loop)
        )

    def is_made_in(self, root: Value, loop: Loop) -> bool:
        """Whether each iteration makes an array of its own, which later iterations do not write."""
        maker = self.facts.maker.get(root)
        op = maker.op if isinstance(maker, Let) else None
        if op is None or maker is None or loop not in maker.loops or op.decl.view_of is not None:
            return False
        is_computed = op.decl.elementwise or op.decl.rule is not None
        return is_computed or op.decl.name in _NEW

    def is_written(self, value: Value) -> bool:
        return any(self.facts.writes.get(r) for r in self.facts.roots.get(value, ()))
