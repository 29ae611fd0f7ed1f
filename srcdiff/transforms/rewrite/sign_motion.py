"""Sign motion: cancels minus signs that a rewriting has put into a user's line, or moves them outwards.

    -y * -logaddexp(0, -z) - (1 - y) * -logaddexp(0, z)   ->   y * logaddexp(0, -z) + (1 - y) * logaddexp(0, z)

A change of sign is exact, so values keep every bit. Sums and products keep the user's grouping. Only generated
operations change.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import is_generated, same_kind
from srcdiff.transforms.simplify.dce import dce


def move_signs(fn: Function) -> Function:
    """`fn` with minus signs cancelled and moved outwards."""
    return dce(_MoveSigns()(fn))


class _MoveSigns(Rewriter):
    def __init__(self) -> None:
        self.negated: dict[Atom, Atom] = {}  # value -> the value of which it is the negative

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer = dict(self.negated)
        new = super().region(old, env, b)
        self.negated = outer
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        is_plain = isinstance(old, Op) and len(old.results) == 1 and len(old.operands) <= 2
        if not isinstance(old, Op) or not is_plain or not is_generated(old):
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        operands = [lookup(env, a) for a in old.operands]
        new = self.moved(old, operands, b)
        if new is None:
            super().statement(old, env, b)
            if old.decl is arithmetic.negative:
                self.negated[old.result] = operands[0]
        else:
            env[old.result] = new

    def under(self, atom: Atom) -> Atom | None:
        return self.negated.get(atom)

    def moved(self, op: Op, operands: list[Atom], b: Builder) -> Atom | None:
        """The operation on operands without minus signs; None if no operand has a minus sign."""
        inner = [self.under(a) for a in operands]
        if all(a is None for a in inner):
            return None
        plain = [a if i is None else i for a, i in zip(operands, inner, strict=True)]
        odd = sum(i is not None for i in inner) == 1
        name, user = op.result.name, op.result.user
        match op.decl.name:
            case "negative":
                made = plain[0]
                return made if same_kind(made.type, op.result.type) else None
            case "multiply" | "divide":
                made = b.op(op.decl, *plain, name="" if odd else name, user=user and not odd)
                return self.minus(made, op, b) if odd else made
            case "add":
                if not odd:
                    return self.minus(b.op(arithmetic.add, *plain), op, b)
                first = plain[0] if inner[0] is None else plain[1]
                second = plain[1] if inner[0] is None else plain[0]
                return b.op(arithmetic.subtract, first, second, name=name, user=user)
            case "subtract":
                if not odd:
                    return b.op(arithmetic.subtract, plain[1], plain[0], name=name, user=user)
                total = b.op(
                    arithmetic.add,
                    *plain,
                    name="" if inner[0] else name,
                    user=user and not inner[0],
                )
                return self.minus(total, op, b) if inner[0] is not None else total
        return None

    def minus(self, value: Value, op: Op, b: Builder) -> Atom:
        made = b.op(arithmetic.negative, value, name=op.result.name, user=op.result.user)
        self.negated[made] = value
        return made
