"""In-place reuse: an array that is computed element by element from another one takes over its storage, where that
array is not used later.

    %e = empty_of; ...; %d = empty_of                             %d = empty_of; ...
    for 0, %n { (%i) ->                             becomes       for 0, %n { (%i) ->
        %1 = index %e, %i;  store %d, (f %1), %i }                    %1 = index %d, %i;  store %d, (f %1), %i }

New pages of memory cost more than several passes over existing ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.core import For, Function, Op, Region, Statement
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import substitute, used_atoms
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, is_element

_NEED_LENGTHS = (memory.length, memory.axis_length, memory.empty_of, memory.zeros_of)


def reuse_buffers(fn: Function) -> Function:
    """`fn` with arrays in the storage of the arrays from which they are computed."""
    while True:
        pair = _first_pair(fn)
        if pair is None:
            return fn
        fn = _in_one(fn, *pair)


def _first_pair(fn: Function) -> tuple[Op, Op] | None:
    """The first two buffers that may share storage."""
    body = fn.body.body
    roots = storage_roots(fn)
    made = [s for s in body if isinstance(s, Op) and s.decl is memory.empty_of]
    seen = {s.result: _users(body, s.result) for s in made}
    for new in made:
        for old in made:
            if old.result.type != new.result.type or not _is_own(fn, old.result, roots):
                continue
            before, after = seen[old.result], seen[new.result]
            meets = before and after and before[-1] == after[0]
            if meets and _is_in_place(body[before[-1]], old.result, new.result):
                return old, new
    return None


def _users(body: tuple[Statement, ...], array: Value) -> list[int]:
    """The positions of the statements that access an array's elements."""
    return [
        k
        for k, s in enumerate(body)
        if not (isinstance(s, Op) and s.decl in _NEED_LENGTHS) and array in used_atoms(s)
    ]


def _is_own(fn: Function, array: Value, roots: Roots) -> bool:
    """Whether an array has no alias and no name of the user's, and is not returned."""
    names = [v for v, own in roots.items() if array in own]
    return names == [array] and not array.user and array not in fn.body.yields


def _is_in_place(loop: Statement, old: Value, new: Value) -> bool:
    """Whether each iteration of a nest reads its own element of `old`, and then writes the same element of `new`."""
    if not isinstance(loop, For) or old in loop.operands or new in loop.operands:
        return False
    places = set()
    is_written = False
    for op, around, region in _accesses(loop, old, new):
        if not isinstance(op, Op) or op.decl not in ELEMENT_ACCESSES or not is_element(op):
            return False
        if sum(a in (old, new) for a in op.operands) > 1 or (op.decl is not memory.index) != (
            op.operands[0] is new
        ):
            return False
        if op.operands[0] is old and is_written:
            return False
        is_written = is_written or op.operands[0] is new
        at = op.operands[1 if op.decl is memory.index else 2 :]
        if len(at) != len(around) or {*at} != {*around}:
            return False
        places.add((at, region))
    return len(places) == 1


def _accesses(
    loop: For, old: Value, new: Value
) -> Iterator[tuple[Statement, tuple[Value, ...], Region]]:
    """The uses of two arrays in a nest, with the indices of the enclosing loops and the enclosing region."""
    stack: list[tuple[Region, tuple[Value, ...]]] = [(loop.body, (loop.index,))]
    while stack:
        region, around = stack.pop()
        for s in region.body:
            if old in s.operands or new in s.operands:
                yield s, around, region
            elif isinstance(s, For):
                stack.append((s.body, (*around, s.index)))
            elif not isinstance(s, Op) and any(a in (old, new) for a in used_atoms(s)):
                yield s, around, region


def _in_one(fn: Function, old: Op, new: Op) -> Function:
    """The function with one buffer, under the name of its last contents."""
    first = min((old, new), key=fn.body.body.index)
    one = replace(first, results=new.results)
    body = tuple(
        one if s is first else s for s in fn.body.body if s is first or s not in (old, new)
    )
    region = Region(fn.body.params, body, fn.body.yields)
    return substitute(fn.with_body(region), {old.result: new.result})
