"""Sums of weights: the logarithm of the largest term."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import Call, Function, Op, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first, tied
from srcdiff.ir.types import List
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.semiring.log_semiring import (
    LOGARITHM_OF,
    MAX,
    NOTHING,
    PRODUCTS,
    Exponentials,
    Logarithms,
)


def max_of_weights(fn: Function, begun: Collection[Value] = ()) -> Function:
    """`fn`, which returns sums of products of exponentials, with the logarithm of the largest term of each sum instead.

    `begun` are the zeros and ones that the sums start with (`beginnings`). The callees of `fn` are rewritten, too.
    """
    found = Exponentials(fn, begun)
    done: dict[Function, Function] = {}
    for f in callees_first(fn):
        done[f] = tied(_LogarithmsOfWeights(f, found, done)(f))
    return done[fn]


def check_weights(fn: Function) -> None:
    """Raise if weights are multiplied by plain numbers: in the derivative, these look like features."""
    everywhere = Exponentials(fn, ()).values
    statements = ((s, found) for f, found in everywhere.items() for s in walk(f.body))
    for s, found in statements:
        if not isinstance(s, Op) or s.decl.name not in (*PRODUCTS, "multiply", "divide"):
            continue
        if s.result in found and any(isinstance(a, Value) and a not in found for a in s.operands):
            raise UnsupportedError(
                "semiring: max-marginals are of potentials that are added; here weights are multiplied by numbers",
                "Add the logarithms of these numbers to the potentials.",
                s.location,
            )


def beginnings(fn: Function) -> frozenset[Value]:
    """The zeros and ones that adjoints start with in reverse mode, in `fn` and its callees."""
    statements = (s for f in callees_first(fn) for s in walk(f.body))
    ops = (s for s in statements if isinstance(s, Op) and s.origin == "adjoint")
    names = {*NOTHING, "zeros_like_list", *(decl.name for decl in LOGARITHM_OF)}
    return frozenset(r for s in ops if s.decl.name in names for r in s.results)


class _LogarithmsOfWeights(Logarithms):
    """For derivatives of sums of weights, where a factor of a potential matters only by being zero or not."""

    def __init__(
        self, fn: Function, found: Exponentials, done: Mapping[Function, Function]
    ) -> None:
        super().__init__(fn, found.values[fn], MAX)
        self.fn = fn
        self.everywhere = found
        self.done = done

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Call):
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        callee = self.everywhere.callee(old, self.fn)
        weights = self.everywhere.params[callee]
        operands = tuple(
            self.operand(a, old.location, env, b) if k in weights else lookup(env, a)
            for k, a in enumerate(old.operands)
        )
        results = tuple(self.renamed(r, env) for r in old.results)
        function = self.done.get(callee, old.function)
        b.append(replace(old, function=function, operands=operands, results=results))

    def stored(self, old: Op, env: Env, b: Builder) -> None:
        try:
            super().stored(old, env, b)
        except UnsupportedError:
            if any(isinstance(v.type, List) for v in (*old.operands, *old.results)):
                raise self.of_lists(old.location) from None
            raise

    @staticmethod
    def of_lists(location: Location | None) -> UnsupportedError:
        return UnsupportedError(
            "semiring: max-marginals of a function that keeps potentials on such lists",
            "Keep them in arrays.",
            location,
        )

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Atom:
        if isinstance(atom.type, List):
            raise self.of_lists(location)
        if isinstance(atom, Const):
            found = super().lift(atom, location, b)
            return const(-math.inf if found == const(-math.inf) else 0.0)
        made = self.made.get(atom)
        if made is not None and made.decl in LOGARITHM_OF:
            return super().lift(atom, location, b)
        return b.op(
            elementary.where, b.op(arithmetic.equal, atom, const(0.0)), const(-math.inf), const(0.0)
        )
