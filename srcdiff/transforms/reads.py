"""Makes the contents of written storage values, by inserting `read` where the program uses them.

    %z = multiply %y, %t                  %r = read %y
    store %y, 0.0, 1          becomes     %z = multiply %r, %t
                                          store %y, 0.0, 1

After this, whatever must know which version of an array it sees (common subexpressions, folding, store or
recompute) looks at reads and writes and at nothing else. Arguments that the function writes are copied on
entry: derivatives never modify their arguments.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, shapes_for, with_parts
from srcdiff.ir.core import Atom, Call, Function, Op, Statement, Value
from srcdiff.ir.types import Array, List, Struct
from srcdiff.ops import memory

__all__ = ["insert_reads", "own_arguments"]

# operations that take a reference to storage and not its contents
_BY_REFERENCE = {
    "axis_length", "zeros_like", "ones_like", "empty_like",
    "list_new", "list_length", "list_item", "list_pop", "list_set", "append", "pack",
}  # fmt: skip


def insert_reads(fn: Function) -> Function:
    """`fn` with `read` in front of each use of the contents of an array that is written anywhere."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    if not written:
        return fn
    is_buffer = {v for v, r in roots.items() if isinstance(v.type, Array) and r & written}
    return _InsertReads(is_buffer)(fn)


class _InsertReads(Rewriter):
    def __init__(self, buffers: set[Value]) -> None:
        self.buffers = buffers

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if isinstance(old, Call):
            call = with_parts(old, [self.contents(a, b) for a in old.operands], ())
            self.keep_result(call, b)
            return
        if not isinstance(old, Op):
            b.append(self.keep(old, env, b))
            return
        operands = [
            a if self.is_reference(old, i) else self.contents(a, b)
            for i, a in enumerate(old.operands)
        ]
        new = with_parts(old, operands, ())
        if (
            old.decl.view_of is None
            and old.decl.rule is not None
            and any(v in self.buffers for v in old.results)
        ):
            self.keep_result(new, b)
        else:
            b.append(new)

    def keep_result(self, made: Statement, b: Builder) -> None:
        """A result that is overwritten later starts as a copy: its derivative may ask for what the operation or
        helper gave.
        """
        assert isinstance(made, Op | Call)
        given = tuple(
            replace(v, name="", user=False) if v in self.buffers else v for v in made.results
        )
        b.append(replace(made, results=given))
        for value, buffer in zip(given, made.results, strict=True):
            if value is not buffer:
                b.append(Op(memory.copy, (value,), (buffer,), {}, made.location, "compiler"))

    def is_reference(self, op: Op, position: int) -> bool:
        """Whether the operation takes this operand as storage: views, writes, and what only asks for its shape."""
        if op.decl.view_of == position or position in op.decl.writes:
            return True
        return op.decl.name in _BY_REFERENCE or op.decl is memory.read

    def contents(self, atom: Atom, b: Builder) -> Atom:
        if isinstance(atom, Value) and atom in self.buffers:
            return b.op(memory.read, atom, name=atom.name)
        return atom


def own_arguments(fn: Function) -> Function:
    """`fn` with copies, made on entry, of the array arguments that it writes."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    mine = [p for p in fn.params if written & roots.get(p, frozenset())]
    if not mine:
        return fn
    b = Builder(shapes_for(fn), location=fn.location)
    env: Env = {}
    for param in mine:
        if isinstance(param.type, List | Struct):
            raise UnsupportedError(
                f"{fn.name} writes into its argument {param.name!r}, which is a container",
                "Copy the array first, and write into the copy.",
                fn.location,
            )
        env[param] = b.op(memory.copy, param, name=param.name, user=True)
    return fn.with_body(Rewriter().region(fn.body, env, b))
