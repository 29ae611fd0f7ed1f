"""Counter-based random numbers: on a device, a generator is a key and a count of the numbers drawn so far (Philox).

    %u = random_numbers %rng, 3                    %count = zeros_of                    at the start of the function
                                     becomes       %k = index %count, 0
                                                   for 0, 3 { (%i) -> store %u, philox_uniform(%rng, %k + %i), %i }
                                                   store %count, %k + 3, 0

The key is an integer parameter in place of the generator.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of, shapes_for
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Dim, Scalar, Static
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_scalar import philox_uniform
from srcdiff.ops.control.semiring_ops import random_numbers
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.lower.loop_nests import element_of, nest, store_element


def device_random(fn: Function) -> Function:
    """`fn` with integer keys in place of generators."""
    used = {s.operands[0] for s in ops_of(fn) if s.decl is random_numbers}
    rngs = [p for p in fn.params if p in used and isinstance(p.type, Static)]
    if not rngs:
        return fn
    return _Random(rngs).function(fn)


class _Random(Rewriter):
    def __init__(self, rngs: list[Value]) -> None:
        self.keys = {p: Value(Scalar("int64"), p.name, p.user) for p in rngs}
        self.counts: dict[Value, Value] = {}  # generator -> storage of the count of numbers drawn

    def function(self, fn: Function) -> Function:
        b = Builder(shapes_for(fn), "compiler", fn.location)
        env: Env = dict(self.keys)
        type_ = Array("int64", (Dim(1),))
        for p in self.keys:
            self.counts[p] = b.op(memory.zeros_of, type=type_, name="drawn")
        for s in fn.body.body:
            self.statement(s, env, b)
        params = tuple(self.keys.get(p, p) for p in fn.params)
        yields = tuple(lookup(env, y) for y in fn.body.yields)
        return replace(fn, body=b.region(params, yields))

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not random_numbers:
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        rng = old.operands[0]
        assert isinstance(rng, Value)
        key, counts = self.keys[rng], self.counts[rng]
        first = element_of(b, counts, (const(0),))
        lengths = [lookup(env, a) for a in old.operands[1:]]
        if not lengths:
            env[old.result] = b.op(philox_uniform, key, first, name=old.result.name)
            store_element(b, counts, b.op(arithmetic.add, first, const(1)), (const(0),))
            return
        assert isinstance(old.result.type, Array)
        drawn = b.op(memory.empty_of, type=old.result.type, name=old.result.name)
        env[old.result] = drawn

        def body(b: Builder, at: tuple[Atom, ...], _: tuple[Atom, ...]) -> tuple[Atom, ...]:
            place: Atom = at[0]
            for i, n in zip(at[1:], lengths[1:], strict=True):
                place = b.op(arithmetic.add, b.op(arithmetic.multiply, place, n), i)
            number = b.op(philox_uniform, key, b.op(arithmetic.add, first, place))
            store_element(b, drawn, number, at)
            return ()

        nest(b, old.result.type.shape, (), body)
        total = lengths[0]
        for n in lengths[1:]:
            total = b.op(arithmetic.multiply, total, n)
        store_element(b, counts, b.op(arithmetic.add, first, total), (const(0),))
