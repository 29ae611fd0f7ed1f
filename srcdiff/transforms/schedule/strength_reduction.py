"""Strength reduction: a power whose exponent is the loop index becomes a running product.

    for 0, %n { (%j) ->                          for 0, %n with 1.0 { (%j, %power) ->
        %p = power %t, %j            becomes         ... %power ...
        ... %p ... }                                 yield (multiply %power, %t) }

A power that only multiplies a loop-invariant value is carried as that product. A loop that only adds up such powers,
each times a coefficient, becomes Horner's rule, which starts with the last coefficient: one operation in the place of
two.

    for 0, %n with 0.0 { (%j, %sum) ->                      for 0, %n with 0.0 { (%k, %sum) ->
        yield (add %sum, (multiply (power %t, %j), %c[j])) }    yield (add (multiply %sum, %t), %c[n - 1 - k]) }

Compiled code raises to an integer by repeated squaring, which is as exact: the relative error grows by half a unit in
the last place for each step of the exponent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import (
    Builder,
    Env,
    Rewriter,
    change_dims_within,
    clone_statement,
    lengths_of,
    lookup,
)
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Scalar, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import defined_in, definitions, definitions_in, used_atoms
from srcdiff.transforms.analysis.dependence.affine import subscripts


def running_powers(fn: Function) -> Function:
    """`fn` with running products in place of powers of loop-invariant values with the loop index as exponent."""
    return _Running(fn)(fn)


class _Running(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.lengths = lengths_of(fn)
        self.made = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        found: dict[Op, list[Statement]] = {}
        if isinstance(new, For) and _counts(new):
            chains = {p: self.fixed(p.operands[0], new) for p in _powers(new)}
            found = {p: chain for p, chain in chains.items() if chain is not None}
        if not isinstance(new, For) or not found:
            b.append(new)
            return
        terms = _terms(new, found)
        products = {} if terms is not None else self.products(new, found)
        moved = {s for chain in (*found.values(), *products.values()) for s in chain}
        for s in new.body.body:
            if s in moved:
                b.append(s)
        if terms is None:
            b.append(_running(new, found, set(products), moved, b))
        else:
            env[new.results[0]] = _horner(new, terms, b)

    def products(self, loop: For, found: Collection[Op]) -> dict[Op, list[Statement]]:
        """The products of a power and a loop-invariant value, with the statements that compute this value."""
        made = {s: p for p in found if (s := _product(loop, p)) is not None}
        chains = {s: self.fixed(_other(s, p.result), loop) for s, p in made.items()}
        return {s: chain for s, chain in chains.items() if chain is not None}

    def fixed(self, base: Atom, loop: For) -> list[Statement] | None:
        """The statements of an iteration that compute a loop-invariant number; None if it is not invariant."""
        inside = set(defined_in(loop.body))
        made = definitions_in(loop.body.body)
        chain: set[Statement] = set()
        pending = [base]
        while pending:
            atom = pending.pop()
            if not isinstance(atom, Value) or atom not in inside:
                continue
            s = made.get(atom)
            if s is None or not self.may_move(s, loop):
                return None
            chain.add(s)
            own = {v for r in regions_of(s) for v in defined_in(r)}
            pending += (a for a in used_atoms(s) if a not in own)
        return [s for s in loop.body.body if s in chain]

    def may_move(self, s: Statement, loop: For) -> bool:
        """Whether a statement may be executed in front of a loop that may have no iteration."""
        if isinstance(s, If):
            return all(self.may_move(inner, loop) for inner in walk(*regions_of(s)))
        if not isinstance(s, Op):
            return False
        if s.decl is memory.index:
            written = writes_of(loop, self.roots)
            return self.roots.of(s.operands[0]).isdisjoint(written) and self.is_inside(s)
        is_number = all(isinstance(v.type, Scalar) for v in (*s.operands, *s.results))
        raises = s.decl.raises and not self.is_quotient(s)
        return is_number and not (s.decl.effect or s.decl.writes or raises)

    def is_quotient(self, op: Op) -> bool:
        """Whether an operation is a division by a number that is known to be positive."""
        if op.decl is not arithmetic.divide:
            return False
        made = self.made.get(op.operands[1])
        at_least = (
            made.operands
            if made is not None and made.decl is arithmetic.maximum
            else op.operands[1:]
        )
        return any(isinstance(a, Const) and a.value > 0 for a in at_least)

    def is_inside(self, op: Op) -> bool:
        """Whether the subscripts of an element are known to be inside the array."""
        places = [known_dim(a) for a in subscripts(op)]
        return bool(places) and all(
            p is not None
            and self.lengths.is_at_least_zero(p)
            and self.lengths.is_at_least_zero(d - 1 - p)
            for p, d in zip(places, shape_of(op.operands[0].type), strict=True)
        )


def _counts(loop: For) -> bool:
    counts = loop.start == const(0) and loop.step == const(1)
    return counts and not (loop.reverse or loop.breaks or loop.is_parallel)


def _powers(loop: For) -> list[Op]:
    """The powers with the loop's index as exponent that each iteration computes."""
    return [
        s for s in loop.body.body
        if isinstance(s, Op) and s.decl is arithmetic.power and s.operands[1] is loop.index
        and all(is_number_of(v, "float64") for v in (s.operands[0], s.result))
    ]  # fmt: skip


@dataclass(frozen=True)
class _Terms:
    """A loop that sums terms: the power in a term, its other factor, and the addition."""

    power: Op
    factor: Atom
    total: Op
    rest: tuple[Statement, ...]  # the other statements of an iteration


def _terms(loop: For, found: Mapping[Op, list[Statement]]) -> _Terms | None:
    """The terms that a loop sums, if it does nothing else."""
    if len(found) != 1 or len(loop.carried) != 1 or known_dim(loop.stop) is None:
        return None
    (power,), (_, total) = found, loop.body.params
    end = _only(loop, (loop.body.yields[0],))
    term = _only(loop, () if end is None else end.operands[1:])
    if end is None or term is None or end.decl not in (arithmetic.add, arithmetic.subtract):
        return None
    is_sum = end.operands[0] is total and term.decl is arithmetic.multiply
    is_sum &= is_number_of(end.result, "float64")
    if not is_sum or power.result not in term.operands or term.operands[0] is term.operands[1]:
        return None
    if _uses(loop, total) != 1 or _uses(loop, power.result) != 1:
        return None
    rest = tuple(s for s in loop.body.body if s not in (power, term, end, *found[power]))
    if not all(isinstance(s, Op) and not (s.decl.effect or s.decl.writes) for s in rest):
        return None
    return _Terms(power, _other(term, power.result), end, rest)


def _only(loop: For, atoms: Sequence[Atom]) -> Op | None:
    """The operation of an iteration that computes a value with a single use."""
    if len(atoms) != 1 or not isinstance(atoms[0], Value) or _uses(loop, atoms[0]) != 1:
        return None
    makers = (s for s in loop.body.body if isinstance(s, Op) and s.results == (atoms[0],))
    return next(makers, None)


def _uses(loop: For, value: Value) -> int:
    """The number of uses of a value in an iteration."""
    region = loop.body
    return sum(a is value for s in region.body for a in used_atoms(s)) + region.yields.count(value)


def _horner(loop: For, terms: _Terms, b: Builder) -> Value:
    """Append Horner's rule, from the last term to the first; returns the sum."""
    b.location, b.origin = loop.location, "compiler"
    result = _from_the_last(loop, terms, terms.power.operands[0], b)
    total = terms.total
    if total.decl is arithmetic.add and loop.carried[0] == const(0.0):
        return result
    return b.op(total.decl, loop.carried[0], result, name=loop.results[0].name)


def _from_the_last(loop: For, terms: _Terms, base: Atom, b: Builder) -> Value:
    """Append the loop of Horner's rule, which starts with 0."""
    total = terms.total
    last = b.op(arithmetic.subtract, loop.stop, const(1))
    k = Value(Scalar("int64", True, b.shapes.fresh("k")), loop.index.name)
    param = replace(total.result)
    iteration = b.inner()
    iteration.location, iteration.origin = loop.location, "compiler"
    at = iteration.op(arithmetic.subtract, last, k)
    own, there = symbol_of(loop.index), known_dim(at)
    body = Region((loop.index,), terms.rest, (terms.factor,))
    if own is not None and there is not None:
        body = change_dims_within(body, lambda d: d.substitute({own: there}))
    new: Env = {body.params[0]: at}
    for s in body.body:
        iteration.append(clone_statement(s, new))
    scaled = iteration.op(arithmetic.multiply, param, base)
    end = iteration.op(arithmetic.add, scaled, lookup(new, body.yields[0]), name=param.name)
    region = iteration.region((k, param), (end,))
    result = replace(total.result)
    b.append(replace(loop, carried=(const(0.0),), body=region, results=(result,)))
    return result


def by_horner(loop: For, b: Builder) -> list[Statement] | None:
    """Horner's rule for a loop that sums numbers times a running product with no other use.

    None if the loop does anything else.
    """
    params = loop.body.params[1:]
    if not _counts(loop) or len(params) != 2 or known_dim(loop.stop) is None:
        return None
    for place in (0, 1):
        power, total = params[place], 1 - place
        step = _only(loop, (loop.body.yields[place],))
        end = _only(loop, (loop.body.yields[total],))
        term = _only(loop, () if end is None else end.operands[1:])
        if step is None or end is None or term is None or _uses(loop, power) != 2:
            continue
        base = _factor_outside(loop, step, power)
        is_sum = end.operands[0] is params[total] and _uses(loop, params[total]) == 1
        is_product = term.decl is arithmetic.multiply and term.operands.count(power) == 1
        is_product &= all(is_number_of(a, "float64") for a in (*term.operands, end.result))
        rest = tuple(s for s in loop.body.body if s not in (step, term, end))
        are_plain = all(isinstance(s, Op) and not (s.decl.effect or s.decl.writes) for s in rest)
        if base is None or not (is_sum and is_product and are_plain):
            continue
        if end.decl not in (arithmetic.add, arithmetic.subtract):
            continue
        inner = b.inner()
        inner.location, inner.origin = loop.location, "compiler"
        result: Atom = _from_the_last(
            loop, _Terms(step, _other(term, power), end, rest), base, inner
        )
        if loop.carried[place] != const(1.0):
            result = inner.op(arithmetic.multiply, loop.carried[place], result)
        made = inner.op(end.decl, loop.carried[total], result)
        *others, op = inner.body
        assert op.results == (made,)
        return [*others, replace(op, results=(loop.results[total],))]
    return None


def _factor_outside(loop: For, step: Op, power: Value) -> Atom | None:
    """The factor of a running product, if it is loop-invariant."""
    if step.decl is not arithmetic.multiply or step.operands.count(power) != 1:
        return None
    base = _other(step, power)
    inside = {*defined_in(loop.body), *loop.body.params}
    numbers = all(is_number_of(a, "float64") for a in (*step.operands, step.result))
    return base if numbers and base not in inside else None


def _product(loop: For, power: Op) -> Op | None:
    """The product of a power and another number, if the power has no other use."""
    if _uses(loop, power.result) != 1:
        return None
    return next(
        (
            s
            for s in loop.body.body
            if isinstance(s, Op)
            and s.decl is arithmetic.multiply
            and power.result in s.operands
            and all(is_number_of(v, "float64") for v in (*s.operands, s.result))
        ),
        None,
    )


def _other(product: Op, factor: Value) -> Atom:
    return product.operands[product.operands[0] is factor]


def _running(
    loop: For, found: Collection[Op], products: Collection[Op], moved: set[Statement], b: Builder
) -> For:
    """The loop with carried powers, or carried products of powers; their invariant factors are hoisted."""
    kept = {p: next((s for s in products if p.result in s.operands), p) for p in found}
    params = {p: Value(s.result.type, p.result.name or "power") for p, s in kept.items()}
    inner, env = b.inner(), dict[Value, Atom]()
    inner.location, inner.origin = loop.location, "compiler"
    for s in loop.body.body:
        if isinstance(s, Op) and s in params:
            env[s.result] = params[s]
        elif isinstance(s, Op) and s in products:
            env[s.result] = next(params[p] for p, made in kept.items() if made is s)
        elif s not in moved:
            inner.append(Rewriter().keep(s, env, inner))
    starts = [const(1.0) if s is p else _other(s, p.result) for p, s in kept.items()]
    ends = [
        inner.op(arithmetic.multiply, p, op.operands[0], name=p.name) for op, p in params.items()
    ]
    yields = (*(lookup(env, y) for y in loop.body.yields), *ends)
    region = inner.region((*loop.body.params, *params.values()), yields)
    return replace(
        loop,
        carried=(*loop.carried, *starts),
        body=region,
        results=(*loop.results, *map(replace, params.values())),
    )
