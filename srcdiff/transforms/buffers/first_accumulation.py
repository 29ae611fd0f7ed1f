"""Folding of accumulator initialisation: the first addition to zeros becomes a store.

    %d = zeros_like %x                           %d = zeros_like %x
    add_into[b:] %d, %v, 1               ->      store[b:] %d, %v, 1

    %d = zeros_of[type=float64[2]]               %d = array_of %a, %b
    add_into[i] %d, %a, 0                ->
    add_into[i] %d, %b, 1

Additions through index arrays or masks stay: their text is the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, with_body
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.index_patterns import is_view
from srcdiff.transforms.analysis.defuse import is_generated, used_atoms

_ZEROS = (memory.zeros_like, memory.zeros_of, memory.zeros)


def first_sums(fn: Function) -> Function:
    """`fn` with a store in place of the first addition to generated zeros."""
    return _FirstSums(fn.target.is_kernel)(fn)


class _FirstSums(Rewriter):
    def __init__(self, is_kernel: bool) -> None:
        self.is_kernel = is_kernel  # a kernel has no `array_of`; it stores numbers one by one

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body = list(old.body)
        for zeros in old.body:
            if isinstance(zeros, Op) and zeros.decl in _ZEROS and is_generated(zeros):
                _start(zeros, body, self.is_kernel)
        return super().region(with_body(old, body), env, b)


def _start(zeros: Op, body: list[Statement], is_kernel: bool) -> None:
    d = zeros.result
    sums = [*_sums_before_other_uses(d, body[body.index(zeros) + 1 :])]
    numbers = _all_numbers(d, sums)
    if numbers is not None and is_kernel:
        storage = Op(memory.empty_of, (), (d,), {"type": d.type}, zeros.location, zeros.origin)
        body[body.index(zeros)] = storage
        for first in sums[: len(numbers)]:
            body[body.index(first)] = replace(first, decl=memory.store)
    elif numbers is not None:
        sums = sums[: len(numbers)]  # later additions add to the new array
        made = Op(
            creation.array_of,
            numbers,
            (d,),
            {"layout": (len(numbers),)},
            sums[-1].location,
            zeros.origin,
        )
        body[body.index(sums[-1])] = made
        for statement in (zeros, *sums[:-1]):
            body.remove(statement)
    elif sums and sums[0].attrs["where"]:
        body[body.index(sums[0])] = replace(sums[0], decl=memory.store)


def _sums_before_other_uses(d: Value, body: list[Statement]) -> Iterator[Op]:
    """The additions to an array in a region before any other use of the array."""
    for statement in body:
        if d in set(used_atoms(statement)):
            if not _is_sum(statement, d):
                return
            assert isinstance(statement, Op)
            yield statement


def _is_sum(statement: Statement, d: Value) -> bool:
    return (
        isinstance(statement, Op)
        and statement.decl is memory.add_into
        and is_generated(statement)
        and statement.operands[0] is d
        and d not in statement.operands[1:]
        and is_view(statement.attrs["where"])
    )


def _all_numbers(d: Value, sums: list[Op]) -> tuple[Atom, ...] | None:
    """The elements of a short array, if one addition gives each of them."""
    if not isinstance(d.type, Array) or len(d.type.shape) != 1 or not d.type.shape[0].is_const:
        return None
    found: dict[int, Atom] = {}
    length = d.type.shape[0].const
    for s in sums[:length]:
        amount = s.operands[1]
        place = s.operands[2] if s.attrs["where"] == "i" else None
        is_number = isinstance(amount.type, Scalar) and amount.type.dtype == d.type.dtype
        if not isinstance(place, Const) or not is_number:
            return None
        found[int(place.value) % length] = amount
    return tuple(found[k] for k in range(length)) if len(found) == length > 0 else None
