"""Sparsity patterns of Jacobians: a run of the program with sets of columns beside its values.

The reference evaluator (`ir/reference/interpreter.py`) runs the program, so branches and iterations of loops are those
of the given arguments; `value_dependence.py` says whether others may take another path. If both sides of a `np.where`
exist, both count, and so do all elements of a maximum: within its operations, the pattern is that of all arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import Call, For, Function, If, Op, Region, While, leaves
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.reference.interpreter import Evaluator
from srcdiff.ir.reference.value_conformance import Mismatch, Scope
from srcdiff.ir.types import Array, Scalar, Struct, Type, is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.sparsity.dependence_only import Step, needs_no_values, quick_step
from srcdiff.sparsity.index_sets import IndexSets
from srcdiff.sparsity.propagation import (
    MATRICES,
    MOVES,
    RULES,
    WRITES,
    Numbers,
    blank,
    dense,
    elementwise,
    hub,
    matrices,
    moved,
    numbers_in,
    spread,
)

_SAME = ("read", "copy", "astype", "to_float", "float64", "item", "expand", "stretch")


def pattern_of(fn: Function, values: Sequence[object], wrt: Sequence[int]) -> Any:
    """The pattern of the Jacobian of `fn`, a sparse boolean matrix.

    Parameters
    ----------
    fn
        A program from `Generated.program_for`.
    values
        The arguments of the run; arrays are not changed.
    wrt
        The parameters whose floats are the columns, in order; the floats of the results are the rows.
    """
    count = 0
    given = [blank(p.type, value) for p, value in zip(fn.params, values, strict=True)]
    for k in wrt:
        given[k], count = _counted(fn.params[k].type, given[k], count)
    tracer = _Tracer(fn, IndexSets(count), needs_no_values(fn))
    with np.errstate(all="ignore"):
        found = tracer.traced([_own(v) for v in values], given)
    results = [_floats_of(fn.body.yields[k].type, found[k]) for k in leaves(fn.output)]
    flat = [np.zeros(0, dtype=np.int64), *(part for parts in results for part in parts)]
    return tracer.sets.rows(np.concatenate(flat))


def _own(value: object) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        return [_own(v) for v in value]
    if isinstance(value, dict):
        return {k: _own(v) for k, v in value.items()}
    if type(value) is tuple:
        return tuple(_own(v) for v in value)
    return value


def _counted(type_: Type, numbers: Numbers, count: int) -> tuple[Numbers, int]:
    """Numbers for the columns of the floats in an argument, from `count` on."""
    if isinstance(numbers, dict | list):
        types: dict[object, Type] = {}
        if isinstance(type_, Struct):
            types = dict(zip(type_.keys, type_.parts, strict=True))
        for key in numbers if isinstance(numbers, dict) else range(len(numbers)):
            element = types[key] if types else getattr(type_, "element", type_)
            numbers[key], count = _counted(element, numbers[key], count)
        return numbers, count
    if not is_float(type_):
        return numbers, count
    if isinstance(type_, Scalar):
        return count + 1, count + 1
    size = numbers.size
    return np.arange(count + 1, count + size + 1).reshape(numbers.shape), count + size


def _floats_of(type_: Type, numbers: Numbers) -> list[Any]:
    """The numbers of a result's floats, in order."""
    if isinstance(type_, Struct):
        pairs = zip(type_.keys, type_.parts, strict=True)
        return [flat for k, t in pairs for flat in _floats_of(t, numbers[k])]
    if not is_float(type_):
        return []
    return list(numbers_in(numbers))


class _Tracer(Evaluator):
    """An evaluator that tracks, for each float, the columns that it depends on."""

    def __init__(self, fn: Function, sets: IndexSets, without_values: bool) -> None:
        super().__init__(fn)
        self.sets = sets
        self.without_values = without_values
        self.numbers: dict[Value, Numbers] = {}
        self.steps: dict[Op, Step | None] = {}

    def traced(self, args: Sequence[object], numbers: Sequence[Numbers]) -> list[Numbers]:
        """The dependences of the results; their values are left in `results`."""
        self.results, found = self.inside(self.fn.body, args, numbers, Scope())
        return found

    def of(self, atom: Atom) -> Numbers:
        if isinstance(atom, Value):
            return self.numbers.get(atom)
        return 0 if is_float(atom.type) else None

    def bind(
        self,
        values: Sequence[Value],
        objects: Sequence[object],
        scope: Scope,
        where: Callable[[], str],
        soft: bool = False,
    ) -> None:
        """Binds lengths only; the base class's checks of types are for tests of the compiler."""
        try:
            super().bind(values, objects, scope, where, soft=True)
        except Mismatch:
            self.values.update(zip(values, objects, strict=True))

    # ---- control flow ------------------------------------------------------------------------------

    def inside(
        self, region: Region, args: Sequence[object], numbers: Sequence[Numbers], scope: Scope
    ) -> tuple[list[Any], list[Numbers]]:
        self.numbers.update(zip(region.params, numbers, strict=True))
        values = self.region(region, args, scope)
        return values, [self.of(y) for y in region.yields]

    def structured(self, statement: If | For | While | Call, scope: Scope) -> list[object]:
        match statement:
            case If():
                branch = statement.then if self.get(statement.condition) else statement.orelse
                values, numbers = self.inside(branch, (), (), Scope(scope))
            case For():
                values, numbers = self.iterations(statement, scope)
            case While():
                values, numbers = self.rounds(statement, scope)
            case Call():
                function = self.fn if is_itself(statement.function) else statement.function
                callee = _Tracer(function, self.sets, self.without_values)
                given = [self.of(a) for a in statement.operands]
                numbers = callee.traced(self.all(statement.operands), given)
                values = callee.results
        self.numbers.update(zip(statement.results, numbers, strict=True))
        return values

    def iterations(self, loop: For, scope: Scope) -> tuple[list[Any], list[Numbers]]:
        values, numbers = self.all(loop.carried), [self.of(a) for a in loop.carried]
        counted, made = range(*self.all((loop.start, loop.stop, loop.step))), 0
        for index in reversed(counted) if loop.reverse else counted:
            given = [index, *values], [None, *numbers]
            values, numbers = self.inside(loop.body, *given, Scope(scope))
            made += 1
            if loop.breaks:
                numbers.pop(0)
                if not values.pop(0):
                    break
        return ([made, *values], [None, *numbers]) if loop.breaks else (values, numbers)

    def rounds(self, loop: While, scope: Scope) -> tuple[list[object], list[Numbers]]:
        values, numbers = self.all(loop.carried), [self.of(a) for a in loop.carried]
        while True:
            if loop.test is not None:
                going, _ = self.inside(loop.test, values, numbers, Scope(scope))
                if not going[0]:
                    return values, numbers
            values, numbers = self.inside(loop.body, values, numbers, Scope(scope))
            if loop.test is None:
                numbers.pop(0)
                if not values.pop(0):
                    return values, numbers

    # ---- operations --------------------------------------------------------------------------------

    def op(self, op: Op, scope: Scope) -> None:
        if self.without_values:
            if op not in self.steps:
                self.steps[op] = quick_step(op, self.sets, self.values, self.numbers)
            step = self.steps[op]
            if step is not None:
                step()
                return
        if op.decl.name in ("print", "assert"):
            return
        operands = self.all(op.operands)
        super().op(op, scope)
        if any(is_float(op.operands[k].type) for k in op.decl.writes):
            self.write(op, operands, scope)
        wanted = [is_float(r.type) for r in op.results]
        if any(wanted):
            values = [self.values[r] for r in op.results]
            for r, numbers in zip(op.results, self.made(op, operands, values, scope), strict=True):
                self.numbers[r] = numbers

    def write(self, op: Op, operands: Sequence[object], scope: Scope) -> None:
        """The dependences after a write to storage."""
        given = [self.of(a) for a in op.operands]
        name = op.decl.name
        if name in WRITES:
            WRITES[name](self.sets, op, given, operands)
        elif name in MOVES and not op.results:
            self.compute(*moved(op, given, operands), scope)
        elif name != "list_pop":
            for k in op.decl.writes:
                spread(self.sets, given[k], hub(self.sets, given))

    def made(
        self, op: Op, operands: Sequence[Any], values: Sequence[Any], scope: Scope
    ) -> list[Numbers]:
        """The dependences of an operation's results."""
        name, decl = op.decl.name, op.decl
        given = [self.of(a) if is_float(a.type) else None for a in op.operands]
        if name == "unpack":
            source: Any = given[0]
            parts = source.values() if isinstance(source, dict) else source
            return [self.fitted(r, n) for r, n in zip(op.results, parts, strict=True)]
        if not decl.differentiable or all(g is None for g in given):
            return [blank(r.type, v) for r, v in zip(op.results, values, strict=True)]
        if name in _SAME:
            return [self.same(op, given[0], operands[0], values[0])]
        if name in MOVES:
            found = self.compute(*moved(op, given, operands), scope)
            return [
                self.checked(op, self.fitted(op.result, found), given[0], operands[0], values[0])
            ]
        if name in RULES:
            found = RULES[name](self.sets, op, given)
            return [self.fitted(op.result, found, np.shape(values[0]))]
        if name in MATRICES:
            return matrices(self.sets, op, given, values)
        if decl.elementwise and len(op.results) == 1:
            return [self.fitted(op.result, elementwise(self.sets, given), np.shape(values[0]))]
        return dense(self.sets, op, given, values)

    def fitted(self, result: Value, numbers: Numbers, shape: tuple[int, ...] | None = None) -> Any:
        if isinstance(result.type, Scalar):
            return int(np.asarray(numbers).ravel()[0]) if isinstance(numbers, np.ndarray) else int(numbers)  # fmt: skip
        if isinstance(result.type, Array):
            found = np.asarray(numbers)
            if shape is not None and found.shape != shape:
                found = np.broadcast_to(found, shape).copy()
            return found if found.dtype == np.int64 else found.astype(np.int64)
        return numbers

    def same(self, op: Op, numbers: Numbers, operand: np.ndarray, value: np.ndarray) -> Numbers:
        """The element itself, or a copy, which may have more places."""
        if isinstance(value, np.ndarray):
            if isinstance(operand, np.ndarray) and np.shares_memory(operand, value):
                return numbers
            return np.broadcast_to(numbers, value.shape).copy()
        if isinstance(numbers, np.ndarray):
            return int(numbers.ravel()[0])
        return _own(numbers)

    def checked(
        self, op: Op, found: Numbers, numbers: Numbers, operand: object, value: Any
    ) -> Numbers:
        """Check that the numbers share storage where the elements do."""
        if not isinstance(found, np.ndarray) or not isinstance(operand, np.ndarray):
            return found
        if found.shape != np.shape(value):
            raise AssertionError(f"{op.decl.name}: numbers of shape {found.shape}")
        is_view = np.may_share_memory(operand, value)
        if np.may_share_memory(numbers, found) == is_view or not found.size:
            return found
        if is_view:
            raise UnsupportedError(
                "this makes a view of an array whose order in memory is not known",
                "Pass np.ascontiguousarray(...) of the array to it.",
                op.location,
            )
        return found.copy()
