"""Constant folding: operations on constants, and operations that change nothing, become their results.

    %a = multiply %d, 1.0            %z = zeros_like %x
    %b = add %a, 0.0           ->    add_into %z, %v         ->   %z = copy %v
    yield %b                         yield %z                     yield %z
    (yield %d)

Arithmetic is folded in generated code only: the user's lines stay as written. Some statements are removed everywhere:
`read` of storage that is never written, a part of a container made just before, a branch whose condition is known, a
loop without iterations. `x * 0` is 0 here, also where x is not finite: derivatives have such products for values that
do not contribute.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from functools import cached_property

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.build import Builder, Env, change_dims, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, walk
from srcdiff.ir.dims import missing
from srcdiff.ir.types import Dim, Scalar, Struct, dims_of, is_float, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_trip_count, symbol_of
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import is_generated, same_kind, without_saves
from srcdiff.transforms.prepare.result_ownership import held_roots
from srcdiff.transforms.simplify.compose_subscripts import composed, is_whole
from srcdiff.transforms.simplify.constants import (
    constant_value,
    is_zero_constant,
    known_constant,
    zero,
)
from srcdiff.transforms.simplify.folding.identities import IDENTITIES, constants_first, may_stand
from srcdiff.transforms.simplify.folding.initial_writes import ZEROS, InitialWrites, target_of
from srcdiff.transforms.simplify.folding.product_identities import PRODUCT_IDENTITIES

_ARITHMETIC = (arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.divide)


def fold(fn: Function) -> Function:
    """`fn` with constants and trivial operations folded."""
    pass_ = _Fold(fn)
    new = without_saves(pass_(fn), pass_.unrestored)
    return change_dims(new, lambda d: d.substitute(pass_.numbers)) if pass_.numbers else new


class _Fold(InitialWrites):
    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.held = held_roots(fn, self.roots)
        self.resized = _resized(fn, self.roots)
        self.shown = {d for p in fn.params for d in dims_of(p.type)}
        self.saved: dict[int, Const] = {}  # by slot: constants need not be saved
        self.unrestored: set[object] = set()  # slots whose `restore` stood in a region that is gone
        self.numbers: dict[str, Dim] = {}  # lengths that are constants
        self.fn = fn

    @cached_property
    def is_narrow(self) -> bool:
        """Whether there is any number of less than double precision."""
        values = (*self.fn.params, *(r for s in walk(self.fn.body) for r in s.results))
        return any(getattr(v.type, "dtype", "") in ("float32", "float16") for v in values)

    # ---- walking ----

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if isinstance(old, If) and isinstance(condition := lookup(env, old.condition), Const):
            self.leave_out(old.orelse if condition.value else old.then)
            self.inline(old, old.then if condition.value else old.orelse, env, b)
        elif isinstance(old, For) and _never_runs(old, env):
            self.leave_out(old.body)
            results = (const(0), *old.carried) if old.breaks else old.carried
            env.update((r, lookup(env, a)) for r, a in zip(old.results, results, strict=True))
        elif isinstance(old, Op):
            self.op(old, env, b)
        else:
            self.emit(self.keep(old, env, b), b)
            if isinstance(old, If):
                self.known_of_branch(old, env)

    def known_of_branch(self, branch: If, env: Env) -> None:
        """Replace results of a branch that equal its condition: True on the first side, False on the second."""
        condition = lookup(env, branch.condition)
        for yes, no, result in zip(
            branch.then.yields, branch.orelse.yields, branch.results, strict=True
        ):
            is_true = lookup(env, yes) in (condition, const(True))
            is_false = lookup(env, no) in (condition, const(False))
            if is_true and is_false and result.type == condition.type:
                env[result] = condition

    def leave_out(self, region: Region) -> None:
        """Note what a region restores: the user's region that saves it may stay."""
        ops = (s for s in walk(region) if isinstance(s, Op))
        self.unrestored |= {op.attrs["slot"] for op in ops if op.decl is memory.restore}

    def inline(self, old: If, chosen: Region, env: Env, b: Builder) -> None:
        for statement in chosen.body:
            self.statement(statement, env, b)
        env.update((r, lookup(env, y)) for r, y in zip(old.results, chosen.yields, strict=True))

    def op(self, old: Op, env: Env, b: Builder) -> None:
        self.old = old.operands
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        if new.decl is memory.zeros_like_list:
            new = self.of_origin(new)
        if is_generated(new) and new.decl is arithmetic.multiply:
            factors = constants_first(new.operands)
            new = new if factors == new.operands else replace(new, operands=factors)
        new = self.without_padding(self.through_views(new))
        parts = self.parts(new)
        if parts is not None:
            env.update(zip(old.results, parts, strict=True))
            return
        atom = self.simplify(new, b)
        if atom is not None and self.needs_storage(new, atom):
            new = replace(new, decl=memory.copy, operands=(atom,), attrs={})
        elif atom is not None:
            env[old.result] = atom
            self.know_length(old.result, atom)
            return
        if new.decl is memory.save and self.is_known(new):
            return
        if new.decl.writes and is_generated(new) and self.write(new, b):
            return
        place = len(b.body)
        self.emit(new, b)
        if is_generated(new) and new.decl.name in ZEROS:
            self.here.zeros[new.result] = place
        if is_generated(new) and new.decl is memory.add_into:
            self.here.adds[target_of(new)] = place
        if is_generated(new) and new.decl is memory.store and is_zero_constant(new.operands[1]):
            self.here.clears[target_of(new)] = place

    def know_length(self, old: Value, new: Atom) -> None:
        """Note the symbol of a number that is a constant now: nothing else may show that length."""
        symbol = symbol_of(old)
        if symbol and isinstance(new, Const) and Dim.of(symbol) not in self.shown:
            self.numbers[symbol] = Dim(new.value)

    def through_views(self, op: Op) -> Op:
        """An access of a view that a pass made, as an access of the base array."""
        base = op.operands[0] if op.operands else None
        view = self.made.get(base) if isinstance(base, Value) else None
        if view is None or not is_generated(op) or not is_generated(view):
            return op
        return composed(op, view) or op

    def without_padding(self, op: Op) -> Op:
        """`x - mu` for `x - mu[None, :]`: broadcasting adds the leading axis."""
        if op.decl not in _ARITHMETIC or not is_generated(op):
            return op
        operands = list(op.operands)
        for k, other in ((0, 1), (1, 0)):
            padded = self.operand_of(operands[k], "expand_dims")
            if padded is None or padded.attrs["axis"] != 0 or operands[k] in self.written:
                continue
            if ndim_of(operands[other].type) == ndim_of(operands[k].type):
                operands[k] = padded.operands[0]
                return replace(op, operands=tuple(operands))
        return op

    # ---- values ----

    def parts(self, op: Op) -> tuple[Atom, ...] | None:
        """The parts of a container that this function made."""
        if op.decl.name not in ("get", "unpack") or not isinstance(op.operands[0], Value):
            return None
        pack = self.made.get(op.operands[0])
        if pack is None or pack.decl.name != "pack":
            return None
        if op.decl.name == "unpack":
            return pack.operands
        type_ = pack.result.type
        assert isinstance(type_, Struct)
        return (pack.operands[type_.keys.index(op.attrs["key"])],)

    def of_origin(self, op: Op) -> Op:
        """Zeros like zeros like a list are zeros like that list, where neither list changes its length in between."""
        zeros = self.operand_of(op.operands[0], "zeros_like_list")
        if zeros is None:
            return op
        lists = (zeros.result, *zeros.operands)
        roots = {r for v in lists if isinstance(v, Value) for r in self.roots.get(v, ())}
        if roots & self.resized:
            return op
        if "unbound" in zeros.attrs:
            op = replace(op, attrs={**op.attrs, "unbound": zeros.attrs["unbound"]})
        return replace(op, operands=zeros.operands)

    def simplify(self, op: Op, b: Builder) -> Atom | None:
        """The result of an operation, where it is an existing value, a constant, or a simpler operation."""
        if len(op.results) != 1:
            return None
        if op.decl is memory.read:
            return None if op.operands[0] in self.written else op.operands[0]
        if not is_generated(op):
            return None
        if op.decl is memory.restore:
            return self.saved.get(op.attrs["slot"])
        value = constant_value(op) or self.comparison(op)
        if value is not None:
            return value
        if is_whole(op) and same_kind(op.operands[0].type, op.result.type):
            return op.operands[0]
        if op.decl is memory.copy:
            return op.operands[0] if self.is_indistinguishable(op) else self.take_over(op, b)
        rule = IDENTITIES.get(op.decl.name) or PRODUCT_IDENTITIES.get(op.decl.name)
        atom = rule(self, op, b) if rule else None
        return atom if atom is not None and may_stand(atom.type, op.result.type) else None

    def needs_storage(self, op: Op, atom: Atom) -> bool:
        """Whether an operation equals another value, but needs storage of its own, since its result is written."""
        is_own = op.view_of is None and op.result in self.written
        return is_own and isinstance(atom, Value) and atom is not op.result

    def is_known(self, save: Op) -> bool:
        """Whether the saved value is a constant; the constant then replaces the `restore`."""
        value = known_constant(save.operands[0])
        if value is not None:
            self.saved[save.attrs["slot"]] = value
        return value is not None

    def is_indistinguishable(self, copy: Op) -> bool:
        """Whether a copy and its original are only read, and no container holds the copy."""
        source, own = copy.operands[0], copy.result
        return (
            isinstance(source, Value)
            and same_kind(source.type, own.type)
            and self.written.isdisjoint((source, own))
            and own not in self.held
        )

    def comparison(self, op: Op) -> Const | None:
        """A comparison with a number that the user wrote as `1.0 / 3.0`: it stays as written, but it is known."""
        return self.number(op) if op.decl in _COMPARISONS else None

    def number(self, op: Op, depth: int = 0) -> Const | None:
        """The result of an operation on constants, and on results of operations on constants."""
        known = [a if isinstance(a, Const) else self.made.get(a) for a in op.operands]
        if None in known or depth > _DEPTH:
            return None
        operands: list[Const] = []
        for a in known:
            found = self.number(a, depth + 1) if isinstance(a, Op) else a
            if found is None:
                return None
            operands.append(found)
        return constant_value(replace(op, operands=tuple(operands)))

    def operand_of(self, atom: Atom, name: str) -> Op | None:
        """The operation of this name that made a value."""
        op = self.made.get(atom)
        return op if op is not None and op.decl.name == name else None

    def zero(self, op: Op, b: Builder) -> Atom | None:
        """A zero of an operation's result type; None where only the operation itself knows the lengths."""
        if isinstance(op.result.type, Scalar):
            return zero(op.result.type) if is_float(op.result.type) else const(0)
        zeros = zeros_like(op, self.shown, replace(op.result), b)
        if zeros is None:
            return None
        self.emit(zeros, b)
        return zeros.result

    # ---- writes ----


_DEPTH = 8  # operations on constants, each of which uses the one before
_COMPARISONS = (arithmetic.equal, arithmetic.not_equal, arithmetic.less, arithmetic.greater)


def zeros_like(op: Op, shown: Set[Dim], result: Value, b: Builder) -> Op | None:
    """Zeros of an operation's type, as `result`. The operands give the lengths that no parameter shows; None where they
    do not.
    """
    unknown = [d for d in shape_of(op.result.type) if missing(d, shown)]
    axes = {d: (a, k) for a in op.operands[::-1] for k, d in enumerate(shape_of(a.type))}
    if not axes.keys() >= {*unknown}:
        return None
    axes_known = (axes[d] for d in dict.fromkeys(unknown))
    lengths = tuple(b.op(memory.axis_length, a, axis=k) for a, k in axes_known)
    type_ = {"type": op.result.type}
    return Op(memory.zeros_of, lengths, (result,), type_, op.location, op.origin)


def _never_runs(loop: For, env: Env) -> bool:
    return known_trip_count(*(lookup(env, a) for a in (loop.start, loop.stop, loop.step))) == 0


def _resized(fn: Function, roots: Roots) -> frozenset[Value]:
    """The lists to which items are added, or from which items are removed."""
    changes = (containers.append, containers.list_pop)
    found = [s for s in walk(fn.body) if isinstance(s, Op) and s.decl in changes]
    return frozenset().union(*(writes_of(s, roots) for s in found))
