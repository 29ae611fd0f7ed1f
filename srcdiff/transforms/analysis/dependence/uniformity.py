"""Uniformity: which values of a loop are the same in all iterations (uniform), and which differ (varying).

    for 0, %n with 0.0 { (%i, %total) ->
        %t = index %x, %i                       varying
        %a, %p = for 0, %m with 0.0, 1.0 { (%j, %a.1, %p.1) ->
            %c = index %coefficients, %j        uniform, as the bounds of the inner loop are
            yield (add %a.1, (multiply %c, %p.1)), (multiply %p.1, %t) }
        yield (add %total, %a) }                a running sum

The analysis applies to loops whose iterations are independent of each other, except for running sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.core import Call, For, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import all_regions
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, subscripts
from srcdiff.transforms.analysis.dependence.loop_dependence import (
    accesses,
    carries_only_add,
    never_negative,
    storage_commutes,
)

_ALLOCATIONS = (memory.empty, memory.empty_of)
_LENGTHS = (memory.length, memory.axis_length)
_DTYPES = ("float64", "float32", "int64", "bool")


@dataclass(frozen=True)
class Varying:
    """The uniform and varying values of a loop whose iterations may be interleaved.

    Attributes
    ----------
    sums : dict
        Value -> the number of the loop-carried running sum that the value holds at some place of an iteration.
    values : set
        The varying values: numbers, and arrays of the iteration's own that hold varying numbers.
    own : set
        The arrays that an iteration allocates for itself.
    fixed : set
        The arrays that no iteration writes.
    measured : set
        The parts of arrays of which only the lengths are needed; the lengths are uniform.
    """

    loop: For
    sums: Mapping[Atom, int]
    values: frozenset[Value]
    own: frozenset[Value]
    fixed: frozenset[Value]
    measured: frozenset[Value]

    def of(self, atom: Atom) -> bool:
        return atom in self.values

    def is_common(self, s: If) -> bool:
        """Whether all iterations take the same branch, and the results of the branch are uniform."""
        return not any(self.of(a) for a in (s.condition, *s.results) if a not in self.own)

    def is_uniform(self, s: Statement) -> bool:
        """Whether a statement does the same in all iterations, so that it may run once for all of them."""
        if isinstance(s, Op) and s.decl in _LENGTHS:
            return s.result not in self.values
        if isinstance(s, Op) and not self.measured.isdisjoint(s.results):
            return True
        if any(a in self.values or a in self.sums for a in (*s.operands, *s.results)):
            return False
        if isinstance(s, Op) and s.decl.writes and s.operands[0] not in self.own:
            return False
        return all(self.is_uniform_region(r) for r in regions_of(s))

    def is_uniform_region(self, region: Region) -> bool:
        yields = all(y not in self.values and y not in self.sums for y in region.yields)
        return yields and all(map(self.is_uniform, region.body))


def varying(loop: For, roots: Roots, uses: Mapping[Value, int]) -> Varying | None:
    """The uniform and varying values of a loop; None if iterations depend on each other, or cannot run side by side."""
    if loop.breaks or loop.is_parallel or loop.step != const(1) or not _counts_up(loop):
        return None
    own = frozenset(_own_arrays(loop.body))
    measured = frozenset(_measured(loop.body))
    if not all(_is_plain(s, own | measured) for s in walk(loop.body)):
        return None
    dtypes = {p.type.dtype for p in loop.body.params[1:] if isinstance(p.type, Scalar)}
    if not dtypes <= {"float64", "int64"} or not carries_only_add(loop, uses):
        return None
    if not storage_commutes(accesses(loop, roots)):
        return None
    written = writes_of(loop, roots)
    fixed = frozenset(v for v, r in roots.items() if r.isdisjoint(written)) - own
    sums: dict[Atom, int] = {p: k for k, p in enumerate(loop.body.params[1:])}
    _follow(loop.body, sums)
    values = _spread(loop, sums, own)
    found = Varying(loop, sums, values, own, fixed, measured)
    return found if _has_form(loop.body, found) and _raises_uniformly(loop, found) else None


def _has_uniform_lengths(op: Op, found: Varying) -> bool:
    """Whether a part of which only lengths are needed has the same lengths in all iterations: it is a part of the
    iteration's own row, or has uniform bounds.
    """
    if found.measured.isdisjoint(op.results):
        return True
    base, *at = op.operands
    if op.attrs["where"].startswith("i") and at[0] == found.loop.index:
        del at[0]
    return (base in found.fixed or base in found.measured) and not any(map(found.of, at))


def _yields_more(s: If, found: Varying) -> bool:
    """Whether a branch allocates arrays, or yields arrays of an iteration, or uniform numbers."""
    made = walk(*regions_of(s))
    same = any(not found.of(r) and r not in found.sums for r in s.results)
    return same or any(map(_is_allocation, made)) or not found.own.isdisjoint(s.results)


def _counts_up(loop: For) -> bool:
    return never_negative(loop.start) and not loop.reverse


def has_loop(region: Region) -> bool:
    return any(isinstance(s, For) for s in walk(region))


# ---- the form of an iteration ------------------------------------------------------------------------


def _own_arrays(region: Region) -> set[Value]:
    """The arrays that each iteration allocates, and results of branches that are such arrays and are not written."""
    written = {s.operands[0] for s in walk(region) if isinstance(s, Op) and s.decl.writes}
    own = {s.results[0] for s in walk(region) if _is_allocation(s)}
    for s in _branches(region):
        for k, result in enumerate(s.results):
            if result not in written and all(r.yields[k] in own for r in regions_of(s)):
                own.add(result)
    return own


def _measured(region: Region) -> set[Value]:
    """The parts of arrays of which only lengths are used, and parts of these parts."""
    users: dict[Atom, list[Statement]] = {}
    yielded: set[Atom] = {y for r in all_regions(region) for y in r.yields}
    parts = [s for s in walk(region) if isinstance(s, Op) and _takes_part(s)]
    for s in walk(region):
        for a in s.operands:
            users.setdefault(a, []).append(s)
    found: set[Value] = set()
    for s in reversed(parts):
        readers = users.get(s.result, ())
        if s.result not in yielded and all(_measures(u, s.result, found) for u in readers):
            found.add(s.result)
    return found


def _measures(s: Statement, array: Value, found: set[Value]) -> bool:
    if not isinstance(s, Op) or array in s.operands[1:]:
        return False
    return s.decl in _LENGTHS or not found.isdisjoint(s.results)


def _takes_part(op: Op) -> bool:
    return op.decl is memory.index and isinstance(op.result.type, Array)


def _branches(region: Region) -> Iterator[If]:
    """The branches of a region, inner ones first."""
    for s in region.body:
        for r in regions_of(s):
            yield from _branches(r)
        if isinstance(s, If):
            yield s


def _is_allocation(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl in _ALLOCATIONS


def _is_plain(s: Statement, own: frozenset[Value]) -> bool:
    """Whether a statement works on numbers, and on elements of arrays."""
    if isinstance(s, While | Call) or (isinstance(s, For) and (s.breaks or s.is_parallel)):
        return False
    inner = [v for r in regions_of(s) for v in r.params] + list(s.results)
    if any(not _is_number(v) for v in inner if v not in own):
        return False
    if not isinstance(s, Op) or (_takes_part(s) and s.result in own):
        return True
    if s.decl in ELEMENT_ACCESSES:
        return bool(subscripts(s))
    if s.decl in _LENGTHS or s.decl is control.raise_:
        return True
    if s.decl in _ALLOCATIONS:
        return s.result in own and all(_is_number(a) for a in s.operands)
    return not s.decl.effect and not s.decl.writes and all(_is_number(a) for a in s.operands)


def _is_number(atom: Atom) -> bool:
    return isinstance(atom, Const) or (isinstance(atom.type, Scalar) and atom.type.dtype in _DTYPES)


def _has_form(region: Region, found: Varying) -> bool:
    """Whether the bounds of inner loops are uniform, and inner loops and allocations stand only under branches that
    all iterations take in the same way.
    """
    for s in walk(region):
        if isinstance(s, Op) and not _has_uniform_lengths(s, found):
            return False
        if isinstance(s, For) and any(map(found.of, s.operands[:3])):
            return False
        if isinstance(s, If) and not found.is_common(s) and _yields_more(s, found):
            return False
        if isinstance(s, If) and found.of(s.condition) and any(map(has_loop, regions_of(s))):
            return False
    return True


def _raises_uniformly(loop: For, found: Varying) -> bool:
    """Whether the first error stays the first: there is at most one check, or all checks are uniform."""
    checks = list(_checks(loop.body, found, is_uniform=True))
    return len(checks) <= 1 or all(checks)


def _checks(region: Region, found: Varying, is_uniform: bool) -> Iterator[bool]:
    """For each place that raises an error, whether either all iterations reach it, or none."""
    for s in region.body:
        if isinstance(s, Op) and s.decl is control.raise_:
            yield is_uniform
        is_own = isinstance(s, If) and found.of(s.condition)
        for r in regions_of(s):
            yield from _checks(r, found, is_uniform and not is_own)


# ---- varying values ----------------------------------------------------------------------------


def _follow(region: Region, sums: dict[Atom, int]) -> None:
    """Enter the values that hold running sums at each place of a region."""
    for s in region.body:
        if isinstance(s, For):
            for a, param, result in zip(s.carried, s.body.params[1:], s.results, strict=True):
                if a in sums:
                    sums[param] = sums[result] = sums[a]
        for inner in regions_of(s):
            _follow(inner, sums)
        if isinstance(s, Op) and s.decl in (arithmetic.add, arithmetic.subtract):
            sums.update((s.result, sums[a]) for a in s.operands if a in sums)
        if isinstance(s, If):
            for inner in regions_of(s):
                pairs = zip(s.results, inner.yields, strict=True)
                sums.update({r: sums[y] for r, y in pairs if y in sums})


def _spread(loop: For, sums: Mapping[Atom, int], own: frozenset[Value]) -> frozenset[Value]:
    """The values that depend on the loop's index, without running sums."""
    found = _Spread(sums, own, set(), set())
    found.note(loop.index)
    count = 0
    while count != len(found.values):
        count = len(found.values)
        found.region(loop.body, is_varying=False)
    return frozenset(found.values)


@dataclass
class _Spread:
    sums: Mapping[Atom, int]
    own: frozenset[Value]
    values: set[Value]
    symbols: set[str | None]  # of varying integers

    def region(self, region: Region, is_varying: bool) -> None:
        for s in region.body:
            self.statement(s, is_varying)

    def statement(self, s: Statement, is_varying: bool) -> None:
        match s:
            case Op():
                is_own = bool(subscripts(s)) and s.operands[0] in self.own
                if is_own and (is_varying or self.any(s.operands)):
                    self.note(s.operands[0])
                if self.measures(s) if s.decl in _LENGTHS else self.any(s.operands):
                    for r in s.results:
                        self.note(r)
            case For():
                pairs = zip(s.carried, s.body.params[1:], s.carried_yields, s.results, strict=True)
                self.region(s.body, is_varying)
                for start, param, end, result in pairs:
                    if self.any((start, end, param)):
                        self.note(param)
                        self.note(result)
            case If():
                is_own = self.any((s.condition, *s.results))
                for inner in regions_of(s):
                    self.region(inner, is_varying or is_own)
                self.branch_results(s)

    def branch_results(self, s: If) -> None:
        """Enter varying results of a branch. If one of two yielded arrays varies, both count as varying."""
        for k, result in enumerate(s.results):
            ends = [r.yields[k] for r in regions_of(s)]
            if self.any((s.condition, result, *ends)):
                for a in (result, *ends) if result in self.own else (result,):
                    self.note(a)

    def measures(self, length: Op) -> bool:
        """Whether a length depends on a varying integer: the length of `x[i:]`, for example."""
        dim = known_dim(length.result)
        return dim is not None and not self.symbols.isdisjoint(dim.symbols())

    def any(self, atoms: Iterable[Atom]) -> bool:
        return any(a in self.values for a in atoms)

    def note(self, atom: Atom) -> None:
        if isinstance(atom, Value) and atom not in self.sums:
            self.values.add(atom)
            self.symbols.add(symbol_of(atom))
