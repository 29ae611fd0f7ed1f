"""Legality of row tiling: which statements after a matrix product may run block by block.

A statement joins the group if, for each array that the group writes, either all statements touch the row of their
iteration only, or this statement alone touches the array. Statements that depend on no row move in front of the blocks;
sums over rows are complete after the last block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from srcdiff.ir.alias import Roots, reads_of, with_inner, writes_of
from srcdiff.ir.core import For, If, Op, Statement, walk
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.defuse import defined_in, transposed, used_atoms
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.memory_layout import Layouts

_DTYPES = ("float64", "float32")
_LENGTHS = (memory.length, memory.axis_length)
ZEROS = (memory.zeros, memory.zeros_of)
_FILLED = (memory.empty, memory.empty_of, *ZEROS)


@dataclass(frozen=True)
class Facts:
    """The analyses of a function that row tiling uses."""

    roots: Roots
    uses: Mapping[Value, int]
    maker: Mapping[Atom, Op]
    layouts: Layouts


@dataclass
class Run:
    """Statements that may run block by block, over `count` rows.

    Attributes
    ----------
    front : list
        The statements that move in front of the blocks.
    body : list
        The statements of each block, in order.
    behind : list
        The statements that move after the blocks.
    views : dict
        Transposed arrays of rows, with their bases.
    made, sums : set
        The arrays that the body makes: complete row by row, or complete after the last row.
    rows, whole : set
        Storage of which the body accesses only the iteration's row, or more.
    written : set
        Storage that the body writes.
    factors : dict
        Products that sum over rows, with their arrays of rows.
    alone : set
        Storage that one statement writes beyond the iteration's row; no other statement may access it.
    """

    facts: Facts
    count: Dim
    front: list[Statement] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    after: list[Statement] = field(default_factory=list)
    views: dict[Value, Value] = field(default_factory=dict)
    made: set[Value] = field(default_factory=set)
    sums: set[Value] = field(default_factory=set)
    rows: set[Value] = field(default_factory=set)
    whole: set[Value] = field(default_factory=set)
    written: set[Value] = field(default_factory=set)
    alone: set[Value] = field(default_factory=set)
    factors: dict[Value, tuple[Value, Value]] = field(default_factory=dict)
    raises: bool = False

    # ---- statements ----

    def takes(self, s: Statement) -> bool:
        """Whether a statement joins the run; if so, it is entered."""
        used = set(used_atoms(s))
        if not used.isdisjoint(self.sums):
            return self.is_after(s)
        if isinstance(s, Op) and (base := transposed(s)) in self.made and base is not None:
            self.views[s.result] = base
            return True
        if isinstance(s, Op) and s.decl in _FILLED and self.has_rows(s.result):
            self.body.append(s)
            self.made.add(s.result)
            return True
        if isinstance(s, Op) and s.decl is products.matmul and self.is_product(s):
            return True
        if isinstance(s, For) and used.isdisjoint(self.views) and self.is_of_rows(s):
            return self.takes_loop(s)
        return self.is_independent(s, used)

    def is_after(self, s: Statement) -> bool:
        """Whether a statement computes with numbers that are complete after the last row; it then moves there."""
        if not isinstance(s, Op) or s.decl in _LENGTHS or subscripts(s) or not _is_plain(s):
            return False
        if s.decl is control.raise_ or not s.results:
            return False
        self.after.append(s)
        self.sums.update(s.results)
        return True

    def is_independent(self, s: Statement, used: set[Atom]) -> bool:
        """Whether a statement may move in front of the run; if so, it does."""
        roots = self.facts.roots
        if not used.isdisjoint(self.made) or not used.isdisjoint(self.views):
            return False
        inner = [x for x in with_inner(s) if isinstance(x, Op)]
        raises = any(x.decl is control.raise_ for x in inner)
        if any(x.decl.effect and x.decl is not control.raise_ for x in inner):
            return False
        written = writes_of(s, roots)
        touched = self.rows | self.whole
        if (raises and self.raises) or not written.isdisjoint(touched):
            return False
        if not reads_of(s, roots).isdisjoint(self.written):
            return False
        self.front.append(s)
        return True

    def has_rows(self, atom: Atom) -> bool:
        shape = shape_of(atom.type)
        return bool(shape) and shape[0] == self.count

    def is_own(self, array: Value) -> bool:
        """Whether the body makes an array, or the array is in C order, so that blocks of its rows are contiguous."""
        return array in self.made or bool(self.facts.layouts[array].contiguous)

    # ---- products ----

    def is_product(self, op: Op) -> bool:
        left, right = op.operands
        if not (isinstance(left, Value) and isinstance(right, Value)):
            return False
        if not all(map(_is_floats, (left, right, op.result))):
            return False
        base = self.views.get(left) or transposed(self.facts.maker.get(left))
        if base is not None and self.has_rows(base) and self.has_rows(right):
            return self.takes_sum(op, base, right)
        if self.has_rows(left) and len(shape_of(left.type)) == 2 and len(shape_of(right.type)) <= 2:
            return self.takes_rows(op, left, right)
        return False

    def takes_sum(self, op: Op, left: Value, right: Value) -> bool:
        """Whether a product that sums over the rows joins the run."""
        if self.made.isdisjoint((left, right)) or not all(map(self.is_own, (left, right))):
            return False
        if not self.touch({r: True for v in (left, right) for r in self.facts.roots[v]}, set()):
            return False
        self.body.append(op)
        self.sums.add(op.result)
        self.factors[op.result] = left, right
        return True

    def takes_rows(self, op: Op, left: Value, right: Value) -> bool:
        """Whether a product with one matrix for all rows joins the run."""
        roots = self.facts.roots
        base = self.views.get(right, right)
        if base in self.made or not self.is_own(left):
            return False
        touched = dict.fromkeys(roots[left], True) | dict.fromkeys(roots[right], False)
        if not self.touch(touched, set()):
            return False
        self.body.append(op)
        self.made.add(op.result)
        self.rows |= roots[op.result]
        self.written |= roots[op.result]
        return True

    # ---- loops ----

    def is_of_rows(self, loop: For) -> bool:
        is_plain = not (loop.reverse or loop.breaks or loop.is_parallel or loop.slots)
        is_counted = (loop.start, loop.step) == (const(0), const(1))
        return is_plain and is_counted and known_dim(loop.stop) == self.count

    def takes_loop(self, loop: For) -> bool:
        touched: dict[Value, bool] = {}
        raises = False
        inside = set(defined_in(loop.body))
        for s in walk(loop.body):
            if not _is_plain(s):
                return False
            if isinstance(s, Op) and s.decl is memory.axis_length and s.operands[0] in self.made:
                return False
            raises |= isinstance(s, Op) and s.decl is control.raise_
            if at := subscripts(s):
                for root in self.facts.roots.of(s.operands[0]) - inside:
                    touched[root] = touched.get(root, True) and at[0] is loop.index
        written = writes_of(loop, self.facts.roots) - inside
        if (raises and self.raises) or not self.touch(touched, written):
            return False
        self.raises |= raises
        self.body.append(loop)
        self.sums.update(loop.results)
        return True

    def touch(self, touched: Mapping[Value, bool], written: set[Value] | frozenset[Value]) -> bool:
        """Enter the accesses of a statement: storage, and whether only at the iteration's row; False if they conflict
        with accesses of the run.
        """
        for root, is_row in touched.items():
            if root in self.alone or (not is_row and root in self.written):
                return False
            if root in written and (root in self.whole or (not is_row and root in self.rows)):
                return False
        for root, is_row in touched.items():
            (self.rows if is_row else self.whole).add(root)
            if root in written and not is_row:
                self.alone.add(root)
        self.written |= written
        return True

    # ---- the finished run ----

    def local(self) -> set[Value]:
        """The arrays that only the blocks use, so that each block has its own rows."""
        inside = Counter(a for s in self.body for a in used_atoms(s))
        inside.update(self.views.values())
        lost = {v for v in self.views if inside[v] != self.facts.uses.get(v, 0)}
        kept = {self.views[v] for v in lost}
        return {v for v in self.made if inside[v] == self.facts.uses.get(v, 0) and v not in kept}


def _is_floats(atom: Atom) -> bool:
    return isinstance(atom.type, Array) and atom.type.dtype in _DTYPES


def _is_plain(s: Statement) -> bool:
    """Whether a statement computes with numbers and elements of arrays only."""
    if isinstance(s, For):
        return not (s.breaks or s.is_parallel)
    if not isinstance(s, Op):
        return isinstance(s, If)
    if s.decl in (*_LENGTHS, *_FILLED, control.raise_) or subscripts(s):
        return True
    numbers = (*s.operands, *s.results)
    return not (s.decl.effect or s.decl.writes) and not any(
        isinstance(a.type, Array) for a in numbers
    )
