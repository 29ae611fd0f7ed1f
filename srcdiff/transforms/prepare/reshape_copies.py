"""Explicit reshape copies: `reshape` and `ravel` of arrays that are not contiguous become explicit copies.

Both operations count as views. Where NumPy copies, and the program can notice it, a copy is written:

    %t = transpose %y                      %t = transpose %y
    %v = ravel %t               becomes    %v = flatten %t
    store %v, 0.0, 0                       store %v, 0.0, 0

`%v = reshape %t, n, m` becomes `%c = copy %t` and `%v = reshape %c, n, m`. (`asarray` with another dtype is a copy,
too.) Where the result is not written, the contents of the array are reshaped (`read`, which prints as nothing). A
program is refused where it can notice the difference, and lengths that only the run knows decide whether NumPy copies.

A derivative reshapes the adjoints of reshaped arrays, and writes into the results. `contiguous_buffers` makes these
reshapes views, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import has_storage, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of, with_parts
from srcdiff.ir.core import Call, Function, Op, Statement, regions_of, walk
from srcdiff.ir.types import Array, holds_arrays
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.shapes import reshapes
from srcdiff.transforms.analysis.dependence.load_stability import survey
from srcdiff.transforms.analysis.memory_layout import Layouts, all_layouts, makes_view

_RESHAPES = (reshapes.reshape, reshapes.ravel)


def own_reshaped(fn: Function, layouts: Layouts) -> Function:
    """`fn` with copies where `reshape` and `ravel` are not views; `layouts` cover all callees.

    Raises
    ------
    UnsupportedError
        Where it is not known whether NumPy copies, and results depend on it.
    """
    found = {op: _instead(op, names, layouts) for op, names in _of_written(fn)}
    return _WithContents(found)(fn) if any(found.values()) else fn


def needs_contiguous(fn: Function) -> tuple[str, ...]:
    """The parameters for which `fn` would have other results if their arrays were not contiguous."""
    shown = [
        op for f in _functions(fn) for op, names in _of_written(f) if names.are_distinguished()
    ]
    if not shown:
        return ()
    usual = all_layouts(fn)
    out = []
    for p in fn.params:
        if holds_arrays(p.type):
            layouts = all_layouts(fn, frozenset([p]))
            if any(_is_view(op, usual) != _is_view(op, layouts) for op in shown):
                out.append(p.name)
    return tuple(out)


def contiguous_buffers(fn: Function, layouts: Layouts) -> Function:
    """`fn` with contiguous copies of written and reshaped arrays that would not be contiguous as they are made."""
    roots = storage_roots(fn)
    copied = {
        root
        for op, names in _of_written(fn)
        if op.decl in _RESHAPES and not _is_view(op, layouts) and names.are_distinguished()
        for root in roots.of(op.operands[0])
        if isinstance(root.type, Array) and not layouts[root].contiguous
    }
    return _WithCopies(copied)(fn) if copied else fn


def _functions(fn: Function) -> Iterator[Function]:
    """A function and all that it calls."""
    yield fn
    for s in walk(fn.body):
        if isinstance(s, Call):
            yield from _functions(s.function)


def _of_written(fn: Function) -> Iterator[tuple[Op, _Names]]:
    """The reshapes of storage that is written anywhere."""
    reshapes = [s for s in ops_of(fn) if _is_reshape(s)]
    if not reshapes:
        return
    program = survey(fn.body, storage_roots(fn))
    for op in reshapes:
        base = op.operands[0]
        if isinstance(base, Value) and any(
            r in program.writes for r in program.roots.get(base, ())
        ):
            yield op, _Names(op, fn)


def _is_reshape(op: Op) -> bool:
    """Whether NumPy returns a view or a copy, by the layout."""
    may_copy = op.decl in _RESHAPES or _converts(op)
    return may_copy and isinstance(op.operands[0].type, Array)


def _converts(op: Op) -> bool:
    """Whether `asarray` makes an array of another dtype."""
    if op.decl is not creation.asarray:
        return False
    before, after = op.operands[0].type, op.result.type
    return isinstance(before, Array) and isinstance(after, Array) and before.dtype != after.dtype


def _is_view(op: Op, layouts: Layouts) -> bool | None:
    base = op.operands[0]
    if _converts(op):
        return False
    return makes_view(op, layouts[base]) if isinstance(base, Value) else True


def _instead(op: Op, names: _Names, layouts: Layouts) -> str:
    """The operation whose result is reshaped in the place of an array: "" for none, "read", or a copy."""
    view = _is_view(op, layouts)
    if view:
        return ""
    if view is None and names.are_distinguished():
        name = op.decl.name
        raise UnsupportedError(
            f"NumPy's {name} makes a view or a copy here, depending on how the array lies in memory, and what is "
            "written afterwards shows which",
            f"Say which it is: `{name}` a copy of the array (`A.copy()`), or index the array itself.",
            op.location,
        )
    return "copy" if names.writes else "read"


class _Names:
    """The names of an array that is reshaped: those that come from the result, and all others."""

    def __init__(self, op: Op, fn: Function) -> None:
        self.op = op
        self.roots = storage_roots(fn)
        self.program = survey(fn.body, self.roots)
        self.mine: set[Value] = {*op.results}
        self.escapes = False
        self.storage = self.roots.of(op.operands[0])
        self.uses: list[Statement] = []  # of the result
        self.writes: list[Statement] = []  # through the result
        self.other_uses: list[Statement] = []
        self.other_writes: list[Statement] = []
        for statement in walk(fn.body):
            self.enter(statement)
        self.returned = any(y in self.mine for y in fn.body.yields)
        self.others_returned = any(self.is_other(y) for y in fn.body.yields)

    def is_other(self, atom: object) -> bool:
        return (
            isinstance(atom, Value)
            and atom not in self.mine
            and not self.storage.isdisjoint(self.roots.get(atom, ()))
        )

    def enter(self, s: Statement) -> None:
        if not isinstance(s, Op | Call):
            yielded = [y for r in regions_of(s) for y in r.yields]
            self.escapes |= any(a in self.mine for a in (*s.operands, *yielded))
            return
        if isinstance(s, Op) and self.is_view_of_mine(s):
            self.mine.update(s.results)
            return
        for k, a in enumerate(s.operands):
            self.operand(s, k, a)

    def is_view_of_mine(self, op: Op) -> bool:
        at = op.view_of
        return (
            at is not None
            and op.operands[at] in self.mine
            and any(has_storage(r.type) for r in op.results)
        )

    def operand(self, s: Op | Call, k: int, a: object) -> None:
        is_mine = a in self.mine
        if not is_mine and not self.is_other(a):
            return
        if isinstance(s, Op):
            self.escapes |= is_mine and s.decl.holds
            is_view = s.view_of == k and all(has_storage(r.type) for r in s.results)
            if k in s.decl.shape_of or (is_view and not s.decl.read_only):
                return
            if k in s.decl.writes:
                (self.writes if is_mine else self.other_writes).append(s)
        (self.uses if is_mine else self.other_uses).append(s)

    def are_distinguished(self) -> bool:
        """Whether the program has other results if the reshaped array is a copy."""
        if self.escapes and (self.writes or self.other_writes):
            return True
        before = self.program.around[id(self.op)]
        start = self.program.number[id(self.op)]
        for write in self.other_writes:
            if self.program.number[id(write)] > start and (
                self.returned or any(self.follows(use, write, before) for use in self.uses)
            ):
                return True
        made = [self.program.loops_around(self.program.home[r]) for r in self.storage]
        outside = min(made, key=len)
        return any(
            self.others_returned
            or any(self.follows(use, write, outside) for use in self.other_uses)
            for write in self.writes
        )

    def follows(self, later: Statement, earlier: Statement, outside: Collection[object]) -> bool:
        """Whether one statement may run after another, in one iteration of the loops `outside`."""
        if self.program.number[id(later)] > self.program.number[id(earlier)]:
            return True
        loops = self.program.around[id(earlier)]
        return any(p in loops and p not in outside for p in self.program.around[id(later)])


class _WithContents(Rewriter):
    """Puts copies, or reads, in the place of reshaped arrays."""

    def __init__(self, instead: dict[Op, str]) -> None:
        self.instead = instead

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        found = self.instead.get(old, "") if isinstance(old, Op) else ""
        if not isinstance(old, Op) or not found:
            b.append(self.keep(old, env, b))
            return
        b.location, b.origin = old.location, old.origin
        base, *rest = (lookup(env, a) for a in old.operands)
        if found == "copy" and old.decl is reshapes.ravel:
            b.append(replace(old, decl=reshapes.flatten, operands=(base,), spelling=""))
            return
        if found == "copy" and _converts(old):
            b.append(replace(old, decl=creation.array_of, operands=(base,), spelling=""))
            return
        assert isinstance(base, Value)
        taken = b.op(memory.copy if found == "copy" else memory.read, base, name=base.name)
        b.append(with_parts(old, [taken, *rest], ()))


class _WithCopies(Rewriter):
    """Copies values as soon as they are made."""

    def __init__(self, copied: Collection[Value]) -> None:
        self.copied = copied

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        made = self.keep(old, env, b)
        if not isinstance(made, Op | Call) or not any(v in self.copied for v in made.results):
            b.append(made)
            return
        given = tuple(
            replace(v, name="", user=False) if v in self.copied else v for v in made.results
        )
        b.append(replace(made, results=given))
        for value, new in zip(given, made.results, strict=True):
            if value is not new:
                b.append(Op(memory.copy, (value,), (new,), {}, made.location, "compiler"))
