"""Items of adjoint lists: whether they may be views of another adjoint, or must be copies.

    zs = np.stack(xs)       d_xs = list(d_zs)              the items are only read: views suffice

    zs = np.stack(xs)       d_xs = list(d_zs.copy())       `d_xs[0] += ...` must not change `d_zs`
    y = xs[0]

An item is copied if more than one statement contributes to the items.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, regions_of, walk
from srcdiff.ir.types import List
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.transforms.analysis.dependence.load_stability import Program

# operations whose adjoints add nothing to items of the adjoint list
_HARMLESS = (
    containers.append,
    containers.list_length,
    containers.list_pop,
    containers.list_reverse,
    containers.list_set,
)


def own_items(b: Builder, xs: Value, d_xs: Atom, program: Program) -> Atom:
    """The list that becomes the adjoint of `xs`. Its items are copied if more contributions are added to them."""
    made = b.body[-1] if b.body else None
    if not isinstance(made, Op) or made.decl is not creation.rows or made.result is not d_xs:
        return d_xs
    if _readers(xs, program) <= 1:
        return d_xs
    b.body.pop()
    return b.op(creation.rows, b.op(memory.copy, made.operands[0]))


def _readers(xs: Value, program: Program) -> int:
    """How many statements use items of a list, by any of its names."""
    own = program.roots.get(xs, frozenset())

    def is_same(atom: Atom) -> bool:
        is_list = isinstance(atom, Value) and isinstance(atom.type, List)
        return is_list and not own.isdisjoint(program.roots.of(atom))

    found = 0
    for s in walk(program.top):
        yields = [y for region in regions_of(s) for y in region.yields]
        harmless = isinstance(s, Op) and s.decl in _HARMLESS
        found += not harmless and any(map(is_same, (*s.operands, *yields)))
    return found
