"""Global arrays as parameters: an array outside of the function becomes a further parameter.

    f(x) = sum(A * x)        becomes        f(x, A) = sum(A * x)

Compiled code would freeze the contents of a global array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, shapes_for
from srcdiff.ir.core import Call, Function, Op, Statement, walk
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.values import Value
from srcdiff.ops.control.control import constant_array


def outside_as_parameters(fn: Function) -> tuple[Function, tuple[object, ...]]:
    """`fn` with a further parameter for each array outside that it, or a callee, reads; and these arrays."""
    new, arrays = _Passed().function(fn)
    return new, tuple(arrays.values())


class _Passed(Rewriter):
    """Rewrites one function after the other, callees first; arrays are identified by their names."""

    def __init__(self) -> None:
        self.done: dict[Function, tuple[Function, Mapping[str, object]]] = {}
        self.given: dict[str, Value] = {}  # the parameters of the current function

    def function(self, fn: Function) -> tuple[Function, Mapping[str, Any]]:
        if fn not in self.done:
            self.done[fn] = self._passed(fn)
        return self.done[fn]

    def _passed(self, fn: Function) -> tuple[Function, Mapping[str, Any]]:
        arrays: dict[str, Any] = {}
        types: dict[str, Any] = {}
        for s in walk(fn.body):
            if isinstance(s, Call):
                new, further = self.function(s.function)
                arrays |= further
                types |= {p.name: p.type for p in new.params[len(s.operands) :]}
            elif isinstance(s, Op) and s.decl is constant_array:
                name = str(s.attrs["name"])
                arrays[name], types[name] = s.attrs["value"], s.result.type
        if not arrays:
            return fn, arrays
        self.given = {name: Value(types[name], name) for name in arrays}
        params = (*fn.params, *self.given.values())
        b = Builder(shapes_for(fn))
        env: Env = {}
        for s in fn.body.body:
            self.statement(s, env, b)
        yields = tuple(lookup(env, y) for y in fn.body.yields)
        interface = replace(fn.interface, defaults={})  # defaults belong to the last parameters
        return replace(fn, body=b.region(params, yields), interface=interface), arrays

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is constant_array:
            env[old.result] = self.given[str(old.attrs["name"])]
            return
        new = self.keep(old, env, b)
        if isinstance(new, Call):
            function, arrays = self.function(new.function)
            names = self.given if is_itself(function) else arrays
            further = tuple(self.given[name] for name in names)
            new = replace(new, function=function, operands=(*new.operands, *further))
        b.append(new)
