"""Outlining of parallel loops: the body of a thread becomes a function, and so does the loop over threads.

    for 0, %threads parallel { (%c) ->            becomes   call f_by_threads %x, %parts, %threads
        %part = for %first, %last (0.0) { ... }
        store[where='i'] %parts, %part, %c }      where     for 0, %threads parallel { (%c) ->
                                                                call f_in_thread %c, %x, %parts }

The loop's function is all that Numba's compiler of parallel loops sees. That compiler assumes that a name has arrays of
one length: where a `while` halves an array, its `len` keeps the old value (Numba 0.68). It also does not declare to
LLVM that storage is new and that subscripts are not negative, so that hardly any loop is vectorised. The outlined
functions write their parameters, which no function of the user's does (`interface.written_params`). So this pass
comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, clone_region
from srcdiff.ir.core import Call, For, Function, Node, Region, Statement
from srcdiff.ir.facts import Interface, LengthFacts
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.transforms.analysis.defuse import definitions, uses_outside
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking


def thread_bodies(fn: Function) -> Function:
    """`fn` with its parallel loops, and their bodies, as functions."""
    new = _Bodies(fn)(fn)
    return new if new is fn else bind_lengths(new)


class _Bodies(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.maker = definitions(fn)
        self.order = [*fn.params]  # the parameters, then the other values in their order

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        self.order += old.results
        if not isinstance(old, For) or not old.is_parallel:
            super().statement(old, env, b)
            return
        used = uses_outside(old)
        for v in reversed(self.order):  # operands are defined before their uses
            if v in used and self.is_length(v):
                used.update(a for a in self.maker[v].operands if isinstance(a, Value))
        lengths = [self.maker[v] for v in self.order if v in used and self.is_length(v)]
        body = Region(old.body.params, (*lengths, *old.body.body), ())
        free = [v for v in self.order if v in used and not self.is_length(v)]
        iteration = self.call(replace(old, body=body), free, b)
        loop = replace(old, body=Region(old.body.params, (iteration,), ()))
        b.append(self.keep(self.launch(loop), env, b))

    def is_length(self, v: Value) -> bool:
        """Whether a number is a length, which the function computes again instead of taking it as a parameter."""
        maker = self.maker.get(v)
        return maker is not None and maker.decl in (memory.length, memory.axis_length)

    def call(self, loop: For, free: list[Value], b: Builder) -> Call:
        """The call of the function for the loop's body."""
        function = self.function("in_thread", [*loop.body.params, *free], loop.body.body, loop)
        operands: list[Value] = [*loop.body.params, *free]
        for symbol in sorted(lacking(function)):
            length = length_of(b, Dim.of(symbol))
            assert isinstance(length, Value)
            operands.append(length)
            param = Value(Scalar("int64", True, Dim.of(symbol)), length.name)
            region = Region((*function.params, param), function.body.body, ())
            function = function.with_body(region)
        return Call(bind_lengths(function), tuple(operands), (), loop.location, "compiler")

    def launch(self, loop: For) -> Call:
        """The call of the function that contains the parallel loop."""
        (iteration,) = loop.body.body
        used = (*iteration.operands, loop.start, loop.stop, loop.step)
        free = [
            v for v in dict.fromkeys(used) if isinstance(v, Value) and v not in loop.body.params
        ]
        function = self.function("by_threads", free, (loop,), loop)
        return Call(function, tuple(free), (), loop.location, "compiler")

    def function(
        self, suffix: str, params: list[Value], body: tuple[Statement, ...], loop: For
    ) -> Function:
        """A function with these values as parameters, and a record of the parameters that it writes."""
        written = frozenset[Value]().union(*(writes_of(s, self.roots) for s in body))
        writes = [k for k, v in enumerate(params) if self.roots.get(v, frozenset()) & written]
        names = _distinct([v.name or _role(v, k in writes) for k, v in enumerate(params)])
        named = [replace(v, name=name) for v, name in zip(params, names, strict=True)]
        env: Env = dict(zip(params, named, strict=True))
        region = clone_region(Region((), body, ()), env)
        known = self.fn.lengths
        return Function(
            f"{self.fn.name}_{suffix}",
            Region(tuple(named), region.body, ()),
            Node("tuple", (), ()),
            location=loop.location,
            interface=Interface(written_params=tuple(writes)),
            lengths=LengthFacts(
                assumed=known.assumed,
                required=known.required,
                nonnegative=known.nonnegative,
                positive=known.positive,
            ),
        )


def _distinct(names: Sequence[str]) -> list[str]:
    """Distinct names, made by numbers. Numba renames parameters of parallel loops by appending `_`, as codegen does,
    and the two would clash.
    """
    found: list[str] = []
    for name in names:
        others = (f"{name}_{k}" for k in count(2))
        found.append(name if name not in found else next(n for n in others if n not in found))
    return found


def _role(v: Value, is_written: bool) -> str:
    if not isinstance(v.type, Array):
        return "number"
    return "out" if is_written else "values"
