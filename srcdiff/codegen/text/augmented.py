"""Signs and augmented assignments: `x -= y` for `x = x + -y`, and conditions without `not`."""

from __future__ import annotations

import re

import gast

from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.syntax import Expr, Stmt
from srcdiff.ir.core import Op

_AUGMENTED = re.compile(r"(\*\*|//|[-+*/@%])=")
_ASSIGNED = re.compile(r"([\w.]+(?:\[.*?\])?)\s*=(?!=)(.*)")
_FLIPPED = {
    gast.Eq: "!=",
    gast.NotEq: "==",
    gast.Is: "is not",
    gast.IsNot: "is",
    gast.In: "not in",
    gast.NotIn: "in",
}
OPERATORS = {op: text for text, op in n.BINARY.items()}


def negated(test: Expr) -> Expr:
    """`not test`, written without `not` where that is possible. (`not a < b` is not `a >= b` where NaN may be.)"""
    if isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
        return test.operand
    if isinstance(test, gast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _FLIPPED:
        return n.compare(test.left, _FLIPPED[type(test.ops[0])], test.comparators[0])
    return n.unary("not", test)


def effect(statement: Stmt, may_augment: bool = True) -> Stmt:
    """A statement that writes: `-=` for adding a negative, and targets that Python can assign to."""
    if isinstance(statement, gast.AugAssign):
        target, symbol, value = statement.target, OPERATORS[type(statement.op)], statement.value
        if not isinstance(target, gast.Name | gast.Subscript):
            target = n.subscript(target, gast.Constant(..., None))
        if symbol == "+" and (positive := without_sign(value)) is not None:
            symbol, value = "-", positive
        return n.augassign(target, symbol, value)
    if isinstance(statement, gast.Assign):
        target, value = statement.targets[0], statement.value
        if (
            may_augment
            and isinstance(value, gast.BinOp)
            and (place := updated(target, value.left)) is not None
        ):
            return n.augassign(place, OPERATORS[type(value.op)], value.right)
        return n.assign(target, value)
    return statement


def updated(target: Expr, value: Expr) -> Stmt | None:
    """What `target = value + ...` adds to: `x[i]`, or the whole of `x` for `x[:] = x + ...`."""
    if not isinstance(target, gast.Subscript):
        return None
    whole = isinstance(target.slice, gast.Slice) and not any(gast.iter_child_nodes(target.slice))
    if whole and isinstance(target.value, gast.Name):
        return target.value if is_name(value, target.value.id) else None
    if isinstance(value, gast.Subscript) and gast.dump(n.stored(value)) == gast.dump(
        n.stored(target)
    ):
        return target
    return None


def with_minus(value: Expr) -> Expr:
    """`a - b * c` for `a + -b * c`, for `-b * c + a`, and for `a + b * -c`; `a / b` for `-(-a / b)`."""
    if isinstance(value, gast.UnaryOp) and isinstance(value.op, gast.USub):
        positive = None if getattr(value, "wraps", False) else without_sign(value.operand)
        return value if positive is None else positive
    if not isinstance(value, gast.BinOp) or type(value.op) not in (gast.Add, gast.Sub):
        return value
    right = without_sign(value.right)
    if right is None:
        left = without_sign(value.left) if isinstance(value.op, gast.Add) else None
        return value if left is None else n.binop(value.right, "-", left)
    return n.binop(value.left, "-" if isinstance(value.op, gast.Add) else "+", right)


def arguments_with_minus(call: Expr) -> Expr:
    """`np.fill_diagonal(d, np.diag(d) - v)`, of `np.diag(d) + -v`."""
    return gast.Call(call.func, [with_minus(a) for a in call.args], call.keywords)


def without_sign(factor: Expr) -> Expr:
    """A product without the minus in front of a factor; None where there is no such minus."""
    if isinstance(factor, gast.UnaryOp) and isinstance(factor.op, gast.USub):
        return None if getattr(factor, "wraps", False) else factor.operand
    if isinstance(factor, gast.BinOp) and type(factor.op) in (gast.Mult, gast.Div, gast.MatMult):
        symbol = OPERATORS[type(factor.op)]
        if (left := without_sign(factor.left)) is not None:
            return n.binop(left, symbol, factor.right)
        right = without_sign(factor.right)
        return None if right is None else n.binop(factor.left, symbol, right)
    return None


def without_term(total: Expr, name: str) -> tuple[str, Expr] | None:
    """`a + s - b` without the term `s`: the sign to add the rest with, and the rest."""
    terms: list[tuple[bool, Expr]] = []
    while isinstance(total, gast.BinOp) and type(total.op) in (gast.Add, gast.Sub):
        terms.insert(0, (isinstance(total.op, gast.Add), total.right))
        total = total.left
    terms.insert(0, (True, total))
    mine = [k for k, (plus, term) in enumerate(terms) if plus and is_name(term, name)]
    if len(mine) != 1:
        return None
    del terms[mine[0]]
    if any(
        isinstance(node, gast.Name) and node.id == name for _, t in terms for node in gast.walk(t)
    ):
        return None
    all_minus = not any(plus for plus, _ in terms)
    first = 0 if all_minus else next(k for k, (plus, _) in enumerate(terms) if plus)
    terms.insert(0, terms.pop(first))
    rest = terms[0][1]
    for plus, term in terms[1:]:
        rest = n.binop(rest, "+" if plus or all_minus else "-", term)
    return ("-" if all_minus else "+"), rest


def wraps(op: Op | None) -> bool:
    """Whether an operation takes the minus of integers that have no minus for all of them."""
    dtype = getattr(op.results[0].type, "dtype", "") if op is not None and op.results else ""
    return dtype[:1] in ("i", "u") and dtype != "int64"


def is_name(tree: Expr, name: str) -> bool:
    return isinstance(tree, gast.Name) and tree.id == name


def may_augment(op: Op | None, name: str = "") -> bool:
    """Whether `s = s + x` may be written `s += x`: as the user did, where the line is known and assigns `name`."""
    line = (
        op.location.source_line
        if op is not None and op.origin == "user" and op.location is not None
        else ""
    )
    if not line or _AUGMENTED.search(line) is not None:
        return True
    written = _ASSIGNED.search(line)  # `s = s + x` stays; `sum(xs)` fixes no order of addition
    if written is None or (name and written[1].isidentifier() and written[1] != name):
        return True  # a line that assigns something else: `x = sample(...)` adds to a total
    return written[1] not in written[2]
