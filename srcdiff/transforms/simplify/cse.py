"""Common subexpression elimination: a computation that repeats an earlier one takes the earlier result.

    %a = multiply %x, %y             %a = multiply %x, %y
    %s = sum %a                  ->  %s = sum %a
    %b = multiply %x, %y             %z = add %a, %s
    %z = add %b, %s

A reduction with `keepdims=True` is the reduction without it, with a new axis: `mu[:, None]` for
`mean(x, axis=1, keepdims=True)`.

An operation that reads storage equals an earlier one only if no write may stand between the two. Each root has an
*epoch*, and every write increases it. Of two equal computations in two lines of the user's, both stay: people repeat
themselves for the reader. The exceptions are reads and lookups, elementary functions that one line repeats, and parts
of lines that the backward part needs both, since these would get two names. Operations that allocate storage which is
written, or which the caller owns, are not merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, change_dims, lookup, with_parts
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.dims import resolved
from srcdiff.ir.types import Array, Dim, List, Scalar, Struct, Type, dims_of, ndim_of, strip
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.shapes.reshapes import expand_dims
from srcdiff.transforms.analysis.defuse import (
    ALLOCATIONS,
    is_generated,
    rename,
    same_kind,
    written_values,
)
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries

Key = tuple[object, ...]

_OF_NUMBERS = {"add", "subtract", "multiply", "divide"}
_EXACT = 2**53  # integers up to here are floats

_COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "logaddexp", "equal", "not_equal"}


def cse(fn: Function, in_user_lines: bool = False) -> Function:
    """`fn` without computations that repeat an earlier one; `in_user_lines`: in the user's lines, too."""
    fn = remove_invariant_carries(fn)
    shared = _Cse(fn, in_user_lines)
    out = rename(shared(fn), shared.names)
    if shared.bindings:
        out = change_dims(out, shared.resolve)
    return remove_invariant_carries(out)


class _Cse(Rewriter):
    def __init__(self, fn: Function, in_user_lines: bool) -> None:
        self.roots = storage_roots(fn)
        self.written = written_values(fn, self.roots)
        self.table: dict[Key, Op] = {}
        self.here: set[Value] = set()  # the values that the current region defines
        self.epochs: dict[Value, int] = {}
        self.clock = 0
        self.generated = in_user_lines  # or inside a loop or branch that a pass made
        self.names: dict[Value, Value] = {}
        self.bindings: dict[str, Dim] = {}
        self.fixed = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.numbers: dict[Atom, int] = {}
        made = (s for s in walk(fn.body) if isinstance(s, Op | Call) and is_generated(s))
        self.used_by_passes = {a for s in made for a in s.operands}  # by passes

    # ---- walking ----

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        table, here = self.table, self.here
        self.table, self.here = _Scope(table), set()
        new = super().region(old, env, b)
        self.table, self.here = table, here
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op):
            self.op(old, env, b)
        else:
            self.compound(old, env, b)
        self.here.update(old.results)

    def compound(self, old: Statement, env: Env, b: Builder) -> None:
        generated = self.generated
        self.generated = generated or is_generated(old)
        written = writes_of(old, self.roots)
        if isinstance(old, If):
            before = {r: self.epochs.get(r, 0) for r in written}
            then = self.region(old.then, env, b.inner())
            self.epochs.update(before)
            orelse = self.region(old.orelse, env, b.inner())
            b.append(with_parts(old, [lookup(env, old.condition)], [then, orelse]))
        else:
            self.advance(written if regions_of(old) else ())
            b.append(self.keep(old, env, b))
        self.advance(written)
        self.generated = generated

    def op(self, old: Op, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        if not self.may_share(old):
            b.append(new)
            self.advance(writes_of(old, self.roots))
            return
        reads = reads_of(old, self.roots)
        if (other := self.with_axis(new, reads)) is not new:
            new, reads = other, reads_of(other, self.roots)
        key = self.key(new, reads)
        earlier = self.table.get(key)
        if earlier is None:
            self.table[key] = new
        if earlier is None or not self.joins(earlier, old):
            b.append(new)
            if earlier is not None:
                self.note_equal(earlier, old)
            return
        for result, first in zip(old.results, earlier.results, strict=True):
            env[result] = first
            if result.user and not first.user and first in self.here:
                self.names[first] = replace(first, name=result.name, user=True)

    def note_equal(self, earlier: Op, later: Op) -> None:
        """Two equal operations that both stay count as one value in the operations that use them."""
        for one, other in zip(earlier.results, later.results, strict=True):
            if one.type == other.type:
                self.numbers[other] = self.number(one)

    def with_axis(self, op: Op, reads: frozenset[Value]) -> Op:
        """A reduction with `keepdims=True` as the earlier reduction without it, and a new axis; otherwise itself."""
        axis = op.attrs.get("axis")
        if not (is_generated(op) and op.attrs.get("keepdims") is True and isinstance(axis, int)):
            return op
        rest = {k: v for k, v in op.attrs.items() if k != "keepdims"}
        for attrs in (rest, {**rest, "keepdims": False}):
            found = self.table.get(self.key(replace(op, attrs=attrs), reads))
            if found is None or not isinstance(found.result.type, Array):
                continue
            base, kept = found.result.type, op.result.type
            shape = list(base.shape)
            shape.insert(axis + (len(shape) + 1) * (axis < 0), Dim(1))
            if isinstance(kept, Array) and (base.dtype, tuple(shape)) == (kept.dtype, kept.shape):
                return replace(
                    op,
                    decl=expand_dims,
                    operands=(found.result,),
                    attrs={"axis": axis},
                    spelling="",
                )
        return op

    def advance(self, roots: Iterable[Value]) -> None:
        for root in roots:
            self.clock += 1
            self.epochs[root] = self.clock

    # ---- which are the same ----

    def may_share(self, op: Op) -> bool:
        if op.decl.effect or op.decl.writes or not op.results or op.decl.name in ALLOCATIONS:
            return False
        return op.view_of is not None or self.written.isdisjoint(op.results)

    def key(self, op: Op, reads: Iterable[Value]) -> Key:
        operands = [self.number(_as_float(a, op)) for a in op.operands]
        if op.decl.name in _COMMUTATIVE or is_dot_product(op):
            operands.sort()
        epochs = frozenset((self.number(r), self.epochs.get(r, 0)) for r in reads)
        return (op.decl, tuple(operands), _frozen(op.attrs), epochs)

    def number(self, atom: Atom) -> int:
        return self.numbers.setdefault(atom, len(self.numbers))

    def joins(self, earlier: Op, later: Op) -> bool:
        """Whether a later operation may take its results from an equal earlier one."""
        if not (self.generated or is_generated(earlier) or is_generated(later)):
            results = (*later.results, *earlier.results)
            would_be_named = all(r in self.used_by_passes and not r.user for r in results)
            is_shared = later.decl.cost == "free" or later.decl.name == "read" or would_be_named
            if not (is_shared or _is_repeated_function(earlier, later)):
                return False
            if any(
                r.user and e.user and r.name != e.name
                for r, e in zip(later.results, earlier.results, strict=True)
            ):
                return False
        pairs = list(zip(later.results, earlier.results, strict=True))
        return all(self.unify(r.type, e.type) for r, e in pairs)

    def unify(self, later: Type, earlier: Type) -> bool:
        """Unify two types: lengths with symbols of their own are taken to be equal."""
        if later == earlier:
            return True
        match later, earlier:
            case Array(), Array():
                same = later.dtype == earlier.dtype and later.ndim == earlier.ndim
                return same and all(map(self.equate, later.shape, earlier.shape))
            case Scalar(), Scalar():
                if strip(later) != strip(earlier):
                    return False
                return (
                    later.expr is None
                    or earlier.expr is None
                    or self.equate(later.expr, earlier.expr)
                )
            case Struct(), Struct():
                same = (later.kind, later.keys, later.cls) == (
                    earlier.kind,
                    earlier.keys,
                    earlier.cls,
                )
                return same and all(map(self.unify, later.parts, earlier.parts))
            case List(), List():
                return False
        return same_kind(later, earlier)

    def equate(self, later: Dim, earlier: Dim) -> bool:
        later, earlier = self.resolve(later), self.resolve(earlier)
        if later == earlier:
            return True
        for one, other in ((later, earlier), (earlier, later)):
            symbol = one.symbol
            if (
                symbol is not None
                and symbol not in self.fixed
                and "*" not in symbol
                and symbol not in other.symbols()
            ):
                self.bindings[symbol] = other
                return True
        return False

    def resolve(self, dim: Dim) -> Dim:
        return resolved(dim, self.bindings)


class _Scope(dict[Key, Op]):
    """The entries of a region, on top of those of the regions around."""

    def __init__(self, outer: dict[Key, Op]) -> None:
        self.outer = outer

    def get(self, key: Key, default: object = None) -> Any:
        return self[key] if key in self else self.outer.get(key, default)


def _as_float(atom: Atom, op: Op) -> Atom:
    """A number as a float, as arithmetic of floats takes it: `1 - x` is `1.0 - x`."""
    if not isinstance(atom, Const) or op.decl.name not in _OF_NUMBERS:
        return atom
    result, value = op.result.type, atom.value
    is_float = isinstance(result, Scalar | Array) and result.dtype == "float64"
    return const(float(value)) if is_float and type(value) is int and abs(value) <= _EXACT else atom


def is_dot_product(op: Op) -> bool:
    """Whether an operation is `x @ y` of two vectors, which may change places."""
    return op.decl.name == "matmul" and all(ndim_of(a.type) == 1 for a in op.operands)


def _is_repeated_function(earlier: Op, later: Op) -> bool:
    """Whether the user has written `exp(x)` twice in a line."""
    one, other = earlier.location, later.location
    same_line = one is not None and other is not None and one.line == other.line
    return bool(later.decl.compiled) and same_line and not any(r.user for r in later.results)


def _frozen(value: object) -> Any:
    """Attributes as a key: by value, where 1, 1.0 and True differ."""
    if isinstance(value, tuple | list):
        return tuple(map(_frozen, value))
    if hasattr(value, "items"):
        return tuple((k, _frozen(v)) for k, v in sorted(value.items()))
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return (type(value).__name__, value)
