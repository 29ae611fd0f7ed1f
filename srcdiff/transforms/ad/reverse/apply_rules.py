"""Reverse mode by derivative rules: a copy of the operation's rule is inlined into the backward part.

A rule is written as NumPy text; the frontend has read it into IR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.ir.build import Env, clone_statement, own_copy
from srcdiff.ir.core import Function, Op
from srcdiff.ir.types import Array, Type, is_complex, is_float
from srcdiff.ir.values import Atom, Value, const
from srcdiff.transforms.ad.adjoints.accumulate import (
    Scope,
    adjoint_type,
    as_real,
    unknown_derivative,
    whole,
)
from srcdiff.transforms.ad.adjoints.guards import cleaned_factors, without_nan
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.ad.adjoints.selected import Masks, mask_of_operand
from srcdiff.transforms.analysis.defuse import needed, used_atoms


def reverse_by_rule(r: Reversal, op: Op, d_outs: Sequence[Atom | None], scope: Scope) -> None:
    """Inline the operation's rule, and contribute its results to the adjoints of the operands."""
    wanted = [k for k, a in enumerate(op.operands) if r.is_active(a)]
    if not wanted:
        return  # an array of constants, which is active because of later writes into it
    given = [_as_wanted(op, d, v, scope) for d, v in zip(d_outs, op.results, strict=True)]
    given, masks = _without_masks(op, given, scope)
    decl = op.decl if op.decl.specialised is None else op.decl.specialised(tuple(wanted))
    if decl.rule is None:
        raise unknown_derivative(op, wanted[0])
    rule = r.rules(
        decl,
        [a.type for a in op.operands],
        op.attrs,
        [v.type for v in op.results],
        [
            None if d is None else r.fitting.named(d.type, v.type)
            for d, v in zip(given, op.results, strict=True)
        ],
    )
    rule = own_copy(rule, scope.b.shapes)
    missing = [k for k in wanted if k in rule.interface.without_derivative]
    if missing:
        raise unknown_derivative(op, missing[0])
    present = [d for d in given if d is not None]
    every = [k for k in range(len(op.operands)) if k not in rule.interface.without_derivative]
    own = factors(r, op, given[0], lambda a, d: _inline(r, rule, every, op, [d], scope, a), scope)
    found = _inline(r, rule, wanted, op, present, scope, own)
    is_guarded = not (masks or decl.linear) and len(given) == 1 and op.result in r.guarded
    for k, d in zip(wanted, found, strict=True):
        d = without_nan(scope.b, op, present[0], d) if is_guarded else d
        full = _made_for(op, op.operands[k], d)
        r.contribute(op.operands[k], d, scope, full, masks, op.decl.linear)


def _without_masks(
    op: Op, given: list[Atom | None], scope: Scope
) -> tuple[list[Atom | None], Masks]:
    """The adjoint of the only result before masks selected from it, and these masks for the results of the rule."""
    d, masks = scope.selections.split(given[0])
    moved = [mask_of_operand(scope.b, op, mask) for mask in masks]
    if len(given) != 1 or None in moved:
        return given, ()
    return [d], tuple(filter(None, moved))


def factors(
    r: Reversal,
    op: Op,
    d_out: Atom | None,
    adjoints: Callable[[Sequence[Atom], Atom], Sequence[Atom | None]],
    scope: Scope,
) -> Sequence[Atom]:
    """The operands that the adjoints of an operation use: for a product, without what guards leave out."""
    is_product = op.decl.multilinear and not op.decl.elementwise and len(op.operands) > 1
    is_real = all(is_float(a.type) and not is_complex(a.type) for a in op.operands)
    if not (is_product and is_real and op.result in r.guarded and isinstance(d_out, Value)):
        return op.operands
    found = [r.forward.primal(a, scope) for a in op.operands]
    return cleaned_factors(scope.b, found, d_out, adjoints)


def _made_for(op: Op, operand: Atom, d: Atom) -> Type | Value | None:
    """The type or value whose shape a contribution has, where that shape is larger than the operand's."""
    if op.decl.elementwise or op.decl.broadcasts:
        return op.results[0]
    into, made = operand.type, d.type
    if not op.decl.stacks or not isinstance(into, Array) or not isinstance(made, Array):
        return None
    is_stack = into.ndim > 1 and made.ndim > 2
    return replace(made, shape=(*made.shape[:-2], *into.shape[-2:])) if is_stack else None


def _as_wanted(op: Op, d: Atom | None, result: Value, scope: Scope) -> Atom | None:
    """The adjoint of a result at the size that the rule takes; None if there is none and the rule allows None."""
    if d is None and op.decl.optional:
        return None
    if d is None:
        d = const(0.0)
    if op.decl.adjoint == "whole" or (op.decl.adjoint == "scalar" and isinstance(d.type, Array)):
        return whole(scope.b, d, as_real(adjoint_type(result.type), d.type))
    return d


def _inline(
    r: Reversal,
    rule: Function,
    wanted: Sequence[int],
    op: Op,
    d_outs: Sequence[Atom],
    scope: Scope,
    operands: Sequence[Atom],
) -> list[Atom]:
    """Append the part of a rule that computes the wanted adjoints; only forward values that this part uses are
    looked up. `operands` are those of `op`, or stand for them.
    """
    params, actual = rule.params, [*op.operands, *op.results]
    forward = dict(zip(params[: len(actual)], actual, strict=True))
    env: Env = dict(zip(params[len(actual) :], d_outs, strict=True))
    env |= {p: b for p, a, b in zip(params, op.operands, operands, strict=False) if b is not a}

    def look_up(a: Atom) -> Atom:
        if isinstance(a, Value) and a not in env and a in forward:
            env[a] = r.forward.primal(forward[a], scope)
        return env.get(a, a) if isinstance(a, Value) else a

    given = [k for k in range(len(actual)) if k not in rule.interface.without_derivative]
    yields = [rule.body.yields[given.index(k)] for k in wanted]
    for statement in needed(rule.body, yields):
        for a in used_atoms(statement):
            look_up(a)
        copy = clone_statement(statement, env)
        copy = _without_rule_names(copy, env) if isinstance(copy, Op) else copy
        copy = replace(copy, origin="adjoint", location=scope.b.location)
        scope.b.append(copy)
        if isinstance(copy, Op):
            scope.selections.note(copy)
    return [look_up(y) for y in yields]


def _without_rule_names(op: Op, env: Env) -> Op:
    """The operation without names such as `d_x`: `x` is the rule's parameter, not the user's variable. Other names
    of the rule (`norm`) stay.
    """
    results = tuple(replace(v, name="") if v.name.startswith("d_") else v for v in op.results)
    names: dict[Atom, Value] = dict(zip(op.results, results, strict=True))
    for key, value in env.items():
        if value in names:
            env[key] = names[value]
    return replace(op, results=results)
