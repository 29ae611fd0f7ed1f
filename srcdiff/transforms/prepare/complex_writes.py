"""Complex part writes: a write into `w.real` or `w.imag` becomes a write into `w`.

    %r = real %w                      %r = real %w
    store[where='i'] %r, %v, %k       %0 = index[where='i'] %w, %k
                              becomes %1 = imag %0
                                      %2 = multiply 1j, %1
                                      %3 = add %v, %2
                                      store[where='i'] %w, %3, %k

A view of a part is a part of the same view, so writes into views of `w.real` are rewritten in the same way.
Nothing can be written into views that NumPy makes read-only (diagonals, arrays that are broadcast).
"""

from __future__ import annotations

from collections.abc import Iterator

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, ops_of
from srcdiff.ir.core import Function, Op, OpDecl, Statement
from srcdiff.ir.types import Array, is_complex
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import is_view
from srcdiff.ops.elementwise import arithmetic, complex_numbers
from srcdiff.transforms.analysis.defuse import definitions

ALWAYS_VIEWS = {"real", "imag", "diag", "diagonal", "einsum_view", "broadcast_to"}
_PARTS = (complex_numbers.real, complex_numbers.imag)
_WRITES = (memory.store, memory.add_into, memory.add_at)

Part = tuple[OpDecl, Atom]  # the part, and the array that it is a part of


def write_parts(fn: Function) -> Function:
    """`fn` with writes into real and imaginary parts as writes into the complex array."""
    made = definitions(fn)
    targets = [(s, s.operands[0]) for s in ops_of(fn) if s.decl in _WRITES]
    found = False
    for write, target in targets:
        decls = [view.decl for view in _views(target, made)]
        for decl in decls:
            if decl.read_only and decl not in _PARTS:
                raise UnsupportedError(*_refused(decl), write.location)
        if any(decl in _PARTS for decl in decls):
            found = True
        elif _may_be_part(target, fn):
            raise UnsupportedError(
                "this writes into what may be a real or imaginary part of different arrays",
                "Write into the part where it is taken (`z.real[i] = v`).",
                write.location,
            )
    return _WriteParts()(fn) if found else fn


def _may_be_part(target: Atom, fn: Function) -> bool:
    """Whether a real array may be a view of a complex array."""
    if not isinstance(target, Value) or not isinstance(target.type, Array):
        return False
    roots = storage_roots(fn).get(target, frozenset())
    return not is_complex(target.type) and any(is_complex(r.type) for r in roots)


def _views(target: Atom, made: dict[Atom, Op]) -> Iterator[Op]:
    """The operations that made an array a view of another, the last one first."""
    while target in made:
        view = made[target]
        if view.base is None:
            return
        yield view
        target = view.base


def _refused(view: OpDecl) -> tuple[str, str]:
    if view.name == "einsum_view":
        return (
            "this writes into a view that np.einsum made",
            "Write into the array by its index (`A[i, i] = v`, or `np.fill_diagonal(A, v)`).",
        )
    if view.name not in ALWAYS_VIEWS:
        return (
            f"this writes into what `{view.name}` gave, which may be a copy or the array itself",
            "Take a copy (`A.copy()`) and write into it, or write into the array itself.",
        )
    return (
        f"this writes into what `{view.name}` gave, which NumPy makes read-only",
        "Write into the array itself, or into a copy (`.copy()`).",
    )


class _WriteParts(Rewriter):
    def __init__(self) -> None:
        self.parts: dict[Atom, Part] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if isinstance(old, Op) and old.decl in _WRITES and old.operands[0] in self.parts:
            self.write(old, b)
            return
        b.append(self.keep(old, env, b))
        if isinstance(old, Op) and old.base is not None:
            self.note(old, old.base, b)

    def note(self, op: Op, base: Atom, b: Builder) -> None:
        """Remember which part of which array a view is; a view of a part is a part of the same view of the array."""
        if op.decl in _PARTS and isinstance(base.type, Array) and is_complex(base.type):
            self.parts[op.result] = op.decl, base
        elif base in self.parts:
            which, whole = self.parts[base]
            operands = [whole if a is base else a for a in op.operands]
            if all(isinstance(r.type, Array) for r in op.results):
                views = b.ops(op.decl, *operands, spelling=op.spelling, **op.attrs)
                self.parts.update((r, (which, v)) for r, v in zip(op.results, views, strict=True))

    def write(self, op: Op, b: Builder) -> None:
        target, value, *places = op.operands
        assert isinstance(target, Value)
        which, whole = self.parts[target]
        is_real = which is complex_numbers.real
        if op.decl is memory.store:
            take = memory.index if is_view(op.attrs["where"]) else memory.gather
            old = b.op(take, whole, *places, **op.attrs) if places or op.attrs["where"] else whole
            kept = b.op(complex_numbers.imag if is_real else complex_numbers.real, old)
            real, imaginary = (value, kept) if is_real else (kept, value)
            value = b.op(arithmetic.add, real, b.op(arithmetic.multiply, const(1j), imaginary))
        elif not is_real:
            value = b.op(arithmetic.multiply, const(1j), value)
        b.ops(op.decl, whole, value, *places, **op.attrs)
