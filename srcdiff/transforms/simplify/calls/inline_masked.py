"""Inlining of short helpers beside masks, so that the adjoints of their operations see the mask.

np.where(m, size(x, w), 0.0)        becomes        np.where(m, x * w, 0.0)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from srcdiff.ir.core import Call, Function, Op, Statement, walk
from srcdiff.ir.values import Atom
from srcdiff.transforms.analysis.defuse import definitions_in
from srcdiff.transforms.simplify.calls.inline import is_few_lines

_MASKS = ("where", "nan_to_num")


def beside_masks(fn: Function) -> set[Call]:
    """The calls to inline: those whose result a mask selects from, and those that select from a computed argument."""
    calls = [s for s in walk(fn.body) if isinstance(s, Call) and is_few_lines(s.function, Call)]
    if not calls:
        return set()
    makers = definitions_in(walk(fn.body))
    found = {s for a in _selected(fn) for s in _made_from(a, makers) if s in calls}
    for call in calls:
        if any(_selected(call.function)):
            origins = [s for a in call.operands for s in _made_from(a, makers)]
            if any(isinstance(s, Call) or not s.decl.linear for s in origins):
                found.add(call)
    return {c for c in found if isinstance(c, Call)}


def _selected(fn: Function) -> Iterator[Atom]:
    """The operands that masks select from."""
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl.name in _MASKS:
            yield from s.operands[-2:]


def _made_from(a: Atom, makers: Mapping[Atom, Statement]) -> Iterator[Op | Call]:
    """The elementwise operations and calls that compute a value, from the last one backwards."""
    made = makers.get(a)
    if isinstance(made, Call):
        yield made
    elif isinstance(made, Op) and made.decl.elementwise:
        yield made
        for operand in made.operands:
            yield from _made_from(operand, makers)
