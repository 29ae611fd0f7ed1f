"""Read hoisting: a loop that loads elements of an array that it does not write loads them from one read in front of it.

    for i:                                      %w = read %h
        for j:                                  for i:
            %0 = index[i] %h, %j      ->            for j:
            ...                                         %0 = index[i] %w, %j
    store[:] %h, %new                           store[:] %h, %new

If `%w` is stored, that is one array for all iterations of `i` and `j`. If the elements are stored, that is an array for
each iteration of `i`. `residuals` decides. Afterwards `as_before` lets the forward part load from `%h` again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, Scalar, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.dependence.load_stability import Program


def read_in_front(
    fn: Function, roots: Roots, program: Program
) -> tuple[Function, dict[Atom, Atom]]:
    """`fn` with such reads in its forward loops, and the array of each `read`."""
    change = _ReadsInFront(roots, program)
    return change(fn), change.made


def as_before(fn: Function, made: dict[Atom, Atom]) -> Function:
    """`fn` with loads from the arrays themselves in the place of loads from their reads."""
    return _AsBefore(made)(fn) if made else fn


class _ReadsInFront(Rewriter):
    def __init__(self, roots: Roots, program: Program) -> None:
        self.program = program
        self.roots = roots
        self.depth = 0
        self.made: dict[Atom, Atom] = {}
        self.of: dict[int, Value] = {}  # load -> the read that it loads from
        self.now: dict[Value, Value] = {}  # array -> its read, until the array is written

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer, self.now = self.now, {}
        new = super().region(old, env, b)
        self.now = outer
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old.origin == "adjoint":
            b.append(old)
            return
        is_loop = isinstance(old, For | While)
        if isinstance(old, For | While) and self.depth:
            for load in self.unstable_loads(old):
                self.of.setdefault(id(load), self.read(load, b))
        self.depth += is_loop
        super().statement(old, env, b)
        self.depth -= is_loop
        written = writes_of(old, self.roots)
        self.now = {a: w for a, w in self.now.items() if not written & self.roots[a]}

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        if id(old) not in self.of or not isinstance(new, Op):
            return new
        return replace(new, operands=(self.of[id(old)], *new.operands[1:]))

    def unstable_loads(self, loop: For | While) -> Iterator[Op]:
        inside = {v for region in regions_of(loop) for v in defined_in(region)}
        written = writes_of(loop, self.roots)
        for s in walk(*regions_of(loop)):
            if not isinstance(s, Op) or s.decl is not memory.index or id(s) in self.of:
                continue
            base = s.operands[0]
            if (
                isinstance(base, Value)
                and isinstance(base.type, Array)
                and isinstance(s.result.type, Scalar)
                and s.origin != "adjoint"
                and base not in inside
                and not written & self.roots[base]
                and self.has_known_lengths(base)
                and not self.program.is_stable(s)
            ):
                yield s

    def has_known_lengths(self, array: Value) -> bool:
        known = self.program.argument_symbols
        return all(d.symbols() <= known for d in shape_of(array.type))

    def read(self, load: Op, b: Builder) -> Value:
        base = load.operands[0]
        assert isinstance(base, Value)
        if base not in self.now:
            whole = self.now[base] = Value(base.type, base.name)
            b.append(Op(memory.read, (base,), (whole,), {}, load.location, "compiler"))
            self.made[whole] = base
        return self.now[base]


class _AsBefore(Rewriter):
    def __init__(self, made: Mapping[Atom, Atom]) -> None:
        self.made = made

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is memory.index and old.operands[0] in self.made:
            base = self.made[old.operands[0]]
            old = replace(old, operands=(lookup(env, base), *old.operands[1:]))
        super().statement(old, env, b)
