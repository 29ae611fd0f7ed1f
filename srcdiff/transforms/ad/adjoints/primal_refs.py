"""Primal values in the backward part: references to forward values, and the saves that they need.

The backward part may refer to any forward value. A value from inside a forward region crosses by a save/restore pair.
The forward part is built last, with the `save`s, the counts of iterations and the lengths that the backward part uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Env, with_parts
from srcdiff.ir.core import For, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.types import INT, Array, Dim, Scalar, is_float, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.analysis.defuse import all_regions
from srcdiff.transforms.analysis.dependence.load_stability import Program


@dataclass
class ForwardPart:
    """Facts about the forward part, and the references of the backward part to it so far."""

    program: Program
    uncertain: Set[Value]  # without a value on some path
    # the region of each value, including the counts and lengths that are added
    home: dict[Value, Region] = field(init=False)
    standins: Env = field(default_factory=dict)  # results that are parameters of a helper's adjoint
    saves: dict[int, list[tuple[int, Value]]] = field(default_factory=dict)
    iterations: dict[int, Value] = field(default_factory=dict)
    pairs: dict[int, int] = field(default_factory=dict)
    lengths: dict[tuple[Value, int], Value] = field(default_factory=dict)  # of axes: value, axis
    instead: dict[int, list[Statement]] = field(default_factory=dict)  # replace a loop
    # loops whose iterations are run again: the carried values that are saved; nothing else is saved
    run_again: dict[int, list[tuple[int, Value]]] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.home = dict(self.program.home)

    @property
    def maker(self) -> Mapping[Atom, Statement]:
        return self.program.maker

    def number(self) -> int:
        """A number that this reversal has not used yet."""
        self.count += 1
        return self.count

    def pair(self, loop: If | For | While) -> int:
        """The number that a loop or branch shares with its mirror."""
        return self.pairs.setdefault(id(loop), len(self.pairs) + 1)

    def iteration_count(self, loop: While) -> Value:
        """How many iterations a `while` made, as a further result of the forward loop."""
        if id(loop) not in self.iterations:
            iterations = self.iterations[id(loop)] = Value(INT, "iterations")
            self.home[iterations] = self.program.region_of[id(loop)]
        return self.iterations[id(loop)]

    def length_of(self, value: Value, axis: int) -> Value:
        if (value, axis) not in self.lengths:
            made = Value(Scalar("int64", True, shape_of(value.type)[axis]))
            self.lengths[value, axis] = made
            self.home[made] = self.home[value]
        return self.lengths[value, axis]

    def is_known(self, dim: Dim) -> bool:
        """Whether a length is known everywhere: it is constant, or a length of an argument."""
        return dim.is_const or self.is_outer(dim)

    def is_outer(self, dim: Dim) -> bool:
        """Whether a length is an expression of lengths of arguments."""
        return bool(dim.terms) and dim.symbols() <= self.program.argument_symbols

    # ---- storage of values ----------------------------------------------------------------------

    def base(self, value: Value) -> Value:
        """The array of which a value is a view, through all views; the value itself if it is no view."""
        maker = self.maker.get(value)
        while (
            isinstance(maker, Op)
            and maker.view_of is not None
            and isinstance(maker.operands[maker.view_of].type, Array)
        ):
            base = maker.operands[maker.view_of]
            assert isinstance(base, Value)
            value, maker = base, self.maker.get(base)
        return value

    def bases(self, y: Atom) -> list[Value]:
        """The arrays that a value may be, or of which it may be a view, through views and results of branches."""
        if not isinstance(y, Value):
            return []
        base = self.base(y)
        maker = self.maker.get(base)
        if not isinstance(maker, If):
            return [base]
        k = maker.results.index(base)
        return [
            found for region in (maker.then, maker.orelse) for found in self.bases(region.yields[k])
        ]

    def is_like_yielded(self, value: Value) -> bool:
        """Whether a value is loop-carried, and an iteration yields one of the same lengths."""
        loop, k = self.program.carried(value) if value in self.program.home else (None, 0)
        if loop is None or k < 0:
            return False
        return shape_of(loop.carried_yields[k].type) == shape_of(value.type)

    def is_from_outside(self, y: Atom, region: Region, buffers: frozenset[Value]) -> bool:
        """Whether the yield `y` of a region is written storage from outside, or a view of such storage."""
        inside, home = set(all_regions(region)), self.home
        return isinstance(y, Value) and all(
            base in buffers and home[base] not in inside for base in self.bases(y)
        )

    def from_outside(self, y: Atom, region: Region, buffers: frozenset[Value]) -> list[Value]:
        """The storage from outside that a region yields, or yields views of, through inner branches."""
        if not isinstance(y, Value) or not self.is_from_outside(y, region, buffers):
            return []
        base = self.base(y)
        maker = self.maker.get(base)
        if self.home[base] not in set(all_regions(region)) or not isinstance(maker, If):
            return [base]
        k = maker.results.index(base)
        inner = (maker.then, maker.orelse)
        return [b for half in inner for b in self.from_outside(half.yields[k], region, buffers)]

    def reaches_out(self, y: Atom, region: Region, buffers: frozenset[Value]) -> bool:
        """Whether the yield `y` of a region may be storage from outside that a loop or branch in it passes on."""
        if not isinstance(y, Value) or y not in buffers:
            return False
        inside, home = set(all_regions(region)), self.home
        return any(home.get(root) not in inside for root in self.program.roots.get(y, ()))

    # ---- forward values in the backward part ----------------------------------------------------

    def primal(self, atom: Atom, scope: Scope) -> Atom:
        """The value that stands for a forward value in the backward region under construction."""
        if isinstance(atom, Const):
            return atom
        if atom in self.standins:
            return self.standins[atom]
        home = self.home[atom]
        if home is self.program.top:
            return atom
        at: Scope | None = scope
        while at is not None and at.region is not home:
            at = at.parent
        if at is None:
            return self.again(atom, scope)
        if atom not in at.values:
            at.values[atom] = replace(atom) if at.is_again else self.restore(atom, at)
        return at.values[atom]

    def again(self, value: Value, scope: Scope) -> Atom:
        """A value of a branch outside of the branch's mirror: an index is computed again, other values are refused."""
        maker = self.maker.get(value)
        is_index = isinstance(value.type, Scalar) and not is_float(value.type)
        if not isinstance(maker, Op) or not is_index or not _is_pure(maker):
            raise UnsupportedError(
                "the part of an array that a branch reads depends on values that the branch computes",
                "Compute the index in front of the branch.",
                maker.location if maker is not None else None,
            )
        result = replace(value)
        operands = tuple(self.primal(a, scope) for a in maker.operands)
        scope.b.append(replace(maker, operands=operands, results=(result,), origin="adjoint"))
        return result

    def restore(self, value: Value, at: Scope) -> Atom:
        known = known_dim(value)
        if known is not None and known.is_const:
            return const(known.const)
        if known is not None and self.is_outer(known):
            return at.b.op(memory.length, dim=known)
        slot = self.number()
        restored = replace(value)
        attrs = {"slot": slot, "type": value.type}
        at.prologue.append(Op(memory.restore, (), (restored,), attrs, at.b.location, "adjoint"))
        self.saves.setdefault(id(at.region), []).append((slot, value))
        return restored

    def kept_from_start(self, param: Value, loop: For, at: Scope) -> Statement:
        """The `restore` of a loop-carried value at the start of an iteration that is run again; the forward loop saves
        the value there.
        """
        slot = self.number()
        made = at.values.setdefault(param, replace(param))
        assert isinstance(made, Value)
        self.run_again[id(loop)].append((slot, param))
        attrs = {"slot": slot, "type": param.type}
        return Op(memory.restore, (), (made,), attrs, at.b.location, "adjoint")

    # ---- the new forward part -------------------------------------------------------------------

    def with_saves(self, region: Region) -> Region:
        """The forward region with the `save`s, counts of iterations and lengths that the backward part uses."""
        body = [new for s in region.body for new in self.instead.get(id(s)) or [self.statement(s)]]
        for (value, axis), length in self.lengths.items():
            if self.home[length] is region:
                attrs = {"axis": axis}
                body.append(Op(memory.axis_length, (value,), (length,), attrs, None, "compiler"))
        for slot, value in self.saves.get(id(region), ()):
            body.append(Op(memory.save, (value,), (), {"slot": slot}, None, "compiler"))
        return Region(region.params, tuple(body), region.yields)

    def statement(self, statement: Statement) -> Statement:
        if id(statement) in self.run_again:
            return self.without_saves(statement)
        inner = [self.with_saves(r) for r in regions_of(statement)]
        new = with_parts(statement, statement.operands, inner) if inner else statement
        if isinstance(new, If | For | While):  # pairs of an earlier reversal are dropped
            new = replace(new, pair=self.pairs.get(id(statement), 0))
        if isinstance(new, While) and id(statement) in self.iterations:
            return with_counter(new, self.iterations[id(statement)])
        return new

    def without_saves(self, loop: Statement) -> Statement:
        """A loop whose iterations are run again: they save carried values at their start, and nothing else."""
        (body,) = regions_of(loop)
        saves = tuple(
            Op(memory.save, (value,), (), {"slot": slot}, None, "compiler")
            for slot, value in self.run_again[id(loop)]
        )
        new = with_parts(
            loop, loop.operands, [Region(body.params, (*saves, *body.body), body.yields)]
        )
        assert isinstance(new, For)
        return replace(new, pair=self.pairs.get(id(loop), 0))


def _is_pure(op: Op) -> bool:
    return not op.decl.effect and not op.decl.writes and op.view_of is None


def with_counter(loop: While, iterations: Value) -> While:
    """The loop with the count of its iterations as a further loop-carried value."""
    before, after = Value(INT, "iterations"), Value(INT, "iterations")
    count = Op(arithmetic.add, (before, const(1)), (after,), {}, loop.location, "compiler")
    body = Region((*loop.body.params, before), (*loop.body.body, count), (*loop.body.yields, after))
    test = loop.test
    if test is not None:
        test = Region((*test.params, Value(INT, "iterations")), test.body, test.yields)
    return replace(
        loop,
        carried=(*loop.carried, const(0)),
        test=test,
        body=body,
        results=(*loop.results, iterations),
    )
