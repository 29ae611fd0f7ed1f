"""Dead store elimination: a store that a pass made, into elements that are not read afterwards, is removed.

    for 1, n reverse { (%i) ->                          for 1, n reverse { (%i) ->
        %t = index[i] %d_c, %i                              %t = index[i] %d_c, %i
        store[i] %d_c, 0.0, %i                 ->           add_into[i] %d_c, %t, %i - 1 }
        add_into[i] %d_c, %t, %i - 1 }                  %u = index[i] %d_c, 0
    %u = index[i] %d_c, 0
    store[i] %d_c, 0.0, 0

Dead code elimination tests whether an array is read at all. This pass tests whether these elements are read later: in
later iterations of the enclosing loops, or after the loops. An addition reads the element that it adds to. Two accesses
whose indices cannot be compared are taken to overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set

from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import map_ops
from srcdiff.ir.core import Call, Function, Op, Statement, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import all_regions, defined_in, is_generated
from srcdiff.transforms.analysis.dependence.access_regions import Loop, Span
from srcdiff.transforms.analysis.dependence.load_stability import survey


def dead_stores(fn: Function) -> Function:
    """`fn` without generated stores into elements that are not read again."""
    unseen = fn.target.unobserved
    if not any(_is_candidate(s, unseen) for s in walk(fn.body)):
        return fn
    dead = _Stores(fn).dead()
    return map_ops(fn, lambda op: None if op in dead else op) if dead else fn


class _Stores:
    """The accesses of each array that may follow a store into it, and their subscripts."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.unseen = fn.target.unobserved
        self.roots = storage_roots(fn)
        self.program = survey(fn.body, self.roots)
        self.stores: list[Op] = []
        self.reads: dict[Value, list[Op | Call]] = defaultdict(list)
        # root -> the values that refer to it
        self.seen: dict[Value, list[Value]] = defaultdict(list)
        for value, own in self.roots.items():
            for root in own:
                self.seen[root].append(value)
        for region in all_regions(fn.body):
            for statement in region.body:
                self.enter(statement)

    def enter(self, statement: Statement) -> None:
        if not isinstance(statement, Op | Call):
            return
        if isinstance(statement, Op) and statement.decl is memory.store:
            read = reads_of(statement, self.roots)
            if _is_candidate(statement, self.unseen):
                self.stores.append(statement)
        else:
            read = reads_of(statement, self.roots) | writes_of(statement, self.roots)
        for root in read:
            self.reads[root].append(statement)

    def dead(self) -> set[Op]:
        outside = {
            root
            for atom in (*self.fn.params, *self.fn.body.yields)
            if isinstance(atom, Value) and atom.name not in self.unseen
            for root in self.roots.get(atom, ())
        }
        return {s for s in self.stores if self.is_dead(s, outside)}

    def is_dead(self, store: Op, outside: set[Value]) -> bool:
        target = store.operands[0]
        roots = self.roots.of(target)
        reads = (read for root in roots for read in self.reads[root])
        if roots and roots.isdisjoint(outside) and not any(self.is_after(r, store) for r in reads):
            return True
        place = self.program.subscript(store)
        if (
            place is None
            or place[0] in outside
            or self.roots.get(place[0]) != frozenset({place[0]})
        ):
            return False  # unknown, visible to the caller, or one of several arrays
        own = self.loops_of_its_own(place[0])
        return not any(self.may_follow(read, store, place, own) for read in self.reads[place[0]])

    def loops_of_its_own(self, root: Value) -> tuple[Loop, ...]:
        """The loops around an array whose iterations each have an array of their own: no name outlives an iteration."""
        loops = self.program.loops_around(self.program.home[root])
        for depth in range(len(loops), 0, -1):
            made_in_iteration = set(defined_in(loops[depth - 1].body)) - {
                *loops[depth - 1].body.params
            }
            if made_in_iteration.issuperset(self.seen[root]):
                return loops[:depth]
        return ()

    def is_after(self, read: Op | Call, store: Op) -> bool:
        """Whether a read, of any elements, may follow a store."""
        around = self.program.around
        in_iterations = around[id(store)] and around[id(read)]
        if in_iterations and around[id(store)][0] is around[id(read)][0]:
            return True
        return self.program.number[id(read)] > self.program.number[id(store)]

    def may_follow(
        self, read: Op | Call, store: Op, place: tuple[Value, list[Span]], own: Sequence[Loop]
    ) -> bool:
        """Whether a read may follow the store and overlap the stored elements."""
        root, stored_at = place
        around = self.program.around
        pairs = zip(around[id(store)], around[id(read)], strict=False)
        shared = [p for p, q in pairs if p is q][len(own) :]
        earlier = self.program.number[id(read)] < self.program.number[id(store)]
        if not shared and earlier:
            return False
        found = self.program.subscript(read) if isinstance(read, Op) else None
        if found is None or found[0] is not root:
            return True
        read_at = found[1]
        if any(map(self.program.never_meet, stored_at, read_at)):
            return False
        if self.are_distinct_at_end(root, stored_at, read_at):
            return False
        return not (shared and self.program.is_after(stored_at, read_at, shared, earlier))

    def are_distinct_at_end(self, root: Value, left: Sequence[Span], right: Sequence[Span]) -> bool:
        """Whether one of two accesses counts from the end of an axis, and the other ends before it."""
        if not isinstance(root.type, Array) or not self.program.is_top(root):
            return False
        axes = zip(left, right, root.type.shape, strict=False)
        return any(self.program.distinct_at_end(a, b, length) for a, b, length in axes)


def _is_candidate(s: Statement, unseen: Set[str] = frozenset()) -> bool:
    """Whether a statement is a generated store, or a store into a parameter that is not observed afterwards.

    A store through an index array may be anywhere along its axes.
    """
    if not isinstance(s, Op) or s.decl is not memory.store:
        return False
    target = s.operands[0]
    return is_generated(s) or (isinstance(target, Value) and target.name in unseen)
