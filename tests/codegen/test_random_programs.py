"""Random programs: what is printed does what the reference evaluator does.

Names are drawn from a small pool, so that values compete for them; arrays are written between
reads; branches and loops nest.
"""

import ast

import numpy as np
import pytest
from codegen.hand_built import VECTOR, builder

from srcdiff.codegen.module.load import load
from srcdiff.codegen.module.module import to_source
from srcdiff.ir.core import For, Function, If, Region, While
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.types import BOOL, FLOAT, INT
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic as ar
from srcdiff.transforms.prepare.insert_loads import insert_reads

NAMES = ["a", "b", "c", "s", "d_a", "", "", ""]
BINARY = [ar.add, ar.subtract, ar.multiply]


class Programs:
    """Draws one function; `scalars` and `arrays` are what a statement may use."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.budget = 25

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def name(self):
        name = self.pick(NAMES)
        return {"name": name, "user": bool(name) and not name.startswith("d_")}

    def value(self, type_):
        given = self.name()
        return Value(type_, given["name"], given["user"])

    def scalar(self, scalars):
        return (
            const(float(self.rng.integers(1, 4)))
            if self.rng.random() < 0.15
            else self.pick(scalars)
        )

    def function(self):
        a, b, x = Value(FLOAT, "a", True), Value(FLOAT, "b", True), Value(VECTOR, "x", True)
        outer = builder()
        y = outer.op(memory.copy, x, name="y", user=True)
        scalars, arrays = [a, b], [y]
        self.block(outer, scalars, arrays, 0)
        results = (
            self.pick(scalars),
            self.pick(scalars),
            outer.op(ar.add, self.pick(arrays), const(0.0)),
        )
        total = outer.op(ar.add, results[0], outer.op(ar.multiply, results[1], const(0.5)))
        from srcdiff.ir.core import Node

        return Function(
            "f", outer.region((a, b, x), (total, results[2])), Node("tuple", (0, 1), (0, 1))
        )

    def block(self, b, scalars, arrays, depth):
        for _ in range(int(self.rng.integers(2, 6))):
            self.budget -= 1
            if self.budget < 0:
                return
            kinds = [self.arithmetic] * 6 + [self.load] * 2 + [self.write] * 3
            if depth < 3:
                kinds += [self.branch, self.loop, self.breaking_loop, self.while_loop]
            b.origin = "user" if self.rng.random() < 0.6 else "adjoint"
            self.pick(kinds)(b, scalars, arrays, depth)

    def arithmetic(self, b, scalars, arrays, depth):
        decl = self.pick(BINARY)
        made = b.op(decl, self.scalar(scalars), self.pick(scalars), **self.name())
        small = b.op(ar.multiply, made, const(0.25), **self.name())
        scalars.append(self.pick([made, small]))

    def load(self, b, scalars, arrays, depth):
        scalars.append(
            b.op(
                memory.index,
                self.pick(arrays),
                const(int(self.rng.integers(3))),
                where="i",
                **self.name(),
            )
        )

    def write(self, b, scalars, arrays, depth):
        if self.rng.random() < 0.3:
            arrays.append(b.op(ar.multiply, self.pick(arrays), self.scalar(scalars), **self.name()))
            return
        target = self.pick(arrays)
        if self.rng.random() < 0.3:
            target = b.op(memory.index, target, const(1), where="b:")
            b.ops(memory.add_into, target, self.pick(scalars), where="")
            return
        where = const(int(self.rng.integers(3)))
        b.ops(
            self.pick([memory.store, memory.add_into]), target, self.pick(scalars), where, where="i"
        )

    def arm(self, b, scalars, arrays, depth, count):
        inner = b.inner()
        mine, others = [*scalars], [*arrays]
        if self.rng.random() < 0.8:
            self.block(inner, mine, others, depth + 1)
        return inner, [self.pick(mine[-4:] + scalars[-1:]) for _ in range(count)], mine

    def branch(self, b, scalars, arrays, depth):
        condition = b.op(ar.greater, self.pick(scalars), self.scalar(scalars))
        count = int(self.rng.integers(1, 4))
        arms = [self.arm(b, scalars, arrays, depth, count) for _ in range(2)]
        regions = [inner.region((), yields) for inner, yields, _ in arms]
        results = tuple(self.value(FLOAT) for _ in range(count))
        b.append(If(condition, *regions, results, origin=b.origin))
        scalars += results

    def carried(self, scalars):
        count = int(self.rng.integers(1, 4))
        inits = tuple(self.scalar(scalars) for _ in range(count))
        params = tuple(self.value(FLOAT) for _ in range(count))
        return inits, params, tuple(Value(FLOAT, p.name, p.user) for p in params)

    def loop(self, b, scalars, arrays, depth):
        inits, params, results = self.carried(scalars)
        i = Value(INT, self.pick(["i", ""]), True)
        inner, yields, _ = self.arm(b, [*scalars, *params], arrays, depth, len(params))
        reverse = bool(self.rng.random() < 0.5)
        region = inner.region((i, *params), yields)
        stop = const(int(self.rng.integers(0, 4)))
        b.append(
            For(const(0), stop, const(1), inits, region, results, reverse=reverse, origin=b.origin)
        )
        scalars += results

    def breaking_loop(self, b, scalars, arrays, depth):
        inits, params, results = self.carried(scalars)
        inner, yields, mine = self.arm(b, [*scalars, *params], arrays, depth, len(params))
        go, joined = Value(BOOL), tuple(self.value(FLOAT) for _ in params)
        condition = inner.op(ar.greater, self.pick(mine), self.pick(mine))
        stops, leaves, _ = self.arm(inner, mine, arrays, depth + 1, len(params))
        on = Region((), (), (const(True), *yields))
        if self.rng.random() < 0.5:
            inner.append(
                If(condition, stops.region((), (const(False), *leaves)), on, (go, *joined))
            )
            yields = [go, *joined]
        else:
            yields = [inner.op(ar.not_, condition), *yields]
        iterations = Value(INT)
        region = inner.region((Value(INT, "i", True), *params), yields)
        b.append(
            For(
                const(0),
                const(3),
                const(1),
                inits,
                region,
                (iterations, *results),
                breaks=True,
                origin=b.origin,
            )
        )
        scalars += results
        if self.rng.random() < 0.5:
            scalars.append(b.op(ar.multiply, iterations, const(0.5), **self.name()))

    def while_loop(self, b, scalars, arrays, depth):
        inits, params, results = self.carried(scalars)
        count, out = Value(FLOAT, self.pick(["k", ""]), True), Value(FLOAT, "k", True)
        inner, yields, _ = self.arm(b, [*scalars, *params], arrays, depth, len(params))
        more = inner.op(ar.add, count, const(1.0), name=count.name, user=True)
        body_params, carried = (count, *params), (const(0.0), *inits)
        if self.rng.random() < 0.5:
            test_params = tuple(Value(FLOAT, p.name, p.user) for p in body_params)
            test = b.inner()
            flag = test.op(ar.less, test_params[0], const(2.5))
            tested = test.region(test_params, (flag,))
            region = inner.region(body_params, (more, *yields))
            b.append(While(carried, tested, region, (out, *results), origin=b.origin))
        else:
            flag = inner.op(ar.less, more, const(2.5))
            region = inner.region(body_params, (flag, more, *yields))
            b.append(While(carried, None, region, (out, *results), origin=b.origin))
        scalars += results


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_printed_programs_do_what_the_evaluator_does(first, tmp_path, monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    for seed in range(first, first + 50):
        fn = insert_reads(Programs(seed).function())
        source = to_source(fn)
        f = load(source, "f")
        for arguments in ((0.3, -1.2), (1.7, 0.4)):
            x = np.array([0.5, -0.7, 1.1])
            expected, vector = evaluate(fn, *arguments, x.copy())
            got, printed = f(*arguments, x)
            np.testing.assert_allclose(got, expected, rtol=1e-12, err_msg=f"seed {seed}\n{source}")
            np.testing.assert_allclose(
                printed, vector, rtol=1e-12, err_msg=f"seed {seed}\n{source}"
            )
        assert not unread_names(source), f"seed {seed}\n{source}"


def unread_names(source):
    """Names that a function assigns and never reads."""
    found = set()
    for definition in [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]:
        names = [n for n in ast.walk(definition) if isinstance(n, ast.Name)]
        read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
        found |= {n.id for n in names if isinstance(n.ctx, ast.Store)} - read - {"_"}
    return found
