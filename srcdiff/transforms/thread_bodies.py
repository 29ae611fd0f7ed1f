"""What a thread does is a function of its own, which is compiled as all others are.

    for 0, %threads parallel { (%c) ->            becomes   for 0, %threads parallel { (%c) ->
        %part = for %first, %last (0.0) { ... }                 call f_in_thread %c, %x, %parts }
        store[where='i'] %parts, %part, %c }

Numba's compiler of parallel loops tells LLVM neither that storage is new nor that subscripts are never negative, so
that it vectorises next to nothing there. Such a function writes its parameters, which no function of the user's does:
`notes["writes"]` says which. So this comes last.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, clone_region, clone_value
from srcdiff.ir.core import Call, For, Function, Node, Region, Statement, Value
from srcdiff.ir.types import Dim, Scalar
from srcdiff.ops import memory
from srcdiff.ops.building import length_of
from srcdiff.transforms.facts import definitions, uses_outside
from srcdiff.transforms.lengths import bind_lengths, lacking

__all__ = ["thread_bodies"]

_HANDED_ON = ("counts", "positive", "equal", "assumptions")


def thread_bodies(fn: Function) -> Function:
    """`fn` with the bodies of its parallel loops as functions."""
    new = _Bodies(fn)(fn)
    return new if new is fn else bind_lengths(new)


class _Bodies(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.maker = definitions(fn)
        self.order = [*fn.params]  # parameters stand as in the function, then what it makes

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        self.order += old.results
        if not isinstance(old, For) or not old.is_parallel:
            super().statement(old, env, b)
            return
        used = uses_outside(old)
        for v in reversed(self.order):  # what makes a value stands before it
            if v in used and self.is_length(v):
                used.update(a for a in self.maker[v].operands if isinstance(a, Value))
        lengths = [self.maker[v] for v in self.order if v in used and self.is_length(v)]
        body = Region(old.body.params, (*lengths, *old.body.body), ())
        free = [v for v in self.order if v in used and not self.is_length(v)]
        call = self.call(replace(old, body=body), free, b)
        new = self.keep(replace(old, body=Region(old.body.params, (call,), ())), env, b)
        b.append(new)

    def is_length(self, v: Value) -> bool:
        """Whether a number is asked for again, rather than handed on."""
        maker = self.maker.get(v)
        return maker is not None and maker.decl in (memory.length, memory.axis_length)

    def call(self, loop: For, free: list[Value], b: Builder) -> Call:
        """The call of what the loop's body is, and that function."""
        env: Env = {}
        params = [clone_value(v, env) for v in (*loop.body.params, *free)]
        body = clone_region(replace(loop.body, params=()), env)
        written = writes_of(loop, self.roots)
        writes = [k for k, v in enumerate(free, 1) if self.roots.get(v, frozenset()) & written]
        notes = {k: v for k, v in self.fn.notes.items() if k in _HANDED_ON}
        function = Function(
            f"{self.fn.name}_in_thread",
            Region(tuple(params), body.body, ()),
            Node("tuple", (), ()),
            location=loop.location,
            notes={**notes, "writes": tuple(writes)},
        )
        operands: list[Value] = [*loop.body.params, *free]
        for symbol in sorted(lacking(function)):
            length = length_of(b, Dim.of(symbol))
            assert isinstance(length, Value)
            operands.append(length)
            param = Value(Scalar("int64", True, Dim.of(symbol)), length.name)
            region = Region((*function.params, param), function.body.body, ())
            function = function.with_body(region)
        return Call(bind_lengths(function), tuple(operands), (), loop.location, "compiler")
