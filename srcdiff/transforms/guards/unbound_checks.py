"""Use-before-definition checks: names that only iterations of a loop bind are tested before they are read, since
compiled code would read whatever is there.

    %0 = undefined                                %0 = undefined
    %y = for 0, %n, 1 with %0 { ... }             %y = for 0, %n, 1 with %0 { ... }
    %1 = exp %y                       becomes     %has_y = test[text='{0} > {1}'] %n, 0
                                                  if not %has_y { raise UnboundLocalError };  %1 = exp %y

Where such a loop stands in another one, the outer loop carries a flag: whether there is a value. A name that one side
of a branch binds has a value where the same condition is tested again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.definedness import Conditions, Presence, settled
from srcdiff.ir.types import BOOL
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.transforms.analysis.defuse import count_uses, definitions_in

_KEEPS = (memory.store, containers.append)
_NEED_LENGTHS = (memory.length, memory.axis_length, memory.empty_of, memory.zeros_of)
_ZEROS = memory.zeros_like, memory.empty_like


def bound_names(fn: Function, names: Collection[str] | None = None) -> Function:
    """`fn` with checks that names have values where the function reads them: for all names, or only for `names`."""
    return _Bound(fn, names)(fn) if _has_undefined(fn) else fn


def doubtful_names(fn: Function) -> frozenset[str]:
    """The names that `fn` reads, and that may have no value where it does so."""
    if not _has_undefined(fn):
        return frozenset()
    bound = _Bound(fn, None)
    bound(fn)
    return frozenset(bound.tested)


def _has_undefined(fn: Function) -> bool:
    return any(s.decl is control.undefined for s in ops_of(fn))


class _Bound(Rewriter):
    def __init__(self, fn: Function, names: Collection[str] | None) -> None:
        self.names = names
        self.tested: set[str] = set()
        self.maker = definitions_in(walk(fn.body))
        self.presence = Presence(fn, self.maker)
        self.uses = count_uses(fn)
        self.has: dict[Atom, Atom] = {}  # the flag whether a name has a value
        self.lacks: dict[Atom, tuple[str, tuple[Atom, ...]]] = {}  # tests that there is none
        self.checked: set[object] = set()  # values, and tests as they stand
        self.whole = fn.body
        self.sides: Conditions = {}  # the conditions that are known here
        self.carried: Sequence[Value] = ()  # the parameters of the innermost loop's body
        self.bound_by: dict[Atom, tuple[Atom, bool]] = {}  # names that one side of a branch binds

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        before, self.checked = self.checked, set(self.checked)
        new = super().region(old, dict(env), b)
        if old is self.whole and not self.has.keys().isdisjoint(old.yields):
            self.check_bound(old.yields, b)
            new = b.region(old.params, new.yields)
        self.checked = before
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        match old:
            case Op():
                self.operation(old, b)
                b.append(self.keep(old, env, b))
            case If():
                self.branch(old, env, b)
            case For() | While():
                self.loop(old, env, b)
            case _:
                self.check_bound(old.operands, b)
                b.append(self.keep(old, env, b))

    def operation(self, op: Op, b: Builder) -> None:
        b.location = op.location
        if op.decl is control.undefined:
            self.has[op.result] = const(False)
        elif op.decl in _KEEPS and self.is_kept(op):
            self.check_bound(
                (op.operands[0], *op.operands[2:]), b
            )  # kept values are checked when read
        elif not self.needs_lengths(op) and not op.attrs.get("unbound"):
            self.check_bound(op.operands, b)

    def needs_lengths(self, op: Op) -> bool:
        """Whether an operation reads no elements: an adjoint of a name without a value is not used either."""
        return op.decl in _NEED_LENGTHS or (op.decl in _ZEROS and op.origin == "adjoint")

    def is_kept(self, op: Op) -> bool:
        """Whether a store keeps an iteration's first values for the backward part.

        In a derivative that is differentiated again, such a store has the origin `user`.
        """
        target, value = op.operands[:2]
        is_carried = value in self.carried and isinstance(target, Value) and not target.user
        return op.origin == "compiler" or is_carried

    def check_bound(self, atoms: Sequence[Atom], b: Builder) -> None:
        for a in atoms:
            if a in self.has and a not in self.checked:
                self.checked.add(a)
                if self.is_bound(a):
                    continue
                name = getattr(a, "name", "") or "a variable"
                self.tested.add(name)
                text, operands = self.lacks.get(a, ("not {0}", (self.has[a],)))
                is_wanted = self.names is None or name in self.names
                if is_wanted and (text, operands) not in self.checked:
                    self.checked.add((text, operands))
                    missing = b.op(control.test, *operands, text=text)
                    message = f"{name} has no value, since a loop had no iterations"
                    control.raise_if(b, missing, UnboundLocalError, message)

    def is_bound(self, atom: Atom) -> bool:
        """Whether there is a value, by what is known here."""
        condition, side = self.bound_by.get(atom, (None, False))
        is_known = isinstance(condition, Value) and self.sides.get(condition) is side
        return is_known or self.presence.is_present(atom, self.sides)

    def of(self, atom: Atom) -> Atom:
        return self.has.get(atom, const(True))

    def branch(self, old: If, env: Env, b: Builder) -> None:
        self.check_bound((old.condition,), b)
        outer, regions = self.sides, []
        for side, region in ((True, old.then), (False, old.orelse)):
            self.sides = {**outer, **dict(settled(old.condition, side, self.maker))}
            regions.append(self.region(region, env, b.inner()))
        self.sides = outer
        pairs = list(zip(old.then.yields, old.orelse.yields, old.results, strict=True))
        uncertain = [(x, y, r) for x, y, r in pairs if x in self.has or y in self.has]
        for x, y, r in uncertain:
            if {self.of(x), self.of(y)} == {const(True), const(False)}:
                self.bound_by[r] = old.condition, self.of(x) == const(True)
        flags = tuple(_flag(r) for *_, r in uncertain)
        self.has.update((r, flag) for (*_, r), flag in zip(uncertain, flags, strict=True))
        regions = [
            _ending(region, [self.of(pair[k]) for pair in uncertain])
            for k, region in enumerate(regions)
        ]
        operands = [lookup(env, a) for a in old.operands]
        b.append(with_parts(old, operands, regions, lambda: (*old.results, *flags)))

    def loop(self, old: For | While, env: Env, b: Builder) -> None:
        params = old.body.params[isinstance(old, For) :]
        self.check_bound(old.operands[: len(old.operands) - len(params)], b)
        uncertain = {k for k, a in enumerate(old.carried) if a in self.has}
        while True:
            flags = {k: _flag(params[k]) for k in uncertain}
            tested = {k: _flag(params[k]) for k in uncertain}  # the flags in the test
            for k, flag in flags.items():
                self.has[params[k]] = flag
                if isinstance(old, While) and old.test is not None:
                    self.has[old.test.params[k]] = tested[k]
            outer, self.carried = self.carried, params
            regions = [self.region(r, env, b.inner()) for r in regions_of(old)]
            self.carried = outer
            more = {k for k, y in enumerate(old.carried_yields) if y in self.has} - uncertain
            if not more:
                break
            uncertain |= more
        counted = {k for k in uncertain if self.is_counted(old, params[k], old.carried_yields[k])}
        yielded = sorted(uncertain - counted)
        operands = [lookup(env, a) for a in old.operands]
        results = old.results[len(old.results) - len(params) :]
        given = [_flag(results[k]) for k in yielded]
        starts = [self.of(old.carried[k]) for k in yielded]
        ends = [self.of(old.carried_yields[k]) for k in yielded]
        *tests, body = regions
        tests = [_begun(r, [tested[k] for k in yielded]) for r in tests]
        body = _ending(_begun(body, [flags[k] for k in yielded]), ends)
        new = with_parts(old, [*operands, *starts], [*tests, body], lambda: (*old.results, *given))
        b.append(new)
        self.has.update((results[k], flag) for k, flag in zip(yielded, given, strict=True))
        for k in sorted(counted):
            assert isinstance(new, For)
            self.has[results[k]] = self.is_bound_by(new, self.of(old.carried[k]), results[k], b)

    def is_counted(self, loop: For | While, param: Value, end: Atom) -> bool:
        """Whether each iteration binds a name, and none reads the value before."""
        is_range = isinstance(loop, For) and isinstance(loop.step, Const)
        return is_range and not self.uses.get(param) and end not in self.has

    def is_bound_by(self, loop: For, before: Atom, result: Value, b: Builder) -> Value:
        """Whether there was a value, or the loop has an iteration."""
        assert isinstance(loop.step, Const)
        text, rest = (
            ("{0} > {1}", "{0} <= {1}") if loop.step.value > 0 else ("{0} < {1}", "{0} >= {1}")
        )
        operands: tuple[Atom, ...] = (loop.stop, loop.start)
        self.lacks[result] = rest, operands
        if before != const(False):
            text, operands = f"{{2}} or {text}", (*operands, before)
            self.lacks[result] = f"not {{2}} and {rest}", operands
        return b.op(control.test, *operands, text=text, name=_flag(result).name)


def _flag(v: Value) -> Value:
    return Value(BOOL, f"has_{v.name}" if v.name else "")


def _begun(region: Region, more: Sequence[Value]) -> Region:
    return replace(region, params=(*region.params, *more)) if more else region


def _ending(region: Region, more: Sequence[Atom]) -> Region:
    return replace(region, yields=(*region.yields, *more)) if more else region
