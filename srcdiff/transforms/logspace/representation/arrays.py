"""Log-space arrays: an array of exponentials whose uses end in logarithms holds the exponents instead.

    p = np.empty(n)                              log_p = np.empty(n)
    for i in range(n):                           for i in range(n):
        p[i] = np.exp(x[i])           ->             log_p[i] = x[i]
    return np.log(np.sum(p))                     return np.log(np.sum(np.exp(log_p)))

Every stored value has to be positive for all arguments. The zeros of `np.zeros` become exponents of -inf. A read of the
array is the exponential of the stored exponent; the rewriting of logarithms simplifies it further (`logarithm`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, Env, lookup, ops_of
from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.transforms.analysis.defuse import with_rewrites
from srcdiff.transforms.logspace.logarithm import Logarithms
from srcdiff.transforms.logspace.representation.lists import LogarithmUses, is_float
from srcdiff.transforms.rewrite.patterns import function

_STARTS = ("empty", "empty_like", "zeros", "zeros_like")

exp = function("exp")


def log_stores(fn: Function, name: str) -> Function:
    """`fn` with arrays of exponents; `name`: the name of the rewriting, for the record of applied rewritings."""
    if not any(s.decl is memory.store for s in ops_of(fn)):
        return fn
    pass_ = _Stores(fn)
    if not pass_.kept:
        return fn
    new = pass_(fn)
    fired = tuple((name, at) for at in dict.fromkeys(pass_.fired))
    return with_rewrites(new, fn, fired)


class _Stores(LogarithmUses):
    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.kept = {
            s.result
            for s in walk(fn.body)
            if isinstance(s, Op) and s.decl.name in _STARTS and self.holds(s.result)
        }

    def holds(self, array: Value) -> bool:
        """Whether an array is filled with positive values, and all its uses end in logarithms."""
        if not is_float(array.type) or array in self.yields:
            return False
        stores, reads = [], []
        for s in self.users[array]:
            if not isinstance(s, Op) or s.operands[0] is not array or array in s.operands[1:]:
                return False
            if s.decl is memory.store:
                stores.append(s)
            elif s.decl is memory.read or (s.decl is memory.index and not shape_of(s.result.type)):
                reads.append(s)
            elif s.decl is not memory.axis_length:
                return False
        in_logarithms = [self.reaches_logarithm(s.result, set()) for s in reads]
        if not stores or None in in_logarithms or True not in in_logarithms:
            return False
        return all(self.factor(s.operands[1]) == (None,) for s in stores)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        array = old.operands[0] if isinstance(old, Op) and old.operands else None
        if not isinstance(old, Op):
            b.append(self.keep(old, env, b))
        elif old.decl.name in _STARTS and old.result in self.kept:
            self.start(old, env, b)
        elif array not in self.kept or old.decl is memory.axis_length:
            b.append(self.keep(old, env, b))
        elif old.decl is memory.store:
            b.location, b.origin = old.location, "compiler"
            maker = Logarithms(self.made, lambda a: lookup(env, a), b)
            value = maker.logarithm(maker.parts(old.operands[1]))
            rest = [lookup(env, a) for a in old.operands[2:]]
            b.append(replace(old, operands=(lookup(env, array), value, *rest)))
            self.fired.append(old.location)
        else:
            b.location, b.origin = old.location, "compiler"
            kept = replace(old.result, name=f"log_{old.result.name}", user=False)
            b.append(replace(self.keep(old, env, b), results=(kept,), origin="compiler"))
            Logarithms({}, lambda a: a, b).make(exp, kept)
            b.body[-1] = replace(b.body[-1], results=old.results)

    def start(self, old: Op, env: Env, b: Builder) -> None:
        """Allocate the array of exponents: uninitialised, or filled with -inf in place of zeros."""
        b.location, b.origin = old.location, old.origin
        rest: list[Atom] = [lookup(env, a) for a in old.operands]
        kept = replace(old.result, name=f"log_{old.result.name}", user=False)
        if old.decl.name == "zeros":
            b.op(creation.full, const(-np.inf), *rest)
        elif old.decl.name == "zeros_like":
            b.op(creation.full_like, *rest, const(-np.inf))
        else:
            b.op(old.decl, *rest, **old.attrs)
        b.body[-1] = replace(b.body[-1], results=(kept,))
        env[old.result] = kept
