"""Load insertion: a `read` in front of each use of written storage makes the contents at that moment a value.

    %z = multiply %y, %t                  %r = read %y
    store %y, 0.0, 1          becomes     %z = multiply %r, %t
                                          store %y, 0.0, 1

A later pass that has to know which version of an array it sees looks at reads and writes only: common subexpression
elimination, folding, the choice between storing and recomputing. Arguments that the function writes are copied on
entry: derivatives never modify their arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.ir.alias import Roots, has_storage, storage_roots, writes_of, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, ops_of, shapes_for, with_parts
from srcdiff.ir.core import Call, Function, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Array, List
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.dependence.load_stability import Program, survey
from srcdiff.transforms.analysis.struct_params import Part, parts_taken, take
from srcdiff.transforms.prepare.complex_writes import ALWAYS_VIEWS


def insert_reads(fn: Function) -> Function:
    """`fn` with `read` in front of each use of the contents of an array that is written anywhere."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    if not written:
        return fn
    is_buffer = {v for v, r in roots.items() if isinstance(v.type, Array) and r & written}
    return _InsertReads(is_buffer, survey(fn.body, roots), _only_passed(fn), _kept(fn))(fn)


def _only_passed(fn: Function) -> set[Value]:
    """Containers that are made for calls and nothing else: they may hold contents instead of storage."""
    users: dict[Value, list[Statement]] = {}
    yielded: set[Atom] = set(fn.body.yields)
    for s in walk(fn.body):
        for a in s.operands:
            if isinstance(a, Value):
                users.setdefault(a, []).append(s)
        yielded.update(y for r in regions_of(s) for y in r.yields)
    packs = [s for s in ops_of(fn) if s.decl is containers.pack]
    found: set[Value] = set()
    for s in reversed(packs):  # a container in a container comes first
        if s.result not in yielded and all(
            isinstance(u, Call)
            or (isinstance(u, Op) and u.decl is containers.pack and u.result in found)
            for u in users.get(s.result, ())
        ):
            found.add(s.result)
    return found


def _kept(fn: Function) -> set[Atom]:
    """What a region yields or a container holds, and the arrays whose views are among these."""
    kept = set(fn.body.yields)
    for s in reversed([*walk(fn.body)]):
        kept.update(y for r in regions_of(s) for y in r.yields)
        if isinstance(s, Op) and s.decl.holds:
            kept.update(s.operands)
        elif isinstance(s, Op) and s.view_of is not None and not kept.isdisjoint(s.results):
            kept.add(s.operands[s.view_of])
    return kept


class _InsertReads(Rewriter):
    def __init__(
        self, buffers: set[Value], program: Program, passed: set[Value], kept: set[Atom]
    ) -> None:
        self.buffers, self.program, self.passed, self.kept = buffers, program, passed, kept
        self.shown: dict[
            Value, Op
        ] = {}  # views that show later writes: each use makes the view again

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if isinstance(old, Call):
            call = with_parts(old, [self.contents(a, old, b) for a in old.operands], ())
            self.keep_result(call, b)
            return
        if not isinstance(old, Op):
            b.append(self.keep(old, env, b))
            return
        if old.operands and old.operands[0] in self.buffers and self.shows_writes(old):
            self.shown.update((r, old) for r in old.results)
            return
        operands = [
            a if self.is_reference(old, i) else self.contents(a, old, b)
            for i, a in enumerate(old.operands)
        ]
        new = with_parts(old, operands, ())
        if (
            old.view_of is None
            and (old.decl.rule is not None or old.decl.specialised is not None)
            and any(v in self.buffers for v in old.results)
        ):
            self.keep_result(new, b)
        else:
            b.append(new)

    def keep_result(self, made: Statement, b: Builder) -> None:
        """Copy a result that is overwritten later: the derivative of its operation or helper may use the result."""
        assert isinstance(made, Op | Call)
        given = tuple(
            replace(v, name="", user=False) if v in self.buffers else v for v in made.results
        )
        b.append(replace(made, results=given))
        for value, buffer in zip(given, made.results, strict=True):
            if value is not buffer:
                b.append(Op(memory.copy, (value,), (buffer,), {}, made.location, "compiler"))

    def is_reference(self, op: Op, position: int) -> bool:
        """Whether the operation takes this operand as storage: a view, a write, a container, a use of its shape, or an
        operation that reads the contents by itself.
        """
        if op.decl is containers.pack and op.result in self.passed:
            return False
        if op.operands[position] in self.shown or (op.decl.read_only and op.view_of == position):
            return False
        if op.view_of == position or position in (*op.decl.writes, *op.decl.shape_of):
            return True
        if op.decl is memory.gather and position == 0:
            return True
        return op.decl.holds or op.decl in (memory.read, containers.list_copy)

    def shows_writes(self, op: Op) -> bool:
        """Whether an operation makes a view that shows later writes, and whose adjoint cannot be the same view."""
        base = op.operands[0]
        assert isinstance(base, Value)
        if op.view_of != 0 or not all(isinstance(r.type, Array) for r in op.results):
            return False
        if base not in self.shown and not (
            op.decl.read_only and self.program.is_written_after(op, base, base)
        ):
            return False
        is_kept = not self.kept.isdisjoint(op.results)
        if is_kept or (base not in self.shown and op.decl.name not in ALWAYS_VIEWS):
            raise UnsupportedError(
                f"the array that `{op.decl.name}` takes is written later, and its result would show the change",
                "Give it a copy of the array (`A.copy()`).",
                op.location,
            )
        return True

    def contents(self, atom: Atom, user: Op | Call, b: Builder) -> Atom:
        if isinstance(atom, Value) and atom in self.shown:
            return self.taken_anew(atom, b)
        if isinstance(atom, Value) and atom in self.buffers:
            return b.op(memory.read, atom, name=atom.name)
        if (
            isinstance(atom, Value)
            and isinstance(atom.type, List)
            and self.program.is_written_after(user, atom, atom)
        ):
            return b.op(containers.list_copy, atom)  # the list as it is now
        return atom

    def taken_anew(self, view: Value, b: Builder) -> Value:
        """The current contents of a view."""
        op = self.shown[view]
        operands = [self.contents(a, op, b) if k == 0 else a for k, a in enumerate(op.operands)]
        results = tuple(replace(r, user=False) for r in op.results)
        b.append(replace(op, operands=tuple(operands), results=results))
        return results[op.results.index(view)]


def own_arguments(fn: Function) -> Function:
    """`fn` with copies, made on entry, of the array arguments that it writes."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    mine = [p for p in fn.params if written & roots.get(p, frozenset())]
    if not mine:
        return fn
    b = Builder(shapes_for(fn), location=fn.location)
    env: Env = {}
    paths = parts_taken(fn)
    for param in mine:
        if isinstance(param.type, Array):
            env[param] = b.op(memory.copy, param, name=param.name, user=True)
        elif isinstance(param.type, List) and _is_written_itself(fn, param, roots):
            env[param] = b.op(containers.list_copy, param, name=param.name, user=True)
        else:
            _check_unpacked(fn, param, paths, roots, written)
    copies: dict[Part, Atom] = {}
    for v, path in paths.items():
        if isinstance(v.type, Array) and roots[v] & written and path not in copies:
            copies[path] = b.op(memory.copy, take(b, path), name=v.name, user=v.user)
    env.update((v, copies[path]) for v, path in paths.items() if path in copies)
    return fn.with_body(_WithOwnParts(env).region(fn.body, env, b))


def _is_written_itself(fn: Function, param: Value, roots: Roots) -> bool:
    """Whether a list is changed by its own name only, and its items not at all."""
    assert isinstance(param.type, List)
    items = (containers.list_add,) if has_storage(param.type.element) else ()
    return all(
        s.operands[0] is param and s.decl not in items and isinstance(s.operands[0].type, List)
        for s in walk(fn.body)
        if isinstance(s, Op) and param in writes_of(s, roots)
    )


def _check_unpacked(
    fn: Function, param: Value, paths: Mapping[Value, Part], roots: Roots, written: Set[Value]
) -> None:
    """Refuse writes into a container, except into arrays that were taken out of it by name or position."""
    parts = {param, *(v for v, path in paths.items() if path[0] is param)}
    whole = {
        v for v in parts if not isinstance(v.type, Array) and roots.get(v, frozenset()) & written
    }
    is_list = any(isinstance(v.type, List) for v in whole)
    for s in (*walk(fn.body), fn.body):
        used = (
            s.yields
            if isinstance(s, Region)
            else (*s.operands, *(y for r in regions_of(s) for y in r.yields))
        )
        takes = isinstance(s, Op) and s.decl in (containers.get, containers.unpack)
        if is_list or (not takes and not whole.isdisjoint(used)):
            what = "list" if is_list else "container"
            if not param.user:  # the adjoint of a helper's result
                helper = fn.location.function if fn.location is not None else fn.name
                raise UntypedError(
                    f"{helper} returns a {what} of arrays that it writes into while they are in it",
                    "Write into each array before it is put there, or return one array (np.stack).",
                    fn.location,
                )
            raise UntypedError(
                f"{fn.name} writes into arrays of its argument {param.name!r}, which is a {what}",
                "Copy the arrays first, and write into the copies.",
                fn.location,
            )


class _WithOwnParts(Rewriter):
    """Puts copies in the place of parts of arguments."""

    def __init__(self, copies: Env) -> None:
        self.copies = copies

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        is_own = [v in self.copies for v in old.results]
        if not (is_own and all(is_own)):
            b.append(self.keep(old, env, b))
