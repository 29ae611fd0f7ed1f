"""Flow analysis: which loop-carried values (in variables, arrays or lists) may be carried as logarithms.

A value qualifies if it is computed from exponentials and from its own earlier values, and all its uses end in
logarithms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Function, If, Op, Statement, While, regions_of, walk
from srcdiff.ir.types import shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import all_regions, definitions, is_pure, written_values
from srcdiff.transforms.analysis.reachability import spread
from srcdiff.transforms.logspace.factored_form import OwnShifts, Parts, is_real
from srcdiff.transforms.logspace.logarithm import LOGARITHMS, Logarithms
from srcdiff.transforms.logspace.reductions import is_within

_THROUGH = {
    "add", "subtract", "multiply", "divide", "negative", "sum", "mean", "prod", "matmul", "dot", "power", "sqrt",
    "square", "index", "float64", "to_float", "expand_dims", "transpose", "reshape", "maximum", "minimum", "max", "min",
    "where", "choose",
}  # fmt: skip
_EXPONENTIALS = {"exp", "expit", "softmax", "cosh"}
_STARTS = {
    "zeros": 0.0,
    "zeros_like": 0.0,
    "ones": 1.0,
    "ones_like": 1.0,
    "empty": None,
    "empty_like": None,
}
_LENGTHS = (memory.axis_length, containers.list_length)


@dataclass(frozen=True, eq=False)
class Flow:
    """A merge of the values `sources` into the values `targets`, by a loop, a branch or storage (`of`).

    at : the position among the carried values of a loop, or among the results of a branch.
    writes : the operations that write the storage.
    views : the views through which the storage is read.
    """

    of: Statement
    sources: tuple[Atom, ...]
    targets: tuple[Value, ...]
    at: int = 0
    writes: tuple[Op, ...] = ()
    views: tuple[Value, ...] = ()


class Flows:
    """The flows of a function that are carried as logarithms; `found[flow]`: whether it is always positive."""

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.defined = definitions(fn)
        self.made = {v: op for v, op in self.defined.items() if is_pure(op, self.written)}
        self.users: dict[Atom, list[Statement]] = defaultdict(list)
        for s in walk(fn.body):
            for a in s.operands:
                self.users[a].append(s)
        self.ends = {y for region in all_regions(fn.body) for y in region.yields}
        self.uses: dict[Atom, list[Atom]] = defaultdict(list)  # the values whose operand it is
        for v, op in self.made.items():
            for a in op.operands:
                self.uses[a].append(v)
        self.fn = fn
        self.shifts = OwnShifts(fn, self.made)
        self.found = self.settled()

    def settled(self) -> dict[Flow, bool]:
        flows = [f for f in self.flows() if all(is_real(t.type) for t in f.targets)]
        found = dict.fromkeys(flows, True)
        before = None
        while found != before:  # of fewer flows in each round
            before, found = found, self.worth(self.taken(self.in_logarithms(found)))
        return found

    # ---- all flows ------------------------------------------------------------------------------------------

    def flows(self) -> Iterator[Flow]:
        for s in walk(self.fn.body):
            if isinstance(s, For) and not (s.is_parallel or s.slots or s.pair):
                yield from self.of_loop(s, s.carried_results)
            elif isinstance(s, While) and not s.pair:
                yield from self.of_loop(s, s.results)
            elif isinstance(s, If):
                for k, r in enumerate(s.results):
                    yield Flow(s, (s.then.yields[k], s.orelse.yields[k]), (r,), k)
            elif isinstance(s, Op) and (flow := self.of_storage(s)) is not None:
                yield flow

    def of_loop(self, loop: For | While, results: tuple[Value, ...]) -> Iterator[Flow]:
        if isinstance(loop, While) and loop.test is not None:
            regions = [loop.test.params, loop.body.params]
        elif isinstance(loop, While):
            regions = [loop.body.params]
        else:
            regions = [loop.body.params[1:]]
        rows = zip(loop.carried, loop.carried_yields, results, *regions, strict=True)
        for k, (first, y, *targets) in enumerate(rows):
            yield Flow(loop, (first, y), tuple(targets), k)

    def of_storage(self, s: Op) -> Flow | None:
        """The flow through an array or list that is only written, read and measured, if it is one."""
        is_list = s.decl is containers.list_new
        if not (is_list or s.decl is memory.copy or s.decl.name in _STARTS) or len(s.results) != 1:
            return None
        if s.result not in self.written:
            return None
        writes, reads, views, pending = [], [], [], [s.result]
        while pending:
            held = pending.pop()
            for user in self.users[held]:
                if not isinstance(user, Op) or user.operands[0] is not held or held in self.ends:
                    return None
                is_whole = held is s.result
                if user.decl in (memory.store, containers.append) and is_whole:
                    writes.append(user)
                elif user.decl is memory.index and shape_of(user.result.type):
                    views.append(user.result)
                    pending.append(user.result)
                elif user.decl in (memory.read, memory.index) or (
                    user.decl is containers.list_item and is_whole
                ):
                    reads.append(user.result)
                elif user.decl not in _LENGTHS:
                    return None
        if not writes or any(s.result in w.operands[1:] for w in writes):
            return None
        firsts = s.operands if is_list or s.decl is memory.copy else ()
        sources = (*firsts, *(w.operands[1] for w in writes))
        return Flow(s, sources, tuple(reads), 0, tuple(writes), tuple(views))

    # ---- uses -----------------------------------------------------------------------------------------------

    def in_logarithms(self, found: Mapping[Flow, bool]) -> dict[Flow, bool]:
        """The flows that reach logarithms and have no other use than shares (quotients of two flowing values)."""
        # a use of the key is a use of these values
        made_of: dict[Atom, list[Atom]] = defaultdict(list)
        shares: dict[Atom, list[Atom]] = defaultdict(list)
        wrong, logs = self.yielded_elsewhere(found), set[Atom]()
        flowing = self.flowing(found)
        places = {(f.of, f.at) for f in found}
        storages = {f.of.results[0] for f in found if isinstance(f.of, Op)}
        for f in found:
            for t in f.targets:
                made_of[t] += f.sources
        for s in walk(self.fn.body):
            if not isinstance(s, Op):
                others = s.carried if isinstance(s, For | While) else s.operands
                is_kept = isinstance(s, For | While)
                wrong |= {a for k, a in enumerate(others) if not (is_kept and (s, k) in places)}
            elif is_log(s):
                logs.update(s.operands)
            elif s.decl.name in _THROUGH and len(s.results) == 1:
                is_share = s.decl is arithmetic.divide and flowing.issuperset(s.operands)
                (shares if is_share else made_of)[s.result] += s.operands
            elif s.decl not in _LENGTHS and storages.isdisjoint((*s.operands[:1], *s.results)):
                wrong.update(s.operands)
        wrong = spread(wrong, made_of)
        for r, operands in shares.items():
            made_of[r] += operands
        logs = spread(logs, made_of)
        return {
            f: p
            for f, p in found.items()
            if not logs.isdisjoint(f.targets)
            and wrong.isdisjoint((*f.targets, *flowing.intersection(f.sources)))
        }

    def flowing(self, found: Iterable[Flow]) -> set[Atom]:
        """The targets of flows, and the values that are computed from them."""
        return spread([t for f in found for t in f.targets], self.uses)

    def yielded_elsewhere(self, found: Mapping[Flow, bool]) -> set[Atom]:
        """The values that regions yield at positions without a flow."""
        places = {(f.of, f.at) for f in found}
        out: set[Atom] = set(self.fn.body.yields)
        for s in walk(self.fn.body):
            for region in regions_of(s):
                start = len(region.yields) - len(s.carried) if isinstance(s, For | While) else 0
                out |= {y for k, y in enumerate(region.yields) if (s, k - start) not in places}
        return out

    # ---- logarithms of sources ------------------------------------------------------------------------------

    def taken(self, found: Mapping[Flow, bool]) -> dict[Flow, bool]:
        """The flows whose sources have logarithms, under the assumption that all flows in `found` have them."""
        maker = Logarithms(self.made, lambda a: a, Builder())
        for f, is_positive in found.items():
            for t in f.targets:
                new = Value(t.type, "log")
                factors: list[Atom] = [] if is_positive else [t]
                maker.known[t] = Parts([(1.0, new)], factors, is_positive=is_positive)
        out, flowing = {}, self.flowing(found)
        for f, is_positive in found.items():
            kinds = [self.kind(a, a in flowing, maker) for a in f.sources]
            if None not in kinds:
                out[f] = is_positive and all(kinds)
        return out

    def kind(self, source: Atom, is_own: bool, maker: Logarithms) -> bool | None:
        """Whether a source is positive for all arguments; None if it cannot be kept as a logarithm."""
        number = is_filled_with(source, self.defined)
        if number is not None:
            return number >= 0
        if source in maker.known:
            return maker.known[source].is_positive
        if not is_real(source.type) or source in self.written:
            return None
        parts = maker.parts(source)
        if parts.is_signed:
            parts = maker.plain(source)
        if not parts.exponents:
            return None if is_own else parts.is_positive
        made = [maker.exponent(parts), maker.factor(parts)]
        shapes, shape = [shape_of(a.type) for a in made], shape_of(source.type)
        if shape not in shapes or not all(is_within(s, shape) for s in shapes if s):
            return None
        is_number = {(), shape}.issuperset(shapes)
        return parts.is_positive if is_number or (is_own and not parts.is_positive) else None

    # ---- profitability --------------------------------------------------------------------------------------

    def worth(self, found: Mapping[Flow, bool]) -> dict[Flow, bool]:
        """The groups of flows that go round a loop with exponentials and that the user has neither shifted nor
        normalised.
        """
        flow_of: dict[Atom, Flow] = {t: f for f in found for t in f.targets}
        made_of = {f: self.made_of(list(f.sources)) for f in found}
        below = {f: {flow_of[a] for a in made_of[f] if a in flow_of} for f in found}
        out: dict[Flow, bool] = {}
        for group in _groups(below):
            atoms = set().union(*(made_of[f] for f in group))
            targets = {t for f in group for t in f.targets}
            ops = [self.made[a] for a in atoms if a in self.made]
            is_round = any(not isinstance(f.of, If) and f in spread(below[f], below) for f in group)
            if is_round and any(map(_is_exponential, ops)) and not self.is_tended(ops, targets):
                out |= {f: found[f] for f in group}
        return {f: p for f, p in found.items() if f in out}

    def is_tended(self, ops: Iterable[Op], targets: set[Value]) -> bool:
        """Whether the user divides by a value computed from the flow, or subtracts the maximum from exponents."""
        for op in ops:
            if op.decl is arithmetic.divide and self.made_of([op.operands[1]]) & targets:
                return True
            if op.decl.name == "exp" and self.shifts.are_in(op.operands[0]):
                return True
        return False

    def made_of(self, pending: list[Atom]) -> set[Atom]:
        return spread(pending, _Operands(self.made))


class _Operands(dict[Atom, tuple[Atom, ...]]):
    """The operands of the operation that computes each value."""

    def __init__(self, made: Mapping[Atom, Op]) -> None:
        self.made = made

    def __missing__(self, a: Atom) -> tuple[Atom, ...]:
        op = self.made.get(a)
        return () if op is None else op.operands


def _groups(below: Mapping[Flow, set[Flow]]) -> list[list[Flow]]:
    """The connected components of the flows: flows that are computed from one another, in either direction."""
    around: dict[Flow, set[Flow]] = {f: set(others) for f, others in below.items()}
    for f, others in below.items():
        for other in others:
            around[other].add(f)
    groups, done = [], set[Flow]()
    for f in below:
        if f not in done:
            group = spread([f], around)
            done |= group
            groups.append([g for g in below if g in group])
    return groups


def is_log(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl.name in LOGARITHMS


def is_filled_with(atom: Atom, defined: Mapping[Atom, Op]) -> float | None:
    """The number that an atom is or that an array was created with; None if it is neither."""
    if isinstance(atom, Const):
        is_number = isinstance(atom.value, int | float) and not isinstance(atom.value, bool)
        return float(atom.value) if is_number else None
    op = defined.get(atom)
    return _STARTS.get(op.decl.name) if op is not None else None


def _is_exponential(op: Op) -> bool:
    if op.decl.name == "power":
        return isinstance(op.operands[0], Const)
    return op.decl.name in _EXPONENTIALS
