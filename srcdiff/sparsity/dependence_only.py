"""Dependence propagation for numbers in loops without their values, if no float decides anything.

A program that loops over single numbers has many operations with little work, so each operation is prepared once, as a
function of no arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Array, Scalar, is_float, ndim_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.sparsity.index_sets import IndexSets
from srcdiff.sparsity.propagation import MOVES, RULES, WRITES
from srcdiff.sparsity.value_dependence import is_decided_by_floats

Step = Callable[[], None]


def needs_no_values(fn: Function) -> bool:
    """Whether zeros may replace the program's floats: they decide nothing, and no operation refuses them."""
    known = {*MOVES, *RULES, *WRITES}
    harmless = all(
        s.decl.elementwise or s.decl.name in known or not s.decl.differentiable
        for f in callees_first(fn)
        for s in walk(f.body)
        if isinstance(s, Op) and any(is_float(a.type) for a in s.operands)
    )
    return harmless and not is_decided_by_floats(fn)


def quick_step(
    op: Op, sets: IndexSets, values: dict[Value, Any], numbers: dict[Value, object]
) -> Step | None:
    """The operation on the numbers of sets, if it acts on single floats; otherwise None."""
    if op.decl.elementwise and len(op.results) == 1 and _is_number(op.results[0]):
        return _union(op, sets, values, numbers)
    where = op.attrs.get("where", "")
    if not where or set(where) - {"i", ",", " "} or not isinstance(op.operands[0].type, Array):
        return None
    if not is_float(op.operands[0].type) or any(ndim_of(a.type) for a in op.operands[1:]):
        return None
    picks_one = where.count("i") == ndim_of(op.operands[0].type)
    if op.decl.name == "index" and picks_one:
        return _index(op, values, numbers)
    if op.decl.name in ("store", "add_into") and picks_one:
        return _write(op, sets, values, numbers)
    return None


def _is_number(atom: Atom) -> bool:
    return isinstance(atom.type, Scalar) and is_float(atom.type)


def _union(
    op: Op, sets: IndexSets, values: dict[Value, Any], numbers: dict[Value, Any]
) -> Step | None:
    parts = [a for a in op.operands if isinstance(a, Value) and is_float(a.type)]
    if not all(map(_is_number, parts)):
        return None
    result = op.result
    values[result] = 0.0
    if not op.decl.differentiable or not parts:
        numbers[result] = 0
        return lambda: None
    first, *rest = parts
    if not rest:

        def one() -> None:
            numbers[result] = numbers[first]

        return one
    second, *others = rest

    def many() -> None:
        found = sets.union(numbers[first], numbers[second])
        for other in others:
            found = sets.union(found, numbers[other])
        numbers[result] = found

    return many


def _key(places: tuple[Atom, ...], values: Mapping[Value, object]) -> Callable[[], object]:
    """The place that an access names."""
    constants = [a.value if isinstance(a, Const) else None for a in places]
    if len(places) == 1:
        (place,) = places
        if isinstance(place, Const):
            return lambda: constants[0]
        return lambda: values[place]
    return lambda: tuple(
        values[a] if isinstance(a, Value) else c for a, c in zip(places, constants, strict=True)
    )


def _index(op: Op, values: dict[Value, Any], numbers: dict[Value, Any]) -> Step:
    source, result = op.operands[0], op.result
    key = _key(op.operands[1:], values)
    values[result] = 0.0
    assert isinstance(source, Value)

    def step() -> None:
        numbers[result] = int(numbers[source][key()])

    return step


def _write(op: Op, sets: IndexSets, values: dict[Value, Any], numbers: dict[Value, Any]) -> Step:
    target, amount = op.operands[:2]
    key, adds = _key(op.operands[2:], values), op.decl.name == "add_into"
    added = amount if isinstance(amount, Value) and is_float(amount.type) else None
    assert isinstance(target, Value)

    def step() -> None:
        own = numbers[target]
        at = key()
        more = numbers[added] if added is not None else 0
        own[at] = sets.union(int(own[at]), more) if adds else more

    return step
