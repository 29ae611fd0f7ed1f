"""Arrays to carried values: rows that a loop stores in a table and reads in the next iteration become carried values,
and sums over the table become carried sums.

    alpha[0] = first                                message = first
    scale[0] = norm_of(alpha[0])                    total = norm_of(message)
    for t in range(1, T):                           for t in range(1, T):
        alpha[t] = step(alpha[t - 1], t)      ->        message = step(message, t)
        scale[t] = norm_of(alpha[t])                    total += norm_of(message)
    return np.sum(scale)                            return total

Numbers that a loop appends to a list are treated in the same way. A table or list with any other use stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Array, Dim, List, Scalar
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, same_kind, written_values


def rows_to_carries(fn: Function) -> Function:
    """`fn` with carried values in place of tables and lists."""
    return _Rows(fn)(fn)


class _Rows(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        region = super().region(old, env, b)
        for s in region.body:
            if isinstance(s, Op) and s.decl.name in ALLOCATIONS | {"list_new"}:
                try:
                    region = _Table(s.result, region, self.written).without(b)
                except _Stays:
                    continue
        return region


class _Stays(Exception):
    """The table has a use that is not supported, and stays."""


@dataclass
class _Table:
    """A table, or list, that one loop of a region writes."""

    value: Value
    around: Region
    written: frozenset[Value]
    rows: list[Atom] = field(default_factory=list)  # the rows that are stored before the loop
    env: Env = field(default_factory=dict)  # a read of the table -> its value
    removed: set[Statement] = field(default_factory=set)
    # view of a row -> the row's place, and the operation that takes a part of the row
    views: dict[Atom, tuple[Atom, Op | None]] = field(default_factory=dict)
    instead: dict[Statement, Op] = field(default_factory=dict)
    whole: set[Value] = field(default_factory=set)
    row: Value | None = None  # the row of the previous iteration
    last: Atom | None = None  # the row of this iteration, after its store
    shift: int = 0  # the store is at the loop's index plus this constant
    loop: For | None = None
    is_within: bool = False
    after: Value | None = None
    total: Value | None = None

    def without(self, b: Builder) -> Region:
        for s in self.around.body:
            if isinstance(s, For) and self.loop is None and self.is_used_in(s):
                self.iterations(s)
            elif isinstance(s, For) and self.is_sum_of_items(s):
                self.sum_of_items(s)
            elif isinstance(s, Op):
                self.op(s)
        self.check_all_seen()
        if self.loop is None or (self.row is None and self.total is None):
            raise _Stays
        return self.rebuilt(b)

    # ---- uses of the table -------------------------------------------------------------------------------

    def is_used_in(self, loop: For) -> bool:
        return any(self.value in s.operands for s in walk(loop.body))

    def check_all_seen(self) -> None:
        own = {self.value, *self.views, *self.whole}
        for s in walk(self.around):
            used = {a for a in s.operands if isinstance(a, Value)}
            if s not in self.removed and s not in self.instead and not own.isdisjoint(used):
                raise _Stays
            if any(not own.isdisjoint(r.yields) for r in regions_of(s)):
                raise _Stays
        if not own.isdisjoint(self.around.yields):
            raise _Stays

    def op(self, s: Op) -> None:
        name, given = s.decl.name, s.operands
        if s.results == (self.value,):
            self.removed.add(s)
            for item in given if self.is_list else ():
                self.store(item, None)
        elif not given or given[0] not in (self.value, *self.views, *self.whole):
            return
        elif given[0] in self.views and name in ("read", "index"):
            self.of_row(s, self.views[given[0]])
        elif given[0] in self.whole and (name == "sum" and isinstance(s.result.type, Scalar)):
            self.stands_for(s, self.sum_of_rows())
        elif given[0] is not self.value:
            raise _Stays
        elif name in ("read", "array_of"):
            self.whole.add(s.result)
            self.removed.add(s)
        elif name in ("index", "list_item") and _is_row(s):
            if isinstance(s.result.type, Array):
                self.views[s.result] = given[1], None
                self.removed.add(s)
            else:
                self.stands_for(s, self.at(given[1]))
        elif name == "append" or (name == "store" and _is_row(s)):
            if self.is_within:
                raise _Stays
            self.store(given[1], given[2] if name == "store" else None)
            self.removed.add(s)
        elif name == "store" and s.attrs["where"] == "" and not self.rows and self.loop is None:
            self.removed.add(s)  # a fill before the first row is stored
        elif name != "list_length":
            raise _Stays

    def of_row(self, s: Op, view: tuple[Atom, Op | None]) -> None:
        """Replace a read of a row, or of a part of one."""
        place, part = view
        if s.decl.name == "index" and part is not None:
            raise _Stays
        if s.decl.name == "index" and isinstance(s.result.type, Array):
            self.views[s.result] = place, s
            self.removed.add(s)
        elif s.decl.name == "read" and part is None:
            self.stands_for(s, self.at(place))
        else:
            made = s if part is None else replace(part, results=s.results)
            self.instead[s] = replace(made, operands=(self.at(place), *made.operands[1:]))

    def stands_for(self, s: Op, atom: Atom) -> None:
        if not same_kind(s.result.type, atom.type):
            raise _Stays
        self.env[s.result] = lookup(self.env, atom)
        self.removed.add(s)

    def store(self, amount: Atom, place: Atom | None) -> None:
        if amount in self.written or not same_kind(amount.type, self.type_of_row):
            raise _Stays
        if self.after is not None:
            raise _Stays
        if self.loop is not None:
            offset = 0 if place is None else self.offset(place)
            if self.last is None:
                self.shift = offset
            elif place is None or offset != self.shift:
                raise _Stays
            self.last = amount
            return
        n = len(self.rows) if place is None else _number(place)
        if n is None or n > len(self.rows):
            raise _Stays
        self.rows[n : n + 1] = [amount]

    def at(self, place: Atom) -> Atom:
        n = _number(place)
        if self.loop is None:
            least = -len(self.rows) if self.is_list else 0
            if n is None or not least <= n < len(self.rows):
                raise _Stays
            return self.rows[n]
        if self.after is not None:
            if not (n == -1 if self.is_list else known_dim(place) in (self.end, Dim(-1))):
                raise _Stays
            self.carried()
            return self.after
        if self.is_list:
            if n != -1:
                raise _Stays
            return self.last if self.last is not None else self.carried()
        offset = self.offset(place)
        if self.last is not None and offset == self.shift:
            return self.last
        return self.carried(offset)

    # ---- the loop ----------------------------------------------------------------------------------------

    def iterations(self, loop: For) -> None:
        first = _number(loop.start)
        if loop.breaks or loop.reverse or loop.slots or first is None or loop.step != const(1):
            raise _Stays
        self.loop = loop
        self.before: int | None = None  # offset of the carried row from the loop's index
        self.iteration(loop.body)
        if self.last is None:
            raise _Stays
        if not self.is_list and len(self.rows) != first + self.shift:
            raise _Stays
        if self.before not in (None, self.shift - 1):
            raise _Stays
        self.after = Value(self.type_of_row, self.value.name)

    def iteration(self, region: Region) -> None:
        """Enter the statements of an iteration; branches and loops within it may only read rows."""
        for s in region.body:
            if isinstance(s, Op):
                self.op(s)
                continue
            outside, self.is_within = self.is_within, True
            for inner in regions_of(s):
                self.iteration(inner)
            self.is_within = outside

    def offset(self, place: Atom) -> int:
        assert self.loop is not None
        at, index = known_dim(place), known_dim(self.loop.index)
        distance = None if at is None or index is None else at - index
        if distance is None or not distance.is_const:
            raise _Stays
        return int(distance.const)

    def carried(self, offset: int | None = None) -> Value:
        """The row of the previous iteration, as a carried value."""
        if offset is not None:
            if self.before not in (None, offset):
                raise _Stays
            self.before = offset
        if not self.rows or not same_kind(self.rows[-1].type, self.type_of_row):
            raise _Stays
        if self.row is None:
            self.row = Value(self.type_of_row, self.value.name)
        return self.row

    @property
    def end(self) -> Dim:
        """The index of the last row after the loop, if it is the last row of the table."""
        assert self.loop is not None
        stop, kind = known_dim(self.loop.stop), self.value.type
        if stop is None or not isinstance(kind, Array) or kind.shape[0] != stop + self.shift:
            raise _Stays
        return stop + self.shift - 1

    # ---- sums --------------------------------------------------------------------------------------------

    def sum_of_rows(self) -> Value:
        if self.after is None or not isinstance(self.type_of_row, Scalar):
            raise _Stays
        if not self.is_list:
            _ = self.end
        if self.total is None:
            self.total = Value(self.type_of_row, "total")
        return self.total

    def is_sum_of_items(self, loop: For) -> bool:
        body = loop.body.body
        if self.after is None or len(body) != 2 or len(loop.carried) != 1 or loop.breaks:
            return False
        item, added = body
        if (
            not isinstance(item, Op)
            or not isinstance(added, Op)
            or added.decl is not arithmetic.add
        ):
            return False
        of_all = item.decl.name in ("list_item", "index") and item.operands == (
            self.value,
            loop.index,
        )
        both = {item.results[0], loop.body.params[1]}
        return of_all and {*added.operands} == both and loop.body.yields == added.results

    def sum_of_items(self, loop: For) -> None:
        length = next((s for s in self.around.body if loop.stop in s.results), None)
        is_all = isinstance(length, Op) and length.operands == (self.value,)
        if not is_all or loop.start != const(0) or loop.carried[0] not in (const(0), const(0.0)):
            raise _Stays
        self.env[loop.results[0]] = self.sum_of_rows()
        self.removed |= {loop, length, *loop.body.body}  # type: ignore[arg-type]

    # ---- the new region ----------------------------------------------------------------------------------

    def rebuilt(self, b: Builder) -> Region:
        assert self.loop is not None
        for key, atom in self.env.items():
            self.env[key] = lookup(self.env, atom)
        b = b.inner()
        for s in self.around.body:
            if s is self.loop:
                self.put_loop(s, b)
            else:
                _Without(self.removed, self.instead).statement(s, self.env, b)
        return b.region(self.around.params, tuple(lookup(self.env, y) for y in self.around.yields))

    def put_loop(self, loop: For, b: Builder) -> None:
        inner = b.inner()
        for s in loop.body.body:
            _Without(self.removed, self.instead).statement(s, self.env, inner)
        params, carried, results = [*loop.body.params], [*loop.carried], [*loop.results]
        yields = [lookup(self.env, y) for y in loop.body.yields]
        last = lookup(self.env, self.last)  # type: ignore[arg-type]
        if self.row is not None:
            params.append(self.row)
            carried.append(self.rows[-1])
            results.append(self.after)  # type: ignore[arg-type]
            yields.append(last)
        total = None
        if self.total is not None:
            parts, negated = self.summed([lookup(self.env, a) for a in (*self.rows, last)])
            before, total = replace(self.total), replace(self.total)
            params.append(before)
            carried.append(_sum(parts[:-1], b))
            results.append(total)
            yields.append(inner.op(arithmetic.add, before, parts[-1]))
        carried = [lookup(self.env, c) for c in carried]
        body = inner.region(tuple(params), tuple(yields))
        b.append(replace(loop, carried=tuple(carried), body=body, results=tuple(results)))
        if total is not None:
            known = b.op(arithmetic.negative, total) if negated else total
            for key, atom in self.env.items():
                self.env[key] = known if atom is self.total else atom

    def summed(self, rows: list[Atom]) -> tuple[list[Atom], bool]:
        """The terms of a sum of rows, and whether it is negated: rows `0 - x` (logarithms of reciprocals) give x."""
        made = {s.results[0]: s for s in walk(self.around) if isinstance(s, Op) and s.results}
        positive: list[Atom] = []
        for row in rows:
            op = made.get(row) if isinstance(row, Value) else None
            if op is None or op.decl is not arithmetic.subtract or op.operands[0] != const(0.0):
                return rows, False
            positive.append(lookup(self.env, op.operands[1]))
        return positive, True

    @property
    def is_list(self) -> bool:
        return isinstance(self.value.type, List)

    @property
    def type_of_row(self) -> Array | Scalar:
        kind = self.value.type
        if isinstance(kind, List) and isinstance(kind.element, Array | Scalar):
            return kind.element
        if not isinstance(kind, Array):
            raise _Stays
        return Array(kind.dtype, kind.shape[1:]) if kind.ndim > 1 else Scalar(kind.dtype, False)


class _Without(Rewriter):
    def __init__(self, removed: set[Statement], instead: dict[Statement, Op]) -> None:
        self.removed = removed
        self.instead = instead

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old not in self.removed:
            super().statement(self.instead.get(old, old), env, b)


def _is_row(op: Op) -> bool:
    """Whether an access is to a whole row or to a number: `t`, or `t, :`."""
    first, *rest = op.attrs.get("where", "i").split(", ")
    return first == "i" and all(part == ":" for part in rest)


def _sum(rows: list[Atom], b: Builder) -> Atom:
    total = rows[0] if rows else const(0.0)
    for row in rows[1:]:
        total = b.op(arithmetic.add, total, row)
    return total


def _number(atom: Atom) -> int | None:
    return atom.value if isinstance(atom, Const) and type(atom.value) is int else None
