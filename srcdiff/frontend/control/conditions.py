"""Truth values: conditions, `and` / `or` / `not`, the conditional expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from srcdiff.frontend.containers.dunder_methods import call_dunder
from srcdiff.frontend.containers.optional import found_flag
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import Done, FrontValue, Known, Missing, Parts, is_static, static
from srcdiff.frontend.joins.phi import branch
from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, List, Scalar, Static, Struct
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import list_length
from srcdiff.ops.control.control import and_, or_
from srcdiff.ops.elementwise import arithmetic

_ZERO = const(0)


def truth(fr: Frame, node: gast.AST) -> Atom:
    """An expression as a condition: a truth value, or a constant where it is known when compiling."""
    if isinstance(node, gast.BoolOp):
        return truth_of(fr, _operands(fr, node, list(node.values), as_condition=True), node)
    return truth_of(fr, fr.expr(node), node)


def truth_of(fr: Frame, value: FrontValue, node: gast.AST) -> Atom:
    flag = found_flag(fr, value)
    if flag is not None:
        if isinstance(flag, Const):
            return truth_of(fr, fr.unwrap(value, node), node)
        both = gast.copy_location(gast.BoolOp(gast.And(), []), node)
        inner: Any = value

        def rest() -> FrontValue:
            return truth_of(fr, inner.values[1], node)

        return truth_of(fr, only_if_decisive(fr, both, flag, flag, rest), node)
    for name in ("__bool__", "__len__"):
        found = call_dunder(fr, node, value, name)
        if found is not None:
            return truth_of(fr, found, node)
    if isinstance(value, Parts):
        return const(value.kind == "object" or bool(value.values))
    if isinstance(value, Known):
        return const(bool(value.value))
    if not isinstance(value, Value | Const):
        return TRUE
    match value.type:
        case Static():
            assert isinstance(value, Const)
            return const(bool(value.value))
        case Scalar(dtype="bool"):
            return value
        case Scalar():
            if is_static(value):
                return const(bool(static(value)))
            result = fr.op(node, arithmetic.not_equal, value, _ZERO)
            owner = owner_of(fr, value)
            if owner is not None:
                fr.session.decided_by[result] = (owner,)
            return result
        case List():
            return fr.op(node, arithmetic.greater, fr.op(node, list_length, value), _ZERO)
        case Struct():
            return const(bool(value.type.parts))
        case Array():
            fr.fail(
                node,
                "the truth value of an array is ambiguous",
                "Use np.any(...) or np.all(...), or compare one element.",
            )


# ---- and, or, not ------------------------------------------------------------------------------------


@reads(gast.BoolOp)
def _bool_op(fr: Frame, node: gast.AST) -> FrontValue:
    return _operands(fr, node, list(node.values))


def _operands(
    fr: Frame, node: gast.AST, values: list[gast.AST], as_condition: bool = False
) -> FrontValue:
    """`a and b and c`, from the left; a later operand is evaluated only if it decides.

    Of a condition only the truth of each operand matters, whatever they are.
    """
    is_nested = as_condition and isinstance(values[0], gast.BoolOp)
    first: FrontValue = truth(fr, values[0]) if is_nested else fr.value_or_none(values[0])
    if as_condition:
        first = truth_of(fr, first, values[0])
    if len(values) == 1:
        return first
    is_and = isinstance(node.op, gast.And)
    condition = truth_of(fr, first, values[0])
    known = fr.session.static_truth(condition)
    rest = values[1:]
    if known is not None:
        return _operands(fr, node, rest, as_condition) if known == is_and else first
    return only_if_decisive(
        fr, node, first, condition, lambda: _operands(fr, node, rest, as_condition)
    )


def _binds(fr: Frame, before: dict[str, FrontValue]) -> bool:
    """Whether the expression that was just read has bound names (`:=`); the others are evaluated only if it is."""
    return any(
        fr.env.get(name) is not value and not isinstance(value, Missing)
        for name, value in before.items()
    )


def _bound_by(node: gast.AST) -> set[str]:
    return {n.target.id for n in gast.walk(node) if isinstance(n, gast.NamedExpr)}


def only_if_decisive(
    fr: Frame, node: gast.AST, first: FrontValue, condition: Atom, rest: Callable[[], FrontValue]
) -> FrontValue:
    """`first and rest`: one logical operation where evaluating the rest can do no harm, otherwise a branch."""
    is_and = isinstance(node.op, gast.And)
    session = fr.session
    env, mark = dict(fr.env), session.mark()
    with session.region() as b:
        session.suppose(condition, is_and)
        second = rest()
    harmless = first is condition and _is_truth(second) and all(_is_harmless(s) for s in b.body)
    harmless = harmless and not _binds(fr, env) and session.cells == mark.cells
    if harmless and isinstance(second, Value | Const):
        if isinstance(second, Const):
            return condition if second.value is is_and else second
        session.b.body += b.body
        result = fr.op(node, and_ if is_and else or_, condition, second)
        session.implies[result] = ((is_and, ((condition, is_and), (second, is_and))),)
        return result
    fr.env = env
    session.reset(mark)
    found: dict[str, FrontValue] = {}

    def short() -> Done:
        fr.env["%operand"] = const(not is_and) if first is condition else first
        return FALSE

    def long() -> Done:
        fr.env["%operand"] = found["second"] = rest()
        return FALSE

    sides = (long, short) if is_and else (short, long)
    live = frozenset(fr.env).union(*(map(_bound_by, getattr(node, "values", ()))))
    branch(fr, node, condition, *sides, live)
    result_value = fr.env.pop("%operand")
    if isinstance(result_value, Value):
        session.implies[result_value] = (
            (is_and, _consequences(condition, found["second"], is_and)),
        )
    return fr.bound(result_value, "this expression", node)


def _consequences(
    condition: Atom, second: FrontValue, truth_value: bool
) -> tuple[tuple[Atom, bool], ...]:
    also = ((second, truth_value),) if isinstance(second, Value) else ()
    return ((condition, truth_value), *also)


def _is_truth(value: FrontValue) -> bool:
    return (
        isinstance(value, Value | Const)
        and isinstance(value.type, Scalar)
        and value.type.dtype == "bool"
    )


def _is_harmless(statement: gast.AST) -> bool:
    """Whether a statement may run although the user's program would not run it."""
    if not isinstance(statement, Op):
        return False
    decl = statement.decl
    if decl.raises and not _divides_floats(statement):
        return False
    return not decl.effect and not decl.writes and decl.cost != "heavy"


def _divides_floats(op: Op) -> bool:
    """NumPy's numbers divide by zero without raising."""
    numpy_numbers = any(
        isinstance(a.type, Array) or (isinstance(a.type, Scalar) and not a.type.weak)
        for a in op.operands
    )
    return op.decl in (arithmetic.divide, arithmetic.power) and numpy_numbers


@reads(gast.IfExp)
def _conditional(fr: Frame, node: gast.AST) -> FrontValue:
    condition = truth(fr, node.test)
    known = fr.session.static_truth(condition)
    if known is not None:
        return fr.value_or_none(node.body if known else node.orelse)

    def side(expression: gast.AST) -> Done:
        fr.env["%operand"] = fr.value_or_none(expression)
        return FALSE

    branch(
        fr, node, condition, lambda: side(node.body), lambda: side(node.orelse), frozenset(fr.env)
    )
    return fr.bound(fr.env.pop("%operand"), "this expression", node)


def negate(fr: Frame, node: gast.AST, operand: FrontValue) -> Atom:
    condition = truth_of(fr, operand, node)
    known = fr.session.static_truth(condition)
    if known is not None:
        return const(not known)
    result = fr.op(node, arithmetic.not_, condition)
    fr.session.implies[result] = ((True, ((condition, False),)), (False, ((condition, True),)))
    return result


def owner_of(fr: Frame, value: FrontValue) -> str | None:
    """The parameter whose value an integer is."""
    expr = value.type.expr if isinstance(value, Value) and isinstance(value.type, Scalar) else None
    return None if expr is None or expr.symbol is None else fr.session.owners.get(expr.symbol)
