"""Aliased writes: whether storage that gets a second name in an iteration may be written in the next iteration.

    for i in range(n):
        u *= v                    # after an iteration with `x[i] > 0.0`, `u` and `v` are one array
        u = w + i
        v = u if x[i] > 0.0 else v

Reverse mode has one adjoint buffer for each name. This is exact if nothing writes the storage while it has two names.
"""

from __future__ import annotations

from srcdiff.ir.core import For, If, Op, Statement, While
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import uses_outside
from srcdiff.transforms.analysis.dependence.access_regions import Loop
from srcdiff.transforms.analysis.dependence.load_stability import Program


def is_written_next_iteration(there: Statement, value: Value, program: Program) -> bool:
    """Whether a later iteration may write the storage of `value` before it reaches `there`."""
    return any(
        program.number[id(write)] <= program.number[id(there)]
        and loop in program.around[id(write)]
        and _may_have_two(root, loop, program)
        and _is_of_earlier_iteration(write.operands[write.decl.writes[0]], loop, program, set())
        for loop in program.around[id(there)]
        for root in program.roots.get(value, ())
        for write in program.writes.get(root, ())
    )


def is_of_its_iteration(there: Statement, root: Value, write: Op, program: Program) -> bool:
    """Whether a write goes to storage that the same iteration of the loop `there` makes. The storage gets its second
    name later, when the loop passes it on.
    """
    return (
        isinstance(there, For | While)
        and there in program.around[id(write)]
        and there in program.loops_around(program.home[root])
        and not _is_of_earlier_iteration(
            write.operands[write.decl.writes[0]], there, program, set()
        )
    )


def _may_have_two(root: Value, loop: Loop, program: Program) -> bool:
    """Whether an iteration may have two names for older storage: loop-carried values, or values from outside."""
    if loop not in program.loops_around(program.home[root]):
        return True
    names = [p for p in loop.body.params if root in program.roots.get(p, ())]
    return len([p for p in names if _is_used(p, loop)]) > 1


def _is_used(param: Value, loop: Loop) -> bool:
    return param in loop.body.yields or any(param in uses_outside(s) for s in loop.body.body)


def _is_of_earlier_iteration(atom: Atom, loop: Loop, program: Program, seen: set[Atom]) -> bool:
    """Whether a value may be storage, or a view of storage, from before the current iteration of a loop."""
    if atom in seen or not isinstance(atom, Value):
        return False
    seen.add(atom)
    if loop not in program.loops_around(program.home[atom]):
        return True
    made = program.maker.get(atom)
    sources: list[Atom] = []
    if made is None:  # a loop-carried value
        owner, k = program.carried(atom)
        if owner is None or owner is loop:
            return True
        sources = [owner.carried[k], owner.carried_yields[k]]
    elif isinstance(made, If):
        k = made.results.index(atom)
        sources = [region.yields[k] for region in (made.then, made.orelse)]
    elif isinstance(made, For | While):
        results = made.carried_results if isinstance(made, For) else made.results
        k = results.index(atom)
        sources = [made.carried[k], made.carried_yields[k]]
    elif isinstance(made, Op) and made.view_of is not None:
        sources = [made.operands[made.view_of]]
    return any(_is_of_earlier_iteration(s, loop, program, seen) for s in sources)
