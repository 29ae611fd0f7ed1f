"""Rematerialisation: from which values a forward value can be computed again, and at which price."""

from __future__ import annotations

import math
from collections.abc import Iterable

from srcdiff.ir.core import Call, For, If, Op, Statement, While, regions_of, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.ad.tape.refillable_buffers import built_buffers
from srcdiff.transforms.analysis.cost_model import machine_price
from srcdiff.transforms.analysis.dependence.load_stability import Program

# prices of a recomputation, in units of storing its result: text is shorter with fewer stored arrays
HEAVY = 4.0
PRODUCT = 0.5
_READS = (
    memory.read,
    memory.index,
    memory.gather,
    containers.list_item,
    containers.unpack,
    containers.list_length,
    containers.list_copy,
)


def origins(v: Value, program: Program, mode: str = "auto") -> tuple[list[Value], float]:
    """The inner values from which a forward value is computed, and the price of computing it again (infinite if that
    is not possible).

    The price is in units of storing the value: by length of text or, with `mode="machine"`, by time. With `"kernel"`,
    loops whose iterations save something can be run again, too.
    """
    machine = mode == "machine"
    if v in program.built:
        built = program.built[v]
        used = [a for s in (built.made, *built.filling) for a in free_atoms(s)]
        return [u for u in inner_values(used, program) if u is not v], built.price
    maker = program.maker.get(v)
    if maker is None:  # a parameter of a region: an index is known, a loop-carried value is not
        return [], 0.0 if program.is_index(v) else math.inf
    match maker:
        case Op():
            return _op_origins(maker, program, machine)
        case Call():
            if _allocates_written(maker, program):
                return [], math.inf
            return inner_values(maker.operands, program), HEAVY
        case If() | For() | While():
            if not _repeatable(maker, program, mode == "kernel"):
                return [], math.inf
            return inner_values(free_atoms(maker), program), 1.0 if isinstance(maker, If) else HEAVY
    raise AssertionError(maker)


def _op_origins(op: Op, program: Program, machine: bool = False) -> tuple[list[Value], float]:
    if op.decl.effect or op.decl.writes or _allocates_written(op, program):
        return [], math.inf
    if _reads_storage(op, program) and not program.is_stable(op):
        return [], math.inf
    price = machine_price(op) if machine else 0.0
    if op.decl.cost == "heavy" and not machine:
        price = PRODUCT if op.decl.multilinear else HEAVY
    return inner_values(op.operands, program), price


def is_place(v: Value, program: Program) -> bool:
    """Whether a value is storage that is written, or a view of such storage.

    The backward part may need the storage as a place. Its contents change, so a copy from one moment would be wrong.
    """
    maker = program.maker.get(v)
    if not isinstance(v.type, Array) or v in program.built:
        return False
    if maker is None:  # a loop-carried value: each iteration may have other storage
        return program.is_written_in(program.home[v], v)
    if not isinstance(maker, Op | Call):
        return program.is_written_from(maker, v, is_after=True)
    if isinstance(maker, Call) or maker.view_of is None:
        return _allocates_written(maker, program)
    return any(root in program.writes for root in program.roots.get(v, ()))


def with_built(program: Program) -> Program:
    """The program with its iteration buffers, each with the price of filling it again."""
    program.built = built_buffers(program, lambda op: True)  # loads from them count as stable below
    program.built = built_buffers(
        program, lambda op: not math.isinf(_op_origins(op, program, True)[1])
    )
    return program


def _reads_storage(op: Op, program: Program) -> bool:
    is_read = op.decl in _READS and isinstance(op.operands[0], Value)
    return is_read and not any(is_place(v, program) for v in op.results)


def _allocates_written(made: Op | Call, program: Program) -> bool:
    """Whether a result is new storage that is written afterwards: computing it again would not repeat the writes."""
    return any(
        root in program.writes
        for v in made.results
        for root in program.roots.get(v, ())
        if root in made.results
    )


def _repeatable(statement: Statement, program: Program, keeps: bool = False) -> bool:
    """Whether a branch or loop can be run again: it has no writes and no effects, and all of its loads are stable."""
    for region in regions_of(statement):
        for inner in walk(region):
            if keeps and isinstance(inner, Op) and inner.decl is memory.save:
                continue
            if isinstance(inner, Op) and math.isinf(_op_origins(inner, program)[1]):
                return False
            if isinstance(inner, Call) and _allocates_written(inner, program):
                return False
    return True


def free_atoms(statement: Statement) -> list[Atom]:
    """The atoms from outside that a statement uses."""
    inside: set[Atom] = set()
    used: list[Atom] = list(statement.operands)
    for region in regions_of(statement):
        inside.update(region.params)
        for inner in region.body:
            used += free_atoms(inner)
            inside.update(inner.results)
        used += region.yields
    return [a for a in used if a not in inside]


def inner_values(atoms: Iterable[Atom], program: Program) -> list[Value]:
    """The values among some atoms that are defined inside a loop or branch."""
    return list(dict.fromkeys(a for a in atoms if isinstance(a, Value) and not program.is_top(a)))
